//! One command in the guest: what to run, how it failed to start, how it ended.
//!
//! A stream opens with [`StreamRequest::Exec`], or with [`StreamRequest::Files`] for a worker of the agent's own
//! (see [`crate::files`]), which is like a command on pipes that has no error channel. It is over with
//! [`StreamReply::SpawnFailed`] or [`StreamReply::Exited`], after which its number may be used again. The agent
//! sends every byte of output that the command wrote before it exited ahead of `Exited`.

use crate::files::FilesSpec;
use serde::{Deserialize, Serialize};

/// A limit on one resource, as in setrlimit(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// Lower-case name without `RLIMIT_`: `nofile`, `nproc`, `as`, ...
    pub resource: String,
    /// Soft limit; `u64::MAX` is unlimited.
    pub soft: u64,
    /// Hard limit; `u64::MAX` is unlimited.
    pub hard: u64,
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecSpec {
    /// Program: a path, or a name looked up in the `PATH` of the command's environment.
    pub program: String,
    /// Arguments after the program's name.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables set over the sandbox's own environment.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// Working directory; absent means the sandbox's.
    #[serde(default)]
    pub cwd: Option<String>,
    /// `user`, `uid`, `user:group` or `uid:gid`; absent means the sandbox's.
    #[serde(default)]
    pub user: Option<String>,
    /// Terminal to run in; absent means pipes.
    #[serde(default)]
    pub tty: Option<TerminalSize>,
    /// Milliseconds until the process group is killed; absent means never.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Limits set before the program starts.
    #[serde(default)]
    pub rlimits: Vec<Rlimit>,
    /// Whether standard input is a pipe that the host feeds; otherwise it is /dev/null.
    #[serde(default)]
    pub stdin: bool,
    /// Whether the host waits for the end alone: that the command runs, or that a channel ended, may then be said up to
    /// a few milliseconds late, together with what comes next.
    #[serde(default)]
    pub collected: bool,
    /// Credit that each output channel starts with, in bytes; see [`crate::credit`].
    pub window: u32,
}

/// What a client sends on a command's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamRequest {
    /// Opens the stream for a command.
    Exec(Box<ExecSpec>),
    /// Opens the stream for a files session.
    Files(FilesSpec),
    /// Sends a signal to the command's process group.
    Signal {
        /// Linux signal number.
        signal: i32,
    },
    /// Changes the terminal's size.
    Resize(TerminalSize),
    /// The client lost interest: the command goes on, its output is thrown away, its input ends. The worker of a files
    /// session ends with it.
    Abandon,
}

/// Why a command did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpawnFailure {
    /// No such program.
    NotFound,
    /// The program, or a directory on the way to it, may not be used by this user.
    PermissionDenied,
    /// The file is there but the kernel cannot run it.
    NotExecutable,
    /// The working directory cannot be entered.
    BadCwd,
    /// The user or group does not exist or cannot be taken on.
    BadUser,
    /// Arguments or environment are malformed or too long.
    BadArgs,
    /// A resource limit is unknown or was refused.
    ResourceLimit,
    /// No memory or no process slot was left in the guest.
    OutOfMemory,
    /// No terminal could be made.
    PtySetupFailed,
    /// Too many commands run at once.
    TooManyStreams,
    /// Anything else; the errno says more.
    Other,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecExit {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Whether its own timeout ended it.
    pub timed_out: bool,
    /// Whether something it started still held its output open; what that writes is thrown away.
    pub output_open: bool,
}

/// What the agent (or, for [`StreamReply::SpawnFailed`], the runner) sends on a command's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamReply {
    /// It runs.
    Started {
        /// Process id in the guest.
        pid: u32,
    },
    /// It never ran; the stream is over.
    SpawnFailed {
        /// Typed reason.
        kind: SpawnFailure,
        /// errno of the failed call; 0 when none applies.
        errno: i32,
        /// What was being done: `lookup`, `chdir`, `setuid`, `execve`, ...
        stage: String,
        /// One sentence for a person.
        message: String,
    },
    /// It ended and all its output was sent; the stream is over.
    Exited(ExecExit),
}
