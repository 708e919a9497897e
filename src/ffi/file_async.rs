//! `msb_file_*_async`: the operations on an open file of a volume or of a sandbox.
//!
//! Each is a job on the lane of the file's guest, or of this host's own files. Operations on one file of a sandbox take turns.

use std::ffi::c_void;
use std::sync::Arc;

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ffi::boundary;
use crate::ffi::error::msb_error;
use crate::ffi::file_info::msb_file_info;
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_file, msb_op, msb_queue};
use crate::ffi::{bytes, ffi, file_tree};
use crate::files::OpenFile;
use crate::ops::{self, Queue};

/// What is read at a time, in bytes.
const PIECE: usize = 4 * 1024 * 1024;

/// Submits a job on an open file.
fn submit<T: Send + 'static>(
    file: &Arc<Arc<dyn OpenFile>>,
    (queue, token): (&Queue, u64),
    op: &mut msb_op,
    timeout_ms: i64,
    job: impl FnOnce(&dyn OpenFile, Deadline) -> Result<T, MsbError> + Send + 'static,
) -> Result<(), MsbError> {
    let deadline = Deadline::from_timeout_ms(timeout_ms);
    let own = Arc::clone(file);
    submit_job(queue, token, op, file.lane(), deadline, move || {
        job(&**own, deadline)
    })
}

/// Reads until `cap` bytes or the end of the file; memory grows with what there is.
fn read(file: &dyn OpenFile, offset: u64, cap: usize, deadline: Deadline) -> Result<Vec<u8>, MsbError> {
    let mut data = Vec::new();
    while data.len() < cap {
        let (begin, wanted) = (data.len(), PIECE.min(cap - data.len()));
        data.try_reserve(wanted).map_err(|_| bytes::out_of_memory())?;
        data.resize(begin + wanted, 0);
        let count = file.pread(&mut data[begin..], offset.saturating_add(begin as u64), deadline)?;
        data.truncate(begin + count);
        ops::set_progress(data.len() as u64, 0);
        if count < wanted {
            break;
        }
        ops::check_cancelled()?;
    }
    Ok(data)
}

/// Begins `msb_file_pread`; its completion's result is for `msb_op_take_bytes`. Fewer bytes than `cap` mean the end of
/// the file.
///
/// - file: the file.
/// - offset: where to begin, in bytes.
/// - cap: how many bytes at most, 1 to 1 GiB.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_pread_async(
    file: msb_file,
    offset: u64,
    cap: usize,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, token queue, out op], {
        if cap == 0 || cap as u64 > file_tree::READ_LIMIT {
            return Err(MsbError::new(
                Status::InvalidArgument,
                "argument.cap",
                format!("`cap` is {cap}, which is not between 1 and {}", file_tree::READ_LIMIT),
            )
            .detail("argument", "cap"));
        }
        submit(&file, (&queue, token), op, timeout_ms, move |file, deadline| read(file, offset, cap, deadline))
    })
}

/// Begins `msb_file_pwrite`; its completion is for `msb_op_finish`. A failure, or a cancellation, may leave part of the
/// data written.
///
/// - file: the file.
/// - offset: where to begin, in bytes.
/// - data: copied; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_pwrite_async(
    file: msb_file,
    offset: u64,
    data: *const c_void,
    len: usize,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, token queue, out op], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = bytes::owned(unsafe { boundary::bytes(data.cast(), len, "data") }?)?;
        submit(&file, (&queue, token), op, timeout_ms, move |file, deadline| {
            ops::expect_progress(data.len() as u64, 0);
            file.pwrite(&data, offset, deadline)
        })
    })
}

/// Begins `msb_file_append`; its completion is for `msb_op_finish`. A failure, or a cancellation, may leave part of the
/// data written.
///
/// - file: the file.
/// - data: copied; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_append_async(
    file: msb_file,
    data: *const c_void,
    len: usize,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, token queue, out op], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = bytes::owned(unsafe { boundary::bytes(data.cast(), len, "data") }?)?;
        submit(&file, (&queue, token), op, timeout_ms, move |file, deadline| {
            ops::expect_progress(data.len() as u64, 0);
            file.append(&data, deadline)
        })
    })
}

/// Begins `msb_file_size`; its completion's result is for `msb_op_take_count`.
///
/// - file: the file.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_size_async(
    file: msb_file,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, token queue, out op], {
        submit(&file, (&queue, token), op, timeout_ms, move |file, deadline| file.size(deadline))
    })
}

/// Begins `msb_file_truncate`; its completion is for `msb_op_finish`.
///
/// - file: the file.
/// - size: the new size in bytes.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_truncate_async(
    file: msb_file,
    size: u64,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, token queue, out op], {
        submit(&file, (&queue, token), op, timeout_ms, move |file, deadline| file.truncate(size, deadline))
    })
}

/// Begins `msb_file_sync`; its completion is for `msb_op_finish`.
///
/// - file: the file.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_sync_async(
    file: msb_file,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, token queue, out op], {
        submit(&file, (&queue, token), op, timeout_ms, move |file, deadline| file.sync(deadline))
    })
}

/// Begins `msb_file_stat`; its completion's result is for `msb_op_take_file_info`.
///
/// - file: the file.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_stat_async(
    file: msb_file,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, token queue, out op], {
        submit(&file, (&queue, token), op, timeout_ms, move |file, deadline| file.stat(deadline).map(msb_file_info::new))
    })
}
