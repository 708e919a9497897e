//! The sandbox's directory, claimed for the life of the supervisor.
//!
//! The lock on the directory is the sandbox's liveness: whoever holds it is its runner, and everything
//! below `runtime/` is touched under it only. Names are used relative to open directories, so that a long
//! path works for the socket too.

use crate::log::CappedFile;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;

const SOCKET: &str = "runner.sock";
const STATE: &str = "runner.json";
const NEW_STATE: &str = "runner.json.new";
const STAT: &str = "/proc/self/stat";
/// How long somebody may look whether a runner lives; whoever holds the lock for longer is one.
const LOOK: Duration = Duration::from_secs(1);
/// Pause between two tries to lock.
const LOOK_PAUSE: Duration = Duration::from_millis(1);
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Why a directory could not be claimed or used.
#[derive(Debug, Error)]
pub enum ClaimError {
    /// Another runner lives.
    #[error("the sandbox in {} runs already; stop it first", .0.display())]
    Held(PathBuf),
    /// The directory was removed while it was being claimed.
    #[error("the sandbox in {} was removed; create it again", .0.display())]
    Removed(PathBuf),
    /// The host has no readiness queue left.
    #[error("cannot watch descriptors; raise the limit on open files")]
    Watch(#[source] io::Error),
    /// A file operation failed.
    #[error("cannot {action} {}; check the disk and its permissions", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// What other processes may learn about a runner without asking it.
#[derive(Debug, Serialize)]
pub struct RunnerState {
    /// Process id of the supervisor.
    pub pid: u32,
    /// Its start time in clock ticks since boot, which tells it from a later process of the same id.
    pub start_time: u64,
    /// Which boot of the host that was.
    pub boot_id: String,
    /// Process id of the VMM, once there is one.
    pub vmm_pid: Option<u32>,
}

impl RunnerState {
    /// Describes this process.
    pub fn of_this_process(vmm_pid: Option<u32>) -> Result<Self, ClaimError> {
        let read = |path: &str| {
            std::fs::read_to_string(path).map_err(|source| io_error("read", Path::new(path), source))
        };
        let stat = read(STAT)?;
        // The command's name, in parentheses, may hold anything; the start time is the 20th field after it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let start_time = fields
            .split_whitespace()
            .nth(19)
            .and_then(|ticks| ticks.parse().ok());
        let malformed = || io_error("understand", Path::new(STAT), io::ErrorKind::InvalidData.into());
        let boot_id = read(BOOT_ID)?.trim().to_owned();
        Ok(Self {
            pid: std::process::id(),
            start_time: start_time.ok_or_else(malformed)?,
            boot_id,
            vmm_pid,
        })
    }
}

/// A claimed directory. Dropping it releases the lock.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    directory: OwnedFd,
}

impl Claim {
    /// Claims the sandbox's directory, or says who has it.
    pub fn take(path: &Path) -> Result<Self, ClaimError> {
        let io = |action| move |errno: Errno| io_error(action, path, errno.into());
        let directory = open_directory(rustix::fs::CWD, path).map_err(io("open"))?;
        let give_up = Instant::now() + LOOK;
        loop {
            match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                // Whoever looks whether a runner lives holds the lock for an instant.
                Err(Errno::WOULDBLOCK) if Instant::now() < give_up => std::thread::sleep(LOOK_PAUSE),
                Err(Errno::WOULDBLOCK) => return Err(ClaimError::Held(path.to_owned())),
                Err(errno) => return Err(io("lock")(errno)),
            }
        }
        let locked = rustix::fs::fstat(&directory).map_err(io("look at"))?;
        let named = std::fs::metadata(path).ok();
        if named.is_none_or(|named| (named.dev(), named.ino()) != (locked.st_dev, locked.st_ino)) {
            return Err(ClaimError::Removed(path.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            directory,
        })
    }

    /// Opens a log below `logs/`.
    pub fn log(&self, name: &str, cap: u64) -> Result<CappedFile, ClaimError> {
        let logs = self.subdirectory("logs")?;
        CappedFile::open(logs, name, cap).map_err(|source| self.io("open", &format!("logs/{name}"), source))
    }

    /// Listens on the sandbox's socket, in place of whatever a dead runner left there.
    pub fn listen(&self) -> Result<UnixListener, ClaimError> {
        let runtime = self.subdirectory("runtime")?;
        self.unlink(&runtime, SOCKET)?;
        // A path longer than a socket address holds works from within its directory.
        let listener = rustix::process::fchdir(&runtime)
            .map_err(io::Error::from)
            .and_then(|()| {
                let listener = UnixListener::bind(SOCKET)?;
                rustix::fs::chmod(SOCKET, Mode::RUSR | Mode::WUSR)?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
        let left = rustix::process::chdir("/").map_err(io::Error::from);
        let listener = listener.and_then(|listener| left.map(|()| listener));
        listener.map_err(|source| self.io("listen on", "runtime/runner.sock", source))
    }

    /// Publishes who runs the sandbox; readers see the old file or the new one, never a part.
    pub fn describe(&self, state: &RunnerState) -> Result<(), ClaimError> {
        let runtime = self.subdirectory("runtime")?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let write = || -> io::Result<()> {
            let text = serde_json::to_vec(state)?;
            let fd = rustix::fs::openat(&runtime, NEW_STATE, flags, Mode::RUSR | Mode::WUSR)?;
            File::from(fd).write_all(&text)?;
            Ok(rustix::fs::renameat(&runtime, NEW_STATE, &runtime, STATE)?)
        };
        write().map_err(|source| self.io("write", "runtime/runner.json", source))
    }

    /// Takes the socket and the state file away: nobody can connect from here on.
    pub fn retire(&self) -> Result<(), ClaimError> {
        let runtime = self.subdirectory("runtime")?;
        self.unlink(&runtime, SOCKET)?;
        self.unlink(&runtime, STATE)
    }

    /// Removes the directory and everything in it; the lock is held until the claim is dropped.
    pub fn remove_directory(&self) -> Result<(), ClaimError> {
        std::fs::remove_dir_all(&self.path).map_err(|source| io_error("remove", &self.path, source))
    }

    /// Lets the next runner have the sandbox.
    pub fn release(&self) -> rustix::io::Result<()> {
        rustix::fs::flock(&self.directory, FlockOperation::Unlock)
    }

    fn subdirectory(&self, name: &str) -> Result<OwnedFd, ClaimError> {
        let made = match rustix::fs::mkdirat(&self.directory, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => open_directory(&self.directory, Path::new(name)),
            Err(errno) => Err(errno),
        };
        made.map_err(|errno| self.io("make", name, errno.into()))
    }

    fn unlink(&self, directory: &OwnedFd, name: &str) -> Result<(), ClaimError> {
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.io("remove", &format!("runtime/{name}"), errno.into())),
        }
    }

    fn io(&self, action: &'static str, name: &str, source: io::Error) -> ClaimError {
        io_error(action, &self.path.join(name), source)
    }
}

impl ClaimError {
    /// errno of the failed call; 0 when none applies.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Held(_) => Errno::WOULDBLOCK.raw_os_error(),
            Self::Removed(_) => Errno::NOENT.raw_os_error(),
            Self::Watch(source) | Self::Io { source, .. } => source.raw_os_error().unwrap_or(0),
        }
    }
}

fn open_directory(base: impl AsFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::openat(base, path, flags, Mode::empty())
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> ClaimError {
    ClaimError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
