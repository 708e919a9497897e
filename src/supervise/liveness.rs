//! Whether a sandbox's runner lives: a lock, not a process id.
//!
//! The runner holds an exclusive flock on the sandbox's directory for life, so the kernel frees it however the
//! runner ends. A zombie, a reused pid or a reboot can never look alive.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The runner's socket, below the sandbox's directory.
pub const SOCKET: &str = "runtime/runner.sock";

/// Whether a runner holds the lock of this sandbox directory. A missing directory has no runner.
pub fn is_alive(directory: &Path) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let lock = match open(directory, flags, Mode::empty()) {
        Ok(lock) => lock,
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    // Held shared for an instant only; a runner that starts meanwhile tries again.
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// Connects to the runner of this sandbox directory. The socket does not block.
pub fn connect(directory: &Path) -> io::Result<UnixStream> {
    // A socket's path is short (108 bytes) where a home's need not be: go through the directory's descriptor.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let anchor = open(directory, flags, Mode::empty())?;
    let path = format!(
        "/proc/self/fd/{}/{SOCKET}",
        std::os::fd::AsRawFd::as_raw_fd(&anchor)
    );
    let socket = UnixStream::connect(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
