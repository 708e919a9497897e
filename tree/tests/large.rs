//! Trees that are wide, deep, or change while they are walked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking and say what they skip"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use common::{StopOnDrop, World, kind, race_time};
use msb_tree::{Progress, TreeErrorKind, WriteMode};
use rustix::fs::{Mode, OFlags, mkdirat, openat};

fn go_on(_: &Progress) -> bool {
    true
}

#[test]
fn a_huge_directory_is_paged_without_loss_or_repetition() {
    let world = World::new();
    let directory = world.volume().join("huge");
    fs::create_dir(&directory).unwrap();
    for index in 0..20_000 {
        fs::File::create(directory.join(format!("entry-{index}"))).unwrap();
    }
    for limit in [7_usize, 333, 65_536] {
        // Small pages over the first part only: each opens the directory.
        let most = limit.saturating_mul(500);
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        let mut pages = 0;
        loop {
            let page = world.tree.list(Path::new("huge"), cursor, limit).unwrap();
            assert!(page.entries.len() <= limit);
            pages += 1;
            for entry in page.entries {
                assert!(seen.insert(entry.name.clone()), "{:?} came twice", entry.name);
            }
            match page.next {
                Some(next) if seen.len() < most => cursor = next,
                Some(_) => break,
                None => {
                    assert_eq!(seen.len(), 20_000);
                    break;
                }
            }
        }
        assert!(pages >= 20_000_usize.min(most).div_ceil(limit));
    }
    assert_eq!(world.tree.usage().unwrap().inodes, 20_001);
    world.tree.remove_dir(Path::new("huge"), true).unwrap();
}

#[test]
fn entries_that_stay_are_listed_once_while_others_come_and_go() {
    let world = World::new();
    let directory = world.volume().join("busy");
    fs::create_dir(&directory).unwrap();
    for index in 0..2_000 {
        fs::File::create(directory.join(format!("stays-{index}"))).unwrap();
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut index = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                fs::File::create(directory.join(format!("comes-{}", index % 500))).unwrap();
                let _ = fs::remove_file(directory.join(format!("comes-{}", (index + 250) % 500)));
                index += 1;
            }
        });
        let _stop = StopOnDrop(&stop);
        let start = Instant::now();
        while start.elapsed() < race_time() / 4 {
            let mut seen = BTreeSet::new();
            let mut cursor = Some(0);
            while let Some(at) = cursor {
                let page = world.tree.list(Path::new("busy"), at, 100).unwrap();
                for entry in page.entries {
                    if entry.name.starts_with(b"stays") {
                        assert!(seen.insert(entry.name.clone()), "{:?} came twice", entry.name);
                    }
                }
                cursor = page.next;
            }
            assert_eq!(seen.len(), 2_000);
        }
    });
}

const NAME: &str = "a-directory-of-a-tree-that-is-very-deep";

/// Makes so many directories, each in the last one, with a file in the deepest.
fn dig(root: &Path, depth: usize) {
    let mut at: OwnedFd = fs::File::open(root).unwrap().into();
    for _ in 0..depth {
        mkdirat(&at, NAME, Mode::RWXU).unwrap();
        at = openat(
            &at,
            NAME,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .unwrap();
    }
    openat(
        &at,
        "bottom",
        OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::RUSR,
    )
    .unwrap();
}

#[test]
fn a_tree_deeper_than_any_path_is_counted_copied_and_removed() {
    const DEPTH: usize = 300;
    let world = World::new();
    fs::create_dir(world.volume().join("deep")).unwrap();
    dig(&world.volume().join("deep"), DEPTH);
    assert_eq!(world.tree.usage().unwrap().inodes, DEPTH as u64 + 2);
    world.tree.copy(Path::new("deep"), Path::new("copy")).unwrap();
    assert_eq!(world.tree.usage().unwrap().inodes, 2 * (DEPTH as u64 + 2));
    // No archive can name what is down there.
    let exported = world
        .tree
        .export_tar(Path::new("deep"), &mut std::io::sink(), &mut go_on);
    assert_eq!(kind(exported), TreeErrorKind::BadPath);
    world.tree.remove_dir(Path::new("deep"), true).unwrap();
    world.tree.remove_dir(Path::new("copy"), true).unwrap();
    assert_eq!(world.tree.usage().unwrap().inodes, 0);
}

#[test]
fn wide_directories_far_up_are_listed_on_where_they_were_left() {
    // More levels than stay open, with entries before and after each directory in every one of them.
    let world = World::new();
    let mut path = world.volume();
    for _ in 0..80 {
        for name in ["a", "b", "y", "z"] {
            fs::write(path.join(name), name).unwrap();
        }
        for side in ["c", "m", "x"] {
            fs::create_dir(path.join(side)).unwrap();
            fs::write(path.join(side).join("leaf"), side).unwrap();
        }
        path.push("m");
    }
    let expected = 80 * (4 + 3 + 3);
    assert_eq!(world.tree.usage().unwrap().inodes, expected);
    let mut archive = Vec::new();
    let done = world
        .tree
        .export_tar(Path::new("."), &mut archive, &mut go_on)
        .unwrap();
    assert_eq!(done.entries, expected);
    world.tree.mkdir(Path::new("into"), 0o755, false).unwrap();
    let done = world
        .tree
        .import_tar(Path::new("into"), &mut &archive[..], &mut go_on)
        .unwrap();
    assert_eq!(done.entries, expected);
    assert_eq!(world.tree.usage().unwrap().inodes, 2 * expected + 1);
}

#[test]
fn a_tree_is_walked_while_it_changes_and_removed_in_the_end() {
    let world = World::new();
    let volume = world.volume();
    let grow = |round: u64| {
        let base = volume.join(format!("tree/{}", round % 5));
        let _ = fs::create_dir_all(base.join("x/y/z"));
        for index in 0..20 {
            let _ = fs::write(base.join(format!("x/{index}")), vec![1; 1000 * (index % 3)]);
        }
        let _ = fs::rename(base.join("x/y"), volume.join(format!("tree/moved-{}", round % 3)));
        let _ = fs::remove_dir_all(volume.join(format!("tree/{}", (round + 2) % 5)));
    };
    grow(0);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                grow(round);
            }
        });
        let _stop = StopOnDrop(&stop);
        let start = Instant::now();
        let mut exported = 0;
        while start.elapsed() < race_time() / 2 {
            world.tree.usage().unwrap();
            // A file that becomes shorter in the middle is an error that says so; anything else goes through.
            match world
                .tree
                .export_tar(Path::new("tree"), &mut std::io::sink(), &mut go_on)
            {
                Ok(_) => exported += 1,
                Err(error) => assert!(error.to_string().contains("export"), "{error}"),
            }
            let _ = world.tree.copy(Path::new("tree"), Path::new("copy"));
            world.tree.remove_dir(Path::new("copy"), true).ok();
        }
        assert!(exported > 0);
    });
    world
        .tree
        .write(Path::new("tree/last"), b"x", WriteMode::Replace, 0o600)
        .unwrap();
    world.tree.remove_dir(Path::new("tree"), true).unwrap();
    assert_eq!(common::leftovers(&volume), [] as [std::path::PathBuf; 0]);
}
