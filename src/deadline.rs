//! A point in time until which a call may wait, on the monotonic clock, and the wait of a thread for a future.
//!
//! On a thread that works for an operation every deadline has also passed once that operation was cancelled; waits
//! notice within [`LOOK`].

use crate::ops;
use parking_lot::{Condvar, Mutex};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// How often a wait for an operation looks whether that was cancelled.
const LOOK: Duration = Duration::from_millis(50);

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

    /// The time itself; `None` is never.
    #[must_use]
    pub fn at(self) -> Option<Instant> {
        self.at
    }

    /// What is left of it, in the ABI's milliseconds: rounded up, and -1 for never.
    #[must_use]
    pub fn remaining_ms(self) -> i64 {
        self.at.map_or(-1, |at| {
            let left = at.saturating_duration_since(Instant::now());
            i64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
        })
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        ops::is_cancelled() || self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// Waits on `condvar` once. False when the deadline had passed.
    pub fn wait<T>(self, condvar: &parking_lot::Condvar, guard: &mut parking_lot::MutexGuard<'_, T>) -> bool {
        if ops::is_working() {
            if self.has_passed() {
                return false;
            }
            let look = Instant::now() + LOOK;
            condvar.wait_until(guard, self.at.map_or(look, |at| at.min(look)));
            // Waits end without a cause at times, and their callers look for themselves.
            return !self.has_passed();
        }
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
        if ops::is_working() {
            loop {
                let look = Instant::now() + LOOK;
                let locked = mutex.try_lock_until(self.at.map_or(look, |at| at.min(look)));
                if locked.is_some() || self.has_passed() {
                    return locked;
                }
            }
        }
        match self.at {
            None => Some(mutex.lock()),
            Some(at) => mutex.try_lock_until(at),
        }
    }
    /// Waits for a future on the calling thread. `None` if it is not ready when the deadline has passed; it is polled
    /// once in any case.
    pub fn block_on<F: Future>(self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            let mut rung = bell.rung.lock();
            while !*rung {
                if !self.wait(&bell.changed, &mut rung) && !*rung {
                    return None;
                }
            }
            *rung = false;
        }
    }
}

/// Wakes the thread that waits for a future.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.rung.lock() = true;
        self.changed.notify_one();
    }
}
