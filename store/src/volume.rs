//! The table `volume`: create, look up, list, resize, delete.
//!
//! Invariant: a row and its place on disk appear and go inside one write transaction, so that of all
//! processes exactly one makes or removes a name, and a failure on disk leaves the row as it was.

use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, ffi, params, params_from_iter};

use crate::attach::{self, Attachment};
use crate::error::{Failure, StoreError};
use crate::list::{Query, prefix_terms};
use crate::sandbox::is_constraint;
use crate::store::Store;
use crate::time::Timestamp;

/// The columns of [`VolumeRow`], in the order of [`VolumeRow::read`].
pub(crate) const COLUMNS: &str =
    "id, name, kind, quota_mib, capacity_bytes, disk_format, disk_fstype, labels, created_at, updated_at";

/// Rows that a listing makes room for at once.
const USUAL_PAGE: usize = 256;

/// What a volume is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeKind {
    /// A directory.
    Dir,
    /// A disk image with a file system of its own.
    Disk,
}

impl VolumeKind {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dir => "dir",
            Self::Disk => "disk",
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        [Self::Dir, Self::Disk]
            .into_iter()
            .find(|kind| kind.as_str().as_bytes() == text)
    }
}

/// A volume to be inserted.
#[derive(Clone, Debug)]
pub struct NewVolume<'a> {
    /// Its name, unique within the home.
    pub name: &'a str,
    /// What it is made of.
    pub kind: VolumeKind,
    /// Most that a directory may hold, in MiB.
    pub quota_mib: Option<u32>,
    /// Size of a disk.
    pub capacity_bytes: Option<u64>,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// A stored volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRow {
    /// The key that other tables use; never given out twice.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: VolumeKind,
    /// Most that a directory may hold, in MiB.
    pub quota_mib: Option<u32>,
    /// Size of a disk.
    pub capacity_bytes: Option<u64>,
    /// Format of a disk: `raw`.
    pub disk_format: Option<String>,
    /// File system of a disk: `ext4`.
    pub disk_fstype: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was created; nothing where the stored text is no timestamp.
    pub created_at: Option<SystemTime>,
    /// When its row last changed; likewise.
    pub updated_at: Option<SystemTime>,
}

impl VolumeRow {
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let id = row.get(0)?;
        let bad = |column, value| StoreError::BadValue {
            table: "volume",
            id,
            column,
            value,
        };
        let kind = bytes(row, 2)?.unwrap_or_default();
        let labels = text(row, 7)?;
        let (created, updated) = (bytes(row, 8)?, bytes(row, 9)?);
        let created_at = created.and_then(Timestamp::moment);
        Ok(Self {
            id,
            name: row.get(1)?,
            kind: VolumeKind::parse(kind)
                .ok_or_else(|| bad("kind", String::from_utf8_lossy(kind).into_owned()))?,
            quota_mib: unsigned(row, 3, |value| bad("quota_mib", value))?,
            capacity_bytes: unsigned(row, 4, |value| bad("capacity_bytes", value))?,
            disk_format: row.get(5)?,
            disk_fstype: row.get(6)?,
            labels: match labels {
                Some(text) => parse_labels(text).ok_or_else(|| bad("labels", text.to_owned()))?,
                None => BTreeMap::new(),
            },
            created_at,
            // The same text in most rows.
            updated_at: match updated {
                _ if updated == created => created_at,
                Some(updated) => Timestamp::moment(updated),
                None => None,
            },
        })
    }
}

/// A text in place, for as long as the row is there.
fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a str>, Failure> {
    let value = row.get_ref(column)?;
    let bad = |error| rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), Box::new(error));
    Ok(value.as_str_or_null().map_err(bad)?)
}

/// The same where only certain bytes mean anything.
fn bytes<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a [u8]>, Failure> {
    let value = row.get_ref(column)?;
    let bad = |error| rusqlite::Error::FromSqlConversionFailure(column, value.data_type(), Box::new(error));
    Ok(value.as_bytes_or_null().map_err(bad)?)
}

/// A number that is never negative, where SQLite knows no such type.
fn unsigned<T: TryFrom<i64>>(
    row: &Row<'_>,
    column: usize,
    bad: impl Fn(String) -> StoreError,
) -> Result<Option<T>, Failure> {
    let stored: Option<i64> = row.get(column)?;
    stored
        .map(|number| T::try_from(number).map_err(|_| bad(number.to_string()).into()))
        .transpose()
}

/// Labels are a JSON list of pairs, as 0.5.8 writes them; of a key given twice the last counts.
fn parse_labels(text: &str) -> Option<BTreeMap<String, String>> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
    Some(pairs.into_iter().collect())
}

fn write_labels(labels: &BTreeMap<String, String>) -> Result<Option<String>, StoreError> {
    if labels.is_empty() {
        return Ok(None);
    }
    let pairs: Vec<_> = labels.iter().collect();
    serde_json::to_string(&pairs)
        .map(Some)
        .map_err(StoreError::Encode)
}

/// Which volumes to list; the default is all.
#[derive(Clone, Debug, Default)]
pub struct VolumeFilter {
    /// All of these labels.
    pub labels: Vec<(String, String)>,
    /// How the name begins.
    pub name_prefix: Option<String>,
    /// Only this kind.
    pub kind: Option<VolumeKind>,
}

/// A page of volumes in name order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePage<T = VolumeRow> {
    /// At most as many rows as were asked for.
    pub rows: Vec<T>,
    /// What to pass as `after` for the next page; nothing after the last.
    pub next: Option<String>,
}

/// How a removal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeRemoval {
    /// The row is gone.
    Removed,
    /// There was none.
    Missing,
    /// Nothing was done, because these have it attached.
    Attached(Vec<Attachment>),
    /// Nothing was done, because the sandboxes of these names were created with it and have not run yet.
    Promised(Vec<String>),
}

/// Sandboxes that mount the volume of a name and have not run yet; the bound is for those who read their names.
const PROMISED: &str = "SELECT name FROM sandbox
     WHERE ephemeral IN (0, 1) AND status = 'Created' AND EXISTS (
         SELECT 1 FROM json_each(CASE WHEN json_valid(config) THEN config ELSE '{}' END, '$.mounts') AS mount
         WHERE mount.value ->> '$.type' = 'Named' AND mount.value ->> '$.name' = ?1)
     LIMIT 8";

impl Store {
    /// Inserts a volume. `place` makes it on disk inside the transaction: if it fails, no row stays.
    pub fn insert_volume(
        &self,
        new: &NewVolume<'_>,
        place: &dyn Fn() -> io::Result<()>,
    ) -> Result<VolumeRow, StoreError> {
        let labels = write_labels(new.labels)?;
        let (format, fstype) = match new.kind {
            VolumeKind::Dir => (None, None),
            VolumeKind::Disk => (Some("raw"), Some("ext4")),
        };
        let capacity = new.capacity_bytes.map(signed);
        self.write(|tx| {
            let moment = SystemTime::now();
            let now = Timestamp::from(moment);
            let inserted = tx
                .prepare_cached(
                    "INSERT INTO volume (name, kind, quota_mib, capacity_bytes, disk_format, disk_fstype, labels,
                         created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
                )?
                .execute(params![
                    new.name,
                    new.kind.as_str(),
                    new.quota_mib,
                    capacity,
                    format,
                    fstype,
                    labels,
                    now
                ]);
            match inserted {
                Err(error) if is_constraint(&error, ffi::SQLITE_CONSTRAINT_UNIQUE) => {
                    return Err(StoreError::VolumeNameTaken {
                        name: new.name.to_owned(),
                    }
                    .into());
                }
                other => other?,
            };
            let id = tx.last_insert_rowid();
            place().map_err(StoreError::Place)?;
            Ok(VolumeRow {
                id,
                name: new.name.to_owned(),
                kind: new.kind,
                quota_mib: new.quota_mib,
                capacity_bytes: new.capacity_bytes,
                disk_format: format.map(str::to_owned),
                disk_fstype: fstype.map(str::to_owned),
                labels: new.labels.clone(),
                created_at: Some(moment),
                updated_at: Some(moment),
            })
        })
    }

    /// The volume of this name.
    pub fn volume_by_name(&self, name: &str) -> Result<Option<VolumeRow>, StoreError> {
        self.read(|conn| one(conn, BY_NAME, name))
    }

    /// The volume with this id.
    pub fn volume_by_id(&self, id: i64) -> Result<Option<VolumeRow>, StoreError> {
        self.read(|conn| one(conn, BY_ID, id))
    }

    /// Lists volumes in name order, from the first name after `after`. A limit of 0 counts as 1. Rows that cannot be
    /// understood count for the limit and are left out; [`Store::unreadable_rows`] tells of them.
    pub fn list_volumes(
        &self,
        filter: &VolumeFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<VolumePage, StoreError> {
        self.list_volumes_as(filter, after, limit, |row| row)
    }

    /// The same, but keeps what `keep` makes of each volume. A listing that meets contention begins again.
    pub fn list_volumes_as<T>(
        &self,
        filter: &VolumeFilter,
        after: Option<&str>,
        limit: u32,
        keep: impl Fn(VolumeRow) -> T,
    ) -> Result<VolumePage<T>, StoreError> {
        let limit = limit.max(1);
        let query = list_query(filter, after, limit);
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&query.sql)?;
            let mut found = statement.query(params_from_iter(&query.values))?;
            let mut rows = Vec::with_capacity(wanted.min(USUAL_PAGE));
            let (mut seen, mut last) = (0, None);
            while let Some(row) = found.next()? {
                // The row beyond the page only tells that there is another page.
                if seen == wanted {
                    return Ok(VolumePage { rows, next: last });
                }
                seen += 1;
                if seen == wanted {
                    last = row.get(1).ok();
                }
                match VolumeRow::read(row) {
                    Err(failure) if failure.is_of_one_row() => {}
                    row => rows.push(keep(row?)),
                }
            }
            Ok(VolumePage { rows, next: None })
        })
    }

    /// Records a disk's new size; tells whether the volume exists.
    pub fn set_volume_capacity(&self, id: i64, capacity_bytes: u64) -> Result<bool, StoreError> {
        self.write(|tx| {
            let changed = tx
                .prepare_cached("UPDATE volume SET capacity_bytes = ?2, updated_at = ?3 WHERE id = ?1")?
                .execute(params![id, signed(capacity_bytes), Timestamp::now()])?;
            Ok(changed == 1)
        })
    }

    /// Deletes a volume that nobody has attached. `displace` takes it out of its place on disk inside the
    /// transaction: if it fails, the row stays. It may be called again and must then succeed too.
    pub fn delete_volume(
        &self,
        id: i64,
        displace: &dyn Fn() -> io::Result<()>,
    ) -> Result<VolumeRemoval, StoreError> {
        self.write(|tx| {
            let attached = attach::of_volume(tx, id)?;
            if !attached.is_empty() {
                return Ok(VolumeRemoval::Attached(attached));
            }
            let promised = promised(tx, id)?;
            if !promised.is_empty() {
                return Ok(VolumeRemoval::Promised(promised));
            }
            let deleted = tx
                .prepare_cached("DELETE FROM volume WHERE id = ?1")?
                .execute([id])?;
            if deleted == 0 {
                return Ok(VolumeRemoval::Missing);
            }
            displace().map_err(StoreError::Place)?;
            Ok(VolumeRemoval::Removed)
        })
    }
}

/// How [`one`] finds a volume.
pub(crate) const BY_NAME: &str = "name = ?1";
/// How [`one`] finds a volume.
pub(crate) const BY_ID: &str = "id = ?1";

pub(crate) fn one(
    conn: &Connection,
    condition: &str,
    key: impl rusqlite::ToSql,
) -> Result<Option<VolumeRow>, Failure> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM volume WHERE {condition}"))?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(VolumeRow::read).transpose()
}

/// The id of the volume of this name.
pub(crate) fn id_of(conn: &Connection, name: &str) -> Result<Option<(i64, VolumeKind)>, Failure> {
    let found: Option<(i64, String)> = conn
        .prepare_cached("SELECT id, kind FROM volume WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found
        .map(|(id, kind)| {
            let parsed = VolumeKind::parse(kind.as_bytes()).ok_or(StoreError::BadValue {
                table: "volume",
                id,
                column: "kind",
                value: kind,
            })?;
            Ok((id, parsed))
        })
        .transpose()
}

/// The names of the sandboxes that were created with a volume and have not run yet.
fn promised(conn: &Connection, id: i64) -> Result<Vec<String>, Failure> {
    let Some(volume) = one(conn, BY_ID, id)? else {
        return Ok(Vec::new());
    };
    let mut statement = conn.prepare_cached(PROMISED)?;
    let mut rows = statement.query([volume.name])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        names.push(row.get(0)?);
    }
    Ok(names)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn list_query(filter: &VolumeFilter, after: Option<&str>, limit: u32) -> Query {
    let mut terms = Vec::new();
    let mut values = Vec::new();
    prefix_terms(filter.name_prefix.as_deref(), after, &mut terms, &mut values);
    for (key, value) in &filter.labels {
        // Labels that are no list have already been reported by whoever read the row.
        terms.push(
            "EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(labels) THEN labels ELSE '[]' END) AS pair
                 WHERE pair.value ->> 0 = ? AND pair.value ->> 1 = ?)"
                .to_owned(),
        );
        values.extend([Value::from(key.clone()), Value::from(value.clone())]);
    }
    if let Some(kind) = filter.kind {
        terms.push("kind = ?".to_owned());
        values.push(Value::from(kind.as_str().to_owned()));
    }
    values.push(Value::from(i64::from(limit) + 1));
    let condition = if terms.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", terms.join(" AND "))
    };
    Query {
        sql: format!("SELECT {COLUMNS} FROM volume{condition} ORDER BY name LIMIT ?"),
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;
    use crate::list::plan_of;

    #[test]
    fn every_query_enters_through_an_index() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("msb.db"), StoreOptions::default()).unwrap();
        let filters = [
            VolumeFilter::default(),
            VolumeFilter {
                name_prefix: Some("web-".to_owned()),
                ..Default::default()
            },
            VolumeFilter {
                labels: vec![("a".to_owned(), "b".to_owned())],
                kind: Some(VolumeKind::Disk),
                ..Default::default()
            },
        ];
        for filter in filters {
            for after in [None, Some("m")] {
                let plan = plan_of(&store, &list_query(&filter, after, 10));
                assert!(
                    plan.contains("volume USING INDEX sqlite_autoindex_volume_1"),
                    "{filter:?} {after:?}:\n{plan}"
                );
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            }
        }
        let lookups = [
            (
                PROMISED.to_owned(),
                "sandbox USING INDEX idx_sandbox_ephemeral_status (ephemeral=? AND status=?)",
            ),
            (
                format!("SELECT {COLUMNS} FROM volume WHERE {BY_NAME}"),
                "sqlite_autoindex_volume_1 (name=?)",
            ),
            (
                format!("SELECT {COLUMNS} FROM volume WHERE {BY_ID}"),
                "INTEGER PRIMARY KEY (rowid=?)",
            ),
        ];
        for (sql, expected) in lookups {
            let values = vec![Value::from(1)];
            let plan = plan_of(&store, &Query { sql, values });
            assert!(plan.contains(expected), "{plan}");
        }
    }

    #[test]
    fn labels_are_written_as_058_writes_them() {
        let labels = BTreeMap::from([
            ("team".to_owned(), "core".to_owned()),
            ("a".to_owned(), "b c".to_owned()),
        ]);
        let text = write_labels(&labels).unwrap().unwrap();
        assert_eq!(text, r#"[["a","b c"],["team","core"]]"#);
        assert_eq!(parse_labels(&text), Some(labels));
        assert_eq!(write_labels(&BTreeMap::new()).unwrap(), None);
        assert_eq!(parse_labels("{}"), None);
    }
}
