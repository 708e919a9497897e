//! The host files that a VMM starts from, checked before anything is started, so that a missing or unreadable
//! one fails with its own name and errno instead of a hypervisor's exit code.

use super::layout::{Disk, Layout, Sectors, Share};
use super::{DriverError, disk, join, layout};
use msb_protocol::launch::LaunchSpec;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What messages call a directory that is the root.
pub(super) const ROOT: &str = "root directory";
/// What messages call what a share serves.
pub(super) const SHARE: &str = "shared directory or file";
/// What messages call a disk image.
pub(super) const DISK: &str = "disk";

/// The files, each seen to be there and usable; paths are absolute and UTF-8.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) kernel: String,
    pub(super) initramfs: String,
    pub(super) layout: Layout,
    /// Keep others from the disks as long as the VMM has them open.
    pub(super) locks: Vec<OwnedFd>,
    pub(super) cpus: u8,
    pub(super) memory_mib: u32,
}

impl Inputs {
    pub(super) fn check(spec: &LaunchSpec) -> Result<Self, DriverError> {
        let mut layout = Layout::of(spec)?;
        let kernel = readable("kernel", spec.kernel.as_ref())?;
        let initramfs = readable("initramfs", spec.initramfs.as_ref())?;
        let mut locks = Vec::new();
        for disk in &layout.disks {
            locks.append(&mut claim(disk)?);
        }
        layout.shares.iter_mut().try_for_each(resolve)?;
        Ok(Self {
            kernel,
            initramfs,
            layout,
            locks,
            cpus: u8::try_from(spec.cpus).map_err(|_| DriverError::TooManyCpus(spec.cpus))?,
            memory_mib: spec.memory_mib,
        })
    }
}

/// The locks of a disk that is ready for the hypervisor.
fn claim(disk: &Disk) -> Result<Vec<OwnedFd>, DriverError> {
    let path = Path::new(&disk.path);
    match &disk.sectors {
        Sectors::Image(format) => Ok(vec![disk::claim(path, *format, disk.read_only)?]),
        Sectors::Joined(extents) => join::claim(path, extents),
    }
}

fn readable(what: &'static str, path: Option<&PathBuf>) -> Result<String, DriverError> {
    let path = path.ok_or(DriverError::Missing(what))?;
    fs::File::open(path).map_err(|source| DriverError::Input {
        what,
        path: path.clone(),
        source,
    })?;
    layout::text(what, path)
}

/// Sees that what is shared can be, and leaves the path of its directory without symbolic links.
fn resolve(share: &mut Share) -> Result<(), DriverError> {
    let directory = Path::new(&share.directory);
    let what = if share.is_root() { ROOT } else { SHARE };
    let path = match &share.only {
        Some(name) => directory.join(name),
        None => directory.to_owned(),
    };
    let checked = match &share.only {
        // Not opened: opening a FIFO or a device may do something.
        Some(_) => fs::symlink_metadata(&path).and_then(|metadata| {
            if metadata.is_file() {
                Ok(())
            } else {
                Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is not a regular file",
                ))
            }
        }),
        None => fs::read_dir(&path).map(drop),
    };
    let real = checked
        .and_then(|()| directory.canonicalize())
        .map_err(|source| DriverError::Input { what, path, source })?;
    share.directory = layout::text(what, &real)?;
    Ok(())
}
