//! Something under a temporary name in the directory where it is to appear: whole under its own name, or gone.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Timestamps, fstat, fsync, mkdirat, openat, renameat, renameat_with,
    statat, symlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::info::Usage;
use crate::names::inode;
use crate::quota::{Quota, freed};
use crate::remove;
use crate::resolve::{CONTENT, DIRECTORY, handle_at};
use crate::write::{Refused, freeing};

/// Names tried before giving up; one of 2^64 is taken only if somebody makes it so.
const NAME_TRIES: usize = 8;

/// A file, link or directory under a temporary name, removed again unless it is published. What it takes of the
/// quota is charged by whoever fills it, and given back with its removal.
#[derive(Debug)]
pub(crate) struct Partial<'a> {
    quota: Option<&'a Quota>,
    directory: BorrowedFd<'a>,
    name: OsString,
    is_directory: bool,
    published: bool,
}

impl<'a> Partial<'a> {
    /// An empty file, open for writing.
    pub(crate) fn file(
        quota: Option<&'a Quota>,
        directory: BorrowedFd<'a>,
        mode: u32,
    ) -> Result<(Self, OwnedFd), Errno> {
        let flags = CONTENT | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(mode & 0o7777);
        let (name, file) = with_new_name(|name| openat(directory, name, flags, mode))?;
        Ok((Self::named(quota, directory, name, false), file))
    }

    /// A symbolic link.
    pub(crate) fn link(
        quota: Option<&'a Quota>,
        directory: BorrowedFd<'a>,
        target: &OsStr,
    ) -> Result<Self, Errno> {
        let (name, ()) = with_new_name(|name| symlinkat(target, directory, name))?;
        Ok(Self::named(quota, directory, name, false))
    }

    /// An empty directory of our own, charged, and open for reading.
    pub(crate) fn directory(
        quota: Option<&'a Quota>,
        directory: BorrowedFd<'a>,
    ) -> Result<(Self, OwnedFd), Refused> {
        let (name, ()) = inode(quota, || {
            with_new_name(|name| mkdirat(directory, name, Mode::RWXU))
        })?;
        let partial = Self::named(quota, directory, name, true);
        let opened = openat(directory, &partial.name, DIRECTORY, Mode::empty())?;
        Ok((partial, opened))
    }

    fn named(
        quota: Option<&'a Quota>,
        directory: BorrowedFd<'a>,
        name: OsString,
        is_directory: bool,
    ) -> Self {
        Self {
            quota,
            directory,
            name,
            is_directory,
            published: false,
        }
    }

    /// Sets the times of a link.
    pub(crate) fn set_times(&self, times: &Timestamps) -> Result<(), Errno> {
        utimensat(self.directory, &self.name, times, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Gives it its name. A file takes the place of another file; a directory only a free name.
    pub(crate) fn publish(mut self, name: &OsStr) -> Result<(), Refused> {
        if self.is_directory {
            match renameat_with(
                self.directory,
                &self.name,
                self.directory,
                name,
                RenameFlags::NOREPLACE,
            ) {
                // Not every file system can; then an empty directory would be replaced, and nothing else.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                    rename(self.quota, self.directory, &self.name, self.directory, name)?;
                }
                other => other?,
            }
        } else {
            rename(self.quota, self.directory, &self.name, self.directory, name)?;
        }
        self.published = true;
        Ok(())
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        // The failure that led here is the one to report.
        let _ = if self.is_directory {
            remove::tree(
                self.quota,
                None,
                self.directory,
                &self.name,
                Path::new(&self.name),
            )
            .map_err(drop)
        } else {
            remove::unlink(self.quota, self.directory, &self.name).map_err(drop)
        };
    }
}

/// Finds a name that is free for `make`.
fn with_new_name<T>(make: impl Fn(&OsStr) -> Result<T, Errno>) -> Result<(OsString, T), Errno> {
    for _ in 0..NAME_TRIES {
        let mut random = [0; 8];
        // So few bytes come whole, once the system has started.
        getrandom(&mut random, GetRandomFlags::empty())?;
        let name = OsString::from(format!(".msb-{:016x}.tmp", u64::from_ne_bytes(random)));
        match make(&name) {
            Err(Errno::EXIST) => {}
            other => return other.map(|made| (name, made)),
        }
    }
    Err(Errno::EXIST)
}

/// `renameat`, giving back what the new name stood for.
pub(crate) fn rename(
    quota: Option<&Quota>,
    from: BorrowedFd<'_>,
    old: &OsStr,
    to: BorrowedFd<'_>,
    new: &OsStr,
) -> Result<(), Refused> {
    if quota.is_none() {
        return Ok(renameat(from, old, to, new)?);
    }
    freeing(quota, || {
        let replaced = handle_at(to, new);
        renameat(from, old, to, new)?;
        let Ok(replaced) = replaced else {
            return Ok(Usage::default());
        };
        let after = fstat(&replaced)?;
        let now = statat(to, new, AtFlags::SYMLINK_NOFOLLOW)?;
        if (now.st_dev, now.st_ino) == (after.st_dev, after.st_ino) {
            // Both were names of one file, and still are.
            return Ok(Usage::default());
        }
        Ok(freed(&after))
    })
}

/// Puts the names in a directory on the disk.
pub(crate) fn flush(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    match fsync(directory.as_fd()) {
        // Some file systems in user space cannot, and have nothing to flush.
        Err(Errno::INVAL) => Ok(()),
        other => other,
    }
}
