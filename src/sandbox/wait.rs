//! Waits for the end of a run and tells how it was.

use super::Sandbox;
use super::end::{self, End};
use super::settle;
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
                let reached = waiting.block(self.lane(), move || own.reach(deadline)).await;
                match reached {
                    // There is a runner that had no time to answer.
                    Err(error) if error.reason() == "runner.unreachable" && deadline.has_passed() => {
                        return Err(self.still_running());
                    }
                    reached => reached?,
                }
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
            // Ephemeral, and removed by whoever saw first that its runner had died.
            (Err(error), None) if error.status() == Status::NotFound && self.has_lost_runner() => {
                Ok(end::lost())
            }
            (_, Some((record, false))) => Ok(record.into()),
            (end, _) => end,
        }
    }

    /// Whether there was a link and it ended without the runner telling of an end.
    fn has_lost_runner(&self) -> bool {
        let link = self.link.lock().clone();
        link.is_some_and(|link| {
            let state = link.state();
            state.closed && state.exit.is_none()
        })
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
            Some(run) => {
                let end = End::from_row(&run, row.status == SandboxStatus::Crashed);
                // An ephemeral one goes, now that this is known; if it cannot go now, whoever looks next tries again.
                let _ = settle::settle_and_tidy(self.backend(), &store, row);
                Ok(end)
            }
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
