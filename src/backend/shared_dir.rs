//! Directories of volumes, sandboxes and caches that more than one home may name.
//!
//! Invariant: what lies in one is only ever changed by a home that has a row for it.

use super::make_private;
use crate::error::MsbError;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// The file by which a home tells the others that it has things in a directory which is not below it.
const MARK: &str = ".shared";

/// Whether a directory can be taken for the home's alone: it is below it, and no other home has left its mark.
pub fn is_own(home: &Path, directory: &Path) -> bool {
    let is_below = match (home.canonicalize(), directory.canonicalize()) {
        (Ok(home), Ok(directory)) => directory.starts_with(home),
        _ => directory.starts_with(home),
    };
    is_below && directory.join(MARK).symlink_metadata().is_err()
}

/// Before something of a home's is made in a directory that is not below it: makes the directory and leaves the mark, as
/// it may be below another home.
pub fn announce(home: &Path, directory: &Path) -> Result<(), MsbError> {
    if directory.starts_with(home) {
        return Ok(());
    }
    make_private(directory)?;
    let mark = directory.join(MARK);
    match OpenOptions::new().write(true).create_new(true).open(&mark) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(MsbError::io("home.create", "cannot make", &mark, &error)
                .remedy("choose a directory that this user may write to"))
        }
        _ => Ok(()),
    }
}
