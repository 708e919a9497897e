//! `msb_sandbox_exec*_async` and `msb_exec_*_async`: commands, as operations that hold no thread.
//!
//! Invariant: a command that was started for an operation and that nobody took is killed, never left running.

use std::ffi::c_void;

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ffi::error::msb_error;
use crate::ffi::exec::{msb_exec_status, output_channel};
use crate::ffi::exec_config::msb_exec_config;
use crate::ffi::exec_result::msb_exec_result;
use crate::ffi::op::submit_future;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_exec, msb_op, msb_queue, msb_sandbox};
use crate::ffi::{boundary, bytes, ffi};
use crate::supervise::waiting::Evented;

/// Begins `msb_sandbox_exec_start`; its completion's result is for `msb_op_take_exec`. A command that is not taken,
/// because the operation was cancelled or released, is killed with SIGKILL, and with it its process group.
///
/// - sandbox: the sandbox, running.
/// - config: copied; not NULL.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_exec_start_async(
    sandbox: msb_sandbox,
    config: *const msb_exec_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, value config, token queue, out op], {
        let options = config.options.clone();
        options.validate()?;
        submit_future(&queue, token, op, async move {
            sandbox.exec_start_by(&Evented, &options).await
        })
    })
}

/// Begins `msb_sandbox_exec`; its completion's result is for `msb_op_take_exec_result`. `msb_op_progress` counts the
/// bytes of its input and output meanwhile. Cancelled, it kills the command with SIGKILL, and with it its process
/// group. Of more commands at once than a guest runs, 1024, the rest fail with EXEC_FAILED and the reason
/// `exec.too_many`.
///
/// - sandbox: the sandbox, running.
/// - config: copied; not NULL.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_exec_async(
    sandbox: msb_sandbox,
    config: *const msb_exec_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, value config, token queue, out op], {
        let options = config.options.clone();
        options.validate()?;
        submit_future(&queue, token, op, async move {
            sandbox.exec_by(&Evented, &options).await.map(msb_exec_result::new)
        })
    })
}

/// Begins a read of a command's output; its completion's result is for `msb_op_take_bytes`: at least one byte, or none
/// at the end of the output. Reads of one output, blocking ones too, are served in the order of their calls, and none
/// loses bytes: a read that is cancelled took none.
///
/// - exec: the command.
/// - which: `MSB_STDOUT` or `MSB_STDERR`.
/// - cap: how many bytes at most; not 0.
/// - timeout_ms: how long to wait from the call on, in milliseconds; 0 only looks, -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_read_async(
    exec: msb_exec,
    which: i32,
    cap: usize,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec, token queue, out op], {
        let channel = output_channel(which)?;
        if cap == 0 {
            return Err(MsbError::new(
                Status::InvalidArgument,
                "argument.cap",
                "`cap` is 0, so that no byte could be read",
            )
            .detail("argument", "cap"));
        }
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_future(&queue, token, op, exec.take_by(Evented, (channel, cap), deadline))
    })
}

/// Begins a write to a command's standard input, of all of the data; its completion's result, their number, is for
/// `msb_op_take_count`. `msb_op_progress` tells how many were sent meanwhile, and how many were if it fails or is
/// cancelled. Writes of one command are sent in the order of their calls, and not mixed.
///
/// - exec: the command.
/// - data: copied; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - timeout_ms: how long it may take from the call on, in milliseconds; 0 sends what fits at once, -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_write_async(
    exec: msb_exec,
    data: *const c_void,
    len: usize,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec, token queue, out op], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = bytes::owned(unsafe { boundary::bytes(data.cast(), len, "data") }?)?;
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_future(&queue, token, op, exec.write_all_by(Evented, data, deadline))
    })
}

/// Begins `msb_exec_wait`; its completion's result is for `msb_op_take_exec_status`. Cancelled, or at the end of its
/// time, the command goes on.
///
/// - exec: the command.
/// - timeout_ms: how long to wait from the call on, in milliseconds; 0 only looks, -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_wait_async(
    exec: msb_exec,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec, token queue, out op], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_future(&queue, token, op, async move {
            exec.wait_by(&Evented, deadline).await.map(msb_exec_status::from)
        })
    })
}
