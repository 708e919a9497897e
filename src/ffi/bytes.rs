//! `msb_bytes`: an owned run of bytes that the library made.
//!
//! Invariant: the data are never NULL and one NUL follows them, so that text can be printed as it is.

use std::ptr;

use crate::error::{MsbError, Status};
use crate::ffi::ffi;
use crate::ffi::value::{self, value_object};

/// Bytes owned by the caller, freed with `msb_bytes_free`.
pub struct msb_bytes {
    /// The data and one NUL.
    terminated: Vec<u8>,
}

value_object!(msb_bytes, Bytes);

impl msb_bytes {
    /// Moves bytes to C. Large data are best read into a `Vec` with room for one byte more: the NUL then needs no copy.
    pub fn into_raw(mut data: Vec<u8>) -> Result<*mut Self, MsbError> {
        data.push(0);
        value::into_raw(Self { terminated: data })
    }
}

/// A copy of the caller's data, for an operation that goes on after the call.
pub(super) fn owned(data: &[u8]) -> Result<Vec<u8>, MsbError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(data.len()).map_err(|_| out_of_memory())?;
    copy.extend_from_slice(data);
    Ok(copy)
}

pub(super) fn out_of_memory() -> MsbError {
    MsbError::new(
        Status::OutOfMemory,
        "process.out_of_memory",
        "there is no memory for the data",
    )
    .remedy("pass them in parts")
}

/// The data, followed by one NUL that does not count.
///
/// - bytes: borrowed; may be NULL.
/// - Returns: a view until the bytes are freed; NULL only if `bytes` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_bytes_data(bytes: *const msb_bytes) -> *const u8 {
    ffi!(else ptr::null(), [value bytes], { Ok(bytes.terminated.as_ptr()) })
}

/// The number of bytes.
///
/// - bytes: borrowed; may be NULL.
/// - Returns: the length; 0 if `bytes` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_bytes_len(bytes: *const msb_bytes) -> usize {
    ffi!(else 0, [value bytes], { Ok(bytes.terminated.len() - 1) })
}

/// Frees bytes.
///
/// - bytes: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_bytes_free(bytes: *mut msb_bytes) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(bytes) };
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_nuls_and_end_with_one() {
        let raw = msb_bytes::into_raw(b"a\0b".to_vec()).unwrap();
        // SAFETY: `raw` is live until it is freed below.
        unsafe {
            assert_eq!(msb_bytes_len(raw), 3);
            assert_eq!(std::slice::from_raw_parts(msb_bytes_data(raw), 4), b"a\0b\0");
            msb_bytes_free(raw);
        }
    }

    #[test]
    fn empty_bytes_have_data_that_can_be_read() {
        let raw = msb_bytes::into_raw(Vec::new()).unwrap();
        // SAFETY: `raw` is live until it is freed below.
        unsafe {
            assert_eq!((msb_bytes_len(raw), *msb_bytes_data(raw)), (0, 0));
            msb_bytes_free(raw);
        }
    }

    #[test]
    fn another_kind_of_object_is_not_taken_for_bytes() {
        let error = crate::ffi::error::into_raw(&MsbError::new(crate::error::Status::Busy, "x.y", "z"));
        // SAFETY: an error is larger than bytes are, so reading its header is in bounds.
        unsafe {
            assert!(msb_bytes_data(error.cast()).is_null());
            msb_bytes_free(error.cast());
            assert_eq!(
                crate::ffi::error::msb_error_status(error),
                crate::error::Status::Busy.code()
            );
            crate::ffi::error::msb_error_free(error);
        }
    }
}
