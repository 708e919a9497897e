//! Which paths are possible at all, and where their last component starts.
//!
//! The kernel resolves paths; this only refuses what it could not name, or would read as something else, so
//! that such a path gets a clear answer.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{TreeError, TreeErrorKind};

/// Longest name of one file on every file system of Linux, in bytes.
pub(crate) const NAME_MAX: usize = 255;

/// Longest path that a system call takes, in bytes without the NUL.
pub(crate) const PATH_MAX: usize = 4095;

/// The path as bytes, if it can name something. `absolute` paths are possible in a whole tree only.
pub(crate) fn check<'a>(path: &'a Path, absolute: bool, what: &'static str) -> Result<&'a [u8], TreeError> {
    let bytes = path.as_os_str().as_bytes();
    if is_possible(bytes) && (absolute || bytes[0] != b'/') {
        Ok(bytes)
    } else {
        Err(TreeError::refused(TreeErrorKind::BadPath, what, path))
    }
}

/// Whether a system call can take the path and each of its components.
pub(crate) fn is_possible(path: &[u8]) -> bool {
    !path.is_empty()
        && path.len() <= PATH_MAX
        && !path.contains(&0)
        && (path.len() <= NAME_MAX
            || path
                .split(|byte| *byte == b'/')
                .all(|name| name.len() <= NAME_MAX))
}

/// Splits into the directory (empty for the root itself) and the name in it. None where the path ends in `.` or
/// `..` or is the root: a `*at` call without following would leave the tree by such a name.
pub(crate) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = path.iter().rposition(|byte| *byte != b'/')? + 1;
    let trimmed = &path[..end];
    let start = trimmed
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (parent, name) = trimmed.split_at(start);
    match name {
        b"." | b".." => None,
        _ => Some((parent, name)),
    }
}

/// The last component as the caller wrote it; for `.` and the like, nothing.
pub(crate) fn name_of(path: &[u8]) -> &[u8] {
    split(path).map_or(b"", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_splits_at_its_last_name() {
        assert_eq!(split(b"a"), Some((&b""[..], &b"a"[..])));
        assert_eq!(split(b"a/b//"), Some((&b"a/"[..], &b"b"[..])));
        assert_eq!(split(b"/a"), Some((&b"/"[..], &b"a"[..])));
        for none in [&b"."[..], b"..", b"a/..", b"a/./", b"/", b"//"] {
            assert_eq!(split(none), None, "{}", String::from_utf8_lossy(none));
        }
    }

    #[test]
    fn impossible_paths_are_told_apart() {
        let long = [b'x'; 256];
        assert!(!is_possible(b""));
        assert!(!is_possible(b"a\0b"));
        assert!(!is_possible(&long));
        assert!(is_possible(&long[..255]));
        assert!(!is_possible(&[&b"dir/"[..], &long].concat()));
        assert!(!is_possible(&b"a/".repeat(2048)));
    }
}
