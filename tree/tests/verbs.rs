//! What each verb does on an ordinary tree.

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

use common::{World, kind, leftovers};
use msb_tree::{FileKind, OpenOptions, Tree, TreeErrorKind, WriteMode};

fn p(path: &str) -> &Path {
    Path::new(path)
}

const EDIT: OpenOptions = OpenOptions {
    read: true,
    write: true,
    create: true,
    exclusive: false,
    truncate: false,
    append: false,
    mode: 0o644,
};

#[test]
fn what_is_written_is_read_back_in_every_way() {
    let world = World::new();
    let tree = &world.tree;
    for size in [0, 1, 5, 4095, 4096, 4097, 300_000] {
        let data: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        for how in [WriteMode::Replace, WriteMode::Atomic] {
            tree.write(p("file"), &data, how, 0o600).unwrap();
            assert_eq!(tree.read(p("file"), 1 << 20).unwrap(), data);
            assert_eq!(tree.stat(p("file"), true).unwrap().size, size);
        }
        tree.write(p("file"), b"tail", WriteMode::Append, 0o600).unwrap();
        assert_eq!(
            tree.read(p("file"), 1 << 20).unwrap(),
            [&data, &b"tail"[..]].concat()
        );
    }
    assert_eq!(leftovers(&world.volume()), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_file_larger_than_the_callers_limit_is_not_read() {
    let world = World::new();
    world
        .tree
        .write(p("file"), &[7; 100], WriteMode::Replace, 0o600)
        .unwrap();
    assert_eq!(kind(world.tree.read(p("file"), 99)), TreeErrorKind::TooLarge);
    assert_eq!(world.tree.read(p("file"), 100).unwrap().len(), 100);
    // A hole of 4 EiB takes no memory to refuse, even without a limit.
    let file = fs::File::create(world.volume().join("huge")).unwrap();
    if file.set_len(1 << 43).is_ok() {
        assert_eq!(kind(world.tree.read(p("huge"), 1 << 42)), TreeErrorKind::TooLarge);
    }
}

#[test]
fn files_that_claim_to_be_empty_are_read_to_their_end() {
    let tree = Tree::whole().unwrap();
    let status = tree.read(p("/proc/self/status"), 1 << 20).unwrap();
    assert!(status.starts_with(b"Name:"));
    assert_eq!(
        tree.read(p("proc/self/status"), 1 << 20).unwrap()[..5],
        status[..5]
    );
    assert_eq!(
        kind(tree.read(p("/proc/self/status"), 8)),
        TreeErrorKind::TooLarge
    );
}

#[test]
fn an_atomic_write_replaces_a_link_and_a_plain_one_follows_it() {
    let world = World::new();
    let tree = &world.tree;
    tree.write(p("real"), b"old", WriteMode::Replace, 0o600).unwrap();
    tree.symlink(OsStr::new("real"), p("link")).unwrap();
    tree.write(p("link"), b"through", WriteMode::Replace, 0o600)
        .unwrap();
    assert_eq!(tree.read(p("real"), 100).unwrap(), b"through");
    tree.write(p("link"), b"instead", WriteMode::Atomic, 0o600)
        .unwrap();
    assert_eq!(tree.read(p("real"), 100).unwrap(), b"through");
    assert_eq!(tree.stat(p("link"), false).unwrap().kind, FileKind::File);
}

#[test]
fn an_atomic_write_that_fails_leaves_nothing_behind() {
    let world = World::new();
    world.tree.mkdir(p("dir"), 0o755, false).unwrap();
    world
        .tree
        .write(p("dir/inside"), b"x", WriteMode::Replace, 0o600)
        .unwrap();
    assert_eq!(
        kind(world.tree.write(p("dir"), b"data", WriteMode::Atomic, 0o600)),
        TreeErrorKind::IsADirectory
    );
    assert_eq!(
        kind(
            world
                .tree
                .write(p("none/file"), b"data", WriteMode::Atomic, 0o600)
        ),
        TreeErrorKind::NotFound
    );
    assert_eq!(leftovers(&world.volume()), [] as [std::path::PathBuf; 0]);
}

#[test]
fn an_open_file_reads_writes_and_changes_its_size_in_place() {
    let world = World::new();
    let file = world.tree.open(p("file"), &EDIT).unwrap();
    assert_eq!(file.pwrite(b"hello world", 0).unwrap(), 11);
    assert_eq!(file.pwrite(b"W", 6).unwrap(), 1);
    let mut buffer = [0; 64];
    assert_eq!(file.pread(&mut buffer, 6).unwrap(), 5);
    assert_eq!(&buffer[..5], b"World");
    assert_eq!(file.append(b"!").unwrap(), 1);
    assert_eq!(file.size().unwrap(), 12);
    file.truncate(5).unwrap();
    assert_eq!(world.tree.read(p("file"), 100).unwrap(), b"hello");
    file.truncate(7).unwrap();
    assert_eq!(world.tree.read(p("file"), 100).unwrap(), b"hello\0\0");
    file.sync().unwrap();
    assert_eq!(file.stat().unwrap().name, b"file");
    assert_eq!(file.pread(&mut buffer, u64::MAX >> 1).unwrap(), 0);
    assert_eq!(kind(file.pwrite(b"x", u64::MAX)), TreeErrorKind::TooLarge);
}

#[test]
fn the_ways_of_opening_mean_what_they_say() {
    let world = World::new();
    let tree = &world.tree;
    let only_read = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    assert_eq!(kind(tree.open(p("file"), &only_read)), TreeErrorKind::NotFound);
    assert_eq!(
        kind(tree.open(p("file"), &OpenOptions::default())),
        TreeErrorKind::Io
    );
    let exclusive = OpenOptions {
        exclusive: true,
        ..EDIT
    };
    tree.open(p("file"), &exclusive)
        .unwrap()
        .pwrite(b"12345", 0)
        .unwrap();
    assert_eq!(
        kind(tree.open(p("file"), &exclusive)),
        TreeErrorKind::AlreadyExists
    );
    let appending = OpenOptions { append: true, ..EDIT };
    tree.open(p("file"), &appending).unwrap().pwrite(b"6", 0).unwrap();
    assert_eq!(tree.read(p("file"), 100).unwrap(), b"123456");
    let truncating = OpenOptions {
        truncate: true,
        ..EDIT
    };
    assert_eq!(tree.open(p("file"), &truncating).unwrap().size().unwrap(), 0);
    let reader = tree.open(p("file"), &only_read).unwrap();
    let refused = reader.pwrite(b"x", 0).unwrap_err();
    assert_eq!(
        (refused.kind, refused.errno()),
        (TreeErrorKind::NotOpenFor, Some(9))
    );
    tree.mkdir(p("dir"), 0o755, false).unwrap();
    assert_eq!(kind(tree.open(p("dir"), &only_read)), TreeErrorKind::IsADirectory);
    assert_eq!(kind(tree.open(p("dir"), &EDIT)), TreeErrorKind::IsADirectory);
}

#[test]
fn directories_are_made_with_their_parents_and_twice() {
    let world = World::new();
    let tree = &world.tree;
    assert_eq!(kind(tree.mkdir(p("a/b"), 0o755, false)), TreeErrorKind::NotFound);
    tree.mkdir(p("a/b/c"), 0o750, true).unwrap();
    tree.mkdir(p("a/b/c/"), 0o755, true).unwrap();
    tree.mkdir(p("a/./b/../b/d"), 0o755, true).unwrap();
    tree.mkdir(p("."), 0o755, true).unwrap();
    assert_eq!(
        kind(tree.mkdir(p("a"), 0o755, false)),
        TreeErrorKind::AlreadyExists
    );
    assert_eq!(tree.stat(p("a/b/c"), true).unwrap().mode, 0o750);
    tree.write(p("file"), b"", WriteMode::Replace, 0o600).unwrap();
    assert_eq!(
        kind(tree.mkdir(p("file"), 0o755, true)),
        TreeErrorKind::NotADirectory
    );
    assert_eq!(
        kind(tree.mkdir(p("file/x"), 0o755, true)),
        TreeErrorKind::NotADirectory
    );
    tree.symlink(OsStr::new("a/b"), p("link")).unwrap();
    tree.mkdir(p("link/e/f"), 0o755, true).unwrap();
    assert!(world.volume().join("a/b/e/f").is_dir());
}

#[test]
fn removing_tells_files_directories_and_full_directories_apart() {
    let world = World::new();
    let tree = &world.tree;
    tree.mkdir(p("dir/sub"), 0o755, true).unwrap();
    tree.write(p("dir/file"), b"x", WriteMode::Replace, 0o600)
        .unwrap();
    symlink("dir", world.volume().join("link")).unwrap();
    assert_eq!(kind(tree.remove(p("dir"))), TreeErrorKind::IsADirectory);
    assert_eq!(kind(tree.remove(p("none"))), TreeErrorKind::NotFound);
    assert_eq!(kind(tree.remove_dir(p("dir"), false)), TreeErrorKind::NotEmpty);
    assert_eq!(
        kind(tree.remove_dir(p("dir/file"), false)),
        TreeErrorKind::NotADirectory
    );
    assert_eq!(
        kind(tree.remove_dir(p("dir/file"), true)),
        TreeErrorKind::NotADirectory
    );
    assert_eq!(
        kind(tree.remove_dir(p("link"), true)),
        TreeErrorKind::NotADirectory
    );
    assert_eq!(kind(tree.remove_dir(p("."), true)), TreeErrorKind::BadPath);
    assert_eq!(kind(tree.remove_dir(p("dir/.."), true)), TreeErrorKind::BadPath);
    tree.remove(p("link")).unwrap();
    tree.remove_dir(p("dir/sub"), false).unwrap();
    tree.remove_dir(p("dir"), true).unwrap();
    assert!(!tree.exists(p("dir")).unwrap());
}

#[test]
fn renaming_replaces_files_and_never_full_directories() {
    let world = World::new();
    let tree = &world.tree;
    tree.write(p("one"), b"1", WriteMode::Replace, 0o600).unwrap();
    tree.write(p("two"), b"2", WriteMode::Replace, 0o600).unwrap();
    tree.mkdir(p("dir/full"), 0o755, true).unwrap();
    tree.rename(p("one"), p("two")).unwrap();
    assert_eq!(tree.read(p("two"), 10).unwrap(), b"1");
    assert_eq!(kind(tree.rename(p("one"), p("two"))), TreeErrorKind::NotFound);
    assert_eq!(kind(tree.rename(p("two"), p("dir"))), TreeErrorKind::IsADirectory);
    tree.mkdir(p("other"), 0o755, false).unwrap();
    assert_eq!(kind(tree.rename(p("other"), p("dir"))), TreeErrorKind::NotEmpty);
    assert_eq!(
        kind(tree.rename(p("dir"), p("dir/full/x"))),
        TreeErrorKind::BadPath
    );
    tree.rename(p("dir"), p("other")).unwrap();
    assert!(tree.exists(p("other/full")).unwrap());
}

#[test]
fn links_store_any_target_and_give_it_back() {
    let world = World::new();
    let tree = &world.tree;
    for (name, target) in [("a", "x"), ("b", "/etc/passwd"), ("c", "../../..")] {
        tree.symlink(OsStr::new(target), p(name)).unwrap();
        assert_eq!(tree.readlink(p(name)).unwrap(), target.as_bytes());
        assert_eq!(tree.stat(p(name), false).unwrap().kind, FileKind::Symlink);
    }
    assert!(!tree.exists(p("a")).unwrap());
    assert_eq!(kind(tree.symlink(OsStr::new(""), p("d"))), TreeErrorKind::BadPath);
    assert_eq!(
        kind(tree.symlink(OsStr::new("x"), p("a"))),
        TreeErrorKind::AlreadyExists
    );
    tree.write(p("file"), b"", WriteMode::Replace, 0o600).unwrap();
    assert_eq!(kind(tree.readlink(p("file"))), TreeErrorKind::NotAFile);
}

#[test]
fn mode_and_times_are_set_and_told() {
    let world = World::new();
    let tree = &world.tree;
    tree.write(p("file"), b"x", WriteMode::Replace, 0o600).unwrap();
    tree.chmod(p("file"), 0o4751).unwrap();
    tree.utimes(p("file"), Some(1_000_000_000_123_456_789), Some(-1_500_000_000))
        .unwrap();
    let info = tree.stat(p("file"), true).unwrap();
    assert_eq!(info.mode, 0o4751);
    assert_eq!(info.accessed_ns, 1_000_000_000_123_456_789);
    assert_eq!(info.modified_ns, -1_500_000_000);
    tree.utimes(p("file"), None, Some(7)).unwrap();
    let info = tree.stat(p("file"), true).unwrap();
    assert_eq!(
        (info.accessed_ns, info.modified_ns),
        (1_000_000_000_123_456_789, 7)
    );
    // What cannot be read can still be changed.
    tree.chmod(p("file"), 0).unwrap();
    tree.chmod(p("file"), 0o640).unwrap();
    let real = fs::metadata(world.volume().join("file")).unwrap();
    assert_eq!(
        (info.inode, info.device, info.nlink, info.uid),
        (real.ino(), real.dev(), real.nlink(), real.uid())
    );
}

#[test]
fn owners_are_changed_of_a_name_or_of_everything_below_it() {
    let world = World::new();
    if fs::metadata(world.volume()).unwrap().uid() != 0 {
        println!("skipped: only root gives files away");
        return;
    }
    let tree = &world.tree;
    let owner = |path: &str| {
        let info = tree.stat(p(path), false).unwrap();
        (info.uid, info.gid)
    };
    tree.mkdir(p("a/b/c"), 0o755, true).unwrap();
    tree.write(p("a/b/file"), b"", WriteMode::Replace, 0o644).unwrap();
    tree.write(p("outside"), b"", WriteMode::Replace, 0o644).unwrap();
    tree.symlink("../../outside".as_ref(), p("a/b/link")).unwrap();
    tree.chown(p("a"), Some(5), None, false).unwrap();
    assert_eq!((owner("a"), owner("a/b")), ((5, 0), (0, 0)));
    tree.chown(p("a"), None, Some(6), true).unwrap();
    assert_eq!(owner("a"), (5, 6));
    for below in ["a/b", "a/b/c", "a/b/file", "a/b/link"] {
        assert_eq!(owner(below), (0, 6), "{below}");
    }
    tree.chown(p("a/b/link"), Some(7), None, true).unwrap();
    assert_eq!((owner("a/b/link"), owner("outside")), ((7, 6), (0, 0)));
    let missing = tree.chown(p("none"), Some(1), None, true).unwrap_err();
    assert_eq!(missing.kind, TreeErrorKind::NotFound);
    world.assert_outside_untouched();
}

#[test]
fn a_tree_is_copied_with_modes_times_links_and_holes() {
    let world = World::new();
    let tree = &world.tree;
    tree.mkdir(p("from/sub/empty"), 0o755, true).unwrap();
    tree.write(p("from/file"), b"content", WriteMode::Replace, 0o600)
        .unwrap();
    tree.symlink(OsStr::new("../../outside/secret"), p("from/sub/link"))
        .unwrap();
    let sparse = tree.open(p("from/sparse"), &EDIT).unwrap();
    sparse.pwrite(b"middle", 50 << 20).unwrap();
    sparse.truncate(100 << 20).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        world.volume().join("from/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    tree.chmod(p("from/file"), 0o4711).unwrap();
    tree.chmod(p("from/sub"), 0o1700).unwrap();
    tree.utimes(p("from/file"), Some(11), Some(22)).unwrap();
    tree.utimes(p("from/sub"), Some(33), Some(44)).unwrap();
    tree.copy(p("from"), p("to")).unwrap();

    let info = tree.stat(p("to/file"), true).unwrap();
    assert_eq!((info.mode, info.modified_ns), (0o4711, 22));
    let info = tree.stat(p("to/sub"), true).unwrap();
    assert_eq!((info.mode, info.modified_ns), (0o1700, 44));
    assert_eq!(tree.readlink(p("to/sub/link")).unwrap(), b"../../outside/secret");
    assert!(tree.exists(p("to/sub/empty")).unwrap());
    assert!(!tree.exists(p("to/pipe")).unwrap());
    let copied = fs::metadata(world.volume().join("to/sparse")).unwrap();
    assert_eq!(copied.len(), 100 << 20);
    assert!(
        copied.blocks() * 512 < 4 << 20,
        "holes became {} blocks",
        copied.blocks()
    );
    let mut middle = [0; 8];
    tree.open(p("to/sparse"), &EDIT)
        .unwrap()
        .pread(&mut middle, (50 << 20) - 1)
        .unwrap();
    assert_eq!(&middle, b"\0middle\0");

    assert_eq!(kind(tree.copy(p("from"), p("to"))), TreeErrorKind::AlreadyExists);
    assert_eq!(
        kind(tree.copy(p("from"), p("from/sub/copy"))),
        TreeErrorKind::BadPath
    );
    assert_eq!(kind(tree.copy(p("from"), p("from/copy"))), TreeErrorKind::BadPath);
    assert_eq!(
        kind(tree.copy(p("from/pipe"), p("pipe"))),
        TreeErrorKind::NotAFile
    );
    tree.copy(p("from/sub/link"), p("link")).unwrap();
    assert_eq!(tree.readlink(p("link")).unwrap(), b"../../outside/secret");
    tree.copy(p("from/file"), p("link")).unwrap();
    assert_eq!(tree.read(p("link"), 100).unwrap(), b"content");
    assert_eq!(leftovers(&world.volume()), [] as [std::path::PathBuf; 0]);
    world.assert_outside_untouched();
}

#[test]
fn usage_counts_each_inode_once() {
    let world = World::new();
    let tree = &world.tree;
    assert_eq!(tree.usage().unwrap(), msb_tree::Usage::default());
    tree.mkdir(p("dir"), 0o755, false).unwrap();
    tree.write(p("dir/file"), &[1; 1000], WriteMode::Replace, 0o600)
        .unwrap();
    fs::hard_link(world.volume().join("dir/file"), world.volume().join("again")).unwrap();
    tree.symlink(OsStr::new("dir"), p("link")).unwrap();
    let usage = tree.usage().unwrap();
    assert_eq!((usage.bytes, usage.inodes), (1000, 3));
}

#[test]
fn errors_name_the_path_and_say_what_to_do() {
    let world = World::new();
    let error = world.tree.read(p("no/such"), 10).unwrap_err();
    assert_eq!(error.path, p("no/such"));
    assert_eq!(error.errno(), Some(2));
    assert_eq!(
        error.to_string(),
        "cannot read no/such; it does not exist: check the path"
    );
    assert!(std::error::Error::source(&error).is_some());
    fs::set_permissions(world.volume(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(
        kind(Tree::beneath(&world.volume().join("none"))),
        TreeErrorKind::NotFound
    );
}

#[test]
fn a_file_refuses_what_it_was_not_opened_for() {
    let world = World::new();
    world
        .tree
        .write(p("file"), b"data", WriteMode::Replace, 0o600)
        .unwrap();
    let open = |read, write| {
        let options = OpenOptions {
            read,
            write,
            create: false,
            ..EDIT
        };
        world.tree.open(p("file"), &options).unwrap()
    };
    let reader = open(true, false);
    assert_eq!(kind(reader.pwrite(b"x", 0)), TreeErrorKind::NotOpenFor);
    assert_eq!(kind(reader.append(b"x")), TreeErrorKind::NotOpenFor);
    assert_eq!(kind(reader.truncate(0)), TreeErrorKind::NotOpenFor);
    assert_eq!(
        kind(open(false, true).pread(&mut [0; 4], 0)),
        TreeErrorKind::NotOpenFor
    );
    assert_eq!(world.tree.read(p("file"), 100).unwrap(), b"data");
}

#[test]
fn a_slash_at_the_end_is_for_directories_only() {
    let world = World::new();
    let tree = &world.tree;
    tree.write(p("file"), b"data", WriteMode::Replace, 0o600).unwrap();
    tree.symlink(OsStr::new("dir"), p("link")).unwrap();
    tree.mkdir(p("dir/"), 0o755, false).unwrap();
    for name in ["file/", "link/"] {
        assert_eq!(kind(tree.remove(p(name))), TreeErrorKind::NotADirectory, "{name}");
        assert_eq!(
            kind(tree.rename(p(name), p("new"))),
            TreeErrorKind::NotADirectory,
            "{name}"
        );
        assert_eq!(
            kind(tree.copy(p(name), p("new"))),
            TreeErrorKind::NotADirectory,
            "{name}"
        );
    }
    for name in ["new/", "dir/new/"] {
        assert_eq!(
            kind(tree.rename(p("file"), p(name))),
            TreeErrorKind::NotADirectory,
            "{name}"
        );
        assert_eq!(
            kind(tree.copy(p("file"), p(name))),
            TreeErrorKind::NotADirectory,
            "{name}"
        );
        assert_eq!(
            kind(tree.symlink(OsStr::new("x"), p(name))),
            TreeErrorKind::NotADirectory,
            "{name}"
        );
    }
    assert_eq!(kind(tree.read(p("file/"), 100)), TreeErrorKind::NotADirectory);
    tree.rename(p("dir/"), p("moved/")).unwrap();
    tree.copy(p("moved/"), p("copied/")).unwrap();
    tree.remove_dir(p("copied/"), true).unwrap();
    tree.remove_dir(p("moved/"), false).unwrap();
}

#[test]
fn a_copy_takes_the_place_of_a_file_and_never_of_a_directory() {
    let world = World::new();
    let tree = &world.tree;
    tree.write(p("new"), b"new", WriteMode::Replace, 0o600).unwrap();
    tree.write(p("old"), b"old", WriteMode::Replace, 0o600).unwrap();
    tree.mkdir(p("dir"), 0o755, false).unwrap();
    tree.copy(p("new"), p("old")).unwrap();
    assert_eq!(tree.read(p("old"), 100).unwrap(), b"new");
    assert_eq!(kind(tree.copy(p("new"), p("dir"))), TreeErrorKind::IsADirectory);
    tree.mkdir(p("other"), 0o755, false).unwrap();
    assert_eq!(
        kind(tree.copy(p("dir"), p("other"))),
        TreeErrorKind::AlreadyExists
    );
}

#[test]
fn a_root_that_became_a_link_is_not_opened() {
    let world = World::new();
    let link = world.dir.path().join("link");
    symlink(world.volume(), &link).unwrap();
    assert_eq!(kind(Tree::beneath_itself(&link)), TreeErrorKind::NotADirectory);
    Tree::beneath_itself(&world.volume()).unwrap();
}
