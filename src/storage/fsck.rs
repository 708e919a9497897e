//! Compares what the store says with what is on disk, and mends on demand what can be mended without a decision.
//!
//! | finding | mended by |
//! | --- | --- |
//! | a status that claims a runner | setting it right, as every look at the sandbox does |
//! | a sandbox that never ran, without its directory | making the directory |
//! | any other row without what belongs to it | deleting the row: what it stood for is gone |
//! | rows whose directories are away all together | nothing: their disk may not be mounted |
//! | a directory without a row | moving it to `.lost` beside it: it may be somebody's work |
//! | anything in a directory that other homes may use | nothing |
//! | a value that cannot be understood | nothing: a person knows what was meant |
//! | a runner whose sandbox is gone | killing its machine through its socket |
//! | records, ledgers, locks, sockets, temporary files, caches nobody uses | deleting them |
//! | a damaged database | nothing: restore it from a backup |

use super::Run;
use super::finding::{Action, Finding, FindingKind};
use crate::backend::Backend;
use crate::error::MsbError;
use std::sync::Arc;

/// Looks through the home of a backend; with `repair` also mends what it finds.
pub fn fsck(backend: &Arc<Backend>, repair: bool) -> Result<Vec<Finding>, MsbError> {
    let store = backend.store()?;
    let mut run = Run::new(backend, &store, repair);
    run.check_database()?;
    run.check_values()?;
    run.check_sandbox_rows()?;
    run.check_volume_rows()?;
    run.check_attachments()?;
    run.check_sandbox_directories()?;
    run.check_volume_directories()?;
    run.check_ledgers()?;
    run.check_leftovers()?;
    run.check_caches()?;
    Ok(run.found)
}

impl Run<'_> {
    fn check_database(&mut self) -> Result<(), MsbError> {
        let damage = self.store.integrity_check()?;
        let references = self.store.foreign_key_check()?;
        let path = self.store.path().to_path_buf();
        for problem in damage.into_iter().chain(references) {
            self.add_path(FindingKind::Database, &path, problem, || Ok(Action::None))?;
        }
        Ok(())
    }
}
