//! The machine's file systems: what the agent itself needs, the sandbox's root, and their end.
//!
//! The root is an overlay moved over the initramfs. The initramfs stays reachable below it through a
//! descriptor, because the upper disk is mounted there and has to be made read-only at the end.

use msb_protocol::agent::{Lower, Upper};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use thiserror::Error;

/// Where the layers are mounted in the initramfs.
const LOWER: &str = "/msb/lower";
const UPPER: &str = "/msb/upper";
const ROOT: &str = "/msb/root";

/// A file system that cannot be mounted or entered.
#[derive(Debug, Error)]
pub enum MountError {
    /// A mount was refused.
    #[error("{what} cannot be mounted on {target} in the guest; check the sandbox's image and upper layer")]
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
            Self::Mount { errno, .. } | Self::Make { errno, .. } | Self::Switch(errno) => {
                errno.raw_os_error()
            }
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

/// Mounts what finding devices takes; all that is mounted before Boot.
pub fn mount_early() -> Result<(), MountError> {
    for path in ["/sys", "/dev"] {
        make_directory(path)?;
    }
    mount(
        "sysfs",
        "/sys",
        "sysfs",
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
        "",
    )?;
    mount("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, "mode=0755")
}

/// The sandbox's root, once there is one.
#[derive(Debug)]
pub struct Root {
    initramfs: OwnedFd,
    upper_mounted: bool,
    upper_is_disk: bool,
}

impl Root {
    /// Still the initramfs.
    pub fn initramfs() -> Result<Self, MountError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let initramfs = rustix::fs::openat(CWD, "/", flags, Mode::empty()).map_err(MountError::Switch)?;
        Ok(Self {
            initramfs,
            upper_mounted: false,
            upper_is_disk: false,
        })
    }

    /// Mounts the layers, joins them, enters the result and mounts in it what Linux programs expect.
    pub fn assemble(&mut self, lower: &Lower, upper: &Upper) -> Result<(), MountError> {
        for path in ["/msb", LOWER, UPPER, ROOT] {
            make_directory(path)?;
        }
        let Lower::Share { tag } = lower;
        mount(tag, LOWER, "virtiofs", MountFlags::RDONLY, "")?;
        self.mount_upper(upper)?;
        let layers = format!("lowerdir={LOWER},upperdir={UPPER}/upper,workdir={UPPER}/work");
        mount("overlay", ROOT, "overlay", MountFlags::empty(), &layers)?;
        switch_root().map_err(MountError::Switch)?;
        mount_in_root()
    }

    fn mount_upper(&mut self, upper: &Upper) -> Result<(), MountError> {
        match upper {
            Upper::Disk { serial } => {
                let device = find_disk(serial)?;
                // Without a background thread that would fill the sparse image with zeroes.
                mount(&device, UPPER, "ext4", MountFlags::empty(), "noinit_itable")?;
                self.upper_is_disk = true;
            }
            Upper::Tmpfs { size_mib } => {
                mount(
                    "tmpfs",
                    UPPER,
                    "tmpfs",
                    MountFlags::empty(),
                    &format!("mode=0755,size={size_mib}m"),
                )?;
                make_directory(&format!("{UPPER}/upper"))?;
                make_directory(&format!("{UPPER}/work"))?;
            }
        }
        self.upper_mounted = true;
        Ok(())
    }

    /// Leaves and unmounts everything. True when the upper layer is safe: a successful remount as read-only
    /// means that nothing writes to it and that all of it is on the disk.
    pub fn unmount(&mut self) -> bool {
        if !self.upper_mounted || !self.upper_is_disk {
            return true;
        }
        let left = self.leave();
        let upper = UPPER.trim_start_matches('/');
        let safe = left.and_then(|()| {
            rustix::mount::mount_remount(upper, MountFlags::RDONLY, c"")
                .or_else(|_| rustix::mount::unmount(upper, UnmountFlags::empty()))
        });
        if safe.is_err() {
            rustix::fs::sync();
        }
        safe.is_ok()
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

/// The device of the disk with this serial.
fn find_disk(serial: &str) -> Result<String, MountError> {
    let missing = || MountError::NoDisk(serial.to_owned());
    fs::read_dir("/sys/block")
        .map_err(|_| missing())?
        .filter_map(Result::ok)
        .find(|entry| {
            fs::read_to_string(entry.path().join("serial")).is_ok_and(|found| found.trim() == serial)
        })
        .and_then(|entry| entry.file_name().into_string().ok())
        .map(|name| format!("/dev/{name}"))
        .ok_or_else(missing)
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

/// The file systems and links that every Linux program expects.
fn mount_in_root() -> Result<(), MountError> {
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for path in ["/proc", "/sys", "/dev"] {
        make_directory(path)?;
    }
    mount("proc", "/proc", "proc", quiet, "")?;
    mount("sysfs", "/sys", "sysfs", quiet, "")?;
    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", quiet, "")?;
    mount("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, "mode=0755")?;
    for path in ["/dev/pts", "/dev/shm", "/dev/mqueue"] {
        make_directory(path)?;
    }
    let terminals = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(
        "devpts",
        "/dev/pts",
        "devpts",
        terminals,
        "gid=5,mode=0620,ptmxmode=0666",
    )?;
    mount(
        "tmpfs",
        "/dev/shm",
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        "mode=1777",
    )?;
    mount("mqueue", "/dev/mqueue", "mqueue", quiet, "")?;
    if rustix::fs::stat("/run").is_ok() {
        mount(
            "tmpfs",
            "/run",
            "tmpfs",
            MountFlags::NOSUID | MountFlags::NODEV,
            "mode=0755",
        )?;
    }
    let links = [
        ("/proc/self/fd", "/dev/fd"),
        ("/proc/self/fd/0", "/dev/stdin"),
        ("/proc/self/fd/1", "/dev/stdout"),
        ("/proc/self/fd/2", "/dev/stderr"),
    ];
    for (target, link) in links {
        match rustix::fs::symlink(target, link) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => {
                return Err(MountError::Make {
                    path: link.to_owned(),
                    errno,
                });
            }
        }
    }
    Ok(())
}

/// The device node of a kernel object in /sys.
pub fn device_node(name: &str) -> PathBuf {
    PathBuf::from("/dev").join(name)
}
