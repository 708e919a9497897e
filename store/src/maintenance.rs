//! The table `maintenance_lease`: at most one process sweeps a home at a time, and not too often.
//!
//! Invariant: a lease ends by itself after [`MAINTENANCE_LEASE`], so a holder that died delays the next
//! sweep and never prevents it. Times further in the future than any lease reaches come from a clock
//! that was set back since, and do not count.

use std::time::{Duration, SystemTime};

use rusqlite::params;

use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::time::Timestamp;

/// How long a lease lasts.
pub const MAINTENANCE_LEASE: Duration = Duration::from_secs(10);
/// How long after a completed sweep the next one may begin.
pub const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(30);

/// The lease that every release shares.
const LEASE_NAME: &str = "sandbox_lifecycle_maintenance";

/// A lease is free if it has run out and the last completed sweep is long enough ago.
/// `?2` is now, `?3` now plus a lease, `?4` now less the interval.
const IS_FREE: &str = "(lease_expires_at <= ?2 OR lease_expires_at > ?3)
    AND (last_completed_at IS NULL OR last_completed_at <= ?4 OR last_completed_at > ?2)";

impl Store {
    /// Takes the lease if it is free and a sweep is due. The holder has [`MAINTENANCE_LEASE`] and then calls
    /// [`Store::complete_maintenance`], or nothing at all if it failed.
    pub fn try_acquire_maintenance(&self, now: SystemTime, holder_pid: u32) -> Result<bool, StoreError> {
        let expires = Timestamp::from(now + MAINTENANCE_LEASE);
        let not_since = Timestamp::from(
            now.checked_sub(MAINTENANCE_INTERVAL)
                .unwrap_or(SystemTime::UNIX_EPOCH),
        );
        let now = Timestamp::from(now);
        // Most calls find the lease taken: a read settles those without queueing for the write lock.
        let taken = self.read(|conn| {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM maintenance_lease WHERE name = ?1 AND NOT ({IS_FREE}))"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            Ok::<bool, Failure>(
                statement.query_row(params![LEASE_NAME, now, expires, not_since], |row| row.get(0))?,
            )
        })?;
        if taken {
            return Ok(false);
        }
        self.write(|tx| {
            tx.prepare_cached("INSERT OR IGNORE INTO maintenance_lease (name, lease_expires_at) VALUES (?1, ?2)")?
                .execute(params![LEASE_NAME, now])?;
            let sql = format!(
                "UPDATE maintenance_lease SET holder_pid = ?5, lease_expires_at = ?3 WHERE name = ?1 AND {IS_FREE}"
            );
            let won = tx.prepare_cached(&sql)?.execute(params![LEASE_NAME, now, expires, not_since, holder_pid])?;
            Ok(won == 1)
        })
    }

    /// Records a completed sweep and gives the lease up; tells whether it was still this holder's.
    pub fn complete_maintenance(&self, now: SystemTime, holder_pid: u32) -> Result<bool, StoreError> {
        let now = Timestamp::from(now);
        self.write(|tx| {
            let completed = tx
                .prepare_cached(
                    "UPDATE maintenance_lease SET holder_pid = NULL, lease_expires_at = ?2, last_completed_at = ?2
                     WHERE name = ?1 AND holder_pid = ?3",
                )?
                .execute(params![LEASE_NAME, now, holder_pid])?;
            Ok(completed == 1)
        })
    }
}
