//! `msb_backend`: a home and its store.

use crate::backend::{Backend, shared};
use crate::deadline::Deadline;
use crate::ffi::backend_config::msb_backend_config;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, MSB_KIND_BACKEND, handle, msb_backend};

handle!(msb_backend, MSB_KIND_BACKEND, Backend);

/// Makes a backend on a home directory. What the configuration does not set is taken from the config file, and what is not
/// there either has a default; `msb_backend_info_get` tells the outcome. Without a configuration the database is opened
/// when it is first needed; with one it is opened, and upgraded if need be, before this returns. Backends with
/// different homes share nothing. The backend is local, whatever profile the config file makes active.
///
/// - config: borrowed; may be NULL.
/// - out: returned owned, to be released with `msb_backend_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; with a configuration also the database's busy timeout.
/// - Errors: BUSY, CONFIG_INVALID, DISK_FULL, INVALID_ARGUMENT, IO, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STORE_CORRUPT, STORE_NEWER.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_new(
    config: *const msb_backend_config,
    out: *mut msb_backend,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [value_or_null config, out out], {
        let backend = match config {
            Some(config) => {
                config.options.validate()?;
                Backend::built(&config.options)?
            }
            None => Backend::lazy()?,
        };
        *out = token::insert(backend)?;
        Ok(())
    })
}

/// Gives the one backend that everybody in this process can share: local, lazy, as `msb_backend_new` without a
/// configuration makes it, and made by whoever asks first. It lives until it is closed or the process ends, whatever is
/// released; after it was closed the next call makes another. Who is asked for the cloud is refused, by `MSB_BACKEND`,
/// by `MSB_API_URL` with `MSB_API_KEY`, or by the profile that `MSB_PROFILE` or else the config file names. There is no
/// way to put another backend in its place for a while, and no need of one: every function takes the backend it
/// works on, or an object of it.
///
/// - out: returned owned, to be released with `msb_backend_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations the first time.
/// - Errors: CONFIG_INVALID, FORKED, INVALID_ARGUMENT, IO, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNSUPPORTED.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_default(out: *mut msb_backend, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [out out], {
        *out = token::insert(shared::shared()?)?;
        Ok(())
    })
}

/// Ends a backend in order: lets go of its sandboxes, so that attached ones shut down, waits until they have, and ends
/// its thread. Handles stay valid, but calls on them fail with INVALID_STATE. Closing again does nothing.
///
/// - backend: the backend.
/// - timeout_ms: how long to wait, in milliseconds; -1 has no limit. The backend is closed even if this passes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: INVALID_ARGUMENT, STALE_HANDLE, TIMEOUT, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_close(
    backend: msb_backend,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend], { backend.close(Deadline::from_timeout_ms(timeout_ms)) })
}

/// Gives a handle back. The backend lives on for as long as other objects of it do; the last of them to go lets go of
/// attached sandboxes without waiting for them.
///
/// - backend: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_release(backend: *mut msb_backend) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        drop(unsafe { token::release(backend) });
        Ok(())
    });
}
