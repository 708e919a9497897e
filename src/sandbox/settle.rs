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
use std::time::Duration;

/// How long somebody else who looks at the same sandbox, or removes it, may hold it.
const LOOK: Duration = Duration::from_millis(500);

/// Returns the row as it truly is, corrected if need be. While another operation holds the sandbox, the row is
/// taken at its word: that operation will set it right.
pub fn settle(backend: &Backend, store: &Store, row: SandboxRow) -> Result<SandboxRow, MsbError> {
    settle_within(backend, store, row, Duration::ZERO)
}

/// As [`settle`], for a caller that was asked for the truth: another who looks at it too is waited for.
pub fn settle_surely(backend: &Backend, store: &Store, row: SandboxRow) -> Result<SandboxRow, MsbError> {
    // A start holds the sandbox for as long as it takes, and until its runner is there the row says `Starting`.
    let patience = match row.status {
        SandboxStatus::Starting => Duration::ZERO,
        _ => LOOK,
    };
    settle_within(backend, store, row, patience)
}

/// As [`settle_surely`], and what is left of an ephemeral sandbox whose runner could not remove it is removed. `None` when
/// it is gone. One that somebody else holds stays as it is for the next look.
pub fn settle_and_tidy(
    backend: &Backend,
    store: &Store,
    row: SandboxRow,
) -> Result<Option<SandboxRow>, MsbError> {
    let row = settle_surely(backend, store, row)?;
    if !row.ephemeral || !row.status.is_terminal() {
        return Ok(Some(row));
    }
    match remove_ended_within(backend, store, &row, LOOK) {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(row)),
        Err(error) if is_unwritable(&error) => Ok(Some(row)),
        Err(error) => Err(error),
    }
}

fn settle_within(
    backend: &Backend,
    store: &Store,
    row: SandboxRow,
    patience: Duration,
) -> Result<SandboxRow, MsbError> {
    if !row.status.is_active() || alive(backend, &row)? {
        return Ok(row);
    }
    let Some(_lock) = OperationLock::try_take_within(backend.home(), row.id, patience)? else {
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
    remove_ended_within(backend, store, row, Duration::ZERO)
}

fn remove_ended_within(
    backend: &Backend,
    store: &Store,
    row: &SandboxRow,
    patience: Duration,
) -> Result<bool, MsbError> {
    if alive(backend, row)? {
        return Ok(false);
    }
    let Some(_lock) = OperationLock::try_take_within(backend.home(), row.id, patience)? else {
        return Ok(false);
    };
    remove_locked(backend, store, row)
}

/// Removes a sandbox that does not run, its directory first: a removal that was cut short can be repeated. For a caller
/// that holds its operation lock. True when it is gone; false when it runs: a runner that was launched by a host that is
/// gone may come late.
pub fn remove_locked(backend: &Backend, store: &Store, row: &SandboxRow) -> Result<bool, MsbError> {
    let directory = backend.sandbox_directory(&row.name);
    let failed = |error: &io::Error| MsbError::io("sandbox.remove", "cannot remove", &directory, error);
    let claim = match liveness::claim(&directory) {
        Ok(Some(claim)) => Some(claim),
        Ok(None) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(&error)),
    };
    // Only now: the runner of an ephemeral sandbox removes it too, and then the directory of this name may be another
    // sandbox's. As long as the row is there it is not.
    match store.sandbox_by_id(row.id)? {
        None => return Ok(true),
        Some(fresh) if fresh.status.is_active() => return Ok(false),
        Some(_) => {}
    }
    if claim.is_some() {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
    }
    store.delete_sandbox(row.id)?;
    Ok(true)
}

fn alive(backend: &Backend, row: &SandboxRow) -> Result<bool, MsbError> {
    let directory = backend.sandbox_directory(&row.name);
    liveness::is_alive(&directory)
        .map_err(|error| MsbError::io("sandbox.lock", "cannot look at", &directory, &error))
}
