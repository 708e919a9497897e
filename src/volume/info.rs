//! What is known of a volume at one moment.

use super::attach::live;
use super::{Volume, data, lost};
use crate::error::MsbError;
use msb_store::{VolumeKind, VolumeRow, unix_ms};
use msb_tree::Tree;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

/// Bytes of a block as `stat` counts them, whatever the file system.
const STAT_BLOCK: u64 = 512;

/// A snapshot of a volume.
#[derive(Debug, Clone)]
pub struct VolumeInfo {
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
    /// The sizes of a directory's files together, or the room that a disk takes on the host. A listing does not
    /// measure it.
    pub used_bytes: Option<u64>,
    /// Sandboxes that have it attached and run. A listing does not look.
    pub attached_to: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was created, in milliseconds since 1970 UTC; 0 when unknown.
    pub created_unix_ms: u64,
    /// When its row last changed, in milliseconds since 1970 UTC; 0 when unknown.
    pub updated_unix_ms: u64,
}

impl VolumeInfo {
    /// What the row alone tells.
    pub fn of_row(row: VolumeRow) -> Self {
        Self {
            kind: row.kind,
            quota_mib: row.quota_mib,
            capacity_bytes: row.capacity_bytes,
            disk_format: row.disk_format,
            disk_fstype: row.disk_fstype,
            used_bytes: None,
            attached_to: Vec::new(),
            labels: row.labels,
            created_unix_ms: row.created_at.map_or(0, unix_ms),
            updated_unix_ms: row.updated_at.map_or(0, unix_ms),
            name: row.name,
        }
    }
}

impl Volume {
    /// Takes a snapshot, counting what the volume holds.
    pub fn info(&self) -> Result<VolumeInfo, MsbError> {
        let (store, row) = self.row()?;
        let used = match row.kind {
            VolumeKind::Dir => {
                Tree::beneath_itself(&self.directory())
                    .and_then(|tree| tree.usage())
                    .map_err(|error| self.lost(&error))?
                    .bytes
            }
            VolumeKind::Disk => {
                let image = data(self.backend(), &row);
                let metadata = image
                    .metadata()
                    .map_err(|error| lost(&self.name, &image, &error))?;
                metadata.blocks() * STAT_BLOCK
            }
        };
        let attached = live(self.backend(), &store, store.attachments(self.id)?)?;
        Ok(VolumeInfo {
            used_bytes: Some(used),
            attached_to: attached.into_iter().map(|by| by.sandbox).collect(),
            ..VolumeInfo::of_row(row)
        })
    }
}
