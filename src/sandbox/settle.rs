//! Brings a row in line with the truth: a status that claims a live runner while nobody holds its lock is
//! corrected by whoever sees it.

use super::end;
use crate::backend::Backend;
use crate::error::{MsbError, Status};
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
    match look(backend, store, row)? {
        Seen::Right(row) => Ok(row),
        Seen::Dead(row) => match repair(store, &row) {
            // What is known needs no space; whoever looks when there is some writes it.
            Err(error) if is_unwritable(&error) => Ok(SandboxRow {
                status: SandboxStatus::Crashed,
                ..row
            }),
            repaired => repaired,
        },
    }
}

/// As [`settle`], for a caller that holds the sandbox's operation lock.
pub fn settle_locked(backend: &Backend, store: &Store, row: SandboxRow) -> Result<SandboxRow, MsbError> {
    match look(backend, store, row)? {
        Seen::Right(row) => Ok(row),
        Seen::Dead(row) => repair(store, &row),
    }
}

/// As [`settle`], and what is left of an ephemeral sandbox whose runner could not remove it is removed. `None` when
/// it is gone.
pub fn settle_and_tidy(
    backend: &Backend,
    store: &Store,
    row: SandboxRow,
) -> Result<Option<SandboxRow>, MsbError> {
    let row = settle(backend, store, row)?;
    if !row.ephemeral || !row.status.is_terminal() {
        return Ok(Some(row));
    }
    match remove_ended(backend, store, &row) {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(row)),
        Err(error) if is_unwritable(&error) => Ok(Some(row)),
        Err(error) => Err(error),
    }
}

/// A row, compared with the truth.
enum Seen {
    Right(SandboxRow),
    /// It claims a runner, and there is none.
    Dead(SandboxRow),
}

fn look(backend: &Backend, store: &Store, row: SandboxRow) -> Result<Seen, MsbError> {
    // The runner writes its end before it lets go of its lock, so the row must be read after the lock was seen
    // free.
    if !row.status.is_active() || alive(backend, &row)? {
        return Ok(Seen::Right(row));
    }
    Ok(match store.sandbox_by_id(row.id)? {
        None => Seen::Right(row),
        Some(fresh) if fresh.status.is_active() => Seen::Dead(fresh),
        Some(fresh) => Seen::Right(fresh),
    })
}

fn repair(store: &Store, row: &SandboxRow) -> Result<SandboxRow, MsbError> {
    store.repair_dead(row, &end::runner_died(), SandboxStatus::Crashed)?;
    Ok(store.sandbox_by_id(row.id)?.unwrap_or_else(|| row.clone()))
}

/// Whether the store could not take what is known.
fn is_unwritable(error: &MsbError) -> bool {
    matches!(
        error.status(),
        Status::DiskFull | Status::ReadOnly | Status::Io | Status::Busy
    )
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
