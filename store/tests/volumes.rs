//! Promises about volumes and who has them attached.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod common;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use common::{child, child_db, home, insert, open};
use msb_store::{
    Attached, NewAttachment, NewVolume, RunEnd, SandboxStatus, Store, StoreError, TerminationReason,
    VolumeFilter, VolumeKind, VolumeRemoval, VolumeRow,
};
use rusqlite::Connection;

fn volume(store: &Store, name: &str, labels: &[(&str, &str)]) -> VolumeRow {
    let labels = labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    make(store, name, VolumeKind::Dir, &labels).unwrap()
}

fn disk(store: &Store, name: &str) -> VolumeRow {
    make(store, name, VolumeKind::Disk, &BTreeMap::new()).unwrap()
}

fn make(
    store: &Store,
    name: &str,
    kind: VolumeKind,
    labels: &BTreeMap<String, String>,
) -> Result<VolumeRow, StoreError> {
    let new = NewVolume {
        name,
        kind,
        quota_mib: (kind == VolumeKind::Dir).then_some(16),
        capacity_bytes: (kind == VolumeKind::Disk).then_some(64 << 20),
        labels,
    };
    store.insert_volume(&new, &|| Ok(()))
}

fn attach(store: &Store, sandbox: i64, wanted: &[(&str, bool)]) -> Attached {
    let wanted: Vec<_> = wanted
        .iter()
        .map(|&(volume, read_only)| NewAttachment { volume, read_only })
        .collect();
    store
        .attach_volumes(sandbox, &wanted, std::process::id())
        .unwrap()
}

#[test]
fn a_volume_comes_back_as_it_was_inserted() {
    let (_home, path) = home();
    let store = open(&path);
    let made = volume(&store, "data", &[("team", "core"), ("a", "b c")]);
    let big = disk(&store, "big");
    drop(store);
    let store = open(&path);
    assert_eq!(store.volume_by_name("data").unwrap(), Some(made.clone()));
    assert_eq!(store.volume_by_id(made.id).unwrap(), Some(made.clone()));
    assert_eq!((made.quota_mib, made.kind), (Some(16), VolumeKind::Dir));
    let found = store.volume_by_name("big").unwrap().unwrap();
    assert_eq!(found, big);
    assert_eq!(found.capacity_bytes, Some(64 << 20));
    assert_eq!(
        (found.disk_format.as_deref(), found.disk_fstype.as_deref()),
        (Some("raw"), Some("ext4"))
    );
    assert!(matches!(
        make(&store, "data", VolumeKind::Dir, &BTreeMap::new()),
        Err(StoreError::VolumeNameTaken { name }) if name == "data"
    ));
    assert!(store.set_volume_capacity(big.id, 128 << 20).unwrap());
    assert_eq!(
        store.volume_by_id(big.id).unwrap().unwrap().capacity_bytes,
        Some(128 << 20)
    );
}

#[test]
fn a_row_and_its_place_come_and_go_together() {
    let (_home, path) = home();
    let store = open(&path);
    let labels = BTreeMap::new();
    let new = NewVolume {
        name: "data",
        kind: VolumeKind::Dir,
        quota_mib: None,
        capacity_bytes: None,
        labels: &labels,
    };
    let refused = || Err(io::Error::from(io::ErrorKind::AlreadyExists));
    assert!(matches!(
        store.insert_volume(&new, &refused),
        Err(StoreError::Place(error)) if error.kind() == io::ErrorKind::AlreadyExists
    ));
    assert_eq!(store.volume_by_name("data").unwrap(), None);
    let id = store.insert_volume(&new, &|| Ok(())).unwrap().id;
    assert!(store.delete_volume(id, &refused).is_err());
    assert!(store.volume_by_id(id).unwrap().is_some());
    let displaced = Cell::new(false);
    let displace = || {
        displaced.set(true);
        Ok(())
    };
    assert_eq!(
        store.delete_volume(id, &displace).unwrap(),
        VolumeRemoval::Removed
    );
    assert!(displaced.take());
    assert_eq!(
        store.delete_volume(id, &displace).unwrap(),
        VolumeRemoval::Missing
    );
    assert!(!displaced.take(), "nothing is displaced for a row that is gone");
}

#[test]
fn lists_filter_and_page_in_name_order() {
    let (_home, path) = home();
    let store = open(&path);
    for name in ["b-2", "a-1", "c", "a-2", "b-1"] {
        let series = &name[..1];
        volume(&store, name, &[("series", series), ("all", "yes")]);
    }
    disk(&store, "disk");
    let names = |filter: &VolumeFilter, limit: u32| {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = store.list_volumes(filter, after.as_deref(), limit).unwrap();
            assert!(page.rows.len() <= limit as usize);
            found.extend(page.rows.into_iter().map(|row| row.name));
            match page.next {
                Some(next) => after = Some(next),
                None => return found.join(" "),
            }
        }
    };
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    for limit in 1..8 {
        assert_eq!(names(&VolumeFilter::default(), limit), "a-1 a-2 b-1 b-2 c disk");
        let mut filter = VolumeFilter {
            labels: vec![label("series", "b"), label("all", "yes")],
            ..Default::default()
        };
        assert_eq!(names(&filter, limit), "b-1 b-2");
        filter.name_prefix = Some("b-2".to_owned());
        assert_eq!(names(&filter, limit), "b-2");
        filter.labels = vec![label("series", "yes")];
        assert_eq!(names(&filter, limit), "");
        let disks = VolumeFilter {
            kind: Some(VolumeKind::Disk),
            ..Default::default()
        };
        assert_eq!(names(&disks, limit), "disk");
    }
}

#[test]
fn a_disk_has_one_writer_or_many_readers_and_a_directory_has_anybody() {
    let (_home, path) = home();
    let store = open(&path);
    let (one, two) = (insert(&store, "one").id, insert(&store, "two").id);
    let (dir, raw) = (volume(&store, "dir", &[]), disk(&store, "raw"));
    let Attached::All(rows) = attach(&store, one, &[("dir", false), ("raw", false)]) else {
        panic!("both are free")
    };
    assert_eq!(rows, [dir.clone(), raw.clone()]);
    for read_only in [true, false] {
        let Attached::InUse(name, by) = attach(&store, two, &[("dir", false), ("raw", read_only)]) else {
            panic!("it has a writer")
        };
        assert_eq!(
            (name.as_str(), by.len(), by[0].sandbox.as_str()),
            ("raw", 1, "one")
        );
        assert_eq!(store.attachments(dir.id).unwrap().len(), 1, "all or none");
    }
    // Attaching again replaces what the sandbox had.
    assert!(matches!(attach(&store, one, &[("raw", true)]), Attached::All(_)));
    assert_eq!(store.attachments(dir.id).unwrap(), []);
    assert!(matches!(attach(&store, two, &[("raw", true)]), Attached::All(_)));
    assert!(matches!(
        attach(&store, one, &[("raw", false)]),
        Attached::InUse(..)
    ));
    assert_eq!(store.attachments(raw.id).unwrap().len(), 2);
    assert_eq!(
        attach(&store, one, &[("raw", true), ("raw", true)]),
        Attached::Twice("raw".to_owned())
    );
    assert_eq!(
        attach(&store, one, &[("gone", true)]),
        Attached::Missing("gone".to_owned())
    );
    assert_eq!(store.all_attachments(0, 10).unwrap().len(), 2);
    let VolumeRemoval::Attached(by) = store.delete_volume(raw.id, &|| panic!("it is attached")).unwrap()
    else {
        panic!("it is attached")
    };
    assert_eq!(by.len(), 2);
}

#[test]
fn what_a_sandbox_had_attached_is_free_once_its_end_is_recorded() {
    let (_home, path) = home();
    let store = open(&path);
    let raw = disk(&store, "raw").id;
    let started = |name: &str| {
        let id = insert(&store, name).id;
        assert!(matches!(attach(&store, id, &[("raw", false)]), Attached::All(_)));
        assert!(
            store
                .transition(id, &[SandboxStatus::Created], SandboxStatus::Starting)
                .unwrap()
        );
        assert_eq!(store.attachments(raw).unwrap().len(), 1);
        id
    };
    let end = RunEnd::because(TerminationReason::RunnerDied);
    // It ran and ended.
    let id = started("ran");
    let run = store.begin_run(id, 1).unwrap();
    store.finish_run(run, &end, SandboxStatus::Stopped).unwrap();
    assert_eq!(store.attachments(raw).unwrap(), []);
    // It did not come up.
    let id = started("unborn");
    store.end_start(id, &end, SandboxStatus::Crashed).unwrap();
    assert_eq!(store.attachments(raw).unwrap(), []);
    // Its runner was found dead.
    let id = started("dead");
    store.begin_run(id, 1).unwrap();
    let row = store.sandbox_by_id(id).unwrap().unwrap();
    store.repair_dead(&row, &end, SandboxStatus::Crashed).unwrap();
    assert_eq!(store.attachments(raw).unwrap(), []);
    // It was removed before its start got anywhere.
    let id = insert(&store, "removed").id;
    assert!(matches!(attach(&store, id, &[("raw", false)]), Attached::All(_)));
    assert!(store.delete_sandbox(id).unwrap());
    assert_eq!(store.attachments(raw).unwrap(), []);
}

#[test]
fn of_starts_that_race_for_a_disk_one_gets_it() {
    let (_home, path) = home();
    let stores = [open(&path), open(&path)];
    disk(&stores[0], "raw");
    let ids: Vec<i64> = (0..8)
        .map(|number| insert(&stores[0], &format!("s{number}")).id)
        .collect();
    for _ in 0..10 {
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = ids
                .iter()
                .enumerate()
                .map(|(number, &id)| {
                    let store = &stores[number % 2];
                    scope.spawn(move || {
                        usize::from(matches!(attach(store, id, &[("raw", false)]), Attached::All(_)))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(won, 1);
        for &id in &ids {
            stores[0].detach_volumes(id).unwrap();
        }
    }
}

#[test]
fn what_058_did_not_write_is_told_with_its_row() {
    let (_home, path) = home();
    let store = open(&path);
    let id = volume(&store, "data", &[]).id;
    let conn = Connection::open(&path).unwrap();
    for (column, value) in [("kind", "'tape'"), ("labels", "'{'"), ("quota_mib", "-1")] {
        conn.execute_batch(&format!("UPDATE volume SET {column} = {value}"))
            .unwrap();
        match store.volume_by_name("data") {
            Err(StoreError::BadValue {
                table,
                id: row,
                column: told,
                ..
            }) => assert_eq!((table, row, told), ("volume", id, column)),
            other => panic!("{other:?}"),
        }
        conn.execute_batch("UPDATE volume SET kind = 'dir', labels = NULL, quota_mib = NULL")
            .unwrap();
    }
}

/// How long everybody creates, lists and removes: `MSB_TEST_SCALE` of 1000, the whole, is 30 seconds.
fn busy_time() -> Duration {
    let scale: u64 = std::env::var("MSB_TEST_SCALE").map_or(100, |scale| scale.parse().unwrap());
    Duration::from_millis(30 * scale)
}

const PROCESSES: usize = 8;
const THREADS: usize = 8;

#[test]
fn eight_processes_of_eight_threads_lose_no_volume_and_see_no_contention() {
    let (_home, path) = home();
    drop(open(&path));
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| child("child_churns_volumes", &path))
        .collect();
    let mut expected = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        expected.extend(
            text.lines()
                .filter_map(|line| line.strip_prefix("kept "))
                .map(str::to_owned),
        );
    }
    expected.sort();
    let store = open(&path);
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store
            .list_volumes(&VolumeFilter::default(), after.as_deref(), 100)
            .unwrap();
        found.extend(page.rows.into_iter().map(|row| row.name));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert!(found.len() > PROCESSES * THREADS, "{} rows", found.len());
    assert!(
        found == expected,
        "{} rows expected, {} found",
        expected.len(),
        found.len()
    );
    assert_eq!(store.integrity_check().unwrap(), Vec::<String>::new());
    assert_eq!(store.foreign_key_check().unwrap(), Vec::<String>::new());
}

#[test]
#[ignore = "a process that other tests start"]
fn child_churns_volumes() {
    let store = open(&child_db());
    let end = Instant::now() + busy_time();
    let kept: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || churn(store, &format!("p{}-t{thread}", std::process::id()), end))
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut out = std::io::stdout().lock();
    writeln!(out).unwrap();
    for name in kept {
        writeln!(out, "kept {name}").unwrap();
    }
}

/// Creates, lists and removes until `end`; the names that must still be there.
fn churn(store: &Store, who: &str, end: Instant) -> Vec<String> {
    let mut kept = Vec::new();
    for round in 0.. {
        if Instant::now() >= end && round > 4 {
            break;
        }
        let name = format!("{who}-{round:05}");
        let made = volume(store, &name, &[("who", who)]);
        assert_eq!(store.volume_by_name(&name).unwrap().unwrap().id, made.id);
        if round % 3 == 0 {
            assert_eq!(
                store.delete_volume(made.id, &|| Ok(())).unwrap(),
                VolumeRemoval::Removed
            );
        } else {
            kept.push(name);
        }
        if round % 10 == 0 {
            let filter = VolumeFilter {
                name_prefix: Some(format!("{who}-")),
                ..Default::default()
            };
            assert_eq!(
                store.list_volumes(&filter, None, 100_000).unwrap().rows.len(),
                kept.len()
            );
        }
    }
    kept
}

#[test]
fn a_home_of_058_has_its_volumes_with_their_labels() {
    let (_home, path) = home();
    common::home_058(Path::new(&path));
    let store = open(&path);
    let rows = store
        .list_volumes(&VolumeFilter::default(), None, 10)
        .unwrap()
        .rows;
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.name.as_str(),
                row.kind,
                row.quota_mib,
                row.capacity_bytes,
                row.labels.len(),
            )
        })
        .collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().any(|row| row.4 > 0), "{found:?}");
}
