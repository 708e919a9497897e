//! The client link's own messages, on stream 0.
//!
//! The owner's link opens with [`ClientMessage::Launch`], every other with [`ClientMessage::Hello`]; the
//! runner answers [`RunnerMessage::Welcome`] or [`RunnerMessage::Refused`]. After `Ready` a client may open
//! streams with numbers of its own choice; the runner keeps clients apart. The last message of a run on
//! every link is [`RunnerMessage::Exit`]; an end of file without it means that the runner was killed.

use crate::agent::BootFailure;
use crate::exit::ExitRecord;
use crate::launch::{Driver, LaunchSpec};
use serde::{Deserialize, Serialize};

/// What a client tells the runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientMessage {
    /// Run this sandbox; first message of the owner.
    Launch(Box<LaunchSpec>),
    /// First message of anyone else.
    Hello {
        /// [`crate::PROTOCOL_VERSION`] of the client.
        protocol: u32,
    },
    /// Shut the guest down; kill it when `timeout_ms` have passed. The shortest deadline asked for counts.
    Stop {
        /// Milliseconds; 0 kills at once.
        timeout_ms: u64,
    },
    /// Kill the VMM now.
    Kill,
    /// The owner lets go: the sandbox outlives this link from now on.
    Detach,
    /// Answer [`RunnerMessage::Pong`]; counts as use for the idle timeout.
    Ping,
    /// The owner's answer to [`RunnerMessage::Prepare`]: the guest is as it shall be.
    Prepared,
    /// The other answer: it could not be made so, and the start has failed.
    PrepareFailed {
        /// One sentence for a person.
        message: String,
    },
}

/// Facts about a running sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`crate::PROTOCOL_VERSION`] of the runner.
    pub protocol: u32,
    /// Row in table `run`.
    pub run_id: i64,
    /// Process id of the runner.
    pub runner_pid: u32,
    /// Process id of the VMM.
    pub vmm_pid: u32,
    /// Which hypervisor.
    pub driver: Driver,
    /// Whether it goes on without its owner.
    pub detached: bool,
    /// Whether streams may open already.
    pub ready: bool,
}

/// How long each step of a start took, in microseconds from the launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BootTimings {
    /// The VMM's process was started.
    pub vmm_spawned_us: u64,
    /// The agent said Ready.
    pub agent_ready_us: u64,
    /// The guest was made: streams may open.
    pub booted_us: u64,
}

/// What the runner tells a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerMessage {
    /// The link is accepted.
    Welcome(Welcome),
    /// The link is not accepted; it is closed after this.
    Refused {
        /// One sentence for a person.
        message: String,
    },
    /// To the owner of a launch that asked for it: the guest is made, and the owner's streams may open. Nobody else's may
    /// before it has said [`ClientMessage::Prepared`].
    Prepare,
    /// Streams may open.
    Ready(BootTimings),
    /// The sandbox did not come up; `Exit` follows.
    LaunchFailed(BootFailure),
    /// The run is over; the record is in the store already, unless `stored` is false.
    Exit {
        /// How it ended.
        record: Box<ExitRecord>,
        /// Whether the store has it.
        stored: bool,
    },
    /// Answer to [`ClientMessage::Ping`].
    Pong,
}
