//! `msb_volume`: data that outlives sandboxes.

use std::ffi::c_char;

use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, MSB_KIND_VOLUME, handle, msb_backend, msb_volume};
use crate::ffi::volume_config::msb_volume_config;
use crate::volume::Volume;

handle!(msb_volume, MSB_KIND_VOLUME, Volume);

/// Creates a volume: a directory, or a disk with an empty ext4 file system. It is there whole, or not at all.
///
/// - backend: the backend.
/// - config: borrowed; not NULL.
/// - out: returned owned, to be released with `msb_volume_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: ALREADY_EXISTS, BUSY, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, READ_ONLY,
///   STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_create(
    backend: msb_backend,
    config: *const msb_volume_config,
    out: *mut msb_volume,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value config, out out], {
        *out = token::insert(Volume::create(&backend, &config.options)?)?;
        Ok(())
    })
}

/// Opens a volume by name, whoever created it.
///
/// - backend: the backend.
/// - name: borrowed; not NULL.
/// - out: returned owned, to be released with `msb_volume_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_open(
    backend: msb_backend,
    name: *const c_char,
    out: *mut msb_volume,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text name, out out], {
        *out = token::insert(Volume::open(&backend, name)?)?;
        Ok(())
    })
}

/// Gives a disk volume that nobody has attached a larger capacity, with everything in it kept. It cannot become smaller.
///
/// - volume: the volume.
/// - capacity_mib: the new size in MiB.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: BUSY if it is attached, CORRUPT, DISK_FULL, INVALID_ARGUMENT if it is smaller or too large, INVALID_STATE if it was
///   not unmounted in order, IO, NOT_FOUND, STALE_HANDLE, UNSUPPORTED if the volume is a directory, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_resize(
    volume: msb_volume,
    capacity_mib: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume], { volume.resize(capacity_mib) })
}

/// Removes a volume with everything in it, unless a running sandbox has it attached. Handles to it stay valid, but calls
/// on them fail.
///
/// - volume: the volume.
/// - err: returned owned on failure, else set to NULL; may be NULL. Its details name each `sandbox` that has it.
/// - Blocking: file operations.
/// - Errors: BUSY, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_remove(volume: msb_volume, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token volume], { volume.remove() })
}

/// Gives a handle back.
///
/// - volume: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_release(volume: *mut msb_volume) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        drop(unsafe { token::release(volume) });
        Ok(())
    });
}
