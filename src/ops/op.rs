//! One accepted operation: what is left to do of it, then its result until somebody takes it.
//!
//! Invariant: exactly one party at a time may finish it: whoever moved it out of `Queued` or `Waiting`. Nothing is
//! dropped under its lock.

use super::events::OpWaker;
use super::queue::Shared;
use super::timer::Timer;
use super::{CANCELLED, cancelled, contained, current};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use parking_lot::Mutex;
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

/// What an operation that succeeded gives.
pub(super) type Outcome = Box<dyn Any + Send>;
pub(super) type Job = Box<dyn FnOnce() -> Result<Outcome, MsbError> + Send>;
pub(super) type Task = Pin<Box<dyn Future<Output = Result<Outcome, MsbError>> + Send>>;

/// One operation.
pub struct Op {
    /// Its key in its queue.
    pub(super) key: u64,
    token: u64,
    /// What its submitter knows it by; 0 once the submitter let go of it.
    tag: AtomicU64,
    cancelled: AtomicBool,
    /// How it ended; meaningless before.
    status: AtomicI32,
    stage: Mutex<Stage>,
    /// Jobs that its future waits for: it is not dropped before they ended.
    pub(super) sections: AtomicUsize,
    pub(super) progress: Counters,
    pub(super) waker: Arc<OpWaker>,
    queue: Weak<Shared>,
}

/// How far an operation is; totals are 0 when not known.
#[derive(Default)]
pub(super) struct Counters {
    pub bytes_done: AtomicU64,
    pub bytes_total: AtomicU64,
    pub items_done: AtomicU64,
    pub items_total: AtomicU64,
}

/// How far an operation is at one moment; totals are 0 when not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressNow {
    /// Bytes that were dealt with.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
    /// Files, entries or whatever it counts.
    pub items_done: u64,
    /// Of those, all.
    pub items_total: u64,
}

/// Where an operation is, as its submitter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not completed.
    Running,
    /// Completed; its result can be taken.
    Finished,
    /// Completed, and its result was taken or torn down.
    Taken,
}

struct Stage {
    work: Work,
    /// Nobody will take the result.
    abandoned: bool,
}

enum Work {
    /// Accepted, not handed over yet.
    New,
    /// Waits for a thread, until the deadline; the timer is for that.
    Queued(Job, Deadline, Option<Timer>),
    /// Somebody is at it and will finish it.
    Busy,
    /// Waits for an event.
    Waiting(Task),
    /// Being polled; `again` if an event came meanwhile.
    Polling {
        again: bool,
    },
    Finished(Result<Outcome, MsbError>),
    Taken,
}

impl Op {
    pub(super) fn new(key: u64, token: u64, queue: Weak<Shared>) -> Arc<Self> {
        Arc::new(Self {
            key,
            token,
            tag: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
            status: AtomicI32::new(0),
            stage: Mutex::new(Stage {
                work: Work::New,
                abandoned: false,
            }),
            sections: AtomicUsize::new(0),
            progress: Counters::default(),
            waker: OpWaker::new(key, Weak::clone(&queue)),
            queue,
        })
    }

    /// The submitter's own value.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// What its submitter knows it by; 0 once the submitter let go of it.
    pub fn tag(&self) -> u64 {
        self.tag.load(Ordering::Acquire)
    }

    /// Says what its submitter knows it by; before it is started.
    pub fn set_tag(&self, tag: u64) {
        self.tag.store(tag, Ordering::Release);
    }

    /// How it ended: 0 or the number of a status. Meaningless before it completed.
    pub fn status(&self) -> i32 {
        self.status.load(Ordering::Acquire)
    }

    /// Whether somebody asked for its end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    pub(super) fn queue(&self) -> Option<Arc<Shared>> {
        self.queue.upgrade()
    }

    /// How far it is.
    pub fn progress(&self) -> ProgressNow {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProgressNow {
            bytes_done: read(&self.progress.bytes_done),
            bytes_total: read(&self.progress.bytes_total),
            items_done: read(&self.progress.items_done),
            items_total: read(&self.progress.items_total),
        }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        match self.stage.lock().work {
            Work::Finished(_) => State::Finished,
            Work::Taken => State::Taken,
            Work::New | Work::Queued(..) | Work::Busy | Work::Waiting(_) | Work::Polling { .. } => {
                State::Running
            }
        }
    }

    /// Asks for its end. One that nobody works on yet completes at once; one that waits, at its next look.
    pub fn cancel(&self) {
        if self.cancelled.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(queue) = self.queue.upgrade() else {
            return;
        };
        let mut stage = self.stage.lock();
        let job = match &mut stage.work {
            Work::Queued(..) => Some(std::mem::replace(&mut stage.work, Work::Busy)),
            _ => None,
        };
        drop(stage);
        if let Some(job) = job {
            drop(job);
            queue.pool().forget_one();
            self.finish(&queue, Err(cancelled()));
        } else {
            self.waker.schedule();
        }
    }

    /// Takes the result. That of one that failed is given again and again.
    pub fn take<T: Any + Send>(&self) -> Result<T, MsbError> {
        let mut stage = self.stage.lock();
        stage.check::<T>()?;
        let Work::Finished(Ok(outcome)) = std::mem::replace(&mut stage.work, Work::Taken) else {
            return Err(taken());
        };
        drop(stage);
        outcome.downcast().map(|value| *value).map_err(|_| wrong_type())
    }

    /// Takes the result if `convert` makes something of it; otherwise it stays.
    pub fn take_if<T: Any + Send, U>(
        &self,
        convert: impl FnOnce(&T) -> Result<U, MsbError>,
    ) -> Result<U, MsbError> {
        let mut stage = self.stage.lock();
        let converted = convert(stage.check::<T>()?)?;
        let done = std::mem::replace(&mut stage.work, Work::Taken);
        drop(stage);
        drop(done);
        Ok(converted)
    }

    /// Its submitter will not ask again: it goes on, but its result is torn down.
    pub fn abandon(&self) {
        self.tag.store(0, Ordering::Release);
        let mut stage = self.stage.lock();
        stage.abandoned = true;
        let result = match stage.work {
            Work::Finished(_) => Some(std::mem::replace(&mut stage.work, Work::Taken)),
            _ => None,
        };
        drop(stage);
        drop(result);
    }

    /// Lines the job up for a thread.
    pub(super) fn line_up(&self, job: Job, deadline: Deadline) {
        self.stage.lock().work = Work::Queued(job, deadline, None);
    }

    /// Has it end at its deadline if no thread has come to it by then.
    pub(super) fn set_timer(&self, queue: &Arc<Shared>) -> Result<(), MsbError> {
        let mut stage = self.stage.lock();
        if let Work::Queued(_, deadline, timer) = &mut stage.work {
            let mut set = Timer::new(*deadline);
            set.set_for(queue, self.key)?;
            *timer = Some(set);
        }
        Ok(())
    }

    /// Takes the job back that no thread could be found for; false when it was cancelled meanwhile.
    pub(super) fn take_back(&self) -> bool {
        let mut stage = self.stage.lock();
        let job = match stage.work {
            Work::Queued(..) => std::mem::replace(&mut stage.work, Work::New),
            _ => return false,
        };
        drop(stage);
        drop(job);
        true
    }

    /// Whether it still waits for a thread.
    pub(super) fn is_queued(&self) -> bool {
        matches!(self.stage.lock().work, Work::Queued(..))
    }

    /// Runs its job on this thread, unless somebody else ended it before.
    pub(super) fn run(self: &Arc<Self>, queue: &Shared) {
        let mut stage = self.stage.lock();
        let job = match &mut stage.work {
            Work::Queued(..) => std::mem::replace(&mut stage.work, Work::Busy),
            _ => return,
        };
        drop(stage);
        let Work::Queued(job, _, timer) = job else { return };
        drop(timer);
        let result = if self.is_cancelled() {
            drop(job);
            Err(cancelled())
        } else {
            current::with(self, || contained(job)).and_then(|result| result)
        };
        self.finish(queue, result);
    }

    /// Begins to poll a future; the first poll is made here.
    pub(super) fn begin(self: &Arc<Self>, task: Task, queue: &Shared) {
        self.stage.lock().work = Work::Waiting(task);
        self.look(queue);
    }

    /// Polls its future, or ends it if it waited for a thread for too long.
    pub(super) fn look(self: &Arc<Self>, queue: &Shared) {
        let mut stage = self.stage.lock();
        let work = match &mut stage.work {
            Work::Waiting(_) => std::mem::replace(&mut stage.work, Work::Polling { again: false }),
            Work::Queued(_, deadline, _) if deadline.has_passed() => {
                std::mem::replace(&mut stage.work, Work::Busy)
            }
            Work::Polling { again } => {
                *again = true;
                return;
            }
            _ => return,
        };
        drop(stage);
        match work {
            Work::Waiting(task) => self.poll(task, queue),
            job => {
                drop(job);
                queue.pool().forget_one();
                self.finish(queue, Err(no_thread_in_time()));
            }
        }
    }

    fn poll(self: &Arc<Self>, mut task: Task, queue: &Shared) {
        let waker = Waker::from(Arc::clone(&self.waker));
        let mut context = Context::from_waker(&waker);
        // Asked first: what was cancelled during the poll is polled again.
        let cancelled_before = self.is_cancelled();
        let polled = current::with(self, || contained(|| task.as_mut().poll(&mut context)));
        let result = match polled {
            Ok(Poll::Ready(result)) => result,
            Err(panic) => Err(panic),
            Ok(Poll::Pending) if cancelled_before && self.sections.load(Ordering::Acquire) == 0 => {
                Err(cancelled())
            }
            Ok(Poll::Pending) => {
                let mut stage = self.stage.lock();
                let again = matches!(stage.work, Work::Polling { again: true });
                stage.work = Work::Waiting(task);
                drop(stage);
                if again {
                    self.waker.schedule();
                }
                return;
            }
        };
        // Its end may release objects, and is part of the operation.
        let dropped = current::with(self, || contained(|| drop(task)));
        queue.events().one_less();
        self.finish(queue, dropped.and(result));
    }

    /// Completes it. For whoever moved it out of `Queued` or `Waiting`, once.
    pub(super) fn finish(&self, queue: &Shared, result: Result<Outcome, MsbError>) {
        let result = match result {
            Err(error) if self.is_cancelled() && error.reason() != CANCELLED => {
                Err(cancelled().source(&error))
            }
            other => other,
        };
        let status = result.as_ref().err().map_or(0, |error| error.status().code());
        self.status.store(status, Ordering::Release);
        let mut stage = self.stage.lock();
        let torn_down = if stage.abandoned {
            stage.work = Work::Taken;
            Some(result)
        } else {
            stage.work = Work::Finished(result);
            None
        };
        drop(stage);
        drop(torn_down);
        queue.post(self.key);
    }
}

impl Stage {
    /// The result, if there is one of this type.
    fn check<T: Any>(&self) -> Result<&T, MsbError> {
        match &self.work {
            Work::Finished(Ok(outcome)) => outcome.downcast_ref().ok_or_else(wrong_type),
            Work::Finished(Err(error)) => Err(error.clone()),
            Work::Taken => Err(taken()),
            Work::New | Work::Queued(..) | Work::Busy | Work::Waiting(_) | Work::Polling { .. } => {
                Err(MsbError::new(
                    Status::InvalidState,
                    "op.running",
                    "the operation has not completed",
                )
                .remedy("wait for its completion, with msb_queue_next for example"))
            }
        }
    }
}

fn taken() -> MsbError {
    MsbError::new(
        Status::InvalidState,
        "op.taken",
        "the operation's result was taken before",
    )
    .remedy("take each result once")
}

fn wrong_type() -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "op.result_type",
        "the operation's result is of another type",
    )
    .remedy("use the function that the documentation of the submitting one names; the result is still there")
}

fn no_thread_in_time() -> MsbError {
    MsbError::new(
        Status::Timeout,
        "op.queue_timeout",
        "the operation did not begin before its deadline, because too many others are under way",
    )
    .remedy("allow more time, or have fewer operations in flight")
}
