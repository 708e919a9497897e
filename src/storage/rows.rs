//! Rows that do not have what belongs to them: directories, disks, runners, each other.

use super::Run;
use super::finding::{Action, FindingKind};
use crate::backend::make_private;
use crate::error::MsbError;
use crate::sandbox::settle::{settle, settle_locked};
use crate::supervise::liveness;
use crate::supervise::oplock::OperationLock;
use crate::volume::{self, attach};
use msb_store::{SandboxRow, SandboxStatus, VolumeKind, VolumeRemoval, VolumeRow};
use std::path::Path;

/// Rows that are read at a time.
const PAGE: u32 = 250;

impl Run<'_> {
    pub(super) fn check_sandbox_rows(&mut self) -> Result<(), MsbError> {
        let mut after = None;
        loop {
            let page = self
                .store
                .list_sandboxes(&Default::default(), after.as_deref(), PAGE)?;
            for row in page.rows {
                self.check_sandbox_row(row)?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn check_sandbox_row(&mut self, row: SandboxRow) -> Result<(), MsbError> {
        let (backend, store) = (self.backend, self.store);
        let directory = backend.sandbox_directory(&row.name);
        let alive = liveness::is_alive(&directory)
            .map_err(|error| MsbError::io("sandbox.lock", "cannot look at", &directory, &error))?;
        if alive {
            return Ok(());
        }
        // While somebody operates on it, nothing about it is settled.
        let Some(lock) = OperationLock::try_take(backend.home(), row.id)? else {
            return Ok(());
        };
        let Some(row) = store.sandbox_by_id(row.id)? else {
            return Ok(());
        };
        if row.status.is_active() {
            let reason = format!("the row says {} but no runner lives", row.status);
            self.add_row(FindingKind::Status, &row.name, reason, || {
                settle_locked(backend, store, row.clone())?;
                Ok(Action::Mended("its status was set right"))
            });
        }
        if directory
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir())
        {
            return Ok(());
        }
        let reason = format!("{} is not there", directory.display());
        self.add_row(FindingKind::SandboxRow, &row.name, reason, || {
            let _lock = &lock;
            if row.status == SandboxStatus::Created {
                make_private(&directory)?;
                return Ok(Action::Mended("its directory was made"));
            }
            Ok(match store.delete_sandbox(row.id)? {
                true => Action::Removed,
                false => Action::InUse,
            })
        });
        Ok(())
    }

    pub(super) fn check_volume_rows(&mut self) -> Result<(), MsbError> {
        let mut after = None;
        loop {
            let page = self
                .store
                .list_volumes(&Default::default(), after.as_deref(), PAGE)?;
            for row in page.rows {
                self.check_volume_row(&row);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn check_volume_row(&mut self, row: &VolumeRow) {
        let (backend, store) = (self.backend, self.store);
        let path = volume::data(backend, row);
        if holds(&path, row.kind) {
            return;
        }
        // One that was removed meanwhile is as it should be.
        if !matches!(store.volume_by_id(row.id), Ok(Some(_))) {
            return;
        }
        let reason = format!("{} is not there", path.display());
        self.add_row(FindingKind::VolumeRow, &row.name, reason, || {
            let attached = attach::live(backend, store, store.attachments(row.id)?)?;
            if !attached.is_empty() || holds(&path, row.kind) {
                return Ok(Action::InUse);
            }
            Ok(match store.delete_volume(row.id, &|| Ok(()))? {
                VolumeRemoval::Removed | VolumeRemoval::Missing => Action::Removed,
                VolumeRemoval::Attached(_) | VolumeRemoval::Promised(_) => Action::InUse,
            })
        });
    }

    pub(super) fn check_attachments(&mut self) -> Result<(), MsbError> {
        let (backend, store) = (self.backend, self.store);
        let mut after = 0;
        loop {
            let page = store.all_attachments(after, PAGE)?;
            let Some((_, last)) = page.last() else {
                return Ok(());
            };
            after = last.id;
            for (volume, attachment) in page {
                let reason = match attachment.sandbox_id {
                    None => "the sandbox that had it is gone".to_owned(),
                    Some(id) => match store.sandbox_by_id(id)? {
                        Some(row) if settle(backend, store, row.clone())?.status.is_active() => continue,
                        Some(row) if OperationLock::try_take(backend.home(), row.id)?.is_none() => continue,
                        _ => format!("the sandbox {} does not run", attachment.sandbox),
                    },
                };
                self.add_row(FindingKind::Attachment, &volume, reason, || {
                    let still = attach::live(backend, store, vec![attachment])?;
                    Ok(match still.is_empty() {
                        true => Action::Removed,
                        false => Action::InUse,
                    })
                });
            }
        }
    }
}

fn holds(path: &Path, kind: VolumeKind) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| match kind {
        VolumeKind::Dir => metadata.is_dir(),
        VolumeKind::Disk => metadata.is_file(),
    })
}
