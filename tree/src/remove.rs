//! Removing: one name, or a directory with all that is in it.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, fstat, unlinkat};
use rustix::io::Errno;

use crate::error::TreeError;
use crate::info::Usage;
use crate::quota::{Quota, freed};
use crate::resolve::{Tree, handle_at};
use crate::walk::{Walk, open_start};
use crate::watch::{self, Watch};
use crate::write::{Refused, freeing};

const WHAT: &str = "remove";

/// How often directories are listed again because somebody fills them meanwhile.
const MAX_RESCANS: usize = 1000;

impl Tree {
    /// Removes a name that is not a directory's: of a link, not of what it points to.
    pub fn remove(&self, path: &Path) -> Result<(), TreeError> {
        let place = self.place(path, WHAT)?;
        unlink(self.quota.as_deref(), place.directory(), place.name).map_err(|refused| refused.at(WHAT, path))
    }

    /// Removes a directory, which must be empty unless `recursive`. Links in it are removed, not followed.
    pub fn remove_dir(&self, path: &Path, recursive: bool) -> Result<(), TreeError> {
        let place = self.place(path, WHAT)?;
        let quota = self.quota.as_deref();
        if recursive {
            tree(quota, self.watch, place.directory(), place.name, path)
        } else {
            rmdir(quota, place.directory(), place.name).map_err(|refused| refused.at(WHAT, path))
        }
    }
}

/// `unlinkat`, giving back what it frees.
pub(crate) fn unlink(quota: Option<&Quota>, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Refused> {
    if quota.is_none() {
        return Ok(unlinkat(directory, name, AtFlags::empty())?);
    }
    freeing(quota, || {
        let handle = handle_at(directory, name)?;
        unlinkat(directory, name, AtFlags::empty())?;
        Ok(freed(&fstat(&handle)?))
    })
}

fn rmdir(quota: Option<&Quota>, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Refused> {
    freeing(quota, || {
        unlinkat(directory, name, AtFlags::REMOVEDIR)?;
        Ok(Usage { bytes: 0, inodes: 1 })
    })
}

/// Removes a directory with all that is in it. `path` is for errors.
pub(crate) fn tree(
    quota: Option<&Quota>,
    watch: Option<Watch>,
    directory: BorrowedFd<'_>,
    name: &OsStr,
    path: &Path,
) -> Result<(), TreeError> {
    let mut rescans = 0;
    loop {
        let start = open_start(directory, name).map_err(|errno| TreeError::system(WHAT, path, errno))?;
        empty(quota, watch, Walk::new(start, WHAT, path)?, &mut rescans)?;
        match rmdir(quota, directory, name) {
            Ok(()) => return Ok(()),
            Err(Refused::System(Errno::NOTEMPTY | Errno::EXIST)) if rescans < MAX_RESCANS => rescans += 1,
            Err(refused) => return Err(refused.at(WHAT, path)),
        }
    }
}

/// Removes everything below the start of the walk.
fn empty(
    quota: Option<&Quota>,
    watch: Option<Watch>,
    mut walk: Walk<'_>,
    rescans: &mut usize,
) -> Result<(), TreeError> {
    loop {
        if let Some(entry) = walk.next()? {
            watch::tell(watch, 0, 1).map_err(|errno| walk.fail(&entry.name, errno))?;
            let is_directory = entry.file_type == FileType::Directory;
            if is_directory && walk.enter(&entry.name)? {
                continue;
            }
            match unlink(quota, walk.current(), &entry.name) {
                Ok(()) | Err(Refused::System(Errno::NOENT)) => {}
                // The file system had not said that it is a directory, or it has become one.
                Err(Refused::System(Errno::ISDIR | Errno::PERM)) if walk.enter(&entry.name)? => {}
                Err(refused) => return Err(at(&walk, &entry.name, refused)),
            }
            continue;
        }
        let Some(name) = walk.leave()? else {
            return Ok(());
        };
        match rmdir(quota, walk.current(), &name) {
            Ok(()) | Err(Refused::System(Errno::NOENT)) => {}
            Err(Refused::System(Errno::NOTEMPTY | Errno::EXIST)) if *rescans < MAX_RESCANS => {
                *rescans += 1;
                walk.enter(&name)?;
            }
            // Somebody put something else there, which the removal of this directory will meet.
            Err(Refused::System(Errno::NOTDIR)) => {}
            Err(refused) => return Err(at(&walk, &name, refused)),
        }
    }
}

fn at(walk: &Walk<'_>, name: &OsStr, refused: Refused) -> TreeError {
    match refused {
        Refused::System(errno) => walk.fail(name, errno),
        Refused::Ledger(error) => error,
    }
}
