//! Pulling images from registries.

use std::ffi::c_char;

use crate::deadline::Deadline;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::image_info::msb_image_info;
use crate::ffi::image_pull_config::msb_image_pull_config;
use crate::ffi::op::submit_job;
use crate::ffi::status::msb_status;
use crate::ffi::token::{msb_backend, msb_op, msb_queue};
use crate::ffi::value;
use crate::image::pull::pull;
use crate::image::pull_options::ImagePullOptions;
use crate::ops::Lane;

fn options(config: Option<&msb_image_pull_config>) -> ImagePullOptions {
    config.map(|config| config.options.clone()).unwrap_or_default()
}

/// Pulls an image from its registry, unless it is there already.
///
/// Who to log in as is what the config says, else what `registries.hosts` of the configuration says, else docker's logins and
/// credential helpers; without any of them, nobody. Layers that the home has already are not fetched, and those that another
/// thread or process is fetching are waited for. The image is there whole, or as it was before.
///
/// - backend: the backend.
/// - reference: borrowed; the image, as `"python:3.12"` or `"registry.example:5000/team/app@sha256:..."`.
/// - config: borrowed; NULL pulls the image for this host if it is missing.
/// - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: until it is there. A registry that does not answer is given up, after some tries, within minutes.
/// - Errors: CANCELLED, CONFIG_INVALID, CORRUPT, DISK_FULL, INVALID_ARGUMENT, INVALID_STATE, IO, NETWORK, NOT_FOUND,
///   PERMISSION_DENIED if the registry wants another login, RESOURCE_EXHAUSTED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
///   TIMEOUT, UNAVAILABLE if the registry fails or wants fewer requests (the detail `retry_after_ms` has how long),
///   UNSUPPORTED, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull(
    backend: msb_backend,
    reference: *const c_char,
    config: *const msb_image_pull_config,
    out: *mut *mut msb_image_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference, value_or_null config, out out], {
        *out = value::into_raw(msb_image_info::new(&pull(&backend, reference, &options(config))?))?;
        Ok(())
    })
}

/// Begins `msb_image_pull`; its completion's result is for `msb_op_take_image_info`. Its progress counts bytes of the layers as
/// the registry has them, and layers. Cancelled, it leaves no image.
///
/// - backend: the backend.
/// - reference: copied; the image, as `"python:3.12"` or `"registry.example:5000/team/app@sha256:..."`.
/// - config: copied; NULL pulls the image for this host if it is missing.
/// - queue: where its completion is reported.
/// - token: the caller's own value, given back with the completion.
/// - op: returned owned, to be released with `msb_op_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the queue was closed, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_image_pull_async(
    backend: msb_backend,
    reference: *const c_char,
    config: *const msb_image_pull_config,
    queue: msb_queue,
    token: u64,
    op: *mut msb_op,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text reference, value_or_null config, token queue, out op], {
        let (options, reference) = (options(config), reference.to_owned());
        submit_job(&queue, token, op, Lane::Registry, Deadline::NEVER, move || {
            Ok(msb_image_info::new(&pull(&backend, &reference, &options)?))
        })
    })
}
