//! The host files that a VMM starts from, checked before anything is started, so that a missing or unreadable
//! one fails with its own name and errno instead of a hypervisor's exit code.

use super::DriverError;
use msb_protocol::launch::{HostLower, HostUpper, LaunchSpec};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What messages call the root's read-only layer.
pub(super) const LOWER: &str = "root directory";

/// The files, each seen to be there and usable; paths are absolute and UTF-8.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) kernel: String,
    pub(super) initramfs: String,
    pub(super) lower: String,
    /// None when writes go to guest memory.
    pub(super) upper: Option<String>,
    pub(super) cpus: u8,
    pub(super) memory_mib: u32,
}

impl Inputs {
    pub(super) fn check(spec: &LaunchSpec) -> Result<Self, DriverError> {
        let HostLower::Directory { path: lower } = spec
            .lower
            .as_ref()
            .ok_or(DriverError::Missing("root directory"))?;
        let upper = match spec
            .upper
            .as_ref()
            .ok_or(DriverError::Missing("writable layer"))?
        {
            HostUpper::Disk { path } => Some(usable("disk", path, |path| {
                fs::OpenOptions::new().read(true).write(true).open(path).map(drop)
            })?),
            HostUpper::Tmpfs { .. } => None,
        };
        Ok(Self {
            kernel: readable("kernel", spec.kernel.as_ref())?,
            initramfs: readable("initramfs", spec.initramfs.as_ref())?,
            lower: usable(LOWER, lower, |path| fs::read_dir(path).map(drop))?,
            upper,
            cpus: u8::try_from(spec.cpus).map_err(|_| DriverError::TooManyCpus(spec.cpus))?,
            memory_mib: spec.memory_mib,
        })
    }
}

fn readable(what: &'static str, path: Option<&PathBuf>) -> Result<String, DriverError> {
    usable(what, path.ok_or(DriverError::Missing(what))?, |path| {
        fs::File::open(path).map(drop)
    })
}

fn usable(
    what: &'static str,
    path: &Path,
    open: impl Fn(&Path) -> io::Result<()>,
) -> Result<String, DriverError> {
    let resolve = || {
        open(path)?;
        // The VMM runs from `/`.
        std::path::absolute(path)
    };
    let absolute = resolve().map_err(|source| DriverError::Input {
        what,
        path: path.to_owned(),
        source,
    })?;
    absolute
        .into_os_string()
        .into_string()
        .map_err(|path| DriverError::NotUtf8 {
            what,
            path: path.into(),
        })
}
