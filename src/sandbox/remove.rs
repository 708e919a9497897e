//! Removes a sandbox that is not running, with its directory and everything in it.

use super::Sandbox;
use super::settle::{remove_locked, settle_locked};
use crate::error::{MsbError, Status};
use crate::supervise::oplock::OperationLock;

impl Sandbox {
    /// Removes it.
    pub fn remove(&self) -> Result<(), MsbError> {
        let _lock = OperationLock::take(self.backend().home(), self.id, self.name())?;
        // Read under the lock: before it, somebody may remove this one and create another of its name.
        let (store, row) = self.row()?;
        let row = settle_locked(self.backend(), &store, row)?;
        if !row.status.is_active() && self.wait_unlocked()? && remove_locked(self.backend(), &store, &row)? {
            return Ok(());
        }
        Err(MsbError::new(
            Status::InvalidState,
            "sandbox.running",
            format!("sandbox {:?} is {}", self.name(), row.status),
        )
        .remedy("stop it first")
        .detail("sandbox", self.name()))
    }
}
