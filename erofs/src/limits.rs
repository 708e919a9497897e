//! What an archive or an image may at most be. Every number that comes from outside is held against one of these before
//! memory or disk is given for it.

/// Bounds of one layer, or of one merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries, counting those that later ones replace and directories that are only implied.
    pub entries: u64,
    /// Size of one file as its reader sees it, holes included.
    pub file_bytes: u64,
    /// Size of the file that is written; holes of it count.
    pub total_bytes: u64,
    /// Length of a path, and of what a symbolic link points to. More than 4095 is taken as 4095.
    pub path_bytes: usize,
    /// Length of one name. More than 255 is taken as 255.
    pub name_bytes: usize,
    /// Names and values of the extended attributes of one entry. More than 255 KiB is taken as 255 KiB.
    pub xattr_bytes: usize,
    /// Memory for everything that is known about the entries: the process needs about this much at most.
    pub metadata_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            file_bytes: 64 << 30,
            total_bytes: 256 << 30,
            path_bytes: 4095,
            name_bytes: 255,
            xattr_bytes: 64 << 10,
            metadata_bytes: 256 << 20,
        }
    }
}

/// Which of the [`Limits`] it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// [`Limits::entries`]
    Entries,
    /// [`Limits::file_bytes`]
    FileBytes,
    /// [`Limits::total_bytes`]
    TotalBytes,
    /// [`Limits::path_bytes`]
    PathBytes,
    /// [`Limits::name_bytes`]
    NameBytes,
    /// [`Limits::xattr_bytes`]
    XattrBytes,
    /// [`Limits::metadata_bytes`]
    MetadataBytes,
}

impl LimitKind {
    fn what(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::FileBytes => "bytes in one file",
            Self::TotalBytes => "bytes in one layer",
            Self::PathBytes => "bytes in a path or link",
            Self::NameBytes => "bytes in a name",
            Self::XattrBytes => "bytes of extended attributes of one entry",
            Self::MetadataBytes => "bytes of names, links and attributes in memory",
        }
    }
}

/// More than is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {allowed} {}: if the image is trusted, raise this limit", .kind.what())]
pub struct LimitError {
    /// Which limit.
    pub kind: LimitKind,
    /// What it is.
    pub allowed: u64,
}

impl LimitError {
    /// Nothing if `wanted` is allowed.
    pub(crate) fn check(kind: LimitKind, wanted: u64, allowed: u64) -> Result<(), Self> {
        if wanted <= allowed {
            Ok(())
        } else {
            Err(Self { kind, allowed })
        }
    }
}

impl Limits {
    /// Longest path, as Linux can open it.
    pub(crate) fn path_room(&self) -> usize {
        self.path_bytes.min(4095)
    }

    /// Longest name that a directory entry can hold.
    pub(crate) fn name_room(&self) -> usize {
        self.name_bytes.min(255)
    }

    /// Most that an inode's count of attribute words can express, rounded down.
    pub(crate) fn xattr_room(&self) -> usize {
        self.xattr_bytes.min(255 << 10)
    }
}
