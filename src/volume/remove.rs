//! Removes a volume that no running sandbox has attached and that none was promised, with everything in it.

use super::attach::{in_use, live};
use super::{LEDGERS, Volume, ledger_name, not_found};
use crate::error::{MsbError, Status};
use msb_store::{StoreError, VolumeRemoval};
use msb_tree::Tree;
use std::fs;
use std::io;
use std::path::Path;

/// What the names of volumes end with that were removed and are not gone yet. They begin with a dot, as no volume's does.
pub const REMOVED: &str = ".removed";

/// Characters of a name that are kept in it.
const SHOWN: usize = 48;

/// How often records of dead sandboxes that come up in between are dealt with.
const TRIES: u32 = 8;

impl Volume {
    /// Removes it. It loses its name and its row together; what it held is then deleted.
    pub fn remove(&self) -> Result<(), MsbError> {
        let store = self.backend.store()?;
        let place = self.directory();
        // Names of 0.5.8 may be as long as one can be; the id alone tells them apart.
        let shown: String = self.name.chars().take(SHOWN).collect();
        let aside = place.with_file_name(format!(".{shown}.{}{REMOVED}", self.id));
        let displace = || match fs::rename(&place, &aside) {
            // One without a directory has nothing to lose; a repeated call has moved it already.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        for _ in 0..TRIES {
            match store.delete_volume(self.id, &displace) {
                Ok(VolumeRemoval::Removed) => {
                    // No new call may find what is about to go.
                    *self.files.lock() = None;
                    self.delete(&aside)?;
                    return Ok(());
                }
                Ok(VolumeRemoval::Missing) => return Err(not_found(&self.name)),
                Ok(VolumeRemoval::Attached(by)) => {
                    let by = live(&self.backend, &store, by)?;
                    if !by.is_empty() {
                        return Err(in_use(&self.name, &by));
                    }
                }
                Ok(VolumeRemoval::Promised(sandboxes)) => return Err(self.promised(&sandboxes)),
                Err(error) => {
                    // The row stays, so must its directory; if it was moved nothing has taken its name since.
                    let _ = fs::rename(&aside, &place);
                    return Err(self.not_removed(error, &place));
                }
            }
        }
        Err(MsbError::new(
            Status::Busy,
            "volume.in_use",
            format!(
                "volume {:?} is being attached and detached all the time",
                self.name
            ),
        )
        .remedy("try again")
        .detail("volume", self.name.as_str()))
    }

    fn promised(&self, sandboxes: &[String]) -> MsbError {
        let sandboxes = sandboxes.join(", ");
        MsbError::new(
            Status::Busy,
            "volume.promised",
            format!(
                "volume {:?} is mounted by the sandbox {sandboxes}, which has not run yet",
                self.name
            ),
        )
        .remedy("remove the sandbox first")
        .detail("volume", self.name.as_str())
        .detail("sandbox", sandboxes)
    }

    fn delete(&self, aside: &Path) -> Result<(), MsbError> {
        for path in [
            aside,
            &self.backend.home().join(LEDGERS).join(ledger_name(self.id)),
        ] {
            delete_all(path).map_err(|error| {
                MsbError::io(
                    "volume.delete",
                    "the volume is removed, but cannot delete",
                    path,
                    &error,
                )
                .remedy("msb_fsck deletes it later, if its files can be deleted")
                .detail("volume", self.name.as_str())
            })?;
        }
        Ok(())
    }

    fn not_removed(&self, error: StoreError, place: &Path) -> MsbError {
        match error {
            StoreError::Place(error) => MsbError::io("volume.remove", "cannot move away", place, &error)
                .remedy("make its directory writable for this user")
                .detail("volume", self.name.as_str()),
            other => other.into(),
        }
    }
}

/// Deletes a file or a tree of any depth; one that is not there is deleted already. Somebody who still has it open may add
/// to it meanwhile, so it is gone over again.
pub fn delete_all(path: &Path) -> io::Result<()> {
    for tries_left in (0..TRIES).rev() {
        let result = match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => delete_tree(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && tries_left > 0 => {}
            other => return other,
        }
    }
    Ok(())
}

fn delete_tree(path: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    Tree::beneath(folder)
        .and_then(|tree| tree.remove_dir(Path::new(name), true))
        .map_err(|error| match error.errno() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::other(error),
        })
}
