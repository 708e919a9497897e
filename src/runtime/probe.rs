//! What this host can run, and what to do about what it cannot.

use super::driver::{IsolationLevel, driver_name};
use super::kvm::{self, KvmProblem};
use super::qemu;
use crate::backend::Backend;
use crate::backend::options::Driver as Choice;
use crate::error::MsbError;
use std::path::PathBuf;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable name: `kernel`, `kvm` or `qemu`.
    pub name: &'static str,
    /// Whether it can be used.
    pub ok: bool,
    /// Stable dotted reason when it cannot; empty otherwise.
    pub reason: String,
    /// What was found, or what is wrong.
    pub message: String,
    /// What to do about it; empty when nothing has to be done.
    pub remedy: String,
}

impl Check {
    fn found(name: &'static str, message: String) -> Self {
        Self {
            name,
            ok: true,
            reason: String::new(),
            message,
            remedy: String::new(),
        }
    }

    fn failed(name: &'static str, error: &MsbError) -> Self {
        Self {
            name,
            ok: false,
            reason: error.reason().to_owned(),
            message: error.message().to_owned(),
            remedy: error.remedy_text().to_owned(),
        }
    }

    fn kvm_problem(problem: &KvmProblem) -> Self {
        Self {
            name: "kvm",
            ok: false,
            reason: problem.reason().to_owned(),
            message: problem.message(),
            remedy: problem.remedy(),
        }
    }
}

/// What this host can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The driver that `auto` takes; empty when there is none.
    pub driver: &'static str,
    /// The isolation that it gives; empty when there is none.
    pub isolation: &'static str,
    /// Everything that was looked at.
    pub checks: Vec<Check>,
}

/// Looks at everything that a sandbox of `backend` needs from this host.
pub fn probe(backend: &Backend) -> Result<Report, MsbError> {
    backend.check_home()?;
    let kernel = backend.kernel();
    let mut checks = vec![match &kernel {
        Ok(kernel) => Check::found("kernel", format!("from {}", kernel.source.display())),
        Err(error) => Check::failed("kernel", error),
    }];
    let kvm = match &kernel {
        Ok(kernel) => kvm::check_guest(&backend.config().cache, &backend.embedded()?, kernel)?,
        // Without a kernel only the device can be looked at.
        Err(_) => kvm::check_device(),
    };
    checks.push(match &kvm {
        Ok(()) if kernel.is_ok() => Check::found("kvm", "a guest ran".to_owned()),
        Ok(()) => Check::found(
            "kvm",
            "the device opens; no guest was tried without a kernel".to_owned(),
        ),
        Err(problem) => Check::kvm_problem(problem),
    });
    let qemu: Result<PathBuf, _> = qemu::find(backend.config().qemu.as_deref());
    checks.push(match &qemu {
        Ok(path) => Check::found("qemu", path.display().to_string()),
        Err(looked) => Check::failed("qemu", &super::driver::qemu_error(looked)),
    });
    let chosen = match kernel {
        Ok(_) => super::driver::Abilities { kvm, qemu }
            .choose(Choice::Auto, IsolationLevel::None)
            .ok(),
        Err(_) => None,
    };
    Ok(Report {
        driver: chosen.map_or("", driver_name),
        isolation: chosen.map_or("", |driver| IsolationLevel::of(driver).as_str()),
        checks,
    })
}
