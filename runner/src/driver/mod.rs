//! The hypervisors: each turns a launch spec into a running VMM and the three ends that its supervisor holds.
//!
//! Both follow one boot contract: the same kernel, initramfs, command line, console, agent port, disk serial and
//! share tag, so a guest cannot tell which of them it runs on. Nothing about one sandbox is in any of them but
//! its two host paths; the rest reaches the agent after it is ready.

#[cfg(feature = "krun")]
mod beneath;
mod disk;
mod input;
mod join;
#[cfg(feature = "krun")]
pub mod krun;
mod layout;
#[cfg(feature = "krun")]
mod metered;
#[cfg(feature = "process")]
pub mod process;
mod qemu;
#[cfg(feature = "krun")]
mod stage;
#[cfg(feature = "krun")]
mod sys;

pub(crate) use layout::{Disk, Sectors, Share};

use crate::confine::FenceError;
use msb_protocol::agent::{BootFailure, BootStage, GuestMount, GuestRoot};
use msb_protocol::launch::{Driver, LaunchSpec};
use msb_protocol::machine::MOST_EXTENTS;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Kernel command line of every guest.
const COMMAND_LINE: &str = "console=hvc0 reboot=t panic=-1 quiet nomodule no-kvmapf rdinit=/init";

/// How long a killed child may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks at a child that was killed.
const KILL_PAUSE: Duration = Duration::from_millis(1);

/// A VMM that was started, and everything its supervisor holds of it.
#[derive(Debug)]
pub struct SpawnedVmm {
    /// The VMM.
    pub child: Child,
    /// Processes that serve it and end by themselves after it; a guest hangs when one ends before it.
    pub helpers: Vec<Child>,
    /// The agent link, not blocking.
    pub agent: UnixStream,
    /// The guest's console and whatever the VMM itself says, not blocking; its end means that the VMM is gone.
    pub console: OwnedFd,
    /// Closing it kills the VMM.
    pub lifeline: OwnedFd,
    /// What the guest mounts; absent for the process driver.
    pub tree: Option<GuestTree>,
}

/// The guest's file systems, by the names under which its machine has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestTree {
    /// The root.
    pub root: GuestRoot,
    /// What is mounted in it.
    pub mounts: Vec<GuestMount>,
}

/// Starts the VMM that `spec` describes.
pub fn spawn(spec: &LaunchSpec) -> Result<SpawnedVmm, BootFailure> {
    match spec.driver {
        Driver::QemuKvm | Driver::QemuTcg => Ok(qemu::spawn(spec)?),
        #[cfg(feature = "krun")]
        Driver::Krun => Ok(krun::spawn(spec)?),
        #[cfg(not(feature = "krun"))]
        Driver::Krun => Err(DriverError::NotBuilt("krun").into()),
        #[cfg(feature = "process")]
        Driver::Process => process::spawn(spec),
        #[cfg(not(feature = "process"))]
        Driver::Process => Err(DriverError::NotBuilt("process").into()),
    }
}

/// Why a VMM could not be started.
#[derive(Debug, Error)]
pub enum DriverError {
    /// The driver is not in this build.
    #[error("this build has no `{0}` driver; choose another driver or build with that feature")]
    NotBuilt(&'static str),
    /// The launch spec lacks something that the driver needs.
    #[error("the launch spec names no {0}; give it one")]
    Missing(&'static str),
    /// A path that the hypervisor cannot take.
    #[error("{} {path:?} is not UTF-8, which the hypervisor cannot take; move it", .what)]
    NotUtf8 {
        /// What it is the path of.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// More processors than the hypervisor takes.
    #[error("{0} virtual CPUs are more than the hypervisor takes; ask for at most 255")]
    TooManyCpus(u32),
    /// A file that the guest needs cannot be used.
    #[error("cannot use the {what} {path:?}: {source}; check that it exists and may be read")]
    Input {
        /// What it is.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else has the disk.
    #[error(
        "the disk {0:?} is in use by another sandbox or process; stop that one, or attach it read-only to all"
    )]
    DiskBusy(PathBuf),
    /// More mounts than the machine has devices for.
    #[error(
        "{wanted} mounts of directories, files and disks are more than the {most} that this driver's machine takes; \
         mount a common parent directory instead"
    )]
    TooManyMounts {
        /// How many were asked for.
        wanted: usize,
        /// How many there may be.
        most: usize,
    },
    /// An image in more files than a disk can be joined of.
    #[error(
        "the image's {0} files are more than the {MOST_EXTENTS} that one disk can go over; rebuild it with fewer layers"
    )]
    TooManyLayers(usize),
    /// A mount that this machine cannot have as it is.
    #[error("the mount at {guest_path:?} is not possible: {refusal}")]
    Unsupported {
        /// Where in the guest.
        guest_path: String,
        /// Why, and what to do.
        refusal: &'static str,
    },
    /// A single file on another file system than the sandbox's directory.
    #[error(
        "the driver `krun` cannot share the single file {0:?}, because it is on another file system than the sandbox's \
         directory; share its directory, or choose the driver `qemu`"
    )]
    NotLinkable(PathBuf),
    /// A program cannot be started.
    #[error("cannot start {program:?}: {source}; check that it is installed and may be run")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A resource of this process ran out.
    #[error("cannot make {what}: {source}; check the limits on open files and memory")]
    Resource {
        /// What was to be made.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The files that a program may open cannot be limited.
    #[error("cannot confine the hypervisor: {0}")]
    Fence(#[source] FenceError),
    /// A child that was started reported that it could not do its part.
    #[error("{}", .0.message)]
    Child(BootFailure),
    /// A child that was started did not report in time.
    #[error("a helper process did not come up in {after_ms} ms; try again when the machine is less busy")]
    Silent {
        /// What the child was to do.
        stage: BootStage,
        /// How long it was waited for.
        after_ms: u64,
    },
}

impl From<DriverError> for BootFailure {
    fn from(error: DriverError) -> Self {
        let message = error.to_string();
        let (stage, errno) = match error {
            DriverError::Child(failure) => return failure,
            DriverError::Input { what, source, .. } => {
                let stage = if matches!(what, input::ROOT | input::SHARE) {
                    BootStage::Share
                } else {
                    BootStage::Vmm
                };
                (stage, source.raw_os_error())
            }
            DriverError::Start { source, .. } | DriverError::Resource { source, .. } => {
                (BootStage::Vmm, source.raw_os_error())
            }
            DriverError::DiskBusy(_) => (BootStage::Vmm, Some(libc::EBUSY)),
            DriverError::Silent { stage, .. } => (stage, Some(libc::ETIMEDOUT)),
            _ => (BootStage::Vmm, None),
        };
        Self {
            stage,
            errno: errno.unwrap_or(0),
            message,
            console_tail: String::new(),
        }
    }
}

/// The two ends of one link.
struct Ends<T> {
    ours: T,
    theirs: OwnedFd,
}

/// A new agent link; only our end never blocks.
fn agent_link() -> Result<Ends<UnixStream>, DriverError> {
    let made = UnixStream::pair().and_then(|(ours, theirs)| {
        ours.set_nonblocking(true)?;
        Ok(Ends {
            ours,
            theirs: theirs.into(),
        })
    });
    made.map_err(|source| DriverError::Resource {
        what: "the agent link",
        source,
    })
}

/// Kills a child and waits for its end, but not for ever: one that hangs in the kernel does not even heed SIGKILL.
/// None when it did not end.
pub fn end(child: &mut Child) -> Option<ExitStatus> {
    // An error means that it is gone already; either way its zombie is collected.
    let _ = child.kill();
    let give_up = Instant::now() + KILL_PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < give_up => std::thread::sleep(KILL_PAUSE),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests;
