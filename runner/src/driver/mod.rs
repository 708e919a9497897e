//! The hypervisors: each turns a launch spec into a running VMM and the three ends that its supervisor holds.
//!
//! Both follow one boot contract: the same kernel, initramfs, command line, console, agent port, disk serial and
//! share tag, so a guest cannot tell which of them it runs on. Nothing about one sandbox is in any of them but
//! its two host paths; the rest reaches the agent after it is ready.

mod input;
#[cfg(feature = "krun")]
pub mod krun;
#[cfg(feature = "process")]
pub mod process;
mod qemu;
#[cfg(feature = "krun")]
mod sys;

use crate::confine::FenceError;
use msb_protocol::agent::{BootFailure, BootStage, Lower, Upper};
use msb_protocol::launch::{Driver, HostLower, HostUpper, LaunchSpec};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Kernel command line of every guest.
const COMMAND_LINE: &str = "console=hvc0 reboot=t panic=-1 quiet nomodule no-kvmapf rdinit=/init";
/// Tag of the share that holds the root's lower layer.
const ROOT_TAG: &str = "msb-lower";
/// Serial of the disk that holds the root's upper layer; a serial has at most 20 bytes.
const UPPER_SERIAL: &str = "msb-upper";

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
    /// Where the guest finds its root; absent for the process driver.
    pub root: Option<(Lower, Upper)>,
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
                let stage = if what == input::LOWER {
                    BootStage::Share
                } else {
                    BootStage::Vmm
                };
                (stage, source.raw_os_error())
            }
            DriverError::Start { source, .. } | DriverError::Resource { source, .. } => {
                (BootStage::Vmm, source.raw_os_error())
            }
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

/// Where `spec`'s guest finds its root.
fn guest_root(spec: &LaunchSpec) -> Option<(Lower, Upper)> {
    let HostLower::Directory { .. } = spec.lower.as_ref()?;
    let upper = match spec.upper.as_ref()? {
        HostUpper::Disk { .. } => Upper::Disk {
            serial: UPPER_SERIAL.to_owned(),
        },
        HostUpper::Tmpfs { size_mib } => Upper::Tmpfs { size_mib: *size_mib },
    };
    Some((
        Lower::Share {
            tag: ROOT_TAG.to_owned(),
        },
        upper,
    ))
}

#[cfg(test)]
mod tests;
