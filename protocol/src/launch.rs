//! Everything the runner needs to run one sandbox, resolved and checked by the library.

use crate::agent::GuestSpec;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which hypervisor runs the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// libkrun, in a child of the runner; needs working hardware virtualization.
    Krun,
    /// QEMU with KVM.
    QemuKvm,
    /// QEMU with its own emulation; works everywhere.
    QemuTcg,
    /// The agent as an ordinary child: for tests only.
    Process,
}

/// Host side of the root's read-only layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostLower {
    /// A directory, shared read-only.
    Directory {
        /// Where it is.
        path: PathBuf,
    },
}

/// Host side of the root's writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostUpper {
    /// A raw ext4 image.
    Disk {
        /// Where it is.
        path: PathBuf,
    },
    /// Guest memory.
    Tmpfs {
        /// Most it may hold, in MiB.
        size_mib: u64,
    },
}

/// When and how the sandbox ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetime {
    /// Whether it goes on without the link that launched it.
    pub detached: bool,
    /// Whether its directory and row go when it ends.
    pub ephemeral: bool,
    /// Milliseconds from launch to [`crate::client::RunnerMessage::Ready`] at most.
    pub boot_timeout_ms: u64,
    /// Milliseconds without a running command or client request until it is stopped.
    pub idle_timeout_ms: Option<u64>,
    /// Milliseconds from Ready until it is stopped.
    pub max_duration_ms: Option<u64>,
    /// Milliseconds that an orderly end of its own accord (idle, duration, owner gone) may take.
    pub stop_grace_ms: u64,
}

/// A sandbox to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// [`crate::PROTOCOL_VERSION`] of the library.
    pub protocol: u32,
    /// Row in table `sandbox`.
    pub sandbox_id: i64,
    /// Its name.
    pub name: String,
    /// Its directory; the runner locks it for life and keeps socket, logs and state below it.
    pub directory: PathBuf,
    /// The store's file.
    pub database: PathBuf,
    /// Milliseconds that a write to the store may wait for others.
    pub busy_timeout_ms: u64,
    /// Which hypervisor.
    pub driver: Driver,
    /// Kernel as ELF; absent for the process driver.
    pub kernel: Option<PathBuf>,
    /// Initial file system with the agent as /init; absent for the process driver.
    pub initramfs: Option<PathBuf>,
    /// The agent's executable, for the process driver.
    pub agent: Option<PathBuf>,
    /// QEMU's executable, for its drivers.
    pub qemu: Option<PathBuf>,
    /// Virtual CPUs, at least 1.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Read-only layer of the root; absent for the process driver.
    pub lower: Option<HostLower>,
    /// Writable layer of the root; absent for the process driver.
    pub upper: Option<HostUpper>,
    /// The machine inside. The runner fills in `root`, `clock_unix_ns` and `entropy`.
    pub guest: GuestSpec,
    /// When it ends.
    pub lifetime: Lifetime,
    /// Most bytes that the console log and the runner's log each keep.
    pub log_bytes: u64,
}
