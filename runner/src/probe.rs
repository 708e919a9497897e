//! Whether this host can run a guest in hardware, found out by running one.
//!
//! A processor flag and a device that opens are not enough: a paravirtual KVM, for one, opens, creates
//! machines, and then interprets most instructions one by one, until it meets one that it does not know. So the
//! probe first runs a loop that takes hardware milliseconds and an interpreter half a minute, then boots the real
//! kernel with the real agent and waits for the agent's first byte. Every step has a deadline.

mod spin;

use crate::verdict::{self, Failure};
use kvm_ioctls::Kvm;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::path::PathBuf;
use std::process::ExitCode;
use thiserror::Error;

const KVM_PATH: &str = "/dev/kvm";
/// The only version of the interface that was ever stable.
const KVM_API_VERSION: i32 = 12;

/// Why a guest cannot run in hardware here.
#[derive(Debug, Error)]
enum ProbeError {
    #[error("usage: msb-runner probe KERNEL INITRAMFS")]
    Usage,
    #[error(
        "{KVM_PATH} does not exist; load the kvm module, or enable (nested) virtualization for this machine"
    )]
    NoDevice(#[source] Errno),
    #[error("this user may not open {KVM_PATH}; add the user to the group that owns it")]
    Permission(#[source] Errno),
    #[error("{KVM_PATH} does not open: {0}; use the driver `qemu`")]
    Open(#[source] Errno),
    #[error("the interface of {KVM_PATH} has version {0}, not {KVM_API_VERSION}; use the driver `qemu`")]
    Version(i32),
    #[error("{KVM_PATH} opens but cannot run a guest: {0}; use the driver `qemu`")]
    Spin(#[from] spin::SpinError),
    #[cfg(feature = "krun")]
    #[error("{KVM_PATH} opens but cannot run a guest: {0}; use the driver `qemu`")]
    Ended(String),
    #[cfg(feature = "krun")]
    #[error(
        "a guest did not come up in {0} s; try again when the machine is less busy, or use the driver `qemu`"
    )]
    Slow(u64),
    #[cfg(feature = "krun")]
    #[error("the guest cannot be started: {}", .0.message)]
    Start(msb_protocol::agent::BootFailure),
    #[cfg(feature = "krun")]
    #[error("{0:?} is not UTF-8, which libkrun cannot take; move it")]
    NotUtf8(OsString),
}

impl From<ProbeError> for Failure {
    fn from(error: ProbeError) -> Self {
        let message = error.to_string();
        let (cause, errno) = match error {
            ProbeError::Usage => ("usage", 0),
            ProbeError::NoDevice(errno) => ("no_device", errno.raw_os_error()),
            ProbeError::Permission(errno) => ("permission", errno.raw_os_error()),
            ProbeError::Open(errno) => ("cannot_open", errno.raw_os_error()),
            ProbeError::Version(_) => ("cannot_run_guest", 0),
            ProbeError::Spin(error) => ("cannot_run_guest", error.errno()),
            #[cfg(feature = "krun")]
            ProbeError::Ended(_) => ("cannot_run_guest", 0),
            #[cfg(feature = "krun")]
            ProbeError::Slow(_) => ("too_slow", libc::ETIMEDOUT),
            #[cfg(feature = "krun")]
            ProbeError::Start(failure) => ("cannot_start", failure.errno),
            #[cfg(feature = "krun")]
            ProbeError::NotUtf8(_) => ("usage", 0),
        };
        Self {
            cause,
            errno,
            message,
        }
    }
}

/// Runs `msb-runner probe KERNEL INITRAMFS`.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(2).collect();
    let outcome = match <[OsString; 2]>::try_from(arguments) {
        Ok([kernel, initramfs]) => probe(kernel.into(), initramfs.into()),
        Err(_) => Err(ProbeError::Usage),
    };
    verdict::say(outcome.map_err(Failure::from))
}

fn probe(kernel: PathBuf, initramfs: PathBuf) -> Result<(), ProbeError> {
    let kvm = open_kvm(KVM_PATH)?;
    // SAFETY: the descriptor is open and owned; the wrapper takes it over.
    let kvm = unsafe { Kvm::from_raw_fd(kvm.into_raw_fd()) };
    match kvm.get_api_version() {
        KVM_API_VERSION => spin::run(kvm)?,
        other => return Err(ProbeError::Version(other)),
    }
    guest::boot(kernel, initramfs)
}

fn open_kvm(path: &str) -> Result<OwnedFd, ProbeError> {
    rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| match errno {
        // ENXIO and ENODEV: the node is there, the module behind it is not.
        Errno::NOENT | Errno::NXIO | Errno::NODEV => ProbeError::NoDevice(errno),
        Errno::ACCESS | Errno::PERM => ProbeError::Permission(errno),
        other => ProbeError::Open(other),
    })
}

#[cfg(feature = "krun")]
mod guest {
    //! Boots the real thing on libkrun.

    use super::ProbeError;
    use crate::driver::SpawnedVmm;
    use crate::driver::krun::{self, VmmPlan};
    use msb_protocol::agent::BootFailure;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::fs::File;
    use std::io::Read;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    /// How long the guest may take to its agent's first byte. Hardware takes well under a second; emulated hardware
    /// on a busy machine was seen to need more than 10. An interpreting KVM never gets here.
    const DEADLINE: Duration = Duration::from_secs(30);
    const MEMORY_MIB: u32 = 128;
    /// How much of the end of the console a verdict quotes, in bytes.
    const QUOTE: usize = 400;

    pub(super) fn boot(kernel: PathBuf, initramfs: PathBuf) -> Result<(), ProbeError> {
        let text = |path: PathBuf| path.into_os_string().into_string().map_err(ProbeError::NotUtf8);
        let (kernel, initramfs) = (text(kernel)?, text(initramfs)?);
        let plan = |agent| VmmPlan {
            cpus: 1,
            memory_mib: MEMORY_MIB,
            kernel,
            initramfs,
            shares: Vec::new(),
            disks: Vec::new(),
            agent,
        };
        let vmm =
            krun::start(plan, Vec::new()).map_err(|error| ProbeError::Start(BootFailure::from(error)))?;
        let SpawnedVmm {
            mut child,
            mut agent,
            console,
            lifeline: _lifeline,
            ..
        } = vmm;
        let mut console = File::from(console);
        let verdict = watch(&mut agent, &mut console);
        // It may be over already; either way its zombie is collected.
        let _ = child.kill();
        let _ = child.wait();
        verdict
    }

    fn watch(agent: &mut impl ReadFd, console: &mut impl ReadFd) -> Result<(), ProbeError> {
        let deadline = Instant::now() + DEADLINE;
        let mut said = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ProbeError::Slow(DEADLINE.as_secs()));
            }
            let timeout = Timespec {
                tv_sec: left.as_secs() as _,
                tv_nsec: i64::from(left.subsec_nanos()) as _,
            };
            let mut fds = [
                PollFd::new(agent, PollFlags::IN),
                PollFd::new(console, PollFlags::IN),
            ];
            // An interrupted or failed wait shows in the reads below, which never block.
            let _ = poll(&mut fds, Some(&timeout));
            let answer = agent.read(&mut chunk);
            if matches!(answer, Ok(1..)) {
                return Ok(());
            }
            let mut over = matches!(answer, Ok(0));
            match console.read(&mut chunk) {
                Ok(0) => over = true,
                Ok(count) => {
                    said.extend_from_slice(&chunk[..count]);
                    let excess = said.len().saturating_sub(QUOTE);
                    said.drain(..excess);
                }
                Err(_) => {}
            }
            if over {
                return Err(ProbeError::Ended(ended(&said)));
            }
        }
    }

    /// Something that can be waited for and read.
    trait ReadFd: Read + std::os::fd::AsFd {}
    impl<T: Read + std::os::fd::AsFd> ReadFd for T {}

    fn ended(said: &[u8]) -> String {
        let said = String::from_utf8_lossy(said);
        match said.trim().lines().last() {
            Some(last) => format!("the machine ended with `{last}`"),
            None => "the machine ended without a word".to_owned(),
        }
    }
}

#[cfg(not(feature = "krun"))]
mod guest {
    //! Nothing in this build can boot a guest in hardware but QEMU, which is probed by its own first start.

    use super::ProbeError;
    use std::path::PathBuf;

    pub(super) fn boot(_kernel: PathBuf, _initramfs: PathBuf) -> Result<(), ProbeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
