//! `msb_image_info`: what is known of an image at one moment.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::text::to_c;
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, value_object};
use crate::image::info::{self, ImageInfo};
use msb_store::LayerRow;

/// A snapshot of an image. Freed with `msb_image_info_free`, unless it belongs to a page.
pub struct msb_image_info {
    reference: CString,
    digest: CString,
    config_digest: CString,
    architecture: CString,
    os: CString,
    variant: CString,
    size_bytes: u64,
    disk_bytes: u64,
    unique_bytes: u64,
    created_unix_ms: u64,
    updated_unix_ms: u64,
    layers: Vec<Layer>,
    env: Vec<CString>,
    entrypoint: Vec<CString>,
    cmd: Vec<CString>,
    working_dir: CString,
    user: CString,
    stop_signal: CString,
    labels: Vec<(CString, CString)>,
}

struct Layer {
    diff_id: CString,
    digest: CString,
    size_bytes: u64,
    disk_bytes: u64,
}

impl From<&LayerRow> for Layer {
    fn from(row: &LayerRow) -> Self {
        Self {
            diff_id: to_c(&row.diff_id),
            digest: to_c(&row.blob_digest),
            size_bytes: row.compressed_size_bytes,
            disk_bytes: row.erofs_size_bytes,
        }
    }
}

value_object!(msb_image_info, ImageInfo);

impl msb_image_info {
    /// The C form of a snapshot.
    pub fn new(info: &ImageInfo) -> Self {
        let text = |text: &Option<String>| to_c(text.as_deref().unwrap_or_default());
        let words = |words: &[String]| words.iter().map(|word| to_c(word)).collect();
        let layers: Vec<Layer> = info.layers.iter().map(Layer::from).collect();
        Self {
            reference: to_c(&info.row.reference),
            digest: to_c(&info.row.digest),
            config_digest: text(&info.row.config_digest),
            architecture: text(&info.row.architecture),
            os: text(&info.row.os),
            variant: text(&info.row.variant),
            size_bytes: info.sum(|layer| layer.compressed_size_bytes),
            disk_bytes: info.sum(|layer| layer.erofs_size_bytes),
            unique_bytes: info.unique_bytes,
            created_unix_ms: info.created_unix_ms(),
            updated_unix_ms: info.updated_unix_ms(),
            layers,
            env: words(&info.config.env),
            entrypoint: words(info.config.entrypoint.as_deref().unwrap_or_default()),
            cmd: words(info.config.cmd.as_deref().unwrap_or_default()),
            working_dir: text(&info.config.working_dir),
            user: text(&info.config.user),
            stop_signal: text(&info.config.stop_signal),
            labels: info
                .config
                .labels
                .iter()
                .map(|(key, value)| (to_c(key), to_c(value)))
                .collect(),
        }
    }
}

/// Takes a snapshot of an image.
///
/// - backend: the backend.
/// - reference: borrowed; the short form or the full one, `python` or `docker.io/library/python:latest`.
/// - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_get(
    backend: msb_backend,
    reference: *const c_char,
    out: *mut *mut msb_image_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference, out out], {
        *out = value::into_raw(msb_image_info::new(&info::get(&backend, reference)?))?;
        Ok(())
    })
}

/// What it is asked for by, in its full form: `docker.io/library/python:3.12`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_reference(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.reference.as_ptr()) })
}

/// Digest of its manifest.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_digest(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.digest.as_ptr()) })
}

/// Digest of its configuration; empty when unknown.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_config_digest(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.config_digest.as_ptr()) })
}

/// The processor that it is for, as `"amd64"`; empty when unknown.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_architecture(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.architecture.as_ptr()) })
}

/// The operating system that it is for, `"linux"`; empty when unknown.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_os(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.os.as_ptr()) })
}

/// The variant of the processor, as `"v8"`; mostly empty.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_variant(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.variant.as_ptr()) })
}

/// Size of its layers as they are transferred, in bytes.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_size_bytes(info: *const msb_image_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.size_bytes) })
}

/// Size of its layers on this disk, in bytes; other images may share them.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_disk_bytes(info: *const msb_image_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.disk_bytes) })
}

/// The room that those of its layers take on this disk that no other image has, in bytes: what goes with its last reference.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_unique_bytes(info: *const msb_image_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.unique_bytes) })
}

/// When the reference was first stored, in milliseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_created_unix_ms(info: *const msb_image_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.created_unix_ms) })
}

/// When the reference last changed what it stands for, in milliseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_updated_unix_ms(info: *const msb_image_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.updated_unix_ms) })
}

/// The number of its layers.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_layer_count(info: *const msb_image_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.layers.len()) })
}

/// Digest of a layer's archive, unpacked; the lowest layer first.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such layer.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_layer_diff_id(
    info: *const msb_image_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.layers.get(index).map_or(ptr::null(), |layer| layer.diff_id.as_ptr())) })
}

/// Digest of a layer as it is transferred.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such layer.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_layer_digest(
    info: *const msb_image_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.layers.get(index).map_or(ptr::null(), |layer| layer.digest.as_ptr())) })
}

/// Size of a layer as it is transferred, in bytes.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the value; 0 if there is no such layer.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_layer_size_bytes(info: *const msb_image_info, index: usize) -> u64 {
    ffi!(else 0, [value info], { Ok(info.layers.get(index).map_or(0, |layer| layer.size_bytes)) })
}

/// Size of a layer on this disk, in bytes.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the value; 0 if there is no such layer.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_layer_disk_bytes(info: *const msb_image_info, index: usize) -> u64 {
    ffi!(else 0, [value info], { Ok(info.layers.get(index).map_or(0, |layer| layer.disk_bytes)) })
}

/// The number of variables of the environment that its commands have.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_env_count(info: *const msb_image_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.env.len()) })
}

/// A variable, as `NAME=VALUE`.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such one.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_env(info: *const msb_image_info, index: usize) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.env.get(index).map_or(ptr::null(), |word| word.as_ptr())) })
}

/// The number of words of its entrypoint.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_entrypoint_count(info: *const msb_image_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.entrypoint.len()) })
}

/// A word of its entrypoint.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such one.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_entrypoint(
    info: *const msb_image_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.entrypoint.get(index).map_or(ptr::null(), |word| word.as_ptr())) })
}

/// The number of words of its default arguments.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_cmd_count(info: *const msb_image_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.cmd.len()) })
}

/// A word of its default arguments, which are the default command if there is no entrypoint.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such one.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_cmd(info: *const msb_image_info, index: usize) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.cmd.get(index).map_or(ptr::null(), |word| word.as_ptr())) })
}

/// Where its commands run; empty for `/`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_working_dir(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.working_dir.as_ptr()) })
}

/// Who they run as, `USER[:GROUP]`; empty for root.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_user(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.user.as_ptr()) })
}

/// The signal that asks its default command to end, as `"SIGTERM"`; empty for that.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_stop_signal(info: *const msb_image_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.stop_signal.as_ptr()) })
}

/// The number of its labels.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_label_count(info: *const msb_image_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.labels.len()) })
}

/// A label's key, in the order of the keys.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such label.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_label_key(
    info: *const msb_image_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.labels.get(index).map_or(ptr::null(), |(key, _)| key.as_ptr())) })
}

/// A label's value, in the order of the keys.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such label.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_label_value(
    info: *const msb_image_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.labels.get(index).map_or(ptr::null(), |(_, value)| value.as_ptr())) })
}

/// Frees a snapshot. One that belongs to a page is freed with its page instead.
///
/// - info: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_info_free(info: *mut msb_image_info) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(info) };
        Ok(())
    });
}
