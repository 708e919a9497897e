//! Images as the Open Container Initiative and Docker have them: names, documents, archives and registries.
//!
//! Whatever is read here may be hostile: documents are bounded before they are parsed, every blob is held against
//! its size and digest while it streams, and no name in an archive becomes a path of the host. Knows nothing of
//! sandboxes, of the store, or of how a layer becomes a file system.
//!
//! ```text
//! reference.rs  names of images          digest.rs    names of content, and their check
//! platform.rs   which of several         media.rs     types of documents and layers
//! manifest.rs   indexes, manifests       config.rs    what an image says of its processes
//! layer.rs      a layer's tar, checked   unpack.rs    a blob's bytes, unpacked and checked
//! pipeline.rs   reading ahead            error.rs     why something was refused
//! source/       layouts and archives     save.rs      an image into an archive
//! registry/     images from registries
//! ```

mod config;
mod digest;
mod error;
mod layer;
mod manifest;
mod media;
mod pipeline;
mod platform;
mod quiet;
mod reference;
pub mod registry;
mod save;
mod source;
mod unpack;

pub use config::ImageConfig;
pub use digest::{Algorithm, Digest, Digester};
pub use error::OciError;
pub use layer::{LayerOptions, LayerStream, UNPACKED, Unpacked};
pub use manifest::{
    Descriptor, Document, Image, LayerRef, MAX_DOCUMENT, MAX_LAYERS, Manifest, choose, read_document,
};
pub use media::{Compression, MANIFEST_TYPES, is_index, is_manifest};
pub use platform::Platform;
pub use reference::{Reference, ReferenceError};
pub use save::{OpenLayer, SavedImage, save};
pub use source::{
    FileSlice, ImageSource, Kind, ListedImage, Opened, RootfsTar, Spool, open_file, open_path, open_stream,
    rootfs_image,
};
pub use unpack::Progress;
