//! The table `sandbox_labels`.
//!
//! Invariant: labels of a sandbox that does not exist are refused, by the foreign key.

use std::collections::BTreeMap;

use rusqlite::{Connection, ffi, params};

use crate::error::{Failure, StoreError};
use crate::sandbox::is_constraint;
use crate::store::Store;

impl Store {
    /// The labels of a sandbox.
    pub fn labels(&self, sandbox_id: i64) -> Result<BTreeMap<String, String>, StoreError> {
        self.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT key, value FROM sandbox_labels WHERE sandbox_id = ?1")?;
            let rows = statement.query_map([sandbox_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Sets one label, replacing its value if it exists.
    pub fn set_label(&self, sandbox_id: i64, key: &str, value: &str) -> Result<(), StoreError> {
        self.write(|tx| insert_one(tx, sandbox_id, key, value))
    }

    /// Removes one label; tells whether it was there.
    pub fn remove_label(&self, sandbox_id: i64, key: &str) -> Result<bool, StoreError> {
        self.write(|tx| {
            let removed = tx
                .prepare_cached("DELETE FROM sandbox_labels WHERE sandbox_id = ?1 AND key = ?2")?
                .execute(params![sandbox_id, key])?;
            Ok(removed == 1)
        })
    }

    /// Replaces all labels of a sandbox.
    pub fn set_labels(&self, sandbox_id: i64, labels: &BTreeMap<String, String>) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.prepare_cached("DELETE FROM sandbox_labels WHERE sandbox_id = ?1")?
                .execute([sandbox_id])?;
            insert(tx, sandbox_id, labels)
        })
    }
}

pub(crate) fn insert(
    conn: &Connection,
    sandbox_id: i64,
    labels: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    labels
        .iter()
        .try_for_each(|(key, value)| insert_one(conn, sandbox_id, key, value))
}

fn insert_one(conn: &Connection, sandbox_id: i64, key: &str, value: &str) -> Result<(), Failure> {
    let inserted = conn
        .prepare_cached(
            "INSERT INTO sandbox_labels (sandbox_id, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (sandbox_id, key) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![sandbox_id, key, value]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if is_constraint(&error, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
            Err(StoreError::NotFound { id: sandbox_id }.into())
        }
        Err(error) => Err(error.into()),
    }
}
