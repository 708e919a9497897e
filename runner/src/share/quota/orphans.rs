//! The files that the guest has open, and the bytes of those among them that have no name any more.
//!
//! Without it a guest could fill, remove and keep open one file after the other, each as large as the quota.

use parking_lot::Mutex;
use std::collections::HashMap;

/// Bounded by the descriptors that the server may have open.
#[derive(Debug, Default)]
pub(super) struct Orphans(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    /// The inode of each handle.
    handles: HashMap<u64, u64>,
    /// By inode.
    files: HashMap<u64, File>,
    /// Sum of the sizes of all files without a name.
    unnamed: u64,
}

#[derive(Debug, Default)]
struct File {
    handles: usize,
    /// Its size, once it has no name.
    unnamed: Option<u64>,
}

impl Orphans {
    /// Bytes of all files without a name.
    pub(super) fn bytes(&self) -> u64 {
        self.0.lock().unnamed
    }

    pub(super) fn opened(&self, inode: u64, handle: Option<u64>) {
        let Some(handle) = handle else { return };
        let mut open = self.0.lock();
        open.handles.insert(handle, inode);
        open.files.entry(inode).or_default().handles += 1;
    }

    pub(super) fn released(&self, handle: u64) {
        let mut open = self.0.lock();
        let Some(inode) = open.handles.remove(&handle) else {
            return;
        };
        let Some(file) = open.files.get_mut(&inode) else {
            return;
        };
        file.handles -= 1;
        if file.handles == 0 {
            let size = file.unnamed.unwrap_or(0);
            open.files.remove(&inode);
            open.unnamed -= size;
        }
    }

    /// A file of this size lost its last name.
    pub(super) fn unnamed(&self, inode: u64, size: u64) {
        let mut open = self.0.lock();
        if let Some(file) = open.files.get_mut(&inode) {
            let before = file.unnamed.replace(size).unwrap_or(0);
            open.unnamed = open.unnamed - before + size;
        }
    }

    /// A file has this size now; true when it is one without a name.
    pub(super) fn resized(&self, inode: u64, size: u64) -> bool {
        let mut open = self.0.lock();
        let Some(unnamed) = open.files.get_mut(&inode).and_then(|file| file.unnamed.as_mut()) else {
            return false;
        };
        let before = std::mem::replace(unnamed, size);
        open.unnamed = open.unnamed - before + size;
        true
    }

    /// The guest unmounted the share.
    pub(super) fn forget_all(&self) {
        *self.0.lock() = Open::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_name_counts_until_it_is_closed() {
        let orphans = Orphans::default();
        orphans.opened(7, Some(1));
        orphans.opened(7, Some(2));
        assert!(!orphans.resized(7, 10), "it has a name");
        orphans.unnamed(7, 10);
        orphans.unnamed(8, 99);
        assert_eq!(orphans.bytes(), 10, "what nobody has open is gone");
        assert!(orphans.resized(7, 30));
        assert_eq!(orphans.bytes(), 30);
        orphans.released(1);
        assert_eq!(orphans.bytes(), 30);
        orphans.released(2);
        orphans.released(2);
        assert_eq!(orphans.bytes(), 0);
    }
}
