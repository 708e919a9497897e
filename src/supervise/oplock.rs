//! One operation at a time on one sandbox, across threads and processes.

use super::rowlock::RowLock;
use crate::error::{MsbError, Status};
use std::path::Path;
use std::time::Duration;

/// The lock file's place below the home.
pub const LOCK_FILE: &str = "run/operations.lock";

/// The right to change one sandbox until dropped.
#[derive(Debug)]
pub struct OperationLock(RowLock);

impl OperationLock {
    /// Takes the lock of sandbox `id`, or `None` when somebody else holds it.
    pub fn try_take(home: &Path, id: i64) -> Result<Option<Self>, MsbError> {
        Self::try_take_within(home, id, Duration::ZERO)
    }

    /// As [`OperationLock::try_take`], waiting as long as `patience` for that somebody.
    pub fn try_take_within(home: &Path, id: i64, patience: Duration) -> Result<Option<Self>, MsbError> {
        let taken = RowLock::take(&home.join(LOCK_FILE), id, patience)?;
        Ok(taken.map(Self))
    }

    /// The sandbox.
    pub fn sandbox_id(&self) -> i64 {
        self.0.id()
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
        let copy_of_a_forked_child = first.0.file.try_clone().unwrap();
        drop(first);
        OperationLock::take(home.path(), 7, "seven").unwrap();
        drop(copy_of_a_forked_child);
    }
}
