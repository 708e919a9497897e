//! What is known about a file, and changing its mode and times. Everything is done to a handle of the file.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, chmodat, chownat, fstat,
    utimensat,
};
use rustix::io::Errno;

use crate::error::{TreeError, TreeErrorKind};
use crate::info::{FileInfo, FileKind, kind_of};
use crate::path;
use crate::resolve::Tree;
use crate::walk::{Walk, open_start};

impl Tree {
    /// What is known about what has the path, or about what a final link points to.
    pub fn stat(&self, path: &Path, follow: bool) -> Result<FileInfo, TreeError> {
        const WHAT: &str = "look at";
        let handle = self.handle(path, follow, WHAT)?;
        let stat = fstat(&handle).map_err(|errno| TreeError::system(WHAT, path, errno))?;
        Ok(FileInfo::new(
            path::name_of(path.as_os_str().as_encoded_bytes()),
            &stat,
        ))
    }

    /// Whether `stat` with `follow` would find something. A link that leads out of the root is an error.
    pub fn exists(&self, path: &Path) -> Result<bool, TreeError> {
        match self.handle(path, true, "look at") {
            Ok(_) => Ok(true),
            Err(error) => match error.kind {
                TreeErrorKind::NotFound | TreeErrorKind::NotADirectory => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Sets the permission bits, of what a final link points to.
    pub fn chmod(&self, path: &Path, mode: u32) -> Result<(), TreeError> {
        const WHAT: &str = "change the mode of";
        let handle = self.handle(path, true, WHAT)?;
        set_mode(handle.as_fd(), mode).map_err(|errno| TreeError::system(WHAT, path, errno))
    }

    /// Gives what has the path to another user and group, and with `recursive` everything in it; a link stands for itself.
    /// An absent id stays. As with the system's own call, set-ID bits may go.
    pub fn chown(
        &self,
        path: &Path,
        uid: Option<u32>,
        gid: Option<u32>,
        recursive: bool,
    ) -> Result<(), TreeError> {
        const WHAT: &str = "change the owner of";
        let handle = self.handle(path, false, WHAT)?;
        let owner = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        let change = |at: BorrowedFd<'_>, name: &OsStr, flags| chownat(at, name, owner.0, owner.1, flags);
        let fail = |errno| TreeError::system(WHAT, path, errno);
        change(handle.as_fd(), OsStr::new(""), AtFlags::EMPTY_PATH).map_err(fail)?;
        let stat = fstat(&handle).map_err(fail)?;
        if !recursive || kind_of(&stat) != FileKind::Directory {
            return Ok(());
        }
        let start = open_start(handle.as_fd(), OsStr::new(".")).map_err(fail)?;
        let mut walk = Walk::new(start, WHAT, path)?;
        loop {
            let Some(entry) = walk.next()? else {
                if walk.leave()?.is_none() {
                    return Ok(());
                }
                continue;
            };
            match change(walk.current(), &entry.name, AtFlags::SYMLINK_NOFOLLOW) {
                // Removed since it was listed.
                Err(Errno::NOENT) => continue,
                other => other.map_err(|errno| walk.fail(&entry.name, errno))?,
            }
            if matches!(entry.file_type, FileType::Directory | FileType::Unknown) {
                walk.enter(&entry.name)?;
            }
        }
    }

    /// Sets the times that are given, of what a final link points to; nanoseconds since 1970.
    pub fn utimes(
        &self,
        path: &Path,
        accessed_ns: Option<i64>,
        modified_ns: Option<i64>,
    ) -> Result<(), TreeError> {
        const WHAT: &str = "change the times of";
        let handle = self.handle(path, true, WHAT)?;
        set_times(handle.as_fd(), accessed_ns, modified_ns)
            .map_err(|errno| TreeError::system(WHAT, path, errno))
    }
}

/// `fchmod` for a descriptor that only is a handle.
pub(crate) fn set_mode(handle: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    let mode = mode & 0o7777;
    // SAFETY: the path is a NUL-terminated literal and the descriptor lives through the call, which writes to
    // no memory of ours.
    let done = unsafe {
        libc::syscall(
            libc::SYS_fchmodat2,
            handle.as_raw_fd(),
            c"".as_ptr(),
            mode,
            libc::AT_EMPTY_PATH,
        )
    };
    if done == 0 {
        return Ok(());
    }
    match Errno::from_io_error(&std::io::Error::last_os_error()) {
        // Before Linux 6.6 there is only the way through procfs, to the same open handle.
        Some(Errno::NOSYS) | None => chmodat(
            CWD,
            format!("/proc/self/fd/{}", handle.as_raw_fd()),
            Mode::from_raw_mode(mode),
            AtFlags::empty(),
        ),
        Some(errno) => Err(errno),
    }
}

/// `futimens` for a descriptor that only is a handle.
pub(crate) fn set_times(
    handle: BorrowedFd<'_>,
    accessed_ns: Option<i64>,
    modified_ns: Option<i64>,
) -> Result<(), Errno> {
    let times = timestamps(accessed_ns, modified_ns);
    utimensat(handle, "", &times, AtFlags::EMPTY_PATH)
}

/// The system's form of two times; none means that it stays.
pub(crate) fn timestamps(accessed_ns: Option<i64>, modified_ns: Option<i64>) -> Timestamps {
    Timestamps {
        last_access: timespec(accessed_ns),
        last_modification: timespec(modified_ns),
    }
}

fn timespec(nanoseconds: Option<i64>) -> Timespec {
    match nanoseconds {
        Some(all) => Timespec {
            tv_sec: all.div_euclid(1_000_000_000),
            tv_nsec: all.rem_euclid(1_000_000_000),
        },
        None => Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
    }
}
