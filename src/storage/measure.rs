//! How much room a tree takes on disk, whatever is in it: it may be a guest's, of any depth and changing meanwhile.
//!
//! Invariant: symbolic links and other file systems are not followed, and one descriptor is open at a time however deep it
//! goes.

use crate::error::MsbError;
use crate::ops;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, statat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::ffi::CString;
use std::ops::AddAssign;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Bytes of a block as `stat` counts them, whatever the file system.
const STAT_BLOCK: u64 = 512;

/// What a tree takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Room on disk, in bytes; of a file with several names in the tree once.
    pub bytes: u64,
    /// Files of any kind, directories included.
    pub files: u64,
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.files += other.files;
    }
}

/// Measures a file or a tree; one that is not there takes nothing.
pub fn measure(path: &Path) -> Result<Size, MsbError> {
    Walk::default()
        .walk(path)
        .map_err(|errno| MsbError::io("storage.measure", "cannot look through", path, &errno.into()))
}

#[derive(Default)]
struct Walk {
    size: Size,
    /// Device and inode of files with several names.
    seen: HashSet<(u64, u64)>,
}

/// A directory on the way down.
struct Level {
    device: u64,
    inode: u64,
    /// Subdirectories that are still to be gone through.
    pending: Vec<CString>,
}

impl Walk {
    fn walk(mut self, root: &Path) -> Result<Size, Errno> {
        let stat = match rustix::fs::lstat(root) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(self.size),
            other => other?,
        };
        self.count(&stat);
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(self.size);
        }
        let Some(mut here) = present(open(root, FLAGS, Mode::empty()))? else {
            return Ok(self.size);
        };
        let mut levels = vec![self.list(&here)?];
        while let Some(level) = levels.last_mut() {
            if let Some(name) = level.pending.pop() {
                if let Some(below) = present(openat(&here, &name, FLAGS, Mode::empty()))? {
                    let listed = self.list(&below)?;
                    // Another file system is mounted here: it is not of this tree.
                    if listed.device == level.device {
                        levels.push(listed);
                        here = below;
                    }
                }
                continue;
            }
            levels.pop();
            if let Some(above) = levels.last() {
                here = openat(&here, c"..", FLAGS, Mode::empty())?;
                let stat = fstat(&here)?;
                // Somebody moved the directory that this was in: what is left of the tree cannot be found from here.
                if (stat.st_dev, stat.st_ino) != (above.device, above.inode) {
                    return Err(Errno::STALE);
                }
            }
        }
        Ok(self.size)
    }

    fn list(&mut self, directory: &OwnedFd) -> Result<Level, Errno> {
        let stat = fstat(directory)?;
        let mut level = Level {
            device: stat.st_dev,
            inode: stat.st_ino,
            pending: Vec::new(),
        };
        for entry in Dir::read_from(directory.as_fd())? {
            // A cancelled measurement has no part that is of use.
            if ops::is_cancelled() {
                return Err(Errno::CANCELED);
            }
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let Some(stat) = present(statat(directory, name, AtFlags::SYMLINK_NOFOLLOW))? else {
                continue;
            };
            self.count(&stat);
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                level.pending.push(name.to_owned());
            }
        }
        Ok(level)
    }

    fn count(&mut self, stat: &Stat) {
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_directory || stat.st_nlink < 2 || self.seen.insert((stat.st_dev, stat.st_ino)) {
            self.size += Size {
                bytes: u64::try_from(stat.st_blocks).unwrap_or(0) * STAT_BLOCK,
                files: 1,
            };
        }
    }
}

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What is gone by now, or is something else, takes nothing.
fn present<T>(result: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_of_many_names_counts_once_and_links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/file"), vec![1; 100_000]).unwrap();
        let once = measure(&root).unwrap();
        fs::hard_link(root.join("a/file"), root.join("a/b/again")).unwrap();
        fs::write(home.path().join("outside"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink("../outside", root.join("link")).unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        let again = measure(&root).unwrap();
        assert!(once.bytes >= 100_000, "{once:?}");
        assert!(again.bytes - once.bytes < 10_000, "{once:?} {again:?}");
        assert_eq!(again.files, once.files + 2);
        assert_eq!(measure(&home.path().join("nothing")).unwrap(), Size::default());
    }

    #[test]
    fn a_tree_deeper_than_any_path_is_measured() {
        let home = tempfile::tempdir().unwrap();
        let mut here = open(home.path(), FLAGS, Mode::empty()).unwrap();
        let name = CString::new("d".repeat(200)).unwrap();
        for _ in 0..60 {
            rustix::fs::mkdirat(&here, &name, Mode::RWXU).unwrap();
            here = openat(&here, &name, FLAGS, Mode::empty()).unwrap();
        }
        assert_eq!(measure(home.path()).unwrap().files, 61);
    }
}
