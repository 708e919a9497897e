//! The shares and disks of a machine, and the names by which its guest finds them.
//!
//! Names are numbered, never taken from a sandbox: two machines of one shape are the same to the last byte until
//! their guests are told apart.

use super::{DriverError, GuestTree, input};
use crate::confine::{Fence, FenceError};
use msb_protocol::agent::{GuestDisk, GuestMount, GuestRoot, GuestSource, Lower, Upper};
use msb_protocol::launch::{
    DiskFormat, HostDisk, HostLower, HostMount, HostRoot, HostUpper, LaunchSpec, MountSource, QuotaSpec,
};
use msb_protocol::machine;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Tag of a root that is passed through.
const ROOT_TAG: &str = "msb-root";
/// Tag or serial of the root's lower layer.
const LOWER: &str = "msb-lower";
/// Serial of the root's upper layer.
const UPPER: &str = "msb-upper";
/// The descriptor of a root in layers, in the sandbox's directory.
const DESCRIPTOR: &str = "layers.vmdk";
/// File system of a root in layers.
const LAYERS_FSTYPE: &str = "erofs";
/// Mode of a tmpfs for which none is asked: that of /tmp.
const TMPFS_MODE: u32 = 0o1777;

/// A directory, or one file of it, that the guest reaches through virtiofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    /// Its name for the guest; at most 35 bytes.
    pub(crate) tag: String,
    /// The directory; absolute.
    pub(crate) directory: String,
    /// The only file of it that is shown; absent for all of it.
    pub(crate) only: Option<String>,
    /// Whether the guest may change anything.
    pub(crate) read_only: bool,
    /// Whether nobody else changes it either while the guest runs, so that the guest need not look twice.
    pub(crate) frozen: bool,
    /// How much it may hold.
    pub(crate) quota: Option<QuotaSpec>,
    /// The owner of everything in it, for the guest.
    pub(crate) owner: Option<(u32, u32)>,
}

impl Share {
    /// Whether it is the root, or a layer of it.
    pub(super) fn is_root(&self) -> bool {
        matches!(self.tag.as_str(), ROOT_TAG | LOWER)
    }

    /// Opens the directory for as long as the answer lives, and serves what was opened, whatever comes to have its name. A
    /// mount's directory must be one itself: whoever could put a symbolic link in its place would choose what is shared.
    pub(crate) fn pin(self) -> io::Result<(Self, OwnedFd)> {
        let mut flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if !self.is_root() {
            flags |= OFlags::NOFOLLOW;
        }
        let fd = rustix::fs::open(&self.directory, flags, Mode::empty())?;
        // With the dot it is no link itself, for those who follow none.
        let directory = format!("/proc/self/fd/{}/.", fd.as_raw_fd());
        Ok((Self { directory, ..self }, fd))
    }

    /// Leaves in reach of its server what it serves.
    pub(crate) fn fence(&self, fence: Fence) -> Result<Fence, FenceError> {
        match (&self.only, self.read_only) {
            (None, true) => fence.read(&self.directory),
            (None, false) => fence.change(&self.directory),
            (Some(file), true) => fence.read(Path::new(&self.directory).join(file)),
            (Some(file), false) => fence.write(Path::new(&self.directory).join(file)),
        }
    }
}

/// Where the sectors of a disk are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sectors {
    /// In the disk's file itself, an image.
    Image(DiskFormat),
    /// In these files, one after the other, which the disk's file names: see [`super::join`].
    Joined(Vec<String>),
}

/// A disk that the guest reaches as a block device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disk {
    /// Its name for the guest; at most 20 bytes.
    pub(crate) serial: String,
    /// Its file; absolute.
    pub(crate) path: String,
    pub(crate) sectors: Sectors,
    pub(crate) read_only: bool,
}

impl Disk {
    /// Leaves in reach of the hypervisor what the disk is made of.
    #[cfg(feature = "krun")]
    pub(super) fn fence(&self, fence: Fence) -> Result<Fence, FenceError> {
        if !self.read_only {
            return fence.write(&self.path);
        }
        match &self.sectors {
            Sectors::Image(_) => fence.read(&self.path),
            Sectors::Joined(extents) => extents.iter().try_fold(fence.read(&self.path)?, Fence::read),
        }
    }
}

/// What a machine has beside processors and memory.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) shares: Vec<Share>,
    pub(crate) disks: Vec<Disk>,
    pub(crate) tree: GuestTree,
}

impl Layout {
    pub(super) fn of(spec: &LaunchSpec) -> Result<Self, DriverError> {
        let host = spec.root.as_ref().ok_or(DriverError::Missing("root"))?;
        let most = machine::most_mounts(spec.driver, host);
        let wanted: usize = spec.mounts.iter().map(machine::mount_devices).sum();
        if wanted > most {
            return Err(DriverError::TooManyMounts { wanted, most });
        }
        let mut devices = Devices::default();
        let root = devices.root(host, &spec.directory)?;
        let mut mounts = Vec::with_capacity(spec.mounts.len());
        for (index, mount) in spec.mounts.iter().enumerate() {
            if let Some(refusal) = machine::unsupported(spec.driver, mount) {
                return Err(DriverError::Unsupported {
                    guest_path: mount.guest_path.clone(),
                    refusal,
                });
            }
            mounts.push(GuestMount {
                path: mount.guest_path.clone(),
                source: devices.source(mount, format!("msb-m{index}"))?,
                read_only: mount.read_only,
                noexec: mount.noexec,
                nosuid: mount.nosuid,
                nodev: mount.nodev,
            });
        }
        Ok(Self {
            shares: devices.shares,
            disks: devices.disks,
            tree: GuestTree { root, mounts },
        })
    }
}

/// The devices so far.
#[derive(Default)]
struct Devices {
    shares: Vec<Share>,
    disks: Vec<Disk>,
}

impl Devices {
    fn root(&mut self, host: &HostRoot, sandbox: &Path) -> Result<GuestRoot, DriverError> {
        let (lower, upper) = match host {
            HostRoot::Bind { path } => {
                return Ok(GuestRoot::Share {
                    tag: self.share_root(ROOT_TAG, path, false)?,
                });
            }
            HostRoot::Overlay { lower, upper } => (lower, upper),
        };
        let lower = match lower {
            HostLower::Directory { path } => Lower::Share {
                tag: self.share_root(LOWER, path, true)?,
            },
            HostLower::Disk(disk) => Lower::Disk(self.attach(disk, LOWER, true)?),
            HostLower::Layers { extents } => {
                Lower::Disk(self.join(extents, &sandbox.join(DESCRIPTOR), LOWER)?)
            }
        };
        let upper = match upper {
            HostUpper::Disk { path } => {
                let serial = UPPER.to_owned();
                self.disks.push(Disk {
                    serial: serial.clone(),
                    path: text(input::DISK, path)?,
                    sectors: Sectors::Image(DiskFormat::Raw),
                    read_only: false,
                });
                Upper::Disk { serial }
            }
            HostUpper::Tmpfs { size_mib } => Upper::Tmpfs { size_mib: *size_mib },
        };
        Ok(GuestRoot::Overlay { lower, upper })
    }

    fn share_root(&mut self, tag: &str, path: &Path, read_only: bool) -> Result<String, DriverError> {
        self.shares.push(Share {
            tag: tag.to_owned(),
            directory: text(input::ROOT, path)?,
            only: None,
            read_only,
            frozen: read_only,
            quota: None,
            owner: None,
        });
        Ok(tag.to_owned())
    }

    fn attach(&mut self, disk: &HostDisk, serial: &str, read_only: bool) -> Result<GuestDisk, DriverError> {
        self.disks.push(Disk {
            serial: serial.to_owned(),
            path: text(input::DISK, &disk.path)?,
            sectors: Sectors::Image(disk.format),
            read_only,
        });
        Ok(GuestDisk {
            serial: serial.to_owned(),
            fstype: disk.fstype.clone(),
        })
    }

    /// Adds one disk that goes over all of `extents`.
    fn join(
        &mut self,
        extents: &[PathBuf],
        descriptor: &Path,
        serial: &str,
    ) -> Result<GuestDisk, DriverError> {
        if extents.is_empty() {
            return Err(DriverError::Missing("layer of the image"));
        }
        if extents.len() > machine::MOST_EXTENTS {
            return Err(DriverError::TooManyLayers(extents.len()));
        }
        let extents = extents.iter().map(|path| text(input::DISK, path));
        self.disks.push(Disk {
            serial: serial.to_owned(),
            path: text(input::DISK, descriptor)?,
            sectors: Sectors::Joined(extents.collect::<Result<_, _>>()?),
            read_only: true,
        });
        Ok(GuestDisk {
            serial: serial.to_owned(),
            fstype: Some(LAYERS_FSTYPE.to_owned()),
        })
    }

    /// Adds what `mount` needs under `name`.
    fn source(&mut self, mount: &HostMount, name: String) -> Result<GuestSource, DriverError> {
        let mut share = |directory, only, quota| {
            self.shares.push(Share {
                tag: name.clone(),
                directory,
                only,
                read_only: mount.read_only,
                frozen: false,
                quota,
                owner: mount.owner,
            });
        };
        Ok(match &mount.source {
            MountSource::Directory { path, quota } => {
                share(text(input::SHARE, path)?, None, quota.clone());
                GuestSource::Share { tag: name }
            }
            MountSource::File { path } => {
                let (directory, file) = split(path)?;
                share(directory, Some(file.clone()), None);
                GuestSource::SharedFile {
                    tag: name,
                    name: file,
                }
            }
            MountSource::Tmpfs { size_mib, mode } => GuestSource::Tmpfs {
                size_mib: *size_mib,
                mode: mode.unwrap_or(TMPFS_MODE),
                owner: mount.owner.unwrap_or((0, 0)),
            },
            MountSource::Disk(disk) => GuestSource::Disk(self.attach(disk, &name, mount.read_only)?),
        })
    }
}

/// A path as hypervisors and plans take it. They run from `/`.
pub(super) fn text(what: &'static str, path: &Path) -> Result<String, DriverError> {
    let absolute = std::path::absolute(path).map_err(|source| DriverError::Input {
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

/// The directory that a file is in, without symbolic links, and its name there.
fn split(path: &Path) -> Result<(String, String), DriverError> {
    let unusable = |source| DriverError::Input {
        what: input::SHARE,
        path: path.to_owned(),
        source,
    };
    let real = path.canonicalize().map_err(unusable)?;
    let real = Path::new(&text(input::SHARE, &real)?).to_owned();
    match (
        real.parent().and_then(Path::to_str),
        real.file_name().and_then(OsStr::to_str),
    ) {
        (Some(directory), Some(name)) if !real.is_dir() => Ok((directory.to_owned(), name.to_owned())),
        _ => Err(unusable(io::Error::from_raw_os_error(libc::EISDIR))),
    }
}

#[cfg(test)]
mod tests;
