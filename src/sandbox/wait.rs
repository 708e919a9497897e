//! Waits for the end of a run and tells how it was.

use super::Sandbox;
use super::end::End;
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::supervise::waiting::{Here, Waiting, run_here};
use msb_protocol::exit::ExitRecord;
use msb_store::SandboxStatus;
use std::sync::Arc;

impl Sandbox {
    /// Waits until it is not running and returns how its last run ended.
    pub fn wait(self: &Arc<Self>, deadline: Deadline) -> Result<End, MsbError> {
        run_here(self.wait_by(&Here, deadline))
    }

    /// As [`Sandbox::wait`], waiting as `waiting` does.
    pub async fn wait_by(
        self: &Arc<Self>,
        waiting: &impl Waiting,
        deadline: Deadline,
    ) -> Result<End, MsbError> {
        let link = match self.open_link() {
            Some(link) => Some(link),
            None => {
                let own = Arc::clone(self);
                waiting.block(self.lane(), move || own.reach(deadline)).await?
            }
        };
        // A link keeps the record even of a sandbox that was removed with its end.
        let known = match &link {
            Some(link) => {
                if waiting.within(deadline, link.over()).await.is_none() {
                    return Err(self.still_running());
                }
                let exit = link.state().exit.clone();
                match exit {
                    Some((record, _)) => return Ok(record.into()),
                    None => None,
                }
            }
            None => self.known_end(),
        };
        let own = Arc::clone(self);
        waiting
            .block(self.lane(), move || {
                // A killed runner's link ends a moment before its lock does.
                own.wait_unlocked()?;
                own.end_after(known)
            })
            .await
    }

    /// How the run ended that no link is left of, given what the last one told.
    fn end_after(&self, known: Option<(ExitRecord, bool)>) -> Result<End, MsbError> {
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
