//! Promises about the schema and its upgrades.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod common;

use common::{contents, database_at, home, home_058, insert, migrations, open, schema, schema_058};
use msb_store::{SandboxStatus, Store, StoreError, StoreOptions};
use rusqlite::Connection;
use serde_json::{Value, json};

fn refuse(path: &std::path::Path) -> StoreError {
    Store::open(path, StoreOptions::default()).unwrap_err()
}

#[test]
fn a_new_database_has_the_schema_of_058() {
    let (_home, path) = home();
    drop(open(&path));
    assert_eq!(schema(&Connection::open(&path).unwrap()), schema_058());
}

#[test]
fn sqlite_sees_the_same_columns_keys_and_indexes_as_in_a_database_made_by_058() {
    let (_home, path) = home();
    drop(open(&path));
    let (_other, reference) = home_with_reference();
    assert_eq!(shape(&path), shape(&reference));
}

fn home_with_reference() -> (tempfile::TempDir, std::path::PathBuf) {
    let (home, path) = home();
    home_058(&path);
    (home, path)
}

/// Everything that SQLite's own introspection tells about every table.
fn shape(path: &std::path::Path) -> Vec<Vec<String>> {
    let conn = Connection::open(path).unwrap();
    let sources = [
        "SELECT m.name, x.* FROM sqlite_master m, pragma_table_xinfo(m.name) x",
        "SELECT m.name, x.* FROM sqlite_master m, pragma_foreign_key_list(m.name) x",
        "SELECT m.name, x.name, x.\"unique\", x.origin, x.partial FROM sqlite_master m, pragma_index_list(m.name) x",
        "SELECT m.name, i.name, x.* FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) x",
    ];
    let mut found = Vec::new();
    for source in sources {
        let mut statement = conn.prepare(&format!("{source} WHERE m.type = 'table'")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            found.push(
                (0..columns)
                    .map(|i| format!("{:?}", row.get_ref(i).unwrap()))
                    .collect(),
            );
        }
    }
    found.sort();
    found
}

#[test]
fn a_home_written_by_058_opens_with_nothing_lost_and_nothing_copied() {
    let (_home, path) = home_with_reference();
    let store = open(&path);
    let web = store.sandbox_by_name("web").unwrap().unwrap();
    assert_eq!((web.status, web.ephemeral), (SandboxStatus::Stopped, false));
    assert!(
        web.created_at.unwrap().to_system_time().unwrap() < web.updated_at.unwrap().to_system_time().unwrap()
    );
    let config: Value = serde_json::from_str(&web.config).unwrap();
    assert_eq!(config["labels"], json!({"env": "test", "team": "core"}));
    assert!(store.sandbox_by_name("job").unwrap().unwrap().ephemeral);
    assert_eq!(store.ephemeral_terminal_rows(10).unwrap().len(), 1);
    drop(store);
    let conn = Connection::open(&path).unwrap();
    let volumes: i64 = conn
        .query_row("SELECT count(*) FROM volume", [], |row| row.get(0))
        .unwrap();
    assert_eq!(volumes, 3);
    drop(conn);
    assert_eq!(contents(&path).into_keys().collect::<Vec<_>>(), ["msb.db"]);
}

#[test]
fn every_stage_of_the_past_is_upgraded_after_one_copy() {
    let count = migrations().len();
    for applied in 0..=count {
        let (_home, path) = home();
        let conn = database_at(&path, applied);
        if applied >= 2 {
            conn.execute(
                "INSERT INTO sandbox (name, config, status) VALUES ('old', '{}', 'Stopped')",
                [],
            )
            .unwrap();
        }
        drop(conn);
        let store = open(&path);
        assert_eq!(store.sandbox_by_name("old").unwrap().is_some(), applied >= 2);
        insert(&store, "new");
        drop(store);
        drop(open(&path));
        assert_eq!(
            schema(&Connection::open(&path).unwrap()),
            schema_058(),
            "after {applied}"
        );
        let copies: Vec<String> = contents(&path)
            .into_keys()
            .filter(|name| name != "msb.db")
            .collect();
        let expected = match applied {
            0 => Vec::new(),
            n if n == count => Vec::new(),
            n => vec![format!("msb.db.backup-{}", migrations()[n - 1].0)],
        };
        assert_eq!(copies, expected);
        if let Some(copy) = expected.first() {
            let copy = Connection::open(path.with_file_name(copy)).unwrap();
            let ledger: u32 = copy
                .query_row("SELECT count(*) FROM seaql_migrations", [], |row| row.get(0))
                .unwrap();
            assert_eq!(ledger, u32::try_from(applied).unwrap());
        }
    }
}

#[test]
fn a_migration_that_058_left_half_applied_is_completed() {
    for (index, (name, sql)) in migrations().iter().enumerate() {
        let code: String = sql
            .lines()
            .filter(|line| !line.starts_with("--"))
            .collect::<Vec<_>>()
            .join("\n");
        let statements: Vec<&str> = code.split(';').filter(|part| !part.trim().is_empty()).collect();
        for done in 1..=statements.len() {
            let (_home, path) = home();
            let conn = database_at(&path, index);
            conn.execute_batch(&statements[..done].join(";")).unwrap();
            drop(conn);
            drop(open(&path));
            assert_eq!(
                schema(&Connection::open(&path).unwrap()),
                schema_058(),
                "{name}, {done} statements"
            );
        }
    }
}

/// Each pair is what 0.5.8 itself was given and what it made of it.
#[test]
fn stored_image_references_are_rewritten_as_058_rewrites_them() {
    let before = migrations()
        .iter()
        .position(|(name, _)| name.contains("oci_rootfs"))
        .unwrap();
    let cases = [
        (
            r#"{"name":"a","image":{"Oci":"python:3.12"},"z":1,"b":2.50}"#,
            r#"{"b":2.5,"image":{"Oci":{"reference":"python:3.12","upper_size_mib":4096}},"name":"a","z":1}"#,
        ),
        (
            r#"{"image":{"Oci":"b"},"upper_size_mib":77,"rootfs":{"Oci":"c"}}"#,
            r#"{"image":{"Oci":{"reference":"b","upper_size_mib":4096}},"rootfs":{"Oci":"c"},"upper_size_mib":77}"#,
        ),
    ];
    let untouched = [
        r#"{"image":{"Oci":{"reference":"x","upper_size_mib":5}},"a":1}"#,
        r#"{"image":{"Bind":"/x"}}"#,
        r#"{"image":"Oci"}"#,
        r#"{"spec":{"image":{"Oci":"deep"}}}"#,
        r#"{"image":{"Oci":null}}"#,
        r#"{"image":{"Oci":["l"]}}"#,
        "[1]",
        r#""x""#,
        "not json",
        "",
    ];
    let (_home, path) = home();
    let conn = database_at(&path, before);
    let all: Vec<&str> = cases.iter().map(|(given, _)| *given).chain(untouched).collect();
    for (index, config) in all.iter().enumerate() {
        conn.execute(
            "INSERT INTO sandbox (name, config, status) VALUES (?1, ?2, 'Stopped')",
            (format!("s{index:02}"), config),
        )
        .unwrap();
    }
    drop(conn);
    let rows = open(&path)
        .list_sandboxes(&Default::default(), None, 100)
        .unwrap()
        .rows;
    for (row, (_, expected)) in rows.iter().zip(cases) {
        let (found, expected): (Value, Value) = (
            serde_json::from_str(&row.config).unwrap(),
            serde_json::from_str(expected).unwrap(),
        );
        assert_eq!(found, expected);
    }
    let kept: Vec<&str> = rows
        .iter()
        .skip(cases.len())
        .map(|row| row.config.as_str())
        .collect();
    assert_eq!(kept, untouched);
}

#[test]
fn a_failed_upgrade_leaves_the_data_as_it_was() {
    let (_home, path) = home();
    let conn = database_at(&path, 9);
    conn.execute(
        "INSERT INTO sandbox (name, config, status) VALUES ('old', '{}', 'Stopped')",
        [],
    )
    .unwrap();
    conn.execute_batch("CREATE TABLE idx_volume_attach_volume_id (in_the_way)")
        .unwrap();
    let before = schema(&conn);
    drop(conn);
    match refuse(&path) {
        StoreError::Migration { migration, .. } => {
            assert_eq!(migration, "m20260606_000001_named_volume_kinds")
        }
        other => panic!("{other:?}"),
    }
    let conn = Connection::open(&path).unwrap();
    assert_eq!(schema(&conn), before);
    let applied: i64 = conn
        .query_row("SELECT count(*) FROM seaql_migrations", [], |row| row.get(0))
        .unwrap();
    assert_eq!(applied, 9);
    conn.execute_batch("DROP TABLE idx_volume_attach_volume_id")
        .unwrap();
    drop(conn);
    assert!(open(&path).sandbox_by_name("old").unwrap().is_some());
}

#[test]
fn a_newer_database_is_refused_by_name_and_left_byte_for_byte() {
    for journal in ["WAL", "DELETE"] {
        let (_home, path) = home();
        let conn = database_at(&path, migrations().len());
        conn.execute(
            "INSERT INTO seaql_migrations VALUES ('m20991231_000001_tomorrow', 1)",
            [],
        )
        .unwrap();
        conn.execute_batch("CREATE TABLE tomorrow (x)").unwrap();
        conn.pragma_update(None, "journal_mode", journal).unwrap();
        drop(conn);
        let before = contents(&path);
        for refused in [
            refuse(&path),
            Store::open_existing(&path, StoreOptions::default()).unwrap_err(),
        ] {
            match refused {
                StoreError::Newer { migration, .. } => assert_eq!(migration, "m20991231_000001_tomorrow"),
                other => panic!("{other:?}"),
            }
        }
        assert!(contents(&path) == before, "{journal}: a file changed or appeared");
    }
}

#[test]
fn a_path_may_hold_any_character() {
    let (home, _) = home();
    let folder = home.path().join("a b%20?c=#d&e\u{e9}\"'");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("msb.db");
    insert(&open(&path), "one");
    assert_eq!(contents(&path).into_keys().collect::<Vec<_>>(), ["msb.db"]);
    let store = open(&path);
    assert!(store.sandbox_by_name("one").unwrap().is_some());
}

#[test]
fn a_newer_database_in_use_is_refused_and_left_byte_for_byte() {
    let (_home, path) = home();
    let conn = database_at(&path, migrations().len());
    conn.execute(
        "INSERT INTO seaql_migrations VALUES ('m20991231_000001_tomorrow', 1)",
        [],
    )
    .unwrap();
    let before = contents(&path);
    assert!(before["msb.db-wal"].len() > 4096, "the ledger is in the log");
    assert!(matches!(refuse(&path), StoreError::Newer { .. }));
    assert!(contents(&path) == before, "a file changed or appeared");
    drop(conn);
}

#[test]
fn a_newer_database_whose_owner_was_killed_is_refused_and_left_byte_for_byte() {
    let (_home, path) = home();
    let conn = database_at(&path, migrations().len());
    conn.execute(
        "INSERT INTO seaql_migrations VALUES ('m20991231_000001_tomorrow', 1)",
        [],
    )
    .unwrap();
    // What a killed process leaves: the log is not folded in, and with or without its index.
    for with_index in [true, false] {
        let (_copy, copied) = home();
        for (name, bytes) in contents(&path) {
            if with_index || !name.ends_with("-shm") {
                std::fs::write(copied.with_file_name(name), bytes).unwrap();
            }
        }
        let before = contents(&copied);
        assert!(matches!(refuse(&copied), StoreError::Newer { .. }));
        assert!(
            contents(&copied) == before,
            "{with_index}: a file changed or appeared"
        );
    }
    drop(conn);
}

#[test]
fn a_second_store_in_the_process_takes_no_lock_from_the_first() {
    let (_home, path) = home();
    let first = open(&path);
    insert(&first, "one");
    drop(open(&path));
    // The last process to leave folds the log in and removes it: only if nobody else is there.
    let mut other = common::child("child_opens", &path);
    assert!(other.wait().unwrap().success());
    assert!(
        contents(&path).contains_key("msb.db-wal"),
        "the first store lost its lock"
    );
    insert(&first, "two");
    drop(first);
    assert!(open(&path).sandbox_by_name("two").unwrap().is_some());
}

#[test]
fn a_ledger_with_a_gap_is_refused_and_left_byte_for_byte() {
    let (_home, path) = home();
    let conn = database_at(&path, migrations().len());
    conn.execute("DELETE FROM seaql_migrations WHERE version LIKE 'm20260410%'", [])
        .unwrap();
    drop(conn);
    let before = contents(&path);
    assert!(matches!(refuse(&path), StoreError::Corrupt { detail, .. } if detail.contains("m20260410")));
    assert!(contents(&path) == before);
}

#[test]
fn a_process_that_may_not_upgrade_changes_nothing() {
    let (_home, path) = home();
    let existing = |path| Store::open_existing(path, StoreOptions::default());
    assert!(matches!(existing(&path), Err(StoreError::Missing { .. })));
    assert!(!path.exists());
    drop(database_at(&path, 12));
    let before = contents(&path);
    assert!(
        matches!(existing(&path), Err(StoreError::Older { migration, .. }) if migration.contains("lease"))
    );
    assert!(contents(&path) == before);
    drop(open(&path));
    existing(&path).unwrap();
}

#[test]
fn processes_that_open_a_new_or_old_home_together_all_succeed() {
    for stage in [0, 5] {
        let (_home, path) = home();
        if stage > 0 {
            drop(database_at(&path, stage));
        }
        let children: Vec<_> = (0..6).map(|_| common::child("child_opens", &path)).collect();
        for child in children {
            assert!(child.wait_with_output().unwrap().status.success());
        }
        assert_eq!(schema(&Connection::open(&path).unwrap()), schema_058());
        let copies = contents(&path)
            .into_keys()
            .filter(|name| name.contains("backup"))
            .count();
        assert_eq!(copies, usize::from(stage > 0));
    }
}

#[test]
#[ignore = "a process that other tests start"]
fn child_opens() {
    let store = open(&common::child_db());
    insert(&store, &format!("from-{}", std::process::id()));
}
