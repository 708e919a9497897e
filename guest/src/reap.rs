//! Ended processes: the signal that announces them and their exit codes.
//!
//! As PID 1 (or as a subreaper in process mode) the agent inherits every orphan, and reaps all of them.

use rustix::io::Errno;
use rustix::process::{WaitOptions, wait};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// The highest signal number.
const LAST_SIGNAL: i32 = 64;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal that ended it, if one did.
    pub signal: Option<i32>,
}

/// What a look for ended processes found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A process that ended; it is reaped now.
    Ended(i32, Ending),
    /// Processes, but none that ended.
    NoneEnded,
    /// No process at all.
    NoneLeft,
}

/// The stream of SIGCHLD.
#[derive(Debug)]
pub struct Children {
    signals: OwnedFd,
}

impl Children {
    /// Resets every disposition, blocks SIGCHLD and SIGPIPE for the agent (children unblock them) and
    /// collects the former. Nothing is ever ignored, so that children inherit nothing ignored.
    pub fn watch() -> rustix::io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: plain calls on a set that sigemptyset initialises, and on a kernel sigaction of zeroes, which
        // means SIG_DFL. Raw, because libc hides two signals; those that may not change are refused.
        let fd = unsafe {
            for signal in 1..=LAST_SIGNAL {
                libc::syscall(libc::SYS_rt_sigaction, signal, [0u64; 4].as_ptr(), 0usize, 8usize);
            }
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
            libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut());
            libc::sigdelset(set.as_mut_ptr(), libc::SIGPIPE);
            libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            let errno = std::io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EIO);
            return Err(Errno::from_raw_os_error(errno));
        }
        // SAFETY: a descriptor that signalfd has just made and nobody else has.
        let signals = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { signals })
    }

    /// Takes the pending signal, before looking for whom it was about.
    pub fn acknowledge(&self) {
        // Several SIGCHLD merge into one; an empty descriptor is as good.
        let _ = rustix::io::read(&self.signals, &mut [0; size_of::<libc::signalfd_siginfo>()]);
    }

    /// Reaps one process.
    pub fn next(&self) -> Found {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                let ending = Ending {
                    code: status.exit_status(),
                    signal: status.terminating_signal(),
                };
                Found::Ended(pid.as_raw_nonzero().get(), ending)
            }
            Ok(None) | Err(Errno::INTR) => Found::NoneEnded,
            Err(_) => Found::NoneLeft,
        }
    }
}

impl AsFd for Children {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}
