//! The table `sandbox_labels`.
//!
//! Invariant: labels of a sandbox that does not exist are refused, by the foreign key.

use std::collections::BTreeMap;

use rusqlite::{Connection, ffi, params};

use crate::error::{Failure, StoreError};
use crate::sandbox::{COLUMNS, SandboxRow, is_constraint};
use crate::store::Store;

impl Store {
    /// The labels of a sandbox; nothing if there is no such sandbox, as when it was removed meanwhile.
    pub fn labels(&self, sandbox_id: i64) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT l.key, l.value FROM sandbox s LEFT JOIN sandbox_labels l ON l.sandbox_id = s.id
                 WHERE s.id = ?1",
            )?;
            let mut rows = statement.query([sandbox_id])?;
            let mut found = None;
            while let Some(row) = rows.next()? {
                let labels: &mut BTreeMap<_, _> = found.get_or_insert_default();
                if let Some(key) = row.get(0)? {
                    labels.insert(key, row.get(1)?);
                }
            }
            Ok(found)
        })
    }

    /// Sandboxes with labels in their configuration and none in the table, as 0.5.8 leaves those that never came up. Looks at
    /// every sandbox.
    pub fn labelled_in_config_only(&self) -> Result<Vec<SandboxRow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare(&format!(
                "SELECT {COLUMNS} FROM sandbox WHERE instr(config, '\"labels\":{{\"')
                 AND NOT EXISTS (SELECT 1 FROM sandbox_labels WHERE sandbox_id = sandbox.id)"
            ))?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(SandboxRow::read(row)?);
            }
            Ok(found)
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
