//! Brings a database up to date: one copy aside, then every pending migration.
//!
//! Invariant: all pending migrations and their ledger rows commit in one IMMEDIATE transaction, so every
//! other process sees the database before the upgrade or after it, and a failure leaves it as it was.
//! Migrations by 0.5.8 were not atomic: each statement also succeeds where it has already been done.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::connection;
use crate::error::{Failure, StoreError};
use crate::ledger::{self, Migration};

/// Pages that are copied under one read lock.
const PAGES_PER_STEP: i32 = 256;
/// How long the copy waits for locks before it gives up.
const COPY_DEADLINE: Duration = Duration::from_secs(30);

/// The ledger's table, as the migration framework of 0.5.8 declares it.
const CREATE_LEDGER: &str = r#"CREATE TABLE IF NOT EXISTS "seaql_migrations" (
    "version" varchar NOT NULL PRIMARY KEY,
    "applied_at" bigint NOT NULL
)"#;

/// Applies what is pending. `conn` must be a writable connection outside a transaction.
pub(crate) fn upgrade(conn: &mut Connection, path: &Path) -> Result<(), Failure> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = ledger::read(&tx, path)?;
    if applied.pending().is_empty() {
        return Ok(());
    }
    // The transaction has written nothing yet: other connections still read the old state, and no
    // other process can start an upgrade meanwhile.
    if let Some(last) = applied.last() {
        copy_aside(path, last)?;
    }
    tx.execute(CREATE_LEDGER, [])?;
    for migration in applied.pending() {
        apply(&tx, migration).map_err(|error| blame(migration, path, error))?;
    }
    tx.commit()?;
    Ok(())
}

fn apply(tx: &Transaction<'_>, migration: &Migration) -> Result<(), rusqlite::Error> {
    for statement in statements(migration.sql) {
        let done = match added_column(&statement) {
            Some((table, column)) => has_column(tx, table, column)?,
            None => false,
        };
        if !done {
            tx.execute(&statement, [])?;
        }
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    tx.execute(
        "INSERT INTO seaql_migrations (version, applied_at) VALUES (?1, ?2)",
        (migration.name, i64::try_from(now).unwrap_or(i64::MAX)),
    )?;
    Ok(())
}

/// Names the migration where SQLite's error says nothing more precise about the file.
fn blame(migration: &Migration, path: &Path, error: rusqlite::Error) -> Failure {
    let failure = Failure::Sqlite(error);
    if failure.is_busy() {
        return failure;
    }
    match failure.into_store_error(path) {
        StoreError::Query { source, .. } => StoreError::Migration {
            migration: migration.name,
            source,
        }
        .into(),
        precise => precise.into(),
    }
}

/// The statements of a migration file. In these files a statement ends where a line ends with `;`, and a
/// comment has its line to itself.
fn statements(sql: &str) -> impl Iterator<Item = String> {
    let code: Vec<&str> = sql
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    let code = code.join("\n");
    let parts: Vec<String> = code
        .split(";\n")
        .map(|part| part.trim().trim_end_matches(';').to_owned())
        .collect();
    parts.into_iter().filter(|part| !part.is_empty())
}

/// The table and column of an `ALTER TABLE .. ADD COLUMN ..`.
fn added_column(statement: &str) -> Option<(&str, &str)> {
    let mut words = statement.split_whitespace();
    let (alter, table_word, table) = (words.next()?, words.next()?, words.next()?);
    let (add, column_word, column) = (words.next()?, words.next()?, words.next()?);
    ((alter, table_word, add, column_word) == ("ALTER", "TABLE", "ADD", "COLUMN"))
        .then(|| (table.trim_matches('"'), column.trim_matches('"')))
}

fn has_column(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)",
        (table, column),
        |row| row.get(0),
    )
}

/// Where the copy of a database that stood at `last` goes.
fn backup_path(path: &Path, last: &Migration) -> PathBuf {
    with_suffix(path, &format!(".backup-{}", last.name))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// Copies the committed state of the database to its backup path, unless a copy is there.
fn copy_aside(path: &Path, last: &Migration) -> Result<(), Failure> {
    let target = backup_path(path, last);
    if target
        .try_exists()
        .map_err(|error| StoreError::from_io("look for", &target, error))?
    {
        return Ok(());
    }
    let partial = with_suffix(&target, ".partial");
    // Only the holder of the write lock comes here, so a partial file is a dead process's.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(StoreError::from_io("remove", &partial, error).into());
        }
        _ => {}
    }
    connection::create_private(&partial)?;
    let result = copy(path, &partial).and_then(|()| publish(&partial, &target).map_err(Failure::Store));
    if result.is_err() {
        // The error that matters is the copy's; what stays behind is removed by the next attempt.
        let _ = fs::remove_file(&partial);
    }
    result
}

fn copy(path: &Path, partial: &Path) -> Result<(), Failure> {
    let in_target = |error| Failure::Store(StoreError::from_sqlite(partial, error));
    let source = connection::open_plain(path, connection::Access::ReadOnly)?;
    let mut target = connection::open_plain(partial, connection::Access::ReadWrite).map_err(in_target)?;
    let backup = Backup::new(&source, &mut target)?;
    let deadline = Instant::now() + COPY_DEADLINE;
    loop {
        let step = backup
            .step(PAGES_PER_STEP)
            .map_err(|error| match error.sqlite_error_code() {
                // Only the source is old enough to be damaged.
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Failure::Sqlite(error),
                _ => in_target(error),
            })?;
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            _ => {
                let waited_ms = u64::try_from(COPY_DEADLINE.as_millis()).unwrap_or(u64::MAX);
                return Err(StoreError::Busy {
                    path: path.to_path_buf(),
                    waited_ms,
                }
                .into());
            }
        }
    }
}

fn publish(partial: &Path, target: &Path) -> Result<(), StoreError> {
    let sync = |path: &Path| fs::File::open(path).and_then(|file| file.sync_all());
    sync(partial).map_err(|error| StoreError::from_io("sync", partial, error))?;
    fs::rename(partial, target).map_err(|error| StoreError::from_io("rename", partial, error))?;
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    sync(folder).map_err(|error| StoreError::from_io("sync", folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::MIGRATIONS;

    #[test]
    fn a_file_splits_into_its_statements() {
        let found: Vec<String> = statements("-- why; not\nCREATE x (\n  a\n);\n\nDROP y;\n").collect();
        assert_eq!(found, ["CREATE x (\n  a\n)", "DROP y"]);
    }

    #[test]
    fn every_statement_can_be_repeated() {
        for migration in MIGRATIONS {
            for statement in statements(migration.sql) {
                let repeatable = statement.contains(" IF NOT EXISTS ")
                    || statement.contains(" IF EXISTS ")
                    || statement.starts_with("UPDATE ")
                    || added_column(&statement).is_some();
                assert!(repeatable, "{}: {statement}", migration.name);
            }
        }
    }
}
