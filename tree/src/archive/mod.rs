//! Trees as tar archives: made for every tar program, and taken from anybody, however hostile.
//!
//! Only the 512-byte headers are left to a library. Reading members and their extensions is done here, because each
//! of them must be bounded before it is held in memory, and files must be made beneath descriptors and not by path.
//!
//! ```text
//! export.rs  a tree into an archive      reader.rs  an archive's members, checked
//! import.rs  an archive into a tree      pax.rs     records of extended headers
//! ```

mod export;
mod import;
mod pax;
mod reader;

use crate::error::{TreeError, TreeErrorKind};
use crate::info::Progress;
use std::path::Path;

/// Unit of an archive: headers are one block, content is padded to whole ones.
const BLOCK: usize = 512;

/// Moved at once between an archive and a file; between two, progress is told.
const BUFFER: usize = 256 << 10;

/// What the caller is told, and how it says to stop.
struct Report<'a> {
    done: Progress,
    tell: &'a mut dyn FnMut(&Progress) -> bool,
}

impl Report<'_> {
    fn bytes(&mut self, more: usize, what: &'static str, path: &Path) -> Result<(), TreeError> {
        self.done.bytes += more as u64;
        self.check(what, path)
    }

    fn entry(&mut self, what: &'static str, path: &Path) -> Result<(), TreeError> {
        self.done.entries += 1;
        self.check(what, path)
    }

    fn check(&mut self, what: &'static str, path: &Path) -> Result<(), TreeError> {
        if (self.tell)(&self.done) {
            Ok(())
        } else {
            Err(TreeError::refused(TreeErrorKind::Cancelled, what, path))
        }
    }
}
