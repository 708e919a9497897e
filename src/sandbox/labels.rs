//! A sandbox's labels.

use super::spec::{SandboxSpec, UNREADABLE};
use super::{Sandbox, not_found};
use crate::error::{MsbError, Status};
use crate::options::check;
use msb_store::{SandboxRow, Store};
use std::collections::BTreeMap;

impl Sandbox {
    /// All labels.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, MsbError> {
        let (store, row) = self.row()?;
        of_row(&store, &row, &SandboxSpec::parse(&row.name, &row.config)?)
    }

    /// Sets a label, replacing its value if it is there.
    pub fn set_label(&self, key: &str, value: &str) -> Result<(), MsbError> {
        let label = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        check::labels(&label).map_err(|problem| {
            MsbError::new(
                Status::InvalidArgument,
                "option.invalid",
                format!("the sandbox's label cannot be set: it {problem}"),
            )
            .detail("labels", problem)
        })?;
        let (store, row) = self.row()?;
        adopt(&store, &row)?;
        Ok(store.set_label(self.id, key, value)?)
    }

    /// Removes a label; one that is not there is removed already.
    pub fn remove_label(&self, key: &str) -> Result<(), MsbError> {
        let (store, row) = self.row()?;
        adopt(&store, &row)?;
        store.remove_label(self.id, key)?;
        Ok(())
    }
}

/// The labels of a row. 0.5.8 writes them to their table only once the machine comes up, so those of a sandbox that it made and
/// that never did are in the specification alone.
pub(super) fn of_row(
    store: &Store,
    row: &SandboxRow,
    spec: &SandboxSpec,
) -> Result<BTreeMap<String, String>, MsbError> {
    let labels = store.labels(row.id)?.ok_or_else(|| not_found(&row.name))?;
    Ok(match labels.is_empty() && is_of_058(spec) {
        true => spec.labels.clone(),
        false => labels,
    })
}

/// Moves the labels of every sandbox of 0.5.8, so that a listing by label finds them.
pub(super) fn adopt_all(store: &Store) -> Result<(), MsbError> {
    store
        .labelled_in_config_only()?
        .iter()
        .try_for_each(|row| match adopt(store, row) {
            Err(error) if error.reason() == UNREADABLE => Ok(()),
            adopted => adopted,
        })
}

/// Moves the labels of a sandbox of 0.5.8 to where they count, before they or its specification are changed.
pub(super) fn adopt(store: &Store, row: &SandboxRow) -> Result<(), MsbError> {
    let mut spec = SandboxSpec::parse(&row.name, &row.config)?;
    if is_of_058(&spec) && !spec.labels.is_empty() {
        if store.labels(row.id)?.is_some_and(|labels| labels.is_empty()) {
            store.set_labels(row.id, &spec.labels)?;
        }
        spec.labels.clear();
        store.update_config(row.id, &spec.to_json()?)?;
    }
    Ok(())
}

fn is_of_058(spec: &SandboxSpec) -> bool {
    spec.libmsb.chosen.is_none()
}
