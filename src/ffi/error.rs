//! `msb_error`: a failure as C sees it, immutable and readable from any thread.
//!
//! Invariant: every text was made NUL-terminated when the error was raised, so an accessor cannot fail. The errors
//! for "no memory", "forked" and "panicked while reporting a panic" are static, so reporting them cannot fail either.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

use crate::error::{MsbError, Status};
use crate::ffi::ffi;
use crate::ffi::status::{MSB_OK, msb_status};
use crate::ffi::text::to_c;
use crate::ffi::value::{self, Object, value_object};

/// Why a call failed. Owned by the caller, freed with `msb_error_free`; immutable, so any thread may read it.
pub struct msb_error {
    status: msb_status,
    reason: Cow<'static, CStr>,
    message: Cow<'static, CStr>,
    os_errno: i32,
    retryable: bool,
    causes: Vec<CString>,
    /// Each value has one NUL after its end, so that text prints as it is.
    details: Vec<(CString, Vec<u8>)>,
}

value_object!(msb_error, Error);

impl msb_error {
    const fn fixed(status: Status, reason: &'static CStr, message: &'static CStr) -> Object<Self> {
        Object::view(Self {
            status: status.code(),
            reason: Cow::Borrowed(reason),
            message: Cow::Borrowed(message),
            os_errno: 0,
            retryable: false,
            causes: Vec::new(),
            details: Vec::new(),
        })
    }

    fn new(error: &MsbError) -> Self {
        let detail = |(key, value): (&str, &[u8])| {
            let mut terminated = Vec::with_capacity(value.len().saturating_add(1));
            terminated.extend_from_slice(value);
            terminated.push(0);
            (to_c(key), terminated)
        };
        Self {
            status: error.status().code(),
            reason: Cow::Owned(to_c(error.reason())),
            message: Cow::Owned(to_c(&error.text())),
            os_errno: error.os_errno().unwrap_or(0),
            retryable: error.is_retryable(),
            causes: error.causes().iter().map(|cause| to_c(cause)).collect(),
            details: error.details().map(detail).collect(),
        }
    }
}

static OUT_OF_MEMORY: Object<msb_error> = msb_error::fixed(
    Status::OutOfMemory,
    c"process.out_of_memory",
    c"there is no memory for the error's details",
);
static FORKED: Object<msb_error> = msb_error::fixed(
    Status::Forked,
    c"process.forked",
    c"this process was forked after the library was first used; use the library in one of the two processes only",
);
static PANICKED: Object<msb_error> = msb_error::fixed(
    Status::Internal,
    c"internal.panic",
    c"the library panicked; this is a defect of libmsb",
);

/// Moves an error to C.
pub fn into_raw(error: &MsbError) -> *mut msb_error {
    value::try_into_raw(msb_error::new(error)).unwrap_or_else(|| OUT_OF_MEMORY.as_ptr().cast_mut())
}

/// The error of every call in a forked child.
pub fn forked() -> *mut msb_error {
    FORKED.as_ptr().cast_mut()
}

/// The error for a panic that could not be described.
pub fn panicked() -> *mut msb_error {
    PANICKED.as_ptr().cast_mut()
}

/// The status that the failed call returned.
///
/// - error: borrowed; may be NULL.
/// - Returns: the status; `MSB_OK` if the error is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_status(error: *const msb_error) -> msb_status {
    ffi!(else MSB_OK, [value error], { Ok(error.status) })
}

/// The whole text for people: what failed, its causes, and what to do about it, in one line.
///
/// - error: borrowed; may be NULL.
/// - Returns: a view until the error is freed; `""` if the error is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_message(error: *const msb_error) -> *const c_char {
    ffi!(else c"".as_ptr(), [value error], { Ok(error.message.as_ptr()) })
}

/// The stable dotted reason, such as `"sandbox.name_taken"`, for programs to act upon. The set is open.
///
/// - error: borrowed; may be NULL.
/// - Returns: a view until the error is freed; `""` if the error is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_reason(error: *const msb_error) -> *const c_char {
    ffi!(else c"".as_ptr(), [value error], { Ok(error.reason.as_ptr()) })
}

/// The errno of the operating system call that failed.
///
/// - error: borrowed; may be NULL.
/// - Returns: the errno; 0 if no such call failed.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_errno(error: *const msb_error) -> i32 {
    ffi!(else 0, [value error], { Ok(error.os_errno) })
}

/// Whether the same call, unchanged, may succeed later.
///
/// - error: borrowed; may be NULL.
/// - Returns: 1 or 0.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_retryable(error: *const msb_error) -> i32 {
    ffi!(else 0, [value error], { Ok(i32::from(error.retryable)) })
}

/// How many causes the error has.
///
/// - error: borrowed; may be NULL.
/// - Returns: the number of causes.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_cause_count(error: *const msb_error) -> usize {
    ffi!(else 0, [value error], { Ok(error.causes.len()) })
}

/// The text of one cause; 0 is the nearest, the last is the root.
///
/// - error: borrowed; may be NULL.
/// - index: below `msb_error_cause_count`.
/// - Returns: a view until the error is freed; NULL if there is no such cause.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_cause(error: *const msb_error, index: usize) -> *const c_char {
    ffi!(else ptr::null(), [value error], { Ok(error.causes.get(index).map_or(ptr::null(), |cause| cause.as_ptr())) })
}

/// How many details the error has.
///
/// - error: borrowed; may be NULL.
/// - Returns: the number of details.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_detail_count(error: *const msb_error) -> usize {
    ffi!(else 0, [value error], { Ok(error.details.len()) })
}

/// The key of one detail, for `msb_error_detail`.
///
/// - error: borrowed; may be NULL.
/// - index: below `msb_error_detail_count`.
/// - Returns: a view until the error is freed; NULL if there is no such detail.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_detail_key(error: *const msb_error, index: usize) -> *const c_char {
    ffi!(else ptr::null(), [value error], { Ok(error.details.get(index).map_or(ptr::null(), |(key, _)| key.as_ptr())) })
}

/// A machine-readable fact about the failure, such as `"argument"`, `"sandbox"` or `"console_tail"`.
///
/// - error: borrowed; may be NULL.
/// - key: borrowed; may be NULL.
/// - len: set to the number of bytes, without the NUL that follows them; may be NULL.
/// - Returns: a view until the error is freed; NULL if there is no such detail.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_detail(
    error: *const msb_error,
    key: *const c_char,
    len: *mut usize,
) -> *const u8 {
    ffi!(else ptr::null(), [value error, text key, out_or_null len], {
        let Some((_, value)) = error.details.iter().find(|(name, _)| name.to_bytes() == key.as_bytes()) else {
            return Ok(ptr::null());
        };
        if let Some(len) = len {
            *len = value.len() - 1;
        }
        Ok(value.as_ptr())
    })
}

/// Frees an error.
///
/// - error: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_error_free(error: *mut msb_error) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(error) };
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pointer: *const c_char) -> String {
        // SAFETY: the accessors give live, terminated strings.
        unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn every_part_of_an_error_reaches_c() {
        let io = std::io::Error::from_raw_os_error(libc::EACCES);
        let error = MsbError::new(
            Status::PermissionDenied,
            "probe.kvm_denied",
            "cannot open the device",
        )
        .source(&io)
        .remedy("join the group kvm")
        .detail("group", "kvm")
        .detail("raw", vec![1, 0, 2]);
        let raw = into_raw(&error);
        let mut len = 99;
        // SAFETY: `raw` is live until it is freed below.
        unsafe {
            assert_eq!(msb_error_status(raw), Status::PermissionDenied.code());
            assert_eq!(text(msb_error_reason(raw)), "probe.kvm_denied");
            assert_eq!(
                text(msb_error_message(raw)),
                format!("cannot open the device: {io}; join the group kvm")
            );
            assert_eq!(msb_error_errno(raw), libc::EACCES);
            assert_eq!(msb_error_retryable(raw), 0);
            assert_eq!(msb_error_cause_count(raw), 1);
            assert_eq!(text(msb_error_cause(raw, 0)), io.to_string());
            assert!(msb_error_cause(raw, 1).is_null());
            assert_eq!(msb_error_detail_count(raw), 2);
            assert_eq!(text(msb_error_detail_key(raw, 1)), "raw");
            let value = msb_error_detail(raw, c"raw".as_ptr(), &raw mut len);
            assert_eq!(std::slice::from_raw_parts(value, len), [1, 0, 2]);
            assert!(msb_error_detail(raw, c"none".as_ptr(), &raw mut len).is_null());
            assert_eq!(len, 0);
            msb_error_free(raw);
        }
    }

    #[test]
    fn static_errors_survive_being_freed() {
        for error in [forked(), panicked(), OUT_OF_MEMORY.as_ptr().cast_mut()] {
            // SAFETY: static errors live for ever.
            unsafe {
                msb_error_free(error);
                msb_error_free(error);
                assert_ne!(msb_error_status(error), MSB_OK);
            }
        }
    }

    #[test]
    fn accessors_of_null_give_their_documented_fallbacks() {
        let none = ptr::null();
        // SAFETY: NULL is allowed everywhere.
        unsafe {
            assert_eq!(msb_error_status(none), MSB_OK);
            assert_eq!(text(msb_error_message(none)), "");
            assert_eq!(text(msb_error_reason(none)), "");
            assert_eq!(msb_error_errno(none), 0);
            assert!(msb_error_cause(none, 0).is_null());
            assert!(msb_error_detail(none, ptr::null(), ptr::null_mut()).is_null());
            msb_error_free(ptr::null_mut());
        }
    }
}
