//! The `_async` twins of `msb_backend` and of the calls that look at a home or a host as a whole.

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::ffi::backend_config::msb_backend_config;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::op::submit_job;
use crate::ffi::probe::msb_probe_report;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_backend, msb_op, msb_queue};
use crate::ops::Lane;
use crate::runtime::probe;

/// Begins `msb_backend_new`; its completion's result is for `msb_op_take_backend`.
///
/// - config: copied; may be NULL.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_new_async(
    config: *const msb_backend_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [value_or_null config, token queue, out op], {
        let options = config.map(|config| config.options.clone());
        if let Some(options) = &options {
            options.validate()?;
        }
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || match options {
            Some(options) => Backend::built(&options),
            None => Backend::lazy(),
        })
    })
}

/// Begins `msb_backend_close`; its completion is for `msb_op_finish`. Other operations of the backend fail or are cancelled
/// by it as calls are. Cancelled, the backend is closed all the same, and nobody waits any more for its sandboxes.
///
/// - backend: the backend.
/// - timeout_ms: how long it may wait, in milliseconds from now; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_close_async(
    backend: msb_backend,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, token queue, out op], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        submit_job(&queue, token, op, Lane::Lifecycle, Deadline::NEVER, move || backend.close(deadline))
    })
}

/// Begins `msb_probe`; its completion's result is for `msb_op_take_probe_report`.
///
/// - backend: the backend whose home and settings count.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_async(
    backend: msb_backend,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, token queue, out op], {
        submit_job(&queue, token, op, Lane::Lifecycle, Deadline::NEVER, move || Ok(msb_probe_report::from(&probe::probe(&backend)?)))
    })
}
