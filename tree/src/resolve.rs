//! From a path to a descriptor. All that the crate opens by a caller's path, it opens here.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat};
use rustix::io::Errno;

use crate::error::{TreeError, TreeErrorKind};
use crate::info::{FileKind, kind_of};
use crate::path;
use crate::quota::Quota;
use crate::watch::Watch;

/// A path with `..` is resolved again as long as something, anywhere in the system, is renamed meanwhile.
const RESOLVE_TRIES: u32 = 512;

/// How everything is opened for its content: a FIFO does not block, a terminal does not become ours.
pub(crate) const CONTENT: OFlags = OFlags::CLOEXEC
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::LARGEFILE);

/// How a directory of a walk is opened: itself, never what a link of its name points to.
pub(crate) const DIRECTORY: OFlags = OFlags::CLOEXEC
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::RDONLY);

/// A name for something without opening it.
const HANDLE: OFlags = OFlags::CLOEXEC.union(OFlags::PATH);

/// The files beneath one root. Any number of threads may use it at once.
#[derive(Debug, Clone)]
pub struct Tree {
    root: Arc<OwnedFd>,
    resolve: ResolveFlags,
    pub(crate) quota: Option<Arc<Quota>>,
    pub(crate) watch: Option<Watch>,
}

impl Tree {
    /// The tree below `root`, a directory that exists. No path leads out of it.
    pub fn beneath(root: &Path) -> Result<Self, TreeError> {
        Self::open_root(root, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
    }

    /// The same for a root that must be a directory itself, where [`Tree::beneath`] follows a symbolic link at the end.
    pub fn beneath_itself(root: &Path) -> Result<Self, TreeError> {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        Self::open_root_with(root, beneath, OFlags::NOFOLLOW)
    }

    /// Everything below `/`, as the kernel resolves it: what an agent offers in its own guest.
    /// Paths may be absolute; others are relative to `/`.
    pub fn whole() -> Result<Self, TreeError> {
        Self::open_root(Path::new("/"), ResolveFlags::empty())
    }

    fn open_root(root: &Path, resolve: ResolveFlags) -> Result<Self, TreeError> {
        Self::open_root_with(root, resolve, OFlags::empty())
    }

    fn open_root_with(root: &Path, resolve: ResolveFlags, extra: OFlags) -> Result<Self, TreeError> {
        let fd = openat(CWD, root, HANDLE | OFlags::DIRECTORY | extra, Mode::empty())
            .map_err(|errno| TreeError::system("open the root directory", root, errno))?;
        Ok(Self {
            root: Arc::new(fd),
            resolve,
            quota: None,
            watch: None,
        })
    }

    /// The same tree, with everything that grows it charged to `quota`.
    #[must_use]
    pub fn with_quota(self, quota: Arc<Quota>) -> Self {
        Self {
            quota: Some(quota),
            ..self
        }
    }

    /// The same tree, whose copies, writes and recursive removals tell `watch` how far they are.
    #[must_use]
    pub fn with_watch(self, watch: Watch) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// The tree below one of this one's directories, with the same quota. No path leads out of it even if this
    /// one is whole.
    pub(crate) fn below(&self, directory: OwnedFd) -> Self {
        Self {
            root: Arc::new(directory),
            resolve: ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
            quota: self.quota.clone(),
            watch: self.watch,
        }
    }

    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The caller's path as bytes, if it can name something here.
    pub(crate) fn check<'a>(&self, path: &'a Path, what: &'static str) -> Result<&'a [u8], TreeError> {
        path::check(path, self.resolve.is_empty(), what)
    }

    /// Opens a path that was checked. The one place where a caller's path meets the kernel.
    pub(crate) fn open_path(&self, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let mut tries = 0;
        loop {
            match openat2(&*self.root, path, flags, mode, self.resolve) {
                Err(Errno::AGAIN | Errno::INTR) if tries < RESOLVE_TRIES => {
                    tries += 1;
                    if tries % 16 == 0 {
                        thread::yield_now();
                    }
                }
                other => return other,
            }
        }
    }

    /// A handle of whatever has the path, or of what a final link points to.
    pub(crate) fn handle(&self, path: &Path, follow: bool, what: &'static str) -> Result<OwnedFd, TreeError> {
        let flags = if follow { HANDLE } else { HANDLE | OFlags::NOFOLLOW };
        self.open_path(self.check(path, what)?, flags, Mode::empty())
            .map_err(|errno| TreeError::system(what, path, errno))
    }

    /// Opens a directory, by default for reading its entries.
    pub(crate) fn directory(&self, path: &Path, what: &'static str) -> Result<OwnedFd, TreeError> {
        let flags = OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::RDONLY;
        self.open_path(self.check(path, what)?, flags, Mode::empty())
            .map_err(|errno| TreeError::system(what, path, errno))
    }

    /// The directory of the path's last component, for a `*at` call on that name.
    pub(crate) fn place<'a>(&'a self, path: &'a Path, what: &'static str) -> Result<Place<'a>, TreeError> {
        let (parent, name) = path::split(self.check(path, what)?)
            .ok_or_else(|| TreeError::refused(TreeErrorKind::BadPath, what, path))?;
        let directory = if parent.is_empty() {
            Parent::Root(self.root())
        } else {
            let fd = self
                .open_path(parent, HANDLE | OFlags::DIRECTORY, Mode::empty())
                .map_err(|errno| TreeError::system(what, path, errno))?;
            Parent::Opened(fd)
        };
        let place = Place {
            directory,
            name: OsStr::from_bytes(name),
            is_of_directory: path::is_of_directory(path.as_os_str().as_bytes()),
        };
        if place.is_of_directory
            && place
                .is_other()
                .map_err(|errno| TreeError::system(what, path, errno))?
        {
            return Err(TreeError::system(what, path, Errno::NOTDIR));
        }
        Ok(place)
    }
}

/// A name in an opened directory. What the name stands for may change at any time; the directory does not.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    directory: Parent<'a>,
    pub(crate) name: &'a OsStr,
    /// Whether the caller wrote a slash behind the name, so that only a directory may have it.
    pub(crate) is_of_directory: bool,
}

#[derive(Debug)]
enum Parent<'a> {
    Root(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl Place<'_> {
    /// Whether something has the name that is no directory itself.
    fn is_other(&self) -> Result<bool, Errno> {
        match statat(self.directory(), self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(kind_of(&stat) != FileKind::Directory),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Refuses to give what is no directory a name that only a directory may have.
    pub(crate) fn expect_other(&self, what: &'static str, path: &Path) -> Result<(), TreeError> {
        if self.is_of_directory {
            Err(TreeError::system(what, path, Errno::NOTDIR))
        } else {
            Ok(())
        }
    }

    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        match &self.directory {
            Parent::Root(fd) => *fd,
            Parent::Opened(fd) => fd.as_fd(),
        }
    }
}

/// A handle of what has the name, without following it.
pub(crate) fn handle_at(directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    openat(directory, name, HANDLE | OFlags::NOFOLLOW, Mode::empty())
}

/// Its attributes, if it is a regular file: the descriptor was opened without blocking and before knowing.
pub(crate) fn regular(file: BorrowedFd<'_>, path: &Path, what: &'static str) -> Result<Stat, TreeError> {
    let stat = fstat(file).map_err(|errno| TreeError::system(what, path, errno))?;
    match kind_of(&stat) {
        FileKind::File => Ok(stat),
        FileKind::Directory => Err(TreeError::refused(TreeErrorKind::IsADirectory, what, path)),
        _ => Err(TreeError::refused(TreeErrorKind::NotAFile, what, path)),
    }
}

/// Size of a regular file, which is never negative.
pub(crate) fn size_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}
