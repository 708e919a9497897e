//! Decides from what was seen how a run ended.
//!
//! Pure, so that every case is a line in a test. What was asked for comes first, except that a VMM that
//! ended abnormally without being killed by us is always a crash.

use msb_protocol::agent::BootFailure;
use msb_protocol::exit::{ExitReason, ExitRecord, StopMethod};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Most characters of a record's message: with the console's tail it must fit in one frame, or nobody would hear of
/// the end.
const MAX_MESSAGE: usize = 4000;

/// What the supervisor saw of a run.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What the end was asked for by, if it was.
    pub requested: Option<ExitReason>,
    /// Whether the supervisor killed the VMM.
    pub killed: bool,
    /// The VMM's exit status; absent when there was no VMM or it could not be reaped.
    pub status: Option<ExitStatus>,
    /// Whether the kernel said that it panicked.
    pub panicked: bool,
    /// The guest's own report of its shutdown.
    pub clean: Option<bool>,
    /// Why it did not come up.
    pub boot_failure: Option<BootFailure>,
    /// What the guest did wrong.
    pub violation: Option<String>,
    /// What went wrong on the host.
    pub internal: Option<String>,
    /// The console's last lines.
    pub console_tail: String,
    /// When the run began, in milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
    /// When it ended, in milliseconds since 1970 UTC.
    pub ended_unix_ms: u64,
}

impl Facts {
    /// The record of the run.
    pub fn verdict(self) -> ExitRecord {
        let (exit_code, signal) = (
            self.status.and_then(|s| s.code()),
            self.status.and_then(|s| s.signal()),
        );
        let abnormal = !self.killed && (signal.is_some() || exit_code.is_some_and(|code| code != 0));
        let (reason, crashed, mut message) = self.cause(abnormal);
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
        }
        let method = self.requested.map(|_| match self.killed {
            true => StopMethod::Killed,
            false => StopMethod::Graceful,
        });
        ExitRecord {
            reason,
            crashed,
            exit_code,
            signal,
            method,
            clean: self.clean.unwrap_or(false),
            message,
            console_tail: if crashed { self.console_tail } else { String::new() },
            started_unix_ms: self.started_unix_ms,
            ended_unix_ms: self.ended_unix_ms,
        }
    }

    fn cause(&self, abnormal: bool) -> (ExitReason, bool, String) {
        if let Some(failure) = &self.boot_failure {
            return (ExitReason::BootFailed, true, failure.message.clone());
        }
        if let Some(violation) = &self.violation {
            return (ExitReason::ProtocolViolation, true, violation.clone());
        }
        if let Some(internal) = &self.internal {
            return (ExitReason::InternalError, true, internal.clone());
        }
        if abnormal {
            return (
                ExitReason::VmmCrashed,
                true,
                format!("the VMM {}", ending(self.status)),
            );
        }
        let reason = self.requested.unwrap_or(ExitReason::Completed);
        if self.panicked {
            return (
                reason,
                true,
                "the guest's kernel panicked; its last lines say why".to_owned(),
            );
        }
        (reason, false, self.orderly_end(reason))
    }

    fn orderly_end(&self, reason: ExitReason) -> String {
        let cause = match reason {
            ExitReason::StopRequested => "a client asked it to stop",
            ExitReason::KillRequested => "a client asked to kill it",
            ExitReason::IdleTimeout => "nobody used it for its idle timeout",
            ExitReason::MaxDuration => "it reached its longest allowed duration",
            ExitReason::OwnerExited => "its owner went away",
            _ => "the guest ended by itself",
        };
        match (self.killed, reason) {
            (true, ExitReason::KillRequested) | (false, _) => cause.to_owned(),
            (true, _) => format!("{cause}; it had to be killed"),
        }
    }
}

/// `was killed by signal 9`, for a sentence.
pub fn ending(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("ended with exit code {code}"),
        Some((_, Some(signal))) => format!("was killed by signal {signal}"),
        _ => "did not end after SIGKILL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::agent::BootStage;

    const EXIT_0: i32 = 0;
    const EXIT_3: i32 = 3 << 8;
    const SIGKILL: i32 = 9;
    const SIGSEGV: i32 = 11;

    fn judged(raw: i32, change: impl FnOnce(&mut Facts)) -> (ExitReason, bool, Option<StopMethod>) {
        let mut facts = Facts {
            status: Some(ExitStatus::from_raw(raw)),
            ..Facts::default()
        };
        change(&mut facts);
        let record = facts.verdict();
        assert!(!record.message.is_empty());
        (record.reason, record.crashed, record.method)
    }

    #[test]
    fn an_end_is_what_it_was_asked_for() {
        for reason in [
            ExitReason::StopRequested,
            ExitReason::IdleTimeout,
            ExitReason::OwnerExited,
        ] {
            let graceful = judged(EXIT_0, |facts| facts.requested = Some(reason));
            assert_eq!(graceful, (reason, false, Some(StopMethod::Graceful)));
            let killed = judged(SIGKILL, |facts| {
                facts.requested = Some(reason);
                facts.killed = true;
            });
            assert_eq!(killed, (reason, false, Some(StopMethod::Killed)));
        }
    }

    #[test]
    fn an_end_by_itself_is_completed_or_a_crash() {
        assert_eq!(judged(EXIT_0, |_| {}), (ExitReason::Completed, false, None));
        assert_eq!(
            judged(EXIT_0, |facts| facts.panicked = true),
            (ExitReason::Completed, true, None)
        );
        assert_eq!(judged(EXIT_3, |_| {}), (ExitReason::VmmCrashed, true, None));
        assert_eq!(judged(SIGKILL, |_| {}), (ExitReason::VmmCrashed, true, None));
    }

    #[test]
    fn a_record_is_short_enough_to_be_sent() {
        let facts = Facts {
            internal: Some("é".repeat(1 << 20)),
            ..Facts::default()
        };
        assert_eq!(facts.verdict().message.chars().count(), MAX_MESSAGE);
    }

    #[test]
    fn a_crash_during_a_stop_is_still_a_crash() {
        let crashed = judged(SIGSEGV, |facts| facts.requested = Some(ExitReason::StopRequested));
        assert_eq!(
            crashed,
            (ExitReason::VmmCrashed, true, Some(StopMethod::Graceful))
        );
    }

    #[test]
    fn failures_to_boot_and_violations_come_before_the_kill_they_cause() {
        let failure = BootFailure {
            stage: BootStage::Mount,
            errno: 2,
            message: "no root".into(),
            console_tail: String::new(),
        };
        let boot = judged(SIGKILL, |facts| {
            facts.killed = true;
            facts.boot_failure = Some(failure);
        });
        assert_eq!(boot, (ExitReason::BootFailed, true, None));
        let violation = judged(SIGKILL, |facts| {
            facts.killed = true;
            facts.violation = Some("lies".into());
        });
        assert_eq!(violation, (ExitReason::ProtocolViolation, true, None));
    }
}
