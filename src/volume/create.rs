//! Creates a volume. What it is made of gets its name only inside the transaction that adds the row: of any number of
//! callers one makes it, and a failure or a crash leaves neither.

use super::options::{VolumeKind as Kind, VolumeOptions};
use super::{DISK_IMAGE, Volume, directory};
use crate::backend::{Backend, make_private, shared_dir};
use crate::error::{MsbError, Status};
use crate::ops;
use crate::sys;
use msb_disk::{Ext4Error, create_ext4};
use msb_store::{NewVolume, StoreError, VolumeKind};
use rustix::fs::{FlockOperation, flock};
use std::cell::Cell;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Permissions of a volume's directory, as a guest sees its root; the home above it is private.
const MODE: u32 = 0o755;
/// What the names of volumes that are being made end with. They begin with a dot, as no volume's does.
pub const UNFINISHED: &str = ".tmp";

impl Volume {
    /// Creates a volume.
    pub fn create(backend: &Arc<Backend>, options: &VolumeOptions) -> Result<Arc<Self>, MsbError> {
        options.validate()?;
        let name = options.name.as_deref().unwrap_or_default();
        let store = backend.store()?;
        let place = directory(backend, name);
        let new = NewVolume {
            name,
            kind: match options.kind {
                Kind::Dir => VolumeKind::Dir,
                Kind::Disk => VolumeKind::Disk,
            },
            quota_mib: options.quota_mib.and_then(|mib| u32::try_from(mib).ok()),
            capacity_bytes: options.capacity_mib.map(|mib| mib << 20),
            labels: &options.labels,
        };
        let (home, volumes) = (backend.home(), &backend.config().volumes);
        shared_dir::announce(home, volumes)?;
        // The store may call again what makes the place, and may fail once it is made.
        let made = Cell::new(false);
        let once = |make: &dyn Fn() -> io::Result<()>| {
            if !made.get() {
                make()?;
                made.set(true);
            }
            Ok(())
        };
        let is_lost = || made.get() && matches!(store.volume_by_name(name), Ok(None));
        let inserted = match new.capacity_bytes {
            None => {
                let make = || once(&|| make_directory(&place, &|| shared_dir::is_own(home, volumes)));
                let inserted = match store.insert_volume(&new, &make) {
                    // The first volume of a home.
                    Err(StoreError::Place(error)) if error.kind() == io::ErrorKind::NotFound => {
                        make_private(volumes)?;
                        store.insert_volume(&new, &make)
                    }
                    other => other,
                };
                if inserted.is_err() && is_lost() {
                    // Nobody has put anything in it; the failure that brought us here is the one to report.
                    let _ = fs::remove_dir(&place);
                }
                inserted
            }
            Some(capacity) => {
                if store.volume_by_name(name)?.is_some() {
                    return Err(name_taken(name));
                }
                make_private(volumes)?;
                let disk = UnfinishedDisk::make(&place, name, capacity)?;
                ops::check_cancelled()?;
                let inserted = store.insert_volume(&new, &|| once(&|| fs::rename(&disk.path, &place)));
                if inserted.is_err() && is_lost() {
                    // Under its first name it is removed with what it was to be.
                    let _ = fs::rename(&place, &disk.path);
                }
                inserted
            }
        };
        let row = inserted.map_err(|error| refused(error, name, &place))?;
        Ok(Self::new(backend, &row))
    }
}

/// Makes the directory of a volume. An empty one that is there already is as good, unless it may be another home's: a
/// creation or a removal that was cut short has left it.
fn make_directory(place: &Path, is_own: &dyn Fn() -> bool) -> io::Result<()> {
    match DirBuilder::new().mode(MODE).create(place) {
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists && is_own() && is_empty_directory(place) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn is_empty_directory(place: &Path) -> bool {
    let is_directory = place.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    is_directory && fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none())
}

/// A directory with a disk in it under a name of its own, removed again unless it got its own. It is locked meanwhile,
/// so that nobody tidies it away.
struct UnfinishedDisk {
    path: PathBuf,
    _lock: File,
}

impl UnfinishedDisk {
    fn make(place: &Path, name: &str, capacity: u64) -> Result<Self, MsbError> {
        let nonce = sys::random_hex().map_err(|error| {
            MsbError::new(Status::Io, "process.random", "the system gives no random numbers").source(&error)
        })?;
        let path = place.with_file_name(format!(".{name}.{nonce}{UNFINISHED}"));
        let failed = |error: &io::Error| MsbError::io("volume.create", "cannot make", &path, error);
        DirBuilder::new()
            .mode(MODE)
            .create(&path)
            .map_err(|error| failed(&error))?;
        let lock = File::open(&path).map_err(|error| failed(&error))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|errno| failed(&errno.into()))?;
        let made = Self { path, _lock: lock };
        create_ext4(made.path.join(DISK_IMAGE), capacity, "").map_err(|error| not_made(&error, name))?;
        Ok(made)
    }
}

impl Drop for UnfinishedDisk {
    fn drop(&mut self) {
        // Once renamed there is nothing to remove; otherwise the failure that brought us here is the one to report.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn not_made(error: &Ext4Error, name: &str) -> MsbError {
    let (status, reason) = match error.cause() {
        Ext4Error::SizeOutOfRange { .. } => (Status::InvalidArgument, "volume.capacity"),
        Ext4Error::NoSpace(_) => (Status::DiskFull, "volume.disk_full"),
        Ext4Error::FileTooLarge(_) => (Status::ResourceExhausted, "volume.file_too_large"),
        Ext4Error::Io { source, .. } => (
            source.raw_os_error().map_or(Status::Io, Status::from_errno),
            "volume.create",
        ),
        Ext4Error::BadLabel { .. }
        | Ext4Error::NotRegularFile
        | Ext4Error::NotEmpty { .. }
        | Ext4Error::Exists
        | Ext4Error::NotExt4
        | Ext4Error::NotClean
        | Ext4Error::Foreign
        | Ext4Error::Damaged { .. }
        | Ext4Error::CannotShrink { .. }
        | Ext4Error::TooManyInodes
        | Ext4Error::Image { .. } => (Status::Internal, "volume.create"),
    };
    MsbError::new(
        status,
        reason,
        format!("the disk of volume {name:?} cannot be made"),
    )
    .source(error)
    .detail("volume", name)
}

fn name_taken(name: &str) -> MsbError {
    let error = StoreError::VolumeNameTaken {
        name: name.to_owned(),
    };
    MsbError::from(error).detail("volume", name)
}

fn refused(error: StoreError, name: &str, place: &Path) -> MsbError {
    match error {
        StoreError::VolumeNameTaken { .. } => name_taken(name),
        StoreError::Place(error)
            if matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists
                    | io::ErrorKind::DirectoryNotEmpty
                    | io::ErrorKind::NotADirectory
            ) =>
        {
            MsbError::new(
                Status::AlreadyExists,
                "volume.directory_exists",
                format!("{} is there although no volume {name:?} is", place.display()),
            )
            .remedy("move it away or choose another name")
            .detail("volume", name)
        }
        StoreError::Place(error) => MsbError::io("volume.create", "cannot make", place, &error)
            .remedy("make its directory writable for this user")
            .detail("volume", name),
        other => other.into(),
    }
}
