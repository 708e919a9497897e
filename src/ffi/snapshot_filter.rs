//! `msb_snapshot_filter`: which snapshots a listing gives.
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
use crate::snapshot::filter::{SnapshotFilter, fields};

/// What `msb_snapshot_list` takes. Freed with `msb_snapshot_filter_free`.
pub struct msb_snapshot_filter {
    /// What was set so far.
    pub options: SnapshotFilter,
}

value_object!(msb_snapshot_filter, SnapshotFilter);

impl msb_snapshot_filter {
    fn into_raw(options: SnapshotFilter) -> Result<*mut Self, MsbError> {
        value::into_raw(Self { options })
    }
}

/// Makes a filter that lets every snapshot through.
///
/// - Returns: owned, to be freed with `msb_snapshot_filter_free`; NULL if there is no memory.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_filter_new() -> *mut msb_snapshot_filter {
    ffi!(else ptr::null_mut(), [], { msb_snapshot_filter::into_raw(SnapshotFilter::default()) })
}

/// Makes a filter from JSON text; `schemas/msb_snapshot_filter.json` describes it. An unknown key is an error that names it.
///
/// - json: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_snapshot_filter_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CONFIG_INVALID, INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_filter_from_json(
    json: *const c_char,
    out: *mut *mut msb_snapshot_filter,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [text json, out out], {
        *out = msb_snapshot_filter::into_raw(options::from_json(json)?)?;
        Ok(())
    })
}

/// Writes a filter as JSON text that `msb_snapshot_filter_from_json` reads: the options that differ from their defaults.
///
/// - filter: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_filter_to_json(
    filter: *const msb_snapshot_filter,
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
pub unsafe extern "C" fn msb_snapshot_filter_free(filter: *mut msb_snapshot_filter) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(filter) };
        Ok(())
    });
}

/// How many snapshots a page holds at most, 1 to 1000.
///
/// - filter: changed; not NULL.
/// - limit: the value.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_filter_set_limit(
    filter: *mut msb_snapshot_filter,
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
pub unsafe extern "C" fn msb_snapshot_filter_set_cursor(
    filter: *mut msb_snapshot_filter,
    cursor: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [edit filter, text cursor], {
        builder::set(&mut filter.options, fields::cursor, Some(cursor.to_owned()))
    })
}
