//! Copying within a tree: a file, a link or a directory with all that is in it, with modes and times.
//!
//! The copy is made under a temporary name and appears whole. The kernel copies content, or shares it where the
//! file system can; holes stay holes.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, SeekFrom, Stat, Uid, copy_file_range, fchmod, fchown, fstat, futimens,
    openat, readlinkat, seek, statat, utimensat,
};
use rustix::io::{Errno, pread, pwrite};

use crate::attributes::timestamps;
use crate::error::{TreeError, TreeErrorKind};
use crate::file::write_all;
use crate::info::{FileInfo, FileKind, kind_of};
use crate::names::{inode, make_directory, make_link};
use crate::partial::Partial;
use crate::quota::Quota;
use crate::resolve::{CONTENT, DIRECTORY, Place, Tree, regular, size_of};
use crate::walk::{Descent, Walk, open_start};
use crate::watch::{self, Watch};
use crate::write::{Refused, set_len};

const WHAT: &str = "copy";
const WHAT_TO: &str = "copy to";

/// Copied at once: others may recount between two.
const CHUNK: u64 = 8 << 20;

/// Copied at once where the kernel cannot do it alone.
const BUFFER: usize = 256 << 10;

/// Directories above a copy's place that are compared with its source.
const MAX_ANCESTORS: usize = 4096;

impl Tree {
    /// Copies a file, a link as a link, or a directory with all that is in it. A file or link takes the place of a
    /// file or link; a directory needs a free name, and may not be copied into itself. Modes and times are kept, the
    /// owner where the system permits. Pipes, sockets and devices in a directory are left out; hard links
    /// become files of their own.
    pub fn copy(&self, from: &Path, to: &Path) -> Result<(), TreeError> {
        let source = self.place(from, WHAT)?;
        let target = self.place(to, WHAT_TO)?;
        let stat = statat(source.directory(), source.name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| TreeError::system(WHAT, from, errno))?;
        let copy = Copy {
            root: self.root(),
            quota: self.quota.as_deref(),
            watch: self.watch,
            from,
            to,
        };
        match kind_of(&stat) {
            FileKind::File => {
                target.expect_other(WHAT_TO, to)?;
                copy.file(&source, &target)
            }
            FileKind::Symlink => {
                target.expect_other(WHAT_TO, to)?;
                copy.link(&source, &target, &stat)
            }
            FileKind::Directory => copy.directory(&source, &target),
            _ => Err(TreeError::refused(TreeErrorKind::NotAFile, WHAT, from)),
        }
    }
}

/// One copy: the tree's root, what it is charged to, who follows it, and its paths for errors.
struct Copy<'a> {
    root: BorrowedFd<'a>,
    quota: Option<&'a Quota>,
    watch: Option<Watch>,
    from: &'a Path,
    to: &'a Path,
}

impl Copy<'_> {
    fn to(&self, refused: impl Into<Refused>) -> TreeError {
        refused.into().at(WHAT_TO, self.to)
    }

    fn file(&self, source: &Place<'_>, target: &Place<'_>) -> Result<(), TreeError> {
        let (source, stat) = open_source(source.directory(), source.name, self.from)?;
        let (partial, made) = inode(self.quota, || {
            Partial::file(self.quota, target.directory(), 0o600)
        })
        .map_err(|refused| self.to(refused))?;
        self.content(source.as_fd(), made.as_fd(), size_of(&stat))?;
        set_attributes(made.as_fd(), &stat).map_err(|errno| self.to(errno))?;
        partial.publish(target.name).map_err(|refused| self.to(refused))
    }

    fn link(&self, source: &Place<'_>, target: &Place<'_>, stat: &Stat) -> Result<(), TreeError> {
        let points_to = readlinkat(source.directory(), source.name, Vec::new())
            .map_err(|errno| TreeError::system(WHAT, self.from, errno))?;
        let partial = inode(self.quota, || {
            Partial::link(
                self.quota,
                target.directory(),
                OsStr::from_bytes(points_to.as_bytes()),
            )
        })
        .map_err(|refused| self.to(refused))?;
        partial
            .set_times(&times_of(stat))
            .map_err(|errno| self.to(errno))?;
        partial.publish(target.name).map_err(|refused| self.to(refused))
    }

    fn directory(&self, source: &Place<'_>, target: &Place<'_>) -> Result<(), TreeError> {
        let start = open_start(source.directory(), source.name)
            .map_err(|errno| TreeError::system(WHAT, self.from, errno))?;
        let walk = Walk::new(start, WHAT, self.from)?;
        if is_within(self.root, target.directory(), walk.identity()).map_err(|errno| self.to(errno))? {
            return Err(self.contains_itself());
        }
        if statat(target.directory(), target.name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            // Said before the work; the name is given without replacing all the same.
            return Err(self.to(Errno::EXIST));
        }
        let (partial, made) =
            Partial::directory(self.quota, target.directory()).map_err(|refused| self.to(refused))?;
        let made = Descent::new(made).map_err(|errno| self.to(errno))?;
        self.entries(walk, made)?;
        partial.publish(target.name).map_err(|refused| self.to(refused))
    }

    fn contains_itself(&self) -> TreeError {
        TreeError::refused(TreeErrorKind::BadPath, "copy a directory into itself as", self.to)
    }

    /// Copies all that the walk meets into the directories of `made`.
    fn entries(&self, mut walk: Walk<'_>, mut made: Descent) -> Result<(), TreeError> {
        let copy_root = made.identity();
        loop {
            let Some(entry) = walk.next()? else {
                let stat = fstat(walk.current()).map_err(|errno| walk.fail(OsStr::new(""), errno))?;
                set_attributes(made.current(), &stat).map_err(|errno| self.to(errno))?;
                if walk.leave()?.is_none() {
                    return Ok(());
                }
                made.leave().map_err(|errno| self.to(errno))?;
                continue;
            };
            let name = &entry.name;
            watch::tell(self.watch, 0, 1).map_err(|errno| walk.fail(name, errno))?;
            let stat = match statat(walk.current(), name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Removed since it was listed.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(walk.fail(name, errno)),
            };
            match kind_of(&stat) {
                FileKind::Directory if (stat.st_dev, stat.st_ino) == copy_root => {
                    return Err(self.contains_itself());
                }
                FileKind::Directory => {
                    if !walk.enter(name)? {
                        continue;
                    }
                    make_directory(self.quota, made.current(), name, 0o700)
                        .map_err(|refused| self.to(refused))?;
                    made.enter(name).map_err(|errno| self.to(errno))?;
                }
                FileKind::File => self.entry(&walk, name, made.current())?,
                FileKind::Symlink => self.entry_link(&walk, name, &stat, made.current())?,
                _ => {}
            }
        }
    }

    fn entry(&self, walk: &Walk<'_>, name: &OsStr, into: BorrowedFd<'_>) -> Result<(), TreeError> {
        let path = self.from.join(walk.relative(name));
        let (source, stat) = match open_source(walk.current(), name, &path) {
            Err(error) if error.kind == TreeErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let flags = CONTENT | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let made = inode(self.quota, || openat(into, name, flags, Mode::RUSR | Mode::WUSR))
            .map_err(|refused| self.to(refused))?;
        self.content(source.as_fd(), made.as_fd(), size_of(&stat))?;
        set_attributes(made.as_fd(), &stat).map_err(|errno| self.to(errno))
    }

    fn entry_link(
        &self,
        walk: &Walk<'_>,
        name: &OsStr,
        stat: &Stat,
        into: BorrowedFd<'_>,
    ) -> Result<(), TreeError> {
        let target = match readlinkat(walk.current(), name, Vec::new()) {
            Err(Errno::NOENT) => return Ok(()),
            other => other.map_err(|errno| walk.fail(name, errno))?,
        };
        make_link(self.quota, OsStr::from_bytes(target.as_bytes()), into, name)
            .map_err(|refused| self.to(refused))?;
        utimensat(into, name, &times_of(stat), AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| self.to(errno))
    }

    /// Copies `size` bytes, or fewer if the source has become shorter meanwhile.
    fn content(&self, source: BorrowedFd<'_>, made: BorrowedFd<'_>, size: u64) -> Result<(), TreeError> {
        let mut by_kernel = true;
        let mut offset = 0;
        while offset < size {
            let Some((start, end)) = next_data(source, offset, size).map_err(|errno| self.read(errno))?
            else {
                break;
            };
            offset = start;
            while offset < end {
                let len = (end - offset).min(CHUNK);
                let copied = self.chunk(source, made, offset, len, &mut by_kernel)?;
                if copied == 0 {
                    return Ok(());
                }
                watch::tell(self.watch, copied, 0).map_err(|errno| self.to(errno))?;
                offset += copied;
            }
        }
        if size_of(&fstat(made).map_err(|errno| self.to(errno))?) < size {
            set_len(self.quota, made, size, self.to)?;
        }
        Ok(())
    }

    fn read(&self, errno: Errno) -> TreeError {
        TreeError::system(WHAT, self.from, errno)
    }

    fn chunk(
        &self,
        source: BorrowedFd<'_>,
        made: BorrowedFd<'_>,
        offset: u64,
        len: u64,
        by_kernel: &mut bool,
    ) -> Result<u64, TreeError> {
        let charge = match self.quota {
            Some(quota) => Some(
                quota
                    .charge_growth(made, offset + len)
                    .map_err(|error| error.at(WHAT_TO, self.to))?,
            ),
            None => None,
        };
        let copied = copy_chunk(source, made, offset, len, by_kernel).map_err(|errno| self.to(errno));
        if let Some(mut charge) = charge {
            charge.settle(made);
        }
        copied
    }
}

/// Opens a regular file for reading, itself and without waiting.
fn open_source(directory: BorrowedFd<'_>, name: &OsStr, path: &Path) -> Result<(OwnedFd, Stat), TreeError> {
    let file = openat(
        directory,
        name,
        CONTENT | OFlags::RDONLY | OFlags::NOFOLLOW,
        Mode::empty(),
    )
    .map_err(|errno| TreeError::system(WHAT, path, errno))?;
    let stat = regular(file.as_fd(), path, WHAT)?;
    Ok((file, stat))
}

/// Where the next data from `offset` on starts and ends; none if only a hole is left.
fn next_data(file: BorrowedFd<'_>, offset: u64, size: u64) -> Result<Option<(u64, u64)>, Errno> {
    let start = match seek(file, SeekFrom::Data(offset)) {
        Ok(start) if start < size => start,
        Ok(_) | Err(Errno::NXIO) => return Ok(None),
        // The file system does not tell: all of it is data.
        Err(Errno::INVAL | Errno::NOTSUP) => return Ok(Some((offset, size))),
        Err(errno) => return Err(errno),
    };
    let end = seek(file, SeekFrom::Hole(start))?.min(size);
    Ok(Some((start, end)))
}

/// Copies up to `len` bytes; none at the end of the source.
fn copy_chunk(
    source: BorrowedFd<'_>,
    made: BorrowedFd<'_>,
    offset: u64,
    len: u64,
    by_kernel: &mut bool,
) -> Result<u64, Errno> {
    let wanted = usize::try_from(len).unwrap_or(BUFFER);
    while *by_kernel {
        let (mut from, mut to) = (offset, offset);
        match copy_file_range(source, Some(&mut from), made, Some(&mut to), wanted) {
            Ok(copied) => return Ok(copied as u64),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM) => {
                *by_kernel = false
            }
            Err(errno) => return Err(errno),
        }
    }
    let mut buffer = vec![0; wanted.min(BUFFER)];
    let got = loop {
        match pread(source, &mut buffer, offset) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    write_all(&buffer[..got], |rest, done| pwrite(made, rest, offset + done)).map_err(|(errno, _)| errno)?;
    Ok(got as u64)
}

fn times_of(stat: &Stat) -> rustix::fs::Timestamps {
    let info = FileInfo::new(b"", stat);
    timestamps(Some(info.accessed_ns), Some(info.modified_ns))
}

/// Gives the copy the owner, mode and times of its source. Set-ID bits are kept only with the owner.
fn set_attributes(made: BorrowedFd<'_>, stat: &Stat) -> Result<(), Errno> {
    let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
    let mode = match fchown(made, owner.0, owner.1) {
        Ok(()) => stat.st_mode & 0o7777,
        Err(_) => stat.st_mode & 0o1777,
    };
    fchmod(made, Mode::from_raw_mode(mode))?;
    futimens(made, &times_of(stat))
}

/// Whether a directory below `root` is the one of that identity, or somewhere below it.
fn is_within(root: BorrowedFd<'_>, directory: BorrowedFd<'_>, identity: (u64, u64)) -> Result<bool, Errno> {
    let mut current = openat(directory, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let top = fstat(root)?;
    for _ in 0..MAX_ANCESTORS {
        let stat = fstat(&current)?;
        let here = (stat.st_dev, stat.st_ino);
        if here == identity {
            return Ok(true);
        }
        if here == (top.st_dev, top.st_ino) {
            return Ok(false);
        }
        current = openat(&current, "..", DIRECTORY | OFlags::PATH, Mode::empty())?;
    }
    Ok(false)
}
