//! The threads that do jobs: some for each lane, so that what hangs in one holds nothing up in another.
//!
//! Threads are made when there is more to do than threads to do it, up to [`MAX_THREADS`] in a lane, and end after
//! [`IDLE`] without work. Lock order: the pool's, then an operation's.

use super::op::Op;
use super::queue::Shared;
use super::{contained, current};
use crate::error::MsbError;
use parking_lot::{Condvar, Mutex};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What a job does decides which threads it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The store, volumes, files of this host: nothing that waits for a guest.
    Local,
    /// Creates, starts and stops.
    Lifecycle,
    /// Calls into the guest of the sandbox with this key; of one sandbox at most [`MAX_PER_GUEST`] at a time.
    Guest(u64),
    /// Pulls of images, which may wait long for a registry.
    Registry,
    /// Kills: never behind anything that waits for a guest.
    Kill,
}

/// Most threads of one lane.
const MAX_THREADS: usize = 16;
/// Most threads that wait for one guest, so that one that hangs does not hold up the others.
const MAX_PER_GUEST: usize = 4;
/// How long a thread without work lives on.
const IDLE: Duration = Duration::from_secs(5);
const LANES: [&str; 5] = [
    "msb-op-local",
    "msb-op-life",
    "msb-op-guest",
    "msb-op-kill",
    "msb-op-pull",
];

impl Lane {
    fn index(self) -> usize {
        match self {
            Self::Local => 0,
            Self::Lifecycle => 1,
            Self::Guest(_) => 2,
            Self::Kill => 3,
            Self::Registry => 4,
        }
    }
}

/// What a thread is asked to do.
pub(super) enum Task {
    /// The whole of an operation.
    Op(Arc<Op>),
    /// A part of one that its future waits for.
    Section(Arc<Op>, Box<dyn FnOnce() + Send>),
}

struct Entry {
    task: Task,
    guest: Option<u64>,
}

#[derive(Default)]
struct LaneState {
    queue: VecDeque<Entry>,
    threads: usize,
    idle: usize,
    /// How many threads wait for each guest.
    guests: HashMap<u64, usize>,
}

#[derive(Default)]
struct PoolState {
    lanes: [LaneState; LANES.len()],
    /// At most this many entries are of operations that are over already.
    forgotten: usize,
    ending: bool,
}

#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<PoolState>,
    changed: [Condvar; LANES.len()],
}

impl LaneState {
    /// Whether a thread may wait for this guest too.
    fn has_room(&self, guest: u64) -> bool {
        self.guests.get(&guest).is_none_or(|busy| *busy < MAX_PER_GUEST)
    }

    /// Where the first task is that may run now.
    fn free(&self) -> Option<usize> {
        self.queue
            .iter()
            .position(|entry| entry.guest.is_none_or(|guest| self.has_room(guest)))
    }

    /// Takes the first task that may run now.
    fn pick(&mut self) -> Option<Entry> {
        let index = self.free()?;
        let entry = self.queue.remove(index)?;
        if let Some(guest) = entry.guest {
            *self.guests.entry(guest).or_default() += 1;
        }
        Some(entry)
    }

    fn put_back(&mut self, guest: u64) {
        if let Some(busy) = self.guests.get_mut(&guest) {
            *busy -= 1;
            if *busy == 0 {
                self.guests.remove(&guest);
            }
        }
    }
}

impl Pool {
    /// Lines a task up. True when a thread can begin at once. Fails only when there is no thread and none can be made.
    pub fn push(&self, queue: &Arc<Shared>, lane: Lane, task: Task) -> Result<bool, MsbError> {
        let index = lane.index();
        let guest = match lane {
            Lane::Guest(guest) => Some(guest),
            Lane::Local | Lane::Lifecycle | Lane::Registry | Lane::Kill => None,
        };
        let mut state = self.state.lock();
        let here = &mut state.lanes[index];
        here.queue.push_back(Entry { task, guest });
        let mut at_once = here.queue.len() <= here.idle;
        if !at_once && here.threads < MAX_THREADS {
            let queue = Arc::clone(queue);
            let spawned = queue.clone().threads().spawn(LANES[index], move || {
                run(&queue, index);
                queue
            });
            match spawned {
                Ok(()) => {
                    here.threads += 1;
                    at_once = true;
                }
                Err(error) if here.threads == 0 => {
                    let entry = here.queue.pop_back();
                    drop(state);
                    drop(entry);
                    return Err(error);
                }
                // Those that there are will come to it.
                Err(_) => {}
            }
        }
        // What was lined up before it may be for the same guest and take the last turns there.
        let here = &state.lanes[index];
        at_once &= guest.is_none_or(|guest| here.queue.len() == 1 && here.has_room(guest));
        drop(state);
        self.changed[index].notify_one();
        Ok(at_once)
    }

    /// Notes that an operation that is lined up is over. Its entry is passed over when its turn comes, or removed
    /// with others once they are many.
    pub fn forget_one(&self) {
        let mut state = self.state.lock();
        state.forgotten += 1;
        let lined_up: usize = state.lanes.iter().map(|lane| lane.queue.len()).sum();
        if state.forgotten * 2 <= lined_up {
            return;
        }
        state.forgotten = 0;
        let mut over = Vec::new();
        for lane in &mut state.lanes {
            let (keep, rest) = std::mem::take(&mut lane.queue)
                .into_iter()
                .partition(Entry::is_live);
            lane.queue = keep;
            over.push(rest);
        }
        drop(state);
        drop::<Vec<VecDeque<Entry>>>(over);
    }

    /// Tells all threads to end once there is nothing left.
    pub fn end(&self) {
        self.state.lock().ending = true;
        for changed in &self.changed {
            changed.notify_all();
        }
    }
}

impl Entry {
    fn is_live(&self) -> bool {
        match &self.task {
            Task::Op(op) => op.is_queued(),
            Task::Section(..) => true,
        }
    }
}

fn run(queue: &Arc<Shared>, lane: usize) {
    let pool = queue.pool();
    let mut state = pool.state.lock();
    loop {
        if let Some(Entry { task, guest }) = state.lanes[lane].pick() {
            drop(state);
            perform(task, queue);
            state = pool.state.lock();
            if let Some(guest) = guest {
                state.lanes[lane].put_back(guest);
            }
            continue;
        }
        if state.ending {
            break;
        }
        state.lanes[lane].idle += 1;
        let timed_out = pool.changed[lane].wait_for(&mut state, IDLE).timed_out();
        state.lanes[lane].idle -= 1;
        // What is lined up but may not run yet is for the thread that holds it up.
        if timed_out && state.lanes[lane].free().is_none() {
            break;
        }
    }
    state.lanes[lane].threads -= 1;
}

fn perform(task: Task, queue: &Shared) {
    match task {
        Task::Op(op) => op.run(queue),
        Task::Section(op, section) => {
            // It contains its own panics; this is for what it drops.
            let _ = contained(|| current::with(&op, section));
        }
    }
}
