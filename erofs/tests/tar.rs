//! A layer becomes an archive that makes the same layer again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::fs::File;
use std::io::Read;

use msb_erofs::{LayerTar, Limits};
use support::{Entry, Tar, layer, list, noise, try_layer};

fn archive(layer: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    LayerTar::new(layer).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_layer_survives_its_archive_entry_by_entry() {
    let long = "d/".repeat(80) + "file";
    let mut rich = Entry::new("rich", b'0');
    (rich.mode, rich.uid, rich.gid) = (0o4755, 1000, 100);
    let original = layer(
        Tar::new()
            .dir("./", 0o711)
            .file("a/b", &noise(100_000, 1))
            .file(&"n".repeat(99), &noise(512, 2))
            .pax(&[("path", long.as_bytes()), ("mtime", b"-1.25")])
            .file("cut", b"deep")
            .pax(&[
                ("uid", b"4000000000"),
                ("SCHILY.xattr.user.x", b"y\n\0z"),
                ("SCHILY.xattr.user.a", b""),
            ])
            .raw(&rich, b"")
            .pax(&[("linkpath", "t/".repeat(100).as_bytes()), ("mtime", b"5.5")])
            .symlink("link", "cut")
            .hard_link("z/hard", "a/b")
            .device("null", b'3', 1, 3)
            .device("disk", b'4', 259, 70000)
            .raw(&Entry::new("fifo", b'6'), b"")
            .file(".wh.gone", b"")
            .file("implied/.wh.gone", b"")
            .dir("opaque", 0o700)
            .file("opaque/.wh..wh..opq", b""),
    );
    let tar = archive(&original);
    assert_eq!(tar.len() % 512, 0);
    let (again, _) = try_layer(&tar, &Limits::default()).unwrap();
    assert_eq!(list(&[&again]), list(&[&original]));
    assert_eq!(archive(&again), tar, "one layer makes one archive");
}

#[test]
fn holes_become_zeroes() {
    let sparse = layer(
        Tar::new()
            .pax(&[
                ("GNU.sparse.major", b"0"),
                ("GNU.sparse.minor", b"1"),
                ("GNU.sparse.size", b"100000"),
                ("GNU.sparse.name", b"holes"),
                ("GNU.sparse.map", b"50000,4"),
            ])
            .file("holes", b"data"),
    );
    let (again, _) = try_layer(&archive(&sparse), &Limits::default()).unwrap();
    assert_eq!(list(&[&again]), list(&[&sparse]));
}

#[test]
fn the_archive_of_a_damaged_layer_ends_with_an_error() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(8192).unwrap();
    assert!(LayerTar::new(&file).is_err());
}
