//! Promises about many threads and processes on one database, and about sudden death.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{child, child_db, home, insert, open};
use msb_store::{RunEnd, SandboxStatus, Store, TerminationReason};

const BUSY_TIME: Duration = Duration::from_secs(2);

/// Inserts, lists and deletes for a while; returns the names that must still be there.
fn churn(store: &Store, who: &str) -> Vec<String> {
    let end = Instant::now() + BUSY_TIME;
    let mut kept = Vec::new();
    for round in 0.. {
        if Instant::now() >= end {
            break;
        }
        let name = format!("{who}-{round:05}");
        let row = insert(store, &name);
        store.set_label(row.id, "who", who).unwrap();
        if round % 3 == 0 {
            assert!(store.delete_sandbox(row.id).unwrap());
        } else {
            kept.push(name);
        }
        if round % 10 == 0 {
            let filter = msb_store::SandboxFilter {
                labels: vec![("who".to_owned(), who.to_owned())],
                ..Default::default()
            };
            assert_eq!(
                store.list_sandboxes(&filter, None, 100_000).unwrap().rows.len(),
                kept.len()
            );
        }
    }
    kept
}

#[test]
fn threads_and_processes_lose_no_row_and_see_no_contention() {
    let (_home, path) = home();
    let store = open(&path);
    let children: Vec<_> = (0..4).map(|_| child("child_churns", &path)).collect();
    let mut expected: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || churn(store, &format!("t{thread}")))
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
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
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store
            .list_sandboxes(&Default::default(), after.as_deref(), 50)
            .unwrap();
        found.extend(page.rows.into_iter().map(|row| row.name));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert!(expected.len() > 100, "{} rows", expected.len());
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
fn child_churns() {
    let kept = churn(&open(&child_db()), &format!("p{}", std::process::id()));
    let mut out = std::io::stdout().lock();
    writeln!(out).unwrap();
    for name in kept {
        writeln!(out, "kept {name}").unwrap();
    }
}

#[test]
fn a_conditional_transition_has_exactly_one_winner() {
    let (_home, path) = home();
    // Two stores, as two processes would have.
    let stores = [open(&path), open(&path)];
    let id = insert(&stores[0], "contested").id;
    for _ in 0..20 {
        let startable = [SandboxStatus::Created, SandboxStatus::Stopped];
        let barrier = Barrier::new(8);
        let winners = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (barrier, winners, store) = (&barrier, &winners, &stores[thread % 2]);
                scope.spawn(move || {
                    barrier.wait();
                    if store.transition(id, &startable, SandboxStatus::Starting).unwrap() {
                        winners.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(winners.into_inner(), 1);
        let end = RunEnd::because(TerminationReason::BootFailed);
        assert!(stores[0].end_start(id, &end, SandboxStatus::Stopped).unwrap());
    }
}

#[test]
fn a_process_killed_while_writing_leaves_every_committed_row() {
    let (_home, path) = home();
    for round in 0..8 {
        let mut writer = child("child_writes_for_ever", &path);
        let mut told = Vec::new();
        for line in BufReader::new(writer.stdout.take().unwrap()).lines() {
            told.extend(line.unwrap().strip_prefix("wrote ").map(str::to_owned));
            if told.len() >= 5 + round * 7 {
                break;
            }
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let store = open(&path);
        assert_eq!(store.integrity_check().unwrap(), Vec::<String>::new());
        assert_eq!(store.foreign_key_check().unwrap(), Vec::<String>::new());
        for name in told {
            let row = store
                .sandbox_by_name(&name)
                .unwrap()
                .expect("a committed row is there");
            assert_eq!(row.status, SandboxStatus::Running);
            assert_eq!(store.latest_run(row.id).unwrap().unwrap().sandbox_id, row.id);
        }
        // A status and its run change together or not at all.
        for row in store.stale_active_rows(None, 10_000).unwrap() {
            let has_run = store.latest_run(row.id).unwrap().is_some();
            assert_eq!(has_run, row.status == SandboxStatus::Running, "{row:?}");
        }
    }
}

#[test]
#[ignore = "a process that other tests start"]
fn child_writes_for_ever() {
    let store = open(&child_db());
    let mut out = std::io::stdout().lock();
    writeln!(out).unwrap();
    let give_up = Instant::now() + Duration::from_secs(60);
    for round in 0.. {
        let name = format!("{}-{round}", std::process::id());
        let id = insert(&store, &name).id;
        assert!(
            store
                .transition(id, &[SandboxStatus::Created], SandboxStatus::Starting)
                .unwrap()
        );
        store.begin_run(id, std::process::id()).unwrap();
        if writeln!(out, "wrote {name}").and_then(|()| out.flush()).is_err() || Instant::now() > give_up {
            return;
        }
    }
}
