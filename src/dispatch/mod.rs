//! A thread that hands commands' output and ends, and queues' completions, to the host, started by the host on purpose.
//!
//! It is the only thread of the library that runs host code, and it can hold up nothing but itself: output waits
//! in its stream under credit. What it serves is dropped exactly once, on this thread.

mod completions;
mod output;

pub use completions::Completions;
pub use output::{Callbacks, Verdict};

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::supervise::stream::Notify;
use crate::sys;
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Wake;
use std::thread::{JoinHandle, ThreadId};

/// Most calls into the host that one subscription gets before the next one's turn.
const TURN: usize = 16;

/// What the thread serves.
trait Supply: Send {
    /// Hands on what there is, for one turn.
    fn serve(&mut self) -> Served;
}

enum Served {
    /// All that there is now.
    All,
    /// Some of it.
    Part,
    /// All that there will be.
    Over,
}

struct Subscription {
    supply: Box<dyn Supply>,
    noted: Arc<Note>,
}

#[derive(Default)]
struct Work {
    due: VecDeque<u64>,
    stopping: bool,
    finished: bool,
}

struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
    subscriptions: Mutex<HashMap<u64, Subscription>>,
}

/// Puts one subscription on the list of due ones, once until it was looked at.
struct Note {
    key: u64,
    due: AtomicBool,
    shared: Arc<Shared>,
}

impl Note {
    fn put_on_list(&self) {
        if !self.due.swap(true, Ordering::AcqRel) {
            self.shared.work.lock().due.push_back(self.key);
            self.shared.changed.notify_all();
        }
    }
}

impl Notify for Note {
    fn notify(&self) {
        self.put_on_list();
    }
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.put_on_list();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.put_on_list();
    }
}

/// The thread's owner.
pub struct Dispatcher {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
    next_key: AtomicU64,
}

impl Dispatcher {
    /// Starts the thread.
    pub fn start() -> Result<Arc<Self>, MsbError> {
        let shared = Arc::new(Shared {
            work: Mutex::new(Work::default()),
            changed: Condvar::new(),
            subscriptions: Mutex::new(HashMap::new()),
        });
        let own = Arc::clone(&shared);
        let thread = sys::spawn_quiet_thread("msb-dispatcher", move || run(&own)).map_err(|error| {
            MsbError::new(
                Status::ResourceExhausted,
                "dispatcher.thread",
                "no thread could be started",
            )
            .source(&error)
            .remedy("raise the limit of threads")
        })?;
        let thread_id = thread.thread().id();
        let next_key = AtomicU64::new(1);
        Ok(Arc::new(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            thread_id,
            next_key,
        }))
    }

    /// Serves what `make` gives; it is to be told of news from within `make` on.
    fn add(
        &self,
        make: impl FnOnce(&Arc<Note>) -> Result<Box<dyn Supply>, MsbError>,
    ) -> Result<(), MsbError> {
        if self.shared.work.lock().stopping {
            return Err(stopped());
        }
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let noted = Arc::new(Note {
            key,
            due: AtomicBool::new(false),
            shared: Arc::clone(&self.shared),
        });
        let supply = make(&noted)?;
        // Held until the subscription is in the map: the thread drops what is there when it ends, and looks once.
        let work = self.shared.work.lock();
        if work.stopping {
            drop(work);
            drop(supply);
            return Err(stopped());
        }
        let subscription = Subscription {
            supply,
            noted: Arc::clone(&noted),
        };
        self.shared.subscriptions.lock().insert(key, subscription);
        drop(work);
        // News from before it was in the map found nothing there.
        noted.due.store(false, Ordering::Release);
        noted.put_on_list();
        Ok(())
    }

    /// Ends the thread: the callback that runs is the last. Subscriptions that are left are dropped by it.
    pub fn stop(&self, deadline: Deadline) -> Result<(), MsbError> {
        if std::thread::current().id() == self.thread_id {
            return Err(MsbError::new(
                Status::WouldDeadlock,
                "dispatcher.own_thread",
                "a dispatcher cannot wait for itself",
            )
            .remedy("stop it from another thread"));
        }
        self.order_stop();
        let mut work = self.shared.work.lock();
        while !work.finished {
            if !deadline.wait(&self.shared.changed, &mut work) && !work.finished {
                return Err(MsbError::new(
                    Status::Timeout,
                    "dispatcher.stop_timeout",
                    "a callback was still running at the deadline",
                )
                .remedy("let the callback return, then stop again"));
            }
        }
        drop(work);
        if let Some(thread) = self.thread.lock().take() {
            // It ended; a panic in host code cannot come this far.
            let _ = thread.join();
        }
        Ok(())
    }

    fn order_stop(&self) {
        self.shared.work.lock().stopping = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        // Never waits: this may be a finalizer, or the thread itself.
        self.order_stop();
    }
}

fn run(shared: &Arc<Shared>) {
    while let Some(key) = next(shared) {
        // Out of the map while it is served: callbacks may subscribe other commands.
        let Some(mut subscription) = shared.subscriptions.lock().remove(&key) else {
            continue;
        };
        subscription.noted.due.store(false, Ordering::Release);
        match subscription.supply.serve() {
            Served::All => {
                shared.subscriptions.lock().insert(key, subscription);
            }
            Served::Part => {
                let noted = Arc::clone(&subscription.noted);
                shared.subscriptions.lock().insert(key, subscription);
                noted.put_on_list();
            }
            Served::Over => drop(subscription),
        }
    }
    let left = std::mem::take(&mut *shared.subscriptions.lock());
    drop(left);
    shared.work.lock().finished = true;
    shared.changed.notify_all();
}

fn next(shared: &Shared) -> Option<u64> {
    let mut work = shared.work.lock();
    loop {
        if work.stopping {
            return None;
        }
        if let Some(key) = work.due.pop_front() {
            return Some(key);
        }
        shared.changed.wait(&mut work);
    }
}

fn stopped() -> MsbError {
    MsbError::new(
        Status::InvalidState,
        "dispatcher.stopped",
        "the dispatcher was stopped",
    )
    .remedy("start another one")
}
