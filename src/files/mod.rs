//! Files of a volume and files of a running sandbox, by the same verbs.
//!
//! [`HostFiles`] works beneath a directory of this host, [`GuestFiles`] asks a worker in the guest. What a verb does,
//! and how it fails, is the same for both, because both end in [`msb_tree`].

pub mod archive;
pub mod copy;
pub mod descriptor;
mod error;
mod guest;
mod host;
#[cfg(test)]
mod hostile_tests;
mod pool;
mod session;

pub use guest::{GuestFile, GuestFiles};
pub use host::{HostFile, HostFiles};
pub use msb_tree::{FileInfo, FileKind, OpenOptions, Page, Progress, WriteMode};
pub(crate) use pool::Pool;
pub(crate) use session::Session;

use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::ops::Lane;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Told how far a long operation is, on the thread that called it; `false` cancels the operation.
pub type OnProgress<'a> = &'a mut dyn FnMut(&Progress) -> bool;

/// Every verb on a tree of files. Paths are bytes; `.` is the root.
///
/// One that belongs to a running sandbox was made with a deadline, which holds for all its calls together.
pub trait FileTree {
    /// Whether nothing can be done with it any more, as with the files of a sandbox that has ended.
    fn is_gone(&self) -> bool {
        false
    }
    /// The whole file; one of more than `limit` bytes is refused.
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, MsbError>;
    /// Writes a whole file, which gets `mode` if it is made.
    fn write(&self, path: &Path, data: &[u8], how: WriteMode, mode: u32) -> Result<(), MsbError>;
    /// Opens a file to read and write parts of it.
    fn open(&self, path: &Path, options: &OpenOptions) -> Result<Arc<dyn OpenFile>, MsbError>;
    /// At most `limit` entries of a directory from `cursor` on; 0 is the start.
    fn list(&self, path: &Path, cursor: u64, limit: usize) -> Result<Page, MsbError>;
    /// What a name stands for: the target of a link if `follow`, otherwise the link.
    fn stat(&self, path: &Path, follow: bool) -> Result<FileInfo, MsbError>;
    /// Whether there is something of this name.
    fn exists(&self, path: &Path) -> Result<bool, MsbError>;
    /// Makes a directory, and with `parents` those above it; then it may be there already.
    fn mkdir(&self, path: &Path, mode: u32, parents: bool) -> Result<(), MsbError>;
    /// Removes anything but a directory.
    fn remove(&self, path: &Path) -> Result<(), MsbError>;
    /// Removes a directory, and if `recursive` everything in it.
    fn remove_dir(&self, path: &Path, recursive: bool) -> Result<(), MsbError>;
    /// Copies a file or a tree with modes and times.
    fn copy(&self, from: &Path, to: &Path) -> Result<(), MsbError>;
    /// Renames, replacing what has the name.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), MsbError>;
    /// Makes a symbolic link at `path` that holds `target`.
    fn symlink(&self, target: &OsStr, path: &Path) -> Result<(), MsbError>;
    /// What a symbolic link holds.
    fn readlink(&self, path: &Path) -> Result<Vec<u8>, MsbError>;
    /// Sets the permissions.
    fn chmod(&self, path: &Path, mode: u32) -> Result<(), MsbError>;
    /// Sets the times, in nanoseconds since 1970; an absent one stays.
    fn utimes(&self, path: &Path, accessed_ns: Option<i64>, modified_ns: Option<i64>)
    -> Result<(), MsbError>;
    /// Writes a tar archive of what `path` stands for.
    fn export_tar(
        &self,
        path: &Path,
        to: &mut dyn Write,
        progress: OnProgress<'_>,
    ) -> Result<Progress, MsbError>;
    /// Unpacks a tar archive beneath the directory `path`, which is made if need be.
    fn import_tar(
        &self,
        path: &Path,
        from: &mut dyn Read,
        progress: OnProgress<'_>,
    ) -> Result<Progress, MsbError>;
}

/// An open file. Dropping it closes it. The deadlines are for a file of a sandbox; host files do not wait.
pub trait OpenFile: Send + Sync {
    /// Where operations on it wait for a thread.
    fn lane(&self) -> Lane;
    /// Reads at `offset` until `buffer` is full or the file ends; returns how much there was.
    fn pread(&self, buffer: &mut [u8], offset: u64, deadline: Deadline) -> Result<usize, MsbError>;
    /// Writes all of `data` at `offset`.
    fn pwrite(&self, data: &[u8], offset: u64, deadline: Deadline) -> Result<(), MsbError>;
    /// Writes all of `data` at the end.
    fn append(&self, data: &[u8], deadline: Deadline) -> Result<(), MsbError>;
    /// Its size in bytes.
    fn size(&self, deadline: Deadline) -> Result<u64, MsbError>;
    /// Cuts it off at, or extends it with zeroes to, `len` bytes.
    fn truncate(&self, len: u64, deadline: Deadline) -> Result<(), MsbError>;
    /// Returns once what was written is on the disk.
    fn sync(&self, deadline: Deadline) -> Result<(), MsbError>;
    /// What it is.
    fn stat(&self, deadline: Deadline) -> Result<FileInfo, MsbError>;
}
