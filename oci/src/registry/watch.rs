//! Worker threads of one call, and the calling thread that watches over them.
//!
//! Only the calling thread asks whether the call was cancelled and reports progress; the workers look at a flag. All
//! of them have ended when [`run`] returns. No signal of the host is delivered to them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Cancel, RegistryError};

/// Between two looks at a flag: well below the 50 ms after which a cancel has to be noticed, as two may add up.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// What the calling thread and its workers know of each other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    halted: AtomicBool,
    running: Mutex<usize>,
    changed: Condvar,
}

impl Watch {
    /// Makes every wait of the workers end.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
        // With the lock, so that nobody is between looking at the flag and waiting.
        let _running = self.running.lock();
        self.changed.notify_all();
    }

    /// Whether the workers should end.
    pub fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Waits; an error when the workers should end.
    pub fn sleep(&self, duration: Duration) -> Result<(), RegistryError> {
        let until = Instant::now() + duration;
        let mut running = self.running.lock();
        loop {
            if self.is_halted() {
                return Err(RegistryError::Cancelled);
            }
            if self.changed.wait_until(&mut running, until).timed_out() {
                return Ok(());
            }
        }
    }
}

/// Counts a worker for as long as it lives, also when it panics.
struct Running<'a>(&'a Watch);

impl<'a> Running<'a> {
    fn new(watch: &'a Watch) -> Self {
        *watch.running.lock() += 1;
        Self(watch)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running.lock() -= 1;
        self.0.changed.notify_all();
    }
}

/// Runs `work` on up to `workers` threads until all of them have returned, calling `tick` now and then meanwhile, and
/// once more at the end.
pub(super) fn run<T: Send>(
    watch: &Arc<Watch>,
    workers: usize,
    cancel: &dyn Cancel,
    mut tick: impl FnMut(),
    work: impl Fn() -> T + Sync,
) -> Result<Vec<T>, RegistryError> {
    let work = &work;
    let results = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        let quiet = crate::quiet::SignalMask::block_asynchronous().map_err(RegistryError::Thread)?;
        for _ in 0..workers.max(1) {
            let running = Running::new(watch);
            let body = move || {
                let _running = running;
                work()
            };
            match std::thread::Builder::new()
                .name("msb-registry".into())
                .spawn_scoped(scope, body)
            {
                Ok(thread) => threads.push(thread),
                // Fewer do it too.
                Err(_) if !threads.is_empty() => break,
                Err(error) => return Err(RegistryError::Thread(error)),
            }
        }
        drop(quiet);
        loop {
            if cancel.is_cancelled() {
                watch.halt();
            }
            tick();
            let mut running = watch.running.lock();
            if *running == 0 {
                break;
            }
            watch.changed.wait_for(&mut running, LOOK);
        }
        let joined: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        Ok(joined)
    })?;
    tick();
    results
        .into_iter()
        .map(|result| result.map_err(|_| RegistryError::Thread(io::Error::other("a worker panicked"))))
        .collect()
}
