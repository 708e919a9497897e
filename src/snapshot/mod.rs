//! Snapshots of disks that a home holds: those of 0.5.8 can be seen. None is taken or started yet.

pub mod filter;

use crate::backend::Backend;
use crate::error::MsbError;
use filter::SnapshotFilter;
use msb_store::SnapshotRow;

/// Snapshots of one page.
#[derive(Debug, Clone)]
pub struct SnapshotPage {
    /// In the order of their digests.
    pub snapshots: Vec<SnapshotRow>,
    /// Where the next page begins; nothing after the last.
    pub next: Option<String>,
}

/// The page of snapshots after the filter's cursor.
pub fn list(backend: &Backend, filter: &SnapshotFilter) -> Result<SnapshotPage, MsbError> {
    filter.validate()?;
    let cursor = filter.cursor.as_deref().unwrap_or_default();
    let mut snapshots = backend
        .store()?
        .list_snapshots(cursor, filter.limit.saturating_add(1))?;
    let wanted = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let more = snapshots.len() > wanted;
    snapshots.truncate(wanted);
    let next = snapshots.last().filter(|_| more).map(|row| row.digest.clone());
    Ok(SnapshotPage { snapshots, next })
}
