//! Writing a whole file: in place, at its end, or as a new file that takes the old one's place at once.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, fstat, fsync, ftruncate};
use rustix::io::{Errno, write};

use crate::error::{TreeError, TreeErrorKind};
use crate::file::write_all;
use crate::info::{Usage, WriteMode};
use crate::partial::{self, Partial};
use crate::path;
use crate::quota::Quota;
use crate::resolve::{Tree, regular, size_of};
use crate::watch;

const WHAT: &str = "write";

/// Written at once: whoever follows the write is asked between two.
const PIECE: usize = 8 << 20;

impl Tree {
    /// Makes `data` the content of a file, or adds it at the end. A file that is made has `mode` less the
    /// process's umask, one that exists keeps its mode (except with `WriteMode::Atomic`, which makes a new one).
    ///
    /// If the disk ends in the middle, the error says how many bytes were written. Data that the quota does not
    /// allow is refused before anything is changed.
    pub fn write(&self, path: &Path, data: &[u8], how: WriteMode, mode: u32) -> Result<(), TreeError> {
        match how {
            WriteMode::Replace => self.write_in_place(path, data, mode),
            WriteMode::Append => self.write_at_end(path, data, mode),
            WriteMode::Atomic => self.write_atomically(path, data, mode),
        }
    }

    fn write_in_place(&self, path: &Path, data: &[u8], mode: u32) -> Result<(), TreeError> {
        let bytes = self.check(path, WHAT)?;
        let Some(quota) = &self.quota else {
            let file = self.open_or_create(path, bytes, OFlags::WRONLY | OFlags::TRUNC, false, mode, WHAT)?;
            regular(file.as_fd(), path, WHAT)?;
            return self.write_data(file.as_fd(), data, path);
        };
        let fail = |errno| TreeError::system(WHAT, path, errno);
        let file = self.open_or_create(path, bytes, OFlags::WRONLY, false, mode, WHAT)?;
        let len = data.len() as u64;
        if size_of(&regular(file.as_fd(), path, WHAT)?) > len {
            cut(quota, file.as_fd(), len).map_err(|refused| refused.at(WHAT, path))?;
        }
        // What exceeds the quota is refused here, with the old content as it was.
        let mut charge = quota
            .charge_growth(file.as_fd(), len)
            .map_err(|error| error.at(WHAT, path))?;
        ftruncate(&file, 0).map_err(fail)?;
        let written = self.write_data(file.as_fd(), data, path);
        if written.is_err() {
            charge.settle(file.as_fd());
            // The old content was charged too, and is gone.
            quota.set_stale();
        }
        written
    }

    fn write_at_end(&self, path: &Path, data: &[u8], mode: u32) -> Result<(), TreeError> {
        let bytes = self.check(path, WHAT)?;
        let file = self.open_or_create(path, bytes, OFlags::WRONLY | OFlags::APPEND, false, mode, WHAT)?;
        regular(file.as_fd(), path, WHAT)?;
        let charge = match &self.quota {
            Some(quota) => Some(
                quota
                    .charge_append(file.as_fd(), data.len() as u64)
                    .map_err(|error| error.at(WHAT, path))?,
            ),
            None => None,
        };
        let written = self.write_data(file.as_fd(), data, path);
        if let (Some(mut charge), Err(_)) = (charge, &written) {
            charge.settle(file.as_fd());
        }
        written
    }

    fn write_atomically(&self, path: &Path, data: &[u8], mode: u32) -> Result<(), TreeError> {
        let fail = |errno| TreeError::system(WHAT, path, errno);
        let (parent, name) = path::split(self.check(path, WHAT)?)
            .ok_or_else(|| TreeError::refused(TreeErrorKind::BadPath, WHAT, path))?;
        let parent = if parent.is_empty() { b"." } else { parent };
        // Open for reading, unlike other parents: a mere handle cannot be flushed.
        let directory = self
            .open_path(
                parent,
                OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::RDONLY,
                Mode::empty(),
            )
            .map_err(fail)?;
        let quota = self.quota.as_deref();
        let (partial, file) = match quota {
            None => {
                let (partial, file) = Partial::file(None, directory.as_fd(), mode).map_err(fail)?;
                self.write_data(file.as_fd(), data, path)?;
                (partial, file)
            }
            Some(quota) => {
                let len = data.len() as u64;
                let mut charge = quota.charge(len, 1).map_err(|error| error.at(WHAT, path))?;
                let (partial, file) =
                    Partial::file(Some(quota), directory.as_fd(), mode).map_err(|errno| {
                        charge.give_back(len, 1);
                        fail(errno)
                    })?;
                if let Err(error) = self.write_data(file.as_fd(), data, path) {
                    let written = fstat(&file).map_or(len, |stat| size_of(&stat).min(len));
                    charge.give_back(len - written, 0);
                    // Before the partial file goes, which gives back the rest.
                    drop(charge);
                    return Err(error);
                }
                (partial, file)
            }
        };
        fsync(&file).map_err(fail)?;
        partial
            .publish(OsStr::from_bytes(name))
            .map_err(|refused| refused.at(WHAT, path))?;
        partial::flush(directory.as_fd()).map_err(fail)
    }

    /// Writes all of `data` at the file's position; otherwise the error says how much was written.
    fn write_data(&self, file: BorrowedFd<'_>, data: &[u8], path: &Path) -> Result<(), TreeError> {
        let written = write_all(data, |rest, _| {
            let wrote = write(file, &rest[..rest.len().min(PIECE)])?;
            watch::tell(self.watch, wrote as u64, 0)?;
            Ok(wrote)
        });
        match written {
            Ok(_) => Ok(()),
            Err((errno, 0)) => Err(TreeError::system(WHAT, path, errno)),
            Err((errno, done)) => {
                let what = format!("write more than the first {done} of {} bytes to", data.len());
                Err(TreeError::system(what, path, errno))
            }
        }
    }
}

/// A failure within a charged change: of the change, or of the ledger.
#[derive(Debug)]
pub(crate) enum Refused {
    System(Errno),
    Ledger(TreeError),
}

impl Refused {
    pub(crate) fn at(self, what: &'static str, path: &Path) -> TreeError {
        match self {
            Self::System(errno) => TreeError::system(what, path, errno),
            Self::Ledger(error) => error.at(what, path),
        }
    }
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// Runs a change that may free something, as [`Quota::shrink`] where there is a quota.
pub(crate) fn freeing(
    quota: Option<&Quota>,
    change: impl FnOnce() -> Result<Usage, Errno>,
) -> Result<(), Refused> {
    let Some(quota) = quota else {
        change()?;
        return Ok(());
    };
    let done = quota.shrink(|| match change() {
        Ok(freed) => (Ok(()), freed),
        Err(errno) => (Err(errno), Usage::default()),
    });
    Ok(done.map_err(Refused::Ledger)??)
}

/// Makes the file at most `len` bytes long.
fn cut(quota: &Quota, file: BorrowedFd<'_>, len: u64) -> Result<(), Refused> {
    freeing(Some(quota), || {
        let stat = fstat(file)?;
        let size = size_of(&stat);
        if size > len {
            ftruncate(file, len)?;
        }
        // What lost its last name was given back then.
        let freed = if stat.st_nlink == 0 {
            0
        } else {
            size.saturating_sub(len)
        };
        Ok(Usage {
            bytes: freed,
            inodes: 0,
        })
    })
}

/// Makes the file exactly `len` bytes long.
pub(crate) fn set_len(
    quota: Option<&Quota>,
    file: BorrowedFd<'_>,
    len: u64,
    path: &Path,
) -> Result<(), TreeError> {
    const WHAT: &str = "change the size of";
    let fail = |errno| TreeError::system(WHAT, path, errno);
    let Some(quota) = quota else {
        return ftruncate(file, len).map_err(fail);
    };
    let size = size_of(&fstat(file).map_err(fail)?);
    if size > len {
        return cut(quota, file, len).map_err(|refused| refused.at(WHAT, path));
    }
    let mut charge = quota
        .charge_growth(file, len)
        .map_err(|error| error.at(WHAT, path))?;
    ftruncate(file, len).map_err(|errno| {
        charge.settle(file);
        fail(errno)
    })
}
