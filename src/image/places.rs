//! Where images are kept below the cache: apart from those of 0.5.8, whose file systems are laid out otherwise.

use crate::backend::{Backend, make_private};
use crate::error::{MsbError, Status};
use crate::sys;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Everything of images.
pub const FOLDER: &str = "images";
/// Layers as file systems, by the digests of their archives.
pub const LAYERS: &str = "images/layers";
/// What joins the layers of images, by the digests of their manifests.
pub const JOINS: &str = "images/joins";
/// What is not finished.
pub const UNFINISHED: &str = "images/unfinished";

/// The hexadecimal digits of a digest, which is how files are named after it.
pub fn digits(digest: &str) -> Result<&str, MsbError> {
    let digits = digest.rsplit_once(':').map_or(digest, |(_, digits)| digits);
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_plain.then_some(digits).ok_or_else(|| {
        MsbError::new(
            Status::StoreCorrupt,
            "image.digest",
            format!("the store has {digest:?} where a digest has to be"),
        )
        .remedy("run msb_fsck, then remove the image and load it again")
    })
}

/// The file in `folder` of the cache that is named after a digest.
fn file(backend: &Backend, folder: &str, digest: &str) -> Result<PathBuf, MsbError> {
    let name = format!("{}.erofs", digits(digest)?);
    Ok(backend.config().cache.join(folder).join(name))
}

/// A layer's file system.
pub fn layer(backend: &Backend, diff_id: &str) -> Result<PathBuf, MsbError> {
    file(backend, LAYERS, diff_id)
}

/// What joins the layers of the image with this manifest.
pub fn join(backend: &Backend, manifest: &str) -> Result<PathBuf, MsbError> {
    file(backend, JOINS, manifest)
}

/// A file under a name of its own until it is whole; it goes if that does not come.
pub struct Unfinished {
    path: PathBuf,
    /// Open for reading and writing. While it is, nobody tidies it away.
    pub file: File,
}

impl Unfinished {
    /// A new, empty file on the file system of the cache.
    pub fn new(backend: &Backend) -> Result<Self, MsbError> {
        let directory = backend.config().cache.join(UNFINISHED);
        make_private(&directory)?;
        let name = sys::random_hex().map_err(|error| {
            MsbError::new(Status::Io, "process.random", "the system gives no random numbers").source(&error)
        })?;
        let path = directory.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| unwritable(&path, &error))?;
        Ok(Self { path, file })
    }

    /// Where it is until then.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, once all of it is on the disk. What had the name before is replaced.
    pub fn finish(self, place: &Path) -> Result<File, MsbError> {
        let written = || -> io::Result<File> {
            self.file.sync_data()?;
            fs::rename(&self.path, place)?;
            self.file.try_clone()
        };
        if let Some(directory) = place.parent() {
            make_private(directory)?;
        }
        written().map_err(|error| unwritable(place, &error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once renamed there is nothing to remove; otherwise the failure that brought us here is the one to report.
        let _ = fs::remove_file(&self.path);
    }
}

/// The error of a file of the cache that cannot be written.
pub fn unwritable(path: &Path, error: &io::Error) -> MsbError {
    MsbError::io("image.write", "cannot write", path, error)
        .remedy("free some space, or choose a cache_dir that this user may write to")
}
