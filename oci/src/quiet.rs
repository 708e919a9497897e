//! Threads that no signal from outside is delivered to: a host's handlers run on its own threads.

use std::io;

/// The calling thread's former signal mask, put back on drop. A thread that is made meanwhile keeps the mask that it
/// is made with.
pub(crate) struct SignalMask(libc::sigset_t);

impl SignalMask {
    /// Blocks all signals but faults (SEGV, BUS, FPE, ILL, TRAP, ABRT).
    pub fn block_asynchronous() -> io::Result<Self> {
        // SAFETY: an all-zero sigset_t is a valid value to be filled by sigfillset and pthread_sigmask.
        let (mut block, mut former): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
        let faults = [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGFPE,
            libc::SIGILL,
            libc::SIGTRAP,
            libc::SIGABRT,
        ];
        // SAFETY: both sets are live locals and the signal numbers are valid.
        let status = unsafe {
            libc::sigfillset(&mut block);
            for fault in faults {
                libc::sigdelset(&mut block, fault);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &block, &mut former)
        };
        if status == 0 {
            Ok(Self(former))
        } else {
            Err(io::Error::from_raw_os_error(status))
        }
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set was filled by pthread_sigmask on this thread.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}
