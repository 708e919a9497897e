//! How a sandbox's run ended: the record that the runner writes and every waiter gets.

use serde::{Deserialize, Serialize};

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// The guest ended the machine by itself.
    Completed,
    /// A client asked it to stop.
    StopRequested,
    /// A client asked to kill it.
    KillRequested,
    /// Nobody used it for the idle timeout.
    IdleTimeout,
    /// It reached its longest allowed duration.
    MaxDuration,
    /// Its owner went away.
    OwnerExited,
    /// It did not come up.
    BootFailed,
    /// The VMM ended without the guest's doing: a crash, or a signal from elsewhere.
    VmmCrashed,
    /// The guest broke the protocol.
    ProtocolViolation,
    /// The runner itself was ended; written by whoever finds it so.
    RunnerDied,
    /// The runner failed.
    InternalError,
}

/// How a stop that was asked for went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopMethod {
    /// The guest shut down in time.
    Graceful,
    /// The deadline passed, or a kill was asked for, and the VMM was killed.
    Killed,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// What ended it.
    pub reason: ExitReason,
    /// Whether this is a crash rather than a stop.
    pub crashed: bool,
    /// Exit code of the VMM, if it exited.
    pub exit_code: Option<i32>,
    /// Signal that ended the VMM, if one did.
    pub signal: Option<i32>,
    /// How a requested stop went; absent when nothing was requested.
    pub method: Option<StopMethod>,
    /// Whether the guest reported that everything was flushed and unmounted.
    pub clean: bool,
    /// One sentence for a person.
    pub message: String,
    /// Last lines of the console; empty for an orderly end.
    pub console_tail: String,
    /// When the run began, in milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
    /// When it ended, in milliseconds since 1970 UTC.
    pub ended_unix_ms: u64,
}
