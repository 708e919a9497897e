//! A point in time until which a call may wait, on the monotonic clock.

use std::time::{Duration, Instant};

/// When to stop waiting. Made once at the entry of a call and handed down, so that steps share one budget.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Option<Instant>,
    poll: bool,
}

impl Deadline {
    /// Never; only where a caller asked for it.
    pub const NEVER: Self = Self {
        at: None,
        poll: false,
    };

    /// From the ABI's milliseconds: negative is never, 0 is now.
    #[must_use]
    pub fn from_timeout_ms(timeout_ms: i64) -> Self {
        match u64::try_from(timeout_ms) {
            Ok(ms) => Self {
                poll: ms == 0,
                ..Self::after(Duration::from_millis(ms))
            },
            Err(_) => Self::NEVER,
        }
    }

    /// `duration` from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self {
            at: Instant::now().checked_add(duration),
            poll: false,
        }
    }

    /// The earlier of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        let at = match (self.at, other.at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { at, poll: self.poll }
    }

    /// Whether the caller asked not to wait at all.
    #[must_use]
    pub fn is_poll(self) -> bool {
        self.poll
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// Waits on `condvar` once. False when the deadline had passed.
    pub fn wait<T>(self, condvar: &parking_lot::Condvar, guard: &mut parking_lot::MutexGuard<'_, T>) -> bool {
        match self.at {
            None => {
                condvar.wait(guard);
                true
            }
            Some(at) => Instant::now() < at && !condvar.wait_until(guard, at).timed_out(),
        }
    }

    /// Locks `mutex`, unless somebody else holds it until the deadline.
    pub fn lock<T>(self, mutex: &parking_lot::Mutex<T>) -> Option<parking_lot::MutexGuard<'_, T>> {
        match self.at {
            None => Some(mutex.lock()),
            Some(at) => mutex.try_lock_until(at),
        }
    }
}
