//! A sandbox's labels.

use super::Sandbox;
use crate::error::{MsbError, Status};
use crate::options::check;
use std::collections::BTreeMap;

impl Sandbox {
    /// All labels.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, MsbError> {
        let (store, _) = self.row()?;
        Ok(store.labels(self.id)?)
    }

    /// Sets a label, replacing its value if it is there.
    pub fn set_label(&self, key: &str, value: &str) -> Result<(), MsbError> {
        let label = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        check::labels(&label).map_err(|problem| {
            MsbError::new(
                Status::InvalidArgument,
                "option.invalid",
                format!("the label {problem}"),
            )
            .detail("labels", problem)
        })?;
        let (store, _) = self.row()?;
        Ok(store.set_label(self.id, key, value)?)
    }

    /// Removes a label; one that is not there is removed already.
    pub fn remove_label(&self, key: &str) -> Result<(), MsbError> {
        let (store, _) = self.row()?;
        store.remove_label(self.id, key)?;
        Ok(())
    }
}
