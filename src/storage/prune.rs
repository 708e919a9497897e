//! Frees room: what can be made again, what crashes left, what a check moved aside, logs, old copies of the database.

use super::finding::{Finding, FindingKind};
use super::{LOST, Run, delete, entries, name_of};
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use std::sync::Arc;

/// What to free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// Kernels, programs of other versions, layers that no image names.
    pub cache: bool,
    /// What processes that are gone left half done.
    pub temporary: bool,
    /// What `fsck` moved aside.
    pub lost: bool,
    /// Logs of sandboxes that do not run.
    pub logs: bool,
    /// Copies of the database from before upgrades.
    pub backups: bool,
    /// Images that no sandbox and no snapshot needs.
    pub images: bool,
}

/// Frees what was asked for, or with `dry_run` tells what that would be. Of what is found, `bytes` is what its removal frees.
pub fn prune(backend: &Arc<Backend>, what: What, dry_run: bool) -> Result<Vec<Finding>, MsbError> {
    if what == What::default() {
        return Err(MsbError::new(
            Status::InvalidArgument,
            "prune.nothing",
            "the call does not say what to free",
        )
        .remedy("combine MSB_PRUNE_* flags"));
    }
    let store = backend.store()?;
    let mut run = Run::new(backend, &store, !dry_run);
    if what.temporary {
        run.check_leftovers()?;
    }
    // Before the caches, among which a layer is counted whose row went without its file.
    if what.images {
        run.find_unneeded_images()?;
    }
    if what.cache {
        run.check_caches()?;
        run.find_remakeable()?;
    }
    if what.lost {
        run.find_lost()?;
    }
    if what.logs {
        run.find_logs()?;
    }
    if what.backups {
        run.find_backups()?;
    }
    Ok(run.found)
}

impl Run<'_> {
    fn find_lost(&mut self) -> Result<(), MsbError> {
        let config = self.backend.config();
        for folder in [&config.sandboxes, &config.volumes] {
            self.within(folder, |run| {
                for path in entries(&folder.join(LOST))? {
                    let reason = "an earlier check found no row for it";
                    run.add_path(FindingKind::Lost, &path, reason, || delete(&path))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn find_backups(&mut self) -> Result<(), MsbError> {
        let database = self.store.path().to_path_buf();
        let prefix = format!("{}.backup-", name_of(&database).unwrap_or_default());
        for path in entries(database.parent().unwrap_or(self.backend.home()))? {
            if name_of(&path).is_some_and(|name| name.starts_with(&prefix) && !name.ends_with(".partial")) {
                let reason = "it is from before an upgrade that has succeeded";
                self.add_path(FindingKind::Backup, &path, reason, || delete(&path))?;
            }
        }
        Ok(())
    }
}
