//! What must not work, whatever a path says and whatever the tree contains: every verb on paths that lead out, on
//! what blocks or is no file, and on impossible names. Changes during a verb are in `races.rs`.

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
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{SECRET, World, kind, leftovers};
use msb_tree::{FileKind, OpenOptions, Progress, Tree, TreeError, TreeErrorKind, WriteMode};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

type Verb = (&'static str, Box<dyn Fn(&Tree, &Path) -> Result<(), TreeError>>);

fn verb(name: &'static str, run: impl Fn(&Tree, &Path) -> Result<(), TreeError> + 'static) -> Verb {
    (name, Box::new(run))
}

/// Verbs that resolve the last component too: a link there leads to what it points to.
fn following() -> Vec<Verb> {
    let open = |read, write, create| {
        move |tree: &Tree, path: &Path| {
            let options = OpenOptions {
                read,
                write,
                create,
                mode: 0o600,
                ..OpenOptions::default()
            };
            tree.open(path, &options).map(drop)
        }
    };
    vec![
        verb("read", |tree, path| {
            let content = tree.read(path, 1 << 20)?;
            assert_ne!(content, SECRET);
            Ok(())
        }),
        verb("write", |tree, path| {
            tree.write(path, b"attack", WriteMode::Replace, 0o600)
        }),
        verb("append", |tree, path| {
            tree.write(path, b"attack", WriteMode::Append, 0o600)
        }),
        verb("open to read", open(true, false, false)),
        verb("open to write", open(false, true, false)),
        verb("open to make", open(true, true, true)),
        verb("list", |tree, path| tree.list(path, 0, 10).map(drop)),
        verb("stat", |tree, path| tree.stat(path, true).map(drop)),
        verb("exists", |tree, path| {
            if tree.exists(path)? {
                return Ok(());
            }
            Err(TreeError::refused(TreeErrorKind::NotADirectory, "find", path))
        }),
        verb("mkdir with parents", |tree, path| tree.mkdir(path, 0o755, true)),
        verb("chmod", |tree, path| tree.chmod(path, 0o777)),
        verb("utimes", |tree, path| tree.utimes(path, Some(1), Some(1))),
        verb("import", |tree, path| {
            let mut archive = vec![0; 1024];
            archive.truncate(1024);
            tree.import_tar(path, &mut &archive[..], &mut go_on).map(drop)
        }),
    ]
}

/// Verbs on the name itself.
fn naming() -> Vec<Verb> {
    vec![
        verb("atomic write", |tree, path| {
            tree.write(path, b"attack", WriteMode::Atomic, 0o600)
        }),
        verb("stat without following", |tree, path| {
            tree.stat(path, false).map(drop)
        }),
        verb("mkdir", |tree, path| tree.mkdir(path, 0o755, false)),
        verb("remove", |tree, path| tree.remove(path)),
        verb("remove_dir", |tree, path| tree.remove_dir(path, false)),
        verb("remove_dir recursive", |tree, path| tree.remove_dir(path, true)),
        verb("copy from", |tree, path| tree.copy(path, Path::new("copied"))),
        verb("copy to", |tree, path| tree.copy(Path::new("own"), path)),
        verb("rename from", |tree, path| {
            tree.rename(path, Path::new("renamed"))
        }),
        verb("rename to", |tree, path| tree.rename(Path::new("own"), path)),
        verb("symlink", |tree, path| tree.symlink(OsStr::new("own"), path)),
        verb("readlink", |tree, path| tree.readlink(path).map(drop)),
        verb("export", |tree, path| {
            let mut archive = Vec::new();
            let done = tree.export_tar(path, &mut archive, &mut go_on).map(drop);
            assert!(!contains(&archive, SECRET));
            done
        }),
    ]
}

fn go_on(_: &Progress) -> bool {
    true
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

/// A world with `own` in it, for every attempt afresh.
fn world() -> World {
    let world = World::new();
    fs::write(world.volume().join("own"), b"own").unwrap();
    world
}

#[test]
fn impossible_paths_are_refused_by_every_verb() {
    let long = "x".repeat(300);
    let paths: Vec<PathBuf> = vec![
        "".into(),
        OsStr::from_bytes(b"a\0b").into(),
        OsStr::from_bytes(b"own\0").into(),
        "/".into(),
        "/etc/passwd".into(),
        "//own".into(),
        (&long).into(),
        format!("dir/{long}").into(),
        format!("{long}/file").into(),
        "a/".repeat(2100).into(),
    ];
    let world = world();
    for path in paths {
        for (name, run) in following().into_iter().chain(naming()) {
            let error = run(&world.tree, &path).expect_err(name);
            assert_eq!(error.kind, TreeErrorKind::BadPath, "{name} {path:?}: {error}");
            assert_eq!(error.path, path, "{name} names another path");
        }
    }
    assert_eq!(fs::read_dir(world.volume()).unwrap().count(), 1);
}

#[test]
fn dots_lead_nowhere_outside_with_any_verb() {
    for path in [
        "..",
        "../outside/secret",
        "../outside",
        "./../outside/secret",
        "own/../../outside/secret",
        "dir/../../outside/secret",
        "../volume/own",
        "dir/../..",
        "../outside/new",
    ] {
        let world = world();
        fs::create_dir(world.volume().join("dir")).unwrap();
        for (name, run) in following().into_iter().chain(naming()) {
            let error = run(&world.tree, Path::new(path)).expect_err(name);
            assert!(
                matches!(
                    error.kind,
                    TreeErrorKind::OutsideRoot | TreeErrorKind::BadPath | TreeErrorKind::NotADirectory
                ),
                "{name} {path}: {error}"
            );
            world.assert_outside_untouched();
            assert_eq!(leftovers(world.dir.path()), [] as [PathBuf; 0]);
        }
    }
}

#[test]
fn links_lead_nowhere_outside_with_any_verb() {
    let targets = |world: &World| {
        let outside = world.outside();
        [
            PathBuf::from("../outside"),
            outside.clone(),
            PathBuf::from("/etc"),
            PathBuf::from("/"),
            PathBuf::from(".."),
            PathBuf::from("/proc/self/root"),
            PathBuf::from("/proc/self/cwd"),
            PathBuf::from("link2"),
        ]
    };
    for index in 0..8 {
        let world = world();
        symlink(&targets(&world)[index], world.volume().join("link")).unwrap();
        symlink("../outside", world.volume().join("link2")).unwrap();
        // Through the link: a path of every verb has it in the middle.
        for suffix in ["secret", "sub", "passwd", "new/name"] {
            for (name, run) in following().into_iter().chain(naming()) {
                let error = run(&world.tree, &Path::new("link").join(suffix)).expect_err(name);
                assert_eq!(
                    error.kind,
                    TreeErrorKind::OutsideRoot,
                    "{name} {index} {suffix}: {error}"
                );
                world.assert_outside_untouched();
            }
        }
        // The link itself.
        for (name, run) in following() {
            let error = run(&world.tree, Path::new("link")).expect_err(name);
            assert_eq!(error.kind, TreeErrorKind::OutsideRoot, "{name} {index}: {error}");
            world.assert_outside_untouched();
        }
        // Verbs on names change the link, and nothing that it points to.
        for (name, run) in naming() {
            let world = self::world();
            symlink(&targets(&world)[index], world.volume().join("link")).unwrap();
            let done = run(&world.tree, Path::new("link"));
            if let Err(error) = done {
                assert!(
                    matches!(
                        error.kind,
                        TreeErrorKind::NotADirectory | TreeErrorKind::AlreadyExists
                    ),
                    "{name} {index}: {error}"
                );
            }
            world.assert_outside_untouched();
        }
    }
}

#[test]
fn a_dangling_link_out_makes_no_file_outside() {
    let world = world();
    symlink("../outside/made", world.volume().join("link")).unwrap();
    symlink("inside", world.volume().join("good")).unwrap();
    for how in [WriteMode::Replace, WriteMode::Append] {
        let done = world.tree.write(Path::new("link"), b"x", how, 0o600);
        assert_eq!(kind(done), TreeErrorKind::OutsideRoot);
        world.tree.write(Path::new("good"), b"x", how, 0o600).unwrap();
    }
    world.assert_outside_untouched();
    assert!(world.volume().join("inside").exists());
}

#[test]
fn a_loop_of_links_is_told() {
    let world = world();
    symlink("b", world.volume().join("a")).unwrap();
    symlink("a", world.volume().join("b")).unwrap();
    assert_eq!(kind(world.tree.read(Path::new("a"), 10)), TreeErrorKind::Loop);
    assert_eq!(kind(world.tree.read(Path::new("a/b/c"), 10)), TreeErrorKind::Loop);
}

#[test]
fn pipes_sockets_and_devices_are_not_opened_and_never_waited_for() {
    let world = world();
    let volume = world.volume();
    mknodat(CWD, volume.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(volume.join("socket")).unwrap();
    let mut names = vec!["pipe", "socket"];
    let null = mknodat(
        CWD,
        volume.join("null"),
        FileType::CharacterDevice,
        Mode::RWXU,
        makedev(1, 3),
    );
    if null.is_ok() {
        names.push("null");
    } else {
        println!("skipped: a device cannot be made here");
    }
    for name in names {
        let path = Path::new(name);
        let tree = &world.tree;
        assert_eq!(kind(tree.read(path, 10)), TreeErrorKind::NotAFile, "{name}");
        for how in [WriteMode::Replace, WriteMode::Append] {
            assert_eq!(
                kind(tree.write(path, b"x", how, 0o600)),
                TreeErrorKind::NotAFile,
                "{name}"
            );
        }
        for (read, write) in [(true, false), (false, true), (true, true)] {
            let options = OpenOptions {
                read,
                write,
                ..OpenOptions::default()
            };
            assert_eq!(kind(tree.open(path, &options)), TreeErrorKind::NotAFile, "{name}");
        }
        assert_eq!(kind(tree.copy(path, Path::new("copy"))), TreeErrorKind::NotAFile);
        assert_eq!(
            kind(tree.export_tar(path, &mut Vec::new(), &mut go_on)),
            TreeErrorKind::NotAFile
        );
        assert_ne!(tree.stat(path, true).unwrap().kind, FileKind::File);
        tree.chmod(path, 0o600).unwrap();
        tree.utimes(path, Some(1), Some(1)).unwrap();
        tree.remove(path).unwrap();
    }
}

#[test]
fn a_hard_link_out_cannot_be_made_and_an_inner_one_is_one_file() {
    // A hard link has no path to lead out by: only what is inside can get a second name by any verb.
    let world = world();
    fs::hard_link(world.volume().join("own"), world.volume().join("again")).unwrap();
    world
        .tree
        .write(Path::new("again"), b"new", WriteMode::Replace, 0o600)
        .unwrap();
    assert_eq!(world.tree.read(Path::new("own"), 10).unwrap(), b"new");
    world
        .tree
        .write(Path::new("again"), b"apart", WriteMode::Atomic, 0o600)
        .unwrap();
    assert_eq!(world.tree.read(Path::new("own"), 10).unwrap(), b"new");
    assert_eq!(world.tree.stat(Path::new("own"), true).unwrap().nlink, 1);
}

#[test]
fn names_that_are_no_text_work_as_any_other() {
    let world = world();
    let name = OsStr::from_bytes(b"\xff\xfe\n\x01 name");
    world
        .tree
        .write(Path::new(name), b"x", WriteMode::Replace, 0o600)
        .unwrap();
    let page = world.tree.list(Path::new("."), 0, 10).unwrap();
    assert!(page.entries.iter().any(|entry| entry.name == name.as_bytes()));
    world.tree.copy(Path::new(name), Path::new("plain")).unwrap();
    world.tree.remove(Path::new(name)).unwrap();
}
