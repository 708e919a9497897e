//! `msb_backend_config`: what a backend is made from.
//!
//! A setter stores and checks the form of its value; everything else is checked when the config is used.

use std::ffi::c_char;
use std::ptr;

use crate::backend::options::{BackendOptions, fields};
use crate::error::MsbError;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{builder, ffi};
use crate::options;

/// What `msb_backend_new` takes: options that override the config file. Freed with `msb_backend_config_free`.
pub struct msb_backend_config {
    /// What was set so far.
    pub options: BackendOptions,
}

value_object!(msb_backend_config, BackendConfig);

impl msb_backend_config {
    fn into_raw(options: BackendOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes an empty config: everything falls through to the config file.
///
/// - Returns: owned, to be freed with `msb_backend_config_free`; NULL if there is no memory.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_new() -> *mut msb_backend_config {
    ffi!(else ptr::null_mut(), [], { msb_backend_config::into_raw(BackendOptions::default()) })
}

/// Makes a config from JSON text; `schemas/msb_backend_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_backend_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_backend_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_backend_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_backend_config_from_json` reads: the options that differ from their defaults.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_to_json(
    config: *const msb_backend_config,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [value config, out out], {
        *out = msb_bytes::into_raw(options::to_json(&config.options)?.into_bytes())?;
        Ok(())
    })
}

/// Frees a config.
///
/// - config: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_free(config: *mut msb_backend_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// The directory of the store, the sandboxes and all caches, and of the config file unless `MSB_CONFIG_PATH` names
/// another. Unset: the config file's, else `$MSB_HOME`, else `~/.microsandbox`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_home(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::home, Some(path.to_owned()))
    })
}

/// The hypervisor driver: `"auto"`, `"krun"` or `"qemu"`. Unset: `"auto"`, which takes `krun` where hardware
/// virtualization works and `qemu` elsewhere.
///
/// - config: changed; not NULL.
/// - driver: borrowed; `"auto"`, `"krun"` or `"qemu"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_driver(
    config: *mut msb_backend_config,
    driver: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text driver], {
        builder::set(&mut config.options, fields::driver, Some(builder::choice(driver, "driver")?))
    })
}

/// The libkrunfw library to take the guest kernel from. Unset: the config file's, else it is looked for.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_libkrunfw_path(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::libkrunfw_path, Some(path.to_owned()))
    })
}

/// The qemu-system program. Unset: it is looked for in `PATH`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_qemu_path(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::qemu_path, Some(path.to_owned()))
    })
}

/// The msb-runner program. Unset: the one inside the library.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_runner_path(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::runner_path, Some(path.to_owned()))
    })
}

/// Reading connections to the database, 1 to 1024. Unset: the config file's, else 5.
///
/// - config: changed; not NULL.
/// - max_connections: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_max_connections(
    config: *mut msb_backend_config,
    max_connections: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::max_connections, Some(max_connections))
    })
}

/// How long to wait for a free database connection, in seconds, 1 to 3600. Unset: the config file's, else 30.
///
/// - config: changed; not NULL.
/// - connect_timeout_secs: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_connect_timeout_secs(
    config: *mut msb_backend_config,
    connect_timeout_secs: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::connect_timeout_secs, Some(connect_timeout_secs))
    })
}

/// How long to wait for another process's write to the database, in seconds, 1 to 3600. Unset: the config
/// file's, else 5.
///
/// - config: changed; not NULL.
/// - busy_timeout_secs: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_busy_timeout_secs(
    config: *mut msb_backend_config,
    busy_timeout_secs: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::busy_timeout_secs, Some(busy_timeout_secs))
    })
}
