//! What a home holds on disk: how much, whether it agrees with the store, and what can go.
//!
//! [`fsck`] compares rows with directories both ways and finds what crashes left behind; [`usage`] measures; [`prune`]
//! frees. Invariant: nothing of a sandbox that runs, starts or stops is touched; what may be somebody's data is moved aside
//! first and deleted only on demand.

mod cache;
mod directories;
pub mod finding;
pub mod fsck;
mod images;
mod leftovers;
mod logs;
pub mod measure;
pub mod prune;
mod rows;
pub mod usage;

use crate::backend::{Backend, shared_dir};
use crate::error::MsbError;
use crate::ops;
use finding::{Action, Finding, FindingKind};
use measure::measure;
use msb_store::{Store, StoreError};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where directories without a row are moved to, below the directory they were in.
pub const LOST: &str = ".lost";

/// One run over a home.
struct Run<'a> {
    backend: &'a Arc<Backend>,
    store: &'a Store,
    /// Whether anything is changed.
    acts: bool,
    /// Directories that have a row now, but would not after a repair.
    forsaken: HashSet<PathBuf>,
    found: Vec<Finding>,
}

impl<'a> Run<'a> {
    fn new(backend: &'a Arc<Backend>, store: &'a Store, acts: bool) -> Self {
        Self {
            backend,
            store,
            acts,
            forsaken: HashSet::new(),
            found: Vec::new(),
        }
    }

    /// Runs a check of a directory. Where other homes may keep what is theirs it changes nothing, and the reasons say so.
    fn within(
        &mut self,
        directory: &Path,
        check: impl FnOnce(&mut Self) -> Result<(), MsbError>,
    ) -> Result<(), MsbError> {
        if shared_dir::is_own(self.backend.home(), directory) {
            return check(self);
        }
        let (acts, known) = (self.acts, self.found.len());
        self.acts = false;
        let checked = check(self);
        self.acts = acts;
        for finding in self.found.iter_mut().skip(known) {
            finding.reason.push_str(&format!(
                "; it is left alone, as it may be of another home that keeps things in {}",
                directory.display()
            ));
        }
        checked
    }

    /// Adds a finding about a path; `mend` is called if this run changes anything, and says what it did.
    fn add_path(
        &mut self,
        kind: FindingKind,
        path: &Path,
        reason: impl Into<String>,
        mend: impl FnOnce() -> Result<Action, MsbError>,
    ) -> Result<(), MsbError> {
        ops::check_cancelled()?;
        let bytes = measure(path)?.bytes;
        ops::add_progress(bytes, 1);
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        self.add(kind, name, Some(path.to_path_buf()), bytes, reason.into(), mend);
        Ok(())
    }

    /// Adds a finding about a row.
    fn add_row(
        &mut self,
        kind: FindingKind,
        name: &str,
        reason: impl Into<String>,
        mend: impl FnOnce() -> Result<Action, MsbError>,
    ) {
        self.add(kind, name.to_owned(), None, 0, reason.into(), mend);
    }

    fn add(
        &mut self,
        kind: FindingKind,
        name: String,
        path: Option<PathBuf>,
        bytes: u64,
        reason: String,
        mend: impl FnOnce() -> Result<Action, MsbError>,
    ) {
        let action = match self.acts {
            false => Action::None,
            // One that cannot be mended does not keep the others from it.
            true => mend().unwrap_or_else(|error| Action::Failed(error.text())),
        };
        self.found.push(Finding {
            kind,
            name,
            path,
            bytes,
            reason,
            action,
        });
    }
}

/// The entries of a directory, which may be missing, in the order of their names.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, MsbError> {
    let failed = |error: &io::Error| MsbError::io("storage.read", "cannot list", directory, error);
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(&error)),
    };
    let mut found = Vec::new();
    for entry in listed {
        found.push(entry.map_err(|error| failed(&error))?.path());
    }
    found.sort();
    Ok(found)
}

/// Whether a row is there, if only as one that cannot be understood.
fn is_known<T>(row: Result<Option<T>, StoreError>) -> Result<bool, MsbError> {
    match row {
        Ok(row) => Ok(row.is_some()),
        Err(error) if error.is_of_one_row() => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The name of a path's last part, if it is text; no sandbox or volume has another.
fn name_of(path: &Path) -> Option<&str> {
    path.file_name().and_then(std::ffi::OsStr::to_str)
}

/// Deletes a file or a tree.
fn delete(path: &Path) -> Result<Action, MsbError> {
    crate::volume::remove::delete_all(path)
        .map_err(|error| MsbError::io("storage.delete", "cannot delete", path, &error))?;
    Ok(Action::Removed)
}
