//! `msb_volume_config`: what a volume is made with.
//!
//! A setter stores and checks the form of its value; everything else is checked when the config is used.

use std::ffi::c_char;
use std::ptr;

use crate::error::MsbError;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{builder, ffi};
use crate::options;
use crate::volume::options::{VolumeOptions, fields};

/// What `msb_volume_create` takes. Freed with `msb_volume_config_free`.
pub struct msb_volume_config {
    /// What was set so far.
    pub options: VolumeOptions,
}

value_object!(msb_volume_config, VolumeConfig);

impl msb_volume_config {
    fn into_raw(options: VolumeOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a config with nothing but a name.
///
/// - name: copied; may be NULL. Its form is checked when the config is used.
/// - Returns: owned, to be freed with `msb_volume_config_free`; NULL if there is no memory or an argument is not UTF-8.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_new(name: *const c_char) -> *mut msb_volume_config {
    ffi!(else ptr::null_mut(), [text_or_null name], {
        msb_volume_config::into_raw(VolumeOptions { name: name.map(str::to_owned), ..VolumeOptions::default() })
    })
}

/// Makes a config from JSON text; `schemas/msb_volume_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_volume_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_volume_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_volume_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_volume_config_from_json` reads: the options that differ from their defaults.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_to_json(
    config: *const msb_volume_config,
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
pub unsafe extern "C" fn msb_volume_config_free(config: *mut msb_volume_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// The name: 1 to 128 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit; unique within the home.
/// Required.
///
/// - config: changed; not NULL.
/// - name: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_set_name(
    config: *mut msb_volume_config,
    name: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text name], {
        builder::set(&mut config.options, fields::name, Some(name.to_owned()))
    })
}

/// `"dir"`, or `"disk"`: a raw ext4 image.
///
/// - config: changed; not NULL.
/// - kind: borrowed; `"dir"` or `"disk"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_set_kind(
    config: *mut msb_volume_config,
    kind: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text kind], {
        builder::set(&mut config.options, fields::kind, builder::choice(kind, "kind")?)
    })
}

/// Most that a directory may hold, in MiB, at least 1, counted by the sizes of its files, whoever writes them; also
/// bounds their number, at 1024 and 256 more for each MiB. Unset: no limit.
///
/// - config: changed; not NULL.
/// - quota_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_set_quota_mib(
    config: *mut msb_volume_config,
    quota_mib: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::quota_mib, Some(quota_mib))
    })
}

/// The size of a disk in MiB, at least 16. Required for one, and for nothing else. It takes room on the host as it
/// is written to.
///
/// - config: changed; not NULL.
/// - capacity_mib: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_set_capacity_mib(
    config: *mut msb_volume_config,
    capacity_mib: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::capacity_mib, Some(capacity_mib))
    })
}

/// Labels to find the volume by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
///
/// - config: changed; not NULL.
/// - key: copied; a key that was given before gets the new value.
/// - value: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_config_add_label(
    config: *mut msb_volume_config,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text key, text value], {
        builder::add(&mut config.options, fields::labels, (key.to_owned(), value.to_owned()))
    })
}
