//! The tables `image_ref` with `manifest`, and `snapshot_index`, to be read: what a home holds beside its sandboxes.
//!
//! Invariant: every list comes in pages, in the order of a unique index.

use rusqlite::params;

use crate::error::StoreError;
use crate::store::Store;
use crate::time::Timestamp;

/// A stored image: a reference and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// What it is asked for by, such as `docker.io/library/alpine:3.20`.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Processor architecture.
    pub architecture: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// Number of layers.
    pub layer_count: Option<i64>,
    /// Bytes of all layers together.
    pub size_bytes: Option<i64>,
    /// When the reference was first stored.
    pub created_at: Option<Timestamp>,
    /// When the reference last changed.
    pub updated_at: Option<Timestamp>,
}

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

const IMAGES: &str = "SELECT r.reference, m.digest, m.architecture, m.os, m.layer_count, m.total_size_bytes,
         r.created_at, r.updated_at
     FROM image_ref r JOIN manifest m ON m.id = r.manifest_id WHERE r.reference > ?1 ORDER BY r.reference LIMIT ?2";

const SNAPSHOTS: &str =
    "SELECT digest, name, parent_digest, image_ref, image_manifest_digest, format, fstype,
         artifact_path, size_bytes, created_at, child_count
     FROM snapshot_index WHERE digest > ?1 ORDER BY digest LIMIT ?2";

impl Store {
    /// Images in the order of their references, from the first after `after`.
    pub fn list_images(&self, after: &str, limit: u32) -> Result<Vec<ImageRow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(IMAGES)?;
            let rows = statement.query_map(params![after, limit], |row| {
                Ok(ImageRow {
                    reference: row.get(0)?,
                    digest: row.get(1)?,
                    architecture: row.get(2)?,
                    os: row.get(3)?,
                    layer_count: row.get(4)?,
                    size_bytes: row.get(5)?,
                    created_at: row.get(6)?,
                    updated_at: row.get(7)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Whether an image may have the layer with this digest, given as its hexadecimal digits.
    pub fn has_layer(&self, digest: &str) -> Result<bool, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM layer WHERE diff_id IN (?1, 'sha256:' || ?1))",
            )?;
            Ok(statement.query_row([digest], |row| row.get(0))?)
        })
    }

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
    use super::*;
    use crate::StoreOptions;
    use crate::list::{Query, plan_of};

    #[test]
    fn both_lists_follow_a_unique_index() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("msb.db"), StoreOptions::default()).unwrap();
        for (sql, expected) in [
            (
                IMAGES,
                "SEARCH r USING INDEX sqlite_autoindex_image_ref_1 (reference>?)",
            ),
            (
                SNAPSHOTS,
                "SEARCH snapshot_index USING INDEX sqlite_autoindex_snapshot_index_1 (digest>?)",
            ),
        ] {
            let values = vec!["".to_owned().into(), 10.into()];
            let plan = plan_of(
                &store,
                &Query {
                    sql: sql.to_owned(),
                    values,
                },
            );
            assert!(plan.contains(expected), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
