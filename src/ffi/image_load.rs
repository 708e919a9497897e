//! Loading images: from a path, and from an open descriptor.

use std::ffi::c_char;
use std::fs::File;
use std::path::PathBuf;

use crate::deadline::Deadline;
use crate::ffi::boundary;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::image_info::msb_image_info;
use crate::ffi::image_load_config::msb_image_load_config;
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_backend, msb_op, msb_queue};
use crate::ffi::value;
use crate::image::load::{Origin, load};
use crate::image::options::ImageLoadOptions;
use crate::ops::Lane;

fn options(config: Option<&msb_image_load_config>) -> ImageLoadOptions {
    config.map(|config| config.options.clone()).unwrap_or_default()
}

/// Loads an image from a file or directory of this host.
///
/// The archive is one of docker, podman or skopeo (OCI or docker's own), the directory of an OCI layout, or the tar of a root
/// file system, each also compressed with gzip or zstd; which, its content says. Layers that the home has already are not
/// unpacked again. The image is there whole, with all its names, or not at all.
///
/// - backend: the backend.
/// - path: borrowed; where it is, absolute or relative to the working directory.
/// - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
/// - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: until it is loaded, for as long as unpacking and writing it takes.
/// - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT if it is no image or has no name, INVALID_STATE, IO, NOT_FOUND,
///   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, UNSUPPORTED, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load(
    backend: msb_backend,
    path: *const c_char,
    config: *const msb_image_load_config,
    out: *mut *mut msb_image_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, path path, value_or_null config, out out], {
        *out = value::into_raw(msb_image_info::new(&load(&backend, Origin::Path(path), &options(config))?))?;
        Ok(())
    })
}

/// Loads an image from an open file, directory, pipe or socket.
///
/// The archive is one of docker, podman or skopeo (OCI or docker's own), the directory of an OCI layout, or the tar of a root
/// file system, each also compressed with gzip or zstd; which, its content says. Layers that the home has already are not
/// unpacked again. The image is there whole, with all its names, or not at all.
///
/// - backend: the backend.
/// - fd: borrowed; open for reading, not necessarily seekable. It is duplicated, and read from where it stands.
/// - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
/// - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: until it is loaded; as long as whoever writes a pipe takes.
/// - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT if it is no image or has no name, INVALID_STATE, IO, NOT_FOUND,
///   PERMISSION_DENIED, RESOURCE_EXHAUSTED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, UNSUPPORTED, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_fd(
    backend: msb_backend,
    fd: i32,
    config: *const msb_image_load_config,
    out: *mut *mut msb_image_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value_or_null config, out out], {
        // SAFETY: the caller keeps msb.h's contract: the descriptor stays open during the call.
        let file = File::from(unsafe { boundary::duplicate(fd, "fd") }?);
        *out = value::into_raw(msb_image_info::new(&load(&backend, Origin::File(file), &options(config))?))?;
        Ok(())
    })
}

/// Begins `msb_image_load`; its completion's result is for `msb_op_take_image_info`. Its progress counts bytes of the archive's layers and
/// layers. Cancelled, it leaves no image.
///
/// - backend: the backend.
/// - path: borrowed; where it is, absolute or relative to the working directory.
/// - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_async(
    backend: msb_backend,
    path: *const c_char,
    config: *const msb_image_load_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, path path, value_or_null config, token queue, out op], {
        let options = options(config);
        let path: PathBuf = path.to_owned();
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            Ok(msb_image_info::new(&load(&backend, Origin::Path(&path), &options)?))
        })
    })
}

/// Begins `msb_image_load_fd`; its completion's result is for `msb_op_take_image_info`. Its progress counts bytes of the archive's layers and
/// layers. Cancelled, it leaves no image.
///
/// - backend: the backend.
/// - fd: borrowed; open for reading, not necessarily seekable. It is duplicated, and read from where it stands.
/// - config: borrowed; NULL loads the archive's only image for this host under the names that it has there.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_load_fd_async(
    backend: msb_backend,
    fd: i32,
    config: *const msb_image_load_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value_or_null config, token queue, out op], {
        let options = options(config);
        // SAFETY: the caller keeps msb.h's contract: the descriptor stays open during the call.
        let file = File::from(unsafe { boundary::duplicate(fd, "fd") }?);
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            Ok(msb_image_info::new(&load(&backend, Origin::File(file), &options)?))
        })
    })
}
