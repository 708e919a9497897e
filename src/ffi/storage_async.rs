//! The `_async` twins of the calls that look through a home: usage, checks, freeing room.

use crate::deadline::Deadline;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::storage::msb_storage_usage;
use crate::ffi::storage_finding::check_flags;
use crate::ffi::storage_fsck::{MSB_FSCK_REPAIR, msb_fsck_report};
use crate::ffi::storage_prune::{MSB_PRUNE_DRY_RUN, msb_prune_report, what};
use crate::ffi::token::{msb_backend, msb_op, msb_queue};
use crate::ops::Lane;
use crate::storage::{fsck, prune, usage};

/// Begins `msb_storage_usage_get`; its completion's result is for `msb_op_take_storage_usage`. Its progress counts what was
/// measured.
///
/// - backend: the backend.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_get_async(
    backend: msb_backend,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, token queue, out op], {
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || Ok(msb_storage_usage::new(usage::usage(&backend)?)))
    })
}

/// Begins `msb_fsck`; its completion's result is for `msb_op_take_fsck_report`. Cancelled, what was mended stays mended. Its progress
/// counts what was found.
///
/// - backend: the backend.
/// - flags: 0 or `MSB_FSCK_REPAIR`.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_async(
    backend: msb_backend,
    flags: u32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, token queue, out op], {
        check_flags(flags, MSB_FSCK_REPAIR)?;
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            Ok(msb_fsck_report::new(fsck::fsck(&backend, flags & MSB_FSCK_REPAIR != 0)?))
        })
    })
}

/// Begins `msb_prune`; its completion's result is for `msb_op_take_prune_report`. Cancelled, what was freed stays freed. Its progress
/// counts what was found.
///
/// - backend: the backend.
/// - flags: `MSB_PRUNE_*` flags.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_async(
    backend: msb_backend,
    flags: u32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, token queue, out op], {
        let what = what(flags)?;
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            Ok(msb_prune_report::new(prune::prune(&backend, what, flags & MSB_PRUNE_DRY_RUN != 0)?))
        })
    })
}
