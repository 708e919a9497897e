//! `msb_patch_config`: one change of a sandbox's root before anybody uses it.
//!
//! A setter stores and checks the form of its value; what belongs together is checked when the patch is added to a
//! sandbox's config, files of the host when the sandbox is created, and the guest's when it starts.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::error::MsbError;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{boundary, builder, ffi};
use crate::options;
use crate::sandbox::patch::options::{PatchOptions, fields};

/// What `msb_sandbox_config_add_patch` takes. Freed with `msb_patch_config_free`.
pub struct msb_patch_config {
    /// What was set so far.
    pub options: PatchOptions,
}

value_object!(msb_patch_config, PatchConfig);

impl msb_patch_config {
    fn into_raw(options: PatchOptions) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a config of what shall be done, and where.
///
/// - op: copied; as for `msb_patch_config_set_op`; may be NULL. Its form is checked when the config is used.
/// - path: copied; a path in the guest; may be NULL. Its form is checked when the config is used.
/// - Returns: owned, to be freed with `msb_patch_config_free`; NULL if there is no memory, an argument is not UTF-8, or op is none.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_new(
    op: *const c_char,
    path: *const c_char,
) -> *mut msb_patch_config {
    ffi!(else ptr::null_mut(), [text_or_null op, text_or_null path], {
        let op = op.map(|op| builder::choice(op, "op")).transpose()?;
        msb_patch_config::into_raw(PatchOptions { op, path: path.map(str::to_owned), ..PatchOptions::default() })
    })
}

/// Makes a config from JSON text; `schemas/msb_patch_config.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_patch_config_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_from_json(
    json: *const c_char,
    out: *mut *mut msb_patch_config,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_patch_config::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a config as JSON text that `msb_patch_config_from_json` reads: the options that differ from their defaults.
///
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_to_json(
    config: *const msb_patch_config,
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
pub unsafe extern "C" fn msb_patch_config_free(config: *mut msb_patch_config) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(config) };
        Ok(())
    });
}

/// What it does: `"text"` makes a file with text, `"file"` one with data; `"mkdir"` makes a directory, which may be there
/// already; `"append"` adds text to a file, which must be there; `"copy_file"` and `"copy_dir"` copy source of the host, a
/// directory with all that is in it; `"symlink"` makes a link to target; `"remove"` removes what is there, if anything is.
/// Directories above that are missing are made, with mode 0755. Required.
///
/// - config: changed; not NULL.
/// - op: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_op(
    config: *mut msb_patch_config,
    op: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text op], {
        builder::set(&mut config.options, fields::op, Some(builder::choice(op, fields::op.key)?))
    })
}

/// What is changed: an absolute path in the guest without `..`, outside of `/proc`, `/sys` and `/dev`. Required.
///
/// - config: changed; not NULL.
/// - path: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_path(
    config: *mut msb_patch_config,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text path], {
        builder::set(&mut config.options, fields::path, Some(path.to_owned()))
    })
}

/// The text, for `"text"` and `"append"`.
///
/// - config: changed; not NULL.
/// - text: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_text(
    config: *mut msb_patch_config,
    text: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text text], {
        builder::set(&mut config.options, fields::text, Some(text.to_owned()))
    })
}

/// The bytes, for `"file"`.
///
/// - config: changed; not NULL.
/// - data: copied; may be NULL if len is 0.
/// - len: bytes of data.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_data(
    config: *mut msb_patch_config,
    data: *const c_void,
    len: usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        builder::set(&mut config.options, fields::data, Some(data.to_vec()))
    })
}

/// The file or directory of the host, for `"copy_file"` and `"copy_dir"`: there when the sandbox is created, and read at
/// its first start. Links in a directory stay links, pipes, sockets and devices are left out, and modes and times are kept.
///
/// - config: changed; not NULL.
/// - source: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_source(
    config: *mut msb_patch_config,
    source: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text source], {
        builder::set(&mut config.options, fields::source, Some(source.to_owned()))
    })
}

/// What a link holds, for `"symlink"`.
///
/// - config: changed; not NULL.
/// - target: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_target(
    config: *mut msb_patch_config,
    target: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config, text target], {
        builder::set(&mut config.options, fields::target, Some(target.to_owned()))
    })
}

/// The mode, such as 0755; for all but `"symlink"`, `"remove"` and `"copy_dir"`. Unset: 0644 for a new file, 0755 for a new
/// directory, and that of source for a copied file; what is there already keeps its own.
///
/// - config: changed; not NULL.
/// - mode: permission bits, such as 0755.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_mode(
    config: *mut msb_patch_config,
    mode: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::mode, Some(mode))
    })
}

/// The user by number that it is given to, a copied directory with all that is in it. Unset: root for what is new.
///
/// - config: changed; not NULL.
/// - uid: a number of the guest.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_uid(
    config: *mut msb_patch_config,
    uid: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::uid, Some(uid))
    })
}

/// The group by number that it is given to. Unset: root's for what is new.
///
/// - config: changed; not NULL.
/// - gid: a number of the guest.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_gid(
    config: *mut msb_patch_config,
    gid: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::gid, Some(gid))
    })
}

/// Whether it may take the place of what is there; otherwise that is an error. A directory is never replaced: a copied one is
/// laid over it.
///
/// - config: changed; not NULL.
/// - replace: 0 or 1.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_patch_config_set_replace(
    config: *mut msb_patch_config,
    replace: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit config], {
        builder::set(&mut config.options, fields::replace, replace != 0)
    })
}
