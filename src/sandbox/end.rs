//! How a run ended, in the words of the store and of the ABI.

use msb_protocol::exit::{ExitRecord, StopMethod};
use msb_store::{RunEnd, RunRow, RunStatus, TerminationDetail, TerminationReason, Timestamp, unix_ms};

/// How a run ended, for a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What ended it, in the store's spelling.
    pub reason: String,
    /// Whether this was a crash rather than a stop.
    pub crashed: bool,
    /// Exit code of the VMM, if it exited.
    pub exit_code: Option<i32>,
    /// Signal that ended the VMM, if one did.
    pub signal: Option<i32>,
    /// Whether the VMM had to be killed although a stop was asked for.
    pub killed: bool,
    /// Whether the guest reported that everything was flushed and unmounted.
    pub clean: bool,
    /// One sentence for a person.
    pub message: String,
    /// Last lines of the console; empty for an orderly end.
    pub console_tail: String,
    /// When the run began, in milliseconds since 1970 UTC; 0 when it never did.
    pub started_unix_ms: u64,
    /// When it ended, in milliseconds since 1970 UTC.
    pub ended_unix_ms: u64,
}

impl From<ExitRecord> for End {
    fn from(record: ExitRecord) -> Self {
        Self {
            reason: TerminationReason::from(record.reason).as_str().to_owned(),
            crashed: record.crashed,
            exit_code: record.exit_code,
            signal: record.signal,
            killed: record.method == Some(StopMethod::Killed),
            clean: record.clean,
            message: record.message,
            console_tail: record.console_tail,
            started_unix_ms: record.started_unix_ms,
            ended_unix_ms: record.ended_unix_ms,
        }
    }
}

impl End {
    /// From the store, given whether the sandbox counts as crashed.
    pub fn from_row(run: &RunRow, crashed: bool) -> Self {
        if run.status == RunStatus::Running {
            // Its sandbox does not run, so nobody could write how it ended.
            let died = runner_died();
            return Self::from_row(
                &RunRow {
                    status: RunStatus::Terminated,
                    reason: Some(died.reason),
                    detail: died.detail,
                    ..run.clone()
                },
                crashed,
            );
        }
        let detail = run.detail.clone().unwrap_or_default();
        Self {
            reason: run
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| reason.as_str().to_owned()),
            crashed,
            exit_code: run.exit_code,
            signal: run.exit_signal,
            killed: detail.how.as_deref() == Some(KILLED),
            clean: detail.clean,
            message: detail.message,
            console_tail: detail.console_tail.unwrap_or_default(),
            started_unix_ms: moment(run.started_at.as_ref()),
            ended_unix_ms: moment(run.terminated_at.as_ref()),
        }
    }
}

fn moment(time: Option<&Timestamp>) -> u64 {
    time.and_then(Timestamp::to_system_time).map_or(0, unix_ms)
}

/// The store's word for a stop that had to kill.
pub const KILLED: &str = "killed";

/// The end of a run whose runner disappeared without a record, and whose row is gone since.
pub fn lost() -> End {
    End {
        reason: TerminationReason::RunnerDied.as_str().to_owned(),
        crashed: true,
        exit_code: None,
        signal: None,
        killed: false,
        clean: false,
        message: RUNNER_DIED.to_owned(),
        console_tail: String::new(),
        started_unix_ms: 0,
        ended_unix_ms: 0,
    }
}

const RUNNER_DIED: &str = "the sandbox's runner ended without a record: it was killed, or the host went down";

/// The record for a runner that disappeared without one.
pub fn runner_died() -> RunEnd {
    RunEnd {
        detail: Some(TerminationDetail {
            message: RUNNER_DIED.to_owned(),
            ..TerminationDetail::default()
        }),
        ..RunEnd::because(TerminationReason::RunnerDied)
    }
}
