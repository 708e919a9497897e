//! Paths of mounts in the guest: one spelling for each, and an order in which parents come first.

use crate::options::check::Verdict;

/// Longest path that a kernel takes, with its final NUL.
const MAX_PATH: usize = 4096;
/// Longest name of a file.
const MAX_COMPONENT: usize = 255;
/// What the guest mounts itself; nothing may replace it.
const RESERVED: [&str; 3] = ["/proc", "/sys", "/dev"];
/// What of that lives in memory and may have something mounted in it.
const OPEN: &str = "/dev";

/// The one spelling of an absolute path in the guest: no empty component, no `.`, no final slash.
pub fn normalise(path: &str) -> Result<String, String> {
    let refuse = |why: &str| Err(format!("is {path:?}, {why}"));
    if !path.starts_with('/') {
        return refuse("not an absolute path");
    }
    if path.contains('\0') {
        return refuse("which contains a NUL");
    }
    let mut normal = String::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => return refuse("which contains `..`"),
            name if name.len() > MAX_COMPONENT => {
                return refuse("which has a name of more than 255 bytes");
            }
            name => {
                normal.push('/');
                normal.push_str(name);
            }
        }
    }
    if normal.is_empty() {
        return refuse("the root; set the image for that");
    }
    if normal.len() >= MAX_PATH {
        return Err("is longer than 4095 bytes".to_owned());
    }
    match RESERVED.iter().find(|reserved| is_at_or_below(&normal, reserved)) {
        Some(reserved) if *reserved != OPEN || normal == OPEN => {
            refuse(&format!("which replaces something in {reserved}"))
        }
        _ => Ok(normal),
    }
}

/// Whether a path in the guest can be a mount's.
#[expect(
    clippy::ptr_arg,
    reason = "options hold `String`, and `each` passes what they hold"
)]
pub fn check(path: &String) -> Verdict {
    normalise(path).map(|_| ())
}

/// Whether `path` is `parent` or something in it. Both are normal.
pub fn is_at_or_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How deep in the tree a normal path is: in the order of depths, every path comes after its parents.
pub fn depth(path: &str) -> usize {
    path.matches('/').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for (given, normal) in [
            ("/data", "/data"),
            ("//data//", "/data"),
            ("/./a/./b/.", "/a/b"),
            ("/dev/shm", "/dev/shm"),
            ("/processes", "/processes"),
            ("/a..b/...", "/a..b/..."),
        ] {
            assert_eq!(normalise(given).as_deref(), Ok(normal), "{given}");
        }
    }

    #[test]
    fn what_is_no_place_for_a_mount_is_refused() {
        let long = format!("/{}", "x".repeat(256));
        let deep = "/x".repeat(2048);
        for given in [
            "", "data", "./data", "/", "//", "/.", "/a/../b", "/..", "/a\0", "/proc", "/proc/1", "/sys/x",
            "/dev", "/dev/", &long, &deep,
        ] {
            assert!(normalise(given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn parents_are_not_as_deep_as_what_is_in_them() {
        assert!(depth("/a") < depth("/a/b"));
        assert!(is_at_or_below("/a/b", "/a") && is_at_or_below("/a", "/a"));
        assert!(!is_at_or_below("/ab", "/a") && !is_at_or_below("/a", "/a/b"));
    }
}
