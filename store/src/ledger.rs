//! The migrations of this version and what a database's ledger says about them.
//!
//! Invariant: a ledger is accepted only as a prefix of [`MIGRATIONS`]; anything else is refused before
//! a byte is written, because applying an older migration over newer tables would drop them.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{Failure, StoreError};

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        /// Every migration, in the order in which they are applied.
        pub(crate) const MIGRATIONS: &[Migration] = &[$(Migration {
            name: $name,
            sql: include_str!(concat!("../../migrations/", $name, ".sql")),
        }),*];
    };
}

migrations![
    "m20260305_000001_create_image_tables",
    "m20260305_000002_create_sandbox_tables",
    "m20260305_000003_create_storage_tables",
    "m20260305_000004_create_sandbox_images_table",
    "m20260410_000001_erofs_image_schema",
    "m20260501_000001_create_snapshot_index",
    "m20260517_000001_drop_sandbox_metric",
    "m20260527_000001_migrate_oci_rootfs_source",
    "m20260531_000001_create_sandbox_labels",
    "m20260531_000002_index_sandbox_labels_key_value",
    "m20260606_000001_named_volume_kinds",
    "m20260621_000001_add_sandbox_ephemeral",
    "m20260621_000002_create_maintenance_lease",
];

/// How far a database has been migrated: this many of [`MIGRATIONS`], from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied(usize);

impl Applied {
    /// The migrations that are still to come.
    pub(crate) fn pending(self) -> &'static [Migration] {
        MIGRATIONS.get(self.0..).unwrap_or_default()
    }

    /// The newest migration applied.
    pub(crate) fn last(self) -> Option<&'static Migration> {
        MIGRATIONS.get(..self.0).and_then(<[_]>::last)
    }
}

/// Reads the ledger and refuses what this version must not touch.
pub(crate) fn read(conn: &Connection, path: &Path) -> Result<Applied, Failure> {
    let tables: Vec<String> = conn
        .prepare(
            r"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !tables.iter().any(|name| name == "seaql_migrations") {
        return match tables.is_empty() {
            true => Ok(Applied(0)),
            false => Err(StoreError::Foreign {
                path: path.to_path_buf(),
            }
            .into()),
        };
    }
    let versions: Vec<String> = conn
        .prepare("SELECT version FROM seaql_migrations ORDER BY version")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    accept(&versions, path).map_err(Failure::Store)
}

fn accept(versions: &[String], path: &Path) -> Result<Applied, StoreError> {
    let unknown = versions
        .iter()
        .find(|version| MIGRATIONS.iter().all(|known| known.name != version.as_str()));
    if let Some(version) = unknown {
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            migration: version.clone(),
        });
    }
    let gap = MIGRATIONS
        .iter()
        .zip(versions)
        .find(|(known, version)| known.name != version.as_str());
    match gap {
        Some((missing, _)) => Err(StoreError::Corrupt {
            path: path.to_path_buf(),
            detail: format!("its ledger holds later migrations but not {}", missing.name),
        }),
        None => Ok(Applied(versions.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_folder_in_name_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed: Vec<String> = MIGRATIONS.iter().map(|m| format!("{}.sql", m.name)).collect();
        assert_eq!(listed, files);
    }

    #[test]
    fn only_a_prefix_is_accepted() {
        let path = Path::new("x.db");
        let names: Vec<String> = MIGRATIONS.iter().map(|m| m.name.to_owned()).collect();
        assert_eq!(accept(&names[..5], path).unwrap(), Applied(5));
        assert!(matches!(
            accept(&names[1..], path),
            Err(StoreError::Corrupt { .. })
        ));
        let mut newer = names;
        newer.push("m20991231_000001_tomorrow".to_owned());
        assert!(
            matches!(accept(&newer, path), Err(StoreError::Newer { migration, .. }) if migration.ends_with("tomorrow"))
        );
    }
}
