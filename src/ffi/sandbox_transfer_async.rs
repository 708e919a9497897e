//! `msb_sandbox_fs_tar_*_async` and `msb_sandbox_copy_*_async`: whole trees into a running sandbox and out of it.

use std::ffi::c_char;
use std::os::fd::AsFd;

use crate::deadline::Deadline;
use crate::ffi::error::msb_error;
use crate::ffi::file::msb_file_progress;
use crate::ffi::sandbox_fs_async::submit;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_op, msb_queue, msb_sandbox};
use crate::ffi::{boundary, ffi, file_tree};
use crate::files::{archive, copy};

/// Begins `msb_sandbox_fs_tar_export`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress`
/// tells bytes and entries meanwhile. It can be cancelled while the other end of `fd` does not move, too. The archive
/// then ends early.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - fd: a file, pipe or socket to write to, blocking or not; duplicated, so that the caller may close it.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_tar_export_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    fd: i32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::duplicate(fd, "fd") }?;
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| {
            let total = archive::export(files, &path, fd.as_fd(), &mut file_tree::operation_observer(), deadline)?;
            Ok(msb_file_progress::from(&total))
        })
    })
}

/// Begins `msb_sandbox_fs_tar_import`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress`
/// tells bytes and entries meanwhile. It can be cancelled while the other end of `fd` does not move, too. It then
/// leaves what was unpacked so far.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - fd: a file, pipe or socket to read from, blocking or not; duplicated, so that the caller may close it.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_tar_import_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    fd: i32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::duplicate(fd, "fd") }?;
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| {
            let total = archive::import(files, &path, fd.as_fd(), &mut file_tree::operation_observer(), deadline)?;
            Ok(msb_file_progress::from(&total))
        })
    })
}

/// Begins `msb_sandbox_copy_in`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress` tells
/// bytes and entries meanwhile. Cancelled, it leaves nothing at `to` that was not there before; what was there may be
/// changed.
///
/// - sandbox: the sandbox, running.
/// - from: copied; a path of the host; not NULL.
/// - to: copied; in the guest, from its root: what the copy is called; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_copy_in_async(
    sandbox: msb_sandbox,
    from: *const c_char,
    to: *const c_char,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path from, path to, token queue, out op], {
        let (from, to) = (from.to_owned(), to.to_owned());
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| {
            let total = copy::copy_in(files, &from, &to, &mut file_tree::operation_observer())?;
            Ok(msb_file_progress::from(&total))
        })
    })
}

/// Begins `msb_sandbox_copy_out`; its completion's result is for `msb_op_take_file_progress`. `msb_op_progress` tells
/// bytes and entries meanwhile. Cancelled, it leaves nothing at `to` that was not there before; what was there may be
/// changed.
///
/// - sandbox: the sandbox, running.
/// - from: copied; in the guest, from its root; not NULL.
/// - to: copied; a path of the host: what the copy is called; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_copy_out_async(
    sandbox: msb_sandbox,
    from: *const c_char,
    to: *const c_char,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path from, path to, token queue, out op], {
        let (from, to) = (from.to_owned(), to.to_owned());
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| {
            let total = copy::copy_out(files, &from, &to, &mut file_tree::operation_observer())?;
            Ok(msb_file_progress::from(&total))
        })
    })
}
