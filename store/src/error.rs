//! What can go wrong in the store, one variant for each thing a caller can do about it.
//!
//! Invariant: SQLite's result codes are turned into variants here and nowhere else, and contention
//! (`SQLITE_BUSY`) never becomes an error before the retry deadline has passed.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use crate::status::SandboxStatus;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No database file exists where one was expected.
    #[error("there is no database at {}: open the home with libmsb once to create it", path.display())]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// The database was migrated by a release that knows more than this one.
    #[error("{} holds the migration {migration}, which this version does not know: upgrade libmsb or choose another home", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The first migration in the ledger that is unknown here.
        migration: String,
    },
    /// The database lacks a migration and the caller may not apply it.
    #[error("{} lacks the migration {migration}: open the home with libmsb once to upgrade it", path.display())]
    Older {
        /// The database file.
        path: PathBuf,
        /// The first migration that is missing.
        migration: &'static str,
    },
    /// An SQLite database that is not a microsandbox home's.
    #[error("{} is a database of another program: choose another home", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The file is not an SQLite database.
    #[error("{} is not an SQLite database: restore it from a backup or move it away", path.display())]
    NotADatabase {
        /// The database file.
        path: PathBuf,
    },
    /// The database's contents are damaged.
    #[error("{} is damaged ({detail}): restore it from a backup or move it away", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The database or its directory cannot be written to.
    #[error("{} cannot be written to: make it and its directory writable for this user", path.display())]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// The disk, the quota or the database's size limit is exhausted.
    #[error("no space is left for {}: free some and try again", path.display())]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// The file was moved or deleted while it was open.
    #[error("{} was moved or deleted while in use: close the backend and open it again", path.display())]
    Moved {
        /// The database file.
        path: PathBuf,
    },
    /// The file cannot be opened.
    #[error("{} cannot be opened: check that its directory exists and may be entered", path.display())]
    CannotOpen {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Reading or writing the file failed below SQLite.
    #[error("the disk under {} failed: check the system's log", path.display())]
    Io {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A file operation beside the database failed.
    #[error("cannot {action} {}: check the disk and the permissions", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file it was tried on.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The filesystem cannot carry a write-ahead log.
    #[error("{} lies on a filesystem without shared memory maps: move the home to a local disk", path.display())]
    NoWal {
        /// The database file.
        path: PathBuf,
    },
    /// Others kept the database locked for the whole retry period.
    #[error("{} stayed locked by other processes for {waited_ms} ms: try again", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
        /// How long this call waited.
        waited_ms: u64,
    },
    /// A migration could not be applied; the database is as it was before.
    #[error("the migration {migration} failed and was undone: report it with the cause below")]
    Migration {
        /// The migration.
        migration: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A sandbox of this name exists.
    #[error("a sandbox named {name:?} exists already: choose another name or remove it first")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// No sandbox has this id.
    #[error("there is no sandbox with the id {id}: it was removed, look it up again by name")]
    NotFound {
        /// The sandbox's id.
        id: i64,
    },
    /// The sandbox is not in a state that allows this.
    #[error("the sandbox is {found} where {needed} is needed: look at it again and retry")]
    Conflict {
        /// The sandbox's id.
        id: i64,
        /// Its status now.
        found: SandboxStatus,
        /// The status that was needed.
        needed: SandboxStatus,
    },
    /// A caller asked for a status change that no sandbox may make.
    #[error("a sandbox never goes from {from} to {to}: this is a bug in the caller")]
    InvalidTransition {
        /// The status before.
        from: SandboxStatus,
        /// The status asked for.
        to: SandboxStatus,
    },
    /// A stored value cannot be understood.
    #[error("row {id} of the table {table} holds {value:?} in {column}: correct it or remove the row")]
    BadValue {
        /// The table.
        table: &'static str,
        /// The row's id.
        id: i64,
        /// The column.
        column: &'static str,
        /// The value found.
        value: String,
    },
    /// A volume of this name exists.
    #[error("a volume named {name:?} exists already: choose another name or remove it first")]
    VolumeNameTaken {
        /// The name.
        name: String,
    },
    /// The image that a sandbox was to be made from is not there any more.
    #[error("the image was removed meanwhile: load it again")]
    ImageGone,
    /// A file that a row was to be written for is not there any more.
    #[error("a layer of the image has just been removed by somebody else")]
    LayerGone,
    /// What belongs to a row on disk cannot be made, moved or removed; the row is as it was.
    #[error("the directory that belongs to the row cannot be changed")]
    Place(#[source] io::Error),
    /// A value cannot be stored as JSON.
    #[error("the value cannot be written as JSON: report it with the cause below")]
    Encode(#[source] serde_json::Error),
    /// Anything else that SQLite reports.
    #[error("a statement on {} failed: report it with the cause below", path.display())]
    Query {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Whether only one row's own values are at fault, so that others can be read.
    pub fn is_of_one_row(&self) -> bool {
        match self {
            Self::BadValue { .. } => true,
            Self::Query { source, .. } => is_of_one_row(source),
            _ => false,
        }
    }

    /// Files an SQLite error under the variant that says what to do about it.
    pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let Some(error) = source.sqlite_error() else {
            return Self::Query { path, source };
        };
        match (error.code, error.extended_code) {
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Self::Busy { path, waited_ms: 0 },
            (ErrorCode::ReadOnly, ffi::SQLITE_READONLY_DBMOVED) => Self::Moved { path },
            (ErrorCode::ReadOnly, _) => Self::ReadOnly { path },
            // Growing the shared-memory file is what fails first on a full disk.
            (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => Self::Full { path },
            (ErrorCode::CannotOpen | ErrorCode::PermissionDenied, _) => Self::CannotOpen { path, source },
            (ErrorCode::SystemIoFailure, _) => Self::Io { path, source },
            (ErrorCode::NotADatabase, _) => Self::NotADatabase { path },
            (ErrorCode::DatabaseCorrupt, _) => Self::Corrupt {
                path,
                detail: source.to_string(),
            },
            _ => Self::Query { path, source },
        }
    }

    /// Files the failure of a file operation on or beside the database.
    pub(crate) fn from_io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::File { action, path, source },
        }
    }
}

/// What a closure that runs inside a retried transaction fails with: SQLite's own error, so that
/// contention can be told apart and tried again, or an answer for the caller.
#[derive(Debug)]
pub(crate) enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

/// Whether it tells of a value that is not of its column's type.
fn is_of_one_row(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
    )
}

impl Failure {
    pub(crate) fn is_of_one_row(&self) -> bool {
        match self {
            Self::Sqlite(error) => is_of_one_row(error),
            Self::Store(error) => error.is_of_one_row(),
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        ))
    }

    pub(crate) fn into_store_error(self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::from_sqlite(path, error),
            Self::Store(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
