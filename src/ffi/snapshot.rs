//! `msb_snapshot`: listing.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::snapshot_filter::msb_snapshot_filter;
use crate::ffi::snapshot_info::msb_snapshot_info;
use crate::ffi::status::msb_status;
use crate::ffi::text::to_c;
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, Object, value_object};
use crate::snapshot::{self, filter::SnapshotFilter};

/// One page of a listing. Freed with `msb_snapshot_page_free`.
pub struct msb_snapshot_page {
    snapshots: Vec<Object<msb_snapshot_info>>,
    next: Option<CString>,
}

value_object!(msb_snapshot_page, SnapshotPage);

/// Lists the snapshots of the home, among them those of microsandbox 0.5.8, in the order of their digests, a page at a time: set the filter's cursor to what `msb_snapshot_page_next`
/// gives until that is NULL.
///
/// - backend: the backend.
/// - filter: borrowed; NULL lists every snapshot, 100 to a page.
/// - out: returned owned, to be freed with `msb_snapshot_page_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_list(
    backend: msb_backend,
    filter: *const msb_snapshot_filter,
    out: *mut *mut msb_snapshot_page,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value_or_null filter, out out], {
        let everything = SnapshotFilter::default();
        let page = snapshot::list(&backend, filter.map_or(&everything, |filter| &filter.options))?;
        *out = value::into_raw(msb_snapshot_page {
            snapshots: page.snapshots.iter().map(|row| Object::view(msb_snapshot_info::new(row))).collect(),
            next: page.next.as_deref().map(to_c),
        })?;
        Ok(())
    })
}

/// The number of snapshots on a page.
///
/// - page: borrowed; may be NULL.
/// - Returns: the value; 0 if `page` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_page_len(page: *const msb_snapshot_page) -> usize {
    ffi!(else 0, [value page], { Ok(page.snapshots.len()) })
}

/// A snapshot of a page.
///
/// - page: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such snapshot.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_page_get(
    page: *const msb_snapshot_page,
    index: usize,
) -> *const msb_snapshot_info {
    ffi!(else ptr::null(), [value page], {
        Ok(page.snapshots.get(index).map_or(ptr::null(), Object::as_ptr))
    })
}

/// The cursor of the next page.
///
/// - page: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL after the last page.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_page_next(page: *const msb_snapshot_page) -> *const c_char {
    ffi!(else ptr::null(), [value page], { Ok(page.next.as_ref().map_or(ptr::null(), |next| next.as_ptr())) })
}

/// Frees a page and what is on it.
///
/// - page: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_page_free(page: *mut msb_snapshot_page) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(page) };
        Ok(())
    });
}
