//! Lists volumes, a page at a time, from their rows alone.

use super::filter::VolumeFilter as Filter;
use super::info::VolumeInfo;
use super::options::VolumeKind as Kind;
use crate::backend::Backend;
use crate::error::MsbError;
use msb_store::{VolumeFilter, VolumeKind};

/// Volumes of one page.
#[derive(Debug, Clone)]
pub struct VolumePage {
    /// In the order of their names.
    pub volumes: Vec<VolumeInfo>,
    /// Where the next page begins; nothing after the last.
    pub next: Option<String>,
}

/// The page of volumes that match, after the filter's cursor.
pub fn list(backend: &Backend, options: &Filter) -> Result<VolumePage, MsbError> {
    options.validate()?;
    let filter = VolumeFilter {
        labels: options
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        name_prefix: options.name_prefix.clone(),
        kind: options.kind.map(|kind| match kind {
            Kind::Dir => VolumeKind::Dir,
            Kind::Disk => VolumeKind::Disk,
        }),
    };
    let page = backend
        .store()?
        .list_volumes(&filter, options.cursor.as_deref(), options.limit)?;
    Ok(VolumePage {
        volumes: page
            .rows
            .into_iter()
            .map(|row| VolumeInfo::of_row(backend, row))
            .collect(),
        next: page.next,
    })
}
