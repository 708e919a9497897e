//! What a sandbox mounts in its root: shares, single files, disks and memory.
//!
//! A share or disk is mounted twice: beneath the root, where it can be made safe at the end whatever the guest did to
//! its tree, and from there at its place. Both have the same flags, which its users cannot change without being root in
//! the guest; what is read-only is so on the host as well.

use super::{MAIN, MountError, disk, make_directory, mount};
use msb_protocol::agent::{GuestMount, GuestSource};
use rustix::fd::AsFd;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags};
use std::os::fd::OwnedFd;

/// A mount beneath the root that waits for its place.
#[derive(Debug)]
pub(super) struct Mounted {
    /// Where it is, from the initramfs on.
    pub(super) path: String,
    /// Whether unwritten data of it may be in memory.
    pub(super) writable: bool,
}

impl Mounted {
    pub(super) fn writable(path: &str) -> Self {
        Self {
            path: path.trim_start_matches('/').to_owned(),
            writable: true,
        }
    }
}

/// Mounts `mount` beneath the root; nothing for memory, of which there is nothing to save.
pub(super) fn beneath(mount: &GuestMount, index: usize) -> Result<Option<Mounted>, MountError> {
    let place = format!("{MAIN}/m{index}");
    let (what, kind) = match &mount.source {
        GuestSource::Tmpfs { .. } => return Ok(None),
        GuestSource::Share { tag } | GuestSource::SharedFile { tag, .. } => {
            (tag.clone(), "virtiofs".to_owned())
        }
        GuestSource::Disk(disk) => disk::open(disk)?,
    };
    make_directory(&place)?;
    super::mount(&what, &place, &kind, flags(mount), options(&kind))?;
    Ok(Some(Mounted {
        path: place.trim_start_matches('/').to_owned(),
        writable: !mount.read_only,
    }))
}

/// Options of a disk's file system.
fn options(kind: &str) -> &'static str {
    match kind {
        // Without a background thread that would fill a sparse image with zeroes.
        "ext4" => "noinit_itable",
        _ => "",
    }
}

fn flags(mount: &GuestMount) -> MountFlags {
    [
        (mount.read_only, MountFlags::RDONLY),
        (mount.noexec, MountFlags::NOEXEC),
        (mount.nosuid, MountFlags::NOSUID),
        (mount.nodev, MountFlags::NODEV),
    ]
    .into_iter()
    .filter_map(|(asked, flag)| asked.then_some(flag))
    .collect()
}

/// Puts `spec` at its place in the root, which is entered by now; `initramfs` is what lies beneath.
pub(super) fn place(
    spec: &GuestMount,
    mounted: Option<&Mounted>,
    initramfs: &OwnedFd,
) -> Result<(), MountError> {
    let refused = |errno| MountError::Mount {
        what: match &spec.source {
            GuestSource::Share { .. } => "a directory",
            GuestSource::SharedFile { .. } => "a file",
            GuestSource::Tmpfs { .. } => "a tmpfs",
            GuestSource::Disk(_) => "a disk",
        }
        .to_owned(),
        target: spec.path.clone(),
        errno,
    };
    let source = match (&spec.source, mounted) {
        (
            GuestSource::Tmpfs {
                size_mib,
                mode,
                owner,
            },
            _,
        ) => {
            make_directories(&spec.path)?;
            let (uid, gid) = owner;
            let size = size_mib.map_or_else(String::new, |size| format!(",size={size}m"));
            let options = format!("mode={mode:o},uid={uid},gid={gid}{size}");
            return mount("tmpfs", &spec.path, "tmpfs", flags(spec), &options);
        }
        (GuestSource::SharedFile { name, .. }, Some(mounted)) => {
            make_file(&spec.path)?;
            format!("{}/{name}", mounted.path)
        }
        (_, Some(mounted)) => {
            make_directories(&spec.path)?;
            mounted.path.clone()
        }
        (_, None) => return Err(refused(Errno::NOENT)),
    };
    graft(initramfs, &source, &spec.path).map_err(refused)
}

/// Shows what lies at `source` beneath the root at `target` in it.
pub(super) fn graft(initramfs: &OwnedFd, source: &str, target: &str) -> rustix::io::Result<()> {
    let open = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = rustix::mount::open_tree(initramfs, source, open)?;
    let moving = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    rustix::mount::move_mount(tree.as_fd(), "", CWD, target, moving)
}

/// Makes a directory with its parents, where they are missing.
pub(super) fn make_directories(path: &str) -> Result<(), MountError> {
    let ends = path.match_indices('/').map(|(end, _)| end).filter(|&end| end > 0);
    ends.map(|end| &path[..end])
        .chain([path])
        .try_for_each(make_directory)
}

/// Makes an empty file, and the directories above it, where they are missing.
pub(super) fn make_file(path: &str) -> Result<(), MountError> {
    if let Some((parent, _)) = path.rsplit_once('/')
        && !parent.is_empty()
    {
        make_directories(parent)?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::from_raw_mode(0o644)) {
        Ok(_) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(MountError::Make {
            path: path.to_owned(),
            errno,
        }),
    }
}
