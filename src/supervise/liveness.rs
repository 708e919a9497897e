//! Whether a sandbox's runner lives: a lock, not a process id.
//!
//! The runner holds an exclusive flock on the sandbox's directory for life, so the kernel frees it however the
//! runner ends. A zombie, a reused pid or a reboot can never look alive.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The runner's socket, below the sandbox's directory.
pub const SOCKET: &str = "runtime/runner.sock";

/// How long somebody may look whether a runner lives; whoever holds the lock for longer is one.
const LOOK: Duration = Duration::from_secs(1);
/// Pause between two tries to lock.
const PAUSE: Duration = Duration::from_millis(1);

/// Whether a runner holds the lock of this sandbox directory. A missing directory has no runner.
pub fn is_alive(directory: &Path) -> io::Result<bool> {
    let lock = match open_directory(directory) {
        Ok(lock) => lock,
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    // Held shared for an instant only; a runner that starts meanwhile tries again.
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            drop(Claim(lock));
            Ok(false)
        }
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// The lock of a sandbox directory, freed when dropped.
#[derive(Debug)]
pub struct Claim(OwnedFd);

impl Drop for Claim {
    fn drop(&mut self) {
        // By name, because a child that another thread just forked holds a copy of the descriptor.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Takes the lock in place of a runner. `None` when a runner holds it.
pub fn claim(directory: &Path) -> io::Result<Option<Claim>> {
    let lock = open_directory(directory)?;
    let give_up = Instant::now() + LOOK;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(Claim(lock))),
            // Whoever looks whether a runner lives holds the lock for an instant.
            Err(Errno::WOULDBLOCK) if Instant::now() < give_up => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn open_directory(directory: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(directory, flags, Mode::empty())
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
