//! The guest's names: host name, loopback, /etc/hosts and /etc/resolv.conf.
//!
//! The two files belong to the image. The agent owns one marked block at the top of each, replaces it at
//! every boot and leaves every other line as it is. In a root that is somebody's directory it changes neither: it
//! mounts what they should be over them.

use crate::mount::{MountError, Root};
use crate::user::read_regular;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use thiserror::Error;

const BLOCK_BEGIN: &str = "# libmsb: begin\n";
const BLOCK_END: &str = "# libmsb: end\n";
/// New content is written here, then renamed.
const SCRATCH: &str = "/etc/.libmsb-new";

/// A name that cannot be set.
#[derive(Debug, Error)]
pub enum NamesError {
    /// The kernel refused the host name.
    #[error("the host name `{name}` cannot be set; give one of 1 to 64 letters, digits, dots and hyphens")]
    Hostname {
        /// Which.
        name: String,
        /// Why.
        #[source]
        errno: Errno,
    },
    /// The loopback interface is missing or stays down.
    #[error("the loopback interface cannot be brought up; use the kernel that libmsb found")]
    Loopback(#[source] Errno),
    /// Not an address.
    #[error("`{0}` is not the IP address of a name server; give one like 192.0.2.1")]
    Nameserver(String),
    /// A file that is not to be changed could not be covered.
    #[error(transparent)]
    Cover(MountError),
    /// A file of the image.
    #[error("{path} in the guest cannot be written; check the image's /etc and the upper layer's free space")]
    File {
        /// Which.
        path: &'static str,
        /// Why.
        #[source]
        errno: Errno,
    },
}

/// How the files come to say what the agent wants.
pub enum Etc<'a> {
    /// They are changed.
    Written,
    /// They are covered.
    Covered(&'a Root),
}

impl NamesError {
    /// errno of the failed call; 0 when none applies.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Hostname { errno, .. } | Self::Loopback(errno) | Self::File { errno, .. } => {
                errno.raw_os_error()
            }
            Self::Cover(error) => error.errno(),
            Self::Nameserver(_) => 0,
        }
    }
}

/// Sets all names; the root is the sandbox's by now.
pub fn set(hostname: &str, nameservers: &[String], etc: &Etc<'_>) -> Result<(), NamesError> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let checked = if hostname.is_empty() || !hostname.bytes().all(valid) {
        Err(Errno::INVAL)
    } else {
        rustix::system::sethostname(hostname.as_bytes())
    };
    checked.map_err(|errno| NamesError::Hostname {
        name: hostname.to_owned(),
        errno,
    })?;
    loopback_up().map_err(NamesError::Loopback)?;
    rewrite("/etc/hosts", &hosts_block(hostname), etc)?;
    if nameservers.is_empty() {
        return Ok(());
    }
    rewrite("/etc/resolv.conf", &resolv_block(nameservers)?, etc)
}

fn hosts_block(hostname: &str) -> String {
    format!("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {hostname}\n")
}

fn resolv_block(nameservers: &[String]) -> Result<String, NamesError> {
    nameservers
        .iter()
        .map(|server| match server.parse::<IpAddr>() {
            Ok(address) => Ok(format!("nameserver {address}\n")),
            Err(_) => Err(NamesError::Nameserver(server.clone())),
        })
        .collect()
}

/// `old` with the agent's block replaced by `block`.
fn with_block(old: &str, block: &str) -> String {
    let rest = match (old.find(BLOCK_BEGIN), old.find(BLOCK_END)) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}{}", &old[..begin], &old[end + BLOCK_END.len()..])
        }
        _ => old.to_owned(),
    };
    format!("{BLOCK_BEGIN}{block}{BLOCK_END}{rest}")
}

/// Replaces the agent's block in a file of the image. A file that is missing, dangling or no regular file
/// becomes one that holds the block only.
fn rewrite(path: &'static str, block: &str, etc: &Etc<'_>) -> Result<(), NamesError> {
    let old = read_old(path).unwrap_or_default();
    let new = with_block(&old, block);
    if new == old {
        return Ok(());
    }
    match etc {
        Etc::Written => replace(path, &new).map_err(|errno| NamesError::File { path, errno }),
        Etc::Covered(root) => root.cover(path, &new).map_err(NamesError::Cover),
    }
}

fn read_old(path: &str) -> rustix::io::Result<String> {
    // O_NONBLOCK: a FIFO in the file's place must not hold the agent up.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    read_regular(&file, &rustix::fs::fstat(&file)?)
}

fn replace(path: &str, text: &str) -> rustix::io::Result<()> {
    match rustix::fs::mkdir("/etc", Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    match rustix::fs::unlinkat(CWD, SCRATCH, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::open(SCRATCH, flags, Mode::from_raw_mode(0o644))?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        rest = &rest[rustix::io::write(&file, rest)?..];
    }
    rustix::fs::rename(SCRATCH, path)
}

/// Brings `lo` up, which also gives it its addresses.
fn loopback_up() -> rustix::io::Result<()> {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: ifreq is plain data, for which zeroes are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (target, source) in request.ifr_name.iter_mut().zip(b"lo") {
        *target = source.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads one ifreq.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } < 0 {
        let errno = std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO);
        return Err(Errno::from_raw_os_error(errno));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_agents_own_lines_change() {
        let image = "10.0.0.1 db\n";
        let first = with_block(image, &hosts_block("one"));
        assert!(first.ends_with(image) && first.contains("127.0.1.1 one\n"));
        let second = with_block(&first, &hosts_block("two"));
        assert!(second.ends_with(image) && !second.contains("one"));
        assert_eq!(with_block(&second, &hosts_block("two")), second);
    }

    #[test]
    fn a_name_server_cannot_smuggle_lines_in() {
        let servers = vec!["1.1.1.1\noptions evil".to_owned()];
        assert!(matches!(resolv_block(&servers), Err(NamesError::Nameserver(_))));
        assert_eq!(resolv_block(&["::1".to_owned()]).unwrap(), "nameserver ::1\n");
    }
}
