//! One holder at a time of one row of a table, across threads and processes.
//!
//! Each row owns the byte of its id in its table's lock file, so nothing has to be created or removed per row. The kernel
//! frees the byte however its holder ends. It is freed by name too, not only by closing the file: a child that another
//! thread just forked holds a copy of the file until it runs its program.

use crate::error::MsbError;
use crate::sys;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Pause between two tries to lock.
const PAUSE: Duration = Duration::from_millis(2);

/// A row's byte, held until dropped.
#[derive(Debug)]
pub struct RowLock {
    pub(super) file: File,
    id: i64,
}

impl RowLock {
    /// Takes the byte of row `id` in the lock file `path`, or `None` when somebody else still holds it after `patience`.
    pub fn take(path: &Path, id: i64, patience: Duration) -> Result<Option<Self>, MsbError> {
        let failed = |error: &std::io::Error| MsbError::io("home.lock", "cannot lock", path, error);
        // Each holder has an open file of its own: that is what the lock belongs to.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| failed(&error))?;
        let give_up = Instant::now() + patience;
        while !sys::try_lock_byte(&file, id).map_err(|error| failed(&error))? {
            if Instant::now() >= give_up {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(Some(Self { file, id }))
    }

    /// The row.
    pub fn id(&self) -> i64 {
        self.id
    }
}

impl Drop for RowLock {
    fn drop(&mut self) {
        // Closing the file frees it too, if later.
        let _ = sys::unlock_byte(&self.file, self.id);
    }
}
