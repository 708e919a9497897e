//! Verbs on names: directories, links and renaming.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, readlinkat, statat, symlinkat};
use rustix::io::Errno;

use crate::error::{TreeError, TreeErrorKind};
use crate::info::{FileKind, kind_of};
use crate::partial;
use crate::path::PATH_MAX;
use crate::quota::Quota;
use crate::resolve::Tree;
use crate::write::Refused;

impl Tree {
    /// Makes a directory with `mode` less the process's umask. With `parents`, also those above it that are
    /// missing (with the same mode), and it may exist already.
    pub fn mkdir(&self, path: &Path, mode: u32, parents: bool) -> Result<(), TreeError> {
        const WHAT: &str = "make the directory";
        if parents {
            return self.make_parents(path, mode, WHAT);
        }
        let place = self.place(path, WHAT)?;
        make_directory(self.quota.as_deref(), place.directory(), place.name, mode)
            .map_err(|refused| refused.at(WHAT, path))
    }

    fn make_parents(&self, path: &Path, mode: u32, what: &'static str) -> Result<(), TreeError> {
        let bytes = self.check(path, what)?;
        let open = |path: &[u8]| {
            let path = if path.is_empty() { b"." } else { path };
            self.open_path(
                path,
                OFlags::CLOEXEC | OFlags::PATH | OFlags::DIRECTORY,
                Mode::empty(),
            )
        };
        match open(bytes) {
            Ok(_) => return Ok(()),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(TreeError::system(what, path, errno)),
        }
        let mut start = 0;
        while start < bytes.len() {
            let end = bytes[start..]
                .iter()
                .position(|byte| *byte == b'/')
                .map_or(bytes.len(), |slash| start + slash);
            let name = &bytes[start..end];
            if !matches!(name, b"" | b"." | b"..") {
                let parent = open(&bytes[..start]).map_err(|errno| TreeError::system(what, path, errno))?;
                let quota = self.quota.as_deref();
                match make_directory(quota, parent.as_fd(), OsStr::from_bytes(name), mode) {
                    Ok(()) | Err(Refused::System(Errno::EXIST)) => {}
                    Err(refused) => return Err(refused.at(what, path)),
                }
            }
            start = end + 1;
        }
        // Something else may have the name, or a link that leads out.
        open(bytes)
            .map(drop)
            .map_err(|errno| TreeError::system(what, path, errno))
    }

    /// Gives `to` to what has the name `from`, in place of what has it; links are renamed, not followed.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), TreeError> {
        const WHAT: &str = "rename";
        let old = self.place(from, WHAT)?;
        let new = self.place(to, "rename to")?;
        if new.is_of_directory {
            let stat = statat(old.directory(), old.name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| TreeError::system(WHAT, from, errno))?;
            if kind_of(&stat) != FileKind::Directory {
                new.expect_other("rename to", to)?;
            }
        }
        partial::rename(
            self.quota.as_deref(),
            old.directory(),
            old.name,
            new.directory(),
            new.name,
        )
        .map_err(|refused| match refused {
            Refused::System(Errno::XDEV) => {
                TreeError::system("rename to another file system as", to, Errno::XDEV).with(TreeErrorKind::Io)
            }
            Refused::System(Errno::INVAL) => {
                TreeError::system("rename a directory into itself as", to, Errno::INVAL)
                    .with(TreeErrorKind::BadPath)
            }
            Refused::System(errno @ (Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST)) => {
                TreeError::system("rename to", to, errno)
            }
            refused => refused.at(WHAT, from),
        })
    }

    /// Makes a symbolic link. Its `target` is only stored: it may lead anywhere, and no verb follows it out of
    /// the root.
    pub fn symlink(&self, target: &OsStr, path: &Path) -> Result<(), TreeError> {
        const WHAT: &str = "make the link";
        let bytes = target.as_bytes();
        if bytes.is_empty() || bytes.contains(&0) || bytes.len() > PATH_MAX {
            return Err(TreeError::refused(
                TreeErrorKind::BadPath,
                "make a link to",
                target,
            ));
        }
        let place = self.place(path, WHAT)?;
        place.expect_other(WHAT, path)?;
        make_link(self.quota.as_deref(), target, place.directory(), place.name)
            .map_err(|refused| refused.at(WHAT, path))
    }

    /// What a symbolic link points to, as it is stored.
    pub fn readlink(&self, path: &Path) -> Result<Vec<u8>, TreeError> {
        const WHAT: &str = "read the link";
        let handle = self.handle(path, false, WHAT)?;
        match readlinkat(&handle, "", Vec::new()) {
            Ok(target) => Ok(target.into_bytes()),
            // How the kernel says that the handle is of something else.
            Err(errno @ (Errno::NOENT | Errno::INVAL)) => {
                Err(TreeError::system(WHAT, path, errno).with(TreeErrorKind::NotAFile))
            }
            Err(errno) => Err(TreeError::system(WHAT, path, errno)),
        }
    }
}

/// `mkdirat`, charged.
pub(crate) fn make_directory(
    quota: Option<&Quota>,
    directory: BorrowedFd<'_>,
    name: &OsStr,
    mode: u32,
) -> Result<(), Refused> {
    inode(quota, || {
        mkdirat(directory, name, Mode::from_raw_mode(mode & 0o7777))
    })
}

/// `symlinkat`, charged.
pub(crate) fn make_link(
    quota: Option<&Quota>,
    target: &OsStr,
    directory: BorrowedFd<'_>,
    name: &OsStr,
) -> Result<(), Refused> {
    inode(quota, || symlinkat(target, directory, name))
}

/// Makes something that takes an inode and no bytes.
pub(crate) fn inode<T>(quota: Option<&Quota>, make: impl FnOnce() -> Result<T, Errno>) -> Result<T, Refused> {
    let Some(quota) = quota else {
        return Ok(make()?);
    };
    let mut charge = quota.charge(0, 1).map_err(Refused::Ledger)?;
    make().map_err(|errno| {
        charge.give_back(0, 1);
        Refused::System(errno)
    })
}
