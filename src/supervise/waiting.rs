//! How a verb waits: on its caller's thread, or as an operation of a queue, which holds none. The verb is written once, for
//! either.

use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::ops::{self, Lane, Timer};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What a verb asks of whoever runs it.
pub trait Waiting: Sync {
    /// What the future gives; `None` if it is not ready when the deadline has passed.
    fn within<T: Send>(
        &self,
        deadline: Deadline,
        future: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Option<T>> + Send;

    /// Does what may block a thread for a while.
    fn block<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> Result<T, MsbError> + Send + 'static,
    ) -> impl Future<Output = Result<T, MsbError>> + Send;
}

/// On the caller's thread: no future of a verb is ever pending.
pub struct Here;

impl Waiting for Here {
    async fn within<T: Send>(&self, deadline: Deadline, future: impl Future<Output = T> + Send) -> Option<T> {
        deadline.block_on(future)
    }

    async fn block<T: Send + 'static>(
        &self,
        _lane: Lane,
        job: impl FnOnce() -> Result<T, MsbError> + Send + 'static,
    ) -> Result<T, MsbError> {
        job()
    }
}

/// Runs a verb that waits [`Here`].
pub fn run_here<T>(verb: impl Future<Output = T>) -> T {
    let mut verb = pin!(verb);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = verb.as_mut().poll(&mut context) {
            return result;
        }
    }
}

/// As a future of a queue: events and the queue's timers have it polled.
pub struct Evented;

impl Waiting for Evented {
    async fn within<T: Send>(&self, deadline: Deadline, future: impl Future<Output = T> + Send) -> Option<T> {
        let mut future = pin!(future);
        let mut timer = Timer::new(deadline);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if timer.has_passed(context) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    async fn block<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> Result<T, MsbError> + Send + 'static,
    ) -> Result<T, MsbError> {
        ops::blocking(lane, job).await
    }
}
