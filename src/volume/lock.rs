//! One change at a time of what a volume is made of, across threads and processes: attaching a disk, growing it.
//!
//! As with sandboxes, each volume owns the byte of its row id in one lock file, and the kernel frees it however its
//! holder ends.

use crate::error::{MsbError, Status};
use crate::sys;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The lock file's place below the home.
const LOCK_FILE: &str = "run/volumes.lock";
/// How long another change may take: none waits for anything but the disk.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two tries to lock.
const PAUSE: Duration = Duration::from_millis(2);

/// The right to change one volume until dropped.
#[derive(Debug)]
pub struct VolumeLock {
    file: File,
    id: i64,
}

impl VolumeLock {
    /// Takes the lock of volume `id`, waiting for others to be done.
    pub fn take(home: &Path, id: i64, name: &str) -> Result<Self, MsbError> {
        let path = home.join(LOCK_FILE);
        let failed = |error: &std::io::Error| MsbError::io("home.lock", "cannot lock", &path, error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| failed(&error))?;
        let give_up = Instant::now() + PATIENCE;
        while !sys::try_lock_byte(&file, id).map_err(|error| failed(&error))? {
            if Instant::now() >= give_up {
                return Err(MsbError::new(
                    Status::Busy,
                    "volume.busy",
                    format!("another operation on volume {name:?} is under way"),
                )
                .remedy("try again when it is done")
                .detail("volume", name));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(Self { file, id })
    }
}

impl Drop for VolumeLock {
    fn drop(&mut self) {
        // Closing the file frees it too, if later: a child that another thread just forked holds a copy.
        let _ = sys::unlock_byte(&self.file, self.id);
    }
}
