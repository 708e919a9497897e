//! Who has which volume: records in the store, true for as long as the sandbox they name lives.
//!
//! A start records all its volumes at once, while it holds the sandbox's operation lock. The record counts while that lock
//! is held or a runner holds the sandbox's liveness lock, so it ends with the sandbox however that ends; whoever meets one
//! that no longer counts deletes it. Beside the records, the runner holds a `flock` on the image of every disk for as long as
//! its machine lives (exclusive to write, shared to read), so that not even a damaged store gives a disk two writers.

use super::lock::VolumeLock;
use super::resize::not_grown;
use super::{data, directory, lost, not_found};
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use crate::sandbox::settle::settle;
use crate::supervise::oplock::OperationLock;
use msb_disk::recover_ext4;
use msb_store::{Attached, Attachment, NewAttachment, Store, VolumeKind, VolumeRow};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A volume that a sandbox wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Whether the sandbox only reads it.
    pub read_only: bool,
}

/// A volume that a sandbox got.
#[derive(Debug, Clone)]
pub struct Acquired {
    /// Its row.
    pub row: VolumeRow,
    /// Its directory, or its disk's image.
    pub path: PathBuf,
}

/// How often records of dead sandboxes that come up in between are dealt with.
const TRIES: u32 = 8;

/// Gives a sandbox exactly these volumes, in this order, all or none. The caller holds the sandbox's operation lock, and keeps it
/// until a runner lives or the start has failed; nothing has to be given back.
pub fn acquire(
    backend: &Backend,
    store: &Store,
    lock: &OperationLock,
    wanted: &[Wanted],
) -> Result<Vec<Acquired>, MsbError> {
    let new: Vec<_> = wanted
        .iter()
        .map(|wanted| NewAttachment {
            volume: &wanted.name,
            read_only: wanted.read_only,
        })
        .collect();
    let _locks = lock_disks(backend, store, wanted)?;
    let mut busy = None;
    for _ in 0..TRIES {
        match store.attach_volumes(lock.sandbox_id(), &new, std::process::id())? {
            Attached::All(rows) => {
                return rows.into_iter().map(|row| check(backend, row)).collect();
            }
            Attached::Missing(name) => return Err(not_found(&name)),
            Attached::Twice(name) => return Err(twice(&name)),
            Attached::InUse(name, by) => {
                let by = live(backend, store, by)?;
                if !by.is_empty() {
                    return Err(in_use(&name, &by));
                }
                busy = Some(name);
            }
        }
    }
    Err(in_use(&busy.unwrap_or_default(), &[]))
}

/// Keeps the disks from being resized while they are looked at and recorded. In the order of their ids, so that two
/// starts do not wait for each other.
fn lock_disks(backend: &Backend, store: &Store, wanted: &[Wanted]) -> Result<Vec<VolumeLock>, MsbError> {
    let mut disks = BTreeMap::new();
    for Wanted { name, .. } in wanted {
        let row = store.volume_by_name(name)?.ok_or_else(|| not_found(name))?;
        if row.kind == VolumeKind::Disk {
            disks.insert(row.id, row.name);
        }
    }
    disks
        .into_iter()
        .map(|(id, name)| VolumeLock::take(backend.home(), id, &name))
        .collect()
}

/// The attachments that count; records of sandboxes that are gone or have ended are deleted on the way.
pub(crate) fn live(
    backend: &Backend,
    store: &Store,
    attachments: Vec<Attachment>,
) -> Result<Vec<Attachment>, MsbError> {
    let mut found = Vec::new();
    for attachment in attachments {
        if counts(backend, store, &attachment)? {
            found.push(attachment);
        }
    }
    Ok(found)
}

fn counts(backend: &Backend, store: &Store, attachment: &Attachment) -> Result<bool, MsbError> {
    let row = match attachment.sandbox_id {
        Some(id) => store.sandbox_by_id(id)?,
        None => None,
    };
    let Some(row) = row else {
        store.delete_attachment(attachment.id)?;
        return Ok(false);
    };
    let row = settle(backend, store, row)?;
    if row.status.is_active() {
        return Ok(true);
    }
    // It is not running, but may be about to: a start that has its volumes holds this lock.
    let Some(_lock) = OperationLock::try_take(backend.home(), row.id)? else {
        return Ok(true);
    };
    let now = store.sandbox_by_id(row.id)?;
    if now.is_some_and(|row| row.status.is_active()) {
        return Ok(true);
    }
    store.delete_attachment(attachment.id)?;
    Ok(false)
}

/// What belongs to the row must be there before a machine is started on it.
fn check(backend: &Backend, row: VolumeRow) -> Result<Acquired, MsbError> {
    let path = data(backend, &row);
    let directory = directory(backend, &row.name);
    if directory.is_symlink() {
        let wrong = std::io::Error::other("it is a symbolic link, which is not followed");
        return Err(lost(&row.name, &directory, &wrong));
    }
    if row.kind == VolumeKind::Disk {
        recover_ext4(&path).map_err(|error| not_grown(&error, &row.name))?;
    }
    let wrong = match path.symlink_metadata() {
        Err(error) => error,
        Ok(metadata) if row.kind == VolumeKind::Dir && metadata.is_dir() => {
            return Ok(Acquired { row, path });
        }
        Ok(metadata) if row.kind == VolumeKind::Disk && metadata.is_file() => {
            return Ok(Acquired { row, path });
        }
        Ok(_) => std::io::Error::other(format!(
            "it is not what a {} volume is made of",
            row.kind.as_str()
        )),
    };
    Err(lost(&row.name, &path, &wrong))
}

/// The error for a volume that others have.
pub(crate) fn in_use(name: &str, by: &[Attachment]) -> MsbError {
    let mut names: Vec<_> = by.iter().map(|by| by.sandbox.as_str()).collect();
    names.dedup();
    let sandboxes = names.join(", ");
    MsbError::new(
        Status::Busy,
        "volume.in_use",
        format!("volume {name:?} is attached to the sandbox {sandboxes}"),
    )
    .remedy("stop the sandbox first")
    .detail("volume", name)
    .detail("sandbox", sandboxes)
}

pub(crate) fn twice(name: &str) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "volume.attached_twice",
        format!("the disk volume {name:?} is mounted twice in one sandbox"),
    )
    .remedy("mount it once; a guest can bind-mount it elsewhere")
    .detail("volume", name)
}
