//! `msb_storage_usage`: how much room a home takes on disk.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::storage_finding::path_to_c;
use crate::ffi::text::to_c;
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, value_object};
use crate::storage::usage::{self, CategoryUsage};

/// How much room a home takes, by category. Freed with `msb_storage_usage_free`.
pub struct msb_storage_usage {
    categories: Vec<(CategoryUsage, CString, CString)>,
}

value_object!(msb_storage_usage, StorageUsage);

impl msb_storage_usage {
    pub(super) fn new(categories: Vec<CategoryUsage>) -> Self {
        let with_text = |usage: CategoryUsage| {
            let (name, path) = (to_c(usage.category), path_to_c(&usage.path));
            (usage, name, path)
        };
        Self {
            categories: categories.into_iter().map(with_text).collect(),
        }
    }
}

/// Measures how much room a home takes on disk, and the directories that were configured elsewhere.
///
/// - backend: the backend.
/// - out: returned owned, to be freed with `msb_storage_usage_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations: it looks at every file.
/// - Errors: INVALID_ARGUMENT, IO, PERMISSION_DENIED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_get(
    backend: msb_backend,
    out: *mut *mut msb_storage_usage,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, out out], {
        *out = value::into_raw(msb_storage_usage::new(usage::usage(&backend)?))?;
        Ok(())
    })
}

/// The number of categories.
///
/// - usage: borrowed; may be NULL.
/// - Returns: the value; 0 if `usage` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_len(usage: *const msb_storage_usage) -> usize {
    ffi!(else 0, [value usage], { Ok(usage.categories.len()) })
}

/// The room that all categories take together, in bytes.
///
/// - usage: borrowed; may be NULL.
/// - Returns: the value; 0 if `usage` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_total_bytes(usage: *const msb_storage_usage) -> u64 {
    ffi!(else 0, [value usage], { Ok(usage.categories.iter().map(|(usage, ..)| usage.size.bytes).sum()) })
}

/// A category: `"database"`, `"sandboxes"`, `"volumes"`, `"snapshots"`, `"images"`, `"cache"`, `"logs"`, `"secrets"`, `"programs"` or
/// `"other"`. Later versions may add some.
///
/// - usage: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the usage is freed; NULL if there is no such category.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_category(
    usage: *const msb_storage_usage,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value usage], {
        Ok(usage.categories.get(index).map_or(ptr::null(), |(_, name, _)| name.as_ptr()))
    })
}

/// Where the category is. Bytes as the file system has them.
///
/// - usage: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the usage is freed; NULL if there is no such category.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_path(
    usage: *const msb_storage_usage,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value usage], {
        Ok(usage.categories.get(index).map_or(ptr::null(), |(.., path)| path.as_ptr()))
    })
}

/// The room that the category takes on disk, in bytes, holes left out.
///
/// - usage: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the value; 0 if there is no such category.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_bytes(usage: *const msb_storage_usage, index: usize) -> u64 {
    ffi!(else 0, [value usage], {
        Ok(usage.categories.get(index).map_or(0, |(usage, ..)| usage.size.bytes))
    })
}

/// The number of files of any kind, directories included.
///
/// - usage: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the value; 0 if there is no such category.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_files(usage: *const msb_storage_usage, index: usize) -> u64 {
    ffi!(else 0, [value usage], {
        Ok(usage.categories.get(index).map_or(0, |(usage, ..)| usage.size.files))
    })
}

/// Frees a measurement.
///
/// - usage: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_storage_usage_free(usage: *mut msb_storage_usage) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(usage) };
        Ok(())
    });
}
