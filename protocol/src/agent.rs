//! The agent link's own messages, on stream 0.
//!
//! Order: the agent sends [`AgentMessage::Ready`] as soon as its port is open; nothing about one sandbox
//! has reached the guest by then. The runner answers [`HostMessage::Boot`]; the agent makes the machine
//! that it describes and sends [`AgentMessage::Booted`] or [`AgentMessage::BootFailed`]. Only then may
//! streams open.

use crate::exec::Rlimit;
use serde::{Deserialize, Serialize};

/// Where the root's read-only layer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lower {
    /// A virtiofs share.
    Share {
        /// Its tag.
        tag: String,
    },
}

/// Where the root's writes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upper {
    /// An ext4 disk with the directories `upper` and `work`.
    Disk {
        /// Its serial, at most 20 bytes.
        serial: String,
    },
    /// Memory.
    Tmpfs {
        /// Most it may hold, in MiB.
        size_mib: u64,
    },
}

/// The machine that the agent makes around the commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestSpec {
    /// Root file system: an overlay of the two. Absent only for the test driver, which keeps the root it has.
    pub root: Option<(Lower, Upper)>,
    /// Host name, at most 64 bytes.
    pub hostname: String,
    /// Environment of every command.
    pub env: Vec<(String, String)>,
    /// Working directory of every command; `/` when absent.
    pub workdir: Option<String>,
    /// User of every command; root when absent.
    pub user: Option<String>,
    /// Limits of every command.
    pub rlimits: Vec<Rlimit>,
    /// Name servers for /etc/resolv.conf; empty leaves the image's file.
    pub nameservers: Vec<String>,
    /// Nanoseconds since 1970-01-01 UTC; the guest's clock is set to it.
    pub clock_unix_ns: u64,
    /// Random bytes from the host, mixed into the guest's pool and credited; 32 to 256 of them.
    pub entropy: Vec<u8>,
}

/// What the runner tells the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostMessage {
    /// Make this machine.
    Boot(Box<GuestSpec>),
    /// End every process (TERM, then KILL after the grace), flush, unmount, report, end the machine.
    Shutdown {
        /// Milliseconds between TERM and KILL.
        grace_ms: u64,
    },
    /// Answer [`AgentMessage::Pong`].
    Ping,
}

/// Where making the machine failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootStage {
    /// Host side: the VMM could not be started.
    Vmm,
    /// Host side: the VMM ended or stayed silent before the agent answered.
    Kernel,
    /// Host side: the share of a host directory could not be served.
    Share,
    /// Guest: a file system could not be mounted.
    Mount,
    /// Guest: the host name, hosts or resolv.conf could not be set.
    Hostname,
    /// Guest: the clock or the random pool could not be set.
    Clock,
    /// Guest: the default user or working directory is wrong.
    User,
    /// Anything else.
    Other,
}

/// Why a sandbox did not come up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootFailure {
    /// Where.
    pub stage: BootStage,
    /// errno of the failed call; 0 when none applies.
    pub errno: i32,
    /// One sentence for a person.
    pub message: String,
    /// Last lines of the console; filled in by the runner.
    #[serde(default)]
    pub console_tail: String,
}

/// What the agent tells the runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentMessage {
    /// The port is open.
    Ready {
        /// [`crate::PROTOCOL_VERSION`] of the agent.
        protocol: u32,
    },
    /// The machine is made; streams may open.
    Booted,
    /// The machine could not be made; the agent ends it after this.
    BootFailed(BootFailure),
    /// Everything is ended and flushed; the machine ends after this.
    ShutdownDone {
        /// Whether every file system was unmounted or made read-only.
        clean: bool,
        /// Processes that had to be killed.
        killed: u32,
    },
    /// Answer to [`HostMessage::Ping`].
    Pong,
}
