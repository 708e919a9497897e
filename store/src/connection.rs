//! Opening connections: flags, settings, and the look at a file before anything may change it.
//!
//! Invariant: the database file is never opened by other means than SQLite while a connection to it may
//! exist, because closing any descriptor of it would drop this process's POSIX locks.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Failure, StoreError};
use crate::ledger::{self, Applied};

/// Negative means KiB: what one connection may cache. Small, because a runner's whole budget is 8 MB.
const CACHE_SIZE: i64 = -512;
/// The write-ahead log is cut back to this many bytes once it has been written into the database.
const JOURNAL_SIZE_LIMIT: i64 = 1 << 20;
/// Distinct statements that one connection keeps compiled.
const STATEMENT_CACHE: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadOnly,
    ReadWrite,
}

/// Creates an empty file that only this user may open.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::from_io("create", path, error)),
    }
}

/// Opens an existing file with SQLite's defaults.
pub(crate) fn open_plain(path: &Path, access: Access) -> Result<Connection, rusqlite::Error> {
    let mode = match access {
        Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// Opens an existing file and settles everything but the journal mode.
pub(crate) fn open_configured(path: &Path, busy_timeout: Duration) -> Result<Connection, Failure> {
    let conn = open_plain(path, Access::ReadWrite)?;
    conn.busy_timeout(busy_timeout)?;
    if conn.is_readonly("main")? {
        return Err(StoreError::ReadOnly {
            path: path.to_path_buf(),
        }
        .into());
    }
    conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "cache_size", CACHE_SIZE)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT, |_| Ok(()))?;
    Ok(conn)
}

/// Turns the write-ahead log on.
pub(crate) fn enable_wal(conn: &Connection, path: &Path) -> Result<(), Failure> {
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    match mode.as_str() {
        "wal" => Ok(()),
        _ => Err(StoreError::NoWal {
            path: path.to_path_buf(),
        }
        .into()),
    }
}

/// What [`inspect`] found.
pub(crate) enum Found {
    /// No file, or an empty one.
    Nothing,
    /// A database at this point of its history.
    Database(Applied),
    /// A file that cannot be read without first recovering it, which only a writer can do.
    NeedsRecovery,
}

/// Looks at a database without changing it or leaving a file beside it.
pub(crate) fn inspect(path: &Path, busy_timeout: Duration) -> Result<Found, Failure> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return Err(StoreError::File {
                action: "use as a database",
                path: path.to_path_buf(),
                source,
            }
            .into());
        }
        Ok(metadata) if metadata.len() == 0 => return Ok(Found::Nothing),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(StoreError::from_io("look at", path, error).into()),
    }
    // Without a log the file itself is the whole truth, and reading it as immutable needs no lock and no
    // shared-memory file. The answer counts if no writer was there meanwhile.
    let before = at_rest(path);
    if before.is_some() {
        let answer = open_immutable(path).and_then(|conn| ledger::read(&conn, path));
        if at_rest(path) == before {
            return answer.map(Found::Database);
        }
    }
    let conn = open_plain(path, Access::ReadOnly)?;
    conn.busy_timeout(busy_timeout)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    match ledger::read(&conn, path) {
        Ok(applied) => Ok(Found::Database(applied)),
        Err(Failure::Sqlite(error))
            if matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen)
            ) =>
        {
            Ok(Found::NeedsRecovery)
        }
        Err(failure) => Err(failure),
    }
}

/// What would change if somebody wrote to the database; nothing if its log or journal holds data.
fn at_rest(path: &Path) -> Option<(u64, i64, i64)> {
    let has_data = |suffix: &str| {
        let mut beside = OsString::from(path);
        beside.push(suffix);
        fs::metadata(PathBuf::from(beside)).is_ok_and(|metadata| metadata.len() > 0)
    };
    if has_data("-wal") || has_data("-journal") {
        return None;
    }
    fs::metadata(path)
        .ok()
        .map(|metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Opens an existing file, given by its absolute path, as one that nobody changes.
fn open_immutable(path: &Path) -> Result<Connection, Failure> {
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(uri, flags)?)
}
