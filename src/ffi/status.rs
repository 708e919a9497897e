//! `msb_status`: the number that every fallible call returns, and its name.
//!
//! The numbers are those of [`Status`]; zero is success and is therefore no `Status`.

use std::ffi::{CStr, c_char};

use crate::error::Status;
use crate::ffi::ffi;

/// What a call returns: `MSB_OK` or an `MSB_ERR_*` value. A plain `int32_t`, so that a value which this header
/// does not know yet stays well-defined; give every `switch` a `default`.
pub type msb_status = i32;

/// Success.
pub const MSB_OK: msb_status = 0;

/// The C name of a status: `"MSB_OK"`, `"MSB_ERR_NOT_FOUND"`, or `"MSB_ERR_UNKNOWN"` for a number that this
/// library never returns.
///
/// - status: any number.
/// - Returns: a static string, never NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_status_name(status: msb_status) -> *const c_char {
    ffi!(else UNKNOWN.as_ptr(), [], { Ok(name_of(status).as_ptr()) })
}

const UNKNOWN: &CStr = c"MSB_ERR_UNKNOWN";

fn name_of(code: msb_status) -> &'static CStr {
    if code == MSB_OK {
        return c"MSB_OK";
    }
    Status::from_code(code).map_or(UNKNOWN, c_name)
}

fn c_name(status: Status) -> &'static CStr {
    match status {
        Status::InvalidArgument => c"MSB_ERR_INVALID_ARGUMENT",
        Status::NotFound => c"MSB_ERR_NOT_FOUND",
        Status::AlreadyExists => c"MSB_ERR_ALREADY_EXISTS",
        Status::InvalidState => c"MSB_ERR_INVALID_STATE",
        Status::PermissionDenied => c"MSB_ERR_PERMISSION_DENIED",
        Status::ResourceExhausted => c"MSB_ERR_RESOURCE_EXHAUSTED",
        Status::Unavailable => c"MSB_ERR_UNAVAILABLE",
        Status::Timeout => c"MSB_ERR_TIMEOUT",
        Status::Cancelled => c"MSB_ERR_CANCELLED",
        Status::WouldBlock => c"MSB_ERR_WOULD_BLOCK",
        Status::EndOfStream => c"MSB_ERR_END_OF_STREAM",
        Status::Unsupported => c"MSB_ERR_UNSUPPORTED",
        Status::Io => c"MSB_ERR_IO",
        Status::Network => c"MSB_ERR_NETWORK",
        Status::Corrupt => c"MSB_ERR_CORRUPT",
        Status::Conflict => c"MSB_ERR_CONFLICT",
        Status::GuestFailed => c"MSB_ERR_GUEST_FAILED",
        Status::ExecFailed => c"MSB_ERR_EXEC_FAILED",
        Status::StaleHandle => c"MSB_ERR_STALE_HANDLE",
        Status::WrongHandleType => c"MSB_ERR_WRONG_HANDLE_TYPE",
        Status::WouldDeadlock => c"MSB_ERR_WOULD_DEADLOCK",
        Status::Forked => c"MSB_ERR_FORKED",
        Status::AbiMismatch => c"MSB_ERR_ABI_MISMATCH",
        Status::OutOfMemory => c"MSB_ERR_OUT_OF_MEMORY",
        Status::Internal => c"MSB_ERR_INTERNAL",
        Status::StoreNewer => c"MSB_ERR_STORE_NEWER",
        Status::StoreCorrupt => c"MSB_ERR_STORE_CORRUPT",
        Status::ReadOnly => c"MSB_ERR_READ_ONLY",
        Status::DiskFull => c"MSB_ERR_DISK_FULL",
        Status::ConfigInvalid => c"MSB_ERR_CONFIG_INVALID",
        Status::DriverUnavailable => c"MSB_ERR_DRIVER_UNAVAILABLE",
        Status::KernelNotFound => c"MSB_ERR_KERNEL_NOT_FOUND",
        Status::IsolationUnavailable => c"MSB_ERR_ISOLATION_UNAVAILABLE",
        Status::SandboxCrashed => c"MSB_ERR_SANDBOX_CRASHED",
        Status::NotRunning => c"MSB_ERR_NOT_RUNNING",
        Status::Busy => c"MSB_ERR_BUSY",
    }
}
