//! Lists sandboxes, a page at a time.

use super::filter::{self, SandboxFilter as Filter};
use super::info::SandboxInfo;
use super::labels;
use super::spec::UNREADABLE;
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use msb_store::{SandboxFilter, SandboxStatus};
use std::sync::atomic::Ordering;

/// Sandboxes of one page.
#[derive(Debug, Clone)]
pub struct SandboxPage {
    /// In the order of their names.
    pub sandboxes: Vec<SandboxInfo>,
    /// Where the next page begins; nothing after the last.
    pub next: Option<String>,
}

/// The page of sandboxes that match, after the filter's cursor.
pub fn list(backend: &Backend, options: &Filter) -> Result<SandboxPage, MsbError> {
    options.validate()?;
    let statuses: Vec<_> = options
        .statuses
        .iter()
        .map(|status| stored_status(*status))
        .collect();
    let store = backend.store()?;
    if !options.labels.is_empty() && !backend.labels_adopted.load(Ordering::Acquire) {
        labels::adopt_all(&store)?;
        backend.labels_adopted.store(true, Ordering::Release);
    }
    let filter = SandboxFilter {
        statuses: statuses.clone(),
        labels: options
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        name_prefix: options.name_prefix.clone(),
    };
    let page = store.list_sandboxes(&filter, options.cursor.as_deref(), options.limit)?;
    let mut sandboxes = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        let info = match SandboxInfo::of_row(backend, &store, row) {
            // Removed since the page was read.
            Err(error) if error.status() == Status::NotFound => continue,
            // Told of by `fsck`; the others can be used all the same.
            Err(error) if error.reason() == UNREADABLE => continue,
            info => info?,
        };
        // Correcting a row may have moved it out of what was asked for.
        if statuses.is_empty() || statuses.contains(&info.status) {
            sandboxes.push(info);
        }
    }
    Ok(SandboxPage {
        sandboxes,
        next: page.next,
    })
}

fn stored_status(status: filter::SandboxStatus) -> SandboxStatus {
    use filter::SandboxStatus as S;
    match status {
        S::Created => SandboxStatus::Created,
        S::Starting => SandboxStatus::Starting,
        S::Running => SandboxStatus::Running,
        S::Draining => SandboxStatus::Draining,
        S::Paused => SandboxStatus::Paused,
        S::Stopped => SandboxStatus::Stopped,
        S::Crashed => SandboxStatus::Crashed,
    }
}
