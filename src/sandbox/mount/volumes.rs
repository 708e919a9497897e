//! The volumes that a sandbox's mounts name: made when it is created, acquired when it starts.

use super::options::{MountOptions, VolumeMode};
use super::{Mount, Source};
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use crate::ops::Uninterrupted;
use crate::supervise::oplock::OperationLock;
use crate::volume::attach::{Acquired, Wanted, acquire};
use crate::volume::options::{VolumeKind, VolumeOptions};
use crate::volume::{self, Volume};
use msb_protocol::launch::{DiskFormat, HostDisk, MountSource, QuotaSpec};
use msb_store::{Store, VolumeRow};
use std::sync::Arc;

/// Volumes made for a sandbox that is being created; removed again unless [`Made::keep`] is called.
pub struct Made(Vec<Arc<Volume>>);

impl Made {
    /// Leaves them to the sandbox, which exists now.
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _whole = Uninterrupted::begin();
        for volume in &self.0 {
            // What failed before is the one to report; a volume that stays is listed like any other.
            let _ = volume.remove();
        }
    }
}

/// Makes the volumes that valid options ask for, and checks those that must be there.
pub fn provide(backend: &Arc<Backend>, options: &[MountOptions]) -> Result<Made, MsbError> {
    let store = backend.store()?;
    let mut made = Made(Vec::new());
    for (options, name) in options
        .iter()
        .filter_map(|options| Some((options, options.volume.as_deref()?)))
    {
        let volume = one(backend, &store, options, name)
            .map_err(|error| error.detail("mount", options.normal_path()))?;
        made.0.extend(volume);
    }
    Ok(made)
}

/// The volume of one mount, if it had to be made.
fn one(
    backend: &Arc<Backend>,
    store: &Store,
    options: &MountOptions,
    name: &str,
) -> Result<Option<Arc<Volume>>, MsbError> {
    let wanted = VolumeOptions {
        name: Some(name.to_owned()),
        kind: options.volume_kind.unwrap_or(VolumeKind::Dir),
        quota_mib: options.volume_quota_mib,
        capacity_mib: options.volume_capacity_mib,
        ..VolumeOptions::default()
    };
    match options.volume_mode {
        VolumeMode::Existing => Volume::open(backend, name).map(|_| None),
        VolumeMode::Create => Volume::create(backend, &wanted).map(Some),
        VolumeMode::Ensure => {
            if let Some(row) = store.volume_by_name(name)? {
                return check_alike(options, &row).map(|()| None);
            }
            match Volume::create(backend, &wanted) {
                // Somebody else was faster.
                Err(error) if error.status() == Status::AlreadyExists => match store.volume_by_name(name)? {
                    Some(row) => check_alike(options, &row).map(|()| None),
                    None => Err(error),
                },
                other => other.map(Some),
            }
        }
    }
}

/// Whether a volume that is there is what the options would have made.
fn check_alike(options: &MountOptions, row: &VolumeRow) -> Result<(), MsbError> {
    let kind = match row.kind {
        msb_store::VolumeKind::Dir => VolumeKind::Dir,
        msb_store::VolumeKind::Disk => VolumeKind::Disk,
    };
    let quota_mib = row.quota_mib.map(u64::from);
    let capacity_mib = row.capacity_bytes.map(|bytes| bytes >> 20);
    let differs = |wanted: Option<u64>, found: Option<u64>| wanted.is_some() && wanted != found;
    let number = |mib: Option<u64>| mib.map_or_else(|| "none".to_owned(), |mib| format!("{mib} MiB"));
    let problem = if options.volume_kind.is_some_and(|wanted| wanted != kind) {
        format!("is of the kind {:?}", kind.name())
    } else if differs(options.volume_quota_mib, quota_mib) {
        format!("has the quota {}", number(quota_mib))
    } else if differs(options.volume_capacity_mib, capacity_mib) {
        format!("has the capacity {}", number(capacity_mib))
    } else {
        return Ok(());
    };
    Err(MsbError::new(
        Status::Conflict,
        "volume.unlike",
        format!(
            "volume {:?} is there and {problem}, which is not what the mount asks for",
            row.name
        ),
    )
    .remedy("ask for what it is, leave that out, or choose another name")
    .detail("volume", row.name.as_str()))
}

/// Acquires the volumes of a sandbox that is about to start: what each of its mounts shows that is a volume, in their
/// order.
pub fn acquire_all(
    backend: &Backend,
    store: &Store,
    lock: &OperationLock,
    mounts: &[Mount],
) -> Result<Vec<MountSource>, MsbError> {
    let wanted: Vec<_> = mounts
        .iter()
        .filter_map(|mount| match &mount.source {
            Source::Volume { name } => Some(Wanted {
                name: name.clone(),
                read_only: mount.flags.read_only,
            }),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    acquire(backend, store, lock, &wanted)?
        .into_iter()
        .map(|acquired| shown(backend, acquired))
        .collect()
}

/// What [`acquire_all`] would give now. A disk that two mounts show is refused.
pub fn look(backend: &Backend, store: &Store, mounts: &[Mount]) -> Result<Vec<MountSource>, MsbError> {
    let mut found: Vec<MountSource> = Vec::new();
    for mount in mounts {
        let Source::Volume { name } = &mount.source else {
            continue;
        };
        let row = store
            .volume_by_name(name)?
            .ok_or_else(|| volume::not_found(name))?;
        let path = volume::data(backend, &row);
        let source = shown(backend, Acquired { row, path })?;
        if matches!(source, MountSource::Disk(_)) && found.contains(&source) {
            return Err(volume::attach::twice(name).detail("mount", mount.guest_path.as_str()));
        }
        found.push(source);
    }
    Ok(found)
}

/// What a guest gets of a volume.
fn shown(backend: &Backend, acquired: Acquired) -> Result<MountSource, MsbError> {
    let Acquired { row, path } = acquired;
    Ok(match row.kind {
        msb_store::VolumeKind::Disk => MountSource::Disk(HostDisk {
            path,
            format: DiskFormat::Raw,
            fstype: Some("ext4".to_owned()),
        }),
        msb_store::VolumeKind::Dir => MountSource::Directory {
            quota: match volume::quota(&row) {
                Some(limit) => Some(QuotaSpec {
                    ledger: volume::ledger(backend.home(), row.id)?,
                    bytes: limit.bytes,
                    inodes: limit.inodes,
                }),
                None => None,
            },
            path,
        },
    })
}
