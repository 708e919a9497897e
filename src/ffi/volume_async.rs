//! The `_async` twins of `msb_volume`, and of its whole files.

use std::ffi::{c_char, c_void};

use crate::deadline::Deadline;
use crate::ffi::boundary;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::file_tree::READ_LIMIT;
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_backend, msb_op, msb_queue, msb_volume};
use crate::ffi::volume_config::msb_volume_config;
use crate::ffi::volume_fs::NEW_FILE_MODE;
use crate::files::{FileTree as _, WriteMode};
use crate::ops::Lane;
use crate::volume::Volume;

/// Begins `msb_volume_create`; its completion's result is for `msb_op_take_volume`. Cancelled, it leaves nothing.
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
pub unsafe extern "C" fn msb_volume_create_async(
    backend: msb_backend,
    config: *const msb_volume_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value config, token queue, out op], {
        let options = config.options.clone();
        options.validate()?;
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || Volume::create(&backend, &options))
    })
}

/// Begins `msb_volume_resize`; its completion is for `msb_op_finish`. A growth that has begun cannot be cancelled.
///
/// - volume: the volume.
/// - capacity_mib: the new size in MiB.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_resize_async(
    volume: msb_volume,
    capacity_mib: u64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, token queue, out op], {
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || volume.resize(capacity_mib))
    })
}

/// Begins `msb_volume_remove`; its completion is for `msb_op_finish`. A removal that has begun cannot be cancelled.
///
/// - volume: the volume.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_remove_async(
    volume: msb_volume,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, token queue, out op], {
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || volume.remove())
    })
}

/// Begins `msb_volume_read`; its completion's result is for `msb_op_take_bytes`.
///
/// - volume: the volume.
/// - path: copied; beneath the root of the volume; not NULL.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_read_async(
    volume: msb_volume,
    path: *const c_char,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, token queue, out op], {
        let path = path.to_path_buf();
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || volume.files()?.read(&path, READ_LIMIT))
    })
}

/// Begins `msb_volume_write`; its completion is for `msb_op_finish`. Cancelled, part of it may be written.
///
/// - volume: the volume.
/// - path: copied; beneath the root of the volume; not NULL.
/// - data: copied; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_write_async(
    volume: msb_volume,
    path: *const c_char,
    data: *const c_void,
    len: usize,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, token queue, out op], {
        let path = path.to_path_buf();
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?.to_vec();
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            volume.files()?.write(&path, &data, WriteMode::Replace, NEW_FILE_MODE)
        })
    })
}
