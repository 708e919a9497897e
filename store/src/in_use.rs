//! Which database files this process has open, over all stores.
//!
//! POSIX locks belong to a process and a file: closing any descriptor of the file drops them all, also those of
//! another store's connections. Invariant: a file is read without locks only while nobody here has it open, and
//! nobody can open it meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use parking_lot::Mutex;

/// Device and inode of each file that is open, and how many stores have it open.
static OPEN: Mutex<BTreeMap<(u64, u64), usize>> = Mutex::new(BTreeMap::new());

/// A file that counts as open until this is dropped.
#[derive(Debug)]
pub(crate) struct InUse((u64, u64));

/// Registers the file at the path, after `look` was called on it if nobody here has it open. No file, nothing to
/// register.
pub(crate) fn register<T>(path: &Path, look: impl FnOnce() -> T) -> (Option<InUse>, Option<T>) {
    let mut open = OPEN.lock();
    let identity = fs::metadata(path)
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()));
    let is_open = identity.is_some_and(|identity| open.contains_key(&identity));
    let found = (!is_open).then(look);
    let registered = identity.map(|identity| {
        *open.entry(identity).or_default() += 1;
        InUse(identity)
    });
    (registered, found)
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut open = OPEN.lock();
        if let Some(count) = open.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.0);
            }
        }
    }
}
