//! `msb_sandbox`: the life of a sandbox.

use std::ffi::c_char;

use crate::deadline::Deadline;
use crate::ffi::boundary::Cleared;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::sandbox_config::msb_sandbox_config;
use crate::ffi::status::msb_status;
use crate::ffi::token::{self, MSB_KIND_SANDBOX, handle, msb_backend, msb_sandbox};
use crate::sandbox::Sandbox;
use crate::sandbox::end::End;

handle!(msb_sandbox, MSB_KIND_SANDBOX, Sandbox);

/// For `msb_exit.reason`: a reason that this version has no number for.
pub const MSB_EXIT_OTHER: u32 = 0;
/// For `msb_exit.reason`: the guest ended its machine by itself.
pub const MSB_EXIT_COMPLETED: u32 = 1;
/// For `msb_exit.reason`: a stop was asked for.
pub const MSB_EXIT_STOP_REQUESTED: u32 = 2;
/// For `msb_exit.reason`: a kill was asked for.
pub const MSB_EXIT_KILL_REQUESTED: u32 = 3;
/// For `msb_exit.reason`: nobody used it for its idle timeout.
pub const MSB_EXIT_IDLE_TIMEOUT: u32 = 4;
/// For `msb_exit.reason`: it ran for its longest duration.
pub const MSB_EXIT_MAX_DURATION: u32 = 5;
/// For `msb_exit.reason`: the process that it was attached to let go of it or ended.
pub const MSB_EXIT_OWNER_EXITED: u32 = 6;
/// For `msb_exit.reason`: it did not come up.
pub const MSB_EXIT_BOOT_FAILED: u32 = 7;
/// For `msb_exit.reason`: its virtual machine monitor crashed or was killed by somebody else.
pub const MSB_EXIT_VMM_CRASHED: u32 = 8;
/// For `msb_exit.reason`: the guest broke the protocol and was killed for it.
pub const MSB_EXIT_PROTOCOL_VIOLATION: u32 = 9;
/// For `msb_exit.reason`: its runner was killed, or the host went down.
pub const MSB_EXIT_RUNNER_DIED: u32 = 10;
/// For `msb_exit.reason`: its runner failed.
pub const MSB_EXIT_INTERNAL_ERROR: u32 = 11;

/// How a run of a sandbox ended. Always written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct msb_exit {
    /// Exit code of the virtual machine monitor; -1 if it did not exit by itself.
    pub exit_code: i32,
    /// Signal that ended the virtual machine monitor; 0 if none did.
    pub signal: i32,
    /// One of the `MSB_EXIT_*` numbers.
    pub reason: u32,
    /// 1 if this was a crash rather than an end in order.
    pub crashed: u8,
    /// 1 if a stop that was asked for had to kill.
    pub killed: u8,
    /// 1 if the guest had flushed and unmounted everything.
    pub clean: u8,
    /// 0.
    pub reserved: u8,
    /// When the run began, in milliseconds since 1970 UTC; 0 if it never came up.
    pub started_unix_ms: u64,
    /// When it ended, in milliseconds since 1970 UTC.
    pub ended_unix_ms: u64,
    /// 0; room for later versions.
    pub reserved_words: [u64; 4],
}

impl Cleared for msb_exit {
    const CLEARED: Self = Self {
        exit_code: 0,
        signal: 0,
        reason: 0,
        crashed: 0,
        killed: 0,
        clean: 0,
        reserved: 0,
        started_unix_ms: 0,
        ended_unix_ms: 0,
        reserved_words: [0; 4],
    };
}

/// The number of a stored reason.
pub(crate) fn reason_number(reason: &str) -> u32 {
    match reason {
        "Completed" => MSB_EXIT_COMPLETED,
        "ShutdownRequested" => MSB_EXIT_STOP_REQUESTED,
        "Signal" => MSB_EXIT_KILL_REQUESTED,
        "IdleTimeout" => MSB_EXIT_IDLE_TIMEOUT,
        "MaxDurationExceeded" => MSB_EXIT_MAX_DURATION,
        "OwnerExited" => MSB_EXIT_OWNER_EXITED,
        "BootFailed" => MSB_EXIT_BOOT_FAILED,
        "VmmCrashed" => MSB_EXIT_VMM_CRASHED,
        "ProtocolViolation" => MSB_EXIT_PROTOCOL_VIOLATION,
        "RunnerDied" => MSB_EXIT_RUNNER_DIED,
        "InternalError" => MSB_EXIT_INTERNAL_ERROR,
        _ => MSB_EXIT_OTHER,
    }
}

impl From<&End> for msb_exit {
    fn from(end: &End) -> Self {
        Self {
            exit_code: end.exit_code.unwrap_or(-1),
            signal: end.signal.unwrap_or(0),
            reason: reason_number(&end.reason),
            crashed: end.crashed.into(),
            killed: end.killed.into(),
            clean: end.clean.into(),
            started_unix_ms: end.started_unix_ms,
            ended_unix_ms: end.ended_unix_ms,
            ..Self::CLEARED
        }
    }
}

/// Creates a sandbox. It is not started, but everything that a start needs is checked: the root, the mounts, a hypervisor
/// that works on this host, a guest kernel. An image that is missing is pulled first, as the pull policy says, and one
/// in an archive is loaded, as far as its layers are not there. Volumes that
/// mounts ask for are made, and removed again if the call fails.
///
/// - backend: the backend.
/// - config: borrowed; not NULL.
/// - out: returned owned, to be released with `msb_sandbox_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; up to a minute when the host's virtualization is first tried; with `replace` also the stop of
///   the sandbox that is replaced; as `msb_image_pull` and `msb_image_load` when an image is pulled or loaded.
/// - Errors: ALREADY_EXISTS, BUSY, CONFIG_INVALID, CONFLICT, CORRUPT, DISK_FULL, DRIVER_UNAVAILABLE, INVALID_ARGUMENT, IO,
///   ISOLATION_UNAVAILABLE, KERNEL_NOT_FOUND, NETWORK, NOT_FOUND, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED if the
///   driver has not room for so many mounts, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, TIMEOUT, UNAVAILABLE, UNSUPPORTED,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_create(
    backend: msb_backend,
    config: *const msb_sandbox_config,
    out: *mut msb_sandbox,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value config, out out], {
        *out = token::insert(Sandbox::create(&backend, &config.options)?)?;
        Ok(())
    })
}

/// Opens a sandbox by name, whoever created it and whether or not it runs.
///
/// - backend: the backend.
/// - name: borrowed; not NULL.
/// - out: returned owned, to be released with `msb_sandbox_release`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_open(
    backend: msb_backend,
    name: *const c_char,
    out: *mut msb_sandbox,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, text name, out out], {
        *out = token::insert(Sandbox::open(&backend, name)?)?;
        Ok(())
    })
}

/// Starts a sandbox that is not running. On success commands can run in it.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long to wait, in milliseconds; -1 leaves it at the sandbox's own boot timeout. A start that is not
///   done in time is undone.
/// - err: returned owned on failure, else set to NULL; may be NULL. For a guest that did not come up its details are
///   `stage` and `console_tail`; for a patch that could not be applied, with the status of the cause, `patch`, its number from
///   0 on, `op` and `path`.
/// - Blocking: up to `timeout_ms`, and up to 10 s more to undo a start.
/// - Errors: ALREADY_EXISTS where a patch may not replace, BUSY if another sandbox has a disk, CONFLICT, CORRUPT, DISK_FULL,
///   DRIVER_UNAVAILABLE, GUEST_FAILED, INVALID_ARGUMENT, INVALID_STATE, IO, ISOLATION_UNAVAILABLE, KERNEL_NOT_FOUND,
///   NOT_FOUND, PERMISSION_DENIED, READ_ONLY, RESOURCE_EXHAUSTED, STALE_HANDLE, TIMEOUT, UNSUPPORTED, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_start(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox], { sandbox.start(Deadline::from_timeout_ms(timeout_ms)) })
}

/// Shuts a sandbox down: its processes are asked to end, its file systems are flushed; what is left after the timeout is
/// killed. Succeeds if the sandbox is not running afterwards, also if it was not before. `msb_sandbox_wait` then tells
/// whether it had to be killed.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long the guest has, in milliseconds; 0 kills at once, -1 never kills.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`, and up to 10 s more for a kill.
/// - Errors: CONFLICT, INVALID_ARGUMENT, IO, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_stop(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox], { sandbox.stop(timeout_ms) })
}

/// Kills a sandbox's machine at once. What the guest had not written out is lost. Succeeds if the sandbox is not running
/// afterwards, also if it was not before.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long to wait until it is gone, in milliseconds; -1 has no limit.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: CONFLICT, INVALID_ARGUMENT, IO, STALE_HANDLE, TIMEOUT, UNAVAILABLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_kill(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox], { sandbox.kill(Deadline::from_timeout_ms(timeout_ms)) })
}

/// Waits until a sandbox is not running and tells how its last run ended.
///
/// - sandbox: the sandbox.
/// - timeout_ms: how long to wait, in milliseconds; 0 only looks, -1 has no limit.
/// - out: written with the record on success, cleared on failure; may be NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: up to `timeout_ms`.
/// - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, NOT_RUNNING if it was never started, STALE_HANDLE, TIMEOUT,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_wait(
    sandbox: msb_sandbox,
    timeout_ms: i64,
    out: *mut msb_exit,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, out_or_null out], {
        let end = sandbox.wait(Deadline::from_timeout_ms(timeout_ms))?;
        if let Some(out) = out {
            *out = msb_exit::from(&end);
        }
        Ok(())
    })
}

/// Lets a running sandbox that this process started live on when its handles are released or the process ends.
///
/// - sandbox: the sandbox.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, IO, NOT_RUNNING, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_detach(sandbox: msb_sandbox, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token sandbox], { sandbox.detach() })
}

/// Removes a sandbox that is not running, with its directory and everything in it. Handles to it stay valid, but calls on
/// them fail.
///
/// - sandbox: the sandbox.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: CONFLICT, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_remove(sandbox: msb_sandbox, err: *mut *mut msb_error) -> msb_status {
    ffi!(err, [token sandbox], { sandbox.remove() })
}

/// Sets a label, replacing its value if it is there.
///
/// - sandbox: the sandbox.
/// - key: borrowed; not NULL, not empty, without a reserved prefix.
/// - value: borrowed; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_set_label(
    sandbox: msb_sandbox,
    key: *const c_char,
    value: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, text key, text value], { sandbox.set_label(key, value) })
}

/// Removes a label; one that is not there is removed already.
///
/// - sandbox: the sandbox.
/// - key: borrowed; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_remove_label(
    sandbox: msb_sandbox,
    key: *const c_char,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, text key], { sandbox.remove_label(key) })
}

/// Gives a handle back. An attached sandbox that this process started is shut down, in the background, when the last
/// handle to it and to its commands is released.
///
/// - sandbox: consumed and set to the null handle; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_release(sandbox: *mut msb_sandbox) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL or writable.
        drop(unsafe { token::release(sandbox) });
        Ok(())
    });
}
