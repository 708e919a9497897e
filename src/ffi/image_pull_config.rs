//! `msb_image_pull_config`: how an image is pulled.
//!
//! A setter stores and checks the form of its value; everything else is checked when the config is used.

use std::ffi::c_char;
use std::ptr;

use crate::error::{MsbError, Status};
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{builder, ffi};
use crate::image::pull_options::{ImagePullOptions, Login, PullPolicy, Token, fields};
use crate::options;

/// What `msb_image_pull` takes. Freed with `msb_image_pull_config_free`.
pub struct msb_image_pull_config {
    /// What was set so far.
    pub options: ImagePullOptions,
}

/// A policy of pulls: the registry is asked when the image is not in the home.
pub const MSB_IMAGE_PULL_POLICY_IF_MISSING: u32 = 0;
/// A policy of pulls: the registry is asked each time, and only what is new is fetched.
pub const MSB_IMAGE_PULL_POLICY_ALWAYS: u32 = 1;
/// A policy of pulls: no registry is asked.
pub const MSB_IMAGE_PULL_POLICY_NEVER: u32 = 2;

/// The policy with this number.
pub(super) fn policy_of(number: u32) -> Result<PullPolicy, MsbError> {
    match number {
        MSB_IMAGE_PULL_POLICY_IF_MISSING => Ok(PullPolicy::IfMissing),
        MSB_IMAGE_PULL_POLICY_ALWAYS => Ok(PullPolicy::Always),
        MSB_IMAGE_PULL_POLICY_NEVER => Ok(PullPolicy::Never),
        _ => Err(MsbError::new(
            Status::InvalidArgument,
            "option.invalid",
            format!("`policy` is {number}, which is no policy of pulls"),
        )
        .remedy("use one of the constants MSB_IMAGE_PULL_POLICY_...")),
    }
}

value_object!(msb_image_pull_config, ImagePullConfig);

impl msb_image_pull_config {
    fn into_raw(options: ImagePullOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a config in which nothing is set.
///
/// - Returns: owned, to be freed with `msb_image_pull_config_free`; NULL if there is no memory.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_config_new() -> *mut msb_image_pull_config {
    ffi!(else ptr::null_mut(), [], { msb_image_pull_config::into_raw(ImagePullOptions::default()) })
}

/// Makes a config from JSON text; `schemas/msb_image_pull_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_image_pull_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_image_pull_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_image_pull_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_image_pull_config_from_json` reads: the options that differ from their defaults,
/// with the password or the token as it is.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_config_to_json(
    config: *const msb_image_pull_config,
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
pub unsafe extern "C" fn msb_image_pull_config_free(config: *mut msb_image_pull_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// When the registry is asked: `"if-missing"`, `"always"`, which fetches only what is new, or `"never"`.
///
/// - config: changed; not NULL.
/// - policy: one of `MSB_IMAGE_PULL_POLICY_IF_MISSING`, `MSB_IMAGE_PULL_POLICY_ALWAYS` and `MSB_IMAGE_PULL_POLICY_NEVER`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_config_set_policy(
    config: *mut msb_image_pull_config,
    policy: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::policy, policy_of(policy)?)
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
pub unsafe extern "C" fn msb_image_pull_config_set_platform(
    config: *mut msb_image_pull_config,
    platform: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text platform], {
        builder::set(&mut config.options, fields::platform, Some(platform.to_owned()))
    })
}

/// The user and the password to log in with. Unset: those of the configuration, else docker's, else nobody.
///
/// - config: changed; not NULL.
/// - username: copied; not NULL.
/// - password: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_config_set_credentials(
    config: *mut msb_image_pull_config,
    username: *const c_char,
    password: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text username, text password], {
        let login = Login { username: username.to_owned(), password: password.to_owned() };
        builder::set(&mut config.options, fields::credentials, Some(login))
    })
}

/// A bearer token to show to the registry instead of logging in.
///
/// - config: changed; not NULL.
/// - token: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_config_set_token(
    config: *mut msb_image_pull_config,
    token: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text token], {
        builder::set(&mut config.options, fields::token, Some(Token(token.to_owned())))
    })
}

/// Whether to speak plain HTTP instead of HTTPS. Unset: what the configuration says of the registry.
///
/// - config: changed; not NULL.
/// - insecure: 0 for no, anything else for yes.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_config_set_insecure(
    config: *mut msb_image_pull_config,
    insecure: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::insecure, Some(insecure != 0))
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
pub unsafe extern "C" fn msb_image_pull_config_set_max_entries(
    config: *mut msb_image_pull_config,
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
pub unsafe extern "C" fn msb_image_pull_config_set_max_file_bytes(
    config: *mut msb_image_pull_config,
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
pub unsafe extern "C" fn msb_image_pull_config_set_max_layer_bytes(
    config: *mut msb_image_pull_config,
    max_layer_bytes: u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::max_layer_bytes, Some(max_layer_bytes))
    })
}
