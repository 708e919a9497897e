//! Promises about sandboxes, their runs, labels, lists and the maintenance lease.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use common::{home, home_058, insert, open};
use msb_store::{
    MAINTENANCE_INTERVAL, MAINTENANCE_LEASE, NewSandbox, RunEnd, RunStatus, SandboxFilter, SandboxStatus,
    Store, StoreError, TerminationDetail, TerminationReason,
};

use SandboxStatus::{Crashed, Created, Draining, Paused, Running, Starting, Stopped};

fn started(store: &Store, name: &str) -> (i64, i64) {
    let id = insert(store, name).id;
    assert!(store.transition(id, &[Created], Starting).unwrap());
    (id, store.begin_run(id, 4321).unwrap())
}

fn status(store: &Store, id: i64) -> SandboxStatus {
    store.sandbox_by_id(id).unwrap().unwrap().status
}

fn crash() -> RunEnd {
    RunEnd {
        exit_code: None,
        exit_signal: Some(9),
        reason: TerminationReason::VmmCrashed,
        detail: Some(TerminationDetail {
            message: "the monitor was killed".to_owned(),
            clean: false,
            console_tail: Some("last words".to_owned()),
            how: None,
        }),
        signals_sent: vec![15, 9],
    }
}

#[test]
fn a_sandbox_is_found_by_name_and_id_and_its_name_is_taken() {
    let (_home, path) = home();
    let store = open(&path);
    let row = insert(&store, "one");
    assert_eq!(store.sandbox_by_name("one").unwrap().as_ref(), Some(&row));
    assert_eq!(store.sandbox_by_id(row.id).unwrap(), Some(row));
    assert_eq!(store.sandbox_by_name("two").unwrap(), None);
    let labels = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let again = NewSandbox {
        name: "one",
        config: "{}",
        ephemeral: true,
        labels: &labels,
        manifest_id: None,
    };
    assert!(matches!(store.insert_sandbox(&again), Err(StoreError::NameTaken { name }) if name == "one"));
}

#[cfg(unix)]
#[test]
fn a_new_database_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let (_home, path) = home();
    let store = open(&path);
    insert(&store, "one");
    for file in ["msb.db", "msb.db-wal", "msb.db-shm"] {
        let mode = std::fs::metadata(path.with_file_name(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_run_and_its_sandbox_end_together_and_the_first_record_stays() {
    let (_home, path) = home();
    let store = open(&path);
    let (id, run) = started(&store, "one");
    let open_run = store.latest_run(id).unwrap().unwrap();
    assert_eq!(
        (open_run.id, open_run.pid, open_run.status),
        (run, Some(4321), RunStatus::Running)
    );
    assert_eq!(status(&store, id), Running);

    assert!(store.finish_run(run, &crash(), Crashed).unwrap());
    assert!(
        !store
            .finish_run(run, &RunEnd::because(TerminationReason::Completed), Stopped)
            .unwrap()
    );
    assert_eq!(status(&store, id), Crashed);
    let ended = store.latest_run(id).unwrap().unwrap();
    let end = crash();
    assert_eq!(
        (ended.status, ended.exit_signal),
        (RunStatus::Terminated, Some(9))
    );
    assert_eq!(
        (ended.reason, ended.detail, ended.signals_sent),
        (Some(end.reason), end.detail, vec![15, 9])
    );
    assert!(ended.terminated_at >= ended.started_at);
}

#[test]
fn a_late_end_of_an_old_run_does_not_touch_the_next_start() {
    let (_home, path) = home();
    let store = open(&path);
    let (id, old_run) = started(&store, "one");
    let observed = store.sandbox_by_id(id).unwrap().unwrap();
    assert!(
        store
            .repair_dead(
                &observed,
                &RunEnd::because(TerminationReason::RunnerDied),
                Crashed
            )
            .unwrap()
    );
    assert!(store.transition(id, &[Crashed, Stopped], Starting).unwrap());
    assert!(
        !store
            .finish_run(old_run, &RunEnd::because(TerminationReason::Completed), Stopped)
            .unwrap()
    );
    assert_eq!(status(&store, id), Starting);
    assert!(store.begin_run(id, 1).unwrap() > old_run);
}

#[test]
fn a_run_begins_only_from_starting() {
    let (_home, path) = home();
    let store = open(&path);
    let id = insert(&store, "one").id;
    let refused = store.begin_run(id, 1).unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Conflict {
                found: Created,
                needed: Starting,
                ..
            }
        ),
        "{refused}"
    );
    assert!(matches!(
        store.begin_run(id + 1, 1),
        Err(StoreError::NotFound { .. })
    ));
    assert_eq!(store.latest_run(id).unwrap(), None);
}

#[test]
fn a_start_that_never_ran_leaves_a_record_of_why() {
    let (_home, path) = home();
    let store = open(&path);
    for interrupted in [false, true] {
        let id = insert(&store, &format!("{interrupted}")).id;
        assert!(store.transition(id, &[Created], Starting).unwrap());
        if interrupted {
            assert!(store.transition(id, &[Starting], Draining).unwrap());
        }
        let end = RunEnd::because(TerminationReason::BootFailed);
        assert!(store.end_start(id, &end, Crashed).unwrap());
        assert!(!store.end_start(id, &end, Crashed).unwrap());
        assert_eq!(status(&store, id), Crashed);
        let run = store.latest_run(id).unwrap().unwrap();
        assert_eq!(
            (run.reason, run.pid, run.started_at),
            (Some(TerminationReason::BootFailed), None, None)
        );
    }
    let (id, _) = started(&store, "running");
    assert!(store.transition(id, &[Running], Draining).unwrap());
    assert!(
        !store
            .end_start(id, &RunEnd::because(TerminationReason::BootFailed), Crashed)
            .unwrap()
    );
}

#[test]
fn a_repair_applies_only_to_what_was_observed() {
    let (_home, path) = home();
    let store = open(&path);
    let (id, _) = started(&store, "one");
    let observed = store.sandbox_by_id(id).unwrap().unwrap();
    assert!(store.transition(id, &[Running], Draining).unwrap());
    let end = RunEnd::because(TerminationReason::RunnerDied);
    assert!(!store.repair_dead(&observed, &end, Crashed).unwrap());
    let observed = store.sandbox_by_id(id).unwrap().unwrap();
    assert!(store.repair_dead(&observed, &end, Stopped).unwrap());
    assert!(!store.repair_dead(&observed, &end, Stopped).unwrap());
    assert_eq!(
        store.latest_run(id).unwrap().unwrap().status,
        RunStatus::Terminated
    );

    let id = insert(&store, "unborn").id;
    assert!(store.transition(id, &[Created], Starting).unwrap());
    let observed = store.sandbox_by_id(id).unwrap().unwrap();
    assert!(store.repair_dead(&observed, &end, Crashed).unwrap());
    assert_eq!(
        store.latest_run(id).unwrap().unwrap().reason,
        Some(TerminationReason::RunnerDied)
    );
}

#[test]
fn a_run_that_058_left_open_is_closed_by_the_next_start() {
    let (_home, path) = home();
    home_058(&path);
    let store = open(&path);
    let id = store.sandbox_by_name("web").unwrap().unwrap().id;
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute(
        "INSERT INTO run (sandbox_id, pid, status) VALUES (?1, 7, 'Running')",
        [id],
    )
    .unwrap();
    assert!(store.transition(id, &[Stopped], Starting).unwrap());
    assert_eq!(
        store.latest_run(id).unwrap().unwrap().reason,
        Some(TerminationReason::RunnerDied)
    );
    assert!(
        store
            .end_start(id, &RunEnd::because(TerminationReason::BootFailed), Crashed)
            .unwrap()
    );
}

#[test]
fn foreign_words_in_a_run_are_read_and_bad_ones_name_their_row() {
    let (_home, path) = home();
    let store = open(&path);
    let id = insert(&store, "one").id;
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute(
        "INSERT INTO run (sandbox_id, status, termination_reason, termination_detail)
         VALUES (?1, 'Terminated', 'Eaten', 'by the dog')",
        [id],
    )
    .unwrap();
    let run = store.latest_run(id).unwrap().unwrap();
    assert_eq!(run.reason, Some(TerminationReason::Other("Eaten".to_owned())));
    assert_eq!(run.detail.unwrap().message, "by the dog");
    raw.execute("UPDATE sandbox SET status = 'Dancing'", []).unwrap();
    let bad = store.sandbox_by_id(id).unwrap_err();
    assert!(matches!(
        bad,
        StoreError::BadValue {
            table: "sandbox",
            column: "status",
            ..
        }
    ));
}

#[test]
fn only_a_sandbox_at_rest_is_deleted_and_everything_of_it_goes() {
    let (_home, path) = home();
    let store = open(&path);
    let (id, run) = started(&store, "one");
    store.set_label(id, "k", "v").unwrap();
    assert!(!store.delete_sandbox(id).unwrap());
    for (from, to) in [(Running, Paused), (Paused, Draining)] {
        assert!(store.transition(id, &[from], to).unwrap());
        assert!(!store.delete_sandbox(id).unwrap(), "{to}");
    }
    assert!(store.finish_run(run, &crash(), Stopped).unwrap());
    assert!(store.delete_sandbox(id).unwrap());
    assert!(!store.delete_sandbox(id).unwrap());
    assert_eq!(store.latest_run(id).unwrap(), None);
    assert_eq!(store.labels(id).unwrap(), None);
    assert!(matches!(
        store.set_label(id, "k", "v"),
        Err(StoreError::NotFound { .. })
    ));
    assert!(insert(&store, "one").id > id, "ids are never given out twice");
}

#[test]
fn a_move_that_no_sandbox_makes_is_refused() {
    let (_home, path) = home();
    let store = open(&path);
    let id = insert(&store, "one").id;
    for (from, to) in [
        (Created, Running),
        (Stopped, Running),
        (Running, Starting),
        (Draining, Running),
    ] {
        assert!(matches!(
            store.transition(id, &[from], to),
            Err(StoreError::InvalidTransition { .. })
        ));
    }
    assert!(matches!(
        store.end_start(id, &crash(), Running),
        Err(StoreError::InvalidTransition { .. })
    ));
    assert!(!store.transition(id, &[Running], Draining).unwrap());
    assert_eq!(status(&store, id), Created);
}

#[test]
fn labels_are_set_replaced_and_removed() {
    let (_home, path) = home();
    let store = open(&path);
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    let labels = map(&[("a", "1"), ("b", "2")]);
    let new = NewSandbox {
        name: "one",
        config: "{}",
        ephemeral: false,
        labels: &labels,
        manifest_id: None,
    };
    let id = store.insert_sandbox(&new).unwrap().id;
    assert_eq!(store.labels(id).unwrap(), Some(labels));
    store.set_label(id, "a", "9").unwrap();
    assert!(store.remove_label(id, "b").unwrap());
    assert!(!store.remove_label(id, "b").unwrap());
    assert_eq!(store.labels(id).unwrap(), Some(map(&[("a", "9")])));
    store.set_labels(id, &map(&[("c", "3")])).unwrap();
    assert_eq!(store.labels(id).unwrap(), Some(map(&[("c", "3")])));
}

#[test]
fn lists_filter_and_page_in_name_order() {
    let (_home, path) = home();
    let store = open(&path);
    for n in 0..25 {
        let id = insert(&store, &format!("web-{n:02}")).id;
        store
            .set_label(id, "parity", if n % 2 == 0 { "even" } else { "odd" })
            .unwrap();
        store
            .set_label(id, "tier", if n < 10 { "gold" } else { "tin" })
            .unwrap();
        if n % 5 == 0 {
            store.transition(id, &[Created], Starting).unwrap();
        }
    }
    insert(&store, "wea");
    insert(&store, "wf");
    let names = |filter: &SandboxFilter| {
        let (mut names, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = store.list_sandboxes(filter, after.as_deref(), 4).unwrap();
            assert!(page.rows.len() <= 4);
            names.extend(page.rows.into_iter().map(|row| row.name));
            match page.next {
                Some(next) => after = Some(next),
                None => return names,
            }
        }
    };
    let label = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    let all = names(&SandboxFilter::default());
    assert_eq!(all.len(), 27);
    assert!(all.is_sorted());
    let prefix = SandboxFilter {
        name_prefix: Some("web-".to_owned()),
        ..Default::default()
    };
    assert_eq!(names(&prefix).len(), 25);
    let even_gold = SandboxFilter {
        labels: vec![label("parity", "even"), label("tier", "gold")],
        ..Default::default()
    };
    assert_eq!(
        names(&even_gold),
        ["web-00", "web-02", "web-04", "web-06", "web-08"]
    );
    let starting = SandboxFilter {
        statuses: vec![Starting, Crashed],
        ..Default::default()
    };
    assert_eq!(
        names(&starting),
        ["web-00", "web-05", "web-10", "web-15", "web-20"]
    );
    let everything = SandboxFilter {
        statuses: vec![Starting],
        labels: vec![label("parity", "odd")],
        name_prefix: Some("web-1".to_owned()),
    };
    assert_eq!(names(&everything), ["web-15"]);
    let active = store.stale_active_rows(None, 3).unwrap();
    assert_eq!(active.len(), 3);
    assert_eq!(
        store
            .stale_active_rows(active.last().map(|row| row.id), 10)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_new_specification_is_stored() {
    let (_home, path) = home();
    let store = open(&path);
    let row = insert(&store, "one");
    assert!(store.update_config(row.id, r#"{"cpus":2}"#).unwrap());
    assert!(!store.update_config(row.id + 1, "{}").unwrap());
    let changed = store.sandbox_by_id(row.id).unwrap().unwrap();
    assert_eq!(changed.config, r#"{"cpus":2}"#);
    assert!(changed.updated_at > row.updated_at);
}

#[test]
fn one_process_at_a_time_maintains_and_not_too_often() {
    let (_home, path) = home();
    let store = open(&path);
    let start = SystemTime::now();
    let second = Duration::from_secs(1);
    assert!(store.try_acquire_maintenance(start, 1).unwrap());
    assert!(!store.try_acquire_maintenance(start + second, 2).unwrap());
    assert!(!store.complete_maintenance(start + second, 2).unwrap());
    // The first holder died: its lease runs out.
    let later = start + MAINTENANCE_LEASE + second;
    assert!(store.try_acquire_maintenance(later, 2).unwrap());
    assert!(!store.complete_maintenance(later, 1).unwrap());
    assert!(store.complete_maintenance(later, 2).unwrap());
    assert!(
        !store
            .try_acquire_maintenance(later + MAINTENANCE_INTERVAL - second, 3)
            .unwrap()
    );
    assert!(
        store
            .try_acquire_maintenance(later + MAINTENANCE_INTERVAL, 3)
            .unwrap()
    );
}

#[test]
fn a_clock_set_back_does_not_stop_maintenance() {
    let (_home, path) = home();
    let store = open(&path);
    let future = SystemTime::now() + Duration::from_secs(86_400);
    assert!(store.try_acquire_maintenance(future, 1).unwrap());
    assert!(store.try_acquire_maintenance(SystemTime::now(), 2).unwrap());
    assert!(store.complete_maintenance(future, 2).unwrap());
    assert!(store.try_acquire_maintenance(SystemTime::now(), 3).unwrap());
}
