//! What the tests share: a root with a canary beside it, and how long races are run.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use msb_tree::{Tree, TreeError, TreeErrorKind};
use tempfile::TempDir;

/// What must never come out of a tree.
pub const SECRET: &[u8] = b"canary: nobody outside may read this";

/// A directory with `volume`, the root of the tree, and `outside`, which is not to be touched.
pub struct World {
    pub dir: TempDir,
    pub tree: Tree,
    before: BTreeMap<PathBuf, Seen>,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("volume")).unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir_all(outside.join("sub/deeper")).unwrap();
        fs::write(outside.join("secret"), SECRET).unwrap();
        fs::write(outside.join("sub/secret"), SECRET).unwrap();
        let tree = Tree::beneath(&dir.path().join("volume")).unwrap();
        let before = snapshot(&outside);
        Self { dir, tree, before }
    }

    pub fn volume(&self) -> PathBuf {
        self.dir.path().join("volume")
    }

    pub fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    /// Everything outside is as it was, to the nanosecond.
    pub fn assert_outside_untouched(&self) {
        assert_eq!(
            self.before,
            snapshot(&self.outside()),
            "something outside of the root changed"
        );
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    content: Option<Vec<u8>>,
    mode: u32,
    links: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

fn snapshot(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut seen = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let entry = Seen {
            content: metadata.is_file().then(|| fs::read(&path).unwrap()),
            mode: metadata.mode(),
            links: metadata.nlink(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        seen.insert(path, entry);
    }
    seen
}

/// The kind of the failure that was expected.
pub fn kind<T: std::fmt::Debug>(result: Result<T, TreeError>) -> TreeErrorKind {
    result.expect_err("this should have been refused").kind
}

/// How long a race is run: two seconds, or more where time is given.
pub fn race_time() -> Duration {
    let scale = std::env::var("MSB_TEST_SCALE")
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .unwrap_or(1.0);
    Duration::from_secs_f64(2.0 * scale)
}

/// Tells a thread to end, also when the test fails: a scope would wait for it for ever.
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Names in a directory that begin as our temporary files do.
pub fn leftovers(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(entries) = fs::read_dir(&path) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b".msb-") {
                found.push(entry.path());
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                pending.push(entry.path());
            }
        }
    }
    found
}
