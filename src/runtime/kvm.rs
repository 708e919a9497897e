//! Whether hardware virtualization really works here.
//!
//! A CPU flag and an openable /dev/kvm are not enough: a paravirtual KVM opens and then cannot run a stock
//! kernel. So the runner boots a guest for a moment, once per boot of the host, kernel and version; the answer
//! is kept in the home's cache.

use super::embedded::{Embedded, write_atomically};
use super::kernel::Kernel;
use crate::error::MsbError;
use crate::supervise::child;
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

const DEVICE: &str = "/dev/kvm";
/// Longer than the runner's own limits for the parts of a trial.
const TRIAL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// Why hardware virtualization cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvmProblem {
    /// There is no /dev/kvm.
    NoDevice,
    /// It may not be opened; the name or number of the group that may.
    NoPermission {
        /// Group of the device.
        group: String,
    },
    /// It opens, but a guest does not run.
    CannotRunGuest {
        /// What happened instead.
        message: String,
    },
}

impl KvmProblem {
    /// Stable name.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoDevice => "kvm.no_device",
            Self::NoPermission { .. } => "kvm.no_permission",
            Self::CannotRunGuest { .. } => "kvm.cannot_run_guest",
        }
    }

    /// What is wrong.
    pub fn message(&self) -> String {
        match self {
            Self::NoDevice => format!("there is no {DEVICE}"),
            Self::NoPermission { group } => {
                format!("{DEVICE} may not be opened by this user; group {group} may")
            }
            // The runner's words, whole.
            Self::CannotRunGuest { message } => message.clone(),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::NoDevice => {
                "enable virtualization in the firmware or, in a virtual machine, nested virtualization; then load the \
                 module kvm_intel or kvm_amd"
                    .to_owned()
            }
            Self::NoPermission { group } => {
                format!(
                    "add the user to group {group} (usermod -aG {group} USER) and log in again; in a container, pass {DEVICE} to it"
                )
            }
            Self::CannotRunGuest { .. } => {
                "enable nested virtualization on the machine that runs this one".to_owned()
            }
        }
    }
}

/// The runner's answer.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    message: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    /// What the answer depends on.
    key: String,
    problem: Option<KvmProblem>,
}

/// Checks the device without running anything.
pub fn check_device() -> Result<(), KvmProblem> {
    match fs::OpenOptions::new().read(true).write(true).open(DEVICE) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM)) => {
            let gid = fs::metadata(DEVICE).map(|meta| meta.gid()).unwrap_or_default();
            Err(KvmProblem::NoPermission {
                group: group_name(gid),
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(KvmProblem::NoDevice),
        // ENODEV, ENXIO: a node without a driver behind it.
        Err(_) => Err(KvmProblem::NoDevice),
    }
}

/// Checks whether a guest runs, from the cache if this was asked before. The outer error is a failure to ask.
pub fn check_guest(
    cache: &Path,
    embedded: &Embedded,
    kernel: &Kernel,
) -> Result<Result<(), KvmProblem>, MsbError> {
    if let Err(problem) = check_device() {
        return Ok(Err(problem));
    }
    let key = cache_key(embedded, kernel);
    let path = cache.join("kvm.json");
    if let Some(known) = fs::read(&path)
        .ok()
        .and_then(|text| serde_json::from_slice::<Remembered>(&text).ok())
        && known.key == key
    {
        return Ok(known.problem.map_or(Ok(()), Err));
    }
    let trial = smoke_test(embedded, kernel)?;
    if !trial.lasting {
        return Ok(trial.problem.map_or(Ok(()), Err));
    }
    let remembered = Remembered {
        key,
        problem: trial.problem,
    };
    let text = serde_json::to_vec(&remembered).unwrap_or_default();
    write_atomically(&path, &text, 0o600)
        .map_err(|error| MsbError::io("kvm.cache", "cannot write", &path, &error))?;
    Ok(remembered.problem.map_or(Ok(()), Err))
}

/// What a trial showed.
struct Trial {
    problem: Option<KvmProblem>,
    /// Whether another trial would show the same; false for a host that was too busy to tell.
    lasting: bool,
}

fn smoke_test(embedded: &Embedded, kernel: &Kernel) -> Result<Trial, MsbError> {
    let mut command = Command::new(&embedded.runner);
    command.arg("probe").arg(&kernel.path).arg(&embedded.initramfs);
    let output = child::output(&mut command, TRIAL_TIMEOUT)
        .map_err(|error| MsbError::io("runner.spawn", "cannot run", &embedded.runner, &error))?;
    Ok(match serde_json::from_slice::<Answer>(&output) {
        Ok(answer) if answer.ok => Trial {
            problem: None,
            lasting: true,
        },
        Ok(answer) => Trial {
            problem: Some(KvmProblem::CannotRunGuest {
                message: answer.message,
            }),
            lasting: answer.cause == "cannot_run_guest",
        },
        Err(_) => Trial {
            problem: Some(KvmProblem::CannotRunGuest {
                message: format!(
                    "{DEVICE} opens but a guest was not seen to run: the trial ended without an answer; use the driver `qemu`"
                ),
            }),
            lasting: false,
        },
    })
}

fn cache_key(embedded: &Embedded, kernel: &Kernel) -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{} {} {}", boot.trim(), embedded.digest, kernel.digest)
}

/// The group's name from /etc/group, or its number.
fn group_name(gid: u32) -> String {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    groups
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
        })
        .unwrap_or_else(|| gid.to_string())
}
