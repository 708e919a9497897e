//! Brings a row in line with the truth: a status that claims a live runner while nobody holds its lock is
//! corrected by whoever sees it.

use super::end;
use crate::backend::Backend;
use crate::error::MsbError;
use crate::supervise::liveness;
use crate::supervise::oplock::OperationLock;
use msb_store::{SandboxRow, SandboxStatus, Store};
use std::fs;
use std::io;
use std::path::Path;

/// Returns the row as it truly is, corrected if need be. While another operation holds the sandbox, the row is
/// taken at its word: that operation will set it right.
pub fn settle(backend: &Backend, store: &Store, row: SandboxRow) -> Result<SandboxRow, MsbError> {
    if !row.status.is_active() || alive(backend, &row)? {
        return Ok(row);
    }
    let Some(_lock) = OperationLock::try_take(backend.home(), row.id)? else {
        return Ok(row);
    };
    settle_locked(backend, store, row)
}

/// As [`settle`], for a caller that holds the sandbox's operation lock.
pub fn settle_locked(backend: &Backend, store: &Store, row: SandboxRow) -> Result<SandboxRow, MsbError> {
    // The runner writes its end before it lets go of its lock, so the row must be read after the lock was seen
    // free.
    if !row.status.is_active() || alive(backend, &row)? {
        return Ok(row);
    }
    let Some(fresh) = store.sandbox_by_id(row.id)? else {
        return Ok(row);
    };
    if !fresh.status.is_active() {
        return Ok(fresh);
    }
    store.repair_dead(&fresh, &end::runner_died(), SandboxStatus::Crashed)?;
    Ok(store.sandbox_by_id(row.id)?.unwrap_or(fresh))
}

/// Removes a sandbox that has ended, if nobody uses it. True when it is gone.
pub fn remove_ended(backend: &Backend, store: &Store, row: &SandboxRow) -> Result<bool, MsbError> {
    let Some(_lock) = OperationLock::try_take(backend.home(), row.id)? else {
        return Ok(false);
    };
    // Only now nobody else can remove it and create another of its name.
    let ended = store
        .sandbox_by_id(row.id)?
        .is_some_and(|row| row.status.is_terminal());
    if !ended || alive(backend, row)? {
        return Ok(false);
    }
    Ok(remove_directory(&backend.sandbox_directory(&row.name))? && store.delete_sandbox(row.id)?)
}

/// Removes a sandbox's directory; one that is not there is removed already. False when a runner has claimed it:
/// one that was launched by a host that is gone may come late.
pub fn remove_directory(directory: &Path) -> Result<bool, MsbError> {
    let failed = |error: &io::Error| MsbError::io("sandbox.remove", "cannot remove", directory, error);
    let _claim = match liveness::claim(directory) {
        Ok(Some(claim)) => claim,
        Ok(None) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(failed(&error)),
    };
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error)),
        _ => Ok(true),
    }
}

fn alive(backend: &Backend, row: &SandboxRow) -> Result<bool, MsbError> {
    let directory = backend.sandbox_directory(&row.name);
    liveness::is_alive(&directory)
        .map_err(|error| MsbError::io("sandbox.lock", "cannot look at", &directory, &error))
}
