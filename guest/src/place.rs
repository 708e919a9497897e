//! Where the agent lives: a machine of its own, or (for tests) an ordinary process among others.
//!
//! Everything that differs between the two is here; the rest of the agent does not know.

use crate::boot;
use crate::link::Link;
use crate::mount::{MountError, Root};
use crate::spawn::Spawner;
use msb_protocol::agent::{BootFailure, GuestSpec};
use rustix::fs::OFlags;
use rustix::io::Errno;
#[cfg(feature = "process")]
use std::collections::BTreeSet;
use thiserror::Error;

/// Why the agent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The host asked for it, or was told that the boot failed.
    Asked,
    /// Nobody is at the other end of the link.
    HostGone,
}

/// A place that cannot be set up.
#[derive(Debug, Error)]
pub enum PlaceError {
    /// A file system of the machine itself.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// The link could not be made to wait.
    #[error("the link's mode cannot be changed; the kernel lacks fcntl on console ports")]
    LinkMode(#[source] Errno),
}

/// Where the agent lives.
pub enum Place {
    /// PID 1 of a machine.
    Machine(Root),
    /// A child of somebody, with the process groups that it started.
    #[cfg(feature = "process")]
    Process(BTreeSet<i32>),
}

impl Place {
    /// Makes what the host describes; afterwards commands may run.
    pub fn make(&mut self, spec: &GuestSpec, spawner: &mut Spawner) -> Result<(), BootFailure> {
        match self {
            Self::Machine(root) => boot::make_machine(spec, root)?,
            #[cfg(feature = "process")]
            Self::Process(_) => {}
        }
        spawner.set_defaults(spec).map_err(boot::bad_defaults)
    }

    /// Flushes and unmounts everything; true when nothing can be lost any more.
    pub fn unmake(&mut self) -> bool {
        match self {
            Self::Machine(root) => root.unmount(),
            #[cfg(feature = "process")]
            Self::Process(_) => true,
        }
    }

    /// Whether the host's end of the link may come back after it was gone.
    pub fn host_may_return(&self) -> bool {
        match self {
            Self::Machine(_) => true,
            #[cfg(feature = "process")]
            Self::Process(_) => false,
        }
    }

    /// The host is gone for good: nothing may be left behind.
    pub fn abandon(&mut self) {
        match self {
            // The machine ends with everything in it; what was written is kept.
            Self::Machine(_) => rustix::fs::sync(),
            #[cfg(feature = "process")]
            Self::Process(_) => self.signal_all(libc::SIGKILL),
        }
    }

    /// Signals every process but the agent.
    pub fn signal_all(&mut self, signal: i32) {
        match self {
            // SAFETY: signals processes, and touches no memory.
            Self::Machine(_) => drop(unsafe { libc::kill(-1, signal) }),
            #[cfg(feature = "process")]
            Self::Process(groups) => {
                for &group in groups.iter() {
                    // SAFETY: as above.
                    unsafe { libc::kill(-group, signal) };
                }
            }
        }
    }

    /// Signals a command's process group. A number that is no signal, or a group that is gone, does nothing.
    pub fn signal_group(&self, pid: i32, signal: i32) {
        // SAFETY: signals processes, and touches no memory.
        unsafe { libc::kill(-pid, signal) };
    }

    /// Notes a new command.
    pub fn command_started(&mut self, pid: i32) {
        match self {
            Self::Machine(_) => _ = pid,
            #[cfg(feature = "process")]
            Self::Process(groups) => _ = groups.insert(pid),
        }
    }

    /// A command was reaped and its stream is over; others of its group may live on.
    pub fn command_over(&mut self, pid: i32) {
        match self {
            Self::Machine(_) => _ = pid,
            #[cfg(feature = "process")]
            Self::Process(groups) => groups.retain(|&group| group != pid || group_lives(group)),
        }
    }

    /// Somebody else's child was reaped: its group may be gone now.
    pub fn orphan_reaped(&mut self) {
        match self {
            Self::Machine(_) => {}
            #[cfg(feature = "process")]
            Self::Process(groups) => groups.retain(|&group| group_lives(group)),
        }
    }

    /// The next write is the last: on a console port it must wait until the host has it, because the end of
    /// the machine throws away what is still on its way.
    pub fn before_last_words(&self, link: &Link) -> Result<(), PlaceError> {
        match self {
            Self::Machine(_) => rustix::fs::fcntl_setfl(link, OFlags::empty()).map_err(PlaceError::LinkMode),
            #[cfg(feature = "process")]
            Self::Process(_) => Ok(()),
        }
    }
}

#[cfg(feature = "process")]
fn group_lives(group: i32) -> bool {
    // SAFETY: signal 0 only asks, and touches no memory.
    unsafe { libc::kill(-group, 0) == 0 }
}
