//! How much a tree holds, by the rule that the quota goes by.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use crate::error::TreeError;
use crate::info::{FileKind, Usage, kind_of};
use crate::resolve::{Tree, size_of};
use crate::walk::Walk;

const WHAT: &str = "count what is in";

impl Tree {
    /// What is below the root now: sizes of the distinct regular files, and all inodes. What comes or goes during
    /// the walk may be counted or not.
    pub fn usage(&self) -> Result<Usage, TreeError> {
        let flags = OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::RDONLY;
        let root = openat(self.root(), ".", flags, Mode::empty())
            .map_err(|errno| TreeError::system(WHAT, Path::new("."), errno))?;
        walk(root, Path::new("."))
    }
}

/// As [`Tree::usage`], of a directory.
pub(crate) fn count(root: &OwnedFd, path: &Path) -> Result<Usage, TreeError> {
    let flags = OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::RDONLY;
    let root =
        openat(root, ".", flags, Mode::empty()).map_err(|errno| TreeError::system(WHAT, path, errno))?;
    walk(root, path)
}

fn walk(root: OwnedFd, path: &Path) -> Result<Usage, TreeError> {
    let mut usage = Usage::default();
    // Files with several names are few; those with one need no remembering.
    let mut seen = HashSet::new();
    let mut walk = Walk::new(root, WHAT, path)?;
    loop {
        let Some(entry) = walk.next()? else {
            if walk.leave()?.is_none() {
                return Ok(usage);
            }
            continue;
        };
        let name: &OsStr = &entry.name;
        let stat = match statat(walk.current(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(walk.fail(name, errno)),
        };
        let kind = kind_of(&stat);
        if kind != FileKind::Directory && stat.st_nlink > 1 && !seen.insert((stat.st_dev, stat.st_ino)) {
            continue;
        }
        usage.inodes += 1;
        match kind {
            FileKind::File => usage.bytes = usage.bytes.saturating_add(size_of(&stat)),
            FileKind::Directory => {
                walk.enter(name)?;
            }
            _ => {}
        }
    }
}
