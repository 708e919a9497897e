//! `msb_file`: an open file of a volume or of a sandbox, and what all calls on files share: flags and progress.
//!
//! Invariant: bytes go between the caller's memory and the file; nothing here keeps or copies them.

use std::ffi::c_void;
use std::sync::Arc;

use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::ffi::boundary::{self, Cleared};
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::file_info::msb_file_info;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, MSB_KIND_FILE, handle, msb_file};
use crate::ffi::value;
use crate::files::{OpenFile, Progress};

handle!(msb_file, MSB_KIND_FILE, Arc<dyn OpenFile>);

/// For `msb_volume_fs_open`: the file will be read.
pub const MSB_OPEN_READ: u32 = 1;
/// For `msb_volume_fs_open`: the file will be written.
pub const MSB_OPEN_WRITE: u32 = 2;
/// For `msb_volume_fs_open`: make the file if there is none.
pub const MSB_OPEN_CREATE: u32 = 4;
/// For `msb_volume_fs_open`, with `MSB_OPEN_CREATE`: fail if there is something already.
pub const MSB_OPEN_EXCLUSIVE: u32 = 8;
/// For `msb_volume_fs_open`: throw away what the file holds.
pub const MSB_OPEN_TRUNCATE: u32 = 16;
/// For `msb_volume_fs_open`: every write goes to the end of the file, as it is then.
pub const MSB_OPEN_APPEND: u32 = 32;

/// For `msb_volume_fs_write`: other readers see the old file or the new one, never a part, whatever happens meanwhile.
pub const MSB_WRITE_ATOMIC: u32 = 1;
/// For `msb_volume_fs_write`: the data go to the end of the file.
pub const MSB_WRITE_APPEND: u32 = 2;

/// For `msb_volume_fs_stat`: of a symbolic link's target instead of the link.
pub const MSB_STAT_FOLLOW: u32 = 1;

/// For `msb_volume_fs_mkdir`: make missing parents too, and succeed if the directory is there.
pub const MSB_MKDIR_PARENTS: u32 = 1;

/// For `msb_volume_fs_remove_dir`: with everything in it.
pub const MSB_REMOVE_RECURSIVE: u32 = 1;

/// For `msb_volume_fs_utimes`: this time stays as it is.
pub const MSB_TIME_KEEP: i64 = i64::MIN;

/// How far an import, an export or a copy has come. Always written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_file_progress {
    /// Bytes of files.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: u64,
    /// 0; room for later versions.
    pub reserved_words: [u64; 4],
}

impl Cleared for msb_file_progress {
    const CLEARED: Self = Self {
        bytes: 0,
        entries: 0,
        reserved_words: [0; 4],
    };
}

impl From<&Progress> for msb_file_progress {
    fn from(progress: &Progress) -> Self {
        Self {
            bytes: progress.bytes,
            entries: progress.entries,
            ..Self::CLEARED
        }
    }
}

/// Called on the thread that made the call, as it goes on; `progress` is borrowed for the call. Returns 0 to go on, anything
/// else to give up: the call then fails with `MSB_ERR_CANCELLED`. It must not unwind or jump out.
pub type msb_file_progress_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, progress: *const msb_file_progress) -> i32>;

/// The caller's progress function as the core calls it.
pub(super) fn observer(progress: msb_file_progress_fn, user: *mut c_void) -> impl FnMut(&Progress) -> bool {
    move |so_far| {
        progress.is_none_or(|progress| {
            let so_far = msb_file_progress::from(so_far);
            // SAFETY: the host passed the function for this use, and the record lives until it returns.
            unsafe { progress(user, &raw const so_far) == 0 }
        })
    }
}

/// Reads a file at a place, straight into `buf`. Fewer bytes than `cap` mean the end of the file.
///
/// - file: the file.
/// - offset: where to begin, in bytes.
/// - buf: written with up to `cap` bytes; may be NULL if `cap` is 0.
/// - cap: size of `buf` in bytes.
/// - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
/// - n: written with the number of bytes; 0 on success is the end of the file. Not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; in a sandbox, up to `timeout_ms`.
/// - Errors: CORRUPT if a guest misbehaves, INVALID_ARGUMENT, INVALID_STATE if it was not opened for reading, IO,
///   NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_pread(
    file: msb_file,
    offset: u64,
    buf: *mut c_void,
    cap: usize,
    timeout_ms: i64,
    n: *mut usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, out n], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `buf` is writable for `cap` bytes.
        let buffer = unsafe { boundary::bytes_mut(buf.cast(), cap, "buf") }?;
        *n = file.pread(buffer, offset, Deadline::from_timeout_ms(timeout_ms))?;
        Ok(())
    })
}

/// Writes a file at a place, straight from `data`; a gap before it reads as zeroes. A failure may leave part of the
/// data written.
///
/// - file: the file.
/// - offset: where to begin, in bytes.
/// - data: borrowed; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; in a sandbox, up to `timeout_ms`.
/// - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE if it was not opened for writing,
///   IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_pwrite(
    file: msb_file,
    offset: u64,
    data: *const c_void,
    len: usize,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        file.pwrite(data, offset, Deadline::from_timeout_ms(timeout_ms))
    })
}

/// Writes at the end of a file, as it is then: two writers do not overwrite each other. A failure may leave part of the
/// data written.
///
/// - file: the file; opened with `MSB_OPEN_WRITE`.
/// - data: borrowed; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; in a sandbox, up to `timeout_ms`.
/// - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE if it was not opened for
///   writing, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_append(
    file: msb_file,
    data: *const c_void,
    len: usize,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        file.append(data, Deadline::from_timeout_ms(timeout_ms))
    })
}

/// The size of a file, which may grow or shrink at any time.
///
/// - file: the file.
/// - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
/// - out: written with the number of bytes; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; in a sandbox, up to `timeout_ms`.
/// - Errors: CORRUPT if a guest misbehaves, INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_size(
    file: msb_file,
    timeout_ms: i64,
    out: *mut u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, out out], {
        *out = file.size(Deadline::from_timeout_ms(timeout_ms))?;
        Ok(())
    })
}

/// Cuts a file off, or lengthens it with zeroes.
///
/// - file: the file.
/// - size: the new size in bytes.
/// - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; in a sandbox, up to `timeout_ms`.
/// - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE if it was not opened for writing,
///   IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_truncate(
    file: msb_file,
    size: u64,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file], { file.truncate(size, Deadline::from_timeout_ms(timeout_ms)) })
}

/// Waits until what was written is on the disk, so that it outlives a crash of the machine.
///
/// - file: the file.
/// - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: as long as the disk takes; in a sandbox, up to `timeout_ms`.
/// - Errors: CORRUPT if a guest misbehaves, DISK_FULL, INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT,
///   UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_sync(
    file: msb_file,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file], { file.sync(Deadline::from_timeout_ms(timeout_ms)) })
}

/// What is known of an open file, even if its name is gone.
///
/// - file: the file.
/// - timeout_ms: how long to wait for a sandbox, in milliseconds; -1 has no limit. A volume is not waited for.
/// - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; in a sandbox, up to `timeout_ms`.
/// - Errors: CORRUPT if a guest misbehaves, INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_stat(
    file: msb_file,
    timeout_ms: i64,
    out: *mut *mut msb_file_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token file, out out], {
        let info = file.stat(Deadline::from_timeout_ms(timeout_ms))?;
        *out = value::into_raw(msb_file_info::new(info))?;
        Ok::<_, MsbError>(())
    })
}

/// Gives a handle back, which closes the file. What was written stays; only `msb_file_sync` waits for the disk.
///
/// - file: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_release(file: *mut msb_file) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        drop(unsafe { token::release(file) });
        Ok(())
    });
}
