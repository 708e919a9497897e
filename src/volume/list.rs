//! Lists volumes, a page at a time, from their rows alone.

use super::filter::VolumeFilter as Filter;
use super::info::VolumeInfo;
use super::options::VolumeKind as Kind;
use crate::backend::Backend;
use crate::error::MsbError;
use msb_store::{VolumeFilter, VolumeKind};

/// Volumes of one page.
#[derive(Debug, Clone)]
pub struct VolumePage<T = VolumeInfo> {
    /// In the order of their names.
    pub volumes: Vec<T>,
    /// Where the next page begins; nothing after the last.
    pub next: Option<String>,
}

/// The page of volumes that match, after the filter's cursor.
pub fn list(backend: &Backend, options: &Filter) -> Result<VolumePage, MsbError> {
    list_as(backend, options, |info| info)
}

/// The same, but keeps what `keep` makes of each volume.
pub fn list_as<T>(
    backend: &Backend,
    options: &Filter,
    keep: impl Fn(VolumeInfo) -> T,
) -> Result<VolumePage<T>, MsbError> {
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
    let after = options.cursor.as_deref();
    let store = backend.store()?;
    let page = store.list_volumes_as(&filter, after, options.limit, |row| keep(VolumeInfo::of_row(row)))?;
    Ok(VolumePage {
        volumes: page.rows,
        next: page.next,
    })
}
