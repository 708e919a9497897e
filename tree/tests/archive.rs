//! Archives: what goes out comes back the same, and what was made to do harm is refused by name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking and say what they skip"
)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::{World, kind};
use msb_tree::{Limit, Progress, Quota, TreeError, TreeErrorKind, WriteMode};
use tar::{EntryType, Header};

fn go_on(_: &Progress) -> bool {
    true
}

fn import(world: &World, archive: &[u8]) -> Result<Progress, TreeError> {
    world
        .tree
        .import_tar(Path::new("."), &mut &archive[..], &mut go_on)
}

/// One member with its header as given, whatever it says.
fn member(kind: EntryType, path: &[u8], link: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_000_000_000);
    header.set_size(content.len() as u64);
    let fields = header.as_old_mut();
    fields.name[..path.len()].copy_from_slice(path);
    fields.linkname[..link.len()].copy_from_slice(link);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    member(EntryType::Regular, path.as_bytes(), b"", content)
}

fn link(path: &str, target: &str) -> Vec<u8> {
    member(EntryType::Symlink, path.as_bytes(), target.as_bytes(), b"")
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    for (key, value) in records {
        let mut length = key.len() + value.len() + 4;
        while length != key.len() + value.len() + 3 + length.to_string().len() {
            length += 1;
        }
        data.extend_from_slice(format!("{length} {key}=").as_bytes());
        data.extend_from_slice(value);
        data.push(b'\n');
    }
    member(EntryType::XHeader, b"pax", b"", &data)
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let world = World::new();
    let tree = &world.tree;
    let volume = world.volume();
    let long = "n".repeat(250);
    let deep = format!("{long}/{long}/{long}");
    tree.mkdir(Path::new(&deep), 0o755, true).unwrap();
    tree.mkdir(Path::new("locked"), 0o500, false).unwrap();
    fs::write(volume.join("locked/inside"), b"in").unwrap();
    fs::write(volume.join(&deep).join("bottom"), vec![7; 1_000_001]).unwrap();
    fs::write(volume.join("empty"), b"").unwrap();
    fs::write(volume.join("exact"), [1; 512]).unwrap();
    fs::write(volume.join(OsStr::new("new\nline é")), b"x").unwrap();
    fs::hard_link(volume.join("exact"), volume.join("second name")).unwrap();
    symlink(&deep, volume.join("long link")).unwrap();
    symlink("/etc/absolute", volume.join("out")).unwrap();
    tree.chmod(Path::new("exact"), 0o751).unwrap();
    tree.utimes(Path::new("exact"), None, Some(1_234_567_890_123_456_789))
        .unwrap();
    tree.utimes(Path::new("empty"), None, Some(-5_000_000_001))
        .unwrap();
    tree.utimes(Path::new("locked"), None, Some(77)).unwrap();

    let mut bytes = Vec::new();
    let exported = tree.export_tar(Path::new("."), &mut bytes, &mut go_on).unwrap();
    let other = World::new();
    let imported = import(&other, &bytes).unwrap();
    assert_eq!(exported, imported);
    assert_eq!(tree.usage().unwrap(), other.tree.usage().unwrap());
    let back = other.volume();
    assert_eq!(
        fs::read(back.join(&deep).join("bottom")).unwrap(),
        vec![7; 1_000_001]
    );
    assert_eq!(fs::read(back.join("new\nline é")).unwrap(), b"x");
    assert_eq!(fs::read_link(back.join("long link")).unwrap(), Path::new(&deep));
    assert_eq!(
        fs::read_link(back.join("out")).unwrap(),
        Path::new("/etc/absolute")
    );
    let exact = fs::metadata(back.join("exact")).unwrap();
    assert_eq!((exact.mode() & 0o7777, exact.nlink()), (0o751, 2));
    let time = |name: &str| other.tree.stat(Path::new(name), false).unwrap().modified_ns;
    assert_eq!(time("exact"), 1_234_567_890_123_456_789);
    assert_eq!(time("empty"), -5_000_000_001);
    assert_eq!(time("locked"), 77);
    assert_eq!(
        fs::metadata(back.join("locked")).unwrap().permissions().mode() & 0o777,
        0o500
    );
    other.assert_outside_untouched();
}

#[test]
fn other_tar_programs_read_ours_and_we_read_theirs() {
    let world = World::new();
    let volume = world.volume();
    fs::create_dir_all(volume.join("dir").join("n".repeat(80))).unwrap();
    fs::write(
        volume.join("dir").join("n".repeat(80)).join("f".repeat(60)),
        b"content",
    )
    .unwrap();
    symlink("file", volume.join("dir/link")).unwrap();
    let mut bytes = Vec::new();
    world
        .tree
        .export_tar(Path::new("."), &mut bytes, &mut go_on)
        .unwrap();
    let ours = world.dir.path().join("ours.tar");
    fs::write(&ours, &bytes).unwrap();
    let listed = Command::new("tar").arg("-tf").arg(&ours).output();
    let Ok(listed) = listed else {
        println!("skipped: there is no tar program here");
        return;
    };
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    assert_eq!(listed.stdout.iter().filter(|byte| **byte == b'\n').count(), 4);
    for format in ["gnu", "pax", "ustar"] {
        let theirs = world.dir.path().join(format!("{format}.tar"));
        let made = Command::new("tar")
            .arg(format!("--format={format}"))
            .arg("-C")
            .arg(&volume)
            .arg("-cf")
            .arg(&theirs)
            .arg(".")
            .status()
            .unwrap();
        assert!(made.success());
        let other = World::new();
        import(&other, &fs::read(&theirs).unwrap()).unwrap();
        assert_eq!(
            world.tree.usage().unwrap(),
            other.tree.usage().unwrap(),
            "{format}"
        );
    }
}

#[test]
fn hostile_members_are_refused_by_name_and_touch_nothing_outside() {
    let long = "x".repeat(300);
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("../outside/secret", vec![file("../outside/secret", b"x")]),
        (
            "a/../../outside/secret",
            vec![file("a/../../outside/secret", b"x")],
        ),
        ("/etc/canary", vec![file("/etc/canary", b"x")]),
        ("..", vec![member(EntryType::Directory, b"..", b"", b"")]),
        (
            "link/secret",
            vec![link("link", "../outside"), file("link/secret", b"x")],
        ),
        (
            "link/new/file",
            vec![link("link", "../outside"), file("link/new/file", b"x")],
        ),
        (
            "link/sub",
            vec![
                link("link", "../outside"),
                member(EntryType::Directory, b"link/sub", b"", b""),
            ],
        ),
        (
            "link",
            vec![
                link("link", "../outside"),
                member(EntryType::Directory, b"link", b"", b""),
            ],
        ),
        (
            "link/secret",
            vec![link("link", "/etc"), link("link/secret", "x")],
        ),
        (
            "hard",
            vec![member(EntryType::Link, b"hard", b"../outside/secret", b"")],
        ),
        (
            "hard",
            vec![member(EntryType::Link, b"hard", b"/etc/passwd", b"")],
        ),
        (
            "hard",
            vec![
                link("link", "../outside"),
                member(EntryType::Link, b"hard", b"link/secret", b""),
            ],
        ),
        ("hard", vec![member(EntryType::Link, b"hard", b"hard", b"")]),
        ("hard", vec![member(EntryType::Link, b"hard", b"none", b"")]),
        ("null", vec![member(EntryType::Char, b"null", b"", b"")]),
        ("disk", vec![member(EntryType::Block, b"disk", b"", b"")]),
        ("pipe", vec![member(EntryType::Fifo, b"pipe", b"", b"")]),
        ("odd", vec![member(EntryType::new(b'S'), b"odd", b"", b"")]),
        ("twice", vec![file("twice", b"1"), file("./twice", b"2")]),
        (
            "twice",
            vec![file("twice", b"1"), link("twice", "../outside/secret")],
        ),
        ("file/inside", vec![file("file", b"1"), file("file/inside", b"2")]),
        (
            &long,
            vec![pax(&[("path", long.as_bytes())]), file("short", b"x")],
        ),
        ("a\0b", vec![pax(&[("path", b"a\0b")]), file("short", b"x")]),
        ("", vec![pax(&[("path", b"")]), file("short", b"x")]),
        (".", vec![file(".", b"x")]),
        ("empty", vec![link("empty", "")]),
        ("dir", vec![member(EntryType::Directory, b"dir", b"", b"content")]),
        // About the archive as a whole: the path is where it goes.
        (".", vec![pax(&[("GNU.sparse.major", b"1")]), file("x", b"")]),
        (".", vec![pax(&[("size", b"-1")]), file("x", b"")]),
        (".", vec![pax(&[("mtime", b"soon")]), file("x", b"")]),
        (
            ".",
            vec![
                member(EntryType::XHeader, b"pax", b"", b"99 path=x\n"),
                file("x", b""),
            ],
        ),
        (".", vec![vec![b'x'; 512]]),
        (".", vec![pax(&[]); 20]),
    ];
    for (index, (path, members)) in cases.into_iter().enumerate() {
        let world = World::new();
        let error = import(&world, &archive(&members)).expect_err(path);
        assert_eq!(error.kind, TreeErrorKind::BadArchive, "{index} {path}: {error}");
        let named = error.path.strip_prefix(".").unwrap_or(&error.path);
        let expected = Path::new(path);
        assert_eq!(
            named,
            expected.strip_prefix(".").unwrap_or(expected),
            "{index}: {error}"
        );
        world.assert_outside_untouched();
        assert!(!Path::new("/etc/canary").exists());
    }
}

#[test]
fn sizes_that_lie_are_found_out() {
    let whole = archive(&[file("first", &[1; 600]), file("second", &[2; 5000])]);
    for cut in 0..whole.len() {
        if cut % 97 != 0 && cut % 512 != 0 {
            continue;
        }
        let world = World::new();
        let result = import(&world, &whole[..cut]);
        // The second block of the end mark may be missing.
        if cut >= whole.len() - 512 {
            result.unwrap();
        } else {
            assert_eq!(kind(result), TreeErrorKind::BadArchive, "{cut}");
            let second = world.volume().join("second");
            assert!(!second.exists() || fs::read(second).unwrap() == [2; 5000]);
        }
    }
    for size in ["18446744073709551615", "9223372036854775807", "99999999999999"] {
        let world = World::new();
        let bytes = archive(&[pax(&[("size", size.as_bytes())]), file("file", b"x")]);
        assert_eq!(kind(import(&world, &bytes)), TreeErrorKind::BadArchive);
        assert!(!world.volume().join("file").exists());
    }
    let world = World::new();
    let mut name = Header::new_gnu();
    name.set_entry_type(EntryType::GNULongName);
    name.set_size(1 << 40);
    name.set_cksum();
    assert_eq!(kind(import(&world, name.as_bytes())), TreeErrorKind::BadArchive);
}

#[test]
fn a_bomb_ends_at_the_quota() {
    let world = World::new();
    let limit = Limit {
        bytes: 1 << 20,
        inodes: 100,
    };
    let quota = Arc::new(Quota::open(&world.dir.path().join("ledger"), &world.volume(), limit).unwrap());
    let tree = world.tree.clone().with_quota(Arc::clone(&quota));
    let large = archive(&[file("kept", &[1; 1000]), file("bomb", &vec![0; 3 << 20])]);
    let error = tree
        .import_tar(Path::new("."), &mut &large[..], &mut go_on)
        .unwrap_err();
    assert_eq!(error.kind, TreeErrorKind::QuotaExceeded);
    assert_eq!(error.path, Path::new("bomb"));
    assert_eq!(fs::read_dir(world.volume()).unwrap().count(), 1);
    let many: Vec<_> = (0..200).map(|index| file(&format!("{index}"), b"")).collect();
    let result = tree.import_tar(Path::new("."), &mut &archive(&many)[..], &mut go_on);
    assert_eq!(kind(result), TreeErrorKind::QuotaExceeded);
    assert_eq!(tree.usage().unwrap(), quota.usage());
    assert_eq!(quota.usage().inodes, 100);
}

#[test]
fn existing_files_are_replaced_and_never_written_through() {
    let world = World::new();
    let volume = world.volume();
    symlink("../outside/secret", volume.join("link")).unwrap();
    fs::write(volume.join("one"), b"old").unwrap();
    fs::hard_link(volume.join("one"), volume.join("two")).unwrap();
    fs::create_dir(volume.join("dir")).unwrap();
    fs::set_permissions(volume.join("dir"), fs::Permissions::from_mode(0o711)).unwrap();
    symlink("dir", volume.join("lib")).unwrap();
    let members = [
        file("link", b"mine"),
        file("one", b"new"),
        member(EntryType::Directory, b"dir", b"", b""),
        member(EntryType::Directory, b"lib/", b"", b""),
        file("lib/inner", b"x"),
        member(EntryType::Link, b"again", b"lib/inner", b""),
    ];
    import(&world, &archive(&members)).unwrap();
    assert_eq!(fs::read(volume.join("link")).unwrap(), b"mine");
    assert_eq!(fs::read(volume.join("two")).unwrap(), b"old");
    assert_eq!(fs::read(volume.join("again")).unwrap(), b"x");
    assert_eq!(fs::metadata(volume.join("dir")).unwrap().mode() & 0o777, 0o711);
    assert!(fs::symlink_metadata(volume.join("lib")).unwrap().is_symlink());
    world.assert_outside_untouched();
    // A file is no place for a directory, nor the other way round.
    assert_eq!(
        kind(import(&world, &archive(&[file("dir", b"x")]))),
        TreeErrorKind::IsADirectory
    );
}

#[test]
fn set_id_bits_do_not_come_out_of_an_archive() {
    let world = World::new();
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_path("program").unwrap();
    header.set_mode(0o6755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header.set_cksum();
    import(&world, &archive(&[header.as_bytes().to_vec()])).unwrap();
    assert_eq!(world.tree.stat(Path::new("program"), true).unwrap().mode, 0o755);
}

#[test]
fn a_compressed_archive_is_told_from_a_damaged_one() {
    let world = World::new();
    let long = [&b"\x28\xb5\x2f\xfd"[..], &[7; 600]].concat();
    for (bytes, is_compressed) in [
        (&b"\x1f\x8b\x08\0"[..], true),
        (&long, true),
        (b"short", false),
        (&[7; 600], false),
    ] {
        let error = import(&world, bytes).unwrap_err();
        assert_eq!(error.kind, TreeErrorKind::BadArchive);
        assert_eq!(
            error.what.contains("decompressed first"),
            is_compressed,
            "{error}"
        );
    }
    assert_eq!(world.tree.usage().unwrap().inodes, 0);
}

#[test]
fn progress_is_told_and_its_no_is_obeyed() {
    let world = World::new();
    world
        .tree
        .write(Path::new("large"), &vec![9; 2 << 20], WriteMode::Replace, 0o600)
        .unwrap();
    let mut told = Vec::new();
    let mut bytes = Vec::new();
    let mut tell = |progress: &Progress| {
        told.push(*progress);
        true
    };
    let done = world
        .tree
        .export_tar(Path::new("."), &mut bytes, &mut tell)
        .unwrap();
    assert_eq!(told.last(), Some(&done));
    assert_eq!((done.bytes, done.entries), (2 << 20, 1));
    assert!(told.len() >= 8);
    let mut stop = |progress: &Progress| progress.bytes < 1 << 20;
    let stopped = world.tree.export_tar(Path::new("."), &mut Vec::new(), &mut stop);
    assert_eq!(kind(stopped), TreeErrorKind::Cancelled);
    let other = World::new();
    let stopped = other.tree.import_tar(Path::new("."), &mut &bytes[..], &mut stop);
    assert_eq!(kind(stopped), TreeErrorKind::Cancelled);
    assert_eq!(
        fs::read_dir(other.volume()).unwrap().count(),
        0,
        "half a file stayed"
    );
}

#[test]
fn long_runs_of_zeros_become_holes() {
    let world = World::new();
    let sparse = fs::File::create(world.volume().join("sparse")).unwrap();
    sparse.set_len(32 << 20).unwrap();
    let mut bytes = Vec::new();
    world
        .tree
        .export_tar(Path::new("sparse"), &mut bytes, &mut go_on)
        .unwrap();
    let other = World::new();
    import(&other, &bytes).unwrap();
    let back = fs::metadata(other.volume().join("sparse")).unwrap();
    assert_eq!(back.len(), 32 << 20);
    assert!(back.blocks() * 512 < 1 << 20);
}
