//! `msb_sandbox_fs_*_async`: the operations on the files of a running sandbox.
//!
//! Each is a job on the lane of its guest: a few of one sandbox at a time, and none holds up another sandbox. Arguments are
//! checked, and copied, when it is submitted.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::ffi::boundary;
use crate::ffi::error::msb_error;
use crate::ffi::file_info::{msb_file_info, msb_file_page};
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_op, msb_queue, msb_sandbox};
use crate::ffi::{bytes, ffi, file_tree};
use crate::files::{FileTree, GuestFiles};
use crate::ops::{self, Queue};
use crate::sandbox::Sandbox;

/// Submits a job on the files of a sandbox.
pub(super) fn submit<T: Send + 'static>(
    sandbox: &Arc<Sandbox>,
    (queue, token): (&Queue, u64),
    op: &mut msb_op,
    timeout_ms: i64,
    job: impl FnOnce(&GuestFiles) -> Result<T, MsbError> + Send + 'static,
) -> Result<(), MsbError> {
    let deadline = Deadline::from_timeout_ms(timeout_ms);
    let own = Arc::clone(sandbox);
    submit_job(queue, token, op, sandbox.lane(), deadline, move || {
        job(&own.files(deadline)?)
    })
}

/// Begins `msb_sandbox_fs_read`; its completion's result is for `msb_op_take_bytes`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_read_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.read(&path, file_tree::READ_LIMIT))
    })
}

/// Begins `msb_sandbox_fs_write`; its completion is for `msb_op_finish`. Cancelled, it may leave part of the data,
/// unless `flags` has `MSB_WRITE_ATOMIC`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - data: copied; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
/// - mode: permissions if the file is made, such as 0644.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_write_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    data: *const c_void,
    len: usize,
    flags: u32,
    mode: u32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = bytes::owned(unsafe { boundary::bytes(data.cast(), len, "data") }?)?;
        let (how, mode) = (file_tree::write_mode(flags)?, file_tree::permissions(mode)?);
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| {
            ops::expect_progress(data.len() as u64, 0);
            files.write(&path, &data, how, mode)
        })
    })
}

/// Begins `msb_sandbox_fs_open`; its completion's result is for `msb_op_take_file`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - flags: `MSB_OPEN_READ`, `MSB_OPEN_WRITE` or both, and further `MSB_OPEN_*` flags.
/// - mode: permissions if the file is made, such as 0644.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_open_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    flags: u32,
    mode: u32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let options = file_tree::open_options(flags, mode)?;
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.open(&path, &options).map(Arc::new))
    })
}

/// Begins `msb_sandbox_fs_list`; its completion's result is for `msb_op_take_file_page`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - cursor: where to go on; 0 is the beginning.
/// - limit: how many entries at most, 1 to 10000.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_list_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    cursor: u64,
    limit: u32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let limit = file_tree::page_size(limit)?;
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.list(&path, cursor, limit).map(msb_file_page::new))
    })
}

/// Begins `msb_sandbox_fs_stat`; its completion's result is for `msb_op_take_file_info`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - flags: 0, or `MSB_STAT_FOLLOW`.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_stat_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    flags: u32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let follow = file_tree::follows(flags)?;
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.stat(&path, follow).map(msb_file_info::new))
    })
}

/// Begins `msb_sandbox_fs_exists`; its completion's result is for `msb_op_take_flag`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_exists_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.exists(&path))
    })
}

/// Begins `msb_sandbox_fs_mkdir`; its completion is for `msb_op_finish`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - mode: its permissions, such as 0755.
/// - flags: 0, or `MSB_MKDIR_PARENTS`.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_mkdir_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    mode: u32,
    flags: u32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let (mode, parents) = (file_tree::permissions(mode)?, file_tree::makes_parents(flags)?);
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.mkdir(&path, mode, parents))
    })
}

/// Begins `msb_sandbox_fs_remove`; its completion is for `msb_op_finish`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_remove_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.remove(&path))
    })
}

/// Begins `msb_sandbox_fs_remove_dir`; its completion is for `msb_op_finish`. Cancelled, it may leave part of the
/// directory.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - flags: 0, or `MSB_REMOVE_RECURSIVE`.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_remove_dir_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    flags: u32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let recursive = file_tree::is_recursive(flags)?;
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.remove_dir(&path, recursive))
    })
}

/// Begins `msb_sandbox_fs_copy`; its completion is for `msb_op_finish`. Cancelled, it is no longer waited for: the
/// guest may finish it, or stop in the middle of it within some seconds.
///
/// - sandbox: the sandbox, running.
/// - from: copied; in the guest, from its root; not NULL.
/// - to: copied; a file or link there is replaced, a directory needs a free name; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_copy_async(
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
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.copy(&from, &to))
    })
}

/// Begins `msb_sandbox_fs_rename`; its completion is for `msb_op_finish`.
///
/// - sandbox: the sandbox, running.
/// - from: copied; in the guest, from its root; not NULL.
/// - to: copied; in the guest, from its root; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_rename_async(
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
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.rename(&from, &to))
    })
}

/// Begins `msb_sandbox_fs_symlink`; its completion is for `msb_op_finish`.
///
/// - sandbox: the sandbox, running.
/// - target: copied; what the link holds; not NULL.
/// - path: copied; in the guest, from its root; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_symlink_async(
    sandbox: msb_sandbox,
    target: *const c_char,
    path: *const c_char,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path target, path path, token queue, out op], {
        let (target, path) = (target.to_owned(), path.to_owned());
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.symlink(target.as_os_str(), &path))
    })
}

/// Begins `msb_sandbox_fs_readlink`; its completion's result is for `msb_op_take_bytes`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_readlink_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.readlink(&path))
    })
}

/// Begins `msb_sandbox_fs_chmod`; its completion is for `msb_op_finish`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - mode: the permissions, such as 0644.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_chmod_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    mode: u32,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let mode = file_tree::permissions(mode)?;
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.chmod(&path, mode))
    })
}

/// Begins `msb_sandbox_fs_utimes`; its completion is for `msb_op_finish`.
///
/// - sandbox: the sandbox, running.
/// - path: copied; in the guest, from its root; not NULL.
/// - accessed_ns: the time, or `MSB_TIME_KEEP`.
/// - modified_ns: the time, or `MSB_TIME_KEEP`.
/// - timeout_ms: how long it may take from the call on, in milliseconds; -1 has no limit.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_utimes_async(
    sandbox: msb_sandbox,
    path: *const c_char,
    accessed_ns: i64,
    modified_ns: i64,
    timeout_ms: i64,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, token queue, out op], {
        let times = (file_tree::time(accessed_ns), file_tree::time(modified_ns));
        let path = path.to_owned();
        submit(&sandbox, (&queue, token), op, timeout_ms, move |files| files.utimes(&path, times.0, times.1))
    })
}
