//! The `_async` twins of those `msb_volume_fs_*` calls that can take long.

use std::ffi::{c_char, c_void};
use std::os::fd::AsFd as _;

use crate::deadline::Deadline;
use crate::ffi::boundary;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::file::msb_file_progress;
use crate::ffi::file_info::msb_file_page;
use crate::ffi::file_tree::{self, READ_LIMIT};
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_op, msb_queue, msb_volume};
use crate::files::{FileTree as _, archive};
use crate::ops::Lane;

/// Begins `msb_volume_fs_read`; its completion's result is for `msb_op_take_bytes`.
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
pub unsafe extern "C" fn msb_volume_fs_read_async(
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

/// Begins `msb_volume_fs_write`; its completion is for `msb_op_finish`. Cancelled, part of it may be written, unless `flags` has
/// `MSB_WRITE_ATOMIC`.
///
/// - volume: the volume.
/// - path: copied; beneath the root of the volume; not NULL.
/// - data: copied; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
/// - mode: permissions if the file is made, such as 0644, less the process's umask.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_write_async(
    volume: msb_volume,
    path: *const c_char,
    data: *const c_void,
    len: usize,
    flags: u32,
    mode: u32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, token queue, out op], {
        let path = path.to_path_buf();
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?.to_vec();
        let (how, mode) = (file_tree::write_mode(flags)?, file_tree::permissions(mode)?);
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || volume.files()?.write(&path, &data, how, mode))
    })
}

/// Begins `msb_volume_fs_list`; its completion's result is for `msb_op_take_file_page`.
///
/// - volume: the volume.
/// - path: copied; beneath the root of the volume; not NULL.
/// - cursor: where to go on; 0 is the beginning.
/// - limit: how many entries at most, 1 to 10000.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_list_async(
    volume: msb_volume,
    path: *const c_char,
    cursor: u64,
    limit: u32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, token queue, out op], {
        let path = path.to_path_buf();
        let limit = file_tree::page_size(limit)?;
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            Ok(msb_file_page::new(volume.files()?.list(&path, cursor, limit)?))
        })
    })
}

/// Begins `msb_volume_fs_remove_dir`; its completion is for `msb_op_finish`. Cancelled, part of it may be removed. Its progress counts
/// what was removed.
///
/// - volume: the volume.
/// - path: copied; beneath the root of the volume; not NULL.
/// - flags: 0, or `MSB_REMOVE_RECURSIVE`.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_remove_dir_async(
    volume: msb_volume,
    path: *const c_char,
    flags: u32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, token queue, out op], {
        let path = path.to_path_buf();
        let recursive = file_tree::is_recursive(flags)?;
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || volume.files()?.remove_dir(&path, recursive))
    })
}

/// Begins `msb_volume_fs_copy`; its completion is for `msb_op_finish`. Cancelled, it leaves nothing. Its progress counts bytes and
/// entries.
///
/// - volume: the volume.
/// - from: copied; beneath the root of the volume; not NULL.
/// - to: copied; a file or link there is replaced, a directory needs a free name; not NULL.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_copy_async(
    volume: msb_volume,
    from: *const c_char,
    to: *const c_char,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path from, path to, token queue, out op], {
        let (from, to) = (from.to_path_buf(), to.to_path_buf());
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || volume.files()?.copy(&from, &to))
    })
}

/// Begins `msb_volume_fs_tar_export`; its completion's result is for `msb_op_take_file_progress`. Its progress counts bytes
/// and entries.
///
/// - volume: the volume.
/// - path: copied; beneath the root of the volume; not NULL.
/// - fd: a file, pipe or socket to write to; the library keeps a duplicate, and the flags that both share stay as they are.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_tar_export_async(
    volume: msb_volume,
    path: *const c_char,
    fd: i32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, token queue, out op], {
        let path = path.to_path_buf();
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::duplicate(fd, "fd") }?;
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            let files = volume.files()?;
            let total = archive::export(&*files, &path, fd.as_fd(), &mut archive::follow, Deadline::NEVER)?;
            Ok(msb_file_progress::from(&total))
        })
    })
}

/// Begins `msb_volume_fs_tar_import`; its completion's result is for `msb_op_take_file_progress`. Cancelled, the
/// entries before are there, and no part of a file. Its progress counts bytes and entries.
///
/// - volume: the volume.
/// - path: copied; beneath the root of the volume; not NULL.
/// - fd: a file, pipe or socket to read from; the library keeps a duplicate, and the flags that both share stay as they are.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_tar_import_async(
    volume: msb_volume,
    path: *const c_char,
    fd: i32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, token queue, out op], {
        let path = path.to_path_buf();
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::duplicate(fd, "fd") }?;
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            let files = volume.files()?;
            let total = archive::import(&*files, &path, fd.as_fd(), &mut archive::follow, Deadline::NEVER)?;
            Ok(msb_file_progress::from(&total))
        })
    })
}
