//! The directories of `msb_backend_config`.

use std::ffi::c_char;

use crate::backend::options::fields;
use crate::ffi::backend_config::msb_backend_config;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::{builder, ffi};

/// The directory of the sandboxes, which have their logs in them. Unset: the config file's, else
/// `<home>/sandboxes`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_sandboxes_dir(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::sandboxes_dir, Some(path.to_owned()))
    })
}

/// The directory of the volumes. Unset: the config file's, else `<home>/volumes`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_volumes_dir(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::volumes_dir, Some(path.to_owned()))
    })
}

/// The directory of snapshots, of which this version makes none. Unset: the config file's, else
/// `<home>/snapshots`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_snapshots_dir(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::snapshots_dir, Some(path.to_owned()))
    })
}

/// The directory of what can be made again. Unset: the config file's, else `<home>/cache`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_cache_dir(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::cache_dir, Some(path.to_owned()))
    })
}

/// The directory of logs that belong to no sandbox, of which this version writes none: a sandbox's logs are in
/// its own directory. Unset: the config file's, else `<home>/logs`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_logs_dir(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::logs_dir, Some(path.to_owned()))
    })
}

/// The directory of secrets, of which the passwords of registries are read. Unset: the config file's, else
/// `<home>/secrets`.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_backend_config_set_secrets_dir(
    config: *mut msb_backend_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::secrets_dir, Some(path.to_owned()))
    })
}
