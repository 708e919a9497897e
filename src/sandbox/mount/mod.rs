//! What a guest sees in its tree beside its root: options, their stored form, and what a start makes of them.
//!
//! Invariant: a [`Mount`] names one source and a path that [`path::normalise`] gave; what of it this host has is asked
//! when the sandbox is created and again when it starts.

pub mod in_use;
pub mod launch;
pub mod options;
pub mod path;
pub mod resolve;
pub mod stored;
pub mod volumes;

use crate::sandbox::disk_image::DiskImage;
use std::path::PathBuf;

/// One mount of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where the guest sees it: absolute, without empty components, `.` and `..`.
    pub guest_path: String,
    /// What it sees.
    pub source: Source,
    /// What it may do with it.
    pub flags: Flags,
    /// User and group that everything in it is presented as owned by, if not those of the host.
    pub owner: Option<(u32, u32)>,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A volume of the same home.
    Volume {
        /// Its name.
        name: String,
    },
    /// Something of the host's tree.
    Bind {
        /// Absolute path.
        path: PathBuf,
        /// What it was when the sandbox was created; nothing in configurations of 0.5.8.
        kind: Option<BindKind>,
    },
    /// Guest memory.
    Tmpfs {
        /// Most it may hold, in MiB.
        size_mib: Option<u32>,
        /// Mode of its root.
        mode: Option<u32>,
    },
    /// A disk image.
    Disk(DiskImage),
}

impl Source {
    /// The name that the ABI uses for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Volume { .. } => "volume",
            Self::Bind { .. } => "bind",
            Self::Tmpfs { .. } => "tmpfs",
            Self::Disk(_) => "disk",
        }
    }

    /// The volume's name or the host's path; empty for memory.
    pub fn text(&self) -> String {
        match self {
            Self::Volume { name } => name.clone(),
            Self::Bind { path, .. } => path.display().to_string(),
            Self::Tmpfs { .. } => String::new(),
            Self::Disk(image) => image.path.display().to_string(),
        }
    }
}

/// What is told of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountInfo {
    /// Where the guest sees it.
    pub guest_path: String,
    /// The name that the ABI uses for the kind of its source.
    pub kind: &'static str,
    /// The volume's name or the host's path; empty for memory.
    pub source: String,
    /// What the guest may do with it.
    pub flags: Flags,
}

impl From<Mount> for MountInfo {
    fn from(mount: Mount) -> Self {
        Self {
            kind: mount.source.kind(),
            source: mount.source.text(),
            guest_path: mount.guest_path,
            flags: mount.flags,
        }
    }
}

/// What of the host's tree is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindKind {
    /// A directory with everything in it.
    Directory,
    /// One file.
    File,
}

/// What a guest may do with a mount, in the spelling of 0.5.8.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Flags {
    /// Nothing can be written.
    #[serde(rename = "readonly")]
    pub read_only: bool,
    /// Nothing can be run.
    pub noexec: bool,
    /// Set-user-ID bits do nothing.
    pub nosuid: bool,
    /// Device nodes do nothing.
    pub nodev: bool,
}
