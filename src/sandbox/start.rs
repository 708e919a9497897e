//! Starts a sandbox: claims it, spawns its runner and waits until commands can run in it.
//!
//! `Starting` is written before the spawn; from then on either the runner writes how it went or the next reader
//! finds its lock free and corrects the row.

use super::create::{Chosen, choose_driver};
use super::mount::in_use;
use super::mount::launch::{check_machine, host_mounts};
use super::mount::volumes::acquire_all;
use super::patch::{self, options::PatchOptions};
use super::settle::settle_locked;
use super::spec::SandboxSpec;
use super::{Sandbox, command, end, labels, root, scripts};
use crate::backend::make_private;
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::files::GuestFiles;
use crate::ops::{self, Uninterrupted};
use crate::runtime::qemu;
use crate::supervise::link::{Link, LinkState};
use crate::supervise::oplock::OperationLock;
use crate::supervise::spawn::spawn_runner;
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::agent::{BootFailure, BootStage, GuestSpec};
use msb_protocol::client::ClientMessage;
use msb_protocol::exit::ExitReason;
use msb_protocol::launch::{Driver, HostRoot, LaunchSpec, Lifetime};
use msb_store::{RunEnd, SandboxRow, SandboxStatus, Store, TerminationDetail, TerminationReason};
use std::sync::Arc;
use std::time::Duration;

/// Statuses that a start may begin from.
const STARTABLE: [SandboxStatus; 3] = [
    SandboxStatus::Created,
    SandboxStatus::Stopped,
    SandboxStatus::Crashed,
];
/// How long a runner whose start failed may take to write so and end.
const FAILED_START_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes that each of a sandbox's logs keeps.
const LOG_BYTES: u64 = 4 * 1024 * 1024;
/// How long a guest may take to end in order when its idle timeout, its time or its owner is over.
const STOP_GRACE_MS: u64 = 10_000;

impl Sandbox {
    /// Starts it. When this returns `Ok`, commands can run.
    pub fn start(self: &Arc<Self>, deadline: Deadline) -> Result<(), MsbError> {
        let lock = OperationLock::take(self.backend.home(), self.id, &self.name)?;
        // Read under the lock: before it, somebody may remove this one and create another of its name.
        let (store, row) = self.row()?;
        let row = settle_locked(&self.backend, &store, row)?;
        self.check_startable(&row)?;
        let launch = self.prepare(&store, &lock, &row)?;
        ops::check_cancelled()?;
        if !store.transition(self.id, &STARTABLE, SandboxStatus::Starting)? {
            return Err(MsbError::new(
                Status::Conflict,
                "sandbox.busy",
                format!("sandbox {:?} was changed by somebody else", self.name),
            ));
        }
        match self.launch(launch, deadline) {
            Ok(link) => {
                *self.link.lock() = Some(link);
                Ok(())
            }
            Err(error) => {
                let _whole = Uninterrupted::begin();
                self.record_failed_start(&store, &error)?;
                Err(error)
            }
        }
    }

    fn check_startable(&self, row: &SandboxRow) -> Result<(), MsbError> {
        if row.ephemeral && row.status.is_terminal() {
            // Its runner may be about to remove it.
            return Err(MsbError::new(
                Status::InvalidState,
                "sandbox.ended",
                format!("sandbox {:?} is ephemeral and has ended", self.name),
            )
            .remedy("remove it and create it again")
            .detail("sandbox", self.name.as_str()));
        }
        if STARTABLE.contains(&row.status) && self.wait_unlocked()? {
            return Ok(());
        }
        Err(MsbError::new(
            Status::InvalidState,
            "sandbox.already_running",
            format!("sandbox {:?} is {} already", self.name, row.status),
        )
        .remedy("stop it first, or use it as it is")
        .detail("sandbox", self.name.as_str()))
    }

    /// Checks and makes everything that the runner needs.
    fn prepare(&self, store: &Store, lock: &OperationLock, row: &SandboxRow) -> Result<Launch, MsbError> {
        let mut spec = SandboxSpec::parse(&self.name, &row.config)?;
        let Chosen { driver, reason } = choose_driver(&self.backend, &spec)?;
        if (spec.libmsb.chosen, &spec.libmsb.chosen_because) != (Some(driver), &reason) {
            spec.libmsb.chosen = Some(driver);
            spec.libmsb.chosen_because = reason;
            labels::adopt(store, row)?;
            store.update_config(self.id, &spec.to_json()?)?;
        }
        if driver != Driver::Process {
            check_memory(&self.name, spec.resources.memory_mib, host_memory_mib())?;
        }
        let directory = self.directory();
        // A creation may have been cut short between the row and the directory.
        make_private(&directory)?;
        let embedded = self.backend.embedded()?;
        let is_machine = driver != Driver::Process;
        let kernel = if is_machine {
            Some(self.backend.kernel()?.path)
        } else {
            None
        };
        let qemu = match driver {
            Driver::QemuKvm | Driver::QemuTcg => qemu::find(self.backend.config().qemu.as_deref()).ok(),
            Driver::Krun | Driver::Process => None,
        };
        let root = if is_machine {
            Some(root::prepare(
                &self.backend,
                &spec,
                store.sandbox_manifest(self.id)?,
                &directory,
            )?)
        } else {
            None
        };
        let mounts = spec.mounts()?;
        let volumes = acquire_all(&self.backend, store, lock, &mounts)?;
        let mounts = host_mounts(&mounts, volumes)?;
        in_use::check_free(&self.backend, store, self.id, &mounts)?;
        check_machine(driver, root.as_ref(), &mounts)?;
        let patches = match &root {
            Some(root) if root::lacks_patches(root, &directory) => std::mem::take(&mut spec.libmsb.patches),
            Some(_) => Vec::new(),
            None => patch::check_driver(&self.name, driver, &spec.libmsb.patches)?,
        };
        let launch = LaunchSpec {
            protocol: PROTOCOL_VERSION,
            sandbox_id: self.id,
            name: self.name.clone(),
            directory,
            database: self.backend.config().database(),
            busy_timeout_ms: u64::try_from(self.backend.config().busy_timeout.as_millis())
                .unwrap_or(u64::MAX),
            driver,
            kernel,
            initramfs: is_machine.then_some(embedded.initramfs),
            agent: (!is_machine).then_some(embedded.agent),
            qemu,
            cpus: spec.resources.cpus,
            memory_mib: spec.resources.memory_mib,
            root,
            mounts,
            prepare: !patches.is_empty(),
            guest: guest_spec(&self.name, &spec)?,
            lifetime: Lifetime {
                detached: spec.libmsb.detached,
                ephemeral: row.ephemeral,
                boot_timeout_ms: spec.libmsb.boot_timeout_ms,
                idle_timeout_ms: spec.idle_timeout_ms(),
                max_duration_ms: spec.max_duration_ms(),
                stop_grace_ms: STOP_GRACE_MS,
            },
            log_bytes: LOG_BYTES,
            log_level: self.backend.config().log_level.into(),
        };
        Ok(Launch {
            spec: launch,
            patches,
        })
    }

    fn launch(self: &Arc<Self>, launch: Launch, deadline: Deadline) -> Result<Arc<Link>, MsbError> {
        let Launch { spec, patches } = launch;
        let root = spec.root.clone();
        let detached = spec.lifetime.detached;
        // The runner keeps its own boot deadline; this one is for a runner that is stuck itself.
        let boot = Duration::from_millis(spec.lifetime.boot_timeout_ms) + FAILED_START_TIMEOUT;
        let deadline = deadline.min(Deadline::after(boot));
        let socket = spawn_runner(&self.backend.embedded()?.runner)?;
        let link = self.adopt_socket(socket)?;
        link.set_owner(detached);
        let mut failure = link.send_message(&ClientMessage::Launch(Box::new(spec))).err();
        let mut is_prepared = patches.is_empty();
        let error = loop {
            if let Some(error) = failure {
                break error;
            }
            match link.wait_for(deadline, |state| Answer::of(state, is_prepared)) {
                Some(Answer::Ready) => return Ok(link),
                Some(Answer::Prepare) => {
                    failure = self.patch(&link, &patches, root.as_ref(), deadline).err();
                    is_prepared = true;
                }
                Some(Answer::Failed) => {
                    await_failed_start(&link);
                    break self.start_error(&link.state());
                }
                None => break self.abort_start(&link),
            }
        };
        link.close();
        Err(error)
    }

    /// Applies the patches in a guest that nobody else may use yet, and lets it go on.
    fn patch(
        self: &Arc<Self>,
        link: &Arc<Link>,
        patches: &[PatchOptions],
        root: Option<&HostRoot>,
        deadline: Deadline,
    ) -> Result<(), MsbError> {
        let guest = GuestFiles::on_link(Arc::clone(self), Arc::clone(link), deadline);
        let patched = patch::apply(&guest, &self.name, patches)
            .and_then(|()| guest.sync_all())
            .and_then(|()| root.map_or(Ok(()), |root| root::keep_patched(root, &self.directory())))
            .and_then(|()| link.send_message(&ClientMessage::Prepared));
        patched.map_err(|error| {
            let message = error.text();
            // If even this cannot be sent, closing the link is the same order.
            let _ = link.send_message(&ClientMessage::PrepareFailed { message });
            await_failed_start(link);
            let state = link.state();
            let own_fault = |failure: &BootFailure| failure.stage == BootStage::Patch && failure.errno == 0;
            // A guest that ended by itself says better why.
            match &state.failure {
                Some(failure) if own_fault(failure) => error,
                _ if state.failure.is_none() && state.exit.is_none() => error,
                _ => self.start_error(&state),
            }
        })
    }

    fn abort_start(&self, link: &Link) -> MsbError {
        // If even this cannot be sent, closing the link is the same order.
        let _ = link.send_message(&ClientMessage::Kill);
        await_failed_start(link);
        start_timeout(&self.name, link.state().failure.as_ref())
    }

    fn start_error(&self, state: &LinkState) -> MsbError {
        if let Some((record, _)) = &state.exit
            && matches!(
                record.reason,
                ExitReason::StopRequested | ExitReason::KillRequested
            )
        {
            return MsbError::new(
                Status::Conflict,
                "sandbox.start_called_off",
                format!(
                    "sandbox {:?} was stopped by somebody else while it started",
                    self.name
                ),
            )
            .detail("sandbox", self.name.as_str());
        }
        if let Some(failure) = &state.failure {
            return boot_error(&self.name, failure);
        }
        if let Some(refused) = &state.refused {
            return MsbError::new(Status::Conflict, "runner.refused", refused.clone());
        }
        let message = match &state.exit {
            Some((record, _)) => format!("sandbox {:?} ended while starting: {}", self.name, record.message),
            None => format!("the runner of sandbox {:?} ended while starting", self.name),
        };
        MsbError::new(Status::GuestFailed, "sandbox.start_failed", message)
            .remedy("see the logs in the sandbox's directory")
            .detail("sandbox", self.name.as_str())
    }

    /// Makes sure that a start that failed is recorded, whether or not its runner lived to do so.
    fn record_failed_start(&self, store: &Store, error: &MsbError) -> Result<(), MsbError> {
        if self.is_alive()? {
            // It was told to end and will write so itself.
            return Ok(());
        }
        let failed = RunEnd {
            detail: Some(TerminationDetail {
                message: error.text(),
                ..TerminationDetail::default()
            }),
            ..RunEnd::because(TerminationReason::BootFailed)
        };
        if !store.end_start(self.id, &failed, SandboxStatus::Crashed)? {
            let Some(row) = store.sandbox_by_id(self.id)? else {
                return Ok(());
            };
            if row.status.is_active() {
                store.repair_dead(&row, &end::runner_died(), SandboxStatus::Crashed)?;
            }
        }
        Ok(())
    }
}

/// The error for a start that was killed at its deadline, given how far the runner says that it was.
fn start_timeout(name: &str, failure: Option<&BootFailure>) -> MsbError {
    // A runner that says nothing has not got a machine up.
    let stage = failure.map_or(BootStage::Vmm, |failure| failure.stage);
    let tail = failure.map_or("", |failure| failure.console_tail.as_str());
    MsbError::new(
        Status::Timeout,
        "sandbox.start_timeout",
        format!("sandbox {name:?} was not up before the deadline and was killed"),
    )
    .errno(libc::ETIMEDOUT)
    .remedy("allow more time; under emulation a start takes seconds")
    .detail("sandbox", name)
    .detail("stage", stage_name(stage))
    .detail("console_tail", tail)
}

/// Waits for the runner's own record of a failure, which comes with its end.
fn await_failed_start(link: &Link) {
    let _whole = Uninterrupted::begin();
    let over = Deadline::after(FAILED_START_TIMEOUT);
    link.wait_for(over, |state| (state.closed || state.exit.is_some()).then_some(()));
}

/// A start that can begin.
struct Launch {
    spec: LaunchSpec,
    /// What the root lacks.
    patches: Vec<PatchOptions>,
}

/// What a launch came to.
enum Answer {
    Ready,
    /// The guest waits for its patches.
    Prepare,
    Failed,
}

impl Answer {
    fn of(state: &LinkState, is_prepared: bool) -> Option<Self> {
        if state.failure.is_some() || state.refused.is_some() || state.exit.is_some() || state.closed {
            return Some(Self::Failed);
        }
        if state.prepare && !is_prepared {
            return Some(Self::Prepare);
        }
        state.ready.map(|_| Self::Ready)
    }
}

/// Refuses a guest that this host can never hold, in MiB.
fn check_memory(name: &str, wanted: u32, host: u64) -> Result<(), MsbError> {
    if u64::from(wanted) <= host {
        return Ok(());
    }
    Err(MsbError::new(
        Status::ResourceExhausted,
        "host.memory",
        format!("sandbox {name:?} wants {wanted} MiB of memory, and this host has {host} MiB with its swap"),
    )
    .remedy("choose a smaller memory_mib")
    .detail("sandbox", name)
    .detail("host_memory_mib", host.to_string()))
}

/// This host's memory and swap, in MiB.
fn host_memory_mib() -> u64 {
    let info = rustix::system::sysinfo();
    let bytes = (u128::from(info.totalram) + u128::from(info.totalswap)) * u128::from(info.mem_unit);
    u64::try_from(bytes >> 20).unwrap_or(u64::MAX)
}

/// The error for a guest that did not come up.
fn boot_error(name: &str, failure: &BootFailure) -> MsbError {
    let stage = stage_name(failure.stage);
    // The machine's own parts, of which only a disk can be somebody else's.
    let (status, reason) = match (failure.stage, failure.errno) {
        (BootStage::Vmm, libc::EBUSY) => (Status::Busy, "disk.in_use".to_owned()),
        _ => (Status::GuestFailed, format!("boot.{stage}")),
    };
    let error = MsbError::new(
        status,
        reason,
        format!("sandbox {name:?} did not come up: {}", failure.message),
    )
    .remedy("see the detail console_tail and the logs in the sandbox's directory")
    .detail("sandbox", name)
    .detail("stage", stage)
    .detail("console_tail", failure.console_tail.as_str());
    if failure.errno == 0 {
        error
    } else {
        error.errno(failure.errno)
    }
}

fn stage_name(stage: BootStage) -> &'static str {
    match stage {
        BootStage::Vmm => "vmm",
        BootStage::Kernel => "kernel",
        BootStage::Share => "share",
        BootStage::Mount => "mount",
        BootStage::Hostname => "hostname",
        BootStage::Clock => "clock",
        BootStage::User => "user",
        BootStage::Patch => "patch",
        BootStage::Other => "other",
    }
}

fn guest_spec(name: &str, spec: &SandboxSpec) -> Result<GuestSpec, MsbError> {
    let hostname = spec.runtime.hostname.clone().unwrap_or_else(|| host_name(name));
    // First, so that the sandbox's own variables of these names win.
    let told = [
        ("HOSTNAME", Some(hostname.clone())),
        ("SHELL", spec.runtime.shell.clone()),
    ];
    let told = told
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let variables = spec.env.iter();
    Ok(GuestSpec {
        root: None,
        mounts: Vec::new(),
        hostname,
        env: told
            .chain(variables.map(|v| (v.key.clone(), v.value.clone())))
            .collect(),
        workdir: spec.runtime.workdir.clone(),
        user: spec.runtime.user.clone(),
        rlimits: spec.rlimits.clone(),
        scripts: scripts::read(spec)?,
        nameservers: Vec::new(),
        clock_unix_ns: 0,
        entropy: Vec::new(),
        stop_signal: command::stop_signal(spec)?,
    })
}

/// A host name from a sandbox's name, which may be longer than one may be.
fn host_name(name: &str) -> String {
    name.chars()
        .take(63)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_takes_too_long_tells_how_far_it_was() {
        let failure = BootFailure {
            stage: BootStage::Kernel,
            errno: libc::ECANCELED,
            message: "the start was called off".to_owned(),
            console_tail: "Booting Linux".to_owned(),
        };
        let error = start_timeout("box", Some(&failure));
        let told: Vec<_> = error.details().collect();
        assert_eq!(error.os_errno(), Some(libc::ETIMEDOUT));
        assert!(told.contains(&("stage", b"kernel")), "{error:?}");
        assert!(told.contains(&("console_tail", b"Booting Linux")), "{error:?}");
        let silent = start_timeout("box", None);
        assert!(silent.details().any(|detail| detail == ("stage", b"vmm")));
    }

    #[test]
    fn a_disk_that_somebody_else_has_is_busy_and_not_the_guests_fault() {
        let failure = BootFailure {
            stage: BootStage::Vmm,
            errno: libc::EBUSY,
            message: "the disk \"/srv/disk.raw\" is in use".to_owned(),
            console_tail: String::new(),
        };
        let error = boot_error("box", &failure);
        assert_eq!((error.status(), error.reason()), (Status::Busy, "disk.in_use"));
        assert!(error.text().contains("/srv/disk.raw"), "{}", error.text());
    }

    #[test]
    fn a_guest_larger_than_the_host_is_refused_with_both_sizes() {
        check_memory("box", 2048, 2048).unwrap();
        let error = check_memory("box", 2049, 2048).unwrap_err();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::ResourceExhausted, "host.memory")
        );
        let text = error.text();
        assert!(text.contains("2049 MiB") && text.contains("2048 MiB"), "{text}");
        assert!(host_memory_mib() > 0);
    }
}
