//! libkrun, in a child of the runner, because it takes its process over and ends it with the guest.
//!
//! The child (`msb-runner vmm`) reports that it can open KVM and that libkrun took its configuration, forbids
//! itself what a VMM never needs, and enters. From then on its standard error is the guest's console, which is
//! also where libkrun's last words land.

use super::input::Inputs;
use super::metered::{self, Meter};
use super::sys::{KrunError, Machine};
use super::{COMMAND_LINE, Disk, DriverError, Share, SpawnedVmm, agent_link, beneath, end, stage};
use crate::confine::{self, Changes, Fence, Keep};
use crate::{setup, share};
use msb_protocol::AGENT_PORT;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_protocol::launch::LaunchSpec;
use msb_tree::{Limit, Quota, TreeError};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::process::{Command, ExitCode};
use thiserror::Error;

/// The console under the name by which libkrun opens it.
const CONSOLE_PATH: &str = "/proc/self/fd/2";
/// The kernel's door to hardware virtualization.
const KVM_PATH: &str = "/dev/kvm";

/// What the child is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VmmPlan {
    pub(crate) cpus: u8,
    pub(crate) memory_mib: u32,
    pub(crate) kernel: String,
    pub(crate) initramfs: String,
    pub(crate) shares: Vec<Share>,
    pub(crate) disks: Vec<Disk>,
    /// Number of its end of the agent link.
    pub(crate) agent: RawFd,
}

/// Starts the child and waits until it is about to enter libkrun.
pub(super) fn spawn(spec: &LaunchSpec) -> Result<SpawnedVmm, DriverError> {
    let inputs = Inputs::check(spec)?;
    let shares = stage::files(&spec.directory, inputs.layout.shares)?;
    let plan = |agent| VmmPlan {
        cpus: inputs.cpus,
        memory_mib: inputs.memory_mib,
        kernel: inputs.kernel,
        initramfs: inputs.initramfs,
        shares,
        disks: inputs.layout.disks,
        agent,
    };
    let mut vmm = start(plan, inputs.locks)?;
    vmm.tree = Some(inputs.layout.tree);
    Ok(vmm)
}

/// Starts a child with the plan that `plan` makes of the number of its end of the agent link; the child keeps `locks`.
pub(crate) fn start(
    plan: impl FnOnce(RawFd) -> VmmPlan,
    locks: Vec<OwnedFd>,
) -> Result<SpawnedVmm, DriverError> {
    let resource = |what| move |source| DriverError::Resource { what, source };
    let agent = agent_link()?;
    let (console, their_console) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|errno| resource("the console")(errno.into()))?;
    rustix::io::ioctl_fionbio(&console, true).map_err(|errno| resource("the console")(errno.into()))?;
    let (their_lifeline, lifeline) = confine::lifeline().map_err(resource("the lifeline"))?;

    let program = std::env::current_exe().map_err(resource("the path of this program"))?;
    let mut command = Command::new(&program);
    command.arg("vmm").stderr(their_console);
    let plan = plan(agent.theirs.as_raw_fd());
    let report = setup::connect(&mut command, &plan, BootStage::Vmm)?;
    let read_only = plan.shares.iter().all(|share| share.read_only);
    let mut inherited = vec![agent.theirs];
    inherited.extend(locks);
    let keep = Keep {
        fds: inherited,
        lifeline: Some(their_lifeline),
        // It serves the shares itself.
        capabilities: share::capabilities(read_only),
        // It applies its own once it knows its plan.
        files: None,
    };
    confine::confine(&mut command, keep);
    let mut child = command
        .spawn()
        .map_err(|source| DriverError::Start { program, source })?;
    // Closes this process's copies of what the child inherited, or their ends would never show.
    drop(command);
    if let Err(error) = report.wait() {
        end(&mut child);
        return Err(error);
    }
    Ok(SpawnedVmm {
        child,
        helpers: Vec::new(),
        agent: agent.ours,
        console,
        lifeline,
        tree: None,
    })
}

/// Why the child could not become a machine.
#[derive(Debug, Error)]
enum EnterError {
    #[error("the VMM was started without a plan; only the runner starts it")]
    Plan(#[source] io::Error),
    #[error("the VMM did not inherit its agent link; only the runner starts it")]
    Agent,
    #[error("cannot open {KVM_PATH}: {0}; give this user access to it or choose the driver `qemu`")]
    Kvm(#[source] io::Error),
    #[error(
        "libkrun refused the machine: {0}; ask for fewer CPUs or less memory, or choose the driver `qemu`"
    )]
    Krun(#[from] KrunError),
    #[error("this build does not keep libkrun inside shared directories; choose the driver `qemu`")]
    Names,
    #[error("cannot count what a shared directory holds: {0}")]
    Quota(#[from] TreeError),
    #[error("cannot open a shared directory with a quota: {0}; check that it exists")]
    Meter(#[source] io::Error),
    #[error("cannot open a shared directory: {0}; check that it is a directory, and no link to one")]
    Share(#[source] io::Error),
    #[error("cannot confine the VMM: {0}")]
    Confine(#[from] confine::SeccompError),
    #[error("libkrun must not run with every file of this host in reach: {0}, or choose the driver `qemu`")]
    Files(#[from] confine::FenceError),
    #[error("cannot report to the runner")]
    Report(#[source] io::Error),
}

impl EnterError {
    fn failure(&self) -> BootFailure {
        let errno = match self {
            Self::Plan(source)
            | Self::Kvm(source)
            | Self::Meter(source)
            | Self::Share(source)
            | Self::Report(source) => source.raw_os_error(),
            Self::Krun(error) => Some(error.errno()),
            Self::Files(confine::FenceError::Apply(source)) => source.raw_os_error(),
            Self::Quota(error) => error.errno(),
            Self::Agent | Self::Names | Self::Confine(_) | Self::Files(_) => None,
        };
        BootFailure {
            stage: BootStage::Vmm,
            errno: errno.unwrap_or(0),
            message: self.to_string(),
            console_tail: String::new(),
        }
    }
}

/// Runs `msb-runner vmm`: becomes the machine that its plan describes.
pub fn enter() -> ExitCode {
    let (machine, _pinned) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => return setup::report_failure(&error.failure()),
    };
    let error = EnterError::from(machine.enter());
    // The report is closed by now; the console's tail is what a failed boot shows.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::FAILURE
}

/// The machine, and the directories that it serves, which stay open while it runs.
fn prepare() -> Result<(Machine, Vec<OwnedFd>), EnterError> {
    let mut plan: VmmPlan = setup::read_plan().map_err(EnterError::Plan)?;
    let mut pinned = Vec::with_capacity(plan.shares.len());
    for share in &mut plan.shares {
        let (served, directory) = share.clone().pin().map_err(EnterError::Share)?;
        *share = served;
        pinned.push(directory);
    }
    let agent = confine::inherited(plan.agent).ok_or(EnterError::Agent)?;
    // libkrun aborts when it cannot open it.
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(KVM_PATH)
        .map_err(EnterError::Kvm)?;
    confine::raise_descriptor_limit();
    if !beneath::holds() {
        return Err(EnterError::Names);
    }
    let mut machine = Machine::new(plan.cpus, plan.memory_mib)?;
    machine.console(CONSOLE_PATH)?;
    machine.port(AGENT_PORT, agent)?;
    for disk in &plan.disks {
        machine.disk(disk)?;
    }
    for share in &plan.shares {
        machine.share(share)?;
    }
    machine.kernel(&plan.kernel, &plan.initramfs, COMMAND_LINE)?;
    count(&plan.shares)?;
    fence(&plan)?;
    let read_only = plan.shares.iter().all(|share| share.read_only);
    confine::forbid_syscalls(if read_only {
        Changes::Never
    } else {
        Changes::InShares
    })?;
    setup::report_up().map_err(EnterError::Report)?;
    Ok((machine, pinned))
}

/// Has what the guest writes to shares with a quota charged.
fn count(shares: &[Share]) -> Result<(), EnterError> {
    let mut meters = Vec::new();
    for share in shares.iter().filter(|share| !share.read_only) {
        let Some(quota) = &share.quota else { continue };
        let directory = Path::new(&share.directory);
        let limit = Limit {
            bytes: quota.bytes,
            inodes: quota.inodes,
        };
        let quota = Quota::open(&quota.ledger, directory, limit)?;
        let meter = Meter::new(directory, quota).map_err(|errno| EnterError::Meter(errno.into()))?;
        meters.push(meter);
    }
    if metered::install(meters) {
        Ok(())
    } else {
        Err(EnterError::Meter(io::ErrorKind::AlreadyExists.into()))
    }
}

/// Leaves in reach what libkrun opens once it is entered. Its file server hands names from the guest to openat(2) as
/// they are, `..` and absolute ones too, so without this nothing of the host may be trusted to stay secret.
fn fence(plan: &VmmPlan) -> Result<(), confine::FenceError> {
    let mut fence = Fence::around_everything()?
        .read(&plan.kernel)?
        .read(&plan.initramfs)?
        .write(KVM_PATH)?
        .write("/dev/null")?;
    for share in &plan.shares {
        fence = share.fence(fence)?;
    }
    for disk in &plan.disks {
        fence = disk.fence(fence)?;
    }
    let fenced = fence.finish().ok_or(confine::FenceError::Missing)?;
    fenced.apply().map_err(confine::FenceError::Apply)
}
