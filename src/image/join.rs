//! What makes one file system of an image's layers: metadata that points into them. It is made again when it is lost.

use super::layers::Layer;
use super::limits;
use super::not_found;
use super::places::{self, Unfinished};
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use msb_erofs::{MergeError, merge};
use msb_protocol::machine::MOST_EXTENTS;
use msb_store::LayerRow;
use std::fs::File;
use std::path::PathBuf;

/// Joins the layers of the image with this manifest, the lowest first, unless that was done before. The result is
/// the same whoever does it, so that two who do it at once do no harm.
pub fn join(backend: &Backend, manifest: &str, layers: &[Layer]) -> Result<PathBuf, MsbError> {
    let place = places::join(backend, manifest)?;
    if place.is_file() {
        return Ok(place);
    }
    let files: Vec<&File> = layers.iter().map(|layer| &layer.file).collect();
    let unfinished = Unfinished::new(backend)?;
    let bytes = layers.iter().map(|layer| layer.bytes).sum();
    merge(&files, &unfinished.file, &limits::of_join(bytes)).map_err(|error| refused(&error, manifest))?;
    unfinished.finish(&place)?;
    Ok(place)
}

/// The files that are a stored image, one after the other. `manifest` is the key of its manifest.
pub fn extents(backend: &Backend, manifest: Option<i64>, reference: &str) -> Result<Vec<PathBuf>, MsbError> {
    let store = backend.store()?;
    let digest = match manifest {
        Some(id) => store.manifest_digest(id)?,
        None => None,
    };
    let (Some(id), Some(digest)) = (manifest, digest) else {
        return Err(not_found(reference));
    };
    let rows = store.image_layers(id)?;
    check_count(rows.len(), &digest)?;
    let layers = rows
        .iter()
        .map(|row| open(backend, row))
        .collect::<Result<Vec<_>, _>>()?;
    let mut extents = vec![join(backend, &digest, &layers)?];
    for row in &rows {
        extents.push(places::layer(backend, &row.diff_id)?);
    }
    Ok(extents)
}

/// Refuses an image of more layers than a machine can be given.
pub fn check_count(layers: usize, manifest: &str) -> Result<(), MsbError> {
    if layers < MOST_EXTENTS {
        return Ok(());
    }
    Err(MsbError::new(
        Status::Unsupported,
        "image.layers",
        format!(
            "the image {manifest} has {layers} layers, more than the {} that fit",
            MOST_EXTENTS - 1
        ),
    )
    .remedy("squash the image into fewer layers"))
}

/// A layer of a stored image, which has to be there as it was made.
pub(super) fn open(backend: &Backend, row: &LayerRow) -> Result<Layer, MsbError> {
    let lost = |what: &str| {
        MsbError::new(
            Status::NotFound,
            "image.layer_lost",
            format!("the layer {} of the image {what}", row.diff_id),
        )
        .remedy("load the image again")
    };
    let layer = Layer::open(backend, &row.diff_id)?.ok_or_else(|| lost("is gone from the cache"))?;
    if layer.bytes != row.erofs_size_bytes {
        return Err(lost("has another size than when it was made"));
    }
    Ok(layer)
}

fn refused(error: &MergeError, manifest: &str) -> MsbError {
    MsbError::new(
        Status::Corrupt,
        "image.join",
        format!("the layers of the image {manifest} cannot be joined"),
    )
    .source(error)
    .remedy("free some space; if that does not help, remove the image and load it again")
}
