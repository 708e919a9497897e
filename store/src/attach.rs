//! The table `volume_attach`: which sandbox uses which volume, and how.
//!
//! Invariant: rows come in one transaction that has looked at all others, so of any number of sandboxes at most
//! one gets a disk for writing. A row whose sandbox is gone or has ended means nothing: whoever meets it deletes it
//! after having made sure, and so does the record of the sandbox's end.

use rusqlite::{Connection, params};

use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::time::Timestamp;
use crate::volume::{self, VolumeKind, VolumeRow};

/// Who has a volume attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The row's key.
    pub id: i64,
    /// The sandbox; nothing if that is gone.
    pub sandbox_id: Option<i64>,
    /// Its name; empty if it is gone.
    pub sandbox: String,
    /// Whether it may only read.
    pub read_only: bool,
}

/// A volume to attach.
#[derive(Clone, Debug)]
pub struct NewAttachment<'a> {
    /// The volume's name.
    pub volume: &'a str,
    /// Whether the sandbox may only read.
    pub read_only: bool,
}

/// How attaching ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attached {
    /// All of them are the sandbox's; rows in the order asked for.
    All(Vec<VolumeRow>),
    /// Nothing was done, because there is no volume of this name.
    Missing(String),
    /// Nothing was done, because these have the disk of this name.
    InUse(String, Vec<Attachment>),
    /// Nothing was done, because the disk of this name was asked for twice.
    Twice(String),
}

const READ_ONLY: &str = "ro";
const READ_WRITE: &str = "rw";

const OF_VOLUME: &str = "SELECT a.id, a.sandbox_id, coalesce(s.name, ''), a.mode FROM volume_attach a
     LEFT JOIN sandbox s ON s.id = a.sandbox_id WHERE a.volume_id = ?1 ORDER BY a.id";

impl Store {
    /// Gives a sandbox exactly these volumes, all or none; what it had before is replaced. A disk is for one writer or
    /// for any number of readers; a directory is for everybody.
    pub fn attach_volumes(
        &self,
        sandbox_id: i64,
        wanted: &[NewAttachment<'_>],
        holder_pid: u32,
    ) -> Result<Attached, StoreError> {
        self.write(|tx| {
            let mut ids = Vec::with_capacity(wanted.len());
            for new in wanted {
                let Some((id, kind)) = volume::id_of(tx, new.volume)? else {
                    return Ok(Attached::Missing(new.volume.to_owned()));
                };
                if kind == VolumeKind::Disk {
                    let mut others = of_volume(tx, id)?;
                    others.retain(|other| {
                        other.sandbox_id != Some(sandbox_id) && !(other.read_only && new.read_only)
                    });
                    if !others.is_empty() {
                        return Ok(Attached::InUse(new.volume.to_owned(), others));
                    }
                    if ids.contains(&id) {
                        return Ok(Attached::Twice(new.volume.to_owned()));
                    }
                }
                ids.push(id);
            }
            detach_all(tx, sandbox_id)?;
            let now = Timestamp::now();
            let mut rows = Vec::with_capacity(wanted.len());
            for (id, new) in ids.into_iter().zip(wanted) {
                let mode = if new.read_only { READ_ONLY } else { READ_WRITE };
                tx.prepare_cached(
                    "INSERT INTO volume_attach (volume_id, sandbox_id, pid, mode, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![id, sandbox_id, holder_pid, mode, now])?;
                rows.extend(volume::one(tx, volume::BY_ID, id)?);
            }
            Ok(Attached::All(rows))
        })
    }

    /// Who has a volume attached, whether they still run or not.
    pub fn attachments(&self, volume_id: i64) -> Result<Vec<Attachment>, StoreError> {
        self.read(|conn| of_volume(conn, volume_id))
    }

    /// All that is attached anywhere, as volume and attachment, from the first key after `after`.
    pub fn all_attachments(&self, after: i64, limit: u32) -> Result<Vec<(String, Attachment)>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT a.id, a.sandbox_id, coalesce(s.name, ''), a.mode, v.name FROM volume_attach a
                 JOIN volume v ON v.id = a.volume_id LEFT JOIN sandbox s ON s.id = a.sandbox_id
                 WHERE a.id > ?1 ORDER BY a.id LIMIT ?2",
            )?;
            let mut rows = statement.query(params![after, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((row.get(4)?, Attachment::read(row)?));
            }
            Ok(found)
        })
    }

    /// Deletes one record that is known to mean nothing any more; tells whether it was there.
    pub fn delete_attachment(&self, id: i64) -> Result<bool, StoreError> {
        self.write(|tx| {
            let deleted = tx
                .prepare_cached("DELETE FROM volume_attach WHERE id = ?1")?
                .execute([id])?;
            Ok(deleted == 1)
        })
    }

    /// Takes everything from a sandbox that does not run.
    pub fn detach_volumes(&self, sandbox_id: i64) -> Result<(), StoreError> {
        self.write(|tx| detach_all(tx, sandbox_id))
    }
}

impl Attachment {
    fn read(row: &rusqlite::Row<'_>) -> Result<Self, Failure> {
        let mode: String = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            sandbox_id: row.get(1)?,
            sandbox: row.get(2)?,
            // A mode that nobody here writes is taken for the one that excludes more.
            read_only: mode == READ_ONLY,
        })
    }
}

pub(crate) fn of_volume(conn: &Connection, volume_id: i64) -> Result<Vec<Attachment>, Failure> {
    let mut statement = conn.prepare_cached(OF_VOLUME)?;
    let mut rows = statement.query([volume_id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Attachment::read(row)?);
    }
    Ok(found)
}

/// The table holds what is attached now, a handful of rows: it has no index by sandbox and needs none.
pub(crate) fn detach_all(conn: &Connection, sandbox_id: i64) -> Result<(), Failure> {
    conn.prepare_cached("DELETE FROM volume_attach WHERE sandbox_id = ?1")?
        .execute([sandbox_id])?;
    Ok(())
}

/// Deletes the records of sandboxes that are gone: the foreign key leaves them without one.
pub(crate) fn delete_orphans(conn: &Connection) -> Result<(), Failure> {
    conn.prepare_cached("DELETE FROM volume_attach WHERE sandbox_id IS NULL")?
        .execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;
    use crate::list::{Query, plan_of};

    #[test]
    fn who_has_a_volume_is_found_through_an_index() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("msb.db"), StoreOptions::default()).unwrap();
        let query = Query {
            sql: OF_VOLUME.to_owned(),
            values: vec![1.into()],
        };
        let plan = plan_of(&store, &query);
        assert!(
            plan.contains("SEARCH a USING INDEX idx_volume_attach_volume_id"),
            "{plan}"
        );
        assert!(plan.contains("SEARCH s USING INTEGER PRIMARY KEY"), "{plan}");
    }
}
