//! Operations: work that a host submits to a queue and whose end it is told of.
//!
//! A [`Queue`] accepts, runs and reports operations; an [`Op`] is one of them. Work is a *job*, which blocks a thread of
//! one [`Lane`] of the queue, or a *future*, which holds no thread while it waits. Invariant: every accepted operation
//! completes exactly once, whatever becomes of it, and completing it never fails, waits or runs host code.

mod current;
mod events;
mod op;
mod pool;
mod queue;
mod section;
#[cfg(test)]
mod tests;
mod threads;
mod timer;

pub(crate) use current::is_working;
pub use current::{
    Uninterrupted, add_progress, cancellation, check_cancelled, expect_progress, is_cancelled, set_progress,
    tell,
};
pub use op::{Op, ProgressNow, State};
pub use pool::Lane;
pub(crate) use queue::Feed;
pub use queue::{Accepted, Next, Queue};
pub use section::{Section, blocking};
pub use timer::Timer;

use crate::error::{MsbError, Status};
use crate::panics;

/// The reason of every operation that was cancelled.
const CANCELLED: &str = "op.cancelled";

/// The error of an operation that was cancelled before it did anything.
#[must_use]
pub fn cancelled() -> MsbError {
    MsbError::new(Status::Cancelled, CANCELLED, "the operation was cancelled")
}

/// Runs part of an operation; a panic is its error.
fn contained<T>(body: impl FnOnce() -> T) -> Result<T, MsbError> {
    panics::contained(body).map_err(|text| panics::error(&text))
}
