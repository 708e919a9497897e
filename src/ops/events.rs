//! The one thread of a queue that polls futures, and looks after jobs that wait for a thread for too long.
//!
//! It exists while a future or a timer does, so that an event never needs a thread to be made.

use super::queue::Shared;
use crate::error::MsbError;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::time::{Duration, Instant};

/// How long it lives on without anything to wait for.
const IDLE: Duration = Duration::from_secs(5);

/// When somebody wants to look, and a number that no other has.
pub(super) type Alarm = (Instant, u64);

#[derive(Default)]
struct EventState {
    /// Keys of operations to be looked at.
    ready: VecDeque<u64>,
    /// When to look at which.
    alarms: BTreeMap<Alarm, u64>,
    last_alarm: u64,
    /// Futures that have not completed.
    futures: usize,
    has_thread: bool,
    ending: bool,
}

#[derive(Default)]
pub(super) struct Events {
    state: Mutex<EventState>,
    changed: Condvar,
}

/// Has one operation looked at. It keeps neither the operation nor its result alive, because those who hold it, such as
/// a connection's thread, must never be the ones to end them.
pub(super) struct OpWaker {
    key: u64,
    queue: Weak<Shared>,
    scheduled: AtomicBool,
}

impl OpWaker {
    pub fn new(key: u64, queue: Weak<Shared>) -> Arc<Self> {
        Arc::new(Self {
            key,
            queue,
            scheduled: AtomicBool::new(false),
        })
    }

    /// Has the operation looked at, once for any number of calls until then.
    pub fn schedule(&self) {
        if self.scheduled.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(queue) = self.queue.upgrade() {
            queue.events().state.lock().ready.push_back(self.key);
            queue.events().changed.notify_one();
        }
    }

    /// It is being looked at: later events count anew.
    fn seen(&self) {
        self.scheduled.store(false, Ordering::Release);
    }
}

impl Wake for OpWaker {
    fn wake(self: Arc<Self>) {
        self.schedule();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.schedule();
    }
}

impl Events {
    /// Counts a future; until [`Events::one_less`] there is a thread for it.
    pub fn one_more(&self, queue: &Arc<Shared>) -> Result<(), MsbError> {
        let mut state = self.state.lock();
        ensure_thread(&mut state, queue)?;
        state.futures += 1;
        Ok(())
    }

    /// A future is over.
    pub fn one_less(&self) {
        self.state.lock().futures -= 1;
    }

    /// Has the operation with this key looked at when the time has come.
    pub fn look_at(&self, queue: &Arc<Shared>, at: Instant, key: u64) -> Result<Alarm, MsbError> {
        let mut state = self.state.lock();
        ensure_thread(&mut state, queue)?;
        state.last_alarm += 1;
        let alarm = (at, state.last_alarm);
        let is_first = state.alarms.keys().next().is_none_or(|first| alarm < *first);
        state.alarms.insert(alarm, key);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        Ok(alarm)
    }

    /// Nobody need look any more.
    pub fn forget(&self, alarm: Alarm) {
        self.state.lock().alarms.remove(&alarm);
    }

    /// Tells the thread to end.
    pub fn end(&self) {
        self.state.lock().ending = true;
        self.changed.notify_all();
    }
}

fn ensure_thread(state: &mut EventState, queue: &Arc<Shared>) -> Result<(), MsbError> {
    if !state.has_thread {
        let own = Arc::clone(queue);
        queue.threads().spawn("msb-op-events", move || {
            run(&own);
            own
        })?;
        state.has_thread = true;
    }
    Ok(())
}

fn run(queue: &Arc<Shared>) {
    let events = queue.events();
    let mut state = events.state.lock();
    loop {
        state.move_due();
        if let Some(key) = state.ready.pop_front() {
            drop(state);
            if let Some(op) = queue.find(key) {
                op.waker.seen();
                op.look(queue);
            }
            state = events.state.lock();
            continue;
        }
        if state.ending {
            break;
        }
        let next = state.alarms.keys().next().map(|(at, _)| *at);
        if let Some(at) = next {
            events.changed.wait_until(&mut state, at);
        } else if state.futures > 0 {
            events.changed.wait(&mut state);
        } else if events.changed.wait_for(&mut state, IDLE).timed_out() && state.is_idle() {
            break;
        }
    }
    state.has_thread = false;
}

impl EventState {
    fn move_due(&mut self) {
        if self.alarms.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(first) = self.alarms.first_entry().filter(|first| first.key().0 <= now) {
            let key = first.remove();
            self.ready.push_back(key);
        }
    }

    fn is_idle(&self) -> bool {
        self.futures == 0 && self.alarms.is_empty() && self.ready.is_empty()
    }
}
