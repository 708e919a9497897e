//! The orderly end: the stop signal (TERM, unless the sandbox has another), KILL after the grace, flush, unmount, report.
//!
//! The agent goes on serving its streams meanwhile, so that a command's last words still arrive; only new
//! commands are refused.

use crate::event_loop::{Agent, AgentError};
use crate::reap::Ending;
use msb_protocol::agent::AgentMessage;
use msb_protocol::frame::LINK_STREAM;
use std::time::{Duration, Instant};

/// Longest grace that is kept; a longer one could not be told from none.
const MAX_GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long killed processes may take to disappear.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// How often processes that appeared meanwhile are killed, too.
const KILL_PERIOD: Duration = Duration::from_millis(20);
/// How long the host may take to accept what is queued for it.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// How far the agent's life has come.
#[derive(Debug, Clone, Copy)]
pub enum Phase {
    /// Ready, and waiting for Boot.
    Waiting,
    /// Commands may run.
    Serving,
    /// Every process was asked to end.
    Terminating {
        /// When they are killed.
        until: Instant,
    },
    /// Every process is being killed.
    Killing {
        /// When those that are left no longer count.
        until: Instant,
        /// When to kill again.
        again: Instant,
        /// Processes that were killed.
        killed: u32,
    },
    /// Reported; the machine may end.
    Over,
}

impl Phase {
    /// When something has to happen although nothing else does.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Terminating { until } => Some(*until),
            Self::Killing { again, .. } => Some(*again),
            Self::Waiting | Self::Serving | Self::Over => None,
        }
    }

    /// Notes a reaped process.
    pub fn count(&mut self, ending: Ending) {
        if let Self::Killing { killed, .. } = self
            && ending.signal == Some(libc::SIGKILL)
        {
            *killed = killed.saturating_add(1);
        }
    }
}

impl Agent {
    /// Asks every process to end; a second request while that goes on can only shorten their grace.
    pub(crate) fn begin_shutdown(&mut self, grace_ms: u64) -> Result<(), AgentError> {
        let until = Instant::now() + Duration::from_millis(grace_ms).min(MAX_GRACE);
        match &mut self.phase {
            Phase::Waiting | Phase::Serving => {}
            Phase::Terminating { until: earlier } => {
                *earlier = until.min(*earlier);
                return Ok(());
            }
            Phase::Killing { .. } | Phase::Over => return Ok(()),
        }
        self.phase = Phase::Terminating { until };
        if grace_ms > 0 {
            self.place.signal_all(self.stop_signal);
            // A stopped process cannot heed it.
            self.place.signal_all(libc::SIGCONT);
        }
        self.reap()
    }

    /// Kills what outlived its grace, and gives up on what outlives even that.
    pub(crate) fn advance_shutdown(&mut self, now: Instant) -> Result<(), AgentError> {
        match &mut self.phase {
            Phase::Terminating { until } if *until <= now => {
                self.phase = Phase::Killing {
                    until: now + KILL_PATIENCE,
                    again: now,
                    killed: 0,
                };
                self.advance_shutdown(now)
            }
            Phase::Killing { until, .. } if *until <= now => self.none_left(),
            Phase::Killing { again, .. } if *again <= now => {
                *again = now + KILL_PERIOD;
                self.place.signal_all(libc::SIGKILL);
                self.reap()
            }
            _ => Ok(()),
        }
    }

    /// No process is left: when that was waited for, unmounts and reports.
    pub(crate) fn none_left(&mut self) -> Result<(), AgentError> {
        let killed = match self.phase {
            Phase::Terminating { .. } => 0,
            Phase::Killing { killed, .. } => killed,
            Phase::Waiting | Phase::Serving | Phase::Over => return Ok(()),
        };
        self.phase = Phase::Over;
        self.send()?;
        let clean = self.place.unmake();
        self.last_words(&AgentMessage::ShutdownDone { clean, killed })
    }

    /// Sends what is queued and then the message after which the machine ends.
    pub(crate) fn last_words(&mut self, message: &AgentMessage) -> Result<(), AgentError> {
        let listening = self.flush(FLUSH_PATIENCE)?;
        self.link.push_control(LINK_STREAM, message)?;
        if listening {
            self.place.before_last_words(&self.link)?;
            self.flush(FLUSH_PATIENCE)?;
        }
        Ok(())
    }
}
