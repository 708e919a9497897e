//! The table `run`: one row for each time a sandbox ran, and the moves that keep it and the sandbox's
//! status in step.
//!
//! Invariant: a run and its sandbox's status change in one transaction; the first terminal record of a run
//! is the one that stays; a sandbox that is `Starting` has no open run.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Failure, StoreError};
use crate::sandbox::{SandboxRow, current_status, set_status};
use crate::status::{SandboxStatus, valid_transition};
use crate::store::Store;
use crate::termination::{RunEnd, TerminationDetail, TerminationReason};
use crate::time::Timestamp;

/// Whether a run has ended, as stored in `run.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// No end is recorded.
    Running,
    /// Its end is recorded.
    Terminated,
}

impl RunStatus {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Terminated => "Terminated",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Terminated]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The run's id; later runs have greater ones.
    pub id: i64,
    /// The sandbox that ran.
    pub sandbox_id: i64,
    /// The runner's process id.
    pub pid: Option<u32>,
    /// Whether it has ended.
    pub status: RunStatus,
    /// The exit code, if it ended with one.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub exit_signal: Option<i32>,
    /// Why it ended.
    pub reason: Option<TerminationReason>,
    /// What else is known about its end.
    pub detail: Option<TerminationDetail>,
    /// The signals that were sent to bring its end about.
    pub signals_sent: Vec<i32>,
    /// When the runner came up.
    pub started_at: Option<Timestamp>,
    /// When the end was recorded.
    pub terminated_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, sandbox_id, pid, status, exit_code, exit_signal, termination_reason, \
                       termination_detail, signals_sent, started_at, terminated_at";

impl RunRow {
    fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let id = row.get(0)?;
        let bad = |column, value| StoreError::BadValue {
            table: "run",
            id,
            column,
            value,
        };
        let status: String = row.get(3)?;
        let signals: Option<String> = row.get(8)?;
        Ok(Self {
            id,
            sandbox_id: row.get(1)?,
            pid: row.get(2)?,
            status: RunStatus::parse(&status).ok_or_else(|| bad("status", status))?,
            exit_code: row.get(4)?,
            exit_signal: row.get(5)?,
            reason: row
                .get::<_, Option<String>>(6)?
                .map(|text| TerminationReason::parse(&text)),
            detail: row
                .get::<_, Option<String>>(7)?
                .map(|text| TerminationDetail::parse(&text)),
            signals_sent: match signals {
                Some(text) => serde_json::from_str(&text).map_err(|_| bad("signals_sent", text))?,
                None => Vec::new(),
            },
            started_at: row.get(9)?,
            terminated_at: row.get(10)?,
        })
    }
}

impl Store {
    /// Records that a runner is up: inserts the run and moves the sandbox from `Starting` to `Running`. Any
    /// other status is a [`StoreError::Conflict`], and the runner must end itself.
    pub fn begin_run(&self, sandbox_id: i64, pid: u32) -> Result<i64, StoreError> {
        self.write(|tx| {
            if !set_status(tx, sandbox_id, &[SandboxStatus::Starting], SandboxStatus::Running)? {
                let found = current_status(tx, sandbox_id)?;
                let needed = SandboxStatus::Starting;
                return Err(StoreError::Conflict {
                    id: sandbox_id,
                    found,
                    needed,
                }
                .into());
            }
            tx.prepare_cached(
                "INSERT INTO run (sandbox_id, pid, status, started_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                sandbox_id,
                pid,
                RunStatus::Running.as_str(),
                Timestamp::now()
            ])?;
            Ok(tx.last_insert_rowid())
        })
    }

    /// Records how a run ended and moves its sandbox to `to`. Tells whether this call was the first to do so;
    /// a later one changes nothing.
    pub fn finish_run(&self, run_id: i64, end: &RunEnd, to: SandboxStatus) -> Result<bool, StoreError> {
        let end = StoredEnd::new(end, to)?;
        self.write(|tx| {
            let sandbox_id: Option<i64> = tx
                .prepare_cached("SELECT sandbox_id FROM run WHERE id = ?1 AND status = 'Running'")?
                .query_row([run_id], |row| row.get(0))
                .optional()?;
            let Some(sandbox_id) = sandbox_id else {
                return Ok(false);
            };
            end.record(tx, run_id)?;
            // `Starting` would belong to a later start, which this run has nothing to do with.
            let mine = [
                SandboxStatus::Running,
                SandboxStatus::Draining,
                SandboxStatus::Paused,
            ];
            set_status(tx, sandbox_id, &mine, to)?;
            Ok(true)
        })
    }

    /// Ends a start that never got as far as [`Store::begin_run`]: moves the sandbox to `to` and records
    /// `end` as a run of its own, so that [`Store::latest_run`] tells why. Tells whether this call did it.
    pub fn end_start(&self, sandbox_id: i64, end: &RunEnd, to: SandboxStatus) -> Result<bool, StoreError> {
        let end = StoredEnd::new(end, to)?;
        self.write(|tx| {
            // `Draining` without an open run is a start that was asked to stop before its runner was up.
            if open_run(tx, sandbox_id)?.is_some() {
                return Ok(false);
            }
            let unborn = [SandboxStatus::Starting, SandboxStatus::Draining];
            let moved = set_status(tx, sandbox_id, &unborn, to)?;
            if moved {
                end.record_unborn(tx, sandbox_id)?;
            }
            Ok(moved)
        })
    }

    /// Corrects a sandbox whose status claims a live process although its liveness lock is free. Does nothing
    /// if the row is no longer as `observed`. Tells whether this call did it.
    pub fn repair_dead(
        &self,
        observed: &SandboxRow,
        end: &RunEnd,
        to: SandboxStatus,
    ) -> Result<bool, StoreError> {
        if !valid_transition(observed.status, to) {
            return Err(StoreError::InvalidTransition {
                from: observed.status,
                to,
            });
        }
        let end = StoredEnd::new(end, to)?;
        self.write(|tx| {
            let unchanged: bool = tx
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM sandbox WHERE id = ?1 AND status = ?2 AND updated_at IS ?3)",
                )?
                .query_row(params![observed.id, observed.status.as_str(), observed.updated_at], |row| row.get(0))?;
            if !unchanged {
                return Ok(false);
            }
            set_status(tx, observed.id, &[observed.status], to)?;
            match open_run(tx, observed.id)? {
                Some(run_id) => end.record(tx, run_id)?,
                None => end.record_unborn(tx, observed.id)?,
            }
            Ok(true)
        })
    }

    /// The newest run of a sandbox.
    pub fn latest_run(&self, sandbox_id: i64) -> Result<Option<RunRow>, StoreError> {
        self.read(|conn| {
            let sql = format!("SELECT {COLUMNS} FROM run WHERE sandbox_id = ?1 ORDER BY id DESC LIMIT 1");
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query([sandbox_id])?;
            rows.next()?.map(RunRow::read).transpose()
        })
    }
}

/// Closes runs without an end: 0.5.8 leaves one behind when it kills a sandbox.
pub(crate) fn close_abandoned(conn: &Connection, sandbox_id: i64) -> Result<(), Failure> {
    conn.prepare_cached(
        "UPDATE run SET status = 'Terminated', termination_reason = ?2, terminated_at = ?3
         WHERE sandbox_id = ?1 AND status = 'Running'",
    )?
    .execute(params![
        sandbox_id,
        TerminationReason::RunnerDied.as_str(),
        Timestamp::now()
    ])?;
    Ok(())
}

/// The newest run of a sandbox, if it has no end yet.
fn open_run(conn: &Connection, sandbox_id: i64) -> Result<Option<i64>, Failure> {
    let newest: Option<(i64, String)> = conn
        .prepare_cached("SELECT id, status FROM run WHERE sandbox_id = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([sandbox_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(newest
        .filter(|(_, status)| status == RunStatus::Running.as_str())
        .map(|(id, _)| id))
}

/// A [`RunEnd`] in the form of the columns.
struct StoredEnd<'a> {
    end: &'a RunEnd,
    detail: Option<String>,
    signals_sent: Option<String>,
}

impl<'a> StoredEnd<'a> {
    fn new(end: &'a RunEnd, to: SandboxStatus) -> Result<Self, StoreError> {
        if !to.is_terminal() {
            return Err(StoreError::InvalidTransition {
                from: SandboxStatus::Running,
                to,
            });
        }
        let detail = end
            .detail
            .as_ref()
            .map(serde_json::to_string)
            .transpose()
            .map_err(StoreError::Encode)?;
        let signals_sent = match end.signals_sent.as_slice() {
            [] => None,
            signals => Some(serde_json::to_string(signals).map_err(StoreError::Encode)?),
        };
        Ok(Self {
            end,
            detail,
            signals_sent,
        })
    }

    fn record(&self, conn: &Connection, run_id: i64) -> Result<(), Failure> {
        conn.prepare_cached(
            "UPDATE run SET status = 'Terminated', exit_code = ?2, exit_signal = ?3, termination_reason = ?4,
                 termination_detail = ?5, signals_sent = ?6, terminated_at = ?7
             WHERE id = ?1",
        )?
        .execute(params![
            run_id,
            self.end.exit_code,
            self.end.exit_signal,
            self.end.reason.as_str(),
            self.detail,
            self.signals_sent,
            Timestamp::now(),
        ])?;
        Ok(())
    }

    /// Records the end of a run that never began.
    fn record_unborn(&self, conn: &Connection, sandbox_id: i64) -> Result<(), Failure> {
        conn.prepare_cached("INSERT INTO run (sandbox_id, status) VALUES (?1, 'Terminated')")?
            .execute([sandbox_id])?;
        self.record(conn, conn.last_insert_rowid())
    }
}
