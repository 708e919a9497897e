//! Disk images that another sandbox has: said by name before a machine is started that could not lock them.
//!
//! The lock itself is the runner's, and decides. What is found here is only who has it; an image that somebody else's
//! program has locked, or the machine of a runner that has just died, is left to the runner, which waits a little.

use super::Source;
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use crate::sandbox::settle::settle;
use crate::sandbox::spec::SandboxSpec;
use crate::volume;
use msb_protocol::launch::{HostMount, MountSource};
use msb_store::{SandboxRow, Store};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::path::Path;

/// Rows that are read at a time.
const PAGE: u32 = 100;

/// Refuses disk images among `mounts` that a running sandbox other than `own` has in a way that excludes this one.
pub fn check_free(backend: &Backend, store: &Store, own: i64, mounts: &[HostMount]) -> Result<(), MsbError> {
    for mount in mounts {
        let MountSource::Disk(disk) = &mount.source else {
            continue;
        };
        if is_locked(&disk.path, mount.read_only)
            && let Some(holder) = holder(backend, store, own, &disk.path)?
        {
            return Err(in_use(&disk.path, &holder).detail("mount", mount.guest_path.as_str()));
        }
    }
    Ok(())
}

/// The error for a disk image that another sandbox has.
fn in_use(path: &Path, sandbox: &str) -> MsbError {
    MsbError::new(
        Status::Busy,
        "disk.in_use",
        format!(
            "the disk image {} is in use by the sandbox {sandbox}",
            path.display()
        ),
    )
    .remedy("stop that one, or mount the image read-only in all of them")
    .detail("path", path.as_os_str().as_encoded_bytes())
    .detail("sandbox", sandbox)
}

/// Whether the lock that a machine would take cannot be had now. What cannot be opened is for others to say.
fn is_locked(path: &Path, read_only: bool) -> bool {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let lock = if read_only {
        FlockOperation::NonBlockingLockShared
    } else {
        FlockOperation::NonBlockingLockExclusive
    };
    open(path, flags, Mode::empty()).is_ok_and(|file| flock(file, lock) == Err(Errno::WOULDBLOCK))
}

/// The running sandbox that has the image, by its path or as a volume's.
fn holder(backend: &Backend, store: &Store, own: i64, path: &Path) -> Result<Option<String>, MsbError> {
    let mut after = None;
    loop {
        let rows = store.stale_active_rows(after, PAGE)?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        after = Some(last.id);
        for row in rows {
            if row.id != own
                && mounts(backend, store, &row, path)
                && settle(backend, store, row.clone())?.status.is_active()
            {
                return Ok(Some(row.name));
            }
        }
    }
}

/// Whether a sandbox mounts the image, as far as its configuration can be read.
fn mounts(backend: &Backend, store: &Store, row: &SandboxRow, path: &Path) -> bool {
    let Ok(mounts) = SandboxSpec::parse(&row.name, &row.config).and_then(|spec| spec.mounts()) else {
        return false;
    };
    mounts.iter().any(|mount| match &mount.source {
        Source::Disk(image) => image.path == path,
        Source::Volume { name } => match store.volume_by_name(name) {
            Ok(Some(row)) => volume::data(backend, &row)
                .canonicalize()
                .is_ok_and(|data| data == path),
            _ => false,
        },
        Source::Bind { .. } | Source::Tmpfs { .. } => false,
    })
}
