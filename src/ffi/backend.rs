//! `msb_backend`: a home and its store.

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::ffi::backend_config::msb_backend_config;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, MSB_KIND_BACKEND, handle, msb_backend};

handle!(msb_backend, MSB_KIND_BACKEND, Backend);

/// Makes a backend on a home directory. Without a configuration it goes by the configuration file and the environment
/// and opens its database when that is first needed; with one the database is opened, and upgraded if need be, before
/// this returns. Backends with different homes share nothing.
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
