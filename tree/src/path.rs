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

/// What keeps a path from naming a file, as the end of a sentence; nothing, if only the system or a verb minds it.
pub fn problem(path: &Path) -> Option<&'static str> {
    let path = path.as_os_str().as_bytes();
    match path {
        b"" => Some("it is empty"),
        _ if path.contains(&0) => Some("it has a NUL in it"),
        _ if path.len() > PATH_MAX => Some("it is longer than 4095 bytes"),
        _ if !is_possible(path) => Some("a name in it is longer than 255 bytes"),
        _ if split(path).is_none() => Some("it is the root, or ends in '.' or '..'"),
        [b'/', ..] => Some("it is absolute"),
        _ => None,
    }
}

/// Whether the path can only be one of a directory.
pub(crate) fn is_of_directory(path: &[u8]) -> bool {
    path.ends_with(b"/")
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
    use std::ffi::OsStr;

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
        let said = |path: &[u8]| problem(Path::new(OsStr::from_bytes(path)));
        for (path, what) in [
            (&b""[..], "empty"),
            (b"a\0b", "NUL"),
            (b"/etc/passwd", "absolute"),
            (b"a/..", "ends in"),
            (&long, "longer than 255"),
            (&b"a/".repeat(2048), "longer than 4095"),
        ] {
            assert!(said(path).is_some_and(|said| said.contains(what)), "{what}");
        }
        assert_eq!(said(b"a/../b"), None);
        assert!(!is_possible(b""));
        assert!(!is_possible(b"a\0b"));
        assert!(!is_possible(&long));
        assert!(is_possible(&long[..255]));
        assert!(!is_possible(&[&b"dir/"[..], &long].concat()));
        assert!(!is_possible(&b"a/".repeat(2048)));
    }
}
