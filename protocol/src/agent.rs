//! The agent link's own messages, on stream 0.
//!
//! Order: the agent sends [`AgentMessage::Ready`] as soon as its port is open; nothing about one sandbox
//! has reached the guest by then. The runner answers [`HostMessage::Boot`]; the agent makes the machine
//! that it describes and sends [`AgentMessage::Booted`] or [`AgentMessage::BootFailed`]. Only then may
//! streams open.

use crate::exec::Rlimit;
use serde::{Deserialize, Serialize};

/// The guest's directory of the sandbox's scripts, the first on every command's PATH if there are any.
pub const SCRIPTS: &str = "/.msb/scripts";

/// A disk that the guest finds by its serial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestDisk {
    /// Its serial, at most 20 bytes.
    pub serial: String,
    /// Its file system, by the kernel's name; absent when its superblock is to tell.
    pub fstype: Option<String>,
}

/// Where the root's read-only layer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lower {
    /// A virtiofs share.
    Share {
        /// Its tag.
        tag: String,
    },
    /// A disk.
    Disk(GuestDisk),
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

/// The root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestRoot {
    /// An overlay of the two.
    Overlay {
        /// What is read.
        lower: Lower,
        /// What is written.
        upper: Upper,
    },
    /// A virtiofs share as it is.
    Share {
        /// Its tag.
        tag: String,
    },
}

/// What a mount in the guest shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestSource {
    /// A virtiofs share of a directory.
    Share {
        /// Its tag.
        tag: String,
    },
    /// A virtiofs share with one file.
    SharedFile {
        /// The share's tag.
        tag: String,
        /// The file's name in it.
        name: String,
    },
    /// Guest memory.
    Tmpfs {
        /// Most it may hold, in MiB; absent for half of the guest's memory.
        size_mib: Option<u64>,
        /// Mode of its root.
        mode: u32,
        /// User and group of its root.
        owner: (u32, u32),
    },
    /// A disk.
    Disk(GuestDisk),
}

/// Something more in the guest's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestMount {
    /// Absolute path; made when it is missing.
    pub path: String,
    /// What is mounted there.
    pub source: GuestSource,
    /// Nothing can be written.
    pub read_only: bool,
    /// Nothing can be run.
    pub noexec: bool,
    /// Set-user-ID bits do nothing.
    pub nosuid: bool,
    /// Device nodes do nothing.
    pub nodev: bool,
}

/// The machine that the agent makes around the commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestSpec {
    /// Root file system. Absent only for the test driver, which keeps the root it has.
    pub root: Option<GuestRoot>,
    /// What is mounted in it, in this order.
    pub mounts: Vec<GuestMount>,
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
    /// Executable files in [`SCRIPTS`]: name and content each.
    #[serde(default)]
    pub scripts: Vec<(String, String)>,
    /// Name servers for /etc/resolv.conf; empty leaves the image's file.
    pub nameservers: Vec<String>,
    /// Nanoseconds since 1970-01-01 UTC; the guest's clock is set to it.
    pub clock_unix_ns: u64,
    /// Random bytes from the host, mixed into the guest's pool and credited; 32 to 256 of them.
    pub entropy: Vec<u8>,
    /// Linux's number of the signal by which a shutdown asks every process to end.
    pub stop_signal: i32,
}

/// What the runner tells the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostMessage {
    /// Make this machine.
    Boot(Box<GuestSpec>),
    /// End every process (the stop signal, then KILL after the grace), flush, unmount, report, end the machine.
    Shutdown {
        /// Milliseconds between the stop signal and KILL.
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
    /// Host side: a patch could not be applied.
    Patch,
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
