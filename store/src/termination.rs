//! How a run ended: reason, exit record and detail, as kept in the table `run`.
//!
//! Invariant: whatever text a run row holds is read back, never refused and never dropped.

use msb_protocol::exit::ExitReason;
use serde::{Deserialize, Serialize};

/// Why a run ended, as stored in `run.termination_reason`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TerminationReason {
    /// The guest ended by itself and reported success.
    Completed,
    /// The guest ended by itself and reported a failure.
    Failed,
    /// The sandbox's longest allowed run time passed.
    MaxDurationExceeded,
    /// Nothing happened in the guest for the idle timeout.
    IdleTimeout,
    /// The guest agent stopped answering.
    AgentUnresponsive,
    /// A stop was asked for.
    ShutdownRequested,
    /// A drain was asked for.
    DrainRequested,
    /// A signal ended it on request (kill).
    Signal,
    /// The runner failed.
    InternalError,
    /// The process that owned an attached sandbox is gone.
    OwnerExited,
    /// The guest did not come up.
    BootFailed,
    /// The guest broke the agent protocol.
    ProtocolViolation,
    /// The runner disappeared without a record.
    RunnerDied,
    /// The virtual machine monitor ended without having been asked to.
    VmmCrashed,
    /// A reason that this version does not know, word for word.
    Other(String),
}

impl TerminationReason {
    const KNOWN: [Self; 14] = [
        Self::Completed,
        Self::Failed,
        Self::MaxDurationExceeded,
        Self::IdleTimeout,
        Self::AgentUnresponsive,
        Self::ShutdownRequested,
        Self::DrainRequested,
        Self::Signal,
        Self::InternalError,
        Self::OwnerExited,
        Self::BootFailed,
        Self::ProtocolViolation,
        Self::RunnerDied,
        Self::VmmCrashed,
    ];

    /// The stored spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::MaxDurationExceeded => "MaxDurationExceeded",
            Self::IdleTimeout => "IdleTimeout",
            Self::AgentUnresponsive => "AgentUnresponsive",
            Self::ShutdownRequested => "ShutdownRequested",
            Self::DrainRequested => "DrainRequested",
            Self::Signal => "Signal",
            Self::InternalError => "InternalError",
            Self::OwnerExited => "OwnerExited",
            Self::BootFailed => "BootFailed",
            Self::ProtocolViolation => "ProtocolViolation",
            Self::RunnerDied => "RunnerDied",
            Self::VmmCrashed => "VmmCrashed",
            Self::Other(text) => text,
        }
    }

    /// The reason of a stored spelling.
    pub fn parse(text: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|reason| reason.as_str() == text);
        known.unwrap_or_else(|| Self::Other(text.to_owned()))
    }
}

impl From<ExitReason> for TerminationReason {
    fn from(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Completed => Self::Completed,
            ExitReason::StopRequested => Self::ShutdownRequested,
            ExitReason::KillRequested => Self::Signal,
            ExitReason::IdleTimeout => Self::IdleTimeout,
            ExitReason::MaxDuration => Self::MaxDurationExceeded,
            ExitReason::OwnerExited => Self::OwnerExited,
            ExitReason::BootFailed => Self::BootFailed,
            ExitReason::VmmCrashed => Self::VmmCrashed,
            ExitReason::ProtocolViolation => Self::ProtocolViolation,
            ExitReason::RunnerDied => Self::RunnerDied,
            ExitReason::InternalError => Self::InternalError,
        }
    }
}

/// What else is known about an end, stored as JSON in `run.termination_detail`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminationDetail {
    /// One sentence for people.
    pub message: String,
    /// Whether the guest's filesystems were synced and unmounted.
    pub clean: bool,
    /// The last lines of the console, where they help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_tail: Option<String>,
    /// How it was brought about: asked, forced, killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
}

impl TerminationDetail {
    /// Reads a stored detail; text that is not this structure becomes the message.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self {
            message: text.to_owned(),
            ..Self::default()
        })
    }
}

/// The exit record of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// The exit code, if it ended with one.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub exit_signal: Option<i32>,
    /// Why it ended.
    pub reason: TerminationReason,
    /// What else is known.
    pub detail: Option<TerminationDetail>,
    /// The signals that were sent to bring it about, in order.
    pub signals_sent: Vec<i32>,
}

impl RunEnd {
    /// An end of which only the reason is known.
    pub fn because(reason: TerminationReason) -> Self {
        Self {
            exit_code: None,
            exit_signal: None,
            reason,
            detail: None,
            signals_sent: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_its_spelling_and_unknown_ones_are_kept() {
        for reason in TerminationReason::KNOWN {
            assert_eq!(TerminationReason::parse(reason.as_str()), reason);
        }
        assert_eq!(TerminationReason::parse("Eaten").as_str(), "Eaten");
    }

    #[test]
    fn a_detail_in_foreign_words_becomes_the_message() {
        let detail = TerminationDetail::parse("the dog ate it");
        assert_eq!(detail.message, "the dog ate it");
        assert!(!detail.clean);
    }
}
