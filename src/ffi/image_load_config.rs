//! `msb_image_load_config`: how an image is loaded.
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
use crate::image::options::{ImageLoadOptions, fields};
use crate::options;

/// What `msb_image_load` takes. Freed with `msb_image_load_config_free`.
pub struct msb_image_load_config {
    /// What was set so far.
    pub options: ImageLoadOptions,
}

value_object!(msb_image_load_config, ImageLoadConfig);

impl msb_image_load_config {
    fn into_raw(options: ImageLoadOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a config in which nothing is set.
///
/// - Returns: owned, to be freed with `msb_image_load_config_free`; NULL if there is no memory.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_new() -> *mut msb_image_load_config {
    ffi!(else ptr::null_mut(), [], { msb_image_load_config::into_raw(ImageLoadOptions::default()) })
}

/// Makes a config from JSON text; `schemas/msb_image_load_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_image_load_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_image_load_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_image_load_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_image_load_config_from_json` reads: the options that differ from their defaults.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_to_json(
    config: *const msb_image_load_config,
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
pub unsafe extern "C" fn msb_image_load_config_free(config: *mut msb_image_load_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// What the image is to be asked for by. Unset: the names that the archive gives it.
///
/// - config: changed; not NULL.
/// - reference: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_set_reference(
    config: *mut msb_image_load_config,
    reference: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text reference], {
        builder::set(&mut config.options, fields::reference, Some(reference.to_owned()))
    })
}

/// Which image of the archive, by a name or digest in it. Unset: the only one.
///
/// - config: changed; not NULL.
/// - image: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_set_image(
    config: *mut msb_image_load_config,
    image: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text image], {
        builder::set(&mut config.options, fields::image, Some(image.to_owned()))
    })
}

/// Which platform's image, as `"linux/arm64/v8"`. Unset: this host's.
///
/// - config: changed; not NULL.
/// - platform: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_set_platform(
    config: *mut msb_image_load_config,
    platform: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text platform], {
        builder::set(&mut config.options, fields::platform, Some(platform.to_owned()))
    })
}

/// Most files, directories and links that a layer may have, at least 1; each takes memory while the layer is made. Unset:
/// 1000000.
///
/// - config: changed; not NULL.
/// - max_entries: a number, at least 1.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_set_max_entries(
    config: *mut msb_image_load_config,
    max_entries: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::max_entries, Some(max_entries))
    })
}

/// Largest file that a layer may have, in bytes, holes included, at least 1. Unset: 64 GiB.
///
/// - config: changed; not NULL.
/// - max_file_bytes: in bytes, at least 1.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_set_max_file_bytes(
    config: *mut msb_image_load_config,
    max_file_bytes: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::max_file_bytes, Some(max_file_bytes))
    })
}

/// Most bytes that a layer may unpack to, at least 1. Unset: 256 GiB.
///
/// - config: changed; not NULL.
/// - max_layer_bytes: in bytes, at least 1.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_config_set_max_layer_bytes(
    config: *mut msb_image_load_config,
    max_layer_bytes: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::max_layer_bytes, Some(max_layer_bytes))
    })
}
