//! Creates a sandbox: checks everything that a start would need, then writes its row and its directory.

use super::Sandbox;
use super::mount::launch::{check_machine, host_mounts};
use super::mount::resolve::resolve;
use super::mount::{stored, volumes};
use super::options::SandboxOptions;
use super::spec::SandboxSpec;
use super::{command, patch, root, settle};
use crate::backend::{Backend, make_private, shared_dir};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ops::{self, Uninterrupted};
use crate::runtime::driver::IsolationLevel;
use crate::supervise::oplock::OperationLock;
use msb_protocol::launch::Driver;
use msb_store::{NewSandbox, SandboxRow, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

impl Sandbox {
    /// Creates a sandbox; it is not started. With `replace`, one of the same name is stopped and removed first.
    pub fn create(backend: &Arc<Backend>, options: &SandboxOptions) -> Result<Arc<Self>, MsbError> {
        options.validate()?;
        let root = root::resolve(backend, options)?;
        let manifest = root.manifest;
        let mut spec = SandboxSpec::from_options(options, backend.config(), root);
        command::stop_signal(&spec)?;
        let Chosen { driver, reason } = choose_driver(backend, &spec)?;
        spec.libmsb.patches = patch::resolve(&options.patches)?;
        spec.libmsb.chosen = Some(driver);
        spec.libmsb.chosen_because = reason;
        let store = backend.store()?;
        let mounts = resolve(&options.mounts)?;
        let made = volumes::provide(backend, &options.mounts)?;
        let shown = volumes::look(backend, &store, &mounts)?;
        // The process driver has no machine to hold them; a start says so.
        if driver != Driver::Process {
            let root = root::describe(backend, &spec, manifest, &backend.sandbox_directory(&spec.name))?;
            check_machine(driver, Some(&root), &host_mounts(&mounts, shown)?)?;
        }
        spec.mounts = mounts.iter().map(stored::write).collect::<Result<_, _>>()?;
        if options.replace {
            let grace = Duration::from_millis(options.replace_timeout_ms);
            replace(backend, &store, &spec.name, grace)?;
        }
        ops::check_cancelled()?;
        // From here on it is not half done for long, and nothing waits.
        let _whole = Uninterrupted::begin();
        let row = insert(backend, &store, &spec, manifest)?;
        made.keep();
        Ok(backend.adopt(&row))
    }
}

/// A driver that can run on this host.
pub struct Chosen {
    /// Which.
    pub driver: Driver,
    /// Why not a better one; empty when there is none, or when it was asked for by name.
    pub reason: String,
}

/// The hypervisor for a sandbox on this host, after checking that it can run.
pub fn choose_driver(backend: &Backend, spec: &SandboxSpec) -> Result<Chosen, MsbError> {
    let least = IsolationLevel::least(spec.libmsb.min_isolation);
    #[cfg(feature = "process-driver")]
    if spec.libmsb.driver == crate::backend::options::Driver::Process && least == IsolationLevel::None {
        // It runs no guest, so what the host can do does not matter.
        return Ok(Chosen {
            driver: Driver::Process,
            reason: String::new(),
        });
    }
    let kernel = backend.kernel()?;
    let abilities = backend.abilities(&kernel)?;
    let driver = abilities.choose(spec.libmsb.driver, least)?;
    Ok(Chosen {
        driver,
        reason: abilities.why(spec.libmsb.driver, driver),
    })
}

fn replace(backend: &Arc<Backend>, store: &Store, name: &str, grace: Duration) -> Result<(), MsbError> {
    let Some(row) = store.sandbox_by_name(name)? else {
        return Ok(());
    };
    let old = backend.adopt(&row);
    old.stop_within(grace, Deadline::after(grace + super::stop::KILL_TIMEOUT))?;
    match old.remove() {
        Err(error) if error.status() == Status::NotFound => Ok(()),
        other => other,
    }
}

fn insert(
    backend: &Backend,
    store: &Store,
    spec: &SandboxSpec,
    manifest_id: Option<i64>,
) -> Result<SandboxRow, MsbError> {
    let directory = backend.sandbox_directory(&spec.name);
    let new = NewSandbox {
        name: &spec.name,
        config: &spec.to_json()?,
        ephemeral: spec.lifecycle.ephemeral,
        labels: &spec.labels,
        manifest_id,
    };
    shared_dir::announce(backend.home(), &backend.config().sandboxes)?;
    if let Some(holder) = store.sandbox_by_name(&spec.name)?.filter(|row| row.ephemeral) {
        settle::settle_and_tidy(backend, store, holder)?;
    }
    check_free(&directory, store, &spec.name)?;
    let row = store
        .insert_sandbox(&new)
        .map_err(|error| name_in_use(error.into(), &spec.name))?;
    if let Err(error) = make_directory(backend, store, &row, &directory) {
        // The first failure is the one to report; a row that stays is like that of a sandbox not yet started.
        let _ = store.delete_sandbox(row.id);
        return Err(error);
    }
    Ok(row)
}

/// Makes a fresh row's directory. Others may act on the row already: to start it they make the directory themselves, to
/// remove it they must find none of ours afterwards.
fn make_directory(
    backend: &Backend,
    store: &Store,
    row: &SandboxRow,
    directory: &Path,
) -> Result<(), MsbError> {
    let lock = OperationLock::try_take(backend.home(), row.id)?;
    if lock.is_some() && store.sandbox_by_id(row.id)?.is_some() {
        make_private(directory)?;
    }
    Ok(())
}

/// Refuses a directory without a row: it is nobody's, and its content may be somebody's work. Looked at before
/// the row is there, because from then on others may start the sandbox and make the directory.
fn check_free(directory: &Path, store: &Store, name: &str) -> Result<(), MsbError> {
    let is_there = || directory.symlink_metadata().is_ok();
    // Looked at again, because one that is being removed goes before its row.
    if !is_there() || store.sandbox_by_name(name)?.is_some() || !is_there() {
        return Ok(());
    }
    Err(MsbError::new(
        Status::AlreadyExists,
        "sandbox.directory_exists",
        format!("{} is there although no sandbox {name:?} is", directory.display()),
    )
    .remedy("move it away, or have msb_fsck repair the home, or choose another name"))
}

fn name_in_use(error: MsbError, name: &str) -> MsbError {
    if error.reason() == "sandbox.name_taken" {
        error.detail("sandbox", name)
    } else {
        error
    }
}

impl Sandbox {
    /// Whether the store still has it, corrected if its runner is gone.
    pub(crate) fn settled_row(&self) -> Result<(Arc<Store>, SandboxRow), MsbError> {
        let (store, row) = self.row()?;
        let row = settle::settle_surely(&self.backend, &store, row)?;
        Ok((store, row))
    }
}
