//! `msb_snapshot_info`: what is known of a snapshot of a disk.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::ffi;
use crate::ffi::text::to_c;
use crate::ffi::value::value_object;
use msb_store::{SnapshotRow, unix_ms};

/// What is known of a snapshot. It belongs to a page and goes with it.
pub struct msb_snapshot_info {
    digest: CString,
    name: CString,
    parent_digest: CString,
    image_reference: CString,
    image_digest: CString,
    format: CString,
    fstype: CString,
    path: CString,
    size_bytes: u64,
    created_unix_ms: u64,
    child_count: u64,
}

value_object!(msb_snapshot_info, SnapshotInfo);

impl msb_snapshot_info {
    /// The C form of a row.
    pub fn new(row: &SnapshotRow) -> Self {
        let text = |text: &Option<String>| to_c(text.as_deref().unwrap_or_default());
        Self {
            digest: to_c(&row.digest),
            name: text(&row.name),
            parent_digest: text(&row.parent_digest),
            image_reference: to_c(&row.image_ref),
            image_digest: to_c(&row.image_manifest_digest),
            format: to_c(&row.format),
            fstype: to_c(&row.fstype),
            path: to_c(&row.artifact_path),
            size_bytes: row
                .size_bytes
                .and_then(|size| u64::try_from(size).ok())
                .unwrap_or(0),
            created_unix_ms: row.created_at.to_system_time().map_or(0, unix_ms),
            child_count: u64::try_from(row.child_count).unwrap_or(0),
        }
    }
}

/// Digest of what the snapshot is made of, its key.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_digest(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.digest.as_ptr()) })
}

/// Its name; empty if it has none.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_name(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.name.as_ptr()) })
}

/// Digest of the snapshot that it builds on; empty if on none.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_parent_digest(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.parent_digest.as_ptr()) })
}

/// The image below it, as it was asked for.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_image_reference(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.image_reference.as_ptr()) })
}

/// Digest of the manifest of the image below it.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_image_digest(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.image_digest.as_ptr()) })
}

/// Format of its disk: `raw`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_format(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.format.as_ptr()) })
}

/// File system of its disk: `ext4`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_fstype(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.fstype.as_ptr()) })
}

/// Where it is: a directory of the host.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_path(info: *const msb_snapshot_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.path.as_ptr()) })
}

/// Its size in bytes; 0 if that is not known.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_size_bytes(info: *const msb_snapshot_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.size_bytes) })
}

/// When it was taken, in milliseconds since 1970 UTC; 0 if that is not known.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_created_unix_ms(info: *const msb_snapshot_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.created_unix_ms) })
}

/// How many snapshots build on it.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_snapshot_info_child_count(info: *const msb_snapshot_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.child_count) })
}
