//! The table `snapshot_index`, to be read: which snapshots a home holds.
//!
//! Invariant: the list comes in pages, in the order of a unique index.

use rusqlite::params;

use crate::error::StoreError;
use crate::store::Store;
use crate::time::Timestamp;

/// A stored snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRow {
    /// Digest of its artefact, its key.
    pub digest: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Digest of the snapshot that it builds on.
    pub parent_digest: Option<String>,
    /// The image below it.
    pub image_ref: String,
    /// Digest of that image's manifest.
    pub image_manifest_digest: String,
    /// Format of the disk: `raw`.
    pub format: String,
    /// File system of the disk: `ext4`.
    pub fstype: String,
    /// Where the artefact is.
    pub artifact_path: String,
    /// Size of the artefact.
    pub size_bytes: Option<i64>,
    /// When it was taken.
    pub created_at: Timestamp,
    /// How many snapshots build on it.
    pub child_count: i64,
}

const SNAPSHOTS: &str =
    "SELECT digest, name, parent_digest, image_ref, image_manifest_digest, format, fstype,
         artifact_path, size_bytes, created_at, child_count
     FROM snapshot_index WHERE digest > ?1 ORDER BY digest LIMIT ?2";

impl Store {
    /// Snapshots in the order of their digests, from the first after `after`.
    pub fn list_snapshots(&self, after: &str, limit: u32) -> Result<Vec<SnapshotRow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(SNAPSHOTS)?;
            let rows = statement.query_map(params![after, limit], |row| {
                Ok(SnapshotRow {
                    digest: row.get(0)?,
                    name: row.get(1)?,
                    parent_digest: row.get(2)?,
                    image_ref: row.get(3)?,
                    image_manifest_digest: row.get(4)?,
                    format: row.get(5)?,
                    fstype: row.get(6)?,
                    artifact_path: row.get(7)?,
                    size_bytes: row.get(8)?,
                    created_at: row.get(9)?,
                    child_count: row.get(10)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::SNAPSHOTS;
    use crate::list::assert_plan;

    #[test]
    fn the_list_follows_a_unique_index() {
        assert_plan(
            SNAPSHOTS,
            vec!["".to_owned().into(), 10.into()],
            "SEARCH snapshot_index USING INDEX sqlite_autoindex_snapshot_index_1 (digest>?)",
        );
    }
}
