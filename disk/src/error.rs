//! What can go wrong while an image is made or grown. A full disk is told apart from every other I/O failure, because
//! the person who sees it has something to do about it.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::layout::{MAX_SIZE_BYTES, MIN_SIZE_BYTES};

/// Why an ext4 image was not made or not grown.
#[derive(Debug, thiserror::Error)]
pub enum Ext4Error {
    /// The size asked for is outside what this format can hold.
    #[error(
        "a disk of {size_bytes} bytes is not possible; choose a size from {MIN_SIZE_BYTES} to {MAX_SIZE_BYTES}"
    )]
    SizeOutOfRange {
        /// The size asked for.
        size_bytes: u64,
    },
    /// The label does not fit its 16 bytes on disk, or holds a NUL.
    #[error("the disk label {label:?} is not possible; use at most 16 bytes without NUL")]
    BadLabel {
        /// The label asked for.
        label: String,
    },
    /// The file is a device, a pipe or a directory.
    #[error("the disk image is not a regular file; name a new file instead")]
    NotRegularFile,
    /// The file already holds something, which formatting would destroy.
    #[error("the disk image already holds {len} bytes; remove it, or truncate it to zero first")]
    NotEmpty {
        /// Length of what is there.
        len: u64,
    },
    /// Something already bears the name of the new image.
    #[error("it already exists; remove it first, or choose another name")]
    Exists,
    /// The image holds no ext4 file system.
    #[error("it holds no ext4 file system; only disks made by libmsb can grow")]
    NotExt4,
    /// The file system was not unmounted, so its journal has to be replayed first.
    #[error(
        "its file system was not unmounted in order; mount it in a sandbox once, stop that, and try again"
    )]
    NotClean,
    /// The file system has features that this crate does not write.
    #[error("its file system has features that libmsb does not know; grow it with the tool that made it")]
    Foreign,
    /// A structure does not have its checksum, or says what cannot be.
    #[error("its {what} is damaged; check it with e2fsck")]
    Damaged {
        /// The structure.
        what: &'static str,
    },
    /// The size asked for is less than there is, or more than is possible.
    #[error(
        "a disk of {old_bytes} bytes cannot become one of {size_bytes}; choose a size from {old_bytes} to {MAX_SIZE_BYTES}"
    )]
    CannotShrink {
        /// The size asked for.
        size_bytes: u64,
        /// The size there is.
        old_bytes: u64,
    },
    /// The file system numbers its files with 32 bits.
    #[error("it would have more inodes than ext4 can number; choose a smaller size")]
    TooManyInodes,
    /// The host file system is full, or the user's quota on it is used up.
    #[error("the host disk is full; free some space, or put the image on another disk")]
    NoSpace(#[source] io::Error),
    /// The host file system, or a limit of the process, does not allow files of this size.
    #[error(
        "the host does not allow a file this large here; choose a smaller disk, or raise the file size limit"
    )]
    FileTooLarge(#[source] io::Error),
    /// Any other failure of a system call.
    #[error("cannot {action}; check that the directory is writable and its disk healthy")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Which image the cause is about.
    #[error("cannot make or grow the disk image {}", path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// What failed.
        #[source]
        source: Box<Ext4Error>,
    },
}

impl Ext4Error {
    /// Sorts a system error, so that a full disk is always `NoSpace`, whichever call met it.
    pub(crate) fn io(action: &'static str, source: io::Error) -> Self {
        match Errno::from_io_error(&source) {
            Some(Errno::NOSPC | Errno::DQUOT) => Self::NoSpace(source),
            Some(Errno::FBIG) => Self::FileTooLarge(source),
            _ => Self::Io { action, source },
        }
    }

    /// The error without the `Image` that names the file around it.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Image { source, .. } => source.cause(),
            other => other,
        }
    }
}
