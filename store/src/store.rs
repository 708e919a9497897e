//! The store itself: one writer connection, a few readers, and the retry that hides contention.
//!
//! Invariant: every write runs in one IMMEDIATE transaction on the one writer connection, so within
//! the process writes queue on a lock and between processes on SQLite's, and a closure that was
//! refused for contention has changed nothing and is simply run again.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::connection::{self, Found};
use crate::error::{Failure, StoreError};
use crate::in_use::{self, InUse};
use crate::ledger::{self, Applied};
use crate::upgrade;

/// How long contention is waited out before [`StoreError::Busy`] tells of it.
const RETRY_DEADLINE: Duration = Duration::from_secs(30);
const FIRST_BACKOFF: Duration = Duration::from_millis(1);
const LONGEST_BACKOFF: Duration = Duration::from_millis(50);

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Reader connections, each opened when first needed. At least one.
    pub max_readers: usize,
    /// How long a read waits for one of them.
    pub connect_timeout: Duration,
    /// How long one attempt waits for another process's lock.
    pub busy_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            max_readers: 4,
            connect_timeout: Duration::from_secs(30),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// An open database of a home. All methods may be called from any thread.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Device and inode of the file that the connections have open.
    identity: (u64, u64),
    options: StoreOptions,
    // Dropped before the writer, which then closes last and folds the log into the database.
    readers: Mutex<Readers>,
    reader_freed: Condvar,
    writer: Mutex<Connection>,
    // Dropped last, when every connection is closed.
    _in_use: Option<InUse>,
}

#[derive(Debug, Default)]
struct Readers {
    idle: Vec<Connection>,
    in_use: usize,
}

impl Store {
    /// Opens the database, creating or upgrading it as needed. Its directory must exist. A file that existed
    /// before its first upgrade is copied to `<path>.backup-<last migration>`.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let path = &absolute(path)?;
        let deadline = Instant::now() + RETRY_DEADLINE;
        retry(path, deadline, || {
            let (found, mut in_use) = connection::inspect(path, options.busy_timeout)?;
            if let Found::Nothing = found {
                create_once(path)?;
                (in_use, _) = in_use::register(path, || ());
            }
            let mut writer = connection::open_configured(path, options.busy_timeout)?;
            let pending = !ledger::read(&writer, path)?.pending().is_empty();
            connection::enable_wal(&writer, path)?;
            if pending {
                upgrade::upgrade(&mut writer, path)?;
            }
            Ok((writer, in_use))
        })
        .map_err(|error| name_read_only(path, error))
        .and_then(|(writer, in_use)| Self::over(path, options, writer, in_use))
    }

    /// Opens a database that exists and is up to date, and changes nothing where it is not: for
    /// processes that a library with an open store has started.
    pub fn open_existing(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let path = &absolute(path)?;
        let deadline = Instant::now() + RETRY_DEADLINE;
        retry(path, deadline, || {
            let older = |applied: Applied| -> Result<(), Failure> {
                let Some(migration) = applied.pending().first() else {
                    return Ok(());
                };
                Err(StoreError::Older {
                    path: path.to_path_buf(),
                    migration: migration.name,
                }
                .into())
            };
            let (found, in_use) = connection::inspect(path, options.busy_timeout)?;
            match found {
                Found::Nothing => {
                    return Err(StoreError::Missing {
                        path: path.to_path_buf(),
                    }
                    .into());
                }
                Found::Database(applied) => older(applied)?,
                Found::NeedsRecovery => {}
            }
            let writer = connection::open_configured(path, options.busy_timeout)?;
            older(ledger::read(&writer, path)?)?;
            connection::enable_wal(&writer, path)?;
            Ok((writer, in_use))
        })
        .map_err(|error| name_read_only(path, error))
        .and_then(|(writer, in_use)| Self::over(path, options, writer, in_use))
    }

    fn over(
        path: &Path,
        options: StoreOptions,
        writer: Connection,
        in_use: Option<InUse>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            path: path.to_path_buf(),
            identity: identity(path)?,
            options,
            readers: Mutex::default(),
            reader_freed: Condvar::new(),
            writer: Mutex::new(writer),
            _in_use: in_use,
        })
    }

    /// Refuses to work on a file that no longer is the one at the path: with a log, SQLite would go on
    /// without noticing, and what it writes would be lost.
    fn check_in_place(&self) -> Result<(), StoreError> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(StoreError::Moved {
                path: self.path.clone(),
            }),
            Err(error) => Err(error),
        }
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has SQLite check every page and index; an empty list means sound.
    pub fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        let checked = self.read(|conn| {
            let found: Vec<String> = conn
                .prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(found.into_iter().filter(|line| line != "ok").collect())
        });
        match checked {
            // Damage so great that the check cannot even run.
            Err(StoreError::Corrupt { detail, .. }) => Ok(vec![detail]),
            other => other,
        }
    }

    /// Rows that refer to rows that do not exist, as `table row -> table`; an empty list means sound.
    pub fn foreign_key_check(&self) -> Result<Vec<String>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
            let rows = statement.query_map([], |row| {
                let (table, id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
                let parent: String = row.get(2)?;
                Ok(format!(
                    "{table} {} -> {parent}",
                    id.map_or_else(|| "?".to_owned(), |id| id.to_string())
                ))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Runs a read on one of the reader connections.
    pub(crate) fn read<T>(&self, body: impl Fn(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        self.check_in_place()?;
        let deadline = Instant::now() + RETRY_DEADLINE;
        let (place, idle) = self.reserve_reader()?;
        let reader = match idle {
            Some(reader) => reader,
            None => retry(&self.path, deadline, || {
                let conn = connection::open_configured(&self.path, self.options.busy_timeout)?;
                conn.pragma_update(None, "query_only", true)?;
                Ok(conn)
            })?,
        };
        let result = retry(&self.path, deadline, || body(&reader));
        place.keep(reader);
        result
    }

    /// Runs a write in one IMMEDIATE transaction, which commits when the closure returns a value.
    pub(crate) fn write<T>(
        &self,
        body: impl Fn(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.check_in_place()?;
        let deadline = Instant::now() + RETRY_DEADLINE;
        let Some(mut writer) = self.writer.try_lock_until(deadline) else {
            return Err(busy(&self.path, RETRY_DEADLINE));
        };
        retry(&self.path, deadline, || {
            let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = body(&tx)?;
            tx.commit()?;
            Ok(value)
        })
    }

    /// Tells of every statement from now on, as long as one thread uses the store.
    #[cfg(test)]
    pub(crate) fn trace(&self, tell: fn(rusqlite::trace::TraceEvent<'_>)) {
        let statements = rusqlite::trace::TraceEventCodes::SQLITE_TRACE_STMT;
        self.read(|_| Ok(())).unwrap();
        self.writer.lock().trace_v2(statements, Some(tell)).unwrap();
        for reader in &mut self.readers.lock().idle {
            reader.trace_v2(statements, Some(tell)).unwrap();
        }
    }

    /// Waits for a place among the readers, and an idle connection if there is one.
    fn reserve_reader(&self) -> Result<(ReaderPlace<'_>, Option<Connection>), StoreError> {
        let give_up = Instant::now() + self.options.connect_timeout;
        let mut readers = self.readers.lock();
        while readers.in_use >= self.options.max_readers.max(1) {
            if self.reader_freed.wait_until(&mut readers, give_up).timed_out() {
                return Err(busy(&self.path, self.options.connect_timeout));
            }
        }
        readers.in_use += 1;
        let idle = readers.idle.pop();
        drop(readers);
        Ok((ReaderPlace { store: self }, idle))
    }
}

/// A place among the readers in use, given back when dropped, also by a panic or a failed opening.
struct ReaderPlace<'a> {
    store: &'a Store,
}

impl ReaderPlace<'_> {
    /// Gives the place back together with a connection for the next reader.
    fn keep(self, reader: Connection) {
        self.store.readers.lock().idle.push(reader);
    }
}

impl Drop for ReaderPlace<'_> {
    fn drop(&mut self) {
        self.store.readers.lock().in_use -= 1;
        self.store.reader_freed.notify_one();
    }
}

/// Runs `attempt` until it answers something else than contention, or the deadline has passed.
fn retry<T>(
    path: &Path,
    deadline: Instant,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, StoreError> {
    let started = Instant::now();
    let mut backoff = FIRST_BACKOFF;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(failure) if failure.is_busy() => {
                if Instant::now() + backoff >= deadline {
                    return Err(busy(path, started.elapsed()));
                }
                std::thread::sleep(backoff);
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
            }
            Err(failure) => return Err(failure.into_store_error(path)),
        }
    }
}

fn busy(path: &Path, waited: Duration) -> StoreError {
    let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    StoreError::Busy {
        path: path.to_path_buf(),
        waited_ms,
    }
}

/// The path as it stays right when the host changes its working directory.
fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(path).map_err(|error| StoreError::from_io("find", path, error))
}

/// Device and inode of the file at the path.
fn identity(path: &Path) -> Result<(u64, u64), StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok((metadata.dev(), metadata.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Moved {
            path: path.to_path_buf(),
        }),
        Err(error) => Err(StoreError::from_io("look at", path, error)),
    }
}

/// Creates the file unless another process just did.
fn create_once(path: &Path) -> Result<(), StoreError> {
    match connection::create_private(path) {
        Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// SQLite cannot open a database whose directory refuses the log: tell that apart from a wrong path.
fn name_read_only(path: &Path, error: StoreError) -> StoreError {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match error {
        StoreError::CannotOpen { .. }
            if folder.is_dir() && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err() =>
        {
            StoreError::ReadOnly {
                path: path.to_path_buf(),
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::NewSandbox;

    #[test]
    fn a_full_disk_is_told_apart_and_loses_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("msb.db"), StoreOptions::default()).unwrap();
        let labels = BTreeMap::new();
        let insert = |name: &str, config: &str| {
            store.insert_sandbox(&NewSandbox {
                name,
                config,
                ephemeral: false,
                labels: &labels,
                manifest_id: None,
            })
        };
        insert("before", "{}").unwrap();
        store
            .write(|tx| {
                let pages: i64 = tx.pragma_query_value(None, "page_count", |row| row.get(0))?;
                tx.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
                Ok(())
            })
            .unwrap();
        let config = "x".repeat(1 << 20);
        assert!(matches!(insert("large", &config), Err(StoreError::Full { .. })));
        assert!(store.sandbox_by_name("before").unwrap().is_some());
        assert!(store.sandbox_by_name("large").unwrap().is_none());
        assert_eq!(store.integrity_check().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_panic_in_a_read_gives_its_place_back() {
        let home = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            max_readers: 1,
            ..StoreOptions::default()
        };
        let store = Store::open(&home.path().join("msb.db"), options).unwrap();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.read(|_| -> Result<(), Failure> { panic!("on purpose") })
        }));
        assert!(outcome.is_err());
        assert!(store.sandbox_by_name("nobody").unwrap().is_none());
    }

    #[test]
    fn contention_becomes_an_error_only_after_the_deadline() {
        let path = Path::new("x.db");
        let busy = || {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY_SNAPSHOT);
            Failure::Sqlite(rusqlite::Error::SqliteFailure(code, None))
        };
        let mut attempts = 0;
        let value = retry(path, Instant::now() + Duration::from_secs(5), || {
            attempts += 1;
            if attempts < 4 { Err(busy()) } else { Ok(attempts) }
        });
        assert_eq!(value.unwrap(), 4);
        let late = retry::<()>(path, Instant::now() + Duration::from_millis(5), || Err(busy()));
        assert!(matches!(late, Err(StoreError::Busy { .. })));
    }
}
