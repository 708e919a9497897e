//! What a home keeps only to be faster: guest kernels, programs of other versions, image layers that no image names.

use super::finding::{Action, FindingKind};
use super::{Run, delete, entries, name_of};
use crate::error::MsbError;
use crate::image::discard::{Discarded, discard};
use crate::image::places;
use crate::runtime::embedded;
use crate::sys;
use msb_store::{SandboxFilter, SandboxStatus, Store, StoreError};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Image layers of 0.5.8, below the cache.
const LAYERS_OF_058: &str = "layers";
/// What 0.5.8 has not fetched whole.
const DOWNLOADS_OF_058: &str = "tmp";

impl Run<'_> {
    /// Finds what will not be used again.
    pub(super) fn check_caches(&mut self) -> Result<(), MsbError> {
        let (backend, store) = (self.backend, self.store);
        for programs in entries(&backend.home().join(embedded::FOLDER))? {
            if !programs.is_dir() || name_of(&programs) == Some(embedded::DIGEST) {
                continue;
            }
            if is_idle(&programs)? {
                let reason = "the programs are another version's, and none of them runs";
                self.add_path(FindingKind::Cache, &programs, reason, || delete_idle(&programs))?;
            }
        }
        let has_layer = |digest: &str| store.has_layer(digest);
        let has_manifest = |digest: &str| store.has_manifest(digest);
        self.within(&backend.config().cache, |run| {
            run.check_digests(LAYERS_OF_058, "no image has this layer", has_layer)?;
            run.check_digests(places::LAYERS, "no image has this layer", has_layer)?;
            run.check_digests(places::JOINS, "there is no such image", has_manifest)
        })?;
        for folder in [places::UNFINISHED, DOWNLOADS_OF_058] {
            for file in entries(&backend.config().cache.join(folder))? {
                if is_idle(&file)? {
                    let reason = "whoever was fetching an image has left it";
                    self.add_path(FindingKind::Cache, &file, reason, || delete_idle(&file))?;
                }
            }
        }
        Ok(())
    }

    /// Finds the files of a folder of the cache that are named after a digest which the store does not have.
    fn check_digests(
        &mut self,
        folder: &str,
        reason: &'static str,
        is_known: impl Fn(&str) -> Result<bool, StoreError>,
    ) -> Result<(), MsbError> {
        for file in entries(&self.backend.config().cache.join(folder))? {
            let Some(digest) = name_of(&file).and_then(|name| name.strip_suffix(".erofs")) else {
                continue;
            };
            if !is_known(digest)? && is_idle(&file)? {
                let store = self.store;
                self.add_path(FindingKind::Cache, &file, reason, || discard_file(store, &file))?;
            }
        }
        Ok(())
    }

    /// Finds what can be made again when it is used again.
    pub(super) fn find_remakeable(&mut self) -> Result<(), MsbError> {
        // A start has been told where they are and may not have opened them yet.
        let starting = SandboxFilter {
            statuses: vec![SandboxStatus::Starting],
            ..SandboxFilter::default()
        };
        if !self.store.list_sandboxes(&starting, None, 1)?.rows.is_empty() {
            return Ok(());
        }
        let cache = &self.backend.config().cache;
        let mut remakeable = entries(&cache.join("kernel"))?;
        remakeable.push(cache.join("kvm.json"));
        for file in remakeable {
            if file.is_file() && is_idle(&file)? {
                let reason = "it is made again when it is needed";
                self.add_path(FindingKind::Cache, &file, reason, || delete_idle(&file))?;
            }
        }
        Ok(())
    }
}

/// Deletes a file of an image that nobody has.
pub(super) fn discard_file(store: &Store, file: &Path) -> Result<Action, MsbError> {
    discard(store, file).map(|discarded| match discarded {
        Discarded::Gone => Action::Removed,
        Discarded::InUse => Action::InUse,
    })
}

fn delete_idle(path: &Path) -> Result<Action, MsbError> {
    match is_idle(path)? {
        true => delete(path),
        false => Ok(Action::InUse),
    }
}

/// Whether nobody has the file, or any in the directory, open; running a program counts.
pub(super) fn is_idle(path: &Path) -> Result<bool, MsbError> {
    let files: Vec<PathBuf> = if path.is_dir() {
        entries(path)?
    } else {
        vec![path.to_path_buf()]
    };
    for file in files.iter().filter(|file| file.is_file()) {
        let idle = File::open(file)
            .and_then(|file| sys::is_unopened(&file))
            .map_err(|error| MsbError::io("storage.lease", "cannot look at", file, &error))?;
        if !idle {
            return Ok(false);
        }
    }
    Ok(true)
}
