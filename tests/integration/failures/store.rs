//! Databases and config files that cannot be used: refused with their own status, and left byte for byte.

use super::failed;
use crate::random::Seed;
use crate::support::{Home, list_all, open, patience};
use msb::error::Status;
use msb::sandbox::Sandbox;
use std::fs;
use std::path::{Path, PathBuf};

/// SQLite's page size in this store; the first page holds the schema's root.
const PAGE: usize = 4096;

/// A home with a few sandboxes, closed, and its database file.
fn closed_home() -> (Home, PathBuf) {
    let home = Home::new();
    let backend = home.open();
    for name in ["one", "two", "three"] {
        Sandbox::create(&backend, &home.options(name)).unwrap();
    }
    backend.close(patience()).unwrap();
    drop(backend);
    let database = home.path().join("db/msb.db");
    (home, database)
}

/// Opens and lists; both must be refused, or the listing alone, and the file stays as it is.
fn assert_refused(home: &Path, database: &Path, status: Status) -> msb::error::MsbError {
    let before = fs::read(database).unwrap();
    let error = failed(open(home), status);
    assert!(error.text().contains(database.to_str().unwrap()), "{error:?}");
    assert_eq!(fs::read(database).unwrap(), before, "the database was changed");
    error
}

#[test]
fn a_database_with_random_bytes_inside_is_corrupt() {
    let (home, database) = closed_home();
    let seed = Seed::of_run();
    let mut random = seed.part(0);
    let sound = fs::read(&database).unwrap();
    let mut content = sound.clone();
    for byte in &mut content[PAGE..] {
        *byte = u8::try_from(random.below(256)).unwrap();
    }
    fs::write(&database, content).unwrap();
    assert_refused(home.path(), &database, Status::StoreCorrupt);
    // What was put back is used again: nothing else was lost.
    fs::write(&database, sound).unwrap();
    let backend = home.open();
    assert_eq!(list_all(&backend).len(), 3);
    backend.close(patience()).unwrap();
}

#[test]
fn a_truncated_database_is_corrupt() {
    let (home, database) = closed_home();
    let file = fs::OpenOptions::new().write(true).open(&database).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2 + 100).unwrap();
    assert_refused(home.path(), &database, Status::StoreCorrupt);
}

#[test]
fn a_file_that_is_no_database_is_corrupt() {
    let (home, database) = closed_home();
    fs::write(&database, "These are notes about sandboxes.\n".repeat(1000)).unwrap();
    let error = assert_refused(home.path(), &database, Status::StoreCorrupt);
    assert_eq!(error.reason(), "store.not_a_database");
}

#[test]
fn a_newer_store_is_refused_by_the_name_of_its_migration() {
    let (home, database) = closed_home();
    let unknown = "m20991231_000001_tomorrow";
    let connection = rusqlite::Connection::open(&database).unwrap();
    let added = connection.execute("INSERT INTO seaql_migrations VALUES (?1, 1)", [unknown]);
    assert_eq!(added.unwrap(), 1);
    connection.close().unwrap();
    let error = assert_refused(home.path(), &database, Status::StoreNewer);
    assert!(error.text().contains(unknown), "{error:?}");
}

#[test]
fn a_malformed_config_file_is_named_with_line_and_column() {
    let (home, _) = closed_home();
    let config = home.path().join("config.json");
    let text = "{\n  \"database\": {\n    \"max_connections\": 3,,\n  }\n}\n";
    fs::write(&config, text).unwrap();
    let error = failed(open(home.path()), Status::ConfigInvalid);
    assert!(error.text().contains(config.to_str().unwrap()), "{error:?}");
    assert!(error.text().contains("line 3 column 26"), "{error:?}");
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    fs::remove_file(config).unwrap();
    assert_eq!(list_all(&home.open()).len(), 3);
}
