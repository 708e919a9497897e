//! Layers of images as EROFS, written from tar archives and merged without copying a byte of content.
//!
//! A merged image is one address space: the file that [`merge`] writes, then the layers, in order, each a whole number of
//! 4096-byte blocks. Its inodes point at the layers' blocks, so that the concatenation is one plain EROFS for every
//! kernel.
//!
//! ```text
//! archive/   members of a tar archive       tree.rs    inodes and directories in memory
//! layer.rs   an archive into a layer        image.rs   a tree into metadata on disk
//! merge.rs   layers into one image          reader.rs  an image back into entries
//! tar.rs     a layer back into an archive
//! format.rs, dirents.rs, xattr.rs: bytes on disk
//! sink.rs    large writes, holes            limits.rs, error.rs: what is too much, and why not
//! ```
//!
//! Archives and images are taken from anybody: every number is checked, memory is bounded by [`Limits`], and nothing is
//! ever written but the one file given.

mod archive;
mod dirents;
mod error;
mod format;
mod image;
mod layer;
mod limits;
mod merge;
pub mod reader;
mod sink;
mod tar;
mod tree;
mod xattr;

pub use error::{LayerError, Refusal};
pub use layer::{Layer, write_layer};
pub use limits::{LimitError, LimitKind, Limits};
pub use merge::{MergeError, Merged, merge};
pub use tar::{LayerTar, TarError};
