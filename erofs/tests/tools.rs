//! What is written is an EROFS to others: `fsck.erofs` finds nothing, and extracts the same files.
//!
//! Skipped where erofs-utils are not installed, unless MSB_REQUIRE_EROFS_UTILS is set.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use msb_erofs::{Limits, merge, write_layer};
use support::{Entry, Tar, noise};

fn have_tools() -> bool {
    let found = Command::new("fsck.erofs").arg("-V").output().is_ok();
    assert!(
        found || std::env::var_os("MSB_REQUIRE_EROFS_UTILS").is_none(),
        "MSB_REQUIRE_EROFS_UTILS is set, but fsck.erofs is not there: install erofs-utils"
    );
    found
}

/// Checks an image, and extracts it into a directory beside it.
fn extract(image: &Path) -> PathBuf {
    let to = image.with_extension("tree");
    let output = Command::new("fsck.erofs")
        .arg(format!("--extract={}", to.display()))
        .arg("--force")
        .arg(image)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    to
}

fn write(dir: &Path, name: &str, tar: Tar) -> PathBuf {
    let path = dir.join(name);
    let file = File::create_new(&path).unwrap();
    write_layer(&mut &tar.end()[..], &file, &Limits::default()).unwrap();
    path
}

fn join(dir: &Path, layers: &[&Path]) -> PathBuf {
    let layers: Vec<File> = layers.iter().map(|path| File::open(path).unwrap()).collect();
    let meta = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(dir.join("meta"))
        .unwrap();
    merge(&layers.iter().collect::<Vec<_>>(), &meta, &Limits::default()).unwrap();
    let path = dir.join("whole");
    let mut whole = File::create_new(&path).unwrap();
    io::copy(&mut File::open(dir.join("meta")).unwrap(), &mut whole).unwrap();
    for mut layer in &layers {
        io::copy(&mut layer, &mut whole).unwrap();
    }
    path
}

fn everything() -> Tar {
    let mut tar = Tar::new()
        .dir("./", 0o755)
        .file("one", b"1")
        .file("block", &noise(4096, 1))
        .file("large", &noise(3_000_001, 2))
        .file("empty", b"")
        .symlink("link", "one")
        .symlink("long link", &"l".repeat(100))
        .hard_link("again", "large")
        .pax(&[("linkpath", "t/".repeat(2040).as_bytes())])
        .symlink("longest link", "")
        .raw(&Entry::new("fifo", b'6'), b"")
        .pax(&[
            ("SCHILY.xattr.user.a", b"b"),
            (
                "SCHILY.xattr.security.capability",
                b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ),
        ])
        .file("with attributes", b"x");
    for number in 0..2000 {
        tar = tar.file(&format!("many/file-{number:05}"), format!("{number}").as_bytes());
    }
    for depth in 1..30 {
        tar = tar.dir(&"deep/".repeat(depth), 0o750);
    }
    tar
}

#[test]
fn a_layer_passes_fsck_and_extracts_as_it_was() {
    if !have_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = extract(&write(dir.path(), "layer", everything()));
    assert_eq!(fs::read(tree.join("block")).unwrap(), noise(4096, 1));
    assert_eq!(fs::read(tree.join("again")).unwrap(), noise(3_000_001, 2));
    assert_eq!(fs::read_link(tree.join("link")).unwrap(), Path::new("one"));
    assert_eq!(
        fs::read_link(tree.join("longest link")).unwrap(),
        Path::new(&"t/".repeat(2040))
    );
    assert_eq!(fs::read_dir(tree.join("many")).unwrap().count(), 2000);
    assert_eq!(fs::read(tree.join("many/file-01999")).unwrap(), b"1999");
}

#[test]
fn a_sparse_file_passes_fsck() {
    if !have_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tar = Tar::new()
        .pax(&[
            ("GNU.sparse.major", b"0"),
            ("GNU.sparse.minor", b"1"),
            ("GNU.sparse.name", b"sparse"),
            ("GNU.sparse.size", b"100000000"),
            ("GNU.sparse.map", b"8000,3000,99998000,2000"),
        ])
        .file("GNUSparseFile.0/sparse", &noise(5000, 3));
    // Not what is extracted: some versions leave the holes out.
    extract(&write(dir.path(), "layer", tar));
}

#[test]
fn a_merge_behind_its_metadata_is_one_image() {
    if !have_tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let below = write(dir.path(), "below", everything());
    let above = write(
        dir.path(),
        "above",
        Tar::new()
            .file("one", b"changed")
            .file(".wh.block", b"")
            .file("many/.wh.file-00007", b"")
            .file("deep/.wh..wh..opq", b"")
            .dir("deep/new", 0o700)
            .file("more", &noise(70_000, 4)),
    );
    let whole = join(dir.path(), &[&below, &above]);
    let tree = extract(&whole);
    assert_eq!(fs::read(tree.join("one")).unwrap(), b"changed");
    assert!(!tree.join("block").exists());
    assert_eq!(fs::read(tree.join("large")).unwrap(), noise(3_000_001, 2));
    assert_eq!(fs::read(tree.join("more")).unwrap(), noise(70_000, 4));
    assert_eq!(fs::read_dir(tree.join("many")).unwrap().count(), 1999);
    assert_eq!(fs::read_dir(tree.join("deep")).unwrap().count(), 1);
    let mode = fs::metadata(tree.join("deep/new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    assert_eq!(fs::metadata(tree.join("more")).unwrap().mtime(), 1_700_000_000);
}
