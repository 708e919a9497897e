//! The tables `image_ref`, `manifest`, `config`, `layer` and `manifest_layer`: which images a home holds.
//!
//! Invariant: a reference, its manifest, its configuration and its layers appear in one transaction, and a manifest or
//! a layer that nothing refers to any more goes in the transaction that took the last reference. What belongs to them
//! on disk is the caller's: it is there before the rows and goes after them.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, ffi, params};

use crate::error::{Failure, StoreError};
use crate::sandbox::is_constraint;
use crate::store::Store;
use crate::time::Timestamp;

/// A stored image: a reference and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// Key of its manifest, which other references may share.
    pub manifest_id: i64,
    /// What it is asked for by, such as `docker.io/library/alpine:3.20`.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Digest of its configuration.
    pub config_digest: Option<String>,
    /// Media type of its manifest.
    pub media_type: Option<String>,
    /// Processor architecture.
    pub architecture: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// Variant of the architecture.
    pub variant: Option<String>,
    /// Number of layers.
    pub layer_count: Option<i64>,
    /// Bytes of all layers together, as they are transferred.
    pub size_bytes: Option<i64>,
    /// When the reference was first stored.
    pub created_at: Option<Timestamp>,
    /// When the reference last changed.
    pub updated_at: Option<Timestamp>,
}

/// What commands in an image run with unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfigRow {
    /// `NAME=VALUE` each.
    pub env: Vec<String>,
    /// The first words of the default command; nothing when the image has none.
    pub entrypoint: Option<Vec<String>>,
    /// The rest of the default command.
    pub cmd: Option<Vec<String>>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// User, as `USER[:GROUP]`.
    pub user: Option<String>,
    /// Signal that asks its default command to end.
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A layer, which images share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    /// Digest of its uncompressed archive, its key.
    pub diff_id: String,
    /// Digest of what is transferred.
    pub blob_digest: String,
    /// Media type of what is transferred.
    pub media_type: String,
    /// Size of what is transferred.
    pub compressed_size_bytes: u64,
    /// Size of its file system on disk.
    pub erofs_size_bytes: u64,
}

/// An image to be stored.
#[derive(Clone, Debug)]
pub struct NewImage<'a> {
    /// What it is to be asked for by; one that stood for another image stands for this one from then on.
    pub references: &'a [&'a str],
    /// Digest of its manifest.
    pub digest: &'a str,
    /// Media type of its manifest.
    pub media_type: &'a str,
    /// Digest of its configuration.
    pub config_digest: &'a str,
    /// Processor architecture.
    pub architecture: &'a str,
    /// Operating system.
    pub os: &'a str,
    /// Variant of the architecture.
    pub variant: Option<&'a str>,
    /// What its commands run with.
    pub config: &'a ImageConfigRow,
    /// Its layers, the lowest first; one may be there twice.
    pub layers: &'a [LayerRow],
}

/// How a removal of a reference ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageRemoval {
    /// There was none.
    Missing,
    /// Nothing was done, because these sandboxes need the image and no other reference keeps it.
    Needed(Vec<String>),
    /// The reference is gone, and with it what nothing else referred to.
    Removed(Orphans),
}

/// An image that no sandbox and no snapshot needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnneededImage {
    /// Digest of its manifest.
    pub digest: String,
    /// What it is asked for by; nothing if its names stand for other images now.
    pub references: Vec<String>,
    /// The layers that go with it and with no image before it, because no image that is needed has them.
    pub layers: Vec<LayerRow>,
}

/// What nothing refers to any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orphans {
    /// Digests of manifests.
    pub manifests: Vec<String>,
    /// Layers.
    pub layers: Vec<LayerRow>,
}

const IMAGE: &str =
    "SELECT m.id, r.reference, m.digest, m.config_digest, m.media_type, m.architecture, m.os, m.variant,
         m.layer_count, m.total_size_bytes, r.created_at, r.updated_at
     FROM image_ref r JOIN manifest m ON m.id = r.manifest_id";
const LAYER: &str =
    "SELECT l.diff_id, l.blob_digest, l.media_type, l.compressed_size_bytes, l.erofs_size_bytes FROM layer l";
const LIST: &str = "WHERE r.reference > ?1 AND r.reference >= ?3 AND substr(r.reference, 1, length(?3)) = ?3 ORDER BY r.reference LIMIT ?2";
/// Sandboxes whose root is a manifest; the bound is for those who read their names.
const NEEDED: &str = "SELECT s.name FROM sandbox_rootfs f JOIN sandbox s ON s.id = f.sandbox_id
     WHERE f.manifest_id = ?1 ORDER BY s.name LIMIT 8";

const UNNEEDED: &str =
    "SELECT m.id, m.digest FROM manifest m WHERE m.id NOT IN (SELECT manifest_id FROM sandbox_rootfs WHERE manifest_id IS NOT NULL)
         AND m.digest NOT IN (SELECT image_manifest_digest FROM snapshot_index) ORDER BY m.id";
/// Layers of an unneeded image that no needed one has.
const OF_UNNEEDED: &str =
    "JOIN manifest_layer p ON p.layer_id = l.id WHERE p.manifest_id = ?1 AND l.id NOT IN
         (SELECT q.layer_id FROM manifest_layer q JOIN manifest n ON n.id = q.manifest_id
          WHERE n.id IN (SELECT manifest_id FROM sandbox_rootfs WHERE manifest_id IS NOT NULL)
              OR n.digest IN (SELECT image_manifest_digest FROM snapshot_index))
     ORDER BY p.position";

impl ImageRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            manifest_id: row.get(0)?,
            reference: row.get(1)?,
            digest: row.get(2)?,
            config_digest: row.get(3)?,
            media_type: row.get(4)?,
            architecture: row.get(5)?,
            os: row.get(6)?,
            variant: row.get(7)?,
            layer_count: row.get(8)?,
            size_bytes: row.get(9)?,
            created_at: row.get(10)?,
            updated_at: row.get(11)?,
        })
    }
}

impl LayerRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let size = |column| -> rusqlite::Result<u64> {
            let stored: Option<i64> = row.get(column)?;
            Ok(stored.and_then(|size| u64::try_from(size).ok()).unwrap_or(0))
        };
        Ok(Self {
            diff_id: row.get(0)?,
            blob_digest: row.get(1)?,
            media_type: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            compressed_size_bytes: size(3)?,
            erofs_size_bytes: size(4)?,
        })
    }
}

impl Store {
    /// Stores an image, and makes references stand for it. `is_there` is asked, while nobody else writes, whether the files of
    /// its layers still are: see [`Store::unless_image_file`].
    pub fn put_image(&self, new: &NewImage<'_>, is_there: impl Fn() -> bool) -> Result<(), StoreError> {
        let total: u64 = new.layers.iter().map(|layer| layer.compressed_size_bytes).sum();
        let config = EncodedConfig::new(new.config)?;
        self.write(|tx| {
            if !is_there() {
                return Err(StoreError::LayerGone.into());
            }
            let now = Timestamp::now();
            tx.prepare_cached(
                "INSERT INTO manifest (digest, media_type, config_digest, architecture, os, variant, layer_count,
                     total_size_bytes, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (digest) DO NOTHING",
            )?
            .execute(params![
                new.digest,
                new.media_type,
                new.config_digest,
                new.architecture,
                new.os,
                new.variant,
                i64::try_from(new.layers.len()).unwrap_or(i64::MAX),
                signed(total),
                now
            ])?;
            let is_new = tx.changes() == 1;
            let manifest: i64 = tx
                .prepare_cached("SELECT id FROM manifest WHERE digest = ?1")?
                .query_row([new.digest], |row| row.get(0))?;
            if is_new {
                config.insert(tx, manifest, new.config_digest, &now)?;
            }
            for (position, layer) in new.layers.iter().enumerate() {
                put_layer(tx, layer, &now)?;
                if is_new {
                    tx.prepare_cached(
                        "INSERT INTO manifest_layer (manifest_id, layer_id, position)
                         SELECT ?1, id, ?3 FROM layer WHERE diff_id = ?2",
                    )?
                    .execute(params![
                        manifest,
                        layer.diff_id,
                        i64::try_from(position).unwrap_or(i64::MAX)
                    ])?;
                }
            }
            for reference in new.references {
                tx.prepare_cached(
                    "INSERT INTO image_ref (reference, manifest_id, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)
                     ON CONFLICT (reference) DO UPDATE
                         SET manifest_id = excluded.manifest_id, updated_at = excluded.updated_at",
                )?
                .execute(params![reference, manifest, now])?;
            }
            Ok(())
        })
    }

    /// The image of this reference.
    pub fn image(&self, reference: &str) -> Result<Option<ImageRow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&format!("{IMAGE} WHERE r.reference = ?1"))?;
            Ok(statement.query_row([reference], ImageRow::read).optional()?)
        })
    }

    /// Images whose references begin with `prefix`, in the order of their references, from the first after `after`.
    pub fn list_images(&self, prefix: &str, after: &str, limit: u32) -> Result<Vec<ImageRow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&format!("{IMAGE} {LIST}"))?;
            let rows = statement.query_map(params![after, limit, prefix], ImageRow::read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The layers of a manifest, the lowest first.
    pub fn image_layers(&self, manifest_id: i64) -> Result<Vec<LayerRow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&format!(
                "{LAYER} JOIN manifest_layer p ON p.layer_id = l.id WHERE p.manifest_id = ?1 ORDER BY p.position"
            ))?;
            let rows = statement.query_map([manifest_id], LayerRow::read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What the layers of a manifest that no other has take on disk, in bytes.
    pub fn unique_bytes(&self, manifest_id: i64) -> Result<u64, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT coalesce(sum(erofs_size_bytes), 0) FROM layer l
                 WHERE l.id IN (SELECT layer_id FROM manifest_layer WHERE manifest_id = ?1)
                     AND l.id NOT IN (SELECT layer_id FROM manifest_layer WHERE manifest_id <> ?1)",
            )?;
            let bytes: i64 = statement.query_row([manifest_id], |row| row.get(0))?;
            Ok(u64::try_from(bytes).unwrap_or(0))
        })
    }

    /// What commands in the image of a manifest run with.
    pub fn image_config(&self, manifest_id: i64) -> Result<ImageConfigRow, StoreError> {
        self.read(|conn| read_config(conn, manifest_id))
    }

    /// The layer with this digest, given as it is stored.
    pub fn layer(&self, diff_id: &str) -> Result<Option<LayerRow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(&format!("{LAYER} WHERE l.diff_id = ?1"))?;
            Ok(statement.query_row([diff_id], LayerRow::read).optional()?)
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

    /// Whether an image has the manifest with this digest, given as its hexadecimal digits.
    pub fn has_manifest(&self, digest: &str) -> Result<bool, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM manifest WHERE digest IN (?1, 'sha256:' || ?1))",
            )?;
            Ok(statement.query_row([digest], |row| row.get(0))?)
        })
    }

    /// Does something to the file of a layer or a manifest with this digest, given as its hexadecimal digits, while nobody can
    /// store an image that has it; nothing if one has it already. Whoever deletes such files does it here, and whoever writes
    /// rows looks at the files in [`Store::put_image`]: so no row is ever without its file.
    pub fn unless_image_file<T>(&self, digest: &str, act: impl Fn() -> T) -> Result<Option<T>, StoreError> {
        self.write(|tx| {
            let has: bool = tx
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM layer WHERE diff_id IN (?1, 'sha256:' || ?1))
                         OR EXISTS (SELECT 1 FROM manifest WHERE digest IN (?1, 'sha256:' || ?1))",
                )?
                .query_row([digest], |row| row.get(0))?;
            Ok((!has).then(&act))
        })
    }

    /// Digest of the manifest with this key.
    pub fn manifest_digest(&self, manifest_id: i64) -> Result<Option<String>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT digest FROM manifest WHERE id = ?1")?;
            Ok(statement.query_row([manifest_id], |row| row.get(0)).optional()?)
        })
    }

    /// Key of the manifest that a sandbox's root is made from; nothing for another kind of root.
    pub fn sandbox_manifest(&self, sandbox_id: i64) -> Result<Option<i64>, StoreError> {
        self.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT manifest_id FROM sandbox_rootfs WHERE sandbox_id = ?1")?;
            Ok(statement
                .query_row([sandbox_id], |row| row.get(0))
                .optional()?
                .flatten())
        })
    }

    /// Takes a reference away, with everything that nothing else refers to, unless a sandbox needs it.
    pub fn remove_image(&self, reference: &str) -> Result<ImageRemoval, StoreError> {
        self.write(|tx| {
            let found: Option<(i64, i64)> = tx
                .prepare_cached(
                    "SELECT manifest_id, (SELECT count(*) FROM image_ref o WHERE o.manifest_id = r.manifest_id)
                     FROM image_ref r WHERE reference = ?1",
                )?
                .query_row([reference], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((manifest, references)) = found else {
                return Ok(ImageRemoval::Missing);
            };
            if references == 1 {
                let needed = names(tx, manifest)?;
                if !needed.is_empty() {
                    return Ok(ImageRemoval::Needed(needed));
                }
            }
            tx.prepare_cached("DELETE FROM image_ref WHERE reference = ?1")?
                .execute([reference])?;
            Ok(ImageRemoval::Removed(sweep(tx)?))
        })
    }

    /// The images that no sandbox and no snapshot needs, all of one moment; with `remove` they are gone, and with them every
    /// layer that nothing refers to.
    pub fn unneeded_images(&self, remove: bool) -> Result<Vec<UnneededImage>, StoreError> {
        if remove {
            self.write(|tx| {
                let found = unneeded(tx)?;
                for image in &found {
                    tx.prepare_cached("DELETE FROM manifest WHERE digest = ?1")?
                        .execute([&image.digest])?;
                }
                sweep(tx)?;
                Ok(found)
            })
        } else {
            self.read(unneeded)
        }
    }
}

/// The names of sandboxes whose root is a manifest.
fn names(conn: &Connection, manifest: i64) -> Result<Vec<String>, Failure> {
    let mut statement = conn.prepare_cached(NEEDED)?;
    let rows = statement.query_map([manifest], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn unneeded(conn: &Connection) -> Result<Vec<UnneededImage>, Failure> {
    let manifests: Vec<(i64, String)> = conn
        .prepare_cached(UNNEEDED)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut references =
        conn.prepare_cached("SELECT reference FROM image_ref WHERE manifest_id = ?1 ORDER BY reference")?;
    let mut layers = conn.prepare_cached(&format!("{LAYER} {OF_UNNEEDED}"))?;
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(manifests.len());
    for (id, digest) in manifests {
        let rows = layers.query_map([id], LayerRow::read)?;
        let mut own = Vec::new();
        for layer in rows {
            let layer = layer?;
            if seen.insert(layer.diff_id.clone()) {
                own.push(layer);
            }
        }
        found.push(UnneededImage {
            digest,
            references: references
                .query_map([id], |row| row.get(0))?
                .collect::<Result<_, _>>()?,
            layers: own,
        });
    }
    Ok(found)
}

fn sweep(conn: &Connection) -> Result<Orphans, Failure> {
    let manifests = conn
        .prepare_cached(
            "DELETE FROM manifest WHERE id NOT IN (SELECT manifest_id FROM image_ref)
                 AND id NOT IN (SELECT manifest_id FROM sandbox_rootfs WHERE manifest_id IS NOT NULL)
             RETURNING digest",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let layers = conn
        .prepare_cached(
            "DELETE FROM layer WHERE id NOT IN (SELECT layer_id FROM manifest_layer)
             RETURNING diff_id, blob_digest, media_type, compressed_size_bytes, erofs_size_bytes",
        )?
        .query_map([], LayerRow::read)?
        .collect::<Result<_, _>>()?;
    Ok(Orphans { manifests, layers })
}

fn put_layer(conn: &Connection, layer: &LayerRow, now: &Timestamp) -> Result<(), Failure> {
    conn.prepare_cached(
        "INSERT INTO layer (diff_id, blob_digest, media_type, compressed_size_bytes, erofs_size_bytes, created_at,
             last_used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (diff_id) DO UPDATE
             SET last_used_at = excluded.last_used_at, erofs_size_bytes = excluded.erofs_size_bytes",
    )?
    .execute(params![
        layer.diff_id,
        layer.blob_digest,
        layer.media_type,
        signed(layer.compressed_size_bytes),
        signed(layer.erofs_size_bytes),
        now
    ])?;
    Ok(())
}

/// Records that a sandbox's root is the image of a manifest, which must not go before it.
pub(crate) fn pin(conn: &Connection, sandbox_id: i64, manifest_id: i64) -> Result<(), Failure> {
    let pinned = conn
        .prepare_cached(
            "INSERT INTO sandbox_rootfs (sandbox_id, manifest_id, mode, upper_fstype, created_at)
             VALUES (?1, ?2, 'erofs', 'ext4', ?3)",
        )?
        .execute(params![sandbox_id, manifest_id, Timestamp::now()]);
    match pinned {
        Err(error) if is_constraint(&error, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => {
            Err(StoreError::ImageGone.into())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// Lists and maps are JSON in this table.
struct EncodedConfig<'a> {
    config: &'a ImageConfigRow,
    env: String,
    entrypoint: Option<String>,
    cmd: Option<String>,
    labels: String,
}

impl<'a> EncodedConfig<'a> {
    fn new(config: &'a ImageConfigRow) -> Result<Self, StoreError> {
        let list = |list: &Option<Vec<String>>| list.as_ref().map(serde_json::to_string).transpose();
        let encode = || -> serde_json::Result<Self> {
            Ok(Self {
                config,
                env: serde_json::to_string(&config.env)?,
                entrypoint: list(&config.entrypoint)?,
                cmd: list(&config.cmd)?,
                labels: serde_json::to_string(&config.labels)?,
            })
        };
        encode().map_err(StoreError::Encode)
    }

    fn insert(&self, conn: &Connection, manifest: i64, digest: &str, now: &Timestamp) -> Result<(), Failure> {
        conn.prepare_cached(
            "INSERT INTO config (manifest_id, digest, env, cmd, entrypoint, working_dir, user, labels, stop_signal,
                 created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            manifest,
            digest,
            self.env,
            self.cmd,
            self.entrypoint,
            self.config.working_dir,
            self.config.user,
            self.labels,
            self.config.stop_signal,
            now
        ])?;
        Ok(())
    }
}

fn read_config(conn: &Connection, manifest: i64) -> Result<ImageConfigRow, Failure> {
    let mut statement = conn.prepare_cached(
        "SELECT id, env, cmd, entrypoint, working_dir, user, labels, stop_signal FROM config WHERE manifest_id = ?1",
    )?;
    let mut rows = statement.query([manifest])?;
    let Some(row) = rows.next()? else {
        return Ok(ImageConfigRow::default());
    };
    Ok(ImageConfigRow {
        env: decode(row, 1, "env")?.unwrap_or_default(),
        cmd: decode(row, 2, "cmd")?,
        entrypoint: decode(row, 3, "entrypoint")?,
        working_dir: row.get(4)?,
        user: row.get(5)?,
        labels: decode(row, 6, "labels")?.unwrap_or_default(),
        stop_signal: row.get(7)?,
    })
}

fn decode<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    index: usize,
    column: &'static str,
) -> Result<Option<T>, Failure> {
    let Some(value) = row.get::<_, Option<String>>(index)? else {
        return Ok(None);
    };
    match serde_json::from_str(&value) {
        Ok(decoded) => Ok(decoded),
        Err(_) => Err(StoreError::BadValue {
            table: "config",
            id: row.get(0)?,
            column,
            value,
        }
        .into()),
    }
}

/// No file is larger than SQLite's numbers.
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::assert_plan;

    #[test]
    fn the_list_follows_a_unique_index() {
        assert_plan(
            &format!("{IMAGE} {LIST}"),
            vec!["".to_owned().into(), 10.into(), "".to_owned().into()],
            "SEARCH r USING INDEX sqlite_autoindex_image_ref_1 (reference>?)",
        );
    }
}
