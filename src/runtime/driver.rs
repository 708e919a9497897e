//! Chooses the hypervisor for a sandbox, from what was asked for and what this host can do.

use super::kvm::KvmProblem;
use crate::backend::options::Driver as Choice;
use crate::error::{MsbError, Status};
use crate::sandbox::options::Isolation;
use msb_protocol::launch::Driver;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How far the guest is kept from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationLevel {
    /// Not at all: the process driver.
    None,
    /// By an emulator that does not promise to be a security boundary.
    Emulated,
    /// By the processor.
    Hardware,
}

impl IsolationLevel {
    /// What a user asks for at least.
    pub fn least(asked: Isolation) -> Self {
        match asked {
            Isolation::Any => Self::None,
            Isolation::Hardware => Self::Hardware,
        }
    }

    /// The name that the ABI uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Emulated => "emulated",
            Self::Hardware => "hardware",
        }
    }

    /// What a driver gives.
    pub fn of(driver: Driver) -> Self {
        match driver {
            Driver::Krun | Driver::QemuKvm => Self::Hardware,
            Driver::QemuTcg => Self::Emulated,
            Driver::Process => Self::None,
        }
    }
}

/// The name that the ABI uses for a driver: QEMU is one, whatever it runs on.
pub fn driver_name(driver: Driver) -> &'static str {
    match driver {
        Driver::Krun => "krun",
        Driver::QemuKvm | Driver::QemuTcg => "qemu",
        Driver::Process => "process",
    }
}

/// What this host can do.
#[derive(Debug, Clone)]
pub struct Abilities {
    /// Whether a guest runs under hardware virtualization.
    pub kvm: Result<(), KvmProblem>,
    /// QEMU, or where it was looked for.
    pub qemu: Result<PathBuf, Vec<PathBuf>>,
}

/// Whether this build contains libkrun.
pub const HAS_KRUN: bool = cfg!(feature = "krun");

impl Abilities {
    /// Chooses, or says why nothing fits.
    pub fn choose(&self, choice: Choice, least: IsolationLevel) -> Result<Driver, MsbError> {
        let driver = match choice {
            #[cfg(feature = "process-driver")]
            Choice::Process => Driver::Process,
            Choice::Krun => self.krun()?,
            Choice::Qemu => self.qemu()?,
            Choice::Auto if HAS_KRUN && self.kvm.is_ok() => Driver::Krun,
            Choice::Auto => self.qemu()?,
        };
        if IsolationLevel::of(driver) < least {
            return Err(self.isolation_error(driver, least));
        }
        Ok(driver)
    }

    /// Why `auto` came to `driver` and not to the best one: the stable reason, a colon, and the words for it. Empty when
    /// it is the best one, or when the caller named it.
    pub fn why(&self, choice: Choice, driver: Driver) -> String {
        if choice != Choice::Auto || driver == Driver::Krun {
            return String::new();
        }
        match &self.kvm {
            Err(problem) => format!("{}: {}", problem.reason(), problem.message()),
            Ok(()) => "driver.not_built: this build has no krun driver".to_owned(),
        }
    }

    fn krun(&self) -> Result<Driver, MsbError> {
        if !HAS_KRUN {
            return Err(MsbError::new(
                Status::DriverUnavailable,
                "driver.not_built",
                "this build has no krun driver",
            )
            .remedy("use the qemu driver"));
        }
        match &self.kvm {
            Ok(()) => Ok(Driver::Krun),
            Err(problem) => Err(kvm_error(Status::DriverUnavailable, problem)),
        }
    }

    fn qemu(&self) -> Result<Driver, MsbError> {
        match &self.qemu {
            Ok(_) if self.kvm.is_ok() => Ok(Driver::QemuKvm),
            Ok(_) => Ok(Driver::QemuTcg),
            Err(looked) => Err(qemu_error(looked)),
        }
    }

    fn isolation_error(&self, driver: Driver, least: IsolationLevel) -> MsbError {
        let error = match &self.kvm {
            Err(problem) => kvm_error(Status::IsolationUnavailable, problem),
            Ok(()) => MsbError::new(
                Status::IsolationUnavailable,
                "isolation.driver",
                format!("driver {} does not isolate by hardware", driver_name(driver)),
            )
            .remedy("choose driver auto"),
        };
        error
            .detail("needed", least.as_str())
            .detail("available", IsolationLevel::of(driver).as_str())
    }
}

/// The failure that a missing QEMU is.
pub fn qemu_error(looked: &[PathBuf]) -> MsbError {
    let looked: Vec<String> = looked.iter().map(|path| path.display().to_string()).collect();
    MsbError::new(
        Status::DriverUnavailable,
        "qemu.not_found",
        format!("QEMU was not found; looked for {}", looked.join(", ")),
    )
    .remedy("install QEMU for this processor (Debian: qemu-system-x86) or set qemu_path")
}

fn kvm_error(status: Status, problem: &KvmProblem) -> MsbError {
    MsbError::new(status, problem.reason(), problem.message()).remedy(problem.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(kvm: bool, qemu: bool) -> Abilities {
        Abilities {
            kvm: if kvm { Ok(()) } else { Err(KvmProblem::NoDevice) },
            qemu: if qemu {
                Ok("/usr/bin/qemu".into())
            } else {
                Err(vec!["/usr/bin/qemu".into()])
            },
        }
    }

    #[test]
    fn what_auto_passed_over_is_named_and_what_was_asked_for_needs_no_reason() {
        let why = host(false, true).why(Choice::Auto, Driver::QemuTcg);
        assert_eq!(why, "kvm.no_device: there is no /dev/kvm");
        assert_eq!(host(false, true).why(Choice::Qemu, Driver::QemuTcg), "");
        assert_eq!(host(true, true).why(Choice::Auto, Driver::Krun), "");
        let other_build = host(true, true).why(Choice::Auto, Driver::QemuKvm);
        assert!(other_build.starts_with("driver.not_built: "), "{other_build}");
    }

    #[test]
    fn auto_takes_hardware_where_it_works_and_emulation_elsewhere() {
        let best = if HAS_KRUN { Driver::Krun } else { Driver::QemuKvm };
        assert_eq!(
            host(true, true)
                .choose(Choice::Auto, IsolationLevel::None)
                .unwrap(),
            best
        );
        assert_eq!(
            host(false, true)
                .choose(Choice::Auto, IsolationLevel::None)
                .unwrap(),
            Driver::QemuTcg
        );
    }

    #[test]
    fn hardware_isolation_is_refused_by_cause() {
        let error = host(false, true)
            .choose(Choice::Auto, IsolationLevel::Hardware)
            .unwrap_err();
        assert_eq!(error.status(), Status::IsolationUnavailable);
        assert_eq!(error.reason(), "kvm.no_device");
    }

    #[test]
    fn nothing_to_run_on_names_what_is_missing() {
        let error = host(false, false)
            .choose(Choice::Auto, IsolationLevel::None)
            .unwrap_err();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::DriverUnavailable, "qemu.not_found")
        );
    }
}
