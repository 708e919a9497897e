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

/// Opens the port as soon as it appears.
pub fn open() -> Result<OwnedFd, PortError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let failure = match find() {
            None => PortError::Missing,
            Some(path) => {
                let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                match rustix::fs::open(&path, flags, Mode::empty()) {
                    Ok(port) => return Ok(port),
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

fn find() -> Option<PathBuf> {
    fs::read_dir("/sys/class/virtio-ports")
        .ok()?
        .filter_map(Result::ok)
        .find(|port| fs::read_to_string(port.path().join("name")).is_ok_and(|name| name.trim() == AGENT_PORT))
        .and_then(|port| port.file_name().into_string().ok())
        .map(|name| device_node(&name))
}
