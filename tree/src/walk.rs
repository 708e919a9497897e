//! Walking a tree of any depth and width, with few descriptors, bounded memory and no recursion.
//!
//! Directories are opened from their parent's descriptor and never through a link. Only the lowest ones stay open;
//! those further up are opened again through `..`, and must then be the ones they were: a tree that is moved
//! about meanwhile ends the walk with an error, not elsewhere.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, RawDir, SeekFrom, fstat, openat, seek};
use rustix::io::Errno;

use crate::error::TreeError;
use crate::list::ENTRIES_BUFFER;
use crate::resolve::DIRECTORY;

/// Directories that stay open.
const OPEN_LEVELS: usize = 32;

/// Deepest tree that is walked: about 30 MB of bookkeeping.
const MAX_DEPTH: usize = 200_000;

/// A directory above the current one.
#[derive(Debug)]
struct Above {
    directory: Option<OwnedFd>,
    identity: (u64, u64),
}

/// Where a walk is: a directory, and how to get back up.
#[derive(Debug)]
pub(crate) struct Descent {
    current: OwnedFd,
    identity: (u64, u64),
    above: Vec<Above>,
}

impl Descent {
    pub(crate) fn new(directory: OwnedFd) -> Result<Self, Errno> {
        Ok(Self {
            identity: identity(directory.as_fd())?,
            current: directory,
            above: Vec::new(),
        })
    }

    pub(crate) fn current(&self) -> BorrowedFd<'_> {
        self.current.as_fd()
    }

    /// Device and inode of the current directory.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Goes down. The name must be that of a directory itself: `NOTDIR` or `LOOP` otherwise.
    pub(crate) fn enter(&mut self, name: &OsStr) -> Result<(), Errno> {
        if self.above.len() >= MAX_DEPTH {
            return Err(Errno::NAMETOOLONG);
        }
        let next = openat(&self.current, name, DIRECTORY, Mode::empty())?;
        let identity = identity(next.as_fd())?;
        self.above.push(Above {
            directory: Some(std::mem::replace(&mut self.current, next)),
            identity: std::mem::replace(&mut self.identity, identity),
        });
        if let Some(far) = self.above.len().checked_sub(OPEN_LEVELS) {
            self.above[far].directory = None;
        }
        Ok(())
    }

    /// Goes up: whether the directory above had been closed meanwhile; none at the start. `XDEV` if `..` is not
    /// where the walk came from.
    pub(crate) fn leave(&mut self) -> Result<Option<bool>, Errno> {
        let Some(above) = self.above.pop() else {
            return Ok(None);
        };
        let reopened = above.directory.is_none();
        let directory = match above.directory {
            Some(directory) => directory,
            None => openat(&self.current, "..", DIRECTORY, Mode::empty())?,
        };
        if reopened && identity(directory.as_fd())? != above.identity {
            return Err(Errno::XDEV);
        }
        self.current = directory;
        self.identity = above.identity;
        Ok(Some(reopened))
    }
}

fn identity(file: BorrowedFd<'_>) -> Result<(u64, u64), Errno> {
    let stat = fstat(file)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// One name in the current directory of a walk.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    /// What it was when listed, if the file system says.
    pub(crate) file_type: FileType,
    next: u64,
}

/// What is still to come of one directory.
#[derive(Debug, Default)]
struct Listing {
    pending: VecDeque<Entry>,
    /// Directory offset after the last entry that was given out.
    resume: u64,
    ended: bool,
}

/// A walk through all entries below a directory, in the caller's hands: it decides what is entered.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    descent: Descent,
    /// One for each directory from the start to the current one.
    listings: Vec<Listing>,
    /// The current directory, from the start.
    path: PathBuf,
    /// For errors: what the walk is for, and the path of its start.
    what: &'static str,
    start: &'a Path,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(directory: OwnedFd, what: &'static str, start: &'a Path) -> Result<Self, TreeError> {
        let descent = Descent::new(directory).map_err(|errno| TreeError::system(what, start, errno))?;
        Ok(Self {
            descent,
            listings: vec![Listing::default()],
            path: PathBuf::new(),
            what,
            start,
        })
    }

    /// The current directory.
    pub(crate) fn current(&self) -> BorrowedFd<'_> {
        self.descent.current()
    }

    pub(crate) fn identity(&self) -> (u64, u64) {
        self.descent.identity()
    }

    /// Path of a name in the current directory, from the start of the walk.
    pub(crate) fn relative(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// A failure with a name in the current directory.
    pub(crate) fn fail(&self, name: &OsStr, errno: Errno) -> TreeError {
        TreeError::system(self.what, self.start.join(self.relative(name)), errno)
    }

    /// The next name in the current directory; none once there are no more, then `leave` goes on.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, TreeError> {
        loop {
            let Some(listing) = self.listings.last_mut() else {
                return Ok(None);
            };
            if let Some(entry) = listing.pending.pop_front() {
                listing.resume = entry.next;
                return Ok(Some(entry));
            }
            if listing.ended {
                return Ok(None);
            }
            if let Err(errno) = fill(self.descent.current(), listing) {
                return Err(self.fail(OsStr::new(""), errno));
            }
        }
    }

    /// Goes into a directory that `next` named; false if that name is not one of a directory any more.
    pub(crate) fn enter(&mut self, name: &OsStr) -> Result<bool, TreeError> {
        match self.descent.enter(name) {
            Ok(()) => {}
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(false),
            Err(errno) => return Err(self.fail(name, errno)),
        }
        self.listings.push(Listing::default());
        self.path.push(name);
        if let Some(far) = self.listings.len().checked_sub(OPEN_LEVELS + 1) {
            // Listed again from where it was.
            self.listings[far].pending = VecDeque::new();
            self.listings[far].ended = false;
        }
        Ok(true)
    }

    /// Goes back up, and tells the name of the directory that it leaves; none at the start.
    pub(crate) fn leave(&mut self) -> Result<Option<OsString>, TreeError> {
        let reopened = match self.descent.leave() {
            Ok(Some(reopened)) => reopened,
            Ok(None) => return Ok(None),
            Err(errno) => return Err(self.fail(OsStr::new(""), errno)),
        };
        self.listings.pop();
        if reopened
            && let Some(listing) = self.listings.last()
            && let Err(errno) = seek(self.descent.current(), SeekFrom::Start(listing.resume))
        {
            return Err(self.fail(OsStr::new(""), errno));
        }
        let name = self.path.file_name().map(OsStr::to_owned);
        self.path.pop();
        Ok(name)
    }
}

/// Lists on, as much as the kernel gives at once.
fn fill(directory: BorrowedFd<'_>, listing: &mut Listing) -> Result<(), Errno> {
    let mut buffer = [const { MaybeUninit::uninit() }; ENTRIES_BUFFER];
    let mut entries = RawDir::new(directory, &mut buffer);
    listing.ended = true;
    while let Some(entry) = entries.next() {
        let entry = match entry {
            // The directory was removed since it was opened: it has no entries.
            Err(Errno::NOENT) => break,
            other => other?,
        };
        listing.ended = false;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            listing.pending.push_back(Entry {
                name: OsString::from_vec(name.to_owned()),
                file_type: entry.file_type(),
                next: entry.next_entry_cookie(),
            });
        }
        if entries.is_buffer_empty() {
            break;
        }
    }
    Ok(())
}

/// The start of a walk: a directory of that name itself.
pub(crate) fn open_start(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    match openat(directory, name, DIRECTORY, Mode::empty()) {
        // A link is not a directory, whatever it points to.
        Err(Errno::LOOP) => Err(Errno::NOTDIR),
        other => other,
    }
}
