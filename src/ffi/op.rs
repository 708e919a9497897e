//! `msb_op`: one operation that a queue accepted.
//!
//! The `_async` twins of the other nouns all end in [`submit_job`] or [`submit_future`].

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::ffi::boundary::Cleared;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, Handle, MSB_KIND_OP, handle, msb_op};
use crate::ops::{Accepted, Lane, Op, Queue};

handle!(msb_op, MSB_KIND_OP, Op);

/// Submits a job; see [`Accepted::run`]. The handle is written once it is accepted.
pub(super) fn submit_job<T: Any + Send>(
    queue: &Queue,
    token: u64,
    out: &mut msb_op,
    lane: Lane,
    deadline: Deadline,
    job: impl FnOnce() -> Result<T, MsbError> + Send + 'static,
) -> Result<(), MsbError> {
    submit(queue, token, out, |accepted| accepted.run(lane, deadline, job))
}

/// Submits a future; see [`Accepted::poll`]. The handle is written once it is accepted.
pub(super) fn submit_future<T: Any + Send>(
    queue: &Queue,
    token: u64,
    out: &mut msb_op,
    future: impl Future<Output = Result<T, MsbError>> + Send + 'static,
) -> Result<(), MsbError> {
    submit(queue, token, out, |accepted| accepted.poll(future))
}

fn submit(
    queue: &Queue,
    token: u64,
    out: &mut msb_op,
    start: impl FnOnce(Accepted) -> Result<(), MsbError>,
) -> Result<(), MsbError> {
    let accepted = queue.accept(token)?;
    // The handle comes first: the completion may be read before this returns.
    let mut handle: msb_op = token::insert(Arc::clone(accepted.op()))?;
    accepted.op().set_tag(handle.id());
    match start(accepted) {
        Ok(()) => {
            *out = handle;
            Ok(())
        }
        Err(error) => {
            // SAFETY: the handle is a live local.
            drop(unsafe { token::release(&raw mut handle) });
            Err(error)
        }
    }
}

/// How far an operation has come. Always written whole. What it counts depends on the operation; many count nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_progress {
    /// Bytes that were dealt with.
    pub bytes_done: u64,
    /// Bytes in all; 0 if not known.
    pub bytes_total: u64,
    /// Files, entries or findings that were dealt with.
    pub items_done: u64,
    /// Items in all; 0 if not known.
    pub items_total: u64,
    /// 0; room for later versions.
    pub reserved_words: [u64; 4],
}

impl Cleared for msb_progress {
    const CLEARED: Self = Self {
        bytes_done: 0,
        bytes_total: 0,
        items_done: 0,
        items_total: 0,
        reserved_words: [0; 4],
    };
}

/// Asks for an operation's end; how it ended its completion tells. It is `MSB_ERR_CANCELLED`, or the success that was
/// quicker. An operation that waits for its turn or for an event ends at once, one that is at work within moments, after
/// undoing what it had begun.
///
/// - op: the operation; one that has completed stays as it is.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_cancel(op: msb_op, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token op], {
        op.cancel();
        Ok(())
    })
}

/// Tells how far an operation has come, before its completion or after.
///
/// - op: the operation.
/// - out: written with the counts; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_progress(
    op: msb_op,
    out: *mut msb_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        let now = op.progress();
        *out = msb_progress {
            bytes_done: now.bytes_done,
            bytes_total: now.bytes_total,
            items_done: now.items_done,
            items_total: now.items_total,
            ..msb_progress::CLEARED
        };
        Ok(())
    })
}

/// Gives a handle back. An operation that has not completed goes on and still completes, with a null `op`; a result
/// that was not taken is torn down: a sandbox that was created stays, its handle is released.
///
/// - op: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_release(op: *mut msb_op) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        if let Some(op) = unsafe { token::release(op) } {
            op.abandon();
        }
        Ok(())
    });
}
