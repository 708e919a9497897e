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
    Uninterrupted, add_progress, check_cancelled, expect_progress, is_cancelled, set_progress, tell,
};
pub use op::{Op, ProgressNow, State};
pub use pool::Lane;
pub(crate) use queue::Feed;
pub use queue::{Accepted, Next, Queue};
pub use section::{Section, blocking};
pub use timer::Timer;

use crate::error::{MsbError, Status};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The reason of every operation that was cancelled.
const CANCELLED: &str = "op.cancelled";

/// The error of an operation that was cancelled before it did anything.
#[must_use]
pub fn cancelled() -> MsbError {
    MsbError::new(Status::Cancelled, CANCELLED, "the operation was cancelled")
}

/// Runs part of an operation; a panic is its error.
fn contained<T>(body: impl FnOnce() -> T) -> Result<T, MsbError> {
    // Unwind safety: the core's locks do not poison, and an object's invariants hold between its statements.
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let error = panic_error(payload.as_ref());
        // Dropping a payload runs foreign code that may panic in turn; a defect may leak a few bytes.
        std::mem::forget(payload);
        error
    })
}

fn panic_error(payload: &(dyn Any + Send)) -> MsbError {
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    MsbError::new(
        Status::Internal,
        "internal.panic",
        format!("the library panicked: {what}"),
    )
    .remedy("this is a defect of libmsb; report it with this text and msb_build_info()")
}
