//! The servers of host directories for QEMU's guests: virtiofs over vhost-user, one process (`msb-runner share`) for
//! each share, because each speaks to a hostile guest through shared memory.
//!
//! What is shared read-only its server refuses to change itself, whatever the guest's mount says; it cannot make or
//! change a file by system call and holds no privilege but reading. What is shared to be written is changed below its
//! directory only, and never by a device node. A server ends when QEMU's end of its socket closes.

/// Requests that a wrapped file system gets as they are.
macro_rules! pass {
    ($(fn $name:ident$(<$generic:ident: $bound:path>)?(&self $(, $argument:ident: $type:ty)*) $(-> $answer:ty)?;)*) => {
        $(fn $name$(<$generic: $bound>)?(&self $(, $argument: $type)*) $(-> $answer)? {
            self.inner.$name($($argument),*)
        })*
    };
}

mod filter;
mod frozen;
mod quota;
mod server;

pub use server::serve;

use crate::confine::{self, Keep};
use crate::driver::{DriverError, Share};
use crate::setup::{self, Report};
use msb_protocol::agent::BootStage;
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The socket's name, for the instant that it has one.
const SOCKET: &str = "share.sock";

/// What a server is told on its standard input.
#[derive(Debug, Serialize, Deserialize)]
struct SharePlan {
    /// What to serve.
    share: Share,
    /// Number of the listening socket.
    listener: RawFd,
}

/// A server that was started and reports on its own when it is up.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) child: Child,
    /// Connected to the server; for the VMM.
    pub(crate) socket: OwnedFd,
    pub(crate) report: Report,
}

impl Server {
    /// Starts a server of `share`; the socket's name lives in `directory` for an instant.
    pub(crate) fn start(directory: &Path, share: &Share) -> Result<Self, DriverError> {
        let resource = |what| move |source| DriverError::Resource { what, source };
        let (listener, socket) = connected_listener(directory).map_err(resource("the share's socket"))?;
        let listener = OwnedFd::from(listener);
        let plan = SharePlan {
            share: share.clone(),
            listener: listener.as_raw_fd(),
        };
        let program = std::env::current_exe().map_err(resource("the path of this program"))?;
        let mut command = Command::new(&program);
        command.arg("share").stderr(Stdio::null());
        let report = setup::connect(&mut command, &plan, BootStage::Share)?;
        let keep = Keep {
            fds: vec![listener],
            lifeline: None,
            capabilities: capabilities(share.read_only),
            // It applies its own once it knows its plan.
            files: None,
        };
        confine::confine(&mut command, keep);
        let child = command
            .spawn()
            .map_err(|source| DriverError::Start { program, source })?;
        Ok(Self {
            child,
            socket: socket.into(),
            report,
        })
    }
}

/// What serving takes, where the runner has it. A guest that may write acts as any of its users: files get the owners
/// and modes that it gives them, and its root may do what root may do, but only to what is below the directory. Device
/// nodes take a capability (`MKNOD`) that is not here.
pub(crate) fn capabilities(read_only: bool) -> CapabilitySet {
    if read_only {
        CapabilitySet::DAC_READ_SEARCH
    } else {
        CapabilitySet::DAC_OVERRIDE
            | CapabilitySet::CHOWN
            | CapabilitySet::FOWNER
            | CapabilitySet::FSETID
            | CapabilitySet::SETUID
            | CapabilitySet::SETGID
    }
}

/// A listening socket without a name, and a connection to it that is waiting to be accepted. The server's
/// library takes nothing but a listener.
fn connected_listener(directory: &Path) -> io::Result<(UnixListener, UnixStream)> {
    let directory = rustix::fs::open(
        directory,
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    // A socket's address holds 107 bytes, fewer than a path may have.
    let name = format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd());
    // A runner that was killed right here left its own.
    match rustix::fs::unlinkat(&directory, SOCKET, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let listener = UnixListener::bind(&name)?;
    let connected = UnixStream::connect(&name);
    rustix::fs::unlinkat(&directory, SOCKET, rustix::fs::AtFlags::empty())?;
    Ok((listener, connected?))
}

#[cfg(test)]
mod tests;
