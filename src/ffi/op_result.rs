//! `msb_op_take_*`: the result of an operation that has completed, one function for each type of result.
//!
//! Invariant: a result is taken once; a question by the wrong function, or too early, leaves it as it is.

use std::any::Any;
use std::sync::Arc;

use crate::error::MsbError;
use crate::ffi::bytes::msb_bytes;
use crate::ffi::error::msb_error;
use crate::ffi::exec::msb_exec_status;
use crate::ffi::exec_result::msb_exec_result;
use crate::ffi::ffi;
use crate::ffi::file::msb_file_progress;
use crate::ffi::file_info::{msb_file_info, msb_file_page};
use crate::ffi::image_info::msb_image_info;
use crate::ffi::probe::msb_probe_report;
use crate::ffi::sandbox::msb_exit;
use crate::ffi::status::msb_status;
use crate::ffi::storage::msb_storage_usage;
use crate::ffi::storage_fsck::msb_fsck_report;
use crate::ffi::storage_prune::msb_prune_report;
use crate::ffi::token::{self, Handle, msb_backend, msb_exec, msb_file, msb_op, msb_sandbox, msb_volume};
use crate::ffi::value::{self, Value};
use crate::ops::Op;
use crate::sandbox::exec::Unclaimed;

/// Takes the success of an operation that gives nothing else. If it failed this fails as the call itself would have, and can
/// be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something, INVALID_STATE if it has not completed
///   or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_finish(op: msb_op, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token op], { op.take::<()>() })
}

/// A handle of what an operation gives.
fn take_handle<H: Handle>(op: &Op) -> Result<H, MsbError> {
    op.take_if(|object: &Arc<H::Object>| token::insert(Arc::clone(object)))
}

/// A value object that an operation gives.
fn take_value<T: Value + Any + Send>(op: &Op) -> Result<*mut T, MsbError> {
    value::into_raw(op.take::<T>()?)
}

/// Takes the backend that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be released with `msb_backend_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_backend(
    op: msb_op,
    out: *mut msb_backend,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_handle(&op)?;
        Ok(())
    })
}

/// Takes the sandbox that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be released with `msb_sandbox_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_sandbox(
    op: msb_op,
    out: *mut msb_sandbox,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_handle(&op)?;
        Ok(())
    })
}

/// Takes the command that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be released with `msb_exec_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_exec(
    op: msb_op,
    out: *mut msb_exec,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = op.take_if(|started: &Unclaimed| {
            let handle = token::insert(Arc::clone(started.exec()))?;
            started.claim();
            Ok(handle)
        })?;
        Ok(())
    })
}

/// Takes the volume that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be released with `msb_volume_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_volume(
    op: msb_op,
    out: *mut msb_volume,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_handle(&op)?;
        Ok(())
    })
}

/// Takes the open file that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be released with `msb_file_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_file(
    op: msb_op,
    out: *mut msb_file,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_handle(&op)?;
        Ok(())
    })
}

/// Takes the end of a sandbox's run that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: written on success, cleared on failure; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_exit(
    op: msb_op,
    out: *mut msb_exit,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = op.take()?;
        Ok(())
    })
}

/// Takes the end of a command that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: written on success, cleared on failure; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_exec_status(
    op: msb_op,
    out: *mut msb_exec_status,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = op.take()?;
        Ok(())
    })
}

/// Takes the command that was run to its end that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_exec_result_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_exec_result(
    op: msb_op,
    out: *mut *mut msb_exec_result,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}

/// Takes the bytes that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_bytes_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_bytes(
    op: msb_op,
    out: *mut *mut msb_bytes,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = msb_bytes::into_raw(op.take()?)?;
        Ok(())
    })
}

/// Takes the number that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: written on success, cleared on failure; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_count(
    op: msb_op,
    out: *mut u64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = op.take()?;
        Ok(())
    })
}

/// Takes the yes or no that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: written with 1 or 0 on success, cleared on failure; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_flag(op: msb_op, out: *mut u8, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = op.take::<bool>()?.into();
        Ok(())
    })
}

/// Takes the description of a file that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_file_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_file_info(
    op: msb_op,
    out: *mut *mut msb_file_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}

/// Takes the page of a directory that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_file_page_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_file_page(
    op: msb_op,
    out: *mut *mut msb_file_page,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}

/// Takes the totals of a transfer that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: written on success, cleared on failure; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_file_progress(
    op: msb_op,
    out: *mut msb_file_progress,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = op.take()?;
        Ok(())
    })
}

/// Takes the report on this host that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_probe_report_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_probe_report(
    op: msb_op,
    out: *mut *mut msb_probe_report,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}

/// Takes the measurement that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_storage_usage_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_storage_usage(
    op: msb_op,
    out: *mut *mut msb_storage_usage,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}

/// Takes the image that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_image_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_image_info(
    op: msb_op,
    out: *mut *mut msb_image_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}

/// Takes the report of a check that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_fsck_report_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_fsck_report(
    op: msb_op,
    out: *mut *mut msb_fsck_report,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}

/// Takes the report of what was freed that an operation gives. If it failed this fails as the call itself would have, and can be asked again.
///
/// - op: the operation; its handle is still to be released.
/// - out: returned owned, to be freed with `msb_prune_report_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: CANCELLED, INVALID_ARGUMENT if it gives something else, INVALID_STATE if it has not
///   completed or its result was taken before, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_op_take_prune_report(
    op: msb_op,
    out: *mut *mut msb_prune_report,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token op, out out], {
        *out = take_value(&op)?;
        Ok(())
    })
}
