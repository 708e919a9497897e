//! A disk that fills in the middle of a write: the error says so and how far it got, and nothing half made stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking and say what they skip"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{kind, leftovers};
use msb_tree::{OpenOptions, Tree, TreeErrorKind, WriteMode};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A file system of 1 MiB, unmounted when dropped.
struct SmallDisk {
    at: PathBuf,
    _dir: tempfile::TempDir,
}

impl SmallDisk {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("disk");
        fs::create_dir(&at).unwrap();
        match mount("tmpfs", &at, "tmpfs", MountFlags::empty(), Some(c"size=1m")) {
            Ok(()) => Some(Self { at, _dir: dir }),
            Err(error) => {
                println!("skipped: a small file system cannot be mounted here ({error})");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(&self.at, UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn a_disk_that_fills_is_told_with_what_was_written() {
    let Some(disk) = SmallDisk::new() else { return };
    let tree = Tree::beneath(&disk.at).unwrap();
    let p = Path::new;
    let large = vec![7; 2 << 20];
    tree.write(p("old"), b"old content", WriteMode::Replace, 0o600)
        .unwrap();

    let error = tree
        .write(p("old"), &large, WriteMode::Atomic, 0o600)
        .unwrap_err();
    assert_eq!(error.kind, TreeErrorKind::NoSpace);
    assert_eq!(tree.read(p("old"), 100).unwrap(), b"old content");
    assert_eq!(leftovers(&disk.at), [] as [PathBuf; 0]);

    let error = tree
        .write(p("new"), &large, WriteMode::Replace, 0o600)
        .unwrap_err();
    assert_eq!(error.kind, TreeErrorKind::NoSpace);
    let written = tree.stat(p("new"), true).unwrap().size;
    assert!(written > 0 && written < 1 << 20);
    assert!(
        error
            .to_string()
            .contains(&format!("the first {written} of 2097152 bytes")),
        "{error}"
    );
    assert_eq!(tree.read(p("new"), 1 << 20).unwrap(), vec![7; written as usize]);
    assert_eq!(kind(tree.copy(p("new"), p("copy"))), TreeErrorKind::NoSpace);
    assert_eq!(leftovers(&disk.at), [] as [PathBuf; 0]);
    tree.remove(p("new")).unwrap();

    // An open file says how much it wrote, and only the next call fails.
    let edit = OpenOptions {
        write: true,
        create: true,
        mode: 0o600,
        ..OpenOptions::default()
    };
    let file = tree.open(p("new"), &edit).unwrap();
    let first = file.pwrite(&large, 0).unwrap();
    assert_eq!(file.size().unwrap(), first as u64);
    assert_eq!(
        kind(file.pwrite(&large[first..], first as u64)),
        TreeErrorKind::NoSpace
    );
    drop(file);
    tree.remove(p("new")).unwrap();

    // An archive that does not fit leaves the members before, and no half one.
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("large"), &large).unwrap();
    let mut archive = Vec::new();
    Tree::beneath(source.path())
        .unwrap()
        .export_tar(p("."), &mut archive, &mut |_| true)
        .unwrap();
    let imported = tree.import_tar(p("."), &mut &archive[..], &mut |_| true);
    assert_eq!(kind(imported), TreeErrorKind::NoSpace);
    assert!(!tree.exists(p("large")).unwrap());
    assert_eq!(tree.read(p("old"), 100).unwrap(), b"old content");
}
