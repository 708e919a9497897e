//! The file systems that every Linux program expects, and those that the agent needs before there is a root.

use super::{MountError, make_directory, mount};
use rustix::io::Errno;
use rustix::mount::MountFlags;

/// For what holds no programs and no devices.
const QUIET: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);

/// Mounts what finding devices takes; all that is mounted before Boot.
pub fn mount_early() -> Result<(), MountError> {
    for path in ["/sys", "/dev"] {
        make_directory(path)?;
    }
    mount("sysfs", "/sys", "sysfs", QUIET, "")?;
    mount("devtmpfs", "/dev", "devtmpfs", MountFlags::NOSUID, "mode=0755")
}

/// The file systems and links that every Linux program expects.
pub(super) fn mount_in_root() -> Result<(), MountError> {
    for path in ["/proc", "/sys", "/dev"] {
        make_directory(path)?;
    }
    mount("proc", "/proc", "proc", QUIET, "")?;
    mount("sysfs", "/sys", "sysfs", QUIET, "")?;
    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", QUIET, "")?;
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
    mount("mqueue", "/dev/mqueue", "mqueue", QUIET, "")?;
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
