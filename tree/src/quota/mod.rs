//! How much a volume may hold, kept exactly however many threads and processes write to it.
//!
//! All of them share a ledger: a file with two counts. Whoever makes the tree larger charges first and makes the
//! change while its [`Charge`] lives; whoever makes it smaller does so within [`Quota::shrink`], while nobody charges.
//! So the counts are never lower than what is there: the limit holds whatever happens. They may be higher for a
//! while (a writer died, two processes extended one file at once); a recount sets that right before a refusal.
//!
//! ```text
//! lock.rs  who may change the counts      ledger.rs  the counts
//! ```

mod ledger;
mod lock;

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustix::fs::{CWD, Mode, OFlags, Stat, fstat, openat};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use self::ledger::Ledger;
use self::lock::{Gate, Shared};
use crate::error::{Room, TreeError, TreeErrorKind};
use crate::info::{FileKind, Usage, kind_of};
use crate::resolve::size_of;
use crate::usage::count;

/// How long a charge waits while another process recounts.
const CHARGE_PATIENCE: Duration = Duration::from_secs(10);
/// How long something that frees waits for the changes of others to end.
const SHRINK_PATIENCE: Duration = Duration::from_millis(250);
/// How long a recount waits for the changes of others to end.
const RECOUNT_PATIENCE: Duration = Duration::from_secs(2);
/// A full volume is not counted more often than this, unless the counts are known to be too high.
const RECOUNT_EVERY_MS: u64 = 1000;

/// Files whose growth does not wait for that of others, unless two share a number modulo this.
const GROWTH_LOCKS: usize = 64;

/// What a tree may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Bytes of regular files, by their sizes.
    pub bytes: u64,
    /// Files, directories and links.
    pub inodes: u64,
}

impl Limit {
    /// The limit of a volume whose quota is so many MiB: 1024 inodes, and 256 more for every MiB.
    pub fn of_mib(mib: u64) -> Self {
        Self {
            bytes: mib.saturating_mul(1 << 20),
            inodes: mib.saturating_mul(256).saturating_add(1024),
        }
    }
}

/// A ledger that all writers of one tree share, in one process or in many.
#[derive(Debug)]
pub struct Quota {
    path: PathBuf,
    root: OwnedFd,
    root_path: PathBuf,
    limit: Limit,
    ledger: Ledger,
    gate: Gate,
    growth: [Mutex<()>; GROWTH_LOCKS],
}

/// Room that was charged. The change that it was charged for is made while this lives: meanwhile nobody counts.
#[derive(Debug)]
#[must_use = "the change must be made before this is dropped"]
pub struct Charge<'a> {
    quota: &'a Quota,
    /// Sizes before and after, of a file that grows.
    sizes: Option<(u64, u64)>,
    _growth: Option<MutexGuard<'a, ()>>,
    _shared: Shared<'a>,
}

impl Quota {
    /// Opens the ledger, making it where there is none, in a directory that exists. `root` is the tree that it
    /// counts, a directory itself and no link to one, and does not hold the ledger. If nobody else has the ledger open, the tree is counted now.
    pub fn open(ledger: &Path, root: &Path, limit: Limit) -> Result<Self, TreeError> {
        let fail = |source| TreeError::io("open the quota ledger", ledger, source);
        let directory = openat(
            CWD,
            root,
            OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY,
            Mode::empty(),
        )
        .map_err(|errno| TreeError::system("open the root directory", root, errno))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(ledger)
            .map_err(fail)?;
        let first = lock::join(&file, CHARGE_PATIENCE).map_err(fail)?;
        let quota = Self {
            path: ledger.to_owned(),
            root: directory,
            root_path: root.to_owned(),
            limit,
            ledger: Ledger::map(&file).map_err(fail)?,
            gate: Gate::new(file),
            growth: [const { Mutex::new(()) }; GROWTH_LOCKS],
        };
        if first {
            quota.count()?;
            quota.gate.joined().map_err(fail)?;
        } else if !quota.ledger.is_ready() {
            quota.recount()?;
        }
        Ok(quota)
    }

    /// Charges before the tree grows. If that is more than the limit, counts again, and refuses with
    /// `QuotaExceeded` if it still is.
    pub fn charge(&self, bytes: u64, inodes: u64) -> Result<Charge<'_>, TreeError> {
        self.charge_with(|| Ok((Usage { bytes, inodes }, None, None)))
    }

    /// Charges what a write to `file` that ends at `end` adds to it; nothing, if it ends within the file.
    /// `Charge::settle` after the write gives back what was not written.
    pub fn charge_growth(&self, file: BorrowedFd<'_>, end: u64) -> Result<Charge<'_>, TreeError> {
        self.charge_file(file, |_| end)
    }

    /// Charges what appending `len` bytes adds to `file`, as `charge_growth`.
    pub fn charge_append(&self, file: BorrowedFd<'_>, len: u64) -> Result<Charge<'_>, TreeError> {
        self.charge_file(file, |size| size.saturating_add(len))
    }

    fn charge_file(&self, file: BorrowedFd<'_>, end: impl Fn(u64) -> u64) -> Result<Charge<'_>, TreeError> {
        self.charge_with(|| {
            let stat = self.stat(file)?;
            let size = size_of(&stat);
            if end(size) <= size {
                return Ok((Usage::default(), None, Some((size, size))));
            }
            // Two threads that extend one file would both charge the same bytes.
            let growth = self.growth[(stat.st_ino % GROWTH_LOCKS as u64) as usize].lock();
            let size = size_of(&self.stat(file)?);
            let end = end(size).max(size);
            let add = Usage {
                bytes: end - size,
                inodes: 0,
            };
            Ok((add, Some(growth), Some((size, end))))
        })
    }

    fn stat(&self, file: BorrowedFd<'_>) -> Result<Stat, TreeError> {
        fstat(file).map_err(|errno| TreeError::system("charge a file to the quota ledger", &self.path, errno))
    }

    /// `measure` finds out how much to charge, while nothing becomes smaller.
    fn charge_with<'a>(
        &'a self,
        measure: impl Fn() -> Result<Growth<'a>, TreeError>,
    ) -> Result<Charge<'a>, TreeError> {
        let limit = Usage {
            bytes: self.limit.bytes,
            inodes: self.limit.inodes,
        };
        let mut counted = false;
        loop {
            let shared = self
                .gate
                .share(CHARGE_PATIENCE)
                .map_err(|source| TreeError::io("lock the quota ledger", &self.path, source))?;
            let (add, growth, sizes) = measure()?;
            if self.ledger.add(add, limit) {
                return Ok(Charge {
                    quota: self,
                    sizes,
                    _growth: growth,
                    _shared: shared,
                });
            }
            drop(growth);
            drop(shared);
            if counted || !self.is_recount_due() || !self.try_recount()? {
                return Err(TreeError::refused(
                    TreeErrorKind::QuotaExceeded,
                    "add to the tree",
                    &self.root_path,
                )
                .with_room(Room {
                    limit,
                    used: self.usage(),
                }));
            }
            counted = true;
        }
    }

    /// Makes a change that frees something; `change` does it and tells what it freed. Nobody charges meanwhile, so
    /// that nothing is given back twice. If others cannot be kept away for long, the change is made all the
    /// same and given back by the next recount.
    pub fn shrink<T>(&self, change: impl FnOnce() -> (T, Usage)) -> Result<T, TreeError> {
        let fail = |source| TreeError::io("lock the quota ledger", &self.path, source);
        if let Some(_alone) = self.gate.alone(SHRINK_PATIENCE).map_err(fail)? {
            let (result, freed) = change();
            self.ledger.subtract(freed);
            return Ok(result);
        }
        let _shared = self.gate.share(CHARGE_PATIENCE).map_err(fail)?;
        let (result, freed) = change();
        if freed != Usage::default() {
            self.ledger.set_stale();
        }
        Ok(result)
    }

    /// Gives back what was charged and is known not to be there. For changes that free, use `shrink`.
    pub fn release(&self, bytes: u64, inodes: u64) {
        self.ledger.subtract(Usage { bytes, inodes });
    }

    /// Says that more is charged than is there, so that the next refusal counts first.
    pub(crate) fn set_stale(&self) {
        self.ledger.set_stale();
    }

    /// Counts the tree while nobody changes it through this quota.
    pub fn recount(&self) -> Result<Usage, TreeError> {
        if self.try_recount()? {
            Ok(self.usage())
        } else {
            Err(TreeError::io(
                "lock the quota ledger",
                &self.path,
                io::ErrorKind::TimedOut.into(),
            ))
        }
    }

    fn try_recount(&self) -> Result<bool, TreeError> {
        let alone = self
            .gate
            .alone(RECOUNT_PATIENCE)
            .map_err(|source| TreeError::io("lock the quota ledger", &self.path, source))?;
        if alone.is_some() {
            self.count()?;
        }
        Ok(alone.is_some())
    }

    fn count(&self) -> Result<(), TreeError> {
        self.ledger.set(count(&self.root, &self.root_path)?, now_ms());
        Ok(())
    }

    fn is_recount_due(&self) -> bool {
        self.ledger.is_stale() || now_ms().saturating_sub(self.ledger.recounted_ms()) >= RECOUNT_EVERY_MS
    }

    /// What is charged now: what is there, or a little more.
    pub fn usage(&self) -> Usage {
        self.ledger.usage()
    }

    /// The limit given to `open`.
    pub fn limit(&self) -> Limit {
        self.limit
    }
}

/// What to charge, the lock on the file's growth, and its sizes before and after.
type Growth<'a> = (Usage, Option<MutexGuard<'a, ()>>, Option<(u64, u64)>);

impl Charge<'_> {
    /// Gives back a part that was charged and is not used after all.
    pub fn give_back(&mut self, bytes: u64, inodes: u64) {
        self.quota.release(bytes, inodes);
    }

    /// After a write that was charged by `charge_growth` or `charge_append`: gives back what it did not write.
    pub fn settle(&mut self, file: BorrowedFd<'_>) {
        let Some((before, charged)) = self.sizes else {
            return;
        };
        match fstat(file) {
            Ok(stat) => {
                let now = size_of(&stat).clamp(before, charged);
                self.quota.release(charged - now, 0);
                self.sizes = Some((before, now));
            }
            Err(_) => self.quota.ledger.set_stale(),
        }
    }
}

/// What removing the last name of a file gives back, from its attributes after the removal.
pub(crate) fn freed(after: &Stat) -> Usage {
    if after.st_nlink > 0 && kind_of(after) != FileKind::Directory {
        return Usage::default();
    }
    Usage {
        bytes: if kind_of(after) == FileKind::File {
            size_of(after)
        } else {
            0
        },
        inodes: 1,
    }
}

fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}
