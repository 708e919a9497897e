//! What is known about a file, and the other plain values that verbs take and give.
//!
//! All of them cross the link of a guest as they are, so they hold numbers and bytes and no handles.

use rustix::fs::{FileType, Stat};
use serde::{Deserialize, Serialize};

/// What something in a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix-domain socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device, or something the system has no better word for.
    BlockDevice,
}

/// What `stat` and `list` tell about one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// The last component of its path, in the bytes of the file system; empty where it has no name of its own.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: FileKind,
    /// Bytes of content.
    pub size: u64,
    /// Permission bits, the set-ID bits and the sticky bit: at most 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names that it has.
    pub nlink: u64,
    /// Last read, in nanoseconds since 1970.
    pub accessed_ns: i64,
    /// Last change of its content, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Last change of anything about it, in nanoseconds since 1970.
    pub changed_ns: i64,
    /// Number within its file system.
    pub inode: u64,
    /// Number of its file system.
    pub device: u64,
}

impl FileInfo {
    pub(crate) fn new(name: &[u8], stat: &Stat) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind_of(stat),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            #[allow(clippy::useless_conversion, reason = "its width depends on the architecture")]
            nlink: stat.st_nlink.into(),
            accessed_ns: nanoseconds(stat.st_atime, stat.st_atime_nsec),
            modified_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            changed_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
            device: stat.st_dev,
        }
    }
}

pub(crate) fn kind_of(stat: &Stat) -> FileKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice => FileKind::CharDevice,
        _ => FileKind::BlockDevice,
    }
}

/// Saturates: a hostile file system may claim any year.
fn nanoseconds(seconds: i64, nanoseconds: u64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(i64::try_from(nanoseconds).unwrap_or(0))
}

/// Some entries of a directory, in the directory's own order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The entries, without `.` and `..`.
    pub entries: Vec<FileInfo>,
    /// The cursor of the next page; absent once the directory has ended.
    pub next: Option<u64>,
}

/// How `write` treats what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// The file's content becomes the data, in place.
    Replace,
    /// The data goes after the file's content.
    Append,
    /// A new file with the data takes the place of the old one at once: whoever looks, and whenever the power
    /// fails, there is either the old content or the new. A link of that name is replaced, not followed.
    Atomic,
}

/// How `open` opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOptions {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Makes the file where there is none.
    pub create: bool,
    /// With `create`: refuses what exists already.
    pub exclusive: bool,
    /// With `write`: empties the file.
    pub truncate: bool,
    /// With `write`: `TreeFile::append` is allowed, and every write goes to the end.
    pub append: bool,
    /// Permission bits of a file that is made, before the process's umask.
    pub mode: u32,
}

/// How far an import or export is, or was when it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes of file content so far.
    pub bytes: u64,
    /// Entries so far.
    pub entries: u64,
}

/// What a tree holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Sizes of the distinct regular files; everything else counts as no bytes.
    pub bytes: u64,
    /// Files, directories and links below the root, each inode once.
    pub inodes: u64,
}
