//! Stops or kills a sandbox. Both succeed when it is not running afterwards, whoever ended it.

use super::{LOCK_PAUSE, LOCK_RELEASE, Sandbox};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::supervise::link::Link;
use msb_protocol::client::ClientMessage;
use msb_store::SandboxStatus;
use std::time::Duration;

/// How long a killed VMM may take to be gone and recorded.
pub const KILL_TIMEOUT: Duration = Duration::from_secs(10);

impl Sandbox {
    /// Shuts the guest down; what is left after `timeout_ms` is killed. Negative never kills, 0 kills at once.
    pub fn stop(&self, timeout_ms: i64) -> Result<(), MsbError> {
        match u64::try_from(timeout_ms) {
            Ok(ms) => {
                let grace = Duration::from_millis(ms);
                self.stop_within(grace, Deadline::after(grace.saturating_add(KILL_TIMEOUT)))
            }
            Err(_) => self.end_by(&ClientMessage::Stop { timeout_ms: u64::MAX }, Deadline::NEVER),
        }
    }

    pub(crate) fn stop_within(&self, grace: Duration, deadline: Deadline) -> Result<(), MsbError> {
        let timeout_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.end_by(&ClientMessage::Stop { timeout_ms }, deadline)
    }

    /// Kills the VMM at once and waits until it is gone.
    pub fn kill(&self, deadline: Deadline) -> Result<(), MsbError> {
        self.end_by(&ClientMessage::Kill, deadline)
    }

    /// Lets a running sandbox outlive this process's interest in it. Returns once its runner knows.
    pub fn detach(&self) -> Result<(), MsbError> {
        let deadline = Deadline::after(KILL_TIMEOUT);
        let link = self.running_link(deadline)?;
        if link.holds_sandbox() {
            link.send_message(&ClientMessage::Detach)?;
            link.confirm(deadline)?;
            link.set_detached();
        }
        Ok(())
    }

    fn end_by(&self, order: &ClientMessage, deadline: Deadline) -> Result<(), MsbError> {
        let Some(link) = self.reach_with(deadline, Some(order))? else {
            return self.confirm_ended();
        };
        if !wait_over(&link, deadline) {
            return Err(MsbError::new(
                Status::Timeout,
                "sandbox.stop_timeout",
                format!("sandbox {:?} was still ending at the deadline", self.name()),
            )
            .remedy("kill it")
            .detail("sandbox", self.name()));
        }
        self.confirm_ended()
    }

    /// Makes sure that the row says so too: a runner that was killed could not write it.
    fn confirm_ended(&self) -> Result<(), MsbError> {
        // The lock comes free a moment after the end was recorded, or after the link of a killed runner closed.
        let give_up = Deadline::after(LOCK_RELEASE);
        loop {
            let row = match self.settled_row() {
                // Removed with its end, as an ephemeral one is, or by somebody else.
                Err(error) if error.status() == Status::NotFound => return Ok(()),
                other => other?.1,
            };
            if !row.status.is_active() {
                self.wait_unlocked()?;
                return Ok(());
            }
            if row.status == SandboxStatus::Starting || give_up.has_passed() {
                return Err(MsbError::new(
                    Status::Conflict,
                    "sandbox.started",
                    format!("sandbox {:?} was started by somebody else meanwhile", self.name()),
                )
                .retryable(true));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
    }
}

/// Waits until the run is over on this link; a closed link without a record is over too.
pub(super) fn wait_over(link: &Link, deadline: Deadline) -> bool {
    link.wait_for(deadline, |state| {
        (state.exit.is_some() || state.closed).then_some(())
    })
    .is_some()
}
