//! What a home keeps only to be faster: guest kernels, programs of other versions, image layers that no image names.

use super::finding::{Action, FindingKind};
use super::{Run, delete, entries, name_of};
use crate::error::MsbError;
use crate::runtime::embedded;
use crate::sys;
use msb_store::{SandboxFilter, SandboxStatus};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Image layers, below the cache, as 0.5.8 keeps them.
const LAYERS: &str = "layers";

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
        for layer in entries(&backend.config().cache.join(LAYERS))? {
            let Some(digest) = name_of(&layer).and_then(|name| name.strip_suffix(".erofs")) else {
                continue;
            };
            if !store.has_layer(digest)? && is_idle(&layer)? {
                let reason = "no image has this layer";
                self.add_path(FindingKind::Cache, &layer, reason, || delete_idle(&layer))?;
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

fn delete_idle(path: &Path) -> Result<Action, MsbError> {
    match is_idle(path)? {
        true => delete(path),
        false => Ok(Action::InUse),
    }
}

/// Whether nobody has the file, or any in the directory, open; running a program counts.
fn is_idle(path: &Path) -> Result<bool, MsbError> {
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
