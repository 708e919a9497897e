//! What an archive holds is in the layer, entry for entry.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};

use msb_erofs::reader::Image;
use msb_erofs::{LayerError, Limits, write_layer};
use support::{Entry, Tar, brief, layer, list, noise, seal, sum, try_layer};

/// The only entry but the root.
fn single(listing: &BTreeMap<String, String>) -> &str {
    assert_eq!(listing.len(), 2, "{listing:#?}");
    listing.iter().next_back().unwrap().1
}

#[test]
fn every_kind_of_entry_is_kept() {
    let mut suid = Entry::new("suid", b'0');
    (suid.mode, suid.uid, suid.gid, suid.mtime) = (0o4755, 1000, 70_000, 12);
    let listing = list(&[&layer(
        Tar::new()
            .dir("./", 0o711)
            .dir("tmp/", 0o1777)
            .file("tmp/file", b"hello")
            .raw(&suid, b"")
            .symlink("link", "../tmp")
            .hard_link("second", "./tmp/file")
            .device("char", b'3', 5, 1)
            .device("block", b'4', 259, 1_000_000)
            .raw(&Entry::new("fifo", b'6'), b""),
    )]);
    let expected = [
        ("/", "Directory 711 0:0 x3 1700000000.000000000"),
        (
            "/block",
            "BlockDevice 644 0:0 x1 1700000000.000000000 (259, 1000000)",
        ),
        ("/char", "CharDevice 644 0:0 x1 1700000000.000000000 (5, 1)"),
        ("/fifo", "Fifo 644 0:0 x1 1700000000.000000000"),
        ("/link", "Symlink 777 0:0 x1 1700000000.000000000 -> ../tmp"),
        ("/second", "File 644 0:0 x2 1700000000.000000000 [hello]"),
        ("/suid", "File 4755 1000:70000 x1 12.000000000 []"),
        ("/tmp", "Directory 1777 0:0 x2 1700000000.000000000"),
        ("/tmp/file", "File 644 0:0 x2 1700000000.000000000 [hello]"),
    ];
    let expected = expected.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(listing, BTreeMap::from(expected));
}

#[test]
fn extended_headers_overrule_the_plain_one() {
    let long = format!("{}/{}", "d".repeat(255), "f".repeat(255));
    let listing = list(&[&layer(
        Tar::new()
            .pax(&[
                ("path", long.as_bytes()),
                ("uid", b"3000000000"),
                ("gid", b"4000000000"),
                ("mtime", b"-1.25"),
                ("size", b"3"),
                ("comment", b"ignored\nline"),
            ])
            .raw(&Entry::new("short", b'0'), b"abc"),
    )]);
    assert_eq!(
        listing[&format!("/{long}")],
        "File 644 3000000000:4000000000 x1 -2.750000000 [abc]"
    );
}

#[test]
fn gnu_long_names_and_links_are_kept() {
    let long = "n".repeat(200);
    let target = "t".repeat(300);
    let extension = |kind, text: &str| {
        let mut entry = Entry::new("././@LongLink", kind);
        entry.size = text.len() as u64 + 1;
        (entry, format!("{text}\0"))
    };
    let (name, name_text) = extension(b'L', &long);
    let (link, link_text) = extension(b'K', &target);
    let listing = list(&[&layer(
        Tar::new()
            .raw(&link, link_text.as_bytes())
            .raw(&name, name_text.as_bytes())
            .symlink("short", "short"),
    )]);
    assert!(listing[&format!("/{long}")].ends_with(&format!("-> {target}")));
}

#[test]
fn a_ustar_prefix_is_part_of_the_path() {
    let mut header = Entry::new("name", b'0').header();
    header[345..350].copy_from_slice(b"a/b/c");
    seal(&mut header);
    let mut tar = Tar::new();
    tar.bytes.extend_from_slice(&header);
    assert_eq!(
        brief(&list(&[&layer(tar)])),
        ["/a/", "/a/b/", "/a/b/c/", "/a/b/c/name []"]
    );
}

#[test]
fn attributes_of_every_namespace_are_kept_and_others_left_out() {
    let acl = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff";
    let listing = list(&[&layer(
        Tar::new()
            .pax(&[
                ("SCHILY.xattr.user.name", b"va=lue"),
                ("SCHILY.xattr.user.empty", b""),
                ("SCHILY.xattr.trusted.overlay.redirect", b"/x"),
                ("SCHILY.xattr.security.capability", b"\x01\0\0\x02"),
                ("SCHILY.xattr.system.posix_acl_access", acl),
                ("SCHILY.xattr.system.posix_acl_default", acl),
                ("SCHILY.xattr.com.apple.quarantine", b"x"),
                ("SCHILY.xattr.user.", b"x"),
                ("LIBARCHIVE.xattr.user.b%20c", b"aGVsbG8="),
            ])
            .file("file", b""),
    )]);
    let acl = acl.escape_ascii();
    assert_eq!(
        single(&listing),
        format!(
            "File 644 0:0 x1 1700000000.000000000 security.capability=\\x01\\x00\\x00\\x02 \
             system.posix_acl_access={acl} system.posix_acl_default={acl} \
             trusted.overlay.redirect=/x user.b c=hello user.empty= user.name=va=lue []"
        )
    );
}

#[test]
fn large_attributes_are_kept_whole() {
    let value = noise(60_000, 9);
    let file = layer(
        Tar::new()
            .pax(&[("SCHILY.xattr.user.large", &value)])
            .symlink("link", "target")
            .pax(&[("SCHILY.xattr.user.large", &value)])
            .dir("dir", 0o755)
            .file("dir/file", b"x"),
    );
    let parts = [&file];
    let image = Image::open(&parts).unwrap();
    let root = image.root().unwrap();
    for name in ["link", "dir"] {
        let inode = image.lookup(&root, name.as_bytes()).unwrap().unwrap();
        assert_eq!(
            image.xattrs(&inode).unwrap(),
            [(b"user.large".to_vec(), value.clone())]
        );
    }
    assert_eq!(brief(&list(&parts)), ["/dir/", "/dir/file [x]", "/link target"]);
}

#[test]
fn content_of_every_length_is_kept() {
    let mut tar = Tar::new();
    let mut expected = Vec::new();
    for len in [
        1,
        511,
        512,
        513,
        4095,
        4096,
        4097,
        8192,
        1 << 20,
        (1 << 20) + 1,
        5_000_000,
    ] {
        let content = noise(len, len as u64);
        tar = tar.file(&format!("{len:08}"), &content);
        if len > 64 {
            expected.push((format!("/{len:08}"), sum(&content)));
        }
    }
    let listing = list(&[&layer(tar)]);
    for (path, sum) in expected {
        assert!(listing[&path].ends_with(&format!("[{sum}]")), "{path}");
    }
}

#[test]
fn zeros_become_holes_of_the_layer() {
    let (file, layer) = try_layer(
        &Tar::new().file("zeros", &vec![0; 8 << 20]).end(),
        &Limits::default(),
    )
    .unwrap();
    assert!(layer.bytes > 8 << 20);
    assert!(file.metadata().unwrap().blocks() * 512 < 1 << 20);
    assert_eq!(layer.unpacked_bytes, 8 << 20);
}

#[test]
fn directories_of_many_blocks_keep_every_name_in_order() {
    let mut tar = Tar::new();
    let mut expected = Vec::new();
    for number in (0..3000).rev() {
        let name = format!("{number:04}{}", "x".repeat(number % 251));
        tar = tar
            .pax(&[("path", format!("dir/{name}").as_bytes())])
            .file("short", b"");
        expected.push(format!("/dir/{name} []"));
    }
    // These sort before, between and after a directory's own names.
    for name in ["!", "-", ".-", "...", ".a", "/"] {
        tar = tar.file(&format!("dir/{name}"), b"");
        expected.push(format!("/dir/{name} []"));
    }
    expected.retain(|path| path != "/dir// []");
    expected.sort();
    expected.insert(0, "/dir/".to_owned());
    assert!(
        brief(&list(&[&layer(tar)]))
            .into_iter()
            .filter(|path| path != "/dir []")
            .eq(expected)
    );
}

#[test]
fn all_four_sparse_forms_read_the_same() {
    let data = noise(3000 + 2000, 5);
    let mut expected = vec![0; 700_000];
    expected[9000..12_000].copy_from_slice(&data[..3000]);
    expected[698_000..].copy_from_slice(&data[3000..]);
    let expected = sum(&expected);
    let size = ("GNU.sparse.size", &b"700000"[..]);

    let zero = Tar::new()
        .pax(&[
            size,
            ("GNU.sparse.numblocks", b"2"),
            ("GNU.sparse.offset", b"9000"),
            ("GNU.sparse.numbytes", b"3000"),
            ("GNU.sparse.offset", b"698000"),
            ("GNU.sparse.numbytes", b"2000"),
        ])
        .file("sparse", &data);
    let one = Tar::new()
        .pax(&[
            size,
            ("GNU.sparse.name", b"sparse"),
            ("GNU.sparse.map", b"9000,3000,698000,2000"),
        ])
        .file("GNUSparseFile.1/sparse", &data);
    let mut with_map = b"3\n9000\n3000\n698000\n2000\n700000\n0\n".to_vec();
    with_map.resize(512, 0);
    with_map.extend_from_slice(&data);
    let inside = Tar::new()
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"sparse"),
            ("GNU.sparse.realsize", b"700000"),
        ])
        .file("GNUSparseFile.1/sparse", &with_map);
    let mut old = Entry::new("sparse", b'S');
    old.size = data.len() as u64;
    let mut header = old.header();
    header[257..265].copy_from_slice(b"ustar  \0");
    let field = |value: u64| format!("{value:011o}\0");
    let mut segments = vec![(9000, 3000)];
    // So many that a second record is needed.
    segments.extend((1..5).map(|number| (100_000 * number, 0)));
    segments.push((698_000, 2000));
    let mut more = [0; 512];
    for (number, (offset, len)) in segments.iter().enumerate() {
        let text = field(*offset) + &field(*len);
        match number {
            0..4 => header[386 + number * 24..][..24].copy_from_slice(text.as_bytes()),
            _ => more[(number - 4) * 24..][..24].copy_from_slice(text.as_bytes()),
        }
    }
    header[482] = 1;
    header[483..495].copy_from_slice(field(700_000).as_bytes());
    seal(&mut header);
    let mut old = Tar::new();
    old.bytes = [&header[..], &more, &data].concat();
    old.bytes.resize(old.bytes.len().next_multiple_of(512), 0);

    for (form, tar) in [("0.0", zero), ("0.1", one), ("1.0", inside), ("old", old)] {
        let file = layer(tar.file("after", b"still there"));
        assert!(file.metadata().unwrap().len() < 100_000, "{form}");
        let listing = list(&[&file]);
        assert!(listing["/sparse"].ends_with(&format!("[{expected}]")), "{form}");
        assert!(listing["/after"].ends_with("[still there]"), "{form}");
    }
}

#[test]
fn a_sparse_file_of_gigabytes_takes_only_its_data() {
    let data = noise(10_000, 6);
    let tar = Tar::new()
        .pax(&[
            ("GNU.sparse.size", b"60000000000"),
            ("GNU.sparse.map", b"4000000123,4000,59999994000,6000"),
        ])
        .file("sparse", &data);
    let (file, layer) = try_layer(&tar.end(), &Limits::default()).unwrap();
    assert!(file.metadata().unwrap().blocks() * 512 < 1 << 20);
    assert!(layer.bytes < 32 << 20);
    let parts = [&file];
    let image = Image::open(&parts).unwrap();
    let inode = image.lookup(&image.root().unwrap(), b"sparse").unwrap().unwrap();
    let mut buffer = [1; 4100];
    assert_eq!(image.read_at(&inode, 4_000_000_073, &mut buffer).unwrap(), 4100);
    assert_eq!(buffer[..50], [0; 50]);
    assert_eq!(buffer[50..4050], data[..4000]);
    assert_eq!(buffer[4050..], [0; 50]);
    assert_eq!(image.read_at(&inode, 59_999_999_000, &mut buffer).unwrap(), 1000);
    assert_eq!(buffer[..1000], data[9000..]);
}

#[test]
fn the_later_of_two_entries_wins() {
    let listing = list(&[&layer(
        Tar::new()
            .file("file", b"old")
            .file("kept", b"shared")
            .hard_link("also", "kept")
            .file("kept", b"own")
            .file("becomes", b"a directory")
            .dir("becomes", 0o700)
            .file("becomes/full", b"1")
            .dir("was", 0o755)
            .file("was/inside", b"1")
            .file("was", b"a file")
            .file("file", b"new")
            .dir("twice", 0o700)
            .file("twice/inside", b"1")
            .dir("twice", 0o711),
    )]);
    assert_eq!(
        brief(&listing),
        [
            "/also [shared]",
            "/becomes/",
            "/becomes/full [1]",
            "/file [new]",
            "/kept [own]",
            "/twice/",
            "/twice/inside [1]",
            "/was file]"
        ]
    );
    assert!(listing["/twice"].starts_with("Directory 711 "));
    assert!(listing["/also"].starts_with("File 644 0:0 x1 "));
}

#[test]
fn whiteouts_are_as_overlayfs_has_them() {
    let listing = list(&[&layer(
        Tar::new()
            .file("dir/.wh.gone", b"")
            .dir("opaque", 0o755)
            .file("opaque/.wh..wh..opq", b"")
            .file(".wh..wh.aufs", b"")
            .file("here", b"x")
            .file(".wh.here", b"")
            .file(".wh.again", b"")
            .file("again/file", b"x"),
    )]);
    assert_eq!(listing["/dir/gone"], "CharDevice 0 0:0 x1 0.000000000 (0, 0)");
    assert!(listing["/opaque"].ends_with(" trusted.overlay.opaque=y"));
    assert!(listing["/here"].ends_with("[x]"));
    assert!(listing["/again"].contains(" trusted.overlay.opaque=y"));
    assert_eq!(listing.len(), 7);
}

#[test]
fn the_same_archive_gives_the_same_bytes() {
    let tar = || {
        (0..500).fold(Tar::new(), |tar, number| {
            tar.pax(&[("SCHILY.xattr.user.n", number.to_string().as_bytes())])
                .file(
                    &format!("d{}/{number}", number % 7),
                    &noise(number * 13, number as u64),
                )
        })
    };
    let bytes = |tar: Tar| {
        let file = layer(tar);
        let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    };
    assert!(bytes(tar()) == bytes(tar()));
}

#[test]
fn a_missing_end_mark_is_reported() {
    let tar = Tar::new().file("a", b"a");
    assert!(!try_layer(&tar.bytes, &Limits::default()).unwrap().1.end_mark);
    assert!(try_layer(&tar.end(), &Limits::default()).unwrap().1.end_mark);
}

#[test]
fn an_empty_archive_is_an_empty_root() {
    let (file, layer) = try_layer(&Tar::new().end(), &Limits::default()).unwrap();
    assert_eq!(layer.entries, 1);
    assert_eq!(list(&[&file]).len(), 1);
}

#[test]
fn what_a_file_held_before_is_not_in_the_layer() {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&noise(20 << 20, 8), 0).unwrap();
    let tar = Tar::new().file("zeros", &vec![0; 4 << 20]).end();
    write_layer(&mut &tar[..], &file, &Limits::default()).unwrap();
    assert!(list(&[&file])["/zeros"].ends_with(&format!("[{}]", sum(&vec![0; 4 << 20]))));
}

#[test]
fn the_readers_own_error_comes_through() {
    struct Cancelled;
    impl Read for Cancelled {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("cancelled by the caller"))
        }
    }
    let tar = Tar::new().file("a", &noise(10_000, 1)).bytes;
    let mut reader = (&tar[..5000]).chain(Cancelled);
    let file = tempfile::tempfile().unwrap();
    match write_layer(&mut reader, &file, &Limits::default()) {
        Err(LayerError::Read(error)) => assert_eq!(error.to_string(), "cancelled by the caller"),
        other => panic!("{other:?}"),
    }
    assert!(Image::open(&[&file]).is_err());
}
