//! `msb_volume_filter`: which volumes a listing gives.
//!
//! A setter stores and checks the form of its value; everything else is checked when the filter is used.

use std::ffi::c_char;
use std::ptr;

use crate::error::MsbError;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::status::msb_status;
use crate::ffi::value::{self, value_object};
use crate::ffi::{builder, ffi};
use crate::options;
use crate::volume::filter::{VolumeFilter, fields};

/// What `msb_volume_list` takes. Freed with `msb_volume_filter_free`.
pub struct msb_volume_filter {
    /// What was set so far.
    pub options: VolumeFilter,
}

value_object!(msb_volume_filter, VolumeFilter);

impl msb_volume_filter {
    fn into_raw(options: VolumeFilter) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a filter that lets every volume through.
///
/// - Returns: owned, to be freed with `msb_volume_filter_free`; NULL if there is no memory.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_new() -> *mut msb_volume_filter {
    ffi!(else ptr::null_mut(), [], { msb_volume_filter::into_raw(VolumeFilter::default()) })
}

/// Makes a filter from JSON text; `schemas/msb_volume_filter.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_volume_filter_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_from_json(
    json: *const c_char,
    out: *mut *mut msb_volume_filter,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_volume_filter::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a filter as JSON text that `msb_volume_filter_from_json` reads: the options that differ from their defaults.
///
/// - filter: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_to_json(
    filter: *const msb_volume_filter,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [value filter, out out], {
        *out = msb_bytes::into_raw(options::to_json(&filter.options)?.into_bytes())?;
        Ok(())
    })
}

/// Frees a filter.
///
/// - filter: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_free(filter: *mut msb_volume_filter) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(filter) };
        Ok(())
    });
}

/// Only volumes that have all these labels.
///
/// - filter: changed; not NULL.
/// - key: copied; a key that was given before gets the new value.
/// - value: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_add_label(
    filter: *mut msb_volume_filter,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit filter, text key, text value], {
        builder::add(&mut filter.options, fields::labels, (key.to_owned(), value.to_owned()))
    })
}

/// Only volumes of this kind, `"dir"` or `"disk"`. Unset: both.
///
/// - filter: changed; not NULL.
/// - kind: borrowed; `"dir"` or `"disk"`.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_set_kind(
    filter: *mut msb_volume_filter,
    kind: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit filter, text kind], {
        builder::set(&mut filter.options, fields::kind, Some(builder::choice(kind, "kind")?))
    })
}

/// Only volumes whose name begins so.
///
/// - filter: changed; not NULL.
/// - prefix: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_set_name_prefix(
    filter: *mut msb_volume_filter,
    prefix: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit filter, text prefix], {
        builder::set(&mut filter.options, fields::name_prefix, Some(prefix.to_owned()))
    })
}

/// How many volumes a page holds at most, 1 to 1000.
///
/// - filter: changed; not NULL.
/// - limit: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_set_limit(
    filter: *mut msb_volume_filter,
    limit: u32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit filter], {
        builder::set(&mut filter.options, fields::limit, limit)
    })
}

/// Where to go on: what the page before gave. Unset: from the beginning.
///
/// - filter: changed; not NULL.
/// - cursor: copied; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_filter_set_cursor(
    filter: *mut msb_volume_filter,
    cursor: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit filter, text cursor], {
        builder::set(&mut filter.options, fields::cursor, Some(cursor.to_owned()))
    })
}
