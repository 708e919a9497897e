//! Promises about files that cannot be used: each has its own error, and none is changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod common;

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{contents, home, insert, open};
use msb_store::{Store, StoreError, StoreOptions};

fn refuse(path: &Path) -> StoreError {
    Store::open(path, StoreOptions::default()).unwrap_err()
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let (_home, path) = home();
    fs::write(&path, "once upon a time ".repeat(1000)).unwrap();
    let before = contents(&path);
    assert!(matches!(refuse(&path), StoreError::NotADatabase { path: named } if named == path));
    assert!(contents(&path) == before);
}

#[test]
fn a_database_of_another_program_is_refused_and_kept() {
    let (_home, path) = home();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE bookmark (url)")
        .unwrap();
    let before = contents(&path);
    assert!(matches!(refuse(&path), StoreError::Foreign { .. }));
    assert!(contents(&path) == before);
}

#[test]
fn a_damaged_database_is_told_with_its_path() {
    let (_home, path) = home();
    insert(&open(&path), "one");
    let mut bytes = fs::read(&path).unwrap();
    // The schema's page, past the header that makes it a database.
    bytes[100..4096].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let refused = refuse(&path);
    assert!(
        matches!(&refused, StoreError::Corrupt { path: named, .. } if *named == path),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("backup"));
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn a_damaged_table_is_told_when_it_is_read() {
    let (_home, path) = home();
    let store = open(&path);
    for n in 0..200 {
        insert(&store, &format!("sandbox-{n}"));
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    let page: u32 = raw
        .query_row(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sandbox'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(raw);
    let page = usize::try_from(page).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let store = open(&path);
    assert!(matches!(store.sandbox_by_id(3), Err(StoreError::Corrupt { .. })));
    assert!(!store.integrity_check().unwrap().is_empty());
}

#[test]
fn a_path_that_leads_nowhere_is_told_apart() {
    let (home, path) = home();
    let inside = home.path().join("missing/msb.db");
    assert!(
        matches!(refuse(&inside), StoreError::File { action: "create", .. }),
        "{:?}",
        refuse(&inside)
    );
    fs::create_dir(&path).unwrap();
    let refused = refuse(&path);
    assert!(
        matches!(
            refused,
            StoreError::File {
                action: "use as a database",
                ..
            }
        ),
        "{refused:?}"
    );
    assert!(refused.source().is_some());
}

/// Runs `body` without the superuser's right to ignore permissions.
#[cfg(target_os = "linux")]
fn as_ordinary_user<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    if !rustix::process::geteuid().is_root() {
        return body();
    }
    std::thread::scope(|scope| {
        let ordinary = scope.spawn(|| {
            let nobody = rustix::process::Uid::from_raw(65_534);
            // Linux gives each thread its own credentials; this one ends with the closure.
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            body()
        });
        ordinary.join().unwrap()
    })
}

/// Other systems run their tests as an ordinary user.
#[cfg(not(target_os = "linux"))]
fn as_ordinary_user<T>(body: impl FnOnce() -> T) -> T {
    body()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_home_that_may_not_be_written_is_told_apart() {
    let (home, path) = home();
    chmod(home.path(), 0o555);
    let fresh = as_ordinary_user(|| refuse(&path));
    assert!(matches!(fresh, StoreError::ReadOnly { .. }), "{fresh:?}");

    chmod(home.path(), 0o755);
    insert(&open(&path), "one");
    chmod(&path, 0o444);
    chmod(home.path(), 0o555);
    let before = contents(&path);
    let file = as_ordinary_user(|| refuse(&path));
    assert!(matches!(file, StoreError::ReadOnly { .. }), "{file:?}");
    // The file alone may be written, but no log beside it.
    chmod(&path, 0o666);
    let folder = as_ordinary_user(|| refuse(&path));
    assert!(matches!(folder, StoreError::ReadOnly { .. }), "{folder:?}");
    assert!(contents(&path) == before);
    chmod(home.path(), 0o755);
    assert!(open(&path).sandbox_by_name("one").unwrap().is_some());
}

#[test]
fn a_database_deleted_or_replaced_under_an_open_store_is_told() {
    let (home, path) = home();
    let store = open(&path);
    insert(&store, "one");
    fs::rename(&path, home.path().join("elsewhere.db")).unwrap();
    assert!(matches!(
        store.sandbox_by_name("one"),
        Err(StoreError::Moved { .. })
    ));
    fs::write(&path, "another file").unwrap();
    let labels = Default::default();
    let new = msb_store::NewSandbox {
        name: "two",
        config: "{}",
        ephemeral: false,
        labels: &labels,
        manifest_id: None,
    };
    let outcome = store.insert_sandbox(&new);
    assert!(matches!(outcome, Err(StoreError::Moved { .. })), "{outcome:?}");
}
