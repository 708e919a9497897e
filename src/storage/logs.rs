//! Logs of sandboxes that do not run, and of the home itself.

use super::finding::FindingKind;
use super::{Run, delete, entries};
use crate::error::MsbError;
use crate::supervise::liveness;

impl Run<'_> {
    pub(super) fn find_logs(&mut self) -> Result<(), MsbError> {
        let backend = self.backend;
        self.within(&backend.config().sandboxes, Self::look_at_logs)
    }

    fn look_at_logs(&mut self) -> Result<(), MsbError> {
        for directory in entries(&self.backend.config().sandboxes)? {
            let logs = entries(&directory.join("logs"))?;
            if logs.is_empty() {
                continue;
            }
            // Held while they are deleted, so that no runner begins to write them.
            let Ok(Some(_claim)) = liveness::claim(&directory) else {
                continue;
            };
            for log in logs {
                self.add_path(FindingKind::Logs, &log, "its sandbox does not run", || {
                    delete(&log)
                })?;
            }
        }
        Ok(())
    }
}
