//! A queue of operations: accepts them, reports their completions, ends them when it is closed.
//!
//! Room for a completion is made when its operation is accepted, so that reporting it takes no memory. Lock order: the
//! board's, then a listener's.

use super::events::Events;
use super::op::{Job, Op, Outcome, Task};
use super::pool::{self, Lane, Pool};
use super::threads::Threads;
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::event::{EventfdFlags, eventfd};
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::Waker;
use std::thread::ThreadId;

/// The owner's side of a queue.
pub struct Queue(Arc<Shared>);

/// What its threads, its operations and its listener share. Whoever drops it last has nothing of an operation in it.
pub(super) struct Shared {
    board: Mutex<Board>,
    changed: Condvar,
    /// Readable while [`Queue::next`] would not wait.
    fd: OwnedFd,
    pool: Pool,
    events: Events,
    threads: Threads,
}

#[derive(Default)]
struct Board {
    last_key: u64,
    in_flight: HashMap<u64, Arc<Op>>,
    /// Completed, and not taken yet.
    done: VecDeque<Arc<Op>>,
    wakes: u64,
    closed: bool,
    /// Let go of by its owner.
    abandoned: bool,
    listener: Option<Listener>,
    /// What the descriptor says.
    is_readable: bool,
}

struct Listener {
    waker: Waker,
    thread: ThreadId,
}

/// What [`Queue::next`] found.
pub enum Next {
    /// Completions, at least one.
    Completed(Vec<Arc<Op>>),
    /// Somebody called [`Queue::wake`].
    Woken,
    /// The queue is closed and everything was taken.
    End,
}

impl Queue {
    /// A queue without a thread yet.
    pub fn new() -> Result<Arc<Self>, MsbError> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|errno| {
            MsbError::new(
                Status::from_errno(errno.raw_os_error()),
                "queue.descriptor",
                "the queue's descriptor cannot be made",
            )
            .source(&errno)
            .remedy("raise the limit of open files")
        })?;
        Ok(Arc::new(Self(Arc::new(Shared {
            board: Mutex::default(),
            changed: Condvar::new(),
            fd,
            pool: Pool::default(),
            events: Events::default(),
            threads: Threads::default(),
        }))))
    }

    /// Accepts an operation. It completes once it was started; dropped before, it was never there.
    pub fn accept(&self, token: u64) -> Result<Accepted, MsbError> {
        let mut board = self.0.board.lock();
        if board.closed {
            return Err(closed());
        }
        board.last_key += 1;
        let key = board.last_key;
        let op = Op::new(key, token, Arc::downgrade(&self.0));
        board.in_flight.insert(key, Arc::clone(&op));
        let room = board.in_flight.len();
        board.done.reserve(room);
        drop(board);
        Ok(Accepted {
            queue: Arc::clone(&self.0),
            op,
            started: false,
        })
    }

    /// Takes up to `cap` completions in their order, waiting until there is one.
    pub fn next(&self, cap: usize, deadline: Deadline) -> Result<Next, MsbError> {
        if cap == 0 {
            return Err(MsbError::new(
                Status::InvalidArgument,
                "argument.cap",
                "`cap` is 0, so that no completion could be taken",
            )
            .detail("argument", "cap"));
        }
        let mut board = self.0.board.lock();
        loop {
            if board.listener.is_some() {
                return Err(dispatched());
            }
            if let Some(next) = board.next(cap) {
                board.refresh(&self.0.fd);
                return Ok(next);
            }
            if !self.0.wait(&mut board, deadline) {
                return Err(nothing_yet(deadline));
            }
        }
    }

    /// The descriptor; see the field.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }

    /// Has one call of [`Queue::next`] return without a completion.
    pub fn wake(&self) {
        let mut board = self.0.board.lock();
        board.wakes = board.wakes.saturating_add(1);
        self.0.tell(&mut board);
    }

    /// How many operations were accepted whose completion was not taken yet.
    pub fn pending(&self) -> usize {
        let board = self.0.board.lock();
        board.in_flight.len() + board.done.len()
    }

    /// Wakes `waker` for completions from now on, which `thread` takes with [`Feed::take`].
    pub(crate) fn listen(&self, waker: Waker, thread: ThreadId) -> Result<Feed, MsbError> {
        let mut board = self.0.board.lock();
        if board.listener.is_some() {
            return Err(dispatched());
        }
        board.listener = Some(Listener { waker, thread });
        // Those who wait in `next` learn that they have to stop.
        self.0.tell(&mut board);
        drop(board);
        Ok(Feed(Arc::clone(&self.0)))
    }

    /// Accepts no more, cancels everything in flight, waits until it has completed and the threads have ended.
    pub fn close(&self, deadline: Deadline) -> Result<(), MsbError> {
        let mut board = self.0.board.lock();
        let own_thread = std::thread::current().id();
        if board
            .listener
            .as_ref()
            .is_some_and(|listener| listener.thread == own_thread)
        {
            return Err(MsbError::new(
                Status::WouldDeadlock,
                "queue.own_thread",
                "a queue's dispatcher cannot wait for the queue",
            )
            .remedy("close it from another thread"));
        }
        self.0.shut(board);
        board = self.0.board.lock();
        while !board.in_flight.is_empty() {
            if !self.0.wait(&mut board, deadline) && !board.in_flight.is_empty() {
                return Err(still_closing(board.in_flight.len()));
            }
        }
        drop(board);
        if self.0.threads.join(deadline) {
            Ok(())
        } else {
            Err(still_closing(0))
        }
    }

    /// Its owner lets go of it: as [`Queue::close`], without waiting. What nobody can take any more is dropped.
    pub fn abandon(&self) {
        let mut board = self.0.board.lock();
        board.abandoned = true;
        let unread = if board.listener.is_none() {
            std::mem::take(&mut board.done)
        } else {
            VecDeque::new()
        };
        self.0.shut(board);
        drop(unread);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl Board {
    fn next(&mut self, cap: usize) -> Option<Next> {
        if !self.done.is_empty() {
            let count = self.done.len().min(cap);
            return Some(Next::Completed(self.done.drain(..count).collect()));
        }
        if self.wakes > 0 {
            self.wakes -= 1;
            return Some(Next::Woken);
        }
        self.is_over().then_some(Next::End)
    }

    fn is_over(&self) -> bool {
        self.closed && self.in_flight.is_empty()
    }

    /// Makes the descriptor say what is so.
    fn refresh(&mut self, fd: &OwnedFd) {
        let readable = !self.done.is_empty() || self.wakes > 0 || self.is_over();
        if readable == self.is_readable {
            return;
        }
        self.is_readable = readable;
        let mut count = 1u64.to_ne_bytes();
        // Neither can fail: the counter is 0 before the one and 1 before the other.
        if readable {
            let _ = rustix::io::write(fd, &count);
        } else {
            let _ = rustix::io::read(fd, &mut count);
        }
    }
}

impl Shared {
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    pub fn events(&self) -> &Events {
        &self.events
    }

    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// An operation that has not completed.
    pub fn find(&self, key: u64) -> Option<Arc<Op>> {
        self.board.lock().in_flight.get(&key).cloned()
    }

    /// Reports that an operation has completed.
    pub fn post(&self, key: u64) {
        let mut board = self.board.lock();
        let op = board.in_flight.remove(&key);
        let unread = if board.abandoned && board.listener.is_none() {
            op
        } else {
            board.done.extend(op);
            None
        };
        self.settle(board);
        drop(unread);
    }

    /// Takes back an operation that was accepted and never started.
    fn withdraw(&self, key: u64) {
        let mut board = self.board.lock();
        let op = board.in_flight.remove(&key);
        self.settle(board);
        drop(op);
    }

    /// Tells everybody of what has changed; the threads too, if nothing is left for them to do.
    fn settle(&self, mut board: MutexGuard<'_, Board>) {
        self.tell(&mut board);
        let is_over = board.is_over();
        drop(board);
        if is_over {
            self.pool.end();
            self.events.end();
        }
    }

    fn tell(&self, board: &mut Board) {
        board.refresh(&self.fd);
        if let Some(listener) = &board.listener {
            listener.waker.wake_by_ref();
        }
        self.changed.notify_all();
    }

    fn shut(&self, mut board: MutexGuard<'_, Board>) {
        board.closed = true;
        let in_flight: Vec<_> = board.in_flight.values().map(Arc::clone).collect();
        self.settle(board);
        for op in in_flight {
            op.cancel();
        }
    }

    fn wait(&self, board: &mut MutexGuard<'_, Board>, deadline: Deadline) -> bool {
        deadline.wait(&self.changed, board)
    }
}

/// An operation that has its place in the queue and is not started yet.
pub struct Accepted {
    queue: Arc<Shared>,
    op: Arc<Op>,
    started: bool,
}

impl Accepted {
    /// The operation.
    pub fn op(&self) -> &Arc<Op> {
        &self.op
    }

    /// Has a thread of `lane` do it. If none comes to it before the deadline it times out; the job itself keeps to the
    /// deadline too, if it waits for anything.
    pub fn run<T: Any + Send>(
        mut self,
        lane: Lane,
        deadline: Deadline,
        job: impl FnOnce() -> Result<T, MsbError> + Send + 'static,
    ) -> Result<(), MsbError> {
        let job: Job = Box::new(move || job().map(|value| Box::new(value) as Outcome));
        self.op.line_up(job, deadline);
        let pushed = self
            .queue
            .pool
            .push(&self.queue, lane, pool::Task::Op(Arc::clone(&self.op)))
            .and_then(|at_once| {
                if at_once {
                    Ok(())
                } else {
                    self.op.set_timer(&self.queue)
                }
            });
        match pushed {
            // Not if it has completed already.
            Err(error) if self.op.take_back() => Err(error),
            _ => {
                self.started = true;
                Ok(())
            }
        }
    }

    /// Polls it whenever it is woken, at first here. No poll may wait for anything: what has to goes through
    /// [`super::blocking`]. If it is cancelled it is polled once more and then dropped, and its drop has to undo.
    pub fn poll<T: Any + Send>(
        mut self,
        future: impl Future<Output = Result<T, MsbError>> + Send + 'static,
    ) -> Result<(), MsbError> {
        self.queue.events.one_more(&self.queue)?;
        self.started = true;
        let task: Task = Box::pin(async move { future.await.map(|value| Box::new(value) as Outcome) });
        self.op.begin(task, &self.queue);
        Ok(())
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if !self.started {
            self.queue.withdraw(self.op.key);
        }
    }
}

/// A listener's side of a queue. Dropping it gives the completions back to [`Queue::next`].
pub(crate) struct Feed(Arc<Shared>);

impl Feed {
    /// The next completion, if there is one.
    pub fn take(&self) -> Option<Arc<Op>> {
        let mut board = self.0.board.lock();
        let op = board.done.pop_front();
        board.wakes = 0;
        board.refresh(&self.0.fd);
        op
    }

    /// Whether nothing will come beside what is there.
    pub fn is_ending(&self) -> bool {
        self.0.board.lock().is_over()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut board = self.0.board.lock();
        let listener = board.listener.take();
        let unread = if board.abandoned {
            std::mem::take(&mut board.done)
        } else {
            VecDeque::new()
        };
        self.0.tell(&mut board);
        drop(board);
        drop((listener, unread));
    }
}

fn closed() -> MsbError {
    MsbError::new(
        Status::InvalidState,
        "queue.closed",
        "the queue was closed and accepts no more operations",
    )
    .remedy("make another queue")
}

fn dispatched() -> MsbError {
    MsbError::new(
        Status::InvalidState,
        "queue.dispatched",
        "a dispatcher takes the queue's completions",
    )
    .remedy("take them one way only: with msb_queue_next or with a dispatcher")
}

fn nothing_yet(deadline: Deadline) -> MsbError {
    let status = if deadline.is_poll() {
        Status::WouldBlock
    } else {
        Status::Timeout
    };
    MsbError::new(
        status,
        "queue.nothing_yet",
        "no operation completed before the deadline",
    )
}

fn still_closing(left: usize) -> MsbError {
    MsbError::new(
        Status::Timeout,
        "queue.close_timeout",
        format!("the queue is closed, but {left} of its operations were still ending at the deadline"),
    )
    .remedy("close it again to wait longer, or release it")
}
