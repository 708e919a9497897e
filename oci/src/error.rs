//! Why an image was refused or could not be read. Texts name what to do next; causes are in the chain.
//!
//! A stream can only fail with an I/O error, so that such an error may carry one of these: [`OciError::of`] finds it.

use std::io;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::platform::Platform;

/// Most names that an error lists.
const MAX_LISTED: usize = 12;

/// An image that was refused or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The system failed.
    #[error("cannot {what} {}; check that it is there and may be used", path.display())]
    Io {
        /// What was being done, as in "cannot {what} {path}".
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The stream that an image comes from or goes to failed.
    #[error("cannot {what}; check where it comes from or goes to, and try again")]
    Stream {
        /// What was being done, as in "cannot {what}".
        what: &'static str,
        /// What the stream said.
        source: io::Error,
    },
    /// It is something else than an image.
    #[error(
        "{what}; give an OCI layout, an archive of docker, podman or skopeo, or a tar of a root file system"
    )]
    NotAnImage {
        /// What it is instead, as a sentence.
        what: String,
    },
    /// It is an image of a kind that is not supported.
    #[error("{what} is not supported; convert the image first, for example with skopeo copy")]
    Unsupported {
        /// The kind.
        what: String,
    },
    /// A document or an archive is not as the specification has it.
    #[error("the {what} is damaged: {why}; make or fetch the image again")]
    Malformed {
        /// Which part.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A document is not the JSON that it has to be.
    #[error("the {what} cannot be understood; make or fetch the image again")]
    Json {
        /// Which document.
        what: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// There is more of something than is accepted.
    #[error("the {what} is larger than the limit of {limit} {unit}; raise the limit if you trust the image")]
    TooLarge {
        /// Of what.
        what: String,
        /// The limit.
        limit: u64,
        /// What the limit counts.
        unit: &'static str,
    },
    /// A digest that is not written as one.
    #[error(
        "{text:?} is not a digest that is supported; use sha256: or sha512: and the digits of it in lower case"
    )]
    BadDigest {
        /// The beginning of what was given.
        text: String,
    },
    /// Content is not what its digest says.
    #[error(
        "the {what} has the digest {found} and not {expected}; it was changed or damaged: fetch it again"
    )]
    DigestMismatch {
        /// Which content.
        what: String,
        /// What it has to be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// Content is shorter or longer than its descriptor says.
    #[error("the {what} has {found} bytes and not {expected}; it was cut or damaged: fetch it again")]
    SizeMismatch {
        /// Which content.
        what: String,
        /// What it has to be.
        expected: u64,
        /// What it is; of content that is too long, as far as it was read.
        found: u64,
    },
    /// Compressed content cannot be unpacked.
    #[error("the {what} cannot be unpacked; it is damaged: make or fetch the image again")]
    Decompress {
        /// Which content.
        what: String,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The image refers to something that is not there.
    #[error("the {what} is missing; save or copy the whole image again")]
    Missing {
        /// What is missing.
        what: String,
    },
    /// No image of the index is for the platform.
    #[error("there is no image for {wanted}, only for {available}; choose another platform or image")]
    NoPlatform {
        /// Which platform was asked for.
        wanted: Platform,
        /// Those that there are.
        available: String,
    },
    /// No image of the archive has the name.
    #[error("there is no image {wanted:?}, only {available}; choose one of them")]
    NoSuchImage {
        /// The name that was asked for.
        wanted: String,
        /// Those that there are.
        available: String,
    },
    /// There are several images, and none was chosen.
    #[error("there are several images: {available}; choose one of them")]
    Ambiguous {
        /// Their names.
        available: String,
    },
}

impl OciError {
    /// The error of this crate that an I/O error of one of its streams carries.
    pub fn of(error: &io::Error) -> Option<&OciError> {
        error.get_ref()?.downcast_ref()
    }

    /// The same, taken out. Any other I/O error is one of the stream.
    pub(crate) fn from_stream(what: &'static str, error: io::Error) -> Self {
        match error.downcast() {
            Ok(own) => own,
            Err(source) => Self::Stream { what, source },
        }
    }

    pub(crate) fn malformed(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Malformed {
            what: what.into(),
            why: why.into(),
        }
    }
}

impl From<OciError> for io::Error {
    fn from(error: OciError) -> Self {
        Self::other(error)
    }
}

/// Some of the names, for an error.
pub(crate) fn list<T: std::fmt::Display>(names: impl Iterator<Item = T>) -> String {
    let mut text = String::new();
    for (index, name) in names.enumerate() {
        if index == MAX_LISTED {
            text.push_str(" and others");
            break;
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&shorten(&name.to_string()));
    }
    if text.is_empty() {
        text.push_str("none");
    }
    text
}

/// The beginning of a text that may be of any length and hold anything, for an error.
pub(crate) fn shorten(text: &str) -> String {
    const MAX: usize = 120;
    let mut short: String = text
        .chars()
        .take(MAX)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    if text.chars().nth(MAX).is_some() {
        short.push_str("...");
    }
    short
}
