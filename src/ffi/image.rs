//! `msb_image` as a whole: listing and removal.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::image_filter::msb_image_filter;
use crate::ffi::image_info::msb_image_info;
use crate::ffi::status::msb_status;
use crate::ffi::text::to_c;
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, Object, value_object};
use crate::image::filter::ImageFilter;
use crate::image::{info, remove};

/// One page of a listing. Freed with `msb_image_page_free`.
pub struct msb_image_page {
    images: Vec<Object<msb_image_info>>,
    next: Option<CString>,
}

value_object!(msb_image_page, ImagePage);

/// Removes an image, and from the disk what no other image has, unless a sandbox needs it. What somebody has open goes with
/// `msb_prune`; a cache that is not below the home may be another home's too, and keeps its files.
///
/// - backend: the backend.
/// - reference: borrowed; the short form or the full one.
/// - err: returned owned on failure, else set to NULL; may be NULL. Its details name the `image` and, separated by commas, each `sandbox` that
///   needs it.
/// - Blocking: file operations.
/// - Errors: BUSY, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, READ_ONLY, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_remove(
    backend: msb_backend,
    reference: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference], { remove::remove(&backend, reference) })
}

/// Lists images in the order of their references, a page at a time: set the filter's cursor to what `msb_image_page_next`
/// gives until that is NULL.
///
/// - backend: the backend.
/// - filter: borrowed; NULL lists every image, 100 to a page.
/// - out: returned owned, to be freed with `msb_image_page_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_list(
    backend: msb_backend,
    filter: *const msb_image_filter,
    out: *mut *mut msb_image_page,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value_or_null filter, out out], {
        let everything = ImageFilter::default();
        let page = info::list(&backend, filter.map_or(&everything, |filter| &filter.options))?;
        *out = value::into_raw(msb_image_page {
            images: page.images.iter().map(|info| Object::view(msb_image_info::new(info))).collect(),
            next: page.next.as_deref().map(to_c),
        })?;
        Ok(())
    })
}

/// The number of images on a page.
///
/// - page: borrowed; may be NULL.
/// - Returns: the value; 0 if `page` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_page_len(page: *const msb_image_page) -> usize {
    ffi!(else 0, [value page], { Ok(page.images.len()) })
}

/// An image of a page.
///
/// - page: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such image.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_page_get(
    page: *const msb_image_page,
    index: usize,
) -> *const msb_image_info {
    ffi!(else ptr::null(), [value page], {
        Ok(page.images.get(index).map_or(ptr::null(), Object::as_ptr))
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
pub unsafe extern "C" fn msb_image_page_next(page: *const msb_image_page) -> *const c_char {
    ffi!(else ptr::null(), [value page], { Ok(page.next.as_ref().map_or(ptr::null(), |next| next.as_ptr())) })
}

/// Frees a page and the snapshots on it.
///
/// - page: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_page_free(page: *mut msb_image_page) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(page) };
        Ok(())
    });
}
