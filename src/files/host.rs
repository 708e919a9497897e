//! Files beneath a directory of this host.

use super::{FileTree, OnProgress, OpenFile};
use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::ops::Lane;
use msb_tree::{FileInfo, OpenOptions, Page, Progress, Tree, TreeFile, WriteMode};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// The files beneath a directory.
#[derive(Debug, Clone)]
pub struct HostFiles(Arc<Tree>);

impl HostFiles {
    /// Those of `tree`.
    pub fn new(tree: Arc<Tree>) -> Self {
        Self(tree)
    }
}

impl FileTree for HostFiles {
    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, MsbError> {
        Ok(self.0.read(path, limit)?)
    }

    fn write(&self, path: &Path, data: &[u8], how: WriteMode, mode: u32) -> Result<(), MsbError> {
        Ok(self.0.write(path, data, how, mode)?)
    }

    fn open(&self, path: &Path, options: &OpenOptions) -> Result<Arc<dyn OpenFile>, MsbError> {
        Ok(Arc::new(HostFile(self.0.open(path, options)?)))
    }

    fn list(&self, path: &Path, cursor: u64, limit: usize) -> Result<Page, MsbError> {
        Ok(self.0.list(path, cursor, limit)?)
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<FileInfo, MsbError> {
        Ok(self.0.stat(path, follow)?)
    }

    fn exists(&self, path: &Path) -> Result<bool, MsbError> {
        Ok(self.0.exists(path)?)
    }

    fn mkdir(&self, path: &Path, mode: u32, parents: bool) -> Result<(), MsbError> {
        Ok(self.0.mkdir(path, mode, parents)?)
    }

    fn remove(&self, path: &Path) -> Result<(), MsbError> {
        Ok(self.0.remove(path)?)
    }

    fn remove_dir(&self, path: &Path, recursive: bool) -> Result<(), MsbError> {
        Ok(self.0.remove_dir(path, recursive)?)
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<(), MsbError> {
        Ok(self.0.copy(from, to)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), MsbError> {
        Ok(self.0.rename(from, to)?)
    }

    fn symlink(&self, target: &OsStr, path: &Path) -> Result<(), MsbError> {
        Ok(self.0.symlink(target, path)?)
    }

    fn readlink(&self, path: &Path) -> Result<Vec<u8>, MsbError> {
        Ok(self.0.readlink(path)?)
    }

    fn chmod(&self, path: &Path, mode: u32) -> Result<(), MsbError> {
        Ok(self.0.chmod(path, mode)?)
    }

    fn utimes(
        &self,
        path: &Path,
        accessed_ns: Option<i64>,
        modified_ns: Option<i64>,
    ) -> Result<(), MsbError> {
        Ok(self.0.utimes(path, accessed_ns, modified_ns)?)
    }

    fn export_tar(
        &self,
        path: &Path,
        to: &mut dyn Write,
        progress: OnProgress<'_>,
    ) -> Result<Progress, MsbError> {
        Ok(self.0.export_tar(path, to, progress)?)
    }

    fn import_tar(
        &self,
        path: &Path,
        from: &mut dyn Read,
        progress: OnProgress<'_>,
    ) -> Result<Progress, MsbError> {
        Ok(self.0.import_tar(path, from, progress)?)
    }
}

/// An open file of this host.
#[derive(Debug)]
pub struct HostFile(TreeFile);

/// Writes all of `data`, however much of it goes at once.
fn write_all(
    data: &[u8],
    mut write: impl FnMut(&[u8], u64) -> Result<usize, msb_tree::TreeError>,
) -> Result<(), MsbError> {
    let mut written = 0;
    while written < data.len() {
        written += write(&data[written..], written as u64)?;
    }
    Ok(())
}

impl OpenFile for HostFile {
    fn lane(&self) -> Lane {
        Lane::Local
    }

    fn pread(&self, buffer: &mut [u8], offset: u64, _deadline: Deadline) -> Result<usize, MsbError> {
        Ok(self.0.pread(buffer, offset)?)
    }

    fn pwrite(&self, data: &[u8], offset: u64, _deadline: Deadline) -> Result<(), MsbError> {
        write_all(data, |rest, written| {
            self.0.pwrite(rest, offset.saturating_add(written))
        })
    }

    fn append(&self, data: &[u8], _deadline: Deadline) -> Result<(), MsbError> {
        write_all(data, |rest, _| self.0.append(rest))
    }

    fn size(&self, _deadline: Deadline) -> Result<u64, MsbError> {
        Ok(self.0.size()?)
    }

    fn truncate(&self, len: u64, _deadline: Deadline) -> Result<(), MsbError> {
        Ok(self.0.truncate(len)?)
    }

    fn sync(&self, _deadline: Deadline) -> Result<(), MsbError> {
        Ok(self.0.sync()?)
    }

    fn stat(&self, _deadline: Deadline) -> Result<FileInfo, MsbError> {
        Ok(self.0.stat()?)
    }
}
