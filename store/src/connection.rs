//! Opening connections: flags, settings, and the look at a file before anything may change it.
//!
//! Invariant: the database file is never opened by other means than SQLite while a connection to it may
//! exist, because closing any descriptor of it would drop this process's POSIX locks; `in_use` sees to that.

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
use crate::in_use::{self, InUse};
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
    // Otherwise each value bound to a LIMIT has SQLite compile the kept statement anew.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
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

/// Looks at a database without changing it or a file beside it, and registers that this process has it open.
pub(crate) fn inspect(path: &Path, busy_timeout: Duration) -> Result<(Found, Option<InUse>), Failure> {
    let (in_use, quiet) = in_use::register(path, || inspect_alone(path));
    let found = match quiet {
        Some(quiet) => quiet?,
        None => None,
    };
    let found = match found {
        Some(found) => found,
        None => inspect_shared(path, busy_timeout)?,
    };
    Ok((found, in_use))
}

/// Looks at a database that this process has no connection to, without locks. Nothing if others write to it all the time.
fn inspect_alone(path: &Path) -> Result<Option<Found>, Failure> {
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
        Ok(metadata) if metadata.len() == 0 => return Ok(Some(Found::Nothing)),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Found::Nothing)),
        Err(error) => return Err(StoreError::from_io("look at", path, error).into()),
    }
    for _ in 0..QUIET_TRIES {
        let before = Files::look(path);
        if before.journal.is_some() {
            break;
        }
        // Without a log the file itself is the whole truth, and reading it as immutable needs neither locks nor a
        // shared-memory file. With one, its index is rebuilt in this process's memory.
        let opened = match before.log {
            None => open_uri(path, "immutable=1"),
            Some(_) => open_alone(path),
        };
        let answer = opened.and_then(|conn| ledger::read(&conn, path));
        // The answer counts if no writer was there meanwhile.
        if Files::look(path) == before {
            return answer.map(|applied| Some(Found::Database(applied)));
        }
    }
    Ok(None)
}

/// Looks at a database that others use, as one more reader of it.
fn inspect_shared(path: &Path, busy_timeout: Duration) -> Result<Found, Failure> {
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

/// How often the database is read without locks before somebody who writes all the time is joined instead.
const QUIET_TRIES: u32 = 3;

/// What would change if somebody wrote to the database.
#[derive(PartialEq, Eq)]
struct Files {
    database: Option<State>,
    /// Nothing if it is empty.
    log: Option<State>,
    /// Nothing if it is empty.
    journal: Option<State>,
}

/// Length and time of the last change.
type State = (u64, i64, i64);

impl Files {
    fn look(path: &Path) -> Self {
        let state = |suffix: &str| {
            let mut beside = OsString::from(path);
            beside.push(suffix);
            fs::metadata(PathBuf::from(beside))
                .ok()
                .map(|metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
                .filter(|(len, ..)| *len > 0)
        };
        Self {
            database: state(""),
            log: state("-wal"),
            journal: state("-journal"),
        }
    }
}

/// Opens an existing file and its log as if nobody else could: without locks and without a shared-memory file.
fn open_alone(path: &Path) -> Result<Connection, Failure> {
    let conn = open_uri(path, "mode=ro&vfs=unix-none")?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    Ok(conn)
}

/// Opens an existing file, given by its absolute path, to be read only.
fn open_uri(path: &Path, parameters: &str) -> Result<Connection, Failure> {
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push('?');
    uri.push_str(parameters);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(uri, flags)?)
}
