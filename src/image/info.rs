//! What is known of an image at one moment, and the listing of all of them.

use super::filter::ImageFilter;
use super::{normalise, not_found};
use crate::backend::Backend;
use crate::error::MsbError;
use msb_store::{ImageConfigRow, ImageRow, LayerRow, Timestamp, unix_ms};
use std::collections::HashSet;

/// A snapshot of an image.
#[derive(Debug, Clone)]
pub struct ImageInfo {
    /// Its row.
    pub row: ImageRow,
    /// What its commands run with.
    pub config: ImageConfigRow,
    /// Its layers, the lowest first.
    pub layers: Vec<LayerRow>,
    /// What those that no other image has take on disk, in bytes.
    pub unique_bytes: u64,
}

impl ImageInfo {
    /// The sum of a size over its layers, each counted once however often the image has it.
    pub fn sum(&self, size: impl Fn(&LayerRow) -> u64) -> u64 {
        let mut seen = HashSet::new();
        let once = self.layers.iter().filter(|layer| seen.insert(&layer.diff_id));
        once.map(size).fold(0, u64::saturating_add)
    }

    /// When the reference was first stored, in milliseconds since 1970 UTC; 0 when unknown.
    pub fn created_unix_ms(&self) -> u64 {
        moment(self.row.created_at.as_ref())
    }

    /// When the reference last changed, in milliseconds since 1970 UTC; 0 when unknown.
    pub fn updated_unix_ms(&self) -> u64 {
        moment(self.row.updated_at.as_ref())
    }
}

/// Images of one page.
#[derive(Debug, Clone)]
pub struct ImagePage {
    /// In the order of their references.
    pub images: Vec<ImageInfo>,
    /// Where the next page begins; nothing after the last.
    pub next: Option<String>,
}

/// The image of this reference, in its short or its full form.
pub fn get(backend: &Backend, reference: &str) -> Result<ImageInfo, MsbError> {
    let reference = normalise(reference)?;
    let store = backend.store()?;
    let row = store.image(&reference)?.ok_or_else(|| not_found(&reference))?;
    whole(backend, row)
}

/// The page of images that match, after the filter's cursor.
pub fn list(backend: &Backend, filter: &ImageFilter) -> Result<ImagePage, MsbError> {
    filter.validate()?;
    let prefix = filter.reference_prefix.as_deref().unwrap_or_default();
    let cursor = filter.cursor.as_deref().unwrap_or_default();
    let mut rows = backend
        .store()?
        .list_images(prefix, cursor, filter.limit.saturating_add(1))?;
    let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = rows.last().filter(|_| more).map(|row| row.reference.clone());
    let images = rows
        .into_iter()
        .map(|row| whole(backend, row))
        .collect::<Result<_, _>>()?;
    Ok(ImagePage { images, next })
}

/// A row with what belongs to it.
pub(super) fn whole(backend: &Backend, row: ImageRow) -> Result<ImageInfo, MsbError> {
    let store = backend.store()?;
    Ok(ImageInfo {
        config: store.image_config(row.manifest_id)?,
        layers: store.image_layers(row.manifest_id)?,
        unique_bytes: store.unique_bytes(row.manifest_id)?,
        row,
    })
}

fn moment(time: Option<&Timestamp>) -> u64 {
    time.and_then(Timestamp::to_system_time).map_or(0, unix_ms)
}
