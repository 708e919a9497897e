//! `msb_sandbox_fs_*`: the files of a running sandbox, and copies between it and the host. `msb_volume_fs_*` has the same
//! verbs.

use std::ffi::{c_char, c_void};

use crate::deadline::Deadline;
use crate::ffi::boundary;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::file::{msb_file_progress, msb_file_progress_fn, observer};
use crate::ffi::file_info::{msb_file_info, msb_file_page};
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_file, msb_sandbox};
use crate::ffi::{ffi, file_tree};
use crate::files::{FileTree, copy};

/// Reads a whole file of at most 1 GiB into memory; open larger ones.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, RESOURCE_EXHAUSTED if it is larger, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_read(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out out], {
        file_tree::read(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, out)
    })
}

/// Writes a whole file, straight from `data`. A failure may leave part of it, unless `flags` has `MSB_WRITE_ATOMIC`: then
/// a new file takes the place of the old one when everything is on the disk.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - data: borrowed; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
/// - mode: permissions if the file is made, such as 0644.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_write(
    sandbox: msb_sandbox,
    path: *const c_char,
    data: *const c_void,
    len: usize,
    flags: u32,
    mode: u32,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        file_tree::write(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, data, flags, mode)
    })
}

/// Opens a file, to read and write parts of it. It is closed when the sandbox stops.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - flags: `MSB_OPEN_READ`, `MSB_OPEN_WRITE` or both, and further `MSB_OPEN_*` flags.
/// - mode: permissions if the file is made, such as 0644.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: returned owned, to be released with `msb_file_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
///   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_open(
    sandbox: msb_sandbox,
    path: *const c_char,
    flags: u32,
    mode: u32,
    timeout_ms: i64,
    out: *mut msb_file,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out out], {
        file_tree::open(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, flags, mode, out)
    })
}

/// Lists a directory in its own order, a page at a time: pass what `msb_file_page_next` gives until that is 0. What is
/// made or removed meanwhile may be on a page or not.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - cursor: where to go on; 0 is the beginning.
/// - limit: how many entries at most, 1 to 10000.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: returned owned, to be freed with `msb_file_page_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_list(
    sandbox: msb_sandbox,
    path: *const c_char,
    cursor: u64,
    limit: u32,
    timeout_ms: i64,
    out: *mut *mut msb_file_page,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out out], {
        file_tree::list(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, cursor, limit, out)
    })
}

/// Says what is known of a file, a directory or whatever the path is.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - flags: 0, or `MSB_STAT_FOLLOW`.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_stat(
    sandbox: msb_sandbox,
    path: *const c_char,
    flags: u32,
    timeout_ms: i64,
    out: *mut *mut msb_file_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out out], {
        file_tree::stat(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, flags, out)
    })
}

/// Says whether there is anything at a path. A symbolic link counts if what it leads to is there.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: written with 1 or 0; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_RUNNING, PERMISSION_DENIED,
///   RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_exists(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    out: *mut u8,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out out], {
        file_tree::exists(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, out)
    })
}

/// Makes a directory.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - mode: its permissions, such as 0755.
/// - flags: 0, or `MSB_MKDIR_PARENTS`.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
///   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_mkdir(
    sandbox: msb_sandbox,
    path: *const c_char,
    mode: u32,
    flags: u32,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path], {
        file_tree::mkdir(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, mode, flags)
    })
}

/// Removes a file, a symbolic link or anything else that is no directory.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_remove(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path], {
        sandbox.files(Deadline::from_timeout_ms(timeout_ms))?.remove(path)
    })
}

/// Removes a directory, which is empty unless `flags` says otherwise. The root itself cannot be removed.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - flags: 0, or `MSB_REMOVE_RECURSIVE`.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_remove_dir(
    sandbox: msb_sandbox,
    path: *const c_char,
    flags: u32,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path], {
        file_tree::remove_dir(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, flags)
    })
}

/// Copies a file, or a directory with everything in it, with permissions and times; links are copied as links.
///
/// - sandbox: the sandbox, running.
/// - from: borrowed; in the guest, from its root; not NULL.
/// - to: borrowed; a file or link there is replaced, a directory needs a free name; not NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
///   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_copy(
    sandbox: msb_sandbox,
    from: *const c_char,
    to: *const c_char,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path from, path to], {
        sandbox.files(Deadline::from_timeout_ms(timeout_ms))?.copy(from, to)
    })
}

/// Renames a file or a directory, in one step. A file replaces what has the new name.
///
/// - sandbox: the sandbox, running.
/// - from: borrowed; in the guest, from its root; not NULL.
/// - to: borrowed; in the guest, from its root; not NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
///   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_rename(
    sandbox: msb_sandbox,
    from: *const c_char,
    to: *const c_char,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path from, path to], {
        sandbox.files(Deadline::from_timeout_ms(timeout_ms))?.rename(from, to)
    })
}

/// Makes a symbolic link.
///
/// - sandbox: the sandbox, running.
/// - target: borrowed; what the link holds, which is neither checked nor followed here; not NULL.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: ALREADY_EXISTS, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
///   NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_symlink(
    sandbox: msb_sandbox,
    target: *const c_char,
    path: *const c_char,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path target, path path], {
        sandbox.files(Deadline::from_timeout_ms(timeout_ms))?.symlink(target.as_os_str(), path)
    })
}

/// Reads what a symbolic link holds.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_readlink(
    sandbox: msb_sandbox,
    path: *const c_char,
    timeout_ms: i64,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out out], {
        file_tree::readlink(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, out)
    })
}

/// Sets the permissions of a file or a directory; of what a symbolic link leads to.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - mode: the permissions, such as 0644.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_chmod(
    sandbox: msb_sandbox,
    path: *const c_char,
    mode: u32,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path], {
        file_tree::chmod(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, mode)
    })
}

/// Sets when a file was last read and last changed, in nanoseconds since 1970 UTC; of what a symbolic link leads to.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - accessed_ns: the time, or `MSB_TIME_KEEP`.
/// - modified_ns: the time, or `MSB_TIME_KEEP`.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_utimes(
    sandbox: msb_sandbox,
    path: *const c_char,
    accessed_ns: i64,
    modified_ns: i64,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path], {
        file_tree::utimes(&sandbox.files(Deadline::from_timeout_ms(timeout_ms))?, path, accessed_ns, modified_ns)
    })
}

/// Writes a file, or a directory with everything in it, as a tar archive to a descriptor of the caller. Modes,
/// owners and times are kept, links stay links; pipes, sockets and devices are left out.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - fd: a file, pipe or socket to write to, blocking or not; stays the caller's and open.
/// - progress: called now and then with how far it has come; NULL for nobody.
/// - user: passed to `progress`; may be NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: written with the totals on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: as long as the other end of `fd` takes, at most `timeout_ms`; `progress` is called meanwhile too.
/// - Errors: CANCELLED, CORRUPT if the guest misbehaves, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_tar_export(
    sandbox: msb_sandbox,
    path: *const c_char,
    fd: i32,
    progress: msb_file_progress_fn,
    user: *mut c_void,
    timeout_ms: i64,
    out: *mut msb_file_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out_or_null out], {
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::descriptor(fd, "fd") }?;
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        file_tree::tar_export(&sandbox.files(deadline)?, path, fd, (progress, user), deadline, out)
    })
}

/// Unpacks a tar archive, from a descriptor of the caller, beneath a directory, which is made if it is not there. An
/// archive is not trusted: an entry that leads out of the guest's files, a pipe or a device is an error. Permission bits and times
/// are kept; owners, set-user-ID and set-group-ID bits are not. A compressed archive has to be decompressed first.
///
/// - sandbox: the sandbox, running.
/// - path: borrowed; in the guest, from its root; not NULL.
/// - fd: a file, pipe or socket to read from, blocking or not; stays the caller's and open.
/// - progress: called now and then with how far it has come; NULL for nobody.
/// - user: passed to `progress`; may be NULL.
/// - timeout_ms: how long to wait for the guest, in milliseconds; -1 has no limit.
/// - out: written with the totals on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: as long as the other end of `fd` takes, at most `timeout_ms`; `progress` is called meanwhile too.
/// - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_fs_tar_import(
    sandbox: msb_sandbox,
    path: *const c_char,
    fd: i32,
    progress: msb_file_progress_fn,
    user: *mut c_void,
    timeout_ms: i64,
    out: *mut msb_file_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path path, out_or_null out], {
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::descriptor(fd, "fd") }?;
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        file_tree::tar_import(&sandbox.files(deadline)?, path, fd, (progress, user), deadline, out)
    })
}

/// Copies a file or a directory of the host, with everything in it, into a running sandbox.
///
/// - sandbox: the sandbox, running.
/// - from: borrowed; a path of the host; not NULL.
/// - to: borrowed; in the guest, from its root: what the copy is called; not NULL.
/// - progress: called now and then with how far it has come; NULL for nobody.
/// - user: passed to `progress`; may be NULL.
/// - timeout_ms: how long it may take, in milliseconds; -1 has no limit.
/// - out: written with the totals on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT if the guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO,
///   NOT_FOUND, NOT_RUNNING, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_copy_in(
    sandbox: msb_sandbox,
    from: *const c_char,
    to: *const c_char,
    progress: msb_file_progress_fn,
    user: *mut c_void,
    timeout_ms: i64,
    out: *mut msb_file_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path from, path to, out_or_null out], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        let total = copy::copy_in(&sandbox.files(deadline)?, from, to, &mut observer(progress, user))?;
        file_tree::report(&total, out);
        Ok(())
    })
}

/// Copies a file or a directory of a running sandbox, with everything in it, to the host. The guest is not trusted: nothing is
/// written but beneath `to`, whatever it sends.
///
/// - sandbox: the sandbox, running.
/// - from: borrowed; in the guest, from its root; not NULL.
/// - to: borrowed; a path of the host: what the copy is called; not NULL.
/// - progress: called now and then with how far it has come; NULL for nobody.
/// - user: passed to `progress`; may be NULL.
/// - timeout_ms: how long it may take, in milliseconds; -1 has no limit.
/// - out: written with the totals on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, NOT_RUNNING,
///   PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_copy_out(
    sandbox: msb_sandbox,
    from: *const c_char,
    to: *const c_char,
    progress: msb_file_progress_fn,
    user: *mut c_void,
    timeout_ms: i64,
    out: *mut msb_file_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, path from, path to, out_or_null out], {
        let deadline = Deadline::from_timeout_ms(timeout_ms);
        let total = copy::copy_out(&sandbox.files(deadline)?, from, to, &mut observer(progress, user))?;
        file_tree::report(&total, out);
        Ok(())
    })
}
