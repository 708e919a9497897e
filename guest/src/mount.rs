//! The machine's file systems: what the agent itself needs, the sandbox's root, and their end.
//!
//! The root is moved over the initramfs. The initramfs stays reachable below it through a descriptor, because the
//! upper disk and the sandbox's shares and disks are mounted there and have to be made read-only at the end.

mod disk;
mod extra;
mod system;

pub use system::mount_early;

use extra::Mounted;
use msb_protocol::agent::{GuestMount, GuestRoot, Lower, SCRIPTS, Upper};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use thiserror::Error;

/// Where everything is mounted in the initramfs.
const MAIN: &str = "/msb";
const LOWER: &str = "/msb/lower";
const UPPER: &str = "/msb/upper";
const ROOT: &str = "/msb/root";

/// A file system that cannot be mounted or entered.
#[derive(Debug, Error)]
pub enum MountError {
    /// A mount was refused.
    #[error("{what} cannot be mounted on {target} in the guest; check the sandbox's image, disks and mounts")]
    Mount {
        /// What.
        what: String,
        /// Where.
        target: String,
        /// Why.
        #[source]
        errno: Errno,
    },
    /// No disk has the serial.
    #[error("the guest has no disk with serial `{0}`; the runner must attach it under that name")]
    NoDisk(String),
    /// A disk cannot be read.
    #[error("{device} cannot be read in the guest; check the disk image")]
    Unreadable {
        /// Which.
        device: String,
        /// Why.
        #[source]
        errno: Errno,
    },
    /// A disk without a file system that is known here.
    #[error(
        "no file system was recognised on {0} in the guest; make one on the disk image, or name its type"
    )]
    Unrecognised(String),
    /// A directory or link could not be made.
    #[error("{path} cannot be made in the guest; check the image's layout and the upper layer's free space")]
    Make {
        /// Which.
        path: String,
        /// Why.
        #[source]
        errno: Errno,
    },
    /// The new root could not become the root.
    #[error("the guest cannot switch to its root; use the kernel that libmsb found")]
    Switch(#[source] Errno),
}

impl MountError {
    /// errno of the failed call; 0 when none applies.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Mount { errno, .. }
            | Self::Make { errno, .. }
            | Self::Unreadable { errno, .. }
            | Self::Switch(errno) => errno.raw_os_error(),
            Self::Unrecognised(_) => 0,
            Self::NoDisk(_) => Errno::NODEV.raw_os_error(),
        }
    }
}

fn mount(what: &str, target: &str, kind: &str, flags: MountFlags, options: &str) -> Result<(), MountError> {
    let options = std::ffi::CString::new(options).unwrap_or_default();
    rustix::mount::mount(what, target, kind, flags, Some(options.as_c_str())).map_err(|errno| {
        MountError::Mount {
            what: format!("{kind} `{what}`"),
            target: target.to_owned(),
            errno,
        }
    })
}

fn make_directory(path: &str) -> Result<(), MountError> {
    match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(MountError::Make {
            path: path.to_owned(),
            errno,
        }),
    }
}

/// The sandbox's root, once there is one.
#[derive(Debug)]
pub struct Root {
    initramfs: OwnedFd,
    /// What is mounted beneath the root, to be made safe at the end.
    beneath: Vec<Mounted>,
}

impl Root {
    /// Still the initramfs.
    pub fn initramfs() -> Result<Self, MountError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let initramfs = rustix::fs::openat(CWD, "/", flags, Mode::empty()).map_err(MountError::Switch)?;
        Ok(Self {
            initramfs,
            beneath: Vec::new(),
        })
    }

    /// Mounts the root, enters it, and mounts in it what Linux programs expect and what the sandbox has beside.
    pub fn assemble(&mut self, root: &GuestRoot, mounts: &[GuestMount]) -> Result<(), MountError> {
        for path in [MAIN, ROOT] {
            make_directory(path)?;
        }
        match root {
            GuestRoot::Overlay { lower, upper } => self.overlay(lower, upper)?,
            GuestRoot::Share { tag } => self.pass_through(tag)?,
        }
        let mut placed = Vec::with_capacity(mounts.len());
        for (index, mount) in mounts.iter().enumerate() {
            let mounted = extra::beneath(mount, index)?;
            placed.push(mounted.is_some().then_some(self.beneath.len()));
            self.beneath.extend(mounted);
        }
        switch_root().map_err(MountError::Switch)?;
        system::mount_in_root()?;
        for (mount, at) in mounts.iter().zip(placed) {
            let mounted = at.and_then(|at| self.beneath.get(at));
            extra::place(mount, mounted, &self.initramfs)?;
        }
        Ok(())
    }

    /// Makes a share the root as it is.
    fn pass_through(&mut self, tag: &str) -> Result<(), MountError> {
        make_directory(LOWER)?;
        mount(tag, LOWER, "virtiofs", MountFlags::empty(), "")?;
        self.beneath.push(Mounted::writable(LOWER));
        rustix::mount::mount_bind(LOWER, ROOT).map_err(|errno| MountError::Mount {
            what: "the shared root".to_owned(),
            target: ROOT.to_owned(),
            errno,
        })
    }

    fn overlay(&mut self, lower: &Lower, upper: &Upper) -> Result<(), MountError> {
        for path in [LOWER, UPPER] {
            make_directory(path)?;
        }
        match lower {
            Lower::Share { tag } => mount_lower(tag)?,
            Lower::Disk(disk) => {
                let (device, fstype) = disk::open(disk)?;
                mount(&device, LOWER, &fstype, MountFlags::RDONLY, "")?;
            }
        }
        self.mount_upper(upper)?;
        let layers = format!("lowerdir={LOWER},upperdir={UPPER}/upper,workdir={UPPER}/work");
        mount("overlay", ROOT, "overlay", MountFlags::empty(), &layers)
    }

    fn mount_upper(&mut self, upper: &Upper) -> Result<(), MountError> {
        match upper {
            Upper::Disk { serial } => {
                let device = disk::find(serial)?;
                // Without a background thread that would fill the sparse image with zeroes.
                mount(&device, UPPER, "ext4", MountFlags::empty(), "noinit_itable")?;
                self.beneath.push(Mounted::writable(UPPER));
            }
            Upper::Tmpfs { size_mib } => {
                mount(
                    "tmpfs",
                    UPPER,
                    "tmpfs",
                    MountFlags::empty(),
                    &format!("mode=0755,size={size_mib}m"),
                )?;
            }
        }
        make_directory(&format!("{UPPER}/upper"))?;
        make_directory(&format!("{UPPER}/work"))
    }

    /// Leaves and unmounts everything. True when all that was written is safe: a successful remount as read-only
    /// means that nothing writes there any more and that all of it is on the disk or with the host.
    pub fn unmount(&mut self) -> bool {
        let left = self.leave();
        let mut safe = left.is_ok();
        for mounted in self
            .beneath
            .iter()
            .filter(|mounted| mounted.writable && left.is_ok())
        {
            let path = mounted.path.as_str();
            safe &= rustix::mount::mount_remount(path, MountFlags::RDONLY, c"")
                .or_else(|_| rustix::mount::unmount(path, UnmountFlags::empty()))
                .is_ok();
        }
        if !safe {
            rustix::fs::sync();
        }
        safe
    }

    /// Shows `text` as the file at `path` of the root without changing what the root holds, beyond an empty file where
    /// there is none.
    pub fn cover(&self, path: &str, text: &str) -> Result<(), MountError> {
        let name = format!("{MAIN}/{}", path.replace('/', "."));
        let name = name.trim_start_matches('/');
        self.write_beneath(name, text, 0o644)?;
        extra::make_file(path)?;
        extra::graft(&self.initramfs, name, path).map_err(|errno| MountError::Mount {
            what: "a file of the agent's".to_owned(),
            target: path.to_owned(),
            errno,
        })
    }

    /// Shows the sandbox's scripts in their directory, which keeps nothing of them.
    pub fn show_scripts(&self, scripts: &[(String, String)]) -> Result<(), MountError> {
        if scripts.is_empty() {
            return Ok(());
        }
        let directory = format!("{MAIN}/scripts");
        let directory = directory.trim_start_matches('/');
        let made = rustix::fs::mkdirat(&self.initramfs, directory, Mode::from_raw_mode(0o755));
        made.map_err(|errno| MountError::Make {
            path: directory.to_owned(),
            errno,
        })?;
        for (name, content) in scripts {
            self.write_beneath(&format!("{directory}/{name}"), content, 0o755)?;
        }
        extra::make_directories(SCRIPTS)?;
        extra::graft(&self.initramfs, directory, SCRIPTS).map_err(|errno| MountError::Mount {
            what: "the sandbox's scripts".to_owned(),
            target: SCRIPTS.to_owned(),
            errno,
        })
    }

    /// Writes a file of the initramfs.
    fn write_beneath(&self, name: &str, text: &str, mode: u32) -> Result<(), MountError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode);
        let written = rustix::fs::openat(&self.initramfs, name, flags, mode).and_then(|file| {
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                rest = &rest[rustix::io::write(&file, rest)?..];
            }
            // Whatever the umask is.
            rustix::fs::fchmod(&file, mode)
        });
        written.map_err(|errno| MountError::Make {
            path: name.to_owned(),
            errno,
        })
    }

    /// Goes back to the initramfs and detaches the sandbox's root with all that is mounted in it.
    fn leave(&self) -> rustix::io::Result<()> {
        rustix::process::fchdir(&self.initramfs)?;
        rustix::process::chroot(".")?;
        // `/..` resolves to what is mounted over the root, `/` to the root itself. It is not there when the
        // boot failed before the switch, and then nothing uses the upper layer but the overlay's mount.
        match rustix::mount::unmount("/..", UnmountFlags::DETACH) {
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// Mounts the read-only share, with its pages in the host's cache (DAX) where the driver has a window to that.
fn mount_lower(tag: &str) -> Result<(), MountError> {
    let mapped = mount(tag, LOWER, "virtiofs", MountFlags::RDONLY, "dax=always");
    match mapped {
        Err(MountError::Mount {
            errno: Errno::INVAL, ..
        }) => mount(tag, LOWER, "virtiofs", MountFlags::RDONLY, ""),
        other => other,
    }
}

/// Moves the overlay over the initramfs and enters it. (The initramfs itself cannot be pivoted away.)
fn switch_root() -> rustix::io::Result<()> {
    rustix::process::chdir(ROOT)?;
    for early in ["/dev", "/sys"] {
        rustix::mount::unmount(early, UnmountFlags::DETACH)?;
    }
    rustix::mount::mount_move(".", "/")?;
    rustix::process::chroot(".")?;
    rustix::process::chdir("/")
}

/// The device node of a kernel object in /sys.
pub fn device_node(name: &str) -> PathBuf {
    PathBuf::from("/dev").join(name)
}
