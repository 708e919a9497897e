//! Directories that no row names, runners in them, and ledgers without a volume.

use super::finding::{Action, FindingKind};
use super::{LOST, Run, delete, entries, is_known, name_of};
use crate::backend::{Backend, make_private};
use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::sandbox::stop::KILL_TIMEOUT;
use crate::sandbox::{NOBODY, Sandbox};
use crate::supervise::liveness;
use crate::supervise::oplock::OperationLock;
use crate::volume::LEDGERS;
use msb_store::{SandboxRow, SandboxStatus};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a runner that has recorded its end may take to be gone.
const ENDING: Duration = Duration::from_secs(5);
/// Pause between two looks at its lock, which has no event to wait for.
const PAUSE: Duration = Duration::from_millis(10);

impl Run<'_> {
    pub(super) fn check_sandbox_directories(&mut self) -> Result<(), MsbError> {
        let backend = self.backend;
        self.within(&backend.config().sandboxes, Self::look_at_sandboxes)
    }

    fn look_at_sandboxes(&mut self) -> Result<(), MsbError> {
        let (backend, store) = (self.backend, self.store);
        for directory in entries(&backend.config().sandboxes)? {
            let Some(name) = name_of(&directory).filter(|name| !name.starts_with('.')) else {
                continue;
            };
            // Its row comes before a sandbox's directory and goes after it.
            let row = match store.sandbox_by_name(name) {
                Err(error) if error.is_of_one_row() => continue,
                row => row?,
            };
            if row.as_ref().is_some_and(|row| row.status.is_active()) {
                continue;
            }
            if let Some(row) = &row
                && OperationLock::try_take(backend.home(), row.id)?.is_none()
            {
                continue;
            }
            if stays_alive(&directory)? {
                let reason = match &row {
                    Some(row) => format!("a runner lives although the sandbox is {}", row.status),
                    None => format!("a runner lives although there is no sandbox {name:?}"),
                };
                self.add_path(FindingKind::Runner, &directory, reason, || {
                    kill_orphan(backend, name, row.as_ref())?;
                    // It lets go of the directory once it has tidied up.
                    Ok(match stays_alive(&directory)? {
                        true => Action::InUse,
                        false => Action::Mended("its machine was killed"),
                    })
                })?;
            }
            let is_forsaken = row.is_none() || self.forsaken.contains(&directory);
            if is_forsaken && directory.symlink_metadata().is_ok() {
                let reason = format!("there is no sandbox {name:?}");
                self.add_path(FindingKind::SandboxDirectory, &directory, reason, || {
                    let is_directory = directory.is_dir();
                    let claim = match is_directory {
                        true => liveness::claim(&directory).unwrap_or(None),
                        false => None,
                    };
                    if (is_directory && claim.is_none()) || is_known(store.sandbox_by_name(name))? {
                        return Ok(Action::InUse);
                    }
                    move_aside(&directory)
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn check_volume_directories(&mut self) -> Result<(), MsbError> {
        let backend = self.backend;
        self.within(&backend.config().volumes, Self::look_at_volumes)
    }

    fn look_at_volumes(&mut self) -> Result<(), MsbError> {
        let store = self.store;
        for directory in entries(&self.backend.config().volumes)? {
            let Some(name) = name_of(&directory).filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let has_row = is_known(store.volume_by_name(name))? && !self.forsaken.contains(&directory);
            if has_row || directory.symlink_metadata().is_err() {
                continue;
            }
            let reason = format!("there is no volume {name:?}");
            self.add_path(
                FindingKind::VolumeDirectory,
                &directory,
                reason,
                || match is_known(store.volume_by_name(name))? {
                    true => Ok(Action::InUse),
                    false => move_aside(&directory),
                },
            )?;
        }
        Ok(())
    }

    pub(super) fn check_ledgers(&mut self) -> Result<(), MsbError> {
        let store = self.store;
        for ledger in entries(&self.backend.home().join(LEDGERS))? {
            let id = name_of(&ledger)
                .and_then(|name| name.strip_suffix(".quota"))
                .and_then(|id| id.parse::<i64>().ok());
            let Some(id) = id else {
                continue;
            };
            if !is_known(store.volume_by_id(id))? {
                self.add_path(FindingKind::Ledger, &ledger, "its volume is gone", || {
                    delete(&ledger)
                })?;
            }
        }
        Ok(())
    }
}

/// Whether a runner holds the directory's lock for longer than one that is ending does.
fn stays_alive(directory: &Path) -> Result<bool, MsbError> {
    if !directory.is_dir() {
        return Ok(false);
    }
    let give_up = Instant::now() + ENDING;
    loop {
        let alive = liveness::is_alive(directory)
            .map_err(|error| MsbError::io("sandbox.lock", "cannot look at", directory, &error))?;
        if !alive || Instant::now() >= give_up {
            return Ok(alive);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Has a runner kill its machine. Without a row the runner is told by way of a sandbox that is in no store.
fn kill_orphan(backend: &Arc<Backend>, name: &str, row: Option<&SandboxRow>) -> Result<(), MsbError> {
    let nobody = SandboxRow {
        id: NOBODY,
        name: name.to_owned(),
        config: String::new(),
        status: SandboxStatus::Crashed,
        ephemeral: false,
        created_at: None,
        updated_at: None,
    };
    let orphan = Sandbox::new(Arc::clone(backend), row.unwrap_or(&nobody));
    orphan.kill(Deadline::after(KILL_TIMEOUT))
}

/// Moves a directory to `.lost` beside it, under a name of its own.
fn move_aside(directory: &Path) -> Result<Action, MsbError> {
    let folder = directory.with_file_name(LOST);
    make_private(&folder)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut name = directory.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", now.as_nanos()));
    let target: PathBuf = folder.join(name);
    std::fs::rename(directory, &target)
        .map_err(|error| MsbError::io("storage.move", "cannot move away", directory, &error))?;
    Ok(Action::Moved(target))
}
