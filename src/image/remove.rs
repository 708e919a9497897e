//! Takes a reference away, and from the disk what nothing needs any more.

use super::discard::discard;
use super::places;
use super::{normalise, not_found};
use crate::backend::{Backend, shared_dir};
use crate::error::{MsbError, Status};
use msb_store::{ImageRemoval, Orphans};

/// Removes the image of this reference, unless a sandbox needs it.
pub fn remove(backend: &Backend, reference: &str) -> Result<(), MsbError> {
    let reference = normalise(reference)?;
    match backend.store()?.remove_image(&reference)? {
        ImageRemoval::Missing => Err(not_found(&reference)),
        ImageRemoval::Needed(sandboxes) => Err(needed(&reference, &sandboxes)),
        ImageRemoval::Removed(orphans) => delete(backend, &orphans),
    }
}

/// Deletes the files of rows that are gone, unless they may be another home's too. What stays because somebody has it open,
/// or because of a failure, is found by a check of the home.
fn delete(backend: &Backend, orphans: &Orphans) -> Result<(), MsbError> {
    if !shared_dir::is_own(backend.home(), &backend.config().cache) {
        return Ok(());
    }
    let store = backend.store()?;
    let joins = orphans
        .manifests
        .iter()
        .map(|manifest| places::join(backend, manifest));
    let layers = orphans
        .layers
        .iter()
        .map(|layer| places::layer(backend, &layer.diff_id));
    // One that cannot be deleted does not keep the others.
    let mut ended = Ok(());
    for place in joins.chain(layers) {
        let deleted = place.and_then(|place| discard(&store, &place).map(|_| ()));
        ended = ended.and(deleted);
    }
    ended
}

fn needed(reference: &str, sandboxes: &[String]) -> MsbError {
    let sandboxes = sandboxes.join(", ");
    MsbError::new(
        Status::Busy,
        "image.in_use",
        format!("the image {reference} is the root of {sandboxes}"),
    )
    .remedy("remove these sandboxes first")
    .detail("image", reference)
    .detail("sandbox", sandboxes)
}
