//! `msb_exec_result`: a command that was run to its end, with what it wrote.

use std::ptr;

use crate::ffi::error::msb_error;
use crate::ffi::exec_config::msb_exec_config;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::token::msb_sandbox;
use crate::ffi::value::{self, value_object};
use crate::sandbox::exec::Collected;

/// What a command left behind. Freed with `msb_exec_result_free`.
pub struct msb_exec_result {
    collected: Collected,
}

value_object!(msb_exec_result, ExecResult);

impl msb_exec_result {
    pub(super) fn new(mut collected: Collected) -> Self {
        // A NUL behind each, so that text can be printed as it is.
        for output in &mut collected.outputs {
            output.data.push(0);
        }
        Self { collected }
    }

    fn kept(&self, which: usize) -> &[u8] {
        let data = &self.collected.outputs[which].data;
        &data[..data.len() - 1]
    }

    fn truncated(&self, which: usize) -> u8 {
        (self.collected.outputs[which].total > self.kept(which).len() as u64).into()
    }
}

/// Runs a command to its end and collects what it writes, up to the configuration's `max_output_bytes` for each channel;
/// the result says if there was more. Bytes given as standard input are fed meanwhile. A command that exits with a code
/// other than 0 is a success of this call; one that its `timeout_ms` ended is not, and the error's details `stdout` and
/// `stderr` hold the first 64 KiB of what it wrote.
///
/// - sandbox: the sandbox.
/// - config: borrowed; not NULL.
/// - out: returned owned, to be freed with `msb_exec_result_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: until the command ends; its configuration's `timeout_ms` bounds that.
/// - Errors: EXEC_FAILED with the reasons of `msb_sandbox_exec_start`, INVALID_ARGUMENT, NOT_FOUND, NOT_RUNNING,
///   STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_exec(
    sandbox: msb_sandbox,
    config: *const msb_exec_config,
    out: *mut *mut msb_exec_result,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, value config, out out], {
        *out = value::into_raw(msb_exec_result::new(sandbox.exec(&config.options)?))?;
        Ok(())
    })
}

/// The exit code; -1 if a signal ended the command.
///
/// - result: borrowed; may be NULL.
/// - Returns: the value; -1 if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_exit_code(result: *const msb_exec_result) -> i32 {
    ffi!(else -1, [value result], { Ok(result.collected.exit_code) })
}

/// The signal that ended the command; 0 if none did.
///
/// - result: borrowed; may be NULL.
/// - Returns: the value; 0 if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_signal(result: *const msb_exec_result) -> i32 {
    ffi!(else 0, [value result], { Ok(result.collected.signal) })
}

/// 1 if the command wrote more to its standard output than was kept.
///
/// - result: borrowed; may be NULL.
/// - Returns: the value; 0 if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_stdout_truncated(result: *const msb_exec_result) -> u8 {
    ffi!(else 0, [value result], { Ok(result.truncated(0)) })
}

/// 1 if the command wrote more to its standard error than was kept.
///
/// - result: borrowed; may be NULL.
/// - Returns: the value; 0 if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_stderr_truncated(result: *const msb_exec_result) -> u8 {
    ffi!(else 0, [value result], { Ok(result.truncated(1)) })
}

/// How many bytes the command wrote to its standard output, kept or not.
///
/// - result: borrowed; may be NULL.
/// - Returns: the value; 0 if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_stdout_total(result: *const msb_exec_result) -> u64 {
    ffi!(else 0, [value result], { Ok(result.collected.outputs[0].total) })
}

/// How many bytes the command wrote to its standard error, kept or not.
///
/// - result: borrowed; may be NULL.
/// - Returns: the value; 0 if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_stderr_total(result: *const msb_exec_result) -> u64 {
    ffi!(else 0, [value result], { Ok(result.collected.outputs[1].total) })
}

/// What the command wrote to its standard output, as far as it was kept, followed by one NUL that does not count.
///
/// - result: borrowed; may be NULL.
/// - len: written with the number of bytes; may be NULL.
/// - Returns: a view until the result is freed; NULL only if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_stdout(
    result: *const msb_exec_result,
    len: *mut usize,
) -> *const u8 {
    ffi!(else ptr::null(), [value result, out_or_null len], {
        if let Some(len) = len {
            *len = result.kept(0).len();
        }
        Ok(result.kept(0).as_ptr())
    })
}

/// What the command wrote to its standard error, as far as it was kept, followed by one NUL that does not count.
///
/// - result: borrowed; may be NULL.
/// - len: written with the number of bytes; may be NULL.
/// - Returns: a view until the result is freed; NULL only if `result` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_stderr(
    result: *const msb_exec_result,
    len: *mut usize,
) -> *const u8 {
    ffi!(else ptr::null(), [value result, out_or_null len], {
        if let Some(len) = len {
            *len = result.kept(1).len();
        }
        Ok(result.kept(1).as_ptr())
    })
}

/// Frees a result.
///
/// - result: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_result_free(result: *mut msb_exec_result) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(result) };
        Ok(())
    });
}
