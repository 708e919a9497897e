//! An open regular file: positioned reads and writes between the caller's memory and the page cache.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, fstat, fsync};
use rustix::io::{Errno, IoSlice, ReadWriteFlags, pread, pwrite, pwritev2};

use crate::error::TreeError;
use crate::info::{FileInfo, OpenOptions};
use crate::path;
use crate::quota::Quota;
use crate::resolve::{CONTENT, Tree, regular, size_of};
use crate::write;

/// An open regular file, closed when dropped. Any number of threads may use it at once.
#[derive(Debug)]
pub struct TreeFile {
    file: OwnedFd,
    path: PathBuf,
    writes: bool,
    appends: bool,
    quota: Option<Arc<Quota>>,
}

impl Tree {
    /// Opens a regular file; nothing else, and without ever waiting for another process.
    pub fn open(&self, path: &Path, options: &OpenOptions) -> Result<TreeFile, TreeError> {
        const WHAT: &str = "open";
        let mut flags = match (options.read, options.write) {
            (true, true) => OFlags::RDWR,
            (true, false) => OFlags::RDONLY,
            (false, true) => OFlags::WRONLY,
            (false, false) => {
                return Err(TreeError::system(
                    "open without reading or writing",
                    path,
                    Errno::INVAL,
                ));
            }
        };
        if !options.write && (options.create || options.truncate || options.append) {
            return Err(TreeError::system(
                "open without writing, but to change,",
                path,
                Errno::INVAL,
            ));
        }
        if options.append {
            flags |= OFlags::APPEND;
        }
        let bytes = self.check(path, WHAT)?;
        let file = if options.create {
            self.open_or_create(path, bytes, flags, options.exclusive, options.mode, WHAT)?
        } else {
            self.open_path(bytes, CONTENT | flags, Mode::empty())
                .map_err(|errno| TreeError::system(WHAT, path, errno))?
        };
        regular(file.as_fd(), path, WHAT)?;
        if options.truncate {
            write::set_len(self.quota.as_deref(), file.as_fd(), 0, path)?;
        }
        Ok(TreeFile {
            file,
            path: path.to_owned(),
            writes: options.write,
            appends: options.append,
            quota: self.quota.clone(),
        })
    }

    /// Opens for writing, making the file if there is none: then its inode is charged first.
    pub(crate) fn open_or_create(
        &self,
        path: &Path,
        bytes: &[u8],
        flags: OFlags,
        exclusive: bool,
        mode: u32,
        what: &'static str,
    ) -> Result<OwnedFd, TreeError> {
        let fail = |errno| TreeError::system(what, path, errno);
        let mode = Mode::from_raw_mode(mode & 0o7777);
        let create = CONTENT | flags | OFlags::CREATE;
        let only_create = create | OFlags::EXCL;
        let Some(quota) = &self.quota else {
            let flags = if exclusive { only_create } else { create };
            return self.open_path(bytes, flags, mode).map_err(fail);
        };
        if !exclusive {
            match self.open_path(bytes, CONTENT | flags, Mode::empty()) {
                Err(Errno::NOENT) => {}
                other => return other.map_err(fail),
            }
        }
        let mut charge = quota.charge(0, 1).map_err(|error| error.at(what, path))?;
        match self.open_path(bytes, only_create, mode) {
            Ok(file) => Ok(file),
            Err(errno) => {
                charge.give_back(0, 1);
                if exclusive || errno != Errno::EXIST {
                    return Err(fail(errno));
                }
                // Somebody else made it meanwhile, or it is a link to a name that is free: then the file of that
                // name is made, and charged by the next recount.
                self.open_path(bytes, create, mode).map_err(fail)
            }
        }
    }
}

impl TreeFile {
    /// Reads at `offset` into `buf`; how many bytes, which is fewer than asked for only at the end of the file.
    pub fn pread(&self, buf: &mut [u8], offset: u64) -> Result<usize, TreeError> {
        if end_of(buf, offset).is_none() {
            // Past the end of any file.
            return Ok(0);
        }
        let mut done = 0;
        while done < buf.len() {
            match pread(&self.file, &mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(Errno::INTR) => {}
                Err(_) if done > 0 => break,
                Err(errno) => return Err(self.fail("read", errno)),
            }
        }
        Ok(done)
    }

    /// Writes `data` at `offset` (at the end, if opened with `append`); how many bytes were written, which is fewer
    /// than given only if the disk or a limit ended in the middle: the next call says which.
    pub fn pwrite(&self, data: &[u8], offset: u64) -> Result<usize, TreeError> {
        self.expect_writes("write")?;
        if self.appends {
            return self.append(data);
        }
        let Some(end) = end_of(data, offset) else {
            return Err(self.fail("write", Errno::FBIG));
        };
        let charge = match &self.quota {
            Some(quota) => Some(
                quota
                    .charge_growth(self.file.as_fd(), end)
                    .map_err(|error| error.at("write", &self.path))?,
            ),
            None => None,
        };
        let written = write_all(data, |rest, done| pwrite(&self.file, rest, offset + done));
        if let (Some(mut charge), Ok(done) | Err((_, done))) = (charge, &written)
            && *done < data.len()
        {
            charge.settle(self.file.as_fd());
        }
        self.partial(written)
    }

    /// Writes `data` at the end; how many bytes, as in `pwrite`.
    pub fn append(&self, data: &[u8]) -> Result<usize, TreeError> {
        self.expect_writes("write")?;
        let charge = match &self.quota {
            Some(quota) => Some(
                quota
                    .charge_append(self.file.as_fd(), data.len() as u64)
                    .map_err(|error| error.at("write", &self.path))?,
            ),
            None => None,
        };
        let written = write_all(data, |rest, _| {
            pwritev2(&self.file, &[IoSlice::new(rest)], 0, ReadWriteFlags::APPEND)
        });
        if let (Some(mut charge), Ok(done) | Err((_, done))) = (charge, &written)
            && *done < data.len()
        {
            charge.settle(self.file.as_fd());
        }
        self.partial(written)
    }

    /// Refuses what a file that is open for reading only does not take, before anything is charged for it.
    fn expect_writes(&self, what: &'static str) -> Result<(), TreeError> {
        if self.writes {
            Ok(())
        } else {
            Err(self.fail(what, Errno::BADF))
        }
    }

    fn partial(&self, written: Result<usize, (Errno, usize)>) -> Result<usize, TreeError> {
        match written {
            Ok(done) => Ok(done),
            Err((_, done)) if done > 0 => Ok(done),
            Err((errno, _)) => Err(self.fail("write", errno)),
        }
    }

    /// Bytes of content now.
    pub fn size(&self) -> Result<u64, TreeError> {
        let stat = fstat(&self.file).map_err(|errno| self.fail("look at", errno))?;
        Ok(size_of(&stat))
    }

    /// Cuts or extends (with zeros) to `len` bytes.
    pub fn truncate(&self, len: u64) -> Result<(), TreeError> {
        self.expect_writes("change the size of")?;
        write::set_len(self.quota.as_deref(), self.file.as_fd(), len, &self.path)
    }

    /// Returns once content and attributes are on the disk.
    pub fn sync(&self) -> Result<(), TreeError> {
        fsync(&self.file).map_err(|errno| self.fail("flush", errno))
    }

    /// What is known about it; its `name` is the last component of the path that it was opened by.
    pub fn stat(&self) -> Result<FileInfo, TreeError> {
        let stat = fstat(&self.file).map_err(|errno| self.fail("look at", errno))?;
        Ok(FileInfo::new(
            path::name_of(self.path.as_os_str().as_encoded_bytes()),
            &stat,
        ))
    }

    fn fail(&self, what: &'static str, errno: Errno) -> TreeError {
        TreeError::system(what, &self.path, errno)
    }
}

impl AsFd for TreeFile {
    /// For `splice` and the like on content that exists; what would grow the file belongs to the methods, which
    /// charge for it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Where the bytes end that start at `offset`; none if no file can be so long.
fn end_of(bytes: &[u8], offset: u64) -> Option<u64> {
    let end = offset.checked_add(bytes.len() as u64)?;
    i64::try_from(end).is_ok().then_some(end)
}

/// Calls `write` with what is left until nothing is; on failure, also how many bytes were written before.
pub(crate) fn write_all(
    data: &[u8],
    mut write: impl FnMut(&[u8], u64) -> Result<usize, Errno>,
) -> Result<usize, (Errno, usize)> {
    let mut done = 0;
    while done < data.len() {
        match write(&data[done..], done as u64) {
            Ok(0) => return Err((Errno::NOSPC, done)),
            Ok(wrote) => done += wrote,
            Err(Errno::INTR) => {}
            Err(errno) => return Err((errno, done)),
        }
    }
    Ok(done)
}
