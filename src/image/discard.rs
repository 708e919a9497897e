//! Deletes files of the cache that no image has: while nobody has them open, and while nobody can store an image with them.

use crate::error::MsbError;
use crate::sys;
use msb_store::Store;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discarded {
    /// It is gone.
    Gone,
    /// Somebody has it open, or an image has it by now.
    InUse,
}

/// Deletes the file of a layer or of joined layers, which is named after its digest.
pub fn discard(store: &Store, file: &Path) -> Result<Discarded, MsbError> {
    let digest = file
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let discarded = store.unless_image_file(digest, || delete_idle(file))?;
    discarded.unwrap_or(Ok(Discarded::InUse))
}

fn delete_idle(file: &Path) -> Result<Discarded, MsbError> {
    let deleted = || -> io::Result<Discarded> {
        if !sys::is_unopened(&File::open(file)?)? {
            return Ok(Discarded::InUse);
        }
        fs::remove_file(file)?;
        Ok(Discarded::Gone)
    };
    match deleted() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Discarded::Gone),
        Err(error) => Err(MsbError::io("image.remove", "cannot delete", file, &error)
            .remedy("make it deletable, then run msb_fsck")),
        Ok(discarded) => Ok(discarded),
    }
}
