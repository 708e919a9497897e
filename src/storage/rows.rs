//! Rows that do not have what belongs to them: directories, disks, runners, each other.

use super::Run;
use super::finding::{Action, FindingKind};
use crate::backend::make_private;
use crate::error::MsbError;
use crate::sandbox::settle::{settle, settle_locked};
use crate::sandbox::spec::SandboxSpec;
use crate::supervise::liveness;
use crate::supervise::oplock::OperationLock;
use crate::volume::{self, attach};
use msb_store::{SandboxRow, SandboxStatus, Timestamp, VolumeKind, VolumeRemoval, VolumeRow};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Rows that are read at a time.
const PAGE: u32 = 250;

impl Run<'_> {
    pub(super) fn check_sandbox_rows(&mut self) -> Result<(), MsbError> {
        let parent = &self.backend.config().sandboxes;
        let mut bare = Bare::look_at(parent);
        let mut after = None;
        loop {
            let page = self
                .store
                .list_sandboxes(&Default::default(), after.as_deref(), PAGE)?;
            for row in page.rows {
                self.check_sandbox_row(row, &mut bare)?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.add_bare(FindingKind::SandboxRow, parent, &bare);
        Ok(())
    }

    /// Rows that listings leave out; correcting them takes a person who knows what was meant.
    pub(super) fn check_values(&mut self) -> Result<(), MsbError> {
        for row in self.store.unreadable_rows()? {
            let reason = MsbError::from(row.problem).text();
            self.add_row(FindingKind::Database, &row.name, reason, || Ok(Action::None));
        }
        Ok(())
    }

    /// Of a directory that is away with everything in it only that is said: no row is at fault.
    fn add_bare(&mut self, kind: FindingKind, parent: &Path, bare: &Bare) {
        if bare.rows == 0 {
            return;
        }
        let name = parent.file_name().unwrap_or_default().to_string_lossy();
        let reason = format!(
            "{} is missing, or is empty and older than what should be in it ({} in all): mount or restore it, or remove by name what is lost",
            parent.display(),
            bare.rows
        );
        let path = Some(parent.to_path_buf());
        self.add(kind, name.into_owned(), path, 0, reason, || Ok(Action::None));
    }

    fn check_sandbox_row(&mut self, row: SandboxRow, bare: &mut Bare) -> Result<(), MsbError> {
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
        if let Err(error) = SandboxSpec::parse(&row.name, &row.config) {
            self.add_row(FindingKind::Database, &row.name, error.text(), || {
                Ok(Action::None)
            });
        }
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
        if bare.counts(
            &directory,
            row.created_at.as_ref().and_then(Timestamp::to_system_time),
        ) {
            return Ok(());
        }
        if !self.acts && row.status != SandboxStatus::Created {
            self.forsaken.insert(directory.clone());
        }
        let reason = not_there(&directory, "directory");
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
        let parent = &self.backend.config().volumes;
        let mut bare = Bare::look_at(parent);
        let mut after = None;
        loop {
            let page = self
                .store
                .list_volumes(&Default::default(), after.as_deref(), PAGE)?;
            for row in page.rows {
                self.check_volume_row(&row, &mut bare);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.add_bare(FindingKind::VolumeRow, parent, &bare);
        Ok(())
    }

    fn check_volume_row(&mut self, row: &VolumeRow, bare: &mut Bare) {
        let (backend, store) = (self.backend, self.store);
        let directory = volume::directory(backend, &row.name);
        let path = volume::data(backend, row);
        if is_directory(&directory) && holds(&path, row.kind) {
            return;
        }
        // One that was removed meanwhile is as it should be.
        if !matches!(store.volume_by_id(row.id), Ok(Some(_))) {
            return;
        }
        if bare.counts(&directory, row.created_at) {
            return;
        }
        if directory.is_symlink() {
            let reason = format!(
                "{} is a symbolic link, which is not followed: put the directory itself there, or a mount",
                directory.display()
            );
            self.add_row(FindingKind::VolumeRow, &row.name, reason, || Ok(Action::None));
            return;
        }
        if !self.acts {
            self.forsaken.insert(directory.clone());
        }
        let reason = match is_directory(&directory) {
            true => not_there(&path, "disk image"),
            false => not_there(&directory, "directory"),
        };
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
                    Some(id) => match store.sandbox_by_id(id) {
                        Err(error) if error.is_of_one_row() => continue,
                        row => match row? {
                            Some(row) if settle(backend, store, row.clone())?.status.is_active() => continue,
                            Some(row) if OperationLock::try_take(backend.home(), row.id)?.is_none() => {
                                continue;
                            }
                            _ => format!("the sandbox {} does not run", attachment.sandbox),
                        },
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

/// A directory of directories that may be missing with everything in it, as those of a disk that is not mounted are.
struct Bare {
    /// When something in it was last made or removed, as long as it is a directory; nothing if it is known to have some.
    changed: Option<SystemTime>,
    /// Rows that would have something in it.
    rows: u32,
}

/// How far the clock of a file system may lag behind the system's.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

impl Bare {
    fn look_at(parent: &Path) -> Self {
        let has_some = fs::read_dir(parent).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        });
        let changed = match has_some {
            true => None,
            false => Some(
                fs::metadata(parent)
                    .and_then(|metadata| metadata.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH),
            ),
        };
        Self { changed, rows: 0 }
    }

    /// Whether what a row of that age has is missing because everything is: the empty directory is older than the row, so
    /// the row's was neither made in it nor removed from it.
    fn counts(&mut self, directory: &Path, created: Option<SystemTime>) -> bool {
        let is_older = match (self.changed, created) {
            (Some(changed), Some(created)) => changed + CLOCK_SLACK < created,
            (changed, _) => changed == Some(SystemTime::UNIX_EPOCH),
        };
        let counts = is_older && directory.symlink_metadata().is_err();
        self.rows += u32::from(counts);
        counts
    }
}

fn not_there(path: &Path, what: &str) -> String {
    match path.symlink_metadata() {
        Ok(_) => format!("{} is there, but is no {what}", path.display()),
        Err(_) => format!("{} is not there", path.display()),
    }
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

fn holds(path: &Path, kind: VolumeKind) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| match kind {
        VolumeKind::Dir => metadata.is_dir(),
        VolumeKind::Disk => metadata.is_file(),
    })
}
