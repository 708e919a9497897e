//! Gives a disk volume more room while nobody has it attached.

use super::attach::{in_use, live};
use super::lock::VolumeLock;
use super::options::fields;
use super::{Volume, data, lost};
use crate::error::{MsbError, Status};
use msb_disk::{Ext4Error, grow_ext4};
use msb_store::VolumeKind;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

impl Volume {
    /// Makes a disk as large as `capacity_mib`, with everything in it kept. It cannot become smaller.
    pub fn resize(&self, capacity_mib: u64) -> Result<(), MsbError> {
        if self.kind == VolumeKind::Dir {
            return Err(MsbError::new(
                Status::Unsupported,
                "volume.is_directory",
                format!("volume {:?} is a directory, which has no capacity", self.name),
            )
            .detail("volume", self.name.as_str()));
        }
        (fields::capacity_mib.check)(&Some(capacity_mib)).map_err(|problem| {
            MsbError::new(
                Status::InvalidArgument,
                "option.invalid",
                format!("`{}` {problem}", fields::capacity_mib.key),
            )
        })?;
        let _lock = VolumeLock::take(self.backend.home(), self.id, &self.name)?;
        let (store, row) = self.row()?;
        let by = live(&self.backend, &store, store.attachments(self.id)?)?;
        if !by.is_empty() {
            return Err(in_use(&self.name, &by));
        }
        let image = data(&self.backend, &row);
        let _claim = self.claim(&image)?;
        grow_ext4(&image, capacity_mib << 20).map_err(|error| not_grown(&error, &self.name))?;
        store.set_volume_capacity(self.id, capacity_mib << 20)?;
        Ok(())
    }

    /// Takes the lock that a machine holds on its disks: one may have this image by its path instead of as a volume.
    fn claim(&self, image: &Path) -> Result<File, MsbError> {
        let file = File::open(image).map_err(|error| lost(&self.name, image, &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(Errno::WOULDBLOCK) => Err(MsbError::new(
                Status::Busy,
                "volume.in_use",
                format!("the disk of volume {:?} is in use", self.name),
            )
            .remedy("stop the sandbox that has it first")
            .detail("volume", self.name.as_str())),
            Err(errno) => Err(MsbError::io("volume.lock", "cannot lock", image, &errno.into())),
        }
    }
}

/// The error for a disk that could not be grown, or brought in order after a growth that was cut short.
pub(super) fn not_grown(error: &Ext4Error, name: &str) -> MsbError {
    let (status, reason) = match error.cause() {
        Ext4Error::CannotShrink { .. } | Ext4Error::SizeOutOfRange { .. } | Ext4Error::TooManyInodes => {
            (Status::InvalidArgument, "volume.capacity")
        }
        Ext4Error::NotClean => (Status::InvalidState, "volume.not_clean"),
        Ext4Error::NotExt4 | Ext4Error::Damaged { .. } | Ext4Error::NotRegularFile => {
            (Status::Corrupt, "volume.disk_damaged")
        }
        Ext4Error::Foreign => (Status::Unsupported, "volume.disk_foreign"),
        Ext4Error::NoSpace(_) => (Status::DiskFull, "volume.disk_full"),
        Ext4Error::FileTooLarge(_) => (Status::ResourceExhausted, "volume.file_too_large"),
        Ext4Error::Io { source, .. } => (
            source.raw_os_error().map_or(Status::Io, Status::from_errno),
            "volume.resize",
        ),
        Ext4Error::BadLabel { .. }
        | Ext4Error::NotEmpty { .. }
        | Ext4Error::Exists
        | Ext4Error::Image { .. } => (Status::Internal, "volume.resize"),
    };
    MsbError::new(
        status,
        reason,
        format!("the disk of volume {name:?} keeps its size"),
    )
    .source(error)
    .detail("volume", name)
}
