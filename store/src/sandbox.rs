//! The table `sandbox`: create, look up, change status, delete.
//!
//! Invariant: a status changes only by a conditional UPDATE that names the statuses it may come from,
//! so of any number of processes that want the same change exactly one gets it.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, ffi, params, params_from_iter};

use crate::error::{Failure, StoreError};
use crate::status::{SandboxStatus, valid_transition};
use crate::store::Store;
use crate::time::Timestamp;
use crate::{attach, image, labels, run};

/// The columns of [`SandboxRow`], in the order of [`SandboxRow::read`].
pub(crate) const COLUMNS: &str = "id, name, config, status, ephemeral, created_at, updated_at";

/// A sandbox to be inserted.
#[derive(Clone, Debug)]
pub struct NewSandbox<'a> {
    /// Its name, unique within the home.
    pub name: &'a str,
    /// Its specification as JSON.
    pub config: &'a str,
    /// Whether it goes away once it has run.
    pub ephemeral: bool,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The manifest whose image its root is made from.
    pub manifest_id: Option<i64>,
}

/// A stored sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxRow {
    /// The key that other tables use; never given out twice.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its specification as JSON.
    pub config: String,
    /// Its status when it was read.
    pub status: SandboxStatus,
    /// Whether it goes away once it has run.
    pub ephemeral: bool,
    /// When it was inserted.
    pub created_at: Option<Timestamp>,
    /// When its status or specification last changed.
    pub updated_at: Option<Timestamp>,
}

impl SandboxRow {
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let id = row.get(0)?;
        Ok(Self {
            id,
            name: row.get(1)?,
            config: row.get(2)?,
            status: parse_status(id, row.get(3)?)?,
            ephemeral: row.get(4)?,
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
        })
    }
}

impl Store {
    /// Inserts a sandbox as `Created`, with its labels, and keeps the manifest of its root from being removed.
    pub fn insert_sandbox(&self, new: &NewSandbox<'_>) -> Result<SandboxRow, StoreError> {
        self.write(|tx| {
            let now = Timestamp::now();
            let inserted = tx
                .prepare_cached(
                    "INSERT INTO sandbox (name, config, status, ephemeral, created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                )?
                .execute(params![
                    new.name,
                    new.config,
                    SandboxStatus::Created.as_str(),
                    new.ephemeral,
                    now
                ]);
            match inserted {
                Err(error) if is_constraint(&error, ffi::SQLITE_CONSTRAINT_UNIQUE) => {
                    return Err(StoreError::NameTaken {
                        name: new.name.to_owned(),
                    }
                    .into());
                }
                other => other?,
            };
            let id = tx.last_insert_rowid();
            labels::insert(tx, id, new.labels)?;
            if let Some(manifest) = new.manifest_id {
                image::pin(tx, id, manifest)?;
            }
            Ok(SandboxRow {
                id,
                name: new.name.to_owned(),
                config: new.config.to_owned(),
                status: SandboxStatus::Created,
                ephemeral: new.ephemeral,
                created_at: Some(now.clone()),
                updated_at: Some(now),
            })
        })
    }

    /// The sandbox of this name.
    pub fn sandbox_by_name(&self, name: &str) -> Result<Option<SandboxRow>, StoreError> {
        self.read(|conn| {
            one(
                conn,
                &format!("SELECT {COLUMNS} FROM sandbox WHERE name = ?1"),
                name,
            )
        })
    }

    /// The sandbox with this id.
    pub fn sandbox_by_id(&self, id: i64) -> Result<Option<SandboxRow>, StoreError> {
        self.read(|conn| one(conn, &format!("SELECT {COLUMNS} FROM sandbox WHERE id = ?1"), id))
    }

    /// Moves a sandbox to `to` if its status is one of `from`; tells whether this call did it. A move to
    /// `Starting` also closes the runs that an earlier release left open.
    pub fn transition(&self, id: i64, from: &[SandboxStatus], to: SandboxStatus) -> Result<bool, StoreError> {
        if let Some(&from) = from.iter().find(|&&from| !valid_transition(from, to)) {
            return Err(StoreError::InvalidTransition { from, to });
        }
        self.write(|tx| {
            let moved = set_status(tx, id, from, to)?;
            if moved && to == SandboxStatus::Starting {
                run::close_abandoned(tx, id)?;
            }
            Ok(moved)
        })
    }

    /// Replaces the specification; tells whether the sandbox exists.
    pub fn update_config(&self, id: i64, config: &str) -> Result<bool, StoreError> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached("UPDATE sandbox SET config = ?2, updated_at = ?3 WHERE id = ?1")?
                .execute(params![id, config, Timestamp::now()])?;
            Ok(changed == 1)
        })
    }

    /// Deletes a sandbox that is not active, with its runs and labels; tells whether this call did it.
    pub fn delete_sandbox(&self, id: i64) -> Result<bool, StoreError> {
        self.write(|tx| {
            let deleted = tx
                .prepare_cached(
                    "DELETE FROM sandbox WHERE id = ?1 AND status IN ('Created', 'Stopped', 'Crashed')",
                )?
                .execute([id])?;
            // What it had attached when its start was cut short belongs to nobody now.
            attach::delete_orphans(tx)?;
            Ok(deleted == 1)
        })
    }
}

/// The conditional status change. The caller has checked that the move is valid. A sandbox that has ended has no volume
/// attached.
pub(crate) fn set_status(
    conn: &Connection,
    id: i64,
    from: &[SandboxStatus],
    to: SandboxStatus,
) -> Result<bool, Failure> {
    let places = vec!["?"; from.len()].join(", ");
    let sql = format!("UPDATE sandbox SET status = ?, updated_at = ? WHERE id = ? AND status IN ({places})");
    let mut values = vec![
        Value::from(to.as_str().to_owned()),
        Value::from(Timestamp::now().to_string()),
        Value::from(id),
    ];
    values.extend(from.iter().map(|status| Value::from(status.as_str().to_owned())));
    let moved = conn.prepare_cached(&sql)?.execute(params_from_iter(values))? == 1;
    if moved && to.is_terminal() {
        attach::detach_all(conn, id)?;
    }
    Ok(moved)
}

/// The status now, or [`StoreError::NotFound`].
pub(crate) fn current_status(conn: &Connection, id: i64) -> Result<SandboxStatus, Failure> {
    let text: Option<String> = conn
        .prepare_cached("SELECT status FROM sandbox WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    parse_status(id, text.ok_or(StoreError::NotFound { id })?)
}

pub(crate) fn is_constraint(error: &rusqlite::Error, extended_code: i32) -> bool {
    error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == extended_code)
}

fn parse_status(id: i64, text: String) -> Result<SandboxStatus, Failure> {
    SandboxStatus::parse(&text).ok_or_else(|| {
        StoreError::BadValue {
            table: "sandbox",
            id,
            column: "status",
            value: text,
        }
        .into()
    })
}

fn one(conn: &Connection, sql: &str, key: impl rusqlite::ToSql) -> Result<Option<SandboxRow>, Failure> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(SandboxRow::read).transpose()
}
