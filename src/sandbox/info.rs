//! What is known of a sandbox at one moment.

use super::end::End;
use super::labels;
use super::mount::{MountInfo, stored};
use super::settle::settle_and_tidy;
use super::spec::SandboxSpec;
use super::{Sandbox, not_found};
use crate::backend::Backend;
use crate::error::MsbError;
use crate::runtime::driver::{IsolationLevel, driver_name};
use msb_store::{RunStatus, SandboxRow, SandboxStatus, Store, unix_ms};
use std::collections::BTreeMap;

/// A snapshot of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxInfo {
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: SandboxStatus,
    /// The driver that runs it, or that the next start will most likely use.
    pub driver: &'static str,
    /// Why `auto` did not choose a better one; empty when there is none, or when it was asked for by name.
    pub driver_reason: String,
    /// The isolation that this driver gives.
    pub isolation: &'static str,
    /// Its root, as text.
    pub image: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Whether it is removed when it ends.
    pub ephemeral: bool,
    /// Whether it outlives its owner.
    pub detached: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What its guest sees beside its root.
    pub mounts: Vec<MountInfo>,
    /// When it was created, in milliseconds since 1970 UTC; 0 when unknown.
    pub created_unix_ms: u64,
    /// Process id of its runner while it runs; 0 otherwise.
    pub runner_pid: u32,
    /// Its configuration as JSON.
    pub config: String,
    /// How its last run ended, if it ran and is not running.
    pub end: Option<End>,
}

impl SandboxInfo {
    /// Takes a snapshot from a row, corrected if its runner is gone. NOT_FOUND if the row was removed meanwhile, or by that.
    pub fn of_row(backend: &Backend, store: &Store, row: SandboxRow) -> Result<Self, MsbError> {
        let name = row.name.clone();
        let row = settle_and_tidy(backend, store, row)?.ok_or_else(|| not_found(&name))?;
        let spec = SandboxSpec::parse(&row.name, &row.config)?;
        // One that never ran has no run to look for, and looking is not indexed.
        let ran = row.status != SandboxStatus::Created;
        let run = if ran { store.latest_run(row.id)? } else { None };
        let driver = spec.libmsb.chosen;
        let live = run
            .as_ref()
            .filter(|run| row.status.is_active() && run.status == RunStatus::Running);
        let runner_pid = live.and_then(|run| run.pid).unwrap_or(0);
        let crashed = row.status == SandboxStatus::Crashed;
        let created = row
            .created_at
            .as_ref()
            .and_then(msb_store::Timestamp::to_system_time);
        Ok(Self {
            status: row.status,
            driver: driver.map_or("", driver_name),
            driver_reason: spec.libmsb.chosen_because.clone(),
            isolation: driver.map_or("", |driver| IsolationLevel::of(driver).as_str()),
            image: spec.image_text(),
            cpus: spec.resources.cpus,
            memory_mib: spec.resources.memory_mib,
            ephemeral: row.ephemeral,
            detached: spec.libmsb.detached,
            labels: labels::of_row(store, &row, &spec)?,
            mounts: spec
                .mounts
                .iter()
                .map(|entry| stored::describe(&row.name, entry))
                .collect(),
            created_unix_ms: created.map_or(0, unix_ms),
            runner_pid,
            end: run
                .filter(|_| !row.status.is_active())
                .map(|run| End::from_row(&run, crashed)),
            config: row.config,
            name: row.name,
        })
    }
}

impl Sandbox {
    /// Takes a snapshot.
    pub fn info(&self) -> Result<SandboxInfo, MsbError> {
        let (store, row) = self.row()?;
        SandboxInfo::of_row(self.backend(), &store, row)
    }
}
