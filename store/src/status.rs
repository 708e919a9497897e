//! The states of a sandbox and the one table of moves between them.
//!
//! Invariant: every write of `sandbox.status` by this crate is a move that [`valid_transition`] allows.

use std::fmt;

/// The state of a sandbox, as stored in `sandbox.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SandboxStatus {
    /// Exists and has never been started.
    Created,
    /// A launcher has claimed it and its runner is not up yet.
    Starting,
    /// A runner holds it.
    Running,
    /// It has been asked to stop.
    Draining,
    /// Frozen by its runner.
    Paused,
    /// Ended as it should.
    Stopped,
    /// Ended without having been asked to.
    Crashed,
}

use SandboxStatus::{Crashed, Created, Draining, Paused, Running, Starting, Stopped};

impl SandboxStatus {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 7] = [Created, Starting, Running, Draining, Paused, Stopped, Crashed];
    /// The statuses under which a process should be alive.
    pub const ACTIVE: [Self; 4] = [Starting, Running, Draining, Paused];
    /// The statuses after a run.
    pub const TERMINAL: [Self; 2] = [Stopped, Crashed];

    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Created => "Created",
            Starting => "Starting",
            Running => "Running",
            Draining => "Draining",
            Paused => "Paused",
            Stopped => "Stopped",
            Crashed => "Crashed",
        }
    }

    /// The status of a stored spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether a process should be alive under this status.
    pub fn is_active(self) -> bool {
        Self::ACTIVE.contains(&self)
    }

    /// Whether a run has ended under this status.
    pub fn is_terminal(self) -> bool {
        Self::TERMINAL.contains(&self)
    }
}

impl fmt::Display for SandboxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a sandbox may go from one status to another.
pub const fn valid_transition(from: SandboxStatus, to: SandboxStatus) -> bool {
    match from {
        Created | Stopped | Crashed => matches!(to, Starting),
        Starting => matches!(to, Running | Draining | Stopped | Crashed),
        Running => matches!(to, Draining | Paused | Stopped | Crashed),
        Draining => matches!(to, Stopped | Crashed),
        Paused => matches!(to, Running | Draining | Stopped | Crashed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_survives_its_spelling() {
        for status in SandboxStatus::ALL {
            assert_eq!(SandboxStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(SandboxStatus::parse("running"), None);
    }

    #[test]
    fn every_active_status_can_end_and_no_status_moves_to_itself() {
        for status in SandboxStatus::ALL {
            assert!(!valid_transition(status, status));
            assert!(!valid_transition(status, Created));
            assert_eq!(status.is_active(), valid_transition(status, Crashed));
            assert_eq!(status.is_active(), valid_transition(status, Stopped));
            assert_eq!(!status.is_active(), valid_transition(status, Starting));
        }
    }
}
