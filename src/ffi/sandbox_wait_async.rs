//! `msb_sandbox_wait_async`: the end of a sandbox, as an operation that holds no thread.

use crate::deadline::Deadline;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::op::submit_future;
use crate::ffi::sandbox::msb_exit;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_op, msb_queue, msb_sandbox};
use crate::supervise::waiting::Evented;

/// Begins `msb_sandbox_wait`; its completion's result is for `msb_op_take_exit`. Cancelled, or at the end of its time,
/// the sandbox goes on. While it waits, the sandbox counts as used: an attached one is not shut down by releasing its
/// handles.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long to wait from the call on, in milliseconds; 0 only looks, -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_wait_async(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, token queue, out op], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_future(&queue, token, op, async move {
            let end = sandbox.wait_by(&Evented, deadline).await?;
            Ok(msb_exit::from(&end))
        })
    })
}
