//! Why a file operation was refused or failed: one kind that programs match on, one sentence for people.
//!
//! The kind is what crosses the link of a guest and becomes a status in C; it is decided in one place from
//! the system's answer, so that the same mistake is the same kind whichever verb met it.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::info::Usage;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeErrorKind {
    /// Nothing has this path.
    NotFound,
    /// Something has this path already.
    AlreadyExists,
    /// A directory was needed, and something else is there.
    NotADirectory,
    /// A directory is there, and the verb is for files.
    IsADirectory,
    /// Neither a regular file nor a directory: a FIFO, socket or device, which is never opened.
    NotAFile,
    /// The directory still has entries.
    NotEmpty,
    /// The path leads out of the root, by `..`, by a link or by a change during the walk.
    OutsideRoot,
    /// The path cannot name anything: empty, with a NUL, absolute, or with a component that is too long.
    BadPath,
    /// More bytes than the caller allows, or than the file system can hold in one file.
    TooLarge,
    /// The quota of the volume does not allow it.
    QuotaExceeded,
    /// The disk is full.
    NoSpace,
    /// The system does not permit it.
    PermissionDenied,
    /// A loop of symbolic links, or one where none may be.
    Loop,
    /// The file system or the tree is read-only.
    ReadOnly,
    /// The file was not opened for this: a write to one that is open for reading only, or the other way round.
    NotOpenFor,
    /// The caller's progress function, or the tree's watcher, asked to stop.
    Cancelled,
    /// The archive is damaged, or has an entry that is not accepted.
    BadArchive,
    /// Any other failure; see the system's error number.
    Io,
}

impl TreeErrorKind {
    /// Sorts the system's answer.
    pub fn from_errno(errno: i32) -> Self {
        match Errno::from_raw_os_error(errno) {
            Errno::NOENT => Self::NotFound,
            Errno::CANCELED => Self::Cancelled,
            Errno::EXIST => Self::AlreadyExists,
            Errno::NOTDIR => Self::NotADirectory,
            Errno::ISDIR => Self::IsADirectory,
            Errno::NXIO | Errno::NODEV => Self::NotAFile,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::XDEV => Self::OutsideRoot,
            Errno::NAMETOOLONG | Errno::ILSEQ => Self::BadPath,
            Errno::FBIG | Errno::OVERFLOW => Self::TooLarge,
            Errno::DQUOT => Self::QuotaExceeded,
            Errno::NOSPC => Self::NoSpace,
            Errno::ACCESS | Errno::PERM => Self::PermissionDenied,
            Errno::LOOP => Self::Loop,
            Errno::ROFS => Self::ReadOnly,
            Errno::BADF => Self::NotOpenFor,
            _ => Self::Io,
        }
    }

    /// What the person who meets it can do, as the end of a sentence.
    fn advice(self) -> &'static str {
        match self {
            Self::NotFound => "it does not exist: check the path",
            Self::AlreadyExists => "it exists already: remove it first, or choose another name",
            Self::NotADirectory => "a part of the path is not a directory: check the path",
            Self::IsADirectory => "it is a directory: use the call for directories",
            Self::NotAFile => {
                "it is of another kind: only regular files are opened, never pipes, sockets or devices"
            }
            Self::NotEmpty => {
                "the directory is not empty: remove its entries first, or ask for a recursive removal"
            }
            Self::OutsideRoot => {
                "the path leads out of the root: use a path without links or '..' that leave it"
            }
            Self::BadPath => {
                "the path is not possible: use a relative path that is not empty, without NUL, of names up to 255 bytes"
            }
            Self::TooLarge => "it is too large: raise the limit, or work on it in parts",
            Self::QuotaExceeded => {
                "the quota does not allow it: remove files, or give the volume a larger quota"
            }
            Self::NoSpace => "the disk is full: free some space",
            Self::PermissionDenied => "the system does not permit it: check owner and mode",
            Self::Loop => "there is a symbolic link in the way: name what it points to",
            Self::ReadOnly => "it is read-only: mount it for writing",
            Self::NotOpenFor => "the file was not opened for it: open it for reading or for writing",
            Self::Cancelled => "it was cancelled",
            Self::BadArchive => "the archive is not accepted: make it again without this entry",
            Self::Io => "the system failed: check the disk and try again",
        }
    }
}

/// A file operation that was refused or failed.
#[derive(Debug)]
pub struct TreeError {
    /// What kind of failure it was.
    pub kind: TreeErrorKind,
    /// The path as the caller gave it, or that of the entry below it.
    pub path: PathBuf,
    /// What was being done, as in "cannot {what} {path}".
    pub what: Cow<'static, str>,
    source: Option<io::Error>,
    room: Option<Room>,
}

/// What a quota that refuses says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What there may be at most.
    pub limit: Usage,
    /// What there is.
    pub used: Usage,
}

impl TreeError {
    /// A refusal that no system call gave.
    pub fn refused(kind: TreeErrorKind, what: impl Into<Cow<'static, str>>, path: impl AsRef<Path>) -> Self {
        Self {
            kind,
            path: path.as_ref().to_owned(),
            what: what.into(),
            source: None,
            room: None,
        }
    }

    /// An error as it came over a link, in its parts.
    pub fn from_parts(
        kind: TreeErrorKind,
        what: impl Into<Cow<'static, str>>,
        path: impl AsRef<Path>,
        errno: Option<i32>,
    ) -> Self {
        Self {
            kind,
            path: path.as_ref().to_owned(),
            what: what.into(),
            source: errno.map(io::Error::from_raw_os_error),
            room: None,
        }
    }

    /// A failure of the system, sorted by its number.
    pub fn system(what: impl Into<Cow<'static, str>>, path: impl AsRef<Path>, errno: Errno) -> Self {
        Self::io(what, path, errno.into())
    }

    /// A failure of a stream or of the standard library, sorted by its number where there is one.
    pub fn io(what: impl Into<Cow<'static, str>>, path: impl AsRef<Path>, source: io::Error) -> Self {
        let kind = source
            .raw_os_error()
            .map_or(TreeErrorKind::Io, TreeErrorKind::from_errno);
        Self {
            kind,
            path: path.as_ref().to_owned(),
            what: what.into(),
            source: Some(source),
            room: None,
        }
    }

    /// The same failure of another kind, where the system's number says too little.
    pub(crate) fn with(self, kind: TreeErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// A refusal by the quota, as one of what was being done. Failures of the ledger itself stay as they are.
    pub(crate) fn at(self, what: &'static str, path: &Path) -> Self {
        if self.kind == TreeErrorKind::QuotaExceeded {
            Self {
                room: self.room,
                ..Self::refused(self.kind, what, path)
            }
        } else {
            self
        }
    }

    /// The same refusal with what the quota that gave it has and allows.
    pub(crate) fn with_room(self, room: Room) -> Self {
        Self {
            room: Some(room),
            ..self
        }
    }

    /// What the quota has and allows that refused, if it is this host's.
    pub fn room(&self) -> Option<Room> {
        self.room
    }

    /// The system's number, where the system gave one.
    pub fn errno(&self) -> Option<i32> {
        self.source.as_ref().and_then(io::Error::raw_os_error)
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "cannot {} {}; {}",
            self.what,
            self.path.display(),
            self.kind.advice()
        )
    }
}

impl std::error::Error for TreeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
