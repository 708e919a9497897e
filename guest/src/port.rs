//! The console port of the agent link: found by its name, never by its number.

use crate::mount::device_node;
use msb_protocol::AGENT_PORT;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Where the kernel lists console ports.
const PORTS: &str = "/sys/class/virtio-ports";
/// Bit of the feature that lets one slot of a virtio queue hold a list of buffers.
const INDIRECT_LISTS: usize = 28;
/// How long the port may take to appear.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for; the kernel has no event for it that costs less.
const PERIOD: Duration = Duration::from_millis(1);

/// No link to the host.
#[derive(Debug, Error)]
pub enum PortError {
    /// No port has the name.
    #[error("the machine has no console port `{AGENT_PORT}`; the runner must attach one")]
    Missing,
    /// The port is there but cannot be opened.
    #[error("the console port {path} cannot be opened; another process may hold it")]
    Open {
        /// Its device node.
        path: PathBuf,
        /// Why.
        #[source]
        errno: Errno,
    },
}

/// The open port.
#[derive(Debug)]
pub struct Port {
    /// Non-blocking.
    pub fd: OwnedFd,
    /// Whether splice(2) to it works whatever is on its way already: its queue must hold lists of pages in one
    /// slot each, because the kernel drops a list that does not fit.
    pub takes_pages: bool,
}

/// Opens the port as soon as it appears.
pub fn open() -> Result<Port, PortError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let failure = match find() {
            None => PortError::Missing,
            Some(name) => {
                let path = device_node(&name);
                let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                match rustix::fs::open(&path, flags, Mode::empty()) {
                    Ok(fd) => {
                        let takes_pages = has_indirect_lists(&name);
                        return Ok(Port { fd, takes_pages });
                    }
                    Err(errno) => PortError::Open { path, errno },
                }
            }
        };
        if Instant::now() >= until {
            return Err(failure);
        }
        sleep(PERIOD);
    }
}

/// The device's features as the kernel lists them: one digit a bit, from bit 0 on.
fn has_indirect_lists(name: &str) -> bool {
    fs::read_to_string(format!("{PORTS}/{name}/device/features"))
        .is_ok_and(|features| features.as_bytes().get(INDIRECT_LISTS) == Some(&b'1'))
}

/// The name of the port's device.
fn find() -> Option<String> {
    fs::read_dir(PORTS)
        .ok()?
        .filter_map(Result::ok)
        .find(|port| fs::read_to_string(port.path().join("name")).is_ok_and(|name| name.trim() == AGENT_PORT))
        .and_then(|port| port.file_name().into_string().ok())
}
