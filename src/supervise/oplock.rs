//! One operation at a time on one sandbox, across threads and processes.
//!
//! Each sandbox owns the byte of its row id in one lock file, so nothing has to be created or removed per
//! sandbox. The kernel frees the byte however its holder ends. It is freed by name too, not only by closing the
//! file: a child that another thread just forked holds a copy of the file until it runs its program.

use crate::error::{MsbError, Status};
use crate::sys;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The lock file's place below the home.
pub const LOCK_FILE: &str = "run/operations.lock";

/// The right to change one sandbox until dropped.
#[derive(Debug)]
pub struct OperationLock {
    file: File,
    id: i64,
}

impl OperationLock {
    /// Takes the lock of sandbox `id`, or `None` when somebody else holds it.
    pub fn try_take(home: &Path, id: i64) -> Result<Option<Self>, MsbError> {
        let path = home.join(LOCK_FILE);
        let doing = |error: &std::io::Error| MsbError::io("home.lock", "cannot lock", &path, error);
        // Each holder has an open file of its own: that is what the lock belongs to.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| doing(&error))?;
        let taken = sys::try_lock_byte(&file, id).map_err(|error| doing(&error))?;
        Ok(taken.then_some(Self { file, id }))
    }

    /// The sandbox.
    pub fn sandbox_id(&self) -> i64 {
        self.id
    }

    /// Takes the lock, or reports the conflict.
    pub fn take(home: &Path, id: i64, name: &str) -> Result<Self, MsbError> {
        Self::try_take(home, id)?.ok_or_else(|| {
            MsbError::new(
                Status::Conflict,
                "sandbox.busy",
                format!("another operation on sandbox {name:?} is under way"),
            )
            .remedy("wait for it and look at the sandbox's state before trying again")
            .retryable(true)
        })
    }
}

impl Drop for OperationLock {
    fn drop(&mut self) {
        // Closing the file frees it too, if later.
        let _ = sys::unlock_byte(&self.file, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_per_sandbox_and_sandboxes_do_not_meet() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("run")).unwrap();
        let first = OperationLock::take(home.path(), 7, "seven").unwrap();
        let second = OperationLock::take(home.path(), 7, "seven").unwrap_err();
        assert_eq!(second.status(), Status::Conflict);
        OperationLock::take(home.path(), 8, "eight").unwrap();
        let copy_of_a_forked_child = first.file.try_clone().unwrap();
        drop(first);
        OperationLock::take(home.path(), 7, "seven").unwrap();
        drop(copy_of_a_forked_child);
    }
}
