//! One change at a time of what a volume is made of, across threads and processes: attaching a disk, growing it.

use crate::error::{MsbError, Status};
use crate::supervise::rowlock::RowLock;
use std::path::Path;
use std::time::Duration;

/// The lock file's place below the home.
const LOCK_FILE: &str = "run/volumes.lock";
/// How long another change may take: none waits for anything but the disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// The right to change one volume until dropped.
#[derive(Debug)]
pub struct VolumeLock {
    _row: RowLock,
}

impl VolumeLock {
    /// Takes the lock of volume `id`, waiting for others to be done.
    pub fn take(home: &Path, id: i64, name: &str) -> Result<Self, MsbError> {
        match RowLock::take(&home.join(LOCK_FILE), id, PATIENCE)? {
            Some(row) => Ok(Self { _row: row }),
            None => Err(MsbError::new(
                Status::Busy,
                "volume.busy",
                format!("another operation on volume {name:?} is under way"),
            )
            .remedy("try again when it is done")
            .detail("volume", name)),
        }
    }
}
