//! A thread that hands commands' output and ends to the host, started by the host on purpose.
//!
//! It is the only thread of the library that runs host code, and it can hold up nothing but itself: output waits
//! in its stream under credit. Every subscription's callbacks are dropped exactly once, on this thread.

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::sandbox::exec::Exec;
use crate::supervise::stream::{Notify, Phase, Taken};
use crate::sys;
use msb_protocol::exec::ExecExit;
use msb_protocol::frame::{Channel, MAX_DATA};
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, ThreadId};

/// Most chunks that one command gets delivered before the next one's turn.
const TURN: usize = 16;

/// Whether a host wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Let go of the command; it goes on without an audience.
    Stop,
}

/// What a host wants to be told about one command.
pub trait Callbacks: Send {
    /// Output; raw bytes as they came.
    fn output(&mut self, channel: Channel, data: &[u8]) -> Verdict;
    /// The end, after all output; `None` when the sandbox ended first.
    fn ended(&mut self, exit: Option<ExecExit>);
}

struct Subscription {
    exec: Arc<Exec>,
    callbacks: Box<dyn Callbacks>,
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

impl Notify for Note {
    fn notify(&self) {
        if !self.due.swap(true, Ordering::AcqRel) {
            self.shared.work.lock().due.push_back(self.key);
            self.shared.changed.notify_all();
        }
    }
}

/// The thread's owner.
pub struct Dispatcher {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
    next_key: std::sync::atomic::AtomicU64,
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
        let next_key = std::sync::atomic::AtomicU64::new(1);
        Ok(Arc::new(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            thread_id,
            next_key,
        }))
    }

    /// Delivers everything about `exec` to `callbacks` from now on. When this fails they are dropped here.
    pub fn subscribe(&self, exec: &Arc<Exec>, callbacks: Box<dyn Callbacks>) -> Result<(), MsbError> {
        // Held until the subscription is in the map: the thread drops what is there when it ends, and looks once.
        let work = self.shared.work.lock();
        if work.stopping {
            return Err(MsbError::new(
                Status::InvalidState,
                "dispatcher.stopped",
                "the dispatcher was stopped",
            ));
        }
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let noted = Arc::new(Note {
            key,
            due: AtomicBool::new(false),
            shared: Arc::clone(&self.shared),
        });
        let notify: Arc<dyn Notify> = Arc::clone(&noted) as Arc<dyn Notify>;
        let subscription = Subscription {
            exec: Arc::clone(exec),
            callbacks,
            noted,
        };
        self.shared.subscriptions.lock().insert(key, subscription);
        drop(work);
        let subscribed = exec.stream().route_to_notify(&notify);
        if subscribed.is_err() {
            let removed = self.shared.subscriptions.lock().remove(&key);
            drop(removed);
        }
        subscribed
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
        match serve(&mut subscription) {
            Served::All => {
                shared.subscriptions.lock().insert(key, subscription);
            }
            Served::Part => {
                let noted = Arc::clone(&subscription.noted);
                shared.subscriptions.lock().insert(key, subscription);
                noted.notify();
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

enum Served {
    All,
    Part,
    Over,
}

fn serve(subscription: &mut Subscription) -> Served {
    let stream = subscription.exec.stream();
    // Asked first: what is buffered when the command is over is all that there will be.
    let phase = stream.phase();
    let mut turns = TURN;
    for channel in [Channel::Stdout, Channel::Stderr] {
        while let Taken::Data(data) = stream.take_routed(channel, MAX_DATA) {
            let verdict = subscription.callbacks.output(channel, &data);
            stream.consumed(channel, data.len());
            if verdict == Verdict::Stop {
                return Served::Over;
            }
            turns -= 1;
            if turns == 0 {
                return Served::Part;
            }
        }
    }
    match phase {
        Phase::Opening | Phase::Running(_) => Served::All,
        Phase::Exited(exit) => {
            subscription.callbacks.ended(Some(exit));
            Served::Over
        }
        Phase::Failed(_) | Phase::Lost(_) => {
            subscription.callbacks.ended(None);
            Served::Over
        }
    }
}
