//! Who may change the counts: any number of chargers, or one who recounts or frees, across all processes.
//!
//! Locks of open file descriptions on two bytes of the ledger file. Byte 0 says that somebody has the ledger open;
//! byte 1 is held shared around every charge and its change, and alone around a recount. The kernel lets go of a
//! dead process's locks. Every wait has a deadline, because a process can be stopped while it holds one.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Held shared as long as somebody has the ledger open.
const PRESENCE: i64 = 0;
/// Held around changes.
const CHANGES: i64 = 1;

/// Between two tries for a lock that another process holds.
const RETRY: Duration = Duration::from_millis(1);

/// Charges of one process that overlap share one lock, but not for longer than this after the first: another
/// process waits for all of them to end.
const SHARE_FOR: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
enum Kind {
    Shared,
    Alone,
    None,
}

/// Whether the lock was taken; false if another open ledger holds it.
fn try_lock(ledger: &File, byte: i64, kind: Kind) -> io::Result<bool> {
    let kind = match kind {
        Kind::Shared => libc::F_RDLCK,
        Kind::Alone => libc::F_WRLCK,
        Kind::None => libc::F_UNLCK,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the constants are int in C and short in the structure"
    )]
    let wanted = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    loop {
        // SAFETY: the descriptor is open and `wanted` is a whole `struct flock` that lives through the call.
        if unsafe { libc::fcntl(ledger.as_raw_fd(), libc::F_OFD_SETLK, &raw const wanted) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => return Ok(false),
            Some(libc::EINTR) => {}
            _ => return Err(error),
        }
    }
}

/// Says that this process has the ledger open, and whether nobody else had: then until [`Gate::joined`] nobody else has.
pub(super) fn join(ledger: &File, patience: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        if try_lock(ledger, PRESENCE, Kind::Alone)? {
            return Ok(true);
        }
        if try_lock(ledger, PRESENCE, Kind::Shared)? {
            return Ok(false);
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(RETRY);
    }
}

/// The lock on changes, for the threads of this process.
#[derive(Debug)]
pub(super) struct Gate {
    ledger: File,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    sharing: usize,
    alone: bool,
    /// Threads that want to be alone: they go first.
    waiting: usize,
    shared_since: Instant,
}

impl Gate {
    pub(super) fn new(ledger: File) -> Self {
        Self {
            ledger,
            state: Mutex::new(State {
                sharing: 0,
                alone: false,
                waiting: 0,
                shared_since: Instant::now(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Lets others in who wait in [`join`]. The kernel turns the lock into a shared one at once.
    pub(super) fn joined(&self) -> io::Result<()> {
        try_lock(&self.ledger, PRESENCE, Kind::Shared).map(drop)
    }

    /// Keeps recounts away; fails if one lasts longer than `patience`.
    pub(super) fn share(&self, patience: Duration) -> io::Result<Shared<'_>> {
        let start = Instant::now();
        let mut state = self.state.lock();
        loop {
            let mut pause = patience;
            if !state.alone && state.waiting == 0 {
                if state.sharing == 0 {
                    if try_lock(&self.ledger, CHANGES, Kind::Shared)? {
                        state.sharing = 1;
                        state.shared_since = Instant::now();
                        return Ok(Shared { gate: self });
                    }
                    pause = RETRY;
                } else if state.shared_since.elapsed() < SHARE_FOR {
                    state.sharing += 1;
                    return Ok(Shared { gate: self });
                }
            }
            let waited = start.elapsed();
            if waited >= patience {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.changed
                .wait_for(&mut state, pause.min(patience.saturating_sub(waited)));
        }
    }

    /// Keeps everybody else away; none if that is not possible within `patience`.
    pub(super) fn alone(&self, patience: Duration) -> io::Result<Option<Alone<'_>>> {
        let start = Instant::now();
        let mut state = self.state.lock();
        state.waiting += 1;
        let taken = loop {
            let mut pause = patience;
            if !state.alone && state.sharing == 0 {
                match try_lock(&self.ledger, CHANGES, Kind::Alone) {
                    Ok(false) => pause = RETRY,
                    taken => break taken,
                }
            }
            let waited = start.elapsed();
            if waited >= patience {
                break Ok(false);
            }
            self.changed
                .wait_for(&mut state, pause.min(patience.saturating_sub(waited)));
        };
        state.waiting -= 1;
        if matches!(taken, Ok(true)) {
            state.alone = true;
        } else {
            self.changed.notify_all();
        }
        Ok(taken?.then_some(Alone { gate: self }))
    }

    fn unlock(&self) {
        // Giving up a lock that is held cannot fail; if it did, only recounts would wait in vain.
        let _ = try_lock(&self.ledger, CHANGES, Kind::None);
        self.changed.notify_all();
    }
}

/// Nobody recounts or frees as long as this lives.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    gate: &'a Gate,
}

impl Drop for Shared<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.sharing -= 1;
        if state.sharing == 0 {
            self.gate.unlock();
        }
    }
}

/// Nobody else changes anything as long as this lives.
#[derive(Debug)]
pub(super) struct Alone<'a> {
    gate: &'a Gate,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.alone = false;
        self.gate.unlock();
    }
}
