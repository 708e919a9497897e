//! What the store's tests share: databases at chosen points of their history, schema dumps, and the
//! test binary started again as another process.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use msb_store::{NewSandbox, SandboxRow, Store, StoreOptions};
use rusqlite::Connection;
use tempfile::TempDir;

/// Tells a child process which database to work on.
pub const CHILD_DB: &str = "MSB_STORE_TEST_DB";

/// A fresh directory and the path of a database in it.
pub fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("msb.db");
    (home, path)
}

pub fn open(path: &Path) -> Store {
    Store::open(path, StoreOptions::default()).unwrap()
}

pub fn insert(store: &Store, name: &str) -> SandboxRow {
    let labels = BTreeMap::new();
    store
        .insert_sandbox(&NewSandbox {
            name,
            config: "{}",
            ephemeral: false,
            labels: &labels,
            manifest_id: None,
        })
        .unwrap()
}

/// Every migration file, name and text, in name order.
pub fn migrations() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(file).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// Makes a database that stands after the first `count` migrations, in WAL mode as 0.5.8 leaves it.
pub fn database_at(path: &Path, count: usize) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.execute_batch(
        r#"CREATE TABLE "seaql_migrations" ( "version" varchar NOT NULL PRIMARY KEY, "applied_at" bigint NOT NULL )"#,
    )
    .unwrap();
    for (name, sql) in migrations().iter().take(count) {
        conn.execute_batch(sql).unwrap();
        conn.execute("INSERT INTO seaql_migrations VALUES (?1, 1)", [name])
            .unwrap();
    }
    conn
}

/// Every object of the schema with its SQL, spaces and quotes out of the way, by kind and name.
pub fn schema(conn: &Connection) -> Vec<String> {
    let mut statement = conn
        .prepare(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'
             ORDER BY type DESC, name",
        )
        .unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|sql| normalised(&sql.unwrap())).collect()
}

/// One statement without the differences that mean nothing to SQLite.
pub fn normalised(sql: &str) -> String {
    let spaced: String = sql
        .chars()
        .flat_map(|c| match c {
            '(' | ')' | ',' => vec![' ', c, ' '],
            '"' => Vec::new(),
            other => vec![other],
        })
        .collect();
    spaced
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches(';')
        .trim_end()
        .to_owned()
}

/// The schema that 0.5.8 makes.
pub fn schema_058() -> Vec<String> {
    include_str!("../fixtures/schema_058.sql")
        .lines()
        .filter(|line| !line.starts_with("--"))
        .map(normalised)
        .collect()
}

/// A copy of the database that 0.5.8 made.
pub fn home_058(path: &Path) {
    std::fs::write(path, include_bytes!("../fixtures/home_058.db")).unwrap();
}

/// The files in the database's directory, by name, with their contents.
pub fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

/// Starts an ignored test of this binary as a process of its own.
pub fn child(test: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(CHILD_DB, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The database that a child process was started for.
pub fn child_db() -> PathBuf {
    PathBuf::from(std::env::var_os(CHILD_DB).expect("started by another test"))
}
