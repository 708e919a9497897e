//! Saving images: to a path, and to an open descriptor.

use std::ffi::c_char;
use std::fs::File;
use std::path::PathBuf;

use crate::deadline::Deadline;
use crate::ffi::boundary;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_backend, msb_op, msb_queue};
use crate::image::save::{Target, save};
use crate::ops::Lane;

/// Saves an image as an archive file.
///
/// The archive is an OCI layout and what `docker save` writes at once, its layers not compressed: docker, podman, skopeo and
/// `msb_image_load` take it. It has the image's tree, platform, environment, entrypoint, cmd, user, working directory, stop signal,
/// labels and tag. Layers are packed anew, so they and the image have other digests than where they came from, and what libmsb has no use
/// for is not in it: history, exposed ports, volumes, health checks and comments.
///
/// - backend: the backend.
/// - reference: borrowed; the short form or the full one.
/// - path: borrowed; the file to write, absolute or relative to the working directory. One that is there is replaced once the archive
///   is whole; until then, and after a failure, it is as it was.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: until it is written; every layer is read twice.
/// - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE,
///   STORE_CORRUPT, STORE_NEWER, UNSUPPORTED if a tar cannot hold an entry of it, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_save(
    backend: msb_backend,
    reference: *const c_char,
    path: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference, path path], { save(&backend, reference, Target::Path(path)) })
}

/// Saves an image as an archive to an open file, pipe or socket.
///
/// The archive is an OCI layout and what `docker save` writes at once, its layers not compressed: docker, podman, skopeo and
/// `msb_image_load` take it. It has the image's tree, platform, environment, entrypoint, cmd, user, working directory, stop signal,
/// labels and tag. Layers are packed anew, so they and the image have other digests than where they came from, and what libmsb has no use
/// for is not in it: history, exposed ports, volumes, health checks and comments.
///
/// - backend: the backend.
/// - reference: borrowed; the short form or the full one.
/// - fd: borrowed; open for writing, not necessarily seekable. It is duplicated, and written from where it stands; after a failure
///   it has part of the archive.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: until it is written; as long as whoever reads a pipe takes.
/// - Errors: CANCELLED, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, PERMISSION_DENIED, STALE_HANDLE,
///   STORE_CORRUPT, STORE_NEWER, UNSUPPORTED if a tar cannot hold an entry of it, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_save_fd(
    backend: msb_backend,
    reference: *const c_char,
    fd: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference], {
        // SAFETY: the caller keeps msb.h's contract: the descriptor stays open during the call.
        let file = File::from(unsafe { boundary::duplicate(fd, "fd") }?);
        save(&backend, reference, Target::File(file))
    })
}

/// Begins `msb_image_save`; its completion is for `msb_op_finish`. Its progress counts layers written, and bytes of layers read, each
/// twice. Cancelled, it leaves what was there.
///
/// - backend: the backend.
/// - reference: borrowed; the short form or the full one.
/// - path: borrowed; the file to write, absolute or relative to the working directory. One that is there is replaced once the archive
///   is whole; until then, and after a failure, it is as it was.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_save_async(
    backend: msb_backend,
    reference: *const c_char,
    path: *const c_char,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference, path path, token queue, out op], {
        let (reference, path): (String, PathBuf) = (reference.to_owned(), path.to_owned());
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            save(&backend, &reference, Target::Path(&path))
        })
    })
}

/// Begins `msb_image_save_fd`; its completion is for `msb_op_finish`. Its progress counts layers written, and bytes of layers read, each
/// twice. Cancelled, it leaves part of the archive.
///
/// - backend: the backend.
/// - reference: borrowed; the short form or the full one.
/// - fd: borrowed; open for writing, not necessarily seekable. It is duplicated, and written from where it stands; after a failure
///   it has part of the archive.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_save_fd_async(
    backend: msb_backend,
    reference: *const c_char,
    fd: i32,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference, token queue, out op], {
        let reference = reference.to_owned();
        // SAFETY: the caller keeps msb.h's contract: the descriptor stays open during the call.
        let file = File::from(unsafe { boundary::duplicate(fd, "fd") }?);
        submit_job(&queue, token, op, Lane::Local, Deadline::NEVER, move || {
            save(&backend, &reference, Target::File(file))
        })
    })
}
