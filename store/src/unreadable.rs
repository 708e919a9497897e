//! Rows that hold what no release writes: by hand, or by a file system that lost its mind.
//!
//! Invariant: one such row keeps no other from being read; listings leave it out and this tells of it.

use rusqlite::{Connection, Row};

use crate::error::{Failure, StoreError};
use crate::sandbox::{self, SandboxRow};
use crate::store::Store;
use crate::volume::{self, VolumeRow};

/// A row of the table of sandboxes or volumes in which a value cannot be understood.
#[derive(Debug)]
pub struct UnreadableRow {
    /// Its name, as far as that is text.
    pub name: String,
    /// Which value it is, and what to do about it.
    pub problem: StoreError,
}

impl Store {
    /// All rows that listings of sandboxes and volumes leave out.
    pub fn unreadable_rows(&self) -> Result<Vec<UnreadableRow>, StoreError> {
        let path = self.path();
        self.read(|conn| {
            let mut found = Vec::new();
            let mut look = |table: &str, columns: &str, read: &dyn Fn(&Row<'_>) -> Result<(), Failure>| {
                each(conn, table, columns, |row| match read(row) {
                    Err(failure) if failure.is_of_one_row() => {
                        let name = row.get_ref(1)?.as_bytes().unwrap_or_default();
                        found.push(UnreadableRow {
                            name: String::from_utf8_lossy(name).into_owned(),
                            problem: failure.into_store_error(path),
                        });
                        Ok(())
                    }
                    other => other,
                })
            };
            look("sandbox", sandbox::COLUMNS, &|row| {
                SandboxRow::read(row).map(drop)
            })?;
            look("volume", volume::COLUMNS, &|row| VolumeRow::read(row).map(drop))?;
            Ok(found)
        })
    }
}

fn each(
    conn: &Connection,
    table: &str,
    columns: &str,
    mut body: impl FnMut(&Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut statement = conn.prepare(&format!("SELECT {columns} FROM {table} ORDER BY id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        body(row)?;
    }
    Ok(())
}
