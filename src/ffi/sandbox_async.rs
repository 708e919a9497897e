//! The `_async` twins of `msb_sandbox`: the life of a sandbox.

use crate::deadline::Deadline;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::op::submit_job;
use crate::ffi::sandbox_config::msb_sandbox_config;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_backend, msb_op, msb_queue, msb_sandbox};
use crate::ops::Lane;
use crate::sandbox::Sandbox;

/// Begins `msb_sandbox_create`; its completion's result is for `msb_op_take_sandbox`. Cancelled, it leaves neither a sandbox nor
/// volumes that it made, nor part of an image. While it pulls or loads an image, its progress counts bytes and layers.
///
/// - backend: the backend.
/// - config: copied; not NULL.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_create_async(
    backend: msb_backend,
    config: *const msb_sandbox_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value config, token queue, out op], {
        let options = config.options.clone();
        options.validate()?;
        submit_job(&queue, token, op, Lane::Lifecycle, Deadline::NEVER, move || Sandbox::create(&backend, &options))
    })
}

/// Begins `msb_sandbox_start`; its completion is for `msb_op_finish`. Cancelled, the start is undone before the completion.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long it may take, in milliseconds from now; -1 leaves it at the sandbox's own boot timeout.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_start_async(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, token queue, out op], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_job(&queue, token, op, Lane::Lifecycle, deadline, move || sandbox.start(deadline))
    })
}

/// Begins `msb_sandbox_stop`; its completion is for `msb_op_finish`. Cancelled, nobody waits any more for a sandbox that was told
/// to stop.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long the guest has, in milliseconds from now; 0 kills at once, -1 never kills.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_stop_async(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, token queue, out op], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_job(&queue, token, op, Lane::Lifecycle, Deadline::NEVER, move || sandbox.stop(deadline.remaining_ms()))
    })
}

/// Begins `msb_sandbox_kill`; its completion is for `msb_op_finish`. No other kind of operation is before it in the queue. Cancelled,
/// nobody waits any more for a sandbox that was killed.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long it may wait until it is gone, in milliseconds from now; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_kill_async(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, token queue, out op], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_job(&queue, token, op, Lane::Kill, Deadline::NEVER, move || sandbox.kill(deadline))
    })
}

/// Begins `msb_sandbox_detach`; its completion is for `msb_op_finish`.
///
/// - sandbox: the sandbox.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_detach_async(
    sandbox: msb_sandbox,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, token queue, out op], {
        submit_job(&queue, token, op, Lane::Lifecycle, Deadline::NEVER, move || sandbox.detach())
    })
}

/// Begins `msb_sandbox_remove`; its completion is for `msb_op_finish`. A removal that has begun cannot be cancelled.
///
/// - sandbox: the sandbox.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_remove_async(
    sandbox: msb_sandbox,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, token queue, out op], {
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || sandbox.remove())
    })
}
