//! libkrun, in a child of the runner, because it takes its process over and ends it with the guest.
//!
//! The child (`msb-runner vmm`) reports that it can open KVM and that libkrun took its configuration, forbids
//! itself what a VMM never needs, and enters. From then on its standard error is the guest's console, which is
//! also where libkrun's last words land.

use super::input::Inputs;
use super::sys::{KrunError, Machine};
use super::{COMMAND_LINE, DriverError, ROOT_TAG, SpawnedVmm, UPPER_SERIAL, agent_link, end, guest_root};
use crate::confine::{self, Fence, Keep};
use crate::setup;
use msb_protocol::AGENT_PORT;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_protocol::launch::LaunchSpec;
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
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
    /// Directory of the root's lower layer.
    pub(crate) lower: Option<String>,
    /// Disk of the root's upper layer.
    pub(crate) upper: Option<String>,
    /// Number of its end of the agent link.
    pub(crate) agent: RawFd,
}

/// Starts the child and waits until it is about to enter libkrun.
pub(super) fn spawn(spec: &LaunchSpec) -> Result<SpawnedVmm, DriverError> {
    let inputs = Inputs::check(spec)?;
    let plan = |agent| VmmPlan {
        cpus: inputs.cpus,
        memory_mib: inputs.memory_mib,
        kernel: inputs.kernel,
        initramfs: inputs.initramfs,
        lower: Some(inputs.lower),
        upper: inputs.upper,
        agent,
    };
    let mut vmm = start(plan)?;
    vmm.root = guest_root(spec);
    Ok(vmm)
}

/// Starts a child with the plan that `plan` makes of the number of its end of the agent link.
pub(crate) fn start(plan: impl FnOnce(RawFd) -> VmmPlan) -> Result<SpawnedVmm, DriverError> {
    let resource = |what| move |source| DriverError::Resource { what, source };
    let agent = agent_link()?;
    let (console, their_console) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|errno| resource("the console")(errno.into()))?;
    rustix::io::ioctl_fionbio(&console, true).map_err(|errno| resource("the console")(errno.into()))?;
    let (their_lifeline, lifeline) = confine::lifeline().map_err(resource("the lifeline"))?;

    let program = std::env::current_exe().map_err(resource("the path of this program"))?;
    let mut command = Command::new(&program);
    command.arg("vmm").stderr(their_console);
    let report = setup::connect(&mut command, &plan(agent.theirs.as_raw_fd()), BootStage::Vmm)?;
    let keep = Keep {
        fds: vec![agent.theirs],
        lifeline: Some(their_lifeline),
        // Reads the root directory for the guest.
        capabilities: CapabilitySet::DAC_READ_SEARCH,
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
        root: None,
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
            Self::Plan(source) | Self::Kvm(source) | Self::Report(source) => source.raw_os_error(),
            Self::Krun(error) => Some(error.errno()),
            Self::Files(confine::FenceError::Apply(source)) => source.raw_os_error(),
            Self::Agent | Self::Confine(_) | Self::Files(_) => None,
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
    let machine = match prepare() {
        Ok(machine) => machine,
        Err(error) => return setup::report_failure(&error.failure()),
    };
    let error = EnterError::from(machine.enter());
    // The report is closed by now; the console's tail is what a failed boot shows.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::FAILURE
}

fn prepare() -> Result<Machine, EnterError> {
    let plan: VmmPlan = setup::read_plan().map_err(EnterError::Plan)?;
    let agent = confine::inherited(plan.agent).ok_or(EnterError::Agent)?;
    // libkrun aborts when it cannot open it.
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(KVM_PATH)
        .map_err(EnterError::Kvm)?;
    confine::raise_descriptor_limit();
    let mut machine = Machine::new(plan.cpus, plan.memory_mib)?;
    machine.console(CONSOLE_PATH)?;
    machine.port(AGENT_PORT, agent)?;
    if let Some(upper) = &plan.upper {
        machine.disk(UPPER_SERIAL, upper)?;
    }
    if let Some(lower) = &plan.lower {
        machine.share(ROOT_TAG, lower)?;
    }
    machine.kernel(&plan.kernel, &plan.initramfs, COMMAND_LINE)?;
    fence(&plan)?;
    confine::forbid_syscalls()?;
    setup::report_up().map_err(EnterError::Report)?;
    Ok(machine)
}

/// Leaves in reach what libkrun opens once it is entered. Its file server hands names from the guest to openat(2) as
/// they are, `..` and absolute ones too, so without this nothing of the host may be trusted to stay secret.
fn fence(plan: &VmmPlan) -> Result<(), confine::FenceError> {
    let mut fence = Fence::around_everything()?
        .read(&plan.kernel)?
        .read(&plan.initramfs)?
        .write(KVM_PATH)?
        .write("/dev/null")?;
    if let Some(lower) = &plan.lower {
        fence = fence.read(lower)?;
    }
    if let Some(upper) = &plan.upper {
        fence = fence.write(upper)?;
    }
    let fenced = fence.finish().ok_or(confine::FenceError::Missing)?;
    fenced.apply().map_err(confine::FenceError::Apply)
}
