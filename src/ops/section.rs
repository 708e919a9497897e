//! A part of a future that has to block: it runs on a thread of the future's queue.

use super::op::Op;
use super::pool::{Lane, Task};
use super::{cancelled, contained, current};
use crate::error::{MsbError, Status};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

type Work<T> = Box<dyn FnOnce() -> Result<T, MsbError> + Send>;

/// Runs `work` on a thread of `lane`, for the operation whose future awaits this. A cancellation reaches it as it
/// reaches a job, and the operation does not complete before it has ended.
pub fn blocking<T: Send + 'static>(
    lane: Lane,
    work: impl FnOnce() -> Result<T, MsbError> + Send + 'static,
) -> Section<T> {
    Section(Stage::New(lane, Box::new(work)))
}

/// What [`blocking`] gives.
pub struct Section<T>(Stage<T>);

enum Stage<T> {
    New(Lane, Work<T>),
    Under(Arc<Slot<T>>),
    Over,
}

struct Slot<T> {
    state: Mutex<SlotState<T>>,
}

struct SlotState<T> {
    result: Option<Result<T, MsbError>>,
    waker: Option<Waker>,
}

// Nothing in it is ever pinned.
impl<T> Unpin for Section<T> {}

impl<T: Send + 'static> Future for Section<T> {
    type Output = Result<T, MsbError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Under(slot) = &self.0 {
            let mut state = slot.state.lock();
            if let Some(result) = state.result.take() {
                drop(state);
                self.0 = Stage::Over;
                return Poll::Ready(result);
            }
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let Stage::New(lane, work) = std::mem::replace(&mut self.0, Stage::Over) else {
            return Poll::Ready(Err(misused("was awaited again after its end")));
        };
        let Some(op) = current::get() else {
            return Poll::Ready(Err(misused("is awaited outside an operation")));
        };
        if op.is_cancelled() {
            return Poll::Ready(Err(cancelled()));
        }
        match start(op, lane, work, context.waker()) {
            Ok(slot) => {
                self.0 = Stage::Under(slot);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

fn start<T: Send + 'static>(
    op: Arc<Op>,
    lane: Lane,
    work: Work<T>,
    waker: &Waker,
) -> Result<Arc<Slot<T>>, MsbError> {
    let queue = op.queue().ok_or_else(cancelled)?;
    let slot = Arc::new(Slot {
        state: Mutex::new(SlotState {
            result: None,
            waker: Some(waker.clone()),
        }),
    });
    let (own, of) = (Arc::clone(&slot), Arc::clone(&op));
    op.sections.fetch_add(1, Ordering::AcqRel);
    let section = move || {
        let result = contained(work).and_then(|result| result);
        let mut state = own.state.lock();
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        of.sections.fetch_sub(1, Ordering::AcqRel);
        if let Some(waker) = waker {
            waker.wake();
        }
    };
    let task = Task::Section(Arc::clone(&op), Box::new(section));
    if let Err(error) = queue.pool().push(&queue, lane, task) {
        op.sections.fetch_sub(1, Ordering::AcqRel);
        return Err(error);
    }
    Ok(slot)
}

fn misused(how: &str) -> MsbError {
    MsbError::new(
        Status::Internal,
        "internal.section",
        format!("a blocking section {how}"),
    )
    .remedy("this is a defect of libmsb; report it with this text and msb_build_info()")
}
