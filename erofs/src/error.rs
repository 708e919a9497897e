//! Why an archive did not become a layer.

use std::io;

use crate::limits::LimitError;

/// The layer's file is left as it is: no image, since its first block is written last.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The archive's reader failed; the source is its own error.
    #[error("cannot read the archive: see what its source says")]
    Read(#[source] io::Error),
    /// The layer's file could not be written.
    #[error("cannot write the layer: check the disk that it is on")]
    Write(#[source] io::Error),
    /// The archive ends within a member.
    #[error("the archive is cut off after {bytes} bytes: fetch or make it again")]
    Truncated {
        /// How much there was.
        bytes: u64,
    },
    /// The archive is not one.
    #[error("the archive is damaged at byte {at}: {what}; fetch or make it again")]
    Damaged {
        /// Where, from the archive's start.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// One member is not accepted.
    #[error("the archive's entry {path:?} is refused: {why}; make the archive without it")]
    Refused {
        /// As the archive has it, cut at 256 bytes.
        path: String,
        /// The reason.
        why: Refusal,
    },
    /// More than the limits allow.
    #[error("the archive's entry {path:?} is too much")]
    Limit {
        /// As the archive has it, cut at 256 bytes.
        path: String,
        /// Which limit.
        #[source]
        source: LimitError,
    },
}

/// Why a member is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// With a component `..`, of its own path or of what it links to.
    #[error("it leads outside of the root")]
    Outside,
    /// Without a name, or with a NUL.
    #[error("its path cannot name anything")]
    BadPath,
    /// Something is above it that is no directory and leads to none, a link in a circle for example.
    #[error("what should be its directory is not one")]
    BelowNonDirectory,
    /// A hard link to what is not in the archive before it.
    #[error("it links to a path that is not in the archive before it")]
    LinkToNothing,
    /// A hard link to a directory or a whiteout.
    #[error("it links to something that cannot have a second name")]
    BadLink,
    /// A symbolic link to nothing, or to a path with a NUL.
    #[error("it points to an impossible path")]
    BadTarget,
    /// A type that is not known.
    #[error("it is of a type that is not known")]
    BadType,
    /// A number of the header is not one, or has no room.
    #[error("a number in its header is wrong")]
    BadNumber,
    /// A whiteout of nothing, `.` or `..`.
    #[error("it removes something that has no name")]
    BadWhiteout,
    /// A sparse file's map is out of order, outside of the file, or does not fit its data.
    #[error("its map of holes does not fit it")]
    BadSparseMap,
    /// An extended attribute's name or value is malformed or too long for Linux.
    #[error("one of its extended attributes is not possible")]
    BadXattr,
    /// The image's root as something else than a directory.
    #[error("the root must be a directory")]
    BadRoot,
}

impl LayerError {
    pub(crate) fn refused(path: &[u8], why: Refusal) -> Self {
        Self::Refused {
            path: shown(path),
            why,
        }
    }

    pub(crate) fn limit(path: &[u8], source: LimitError) -> Self {
        Self::Limit {
            path: shown(path),
            source,
        }
    }
}

/// A hostile path may be long, and need not be text.
pub(crate) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(&path[..path.len().min(256)]).into_owned()
}
