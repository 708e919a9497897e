//! What a check finds, what a repair does about it, and what neither touches.

use crate::support::{Home, patience, told};
use msb::storage::fsck::fsck;
use msb::storage::usage::usage;
use rusqlite::Connection;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

#[test]
fn a_sound_home_has_no_findings_even_while_it_is_used() {
    let home = Home::new();
    home.volume("data");
    home.disk("raw", 16);
    home.sandbox("created");
    let sandbox = home.running("running", &[("data", false)]);
    for repair in [false, true] {
        assert_eq!(told(&fsck(&home.backend, repair).unwrap()), []);
    }
    sandbox.stop(10_000).unwrap();
    assert_eq!(told(&fsck(&home.backend, false).unwrap()), []);
}

#[test]
fn everything_left_over_is_found_mended_once_and_then_gone() {
    let home = Home::new();
    home.volume("gone");
    home.disk("blank", 16);
    home.volume("kept");
    home.sandbox("fresh");
    home.running("ended", &[]).stop(10_000).unwrap();
    fs::remove_dir(home.at("volumes/gone")).unwrap();
    fs::remove_file(home.at("volumes/blank/disk.raw")).unwrap();
    fs::remove_dir(home.at("sandboxes/fresh")).unwrap();
    fs::remove_dir_all(home.at("sandboxes/ended")).unwrap();
    fs::create_dir_all(home.at("volumes/stray")).unwrap();
    fs::write(home.at("volumes/stray/thesis"), vec![1; 100_000]).unwrap();
    fs::create_dir_all(home.at("sandboxes/nobody/logs")).unwrap();
    fs::create_dir_all(home.at("volumes/.half.0123.tmp")).unwrap();
    fs::create_dir_all(home.at("volumes/.old.7.removed")).unwrap();
    fs::create_dir_all(home.at("runtime/0123abcd")).unwrap();
    fs::write(home.at("runtime/0123abcd/msb-runner"), "old").unwrap();
    fs::create_dir_all(home.at("cache/layers")).unwrap();
    fs::write(home.at("cache/layers/abcd.erofs"), "layer").unwrap();
    fs::write(home.at("cache/layers/abcd.lock"), "").unwrap();
    fs::write(home.at("cache/x.tmp"), "half").unwrap();
    fs::create_dir_all(home.at("cache/tmp")).unwrap();
    fs::write(home.at("cache/tmp/download"), "0.5.8's").unwrap();
    fs::create_dir_all(home.at("run/volumes")).unwrap();
    fs::write(home.at("run/volumes/4711.quota"), [0; 16]).unwrap();
    fs::create_dir_all(home.at("run/agent")).unwrap();
    drop(UnixListener::bind(home.at("run/agent/a.sock")).unwrap());
    let in_use = UnixListener::bind(home.at("run/agent/b.sock")).unwrap();
    let expected = [
        ("directory_without_sandbox", "nobody", "moved"),
        // What is left of the volume without its disk is a directory without a row then.
        ("directory_without_volume", "blank", "moved"),
        ("directory_without_volume", "stray", "moved"),
        ("sandbox_without_directory", "ended", "removed"),
        ("sandbox_without_directory", "fresh", "mended"),
        ("stale_ledger", "4711.quota", "removed"),
        ("stale_lock", "abcd.lock", "removed"),
        ("stale_socket", "a.sock", "removed"),
        ("temporary_file", ".half.0123.tmp", "removed"),
        ("temporary_file", ".old.7.removed", "removed"),
        ("temporary_file", "x.tmp", "removed"),
        ("unused_cache", "0123abcd", "removed"),
        ("unused_cache", "abcd.erofs", "removed"),
        ("unused_cache", "download", "removed"),
        ("volume_without_data", "blank", "removed"),
        ("volume_without_data", "gone", "removed"),
    ];
    let looked: Vec<_> = expected
        .iter()
        .map(|(kind, name, _)| (*kind, (*name).to_owned(), "none"))
        .collect();
    for _ in 0..2 {
        assert_eq!(
            told(&fsck(&home.backend, false).unwrap()),
            looked,
            "a dry run changes nothing"
        );
    }
    let found = fsck(&home.backend, true).unwrap();
    let mended: Vec<_> = expected
        .iter()
        .map(|(kind, name, action)| (*kind, (*name).to_owned(), *action))
        .collect();
    assert_eq!(told(&found), mended);
    assert!(found.iter().all(|finding| !finding.reason.is_empty()));
    let stray = found.iter().find(|finding| finding.name == "stray").unwrap();
    assert!(stray.bytes >= 100_000, "{stray:?}");
    let moved = std::path::PathBuf::from(stray.action.detail());
    assert_eq!(fs::read(moved.join("thesis")).unwrap().len(), 100_000);
    assert_eq!(told(&fsck(&home.backend, true).unwrap()), []);
    assert!(home.at("volumes/kept").is_dir() && home.at("sandboxes/fresh").is_dir());
    drop(in_use);
}

#[test]
fn records_of_the_dead_are_found() {
    let home = Home::new();
    home.volume("data");
    home.sandbox("started");
    home.acquire("started", &[("data", false)]).unwrap();
    home.sandbox("killed");
    let database = home.at("db/msb.db");
    Connection::open(&database)
        .unwrap()
        .execute("UPDATE sandbox SET status = 'Running' WHERE name = 'killed'", [])
        .unwrap();
    let expected = |action: [&'static str; 2]| {
        [
            ("stale_attachment", "data".to_owned(), action[0]),
            ("stale_status", "killed".to_owned(), action[1]),
        ]
    };
    assert_eq!(
        told(&fsck(&home.backend, false).unwrap()),
        expected(["none", "none"])
    );
    assert_eq!(
        told(&fsck(&home.backend, true).unwrap()),
        expected(["removed", "mended"])
    );
    assert_eq!(told(&fsck(&home.backend, true).unwrap()), []);
}

#[test]
fn a_runner_without_a_sandbox_is_ended_and_its_directory_moved() {
    let home = Home::new();
    let sandbox = home.running("lost", &[]);
    let pid = sandbox.info().unwrap().runner_pid;
    // Somebody restored an older database.
    let conn = Connection::open(home.at("db/msb.db")).unwrap();
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    conn.execute("DELETE FROM sandbox", []).unwrap();
    drop(conn);
    let found = fsck(&home.backend, true).unwrap();
    assert_eq!(
        told(&found),
        [
            ("directory_without_sandbox", "lost".to_owned(), "moved"),
            ("orphaned_runner", "lost".to_owned(), "mended"),
        ],
        "{found:?}"
    );
    // It lets go of its lock a moment before it is gone.
    let late = patience();
    while Path::new(&format!("/proc/{pid}/exe")).exists() {
        assert!(!late.has_passed(), "the runner {pid} lives on");
        std::thread::yield_now();
    }
    assert_eq!(told(&fsck(&home.backend, true).unwrap()), []);
    drop(sandbox);
}

#[test]
fn every_file_of_a_home_counts_in_one_category() {
    let home = Home::new();
    let volume = home.volume("data");
    fs::write(home.at("volumes/data/a"), vec![1; 1 << 20]).unwrap();
    fs::write(home.at("notes.txt"), vec![1; 100_000]).unwrap();
    fs::create_dir_all(home.at("cache/images/layers")).unwrap();
    fs::write(home.at("cache/images/layers/one"), vec![1; 300_000]).unwrap();
    let categories = usage(&home.backend).unwrap();
    let of = |name: &str| {
        categories
            .iter()
            .find(|usage| usage.category == name)
            .unwrap()
            .size
    };
    assert!(
        (1 << 20..(1 << 20) + 65_536).contains(&of("volumes").bytes),
        "{categories:?}"
    );
    assert!(of("images").bytes >= 300_000 && of("cache").bytes < 300_000);
    assert!(of("database").bytes > 4096 && of("other").bytes >= 100_000);
    let total: u64 = categories.iter().map(|usage| usage.size.files).sum();
    let whole = msb::storage::measure::measure(home.path()).unwrap();
    // The home's own directory is of no category.
    assert_eq!(total + 1, whole.files);
    drop(volume);
}
