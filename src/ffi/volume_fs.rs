//! `msb_volume_fs_*`: the files of a volume, used from the host. `msb_sandbox_fs_*` has the same verbs.

use std::ffi::{c_char, c_void};

use crate::deadline::Deadline;
use crate::ffi::boundary;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::file::{msb_file_progress, msb_file_progress_fn};
use crate::ffi::file_info::{msb_file_info, msb_file_page};
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_file, msb_volume};
use crate::ffi::{ffi, file_tree};
use crate::files::FileTree;

/// Permissions of a file that is written without saying which.
pub(super) const NEW_FILE_MODE: u32 = 0o644;

/// Reads a whole file of at most 1 GiB into memory. Short for `msb_volume_fs_read`.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED if it is larger,
///   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_read(
    volume: msb_volume,
    path: *const c_char,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out out], {
        file_tree::read(&*volume.files()?, path, out)
    })
}

/// Writes a whole file, straight from `data`, in place of what it held; if it is made, with permissions 0644 less the process's
/// umask. A failure may leave part of it: `msb_volume_fs_write` can write atomically.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - data: borrowed; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE,
///   UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_write(
    volume: msb_volume,
    path: *const c_char,
    data: *const c_void,
    len: usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        file_tree::write(&*volume.files()?, path, data, 0, NEW_FILE_MODE)
    })
}

/// Reads a whole file of at most 1 GiB into memory; open larger ones.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED if it is larger,
///   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_read(
    volume: msb_volume,
    path: *const c_char,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out out], {
        file_tree::read(&*volume.files()?, path, out)
    })
}

/// Writes a whole file, straight from `data`. A failure may leave part of it, unless `flags` has `MSB_WRITE_ATOMIC`: then
/// a new file takes the place of the old one when everything is on the disk.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - data: borrowed; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - flags: 0 replaces what the file holds; or one of `MSB_WRITE_ATOMIC` and `MSB_WRITE_APPEND`.
/// - mode: permissions if the file is made, such as 0644, less the process's umask.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE,
///   UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_write(
    volume: msb_volume,
    path: *const c_char,
    data: *const c_void,
    len: usize,
    flags: u32,
    mode: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        file_tree::write(&*volume.files()?, path, data, flags, mode)
    })
}

/// Opens a file, to read and write parts of it. The file outlives the handle of the volume.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - flags: `MSB_OPEN_READ`, `MSB_OPEN_WRITE` or both, and further `MSB_OPEN_*` flags.
/// - mode: permissions if the file is made, such as 0644, less the process's umask.
/// - out: returned owned, to be released with `msb_file_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
///   RESOURCE_EXHAUSTED, STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_open(
    volume: msb_volume,
    path: *const c_char,
    flags: u32,
    mode: u32,
    out: *mut msb_file,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out out], {
        file_tree::open(&*volume.files()?, path, flags, mode, out)
    })
}

/// Lists a directory in its own order, a page at a time: pass what `msb_file_page_next` gives until that is 0. What is
/// made or removed meanwhile may be on a page or not.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - cursor: where to go on; 0 is the beginning.
/// - limit: how many entries at most, 1 to 10000.
/// - out: returned owned, to be freed with `msb_file_page_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume
///   is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_list(
    volume: msb_volume,
    path: *const c_char,
    cursor: u64,
    limit: u32,
    out: *mut *mut msb_file_page,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out out], {
        file_tree::list(&*volume.files()?, path, cursor, limit, out)
    })
}

/// Says what is known of a file, a directory or whatever the path is.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - flags: 0, or `MSB_STAT_FOLLOW`.
/// - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume
///   is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_stat(
    volume: msb_volume,
    path: *const c_char,
    flags: u32,
    out: *mut *mut msb_file_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out out], {
        file_tree::stat(&*volume.files()?, path, flags, out)
    })
}

/// Says whether there is anything at a path. A symbolic link counts if what it leads to is there.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - out: written with 1 or 0; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume is a disk,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_exists(
    volume: msb_volume,
    path: *const c_char,
    out: *mut u8,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out out], {
        file_tree::exists(&*volume.files()?, path, out)
    })
}

/// Makes a directory.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - mode: its permissions, such as 0755, less the process's umask.
/// - flags: 0, or `MSB_MKDIR_PARENTS`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
///   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_mkdir(
    volume: msb_volume,
    path: *const c_char,
    mode: u32,
    flags: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path], {
        file_tree::mkdir(&*volume.files()?, path, mode, flags)
    })
}

/// Removes a file, a symbolic link or anything else that is no directory.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
///   the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_remove(
    volume: msb_volume,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path], {
        volume.files()?.remove(path)
    })
}

/// Removes a directory, which is empty unless `flags` says otherwise. The root itself cannot be removed.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - flags: 0, or `MSB_REMOVE_RECURSIVE`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
///   the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_remove_dir(
    volume: msb_volume,
    path: *const c_char,
    flags: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path], {
        file_tree::remove_dir(&*volume.files()?, path, flags)
    })
}

/// Copies a file, or a directory with everything in it, with permissions and times; links are copied as links.
///
/// - volume: the volume.
/// - from: borrowed; beneath the root of the volume; not NULL.
/// - to: borrowed; a file or link there is replaced, a directory needs a free name; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
///   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_copy(
    volume: msb_volume,
    from: *const c_char,
    to: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path from, path to], {
        volume.files()?.copy(from, to)
    })
}

/// Renames a file or a directory, in one step. A file replaces what has the new name.
///
/// - volume: the volume.
/// - from: borrowed; beneath the root of the volume; not NULL.
/// - to: borrowed; beneath the root of the volume; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
///   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_rename(
    volume: msb_volume,
    from: *const c_char,
    to: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path from, path to], {
        volume.files()?.rename(from, to)
    })
}

/// Makes a symbolic link.
///
/// - volume: the volume.
/// - target: borrowed; what the link holds, which is neither checked nor followed here; not NULL.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: ALREADY_EXISTS, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY,
///   STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_symlink(
    volume: msb_volume,
    target: *const c_char,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path target, path path], {
        volume.files()?.symlink(target.as_os_str(), path)
    })
}

/// Reads what a symbolic link holds.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if the volume
///   is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_readlink(
    volume: msb_volume,
    path: *const c_char,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out out], {
        file_tree::readlink(&*volume.files()?, path, out)
    })
}

/// Sets the permissions of a file or a directory; of what a symbolic link leads to.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - mode: the permissions, such as 0644.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
///   the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_chmod(
    volume: msb_volume,
    path: *const c_char,
    mode: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path], {
        file_tree::chmod(&*volume.files()?, path, mode)
    })
}

/// Sets when a file was last read and last changed, in nanoseconds since 1970 UTC; of what a symbolic link leads to.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - accessed_ns: the time, or `MSB_TIME_KEEP`.
/// - modified_ns: the time, or `MSB_TIME_KEEP`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if
///   the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_utimes(
    volume: msb_volume,
    path: *const c_char,
    accessed_ns: i64,
    modified_ns: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path], {
        file_tree::utimes(&*volume.files()?, path, accessed_ns, modified_ns)
    })
}

/// Writes a file, or a directory with everything in it, as a tar archive to a descriptor of the caller. Modes,
/// owners and times are kept, links stay links; pipes, sockets and devices are left out.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - fd: a file, pipe or socket to write to, blocking or not; stays the caller's and open.
/// - progress: called now and then with how far it has come; NULL for nobody.
/// - user: passed to `progress`; may be NULL.
/// - out: written with the totals on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: as long as the other end of `fd` takes; `progress` is called meanwhile too.
/// - Errors: CANCELLED, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE, UNSUPPORTED if
///   the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_tar_export(
    volume: msb_volume,
    path: *const c_char,
    fd: i32,
    progress: msb_file_progress_fn,
    user: *mut c_void,
    out: *mut msb_file_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out_or_null out], {
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::descriptor(fd, "fd") }?;
        file_tree::tar_export(&*volume.files()?, path, fd, (progress, user), Deadline::NEVER, out)
    })
}

/// Unpacks a tar archive, from a descriptor of the caller, beneath a directory, which is made if it is not there. An
/// archive is not trusted: an entry that leads out of the volume, a pipe or a device is an error. Permission bits and times
/// are kept; owners, set-user-ID and set-group-ID bits are not. A compressed archive has to be decompressed first.
///
/// - volume: the volume.
/// - path: borrowed; beneath the root of the volume; not NULL.
/// - fd: a file, pipe or socket to read from, blocking or not; stays the caller's and open.
/// - progress: called now and then with how far it has come; NULL for nobody.
/// - user: passed to `progress`; may be NULL.
/// - out: written with the totals on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: as long as the other end of `fd` takes; `progress` is called meanwhile too.
/// - Errors: ALREADY_EXISTS, CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
///   PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, UNSUPPORTED if the volume is a disk, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_fs_tar_import(
    volume: msb_volume,
    path: *const c_char,
    fd: i32,
    progress: msb_file_progress_fn,
    user: *mut c_void,
    out: *mut msb_file_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, path path, out_or_null out], {
        // SAFETY: the caller keeps msb.h's contract: `fd` stays open during the call.
        let fd = unsafe { boundary::descriptor(fd, "fd") }?;
        file_tree::tar_import(&*volume.files()?, path, fd, (progress, user), Deadline::NEVER, out)
    })
}
