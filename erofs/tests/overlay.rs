//! Layers over each other give what overlayfs would show.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::fs::File;
use std::os::unix::fs::FileExt;

use msb_erofs::{LimitKind, Limits, MergeError, merge};
use support::{Entry, Tar, brief, layer, list, merged, noise};

fn over(layers: Vec<Tar>) -> Vec<String> {
    let layers: Vec<File> = layers.into_iter().map(layer).collect();
    brief(&merged(&layers.iter().collect::<Vec<_>>()))
}

#[test]
fn one_layer_merged_is_the_same_tree() {
    let only = layer(
        Tar::new()
            .dir("./", 0o711)
            .file("a/b", &noise(100_000, 1))
            .symlink("c", "a")
            .hard_link("d", "a/b")
            .pax(&[("SCHILY.xattr.user.x", b"y")])
            .dir("e", 0o700)
            .device("null", b'3', 1, 3)
            .raw(&Entry::new("fifo", b'6'), b""),
    );
    let mut alone = list(&[&only]);
    for text in alone.values_mut() {
        *text = text.replace(" trusted.msb.implied=y", "");
    }
    assert_eq!(merged(&[&only]), alone);
}

#[test]
fn whiteouts_remove_files_and_whole_directories() {
    let below = Tar::new()
        .file("file", b"1")
        .file("dir/in/side", b"2")
        .file("stays", b"3");
    let above = Tar::new()
        .file(".wh.file", b"")
        .file(".wh.dir", b"")
        .file(".wh.nothing", b"");
    assert_eq!(over(vec![below, above]), ["/stays [3]"]);
}

#[test]
fn what_was_removed_can_come_back_as_something_else() {
    let below = Tar::new().file("name/old", b"1");
    let gone = Tar::new().file(".wh.name", b"");
    let back = Tar::new().file("name/new", b"2");
    assert_eq!(over(vec![below, gone, back]), ["/name/", "/name/new [2]"]);
}

#[test]
fn an_opaque_directory_hides_what_is_below_and_keeps_its_own() {
    for marker in ["dir/.wh..wh..opq", ".wh.dir"] {
        let below = Tar::new().file("dir/sub/old", b"1").file("dir/other", b"2");
        let above = Tar::new()
            .dir("dir", 0o700)
            .file("dir/new", b"3")
            .file(marker, b"");
        let layers = [layer(below), layer(above)];
        let listing = merged(&[&layers[0], &layers[1]]);
        assert_eq!(brief(&listing), ["/dir/", "/dir/new [3]"]);
        assert_eq!(listing["/dir"], "Directory 700 0:0 x2 1700000000.000000000");
    }
}

#[test]
fn files_replace_directories_and_directories_files() {
    let below = Tar::new()
        .file("one/inside", b"1")
        .file("two", b"2")
        .symlink("three", "one");
    let above = Tar::new()
        .file("one", b"now")
        .file("two/inside", b"3")
        .dir("three", 0o755);
    assert_eq!(
        over(vec![below, above]),
        ["/one [now]", "/three/", "/two/", "/two/inside [3]"]
    );
}

#[test]
fn a_directory_replaced_within_one_layer_shares_nothing_with_the_one_below() {
    let below = Tar::new().file("dir/old", b"1");
    let above = Tar::new().file("dir", b"a file first").dir("dir", 0o755);
    assert_eq!(over(vec![below, above]), ["/dir/"]);
}

#[test]
fn a_directory_is_as_the_highest_layer_that_describes_it_says() {
    let below = layer(Tar::new().dir("./", 0o700).dir("tmp", 0o1777).dir("etc", 0o755));
    let middle = layer(
        Tar::new()
            .pax(&[("SCHILY.xattr.user.from", b"middle")])
            .dir("etc", 0o750),
    );
    let above = layer(Tar::new().file("tmp/file", b"1").file("etc/file", b"2"));
    let listing = merged(&[&below, &middle, &above]);
    assert!(listing["/"].starts_with("Directory 700 "));
    assert_eq!(listing["/tmp"], "Directory 1777 0:0 x2 1700000000.000000000");
    assert_eq!(
        listing["/etc"],
        "Directory 750 0:0 x2 1700000000.000000000 user.from=middle"
    );
}

#[test]
fn hard_links_are_kept_where_both_names_are_left() {
    let below = layer(
        Tar::new()
            .file("a", b"shared")
            .hard_link("b", "a")
            .hard_link("dir/c", "a"),
    );
    let above = layer(
        Tar::new()
            .file(".wh.b", b"")
            .file("x", b"shared")
            .hard_link("dir/y", "x"),
    );
    let listing = merged(&[&below, &above]);
    for name in ["/a", "/dir/c", "/x", "/dir/y"] {
        assert!(listing[name].starts_with("File 644 0:0 x2 "), "{name}");
    }
}

#[test]
fn content_comes_from_whichever_layer_has_it() {
    let contents: Vec<Vec<u8>> = (0..5).map(|seed| noise(50_000 + seed, seed as u64)).collect();
    let layers: Vec<File> = contents
        .iter()
        .enumerate()
        .map(|(number, content)| {
            layer(
                Tar::new()
                    .file(&format!("f{number}"), content)
                    .file("same", content),
            )
        })
        .collect();
    let listing = merged(&layers.iter().collect::<Vec<_>>());
    for (number, content) in contents.iter().enumerate() {
        assert!(listing[&format!("/f{number}")].ends_with(&format!("[{}]", support::sum(content))));
    }
    assert!(listing["/same"].ends_with(&format!("[{}]", support::sum(&contents[4]))));
}

#[test]
fn sparse_files_keep_their_holes() {
    let data = noise(9000, 7);
    let sparse = || {
        Tar::new()
            .pax(&[
                ("GNU.sparse.size", b"90000000"),
                ("GNU.sparse.map", b"5000,4000,80000000,5000"),
            ])
            .file("sparse", &data)
    };
    let other = layer(Tar::new().file("other", &noise(20_000, 8)));
    let below = layer(sparse());
    assert_eq!(merged(&[&other, &below])["/sparse"], list(&[&below])["/sparse"]);
}

#[test]
fn overlayfs_names_of_the_archive_have_no_effect_in_the_image() {
    let only = layer(
        Tar::new()
            .pax(&[
                ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
                ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
                ("SCHILY.xattr.trusted.msb.implied", b"y"),
                ("SCHILY.xattr.trusted.other", b"kept"),
            ])
            .dir("dir", 0o755)
            .device("whiteout", b'3', 0, 0),
    );
    let listing = merged(&[&only]);
    assert_eq!(listing.len(), 2);
    assert_eq!(
        listing["/dir"],
        "Directory 755 0:0 x2 1700000000.000000000 trusted.other=kept"
    );
}

#[test]
fn an_implied_directory_goes_where_a_link_below_leads() {
    let below = Tar::new()
        .file("usr/lib/a", b"1")
        .symlink("lib", "usr/lib")
        .symlink("abs", "/lib");
    let above = Tar::new().file("lib/b", b"2").file("abs/c", b"3");
    assert_eq!(
        over(vec![below, above]),
        [
            "/abs /lib",
            "/lib usr/lib",
            "/usr/",
            "/usr/lib/",
            "/usr/lib/a [1]",
            "/usr/lib/b [2]",
            "/usr/lib/c [3]"
        ]
    );
}

#[test]
fn links_that_lead_out_or_nowhere_or_in_circles_are_replaced() {
    let below = Tar::new()
        .symlink("up", "../../../..")
        .symlink("loop", "loop")
        .symlink("nowhere", "missing/x")
        .file("file", b"1")
        .symlink("to-file", "file");
    let above = ["up/a", "loop/b", "nowhere/c", "to-file/d"]
        .iter()
        .fold(Tar::new(), |tar, path| tar.file(path, b"2"));
    assert_eq!(
        over(vec![below, above]),
        [
            "/a [2]",
            "/file [1]",
            "/loop/",
            "/loop/b [2]",
            "/nowhere/",
            "/nowhere/c [2]",
            "/to-file/",
            "/to-file/d [2]",
            "/up ../../../.."
        ]
    );
}

#[test]
fn the_same_layers_give_the_same_bytes() {
    let layers: Vec<File> = (0..3)
        .map(|number| {
            layer((0..200).fold(Tar::new(), |tar, file| {
                tar.file(&format!("{number}/{file}"), b"x")
            }))
        })
        .collect();
    let bytes = || {
        let meta = tempfile::tempfile().unwrap();
        let merged = merge(&layers.iter().collect::<Vec<_>>(), &meta, &Limits::default()).unwrap();
        let mut bytes = vec![0; merged.bytes as usize];
        meta.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    };
    assert!(bytes() == bytes());
}

#[test]
fn no_layers_are_an_empty_root() {
    assert_eq!(merged(&[]).len(), 1);
}

#[test]
fn a_damaged_layer_is_an_error_that_names_it() {
    let good = layer(Tar::new().file("a", b"1"));
    let cut = layer(Tar::new().file("a", &noise(100_000, 1)));
    cut.set_len(8192).unwrap();
    let meta = tempfile::tempfile().unwrap();
    match merge(&[&good, &cut], &meta, &Limits::default()) {
        Err(MergeError::Layer { index: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn entries_of_all_layers_count() {
    let layers = [
        layer(Tar::new().file("a", b"1").file("b", b"1")),
        layer(Tar::new().file("c", b"1")),
    ];
    let limits = Limits {
        entries: 2,
        ..Limits::default()
    };
    let meta = tempfile::tempfile().unwrap();
    match merge(&[&layers[0], &layers[1]], &meta, &limits) {
        Err(MergeError::Limit(error)) => assert_eq!(error.kind, LimitKind::Entries),
        other => panic!("{other:?}"),
    }
}

/// Bytes of the metadata, changed: an error or another tree, but never a panic or a hang.
#[test]
fn any_changed_byte_of_a_layer_is_survived() {
    let tar = Tar::new()
        .pax(&[("SCHILY.xattr.user.a", b"b")])
        .file("dir/file", b"1")
        .symlink("link", "x")
        .pax(&[("GNU.sparse.size", b"90000"), ("GNU.sparse.map", b"5000,4")])
        .file("sparse", b"1234");
    let file = layer(tar);
    let len = file.metadata().unwrap().len();
    let meta = tempfile::tempfile().unwrap();
    for at in (1024..1152).chain(len - 4096..len) {
        let mut original = [0];
        file.read_exact_at(&mut original, at).unwrap();
        // Of the many zeros, some will do.
        if original[0] == 0 && at % 41 != 0 {
            continue;
        }
        let change = [0x01, 0x80, 0xff][at as usize % 3];
        file.write_all_at(&[original[0] ^ change], at).unwrap();
        let _ = support::try_list(&[&file], 4096);
        if merge(&[&file], &meta, &Limits::default()).is_ok() {
            let _ = support::try_list(&[&meta, &file], 4096);
        }
        file.write_all_at(&original, at).unwrap();
    }
}
