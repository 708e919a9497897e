//! Waits for the end of a run and tells how it was.

use super::Sandbox;
use super::end::End;
use super::stop::wait_over;
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use msb_protocol::exit::ExitRecord;
use msb_store::SandboxStatus;

impl Sandbox {
    /// Waits until it is not running and returns how its last run ended.
    pub fn wait(&self, deadline: Deadline) -> Result<End, MsbError> {
        // A link keeps the record even of a sandbox that was removed with its end.
        let known = self.known_end();
        if let Some(link) = self.reach(deadline)? {
            if !wait_over(&link, deadline) {
                return Err(self.still_running());
            }
            if let Some((record, _)) = &link.state().exit {
                return Ok(record.clone().into());
            }
            // A killed runner's link ends a moment before its lock does.
            self.wait_unlocked()?;
        }
        match (self.last_end(), known) {
            (Err(error), Some((record, _))) if error.status() == Status::NotFound => Ok(record.into()),
            (_, Some((record, false))) => Ok(record.into()),
            (end, _) => end,
        }
    }

    /// The end that the last link told of, and whether the store has it.
    fn known_end(&self) -> Option<(ExitRecord, bool)> {
        let link = self.link.lock().clone()?;
        let state = link.state();
        state.exit.clone()
    }

    /// How the last run ended, from the store.
    pub(crate) fn last_end(&self) -> Result<End, MsbError> {
        let (store, row) = self.settled_row()?;
        if row.status.is_active() {
            return Err(self.still_running());
        }
        match store.latest_run(self.id)? {
            Some(run) => Ok(End::from_row(&run, row.status == SandboxStatus::Crashed)),
            None => Err(MsbError::new(
                Status::NotRunning,
                "sandbox.never_started",
                format!("sandbox {:?} was never started", self.name()),
            )
            .remedy("start it first")
            .detail("sandbox", self.name())),
        }
    }

    fn still_running(&self) -> MsbError {
        MsbError::new(
            Status::Timeout,
            "sandbox.wait_timeout",
            format!("sandbox {:?} was still running at the deadline", self.name()),
        )
        .detail("sandbox", self.name())
    }
}
