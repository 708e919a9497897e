//! Leaves the process that started us: nothing of the host's descriptors, signals, session, working
//! directory or umask stays.
//!
//! Runs first in `main`, while there is one thread, because it forks.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;
use thiserror::Error;

#[cfg(target_os = "linux")]
const OPEN_FDS: &str = "/proc/self/fd";
#[cfg(not(target_os = "linux"))]
const OPEN_FDS: &str = "/dev/fd";

/// Why the supervisor could not be set apart.
#[derive(Debug, Error)]
pub enum DetachError {
    /// The inherited descriptors are unknown.
    #[error("cannot list the open descriptors in {OPEN_FDS}")]
    Descriptors(#[source] io::Error),
    /// No process could be made.
    #[error("cannot fork")]
    Fork(#[source] io::Error),
    /// The new process could not be set up.
    #[error("cannot {action}")]
    Setup {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: Errno,
    },
}

/// Splits off the supervisor. The caller's process gets `None` and should end; the supervisor gets the
/// owner's link, which was its standard input.
pub fn detach() -> Result<Option<UnixStream>, DetachError> {
    close_inherited().map_err(DetachError::Descriptors)?;
    reset_signals();
    // SAFETY: this process has one thread, so that the child may go on as if nothing had happened.
    match unsafe { libc::fork() } {
        -1 => return Err(DetachError::Fork(io::Error::last_os_error())),
        0 => {}
        _ => return Ok(None),
    }
    let failed = |action| move |source| DetachError::Setup { action, source };
    rustix::process::setsid().map_err(failed("start a session"))?;
    rustix::process::chdir("/").map_err(failed("enter /"))?;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let stdin = rustix::stdio::stdin();
    let owner = rustix::io::fcntl_dupfd_cloexec(stdin, 3).map_err(failed("take over the owner's link"))?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(failed("open /dev/null"))?;
    rustix::stdio::dup2_stdin(null.as_fd()).map_err(failed("give up standard input"))?;
    Ok(Some(UnixStream::from(owner)))
}

fn close_inherited() -> io::Result<()> {
    let mut inherited: Vec<RawFd> = Vec::new();
    for entry in std::fs::read_dir(OPEN_FDS)? {
        inherited.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<RawFd>().ok()),
        );
    }
    for fd in inherited.into_iter().filter(|&fd| fd > 2) {
        // SAFETY: nothing in this process owns a descriptor yet; the listing's own is closed already, and
        // closing it again only fails.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

/// Undoes what a host passes on through exec: blocked signals, and an ignored SIGCHLD, which would lose the
/// exit status of every child. SIGPIPE stays ignored, as Rust's runtime sets it.
fn reset_signals() {
    for signal in (1..32).filter(|&signal| signal != libc::SIGPIPE) {
        // SAFETY: sets the default action only; it fails harmlessly for KILL and STOP.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: both calls work on a set that is initialised first; a null old set is allowed.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}
