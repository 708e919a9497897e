//! `msb_exec`: commands in a sandbox, streaming.

use std::os::fd::IntoRawFd;

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ffi::boundary::{self, Cleared};
use crate::ffi::error::msb_error;
use crate::ffi::exec_config::msb_exec_config;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, MSB_KIND_EXEC, handle, msb_exec, msb_sandbox};
use crate::sandbox::exec::Exec;
use msb_protocol::exec::ExecExit;
use msb_protocol::frame::Channel;

handle!(msb_exec, MSB_KIND_EXEC, Exec);

/// A command's standard input.
pub const MSB_STDIN: i32 = 0;
/// A command's standard output; with a terminal, everything it prints.
pub const MSB_STDOUT: i32 = 1;
/// A command's standard error.
pub const MSB_STDERR: i32 = 2;

/// How a command ended. Always written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_exec_status {
    /// The exit code; -1 if a signal ended the command.
    pub exit_code: i32,
    /// The signal that ended the command; 0 if none did.
    pub signal: i32,
    /// 1 if the command's own timeout ended it.
    pub timed_out: u8,
    /// 1 if something that the command started still held its output open; what that writes is thrown away.
    pub output_open: u8,
    /// 0.
    pub reserved: [u8; 6],
    /// 0; room for later versions.
    pub reserved_words: [u64; 4],
}

impl Cleared for msb_exec_status {
    const CLEARED: Self = Self {
        exit_code: 0,
        signal: 0,
        timed_out: 0,
        output_open: 0,
        reserved: [0; 6],
        reserved_words: [0; 4],
    };
}

impl From<ExecExit> for msb_exec_status {
    fn from(exit: ExecExit) -> Self {
        Self {
            exit_code: exit.code.unwrap_or(-1),
            signal: exit.signal.unwrap_or(0),
            timed_out: exit.timed_out.into(),
            output_open: exit.output_open.into(),
            ..Self::CLEARED
        }
    }
}

/// The channel with this number, if it is one of those that the call is about.
fn channel(which: i32, outputs_only: bool) -> Result<Channel, MsbError> {
    match which {
        MSB_STDIN if !outputs_only => Ok(Channel::Stdin),
        MSB_STDOUT => Ok(Channel::Stdout),
        MSB_STDERR => Ok(Channel::Stderr),
        _ => Err(MsbError::new(
            Status::InvalidArgument,
            "argument.which",
            format!("`which` is {which}, which is no channel of this call"),
        )
        .remedy("pass MSB_STDOUT or MSB_STDERR")
        .detail("argument", "which")),
    }
}

/// The output with this number.
pub(super) fn output_channel(which: i32) -> Result<Channel, MsbError> {
    channel(which, true)
}

/// Starts a command in a running sandbox. On success the command runs; a command that cannot be started is an error whose
/// reason says why: `exec.not_found`, `exec.permission_denied`, `exec.not_executable`, `exec.bad_cwd`, `exec.bad_user`,
/// `exec.bad_args`, `exec.resource_limit`, `exec.out_of_memory`, `exec.pty_setup_failed`, `exec.too_many`, `exec.failed`.
///
/// - sandbox: the sandbox.
/// - config: borrowed; not NULL. Bytes given as its standard input are not sent by this call: see `msb_exec_write`.
/// - out: returned owned, to be released with `msb_exec_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: until the guest answers, at most 60 s.
/// - Errors: EXEC_FAILED, INVALID_ARGUMENT, NOT_FOUND, NOT_RUNNING, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_exec_start(
    sandbox: msb_sandbox,
    config: *const msb_exec_config,
    out: *mut msb_exec,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, value config, out out], {
        let exec = sandbox.exec_start(&config.options)?;
        *out = token::insert(exec)?;
        Ok(())
    })
}

/// The command's process id in the guest.
///
/// - exec: the command.
/// - Returns: the process id; 0 if the command is over or `exec` is no live handle.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_pid(exec: msb_exec) -> u32 {
    ffi!(else 0, [token exec], { Ok(exec.pid()) })
}

/// Reads a command's output as it appears. Raw bytes; a short count is normal. A full buffer in the library, 1 MiB for each
/// channel, holds the command up and loses nothing.
///
/// - exec: the command.
/// - which: `MSB_STDOUT` or `MSB_STDERR`.
/// - buf: written with up to `cap` bytes; may be NULL if `cap` is 0.
/// - cap: size of `buf` in bytes.
/// - timeout_ms: how long to wait for the first byte, in milliseconds; 0 only looks, -1 has no limit.
/// - n: written with the number of bytes; 0 on success is the end of the output. Not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the output was given away, STALE_HANDLE, TIMEOUT, WOULD_BLOCK if
///   `timeout_ms` is 0, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_read(
    exec: msb_exec,
    which: i32,
    buf: *mut std::ffi::c_void,
    cap: usize,
    timeout_ms: i64,
    n: *mut usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec, out n], {
        let channel = output_channel(which)?;
        // SAFETY: the caller keeps msb.h's contract on pointers: `buf` is writable for `cap` bytes.
        let buffer = unsafe { boundary::bytes_mut(buf.cast(), cap, "buf") }?;
        *n = exec.read(channel, buffer, Deadline::from_timeout_ms(timeout_ms))?;
        Ok(())
    })
}

/// Feeds a command's standard input; for a command whose configuration set it to a pipe or to bytes.
///
/// - exec: the command.
/// - data: borrowed; may be NULL if `len` is 0.
/// - len: number of bytes.
/// - timeout_ms: how long to wait until at least one byte is taken, in milliseconds; 0 only tries, -1 has no limit.
/// - n: written with the number of bytes that were taken, which may be fewer than `len`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE if the input is closed or was given away, NOT_RUNNING, STALE_HANDLE, TIMEOUT,
///   WOULD_BLOCK if `timeout_ms` is 0, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_write(
    exec: msb_exec,
    data: *const std::ffi::c_void,
    len: usize,
    timeout_ms: i64,
    n: *mut usize,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec, out n], {
        // SAFETY: the caller keeps msb.h's contract on pointers: `data` is readable for `len` bytes.
        let data = unsafe { boundary::bytes(data.cast(), len, "data") }?;
        *n = exec.write(data, Deadline::from_timeout_ms(timeout_ms))?;
        Ok(())
    })
}

/// Ends a command's standard input: the command reads end of file after what was written. Closing it again does nothing.
///
/// - exec: the command.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, NOT_RUNNING, STALE_HANDLE, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_close_stdin(exec: msb_exec, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token exec], { exec.close_stdin() })
}

/// Sends a signal to a command's process group.
///
/// - exec: the command.
/// - signal: a Linux signal number, 1 to 64, whatever the host's system numbers them.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, NOT_RUNNING, STALE_HANDLE, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_signal(
    exec: msb_exec,
    signal: i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec], { exec.signal(signal) })
}

/// Changes the size of a command's terminal; the command gets SIGWINCH. Without a terminal nothing happens.
///
/// - exec: the command.
/// - rows: at least 1.
/// - cols: at least 1.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, NOT_RUNNING, STALE_HANDLE, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_resize(
    exec: msb_exec,
    rows: u16,
    cols: u16,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec], { exec.resize(rows, cols) })
}

/// Waits for the end of a command. Output that it left behind stays readable.
///
/// - exec: the command.
/// - timeout_ms: how long to wait, in milliseconds; 0 only looks, -1 has no limit. The command goes on if it passes.
/// - out: written with the record on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: INVALID_ARGUMENT, NOT_RUNNING if the sandbox ended first, STALE_HANDLE, TIMEOUT, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_wait(
    exec: msb_exec,
    timeout_ms: i64,
    out: *mut msb_exec_status,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token exec, out_or_null out], {
        let exit = exec.wait(Deadline::from_timeout_ms(timeout_ms))?;
        if let Some(out) = out {
            *out = exit.into();
        }
        Ok(())
    })
}

/// Gives one of a command's channels away as a file descriptor: a socket that does not block and is closed on exec, for an
/// event loop or a standard library of the host. An output ends with end of file; closing the descriptor throws further
/// output away, or ends the input. A channel can be given away once, and then not be read or written by other calls.
///
/// - exec: the command.
/// - which: `MSB_STDIN`, `MSB_STDOUT` or `MSB_STDERR`.
/// - fd: written with the descriptor, owned by the caller, -1 on failure; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: no.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, RESOURCE_EXHAUSTED, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_take_fd(
    exec: msb_exec,
    which: i32,
    fd: *mut i32,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [out_fd fd, token exec], {
        *fd = exec.take_fd(channel(which, false)?)?.into_raw_fd();
        Ok(())
    })
}

/// Gives a handle back. The command goes on; its input ends, and what it still writes is thrown away. Signal it first to
/// end it.
///
/// - exec: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_exec_release(exec: *mut msb_exec) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        drop(unsafe { token::release(exec) });
        Ok(())
    });
}
