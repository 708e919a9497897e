//! Readiness of every descriptor that the supervisor holds, by key.
//!
//! Level-triggered: what is not finished in one turn is reported again. Every source is forgotten before
//! it is closed.

use polling::{AsRawSource, AsSource, Event, Events, PollMode, Poller};
use std::io;
use std::num::NonZeroUsize;
use std::process::Child;
use std::time::Instant;

/// Events taken in one turn.
const BATCH: usize = 64;

/// What a descriptor is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interest {
    pub read: bool,
    pub write: bool,
}

impl Interest {
    pub const NOTHING: Self = Self {
        read: false,
        write: false,
    };
    pub const READ: Self = Self {
        read: true,
        write: false,
    };

    fn event(self, key: usize) -> Event {
        Event::new(key, self.read, self.write)
    }
}

/// A readiness report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub key: usize,
    pub read: bool,
    pub write: bool,
}

/// The set of watched descriptors.
#[derive(Debug)]
pub(super) struct Watch {
    poller: Poller,
    events: Events,
}

impl Watch {
    pub fn new() -> io::Result<Self> {
        let capacity = NonZeroUsize::new(BATCH).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            poller: Poller::new()?,
            events: Events::with_capacity(capacity),
        })
    }

    /// Starts watching `source`.
    pub fn add(&self, source: impl AsRawSource, key: usize, interest: Interest) -> io::Result<()> {
        // SAFETY: every source is handed to `forget` before it is closed, or lives as long as the poller.
        unsafe {
            self.poller
                .add_with_mode(source, interest.event(key), PollMode::Level)
        }
    }

    /// Changes what `source` is watched for.
    pub fn change(&self, source: impl AsSource, key: usize, interest: Interest) -> io::Result<()> {
        self.poller
            .modify_with_mode(source, interest.event(key), PollMode::Level)
    }

    /// Stops watching `source`.
    pub fn forget(&self, source: impl AsSource) -> io::Result<()> {
        self.poller.delete(source)
    }

    /// Waits until something is ready or `deadline` has passed.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Vec<Ready>> {
        self.events.clear();
        let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        match self.poller.wait(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let report = |event: Event| Ready {
            key: event.key,
            read: event.readable,
            write: event.writable,
        };
        Ok(self.events.iter().map(report).collect())
    }
}

/// Reports the end of a child as readiness.
#[derive(Debug)]
pub(super) struct ExitWatch {
    #[cfg(target_os = "linux")]
    pidfd: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl ExitWatch {
    /// Watches a child that has not been waited for.
    pub fn new(watch: &Watch, child: &Child, key: usize) -> io::Result<Self> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pidfd = pidfd_open(pid.ok_or(io::ErrorKind::InvalidInput)?, PidfdFlags::NONBLOCK)?;
        watch.add(&pidfd, key, Interest::READ)?;
        Ok(Self { pidfd })
    }

    /// Stops watching.
    pub fn forget(&self, watch: &Watch) -> io::Result<()> {
        watch.forget(&self.pidfd)
    }
}
