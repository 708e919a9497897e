//! Text from C: NUL-terminated UTF-8, borrowed for the call, and an error that names the parameter. Paths within a tree
//! are bytes, as file systems have them.
//!
//! Invariant: nothing here reads past the first NUL or past [`MAX_TEXT`] bytes.

use std::borrow::Cow;
use std::ffi::{CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{MsbError, Status};

/// The longest text taken, in bytes. A JSON document with a large environment fits; a missing NUL is noticed.
pub const MAX_TEXT: usize = 16 << 20;

/// The most texts taken in one list.
const MAX_TEXTS: usize = 1 << 16;

/// A required text.
///
/// # Safety
/// `text` is NULL or points to bytes that end with a NUL and live for `'a`.
pub unsafe fn required<'a>(text: *const c_char, name: &str) -> Result<&'a str, MsbError> {
    // SAFETY: as the caller promises.
    unsafe { optional(text, name) }?.ok_or_else(|| null(name))
}

/// A text that may be NULL.
///
/// # Safety
/// As [`required`].
pub unsafe fn optional<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>, MsbError> {
    // SAFETY: as the caller promises.
    let Some(bytes) = (unsafe { terminated(text, name) })? else {
        return Ok(None);
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let at = error.valid_up_to();
            Err(invalid(
                "argument.not_utf8",
                name,
                &format!("is not UTF-8 from byte {at} on"),
            ))
        }
    }
}

/// A list of texts; NULL is an empty one of 0 texts.
///
/// # Safety
/// `texts` is NULL or points to `count` pointers, each as for [`required`].
pub unsafe fn list(texts: *const *const c_char, count: usize, name: &str) -> Result<Vec<String>, MsbError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if texts.is_null() {
        return Err(null(name));
    }
    if count > MAX_TEXTS {
        return Err(invalid(
            "argument.too_long",
            name,
            &format!("has more than {MAX_TEXTS} texts"),
        ));
    }
    // SAFETY: as the caller promises.
    let texts = unsafe { std::slice::from_raw_parts(texts, count) };
    texts
        .iter()
        // SAFETY: as the caller promises.
        .map(|text| unsafe { required(*text, name) }.map(str::to_owned))
        .collect()
}

/// A required path, whose bytes need not be UTF-8.
///
/// # Safety
/// As [`required`].
pub unsafe fn path<'a>(path: *const c_char, name: &str) -> Result<&'a Path, MsbError> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { terminated(path, name) }?.ok_or_else(|| null(name))?;
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// The bytes before the NUL; `None` for NULL.
///
/// # Safety
/// As [`required`].
unsafe fn terminated<'a>(text: *const c_char, name: &str) -> Result<Option<&'a [u8]>, MsbError> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises; strnlen stops at the NUL.
    let len = unsafe { libc::strnlen(text, MAX_TEXT) };
    if len == MAX_TEXT {
        return Err(invalid(
            "argument.too_long",
            name,
            &format!("is longer than {} MiB", MAX_TEXT >> 20),
        ));
    }
    // SAFETY: `len` bytes before the NUL were just read.
    Ok(Some(unsafe {
        std::slice::from_raw_parts(text.cast::<u8>(), len)
    }))
}

/// The error for a required pointer that is NULL.
#[cold]
#[must_use]
pub fn null(name: &str) -> MsbError {
    invalid("argument.null", name, "is NULL")
}

fn invalid(reason: &'static str, name: &str, problem: &str) -> MsbError {
    MsbError::new(Status::InvalidArgument, reason, format!("`{name}` {problem}")).detail("argument", name)
}

/// Text for C. A NUL inside would cut it short, so it becomes U+FFFD.
#[must_use]
pub fn to_c(text: &str) -> CString {
    let text = if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    };
    // Of the very size that the result has, so that it is not copied again.
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    CString::from_vec_with_nul(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_parameter() {
        // SAFETY: NULL and literals.
        let (null, bad) = unsafe {
            (
                required(std::ptr::null(), "path"),
                required(c"ab\xff".as_ptr(), "image"),
            )
        };
        let (null, bad) = (null.unwrap_err(), bad.unwrap_err());
        assert_eq!(
            (null.reason(), null.text().as_str()),
            ("argument.null", "`path` is NULL")
        );
        assert_eq!(bad.text(), "`image` is not UTF-8 from byte 2 on");
        assert_eq!(bad.details().next(), Some(("argument", b"image".as_slice())));
    }

    #[test]
    fn a_path_need_not_be_utf8() {
        // SAFETY: a literal and NULL.
        let (bytes, null) = unsafe { (path(c"a\xffb".as_ptr(), "path"), path(std::ptr::null(), "from")) };
        assert_eq!(bytes.unwrap().as_os_str().as_bytes(), b"a\xffb");
        assert_eq!(null.unwrap_err().text(), "`from` is NULL");
    }

    #[test]
    fn text_without_an_end_in_reach_is_refused() {
        let long = CString::new(vec![b'a'; MAX_TEXT]).unwrap();
        // SAFETY: a live, terminated string.
        let error = unsafe { required(long.as_ptr(), "json") }.unwrap_err();
        assert_eq!(error.reason(), "argument.too_long");
    }

    #[test]
    fn a_nul_inside_does_not_cut_text_for_c() {
        assert_eq!(to_c("a\0b").to_str().unwrap(), "a\u{fffd}b");
    }
}
