//! Links that take the place of directories and files, back and forth, while every verb runs: whatever a verb meets,
//! it is inside or it is refused.

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
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use common::{SECRET, StopOnDrop, World, race_time};
use msb_tree::{OpenOptions, Progress, Tree, TreeError, TreeErrorKind, WriteMode};
use rustix::fs::{CWD, RenameFlags, renameat_with};

fn go_on(_: &Progress) -> bool {
    true
}

/// Runs `verbs` again and again while `dir` and `file` change places with links to what is outside.
fn while_flipping(verbs: impl Fn(&Tree, u64) -> Vec<Result<(), TreeError>>) {
    let world = World::new();
    let volume = world.volume();
    let refill = || {
        // What the verbs remove is put back; each of these may exist, as whatever it is just now.
        let _ = fs::create_dir_all(volume.join("dir/sub"));
        let _ = fs::create_dir_all(volume.join("other"));
        let _ = symlink(world.outside(), volume.join("evil"));
        let _ = symlink("../outside/secret", volume.join("evil-file"));
        for name in ["dir/secret", "dir/sub/secret", "file"] {
            if let Ok(mut file) = fs::File::create_new(volume.join(name)) {
                let _ = std::io::Write::write_all(&mut file, b"inner");
            }
        }
    };
    refill();
    let stop = AtomicBool::new(false);
    let flips = AtomicU64::new(0);
    let (mut done, mut refused) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (one, two) in [("dir", "evil"), ("file", "evil-file")] {
                    let flipped = renameat_with(
                        CWD,
                        volume.join(one),
                        CWD,
                        volume.join(two),
                        RenameFlags::EXCHANGE,
                    );
                    if flipped.is_ok() {
                        flips.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        let _stop = StopOnDrop(&stop);
        let start = Instant::now();
        let mut round = 0;
        while start.elapsed() < race_time() {
            for result in verbs(&world.tree, round) {
                match result {
                    Ok(()) => done += 1,
                    Err(error) => {
                        refused += 1;
                        assert_ne!(error.kind, TreeErrorKind::Cancelled, "{error}");
                    }
                }
            }
            round += 1;
            // Written through the volume only when nothing flips would need a pause; `create_new` never follows a
            // final link, and a `dir` that is a link out fails as the directory exists already.
            if round % 16 == 0 && fs::symlink_metadata(volume.join("dir")).is_err() {
                refill();
            }
        }
    });
    println!(
        "{} flips, {done} done, {refused} refused",
        flips.load(Ordering::Relaxed)
    );
    assert!(flips.load(Ordering::Relaxed) > 100, "nothing was raced");
    assert!(
        done > 0 && refused > 0,
        "{done} done, {refused} refused: only one side was met"
    );
    world.assert_outside_untouched();
}

fn is_clean(content: &[u8]) {
    assert!(
        !content.windows(SECRET.len()).any(|window| window == SECRET),
        "the canary was read"
    );
}

fn paths() -> [&'static Path; 8] {
    [
        "dir/secret",
        "dir/sub/secret",
        "file",
        "evil/secret",
        "evil-file",
        "dir/../dir/secret",
        "dir/sub/../../evil/secret",
        "evil/sub/../secret",
    ]
    .map(Path::new)
}

#[test]
fn nothing_outside_is_read_while_links_swap() {
    while_flipping(|tree, _| {
        let mut results = Vec::new();
        for path in paths() {
            results.push(tree.read(path, 1 << 20).map(|content| is_clean(&content)));
            let options = OpenOptions {
                read: true,
                ..OpenOptions::default()
            };
            results.push(tree.open(path, &options).and_then(|file| {
                let mut buffer = [0; 64];
                file.pread(&mut buffer, 0).map(|_| is_clean(&buffer))
            }));
            results.push(tree.stat(path, true).map(|info| {
                assert_ne!(info.size, SECRET.len() as u64, "the canary was looked at");
            }));
            results.push(tree.exists(path).map(drop));
        }
        for path in ["dir", "evil", "dir/sub", "evil/sub", "."].map(Path::new) {
            results.push(tree.list(path, 0, 100).map(|page| {
                assert!(
                    page.entries.iter().all(|entry| entry.name != b"deeper"),
                    "the outside was listed"
                );
            }));
            let mut archive = Vec::new();
            results.push(
                tree.export_tar(path, &mut archive, &mut go_on)
                    .map(|_| is_clean(&archive)),
            );
            results.push(tree.readlink(path).map(drop));
        }
        results.push(tree.usage().map(|usage| assert!(usage.inodes < 20)));
        results
    });
}

#[test]
fn nothing_outside_is_written_while_links_swap() {
    while_flipping(|tree, round| {
        let mut results = Vec::new();
        for path in paths() {
            for how in [WriteMode::Replace, WriteMode::Append] {
                results.push(tree.write(path, b"inner", how, 0o600));
            }
            let options = OpenOptions {
                read: true,
                write: true,
                create: true,
                truncate: true,
                mode: 0o600,
                ..OpenOptions::default()
            };
            results.push(
                tree.open(path, &options)
                    .and_then(|file| file.pwrite(b"inner", 0).map(drop)),
            );
            results.push(tree.chmod(path, 0o600));
            results.push(tree.utimes(path, Some(1), Some(1)));
        }
        let name = format!("new{}", round % 8);
        for parent in ["dir", "evil", "dir/sub", "evil/sub"].map(Path::new) {
            let new = parent.join(&name);
            results.push(tree.write(&new, b"inner", WriteMode::Atomic, 0o600));
            results.push(tree.mkdir(&parent.join("a/b"), 0o700, true));
            results.push(tree.symlink(OsStr::new("/etc"), &parent.join("link")));
            results.push(tree.rename(&new, &parent.join("renamed")));
            results.push(tree.copy(Path::new("file"), &parent.join("copied")));
            results.push(tree.remove(&parent.join("link")));
        }
        results
    });
}

#[test]
fn nothing_outside_is_removed_or_copied_in_while_links_swap() {
    while_flipping(|tree, _| {
        let mut results = Vec::new();
        for from in [
            "dir",
            "evil",
            "file",
            "evil-file",
            "dir/sub",
            "evil/sub",
            "dir/secret",
        ]
        .map(Path::new)
        {
            results.push(tree.copy(from, Path::new("other/copy")));
            if let Ok(content) = tree.read(Path::new("other/copy"), 100) {
                is_clean(&content);
            }
            for inner in ["other/copy/secret", "other/copy/sub/secret"].map(Path::new) {
                if let Ok(content) = tree.read(inner, 100) {
                    is_clean(&content);
                }
            }
            results.push(tree.remove(Path::new("other/copy")));
            results.push(tree.remove_dir(Path::new("other/copy"), true));
        }
        for directory in ["dir/sub", "evil/sub"].map(Path::new) {
            results.push(tree.remove(&directory.join("secret")));
            results.push(tree.remove_dir(directory, false));
            results.push(tree.remove_dir(directory, true));
            results.push(tree.mkdir(directory, 0o755, false));
            results.push(tree.write(&directory.join("secret"), b"inner", WriteMode::Replace, 0o600));
        }
        results
    });
}

#[test]
fn nothing_outside_is_unpacked_while_links_swap() {
    let source = World::new();
    for name in ["dir/secret", "dir/sub/secret", "evil/secret", "evil/sub/new"] {
        let path = Path::new(name);
        source.tree.mkdir(path.parent().unwrap(), 0o755, true).unwrap();
        source
            .tree
            .write(path, b"inner", WriteMode::Replace, 0o600)
            .unwrap();
    }
    let mut archives = Vec::new();
    for root in [".", "dir", "evil"] {
        let mut archive = Vec::new();
        source
            .tree
            .export_tar(Path::new(root), &mut archive, &mut go_on)
            .unwrap();
        archives.push(archive);
    }
    while_flipping(|tree, _| {
        let mut results = Vec::new();
        for into in [".", "dir", "evil", "dir/sub"].map(Path::new) {
            for archive in &archives {
                results.push(tree.import_tar(into, &mut &archive[..], &mut go_on).map(drop));
            }
        }
        results
    });
}
