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

/// How a disk image holds its sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskFormat {
    /// One after the other.
    Raw,
    /// QEMU's copy-on-write format, without a backing file.
    Qcow2,
}

/// A disk image of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDisk {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub format: DiskFormat,
    /// Its file system, by the kernel's name; absent when the guest is to look.
    pub fstype: Option<String>,
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
    /// A disk image with a root file system, attached read-only.
    Disk(HostDisk),
    /// The layers of an image: one EROFS that is in several files, attached read-only as one disk.
    Layers {
        /// The files, in the order of their blocks; 1 to [`crate::machine::MOST_EXTENTS`] of them, each a whole number
        /// of [`crate::machine::EXTENT_ALIGNMENT`] bytes. Nobody writes to them while a sandbox runs.
        extents: Vec<PathBuf>,
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

/// Host side of the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostRoot {
    /// Copy-on-write: nothing that the guest does changes `lower`.
    Overlay {
        /// What is read.
        lower: HostLower,
        /// What is written.
        upper: HostUpper,
    },
    /// The directory itself: what the guest writes is written there. Mount points that it lacks (`/proc`, `/sys`,
    /// `/dev`, those of mounts) are made in it as empty directories or files and stay.
    Bind {
        /// Where it is.
        path: PathBuf,
    },
}

/// How much a directory may hold, counted in a ledger that every writer of the directory shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaSpec {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Most bytes that its files may hold together.
    pub bytes: u64,
    /// Most files, directories, links and so on.
    pub inodes: u64,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A directory of the host.
    Directory {
        /// Where it is.
        path: PathBuf,
        /// How much it may hold; absent when anything that fits.
        quota: Option<QuotaSpec>,
    },
    /// One file of the host, and nothing of what is beside it.
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// Guest memory.
    Tmpfs {
        /// Most it may hold, in MiB; absent for half of the guest's memory.
        size_mib: Option<u64>,
        /// Mode of its root; absent for 1777.
        mode: Option<u32>,
    },
    /// A disk image. One sandbox at a time has it, unless all have it read-only.
    Disk(HostDisk),
}

/// Something more in the guest's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostMount {
    /// Absolute path in the guest; made there when it is missing.
    pub guest_path: String,
    /// What is shown there.
    pub source: MountSource,
    /// Nothing can be written, which the host enforces too.
    pub read_only: bool,
    /// Nothing can be run.
    pub noexec: bool,
    /// Set-user-ID bits do nothing.
    pub nosuid: bool,
    /// Device nodes do nothing. On shares of directories and files none can be made in any case.
    pub nodev: bool,
    /// User and group that the guest sees everything in it owned by; absent for those of the host. For directories and
    /// files on QEMU, and for tmpfs: see [`crate::machine::unsupported`].
    pub owner: Option<(u32, u32)>,
}

/// How much the runner writes to its log: what is named and what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What made it fail.
    Error,
    /// What a person should look at.
    Warn,
    /// What belongs to a normal run.
    Info,
    /// Nothing more yet.
    Debug,
    /// Nothing more yet.
    Trace,
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
    /// The root; absent for the process driver.
    pub root: Option<HostRoot>,
    /// What else the guest sees, in the order in which it is mounted; empty for the process driver. At most
    /// [`crate::machine::most_mounts`] of them.
    pub mounts: Vec<HostMount>,
    /// Whether the owner changes files in the guest before anybody may use it: see
    /// [`crate::client::RunnerMessage::Prepare`].
    pub prepare: bool,
    /// The machine inside. The runner fills in `root`, `mounts`, `clock_unix_ns` and `entropy`.
    pub guest: GuestSpec,
    /// When it ends.
    pub lifetime: Lifetime,
    /// Most bytes that the console log and the runner's log each keep.
    pub log_bytes: u64,
    /// What the runner's log holds.
    pub log_level: LogLevel,
}
