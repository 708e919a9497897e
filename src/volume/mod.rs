//! A volume: data that outlives sandboxes, as a directory that guests share or a disk that one guest mounts.
//!
//! Its row and its place below the volumes' directory come and go together. One file per verb; nothing of a volume's
//! state is kept here, the row is asked each time.

pub mod attach;
pub mod create;
pub mod filter;
pub mod info;
pub mod list;
pub mod lock;
pub mod options;
pub mod remove;
pub mod resize;

use crate::backend::{Backend, make_private};
use crate::error::{MsbError, Status};
use crate::files::HostFiles;
use crate::ops;
use msb_store::{Store, VolumeKind, VolumeRow};
use msb_tree::{Limit, Quota, Tree};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The image of a disk volume, in its directory.
pub const DISK_IMAGE: &str = "disk.raw";

/// Where the ledgers of quotas are kept, below the home.
pub(crate) const LEDGERS: &str = "run/volumes";

/// One volume of one backend.
pub struct Volume {
    backend: Arc<Backend>,
    id: i64,
    name: String,
    kind: VolumeKind,
    quota: Option<Limit>,
    /// Opened when first needed, and then always the same directory, whatever comes to have its name.
    files: Mutex<Option<Arc<HostFiles>>>,
}

impl Volume {
    fn new(backend: &Arc<Backend>, row: &VolumeRow) -> Arc<Self> {
        Arc::new(Self {
            backend: Arc::clone(backend),
            id: row.id,
            name: row.name.clone(),
            kind: row.kind,
            quota: quota(row),
            files: Mutex::new(None),
        })
    }

    /// Opens the volume of this name.
    pub fn open(backend: &Arc<Backend>, name: &str) -> Result<Arc<Self>, MsbError> {
        let row = find(&*backend.store()?, name)?;
        Ok(Self::new(backend, &row))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key of its row.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What it is made of.
    pub fn kind(&self) -> VolumeKind {
        self.kind
    }

    /// Its backend.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// Where it is.
    pub fn directory(&self) -> PathBuf {
        directory(&self.backend, &self.name)
    }

    /// Its files, for a directory; what is in a disk only a guest can read.
    pub fn files(&self) -> Result<Arc<HostFiles>, MsbError> {
        if self.kind == VolumeKind::Disk {
            return Err(MsbError::new(
                Status::Unsupported,
                "volume.is_disk",
                format!(
                    "volume {:?} is a disk, whose files the host does not see",
                    self.name
                ),
            )
            .remedy("mount it in a sandbox and use the sandbox's files")
            .detail("volume", self.name.as_str()));
        }
        let mut slot = self.files.lock();
        if let Some(files) = &*slot {
            return Ok(Arc::clone(files));
        }
        // The row first: the directory of one that was removed may be another volume's by now.
        self.row()?;
        let directory = self.directory();
        let mut tree = Tree::beneath_itself(&directory).map_err(|error| self.lost(&error))?;
        if let Some(limit) = self.quota {
            let ledger = ledger(self.backend.home(), self.id)?;
            let quota = Quota::open(&ledger, &directory, limit).map_err(|error| self.lost(&error))?;
            tree = tree.with_quota(Arc::new(quota));
        }
        let files = Arc::new(HostFiles::new(Arc::new(tree.with_watch(ops::tell))));
        *slot = Some(Arc::clone(&files));
        Ok(files)
    }

    /// The store and the row as it is now.
    fn row(&self) -> Result<(Arc<Store>, VolumeRow), MsbError> {
        let store = self.backend.store()?;
        let row = store
            .volume_by_id(self.id)?
            .ok_or_else(|| not_found(&self.name))?;
        Ok((store, row))
    }

    fn lost(&self, error: &(dyn std::error::Error + 'static)) -> MsbError {
        lost(&self.name, &self.directory(), error)
    }
}

/// The row of this name.
fn find(store: &Store, name: &str) -> Result<VolumeRow, MsbError> {
    store.volume_by_name(name)?.ok_or_else(|| not_found(name))
}

/// Where the volume of this name is.
pub fn directory(backend: &Backend, name: &str) -> PathBuf {
    let volumes = &backend.config().volumes;
    // At once of the size that it has with a separator and, for C, a NUL.
    let mut path = PathBuf::with_capacity(volumes.as_os_str().len() + name.len() + 2);
    path.push(volumes);
    path.push(name);
    path
}

/// What a guest gets of a volume: its directory, or its disk's image.
pub fn data(backend: &Backend, row: &VolumeRow) -> PathBuf {
    let directory = directory(backend, &row.name);
    match row.kind {
        VolumeKind::Dir => directory,
        VolumeKind::Disk => directory.join(DISK_IMAGE),
    }
}

/// What a directory may hold. 0.5.8 stored quotas without enforcing them and took 0 for one; here it is none.
pub fn quota(row: &VolumeRow) -> Option<Limit> {
    row.quota_mib
        .filter(|mib| *mib > 0)
        .map(|mib| Limit::of_mib(mib.into()))
}

/// The ledger that counts what a volume with a quota holds, for everybody who writes to it. Makes its directory.
pub fn ledger(home: &Path, id: i64) -> Result<PathBuf, MsbError> {
    let folder = home.join(LEDGERS);
    if !folder.is_dir() {
        make_private(&folder)?;
    }
    Ok(folder.join(ledger_name(id)))
}

fn ledger_name(id: i64) -> String {
    format!("{id}.quota")
}

pub(crate) fn not_found(name: &str) -> MsbError {
    MsbError::new(
        Status::NotFound,
        "volume.not_found",
        format!("there is no volume {name:?}"),
    )
    .remedy("list the volumes of this backend's home, or create it")
    .detail("volume", name)
}

/// The error for a volume whose row is there, but not what belongs to it.
fn lost(name: &str, path: &Path, error: &(dyn std::error::Error + 'static)) -> MsbError {
    MsbError::new(
        Status::Corrupt,
        "volume.data_missing",
        format!(
            "volume {name:?} cannot be used: {} is not as it must be",
            path.display()
        ),
    )
    .source(error)
    .remedy("put it back, or remove the volume; msb_fsck lists all such damage")
    .detail("volume", name)
}
