//! Copies between this host and the guest of a running sandbox: one file, or a directory with everything in it.
//!
//! Host paths are the caller's own and are resolved as such; beneath a directory that is copied to, nothing that the
//! guest sends leads out of it. A copy takes the name that it is given: `to` is never a directory to copy into. A copy that
//! fails or is given up leaves nothing of that name if nothing had it before.

use super::guest::GuestFiles;
use super::session::{Download, cancelled};
use super::{FileTree, OnProgress};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ops;
use crate::volume::remove::delete_all;
use msb_protocol::files::FileRequest;
use msb_tree::{FileInfo, FileKind, OpenOptions, Progress, Tree, TreeError, TreeErrorKind, WriteMode};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is passed on at a time, in bytes.
const PIECE: usize = 256 * 1024;
/// How long a guest may take to remove what a failed copy left.
const UNDO_TIMEOUT: Duration = Duration::from_secs(10);
/// Permissions of a directory that is made to copy into; an archive that knows better sets its own.
const NEW_DIRECTORY: u32 = 0o755;
/// The permissions of a file that a copy keeps: whom it runs as is not for one system to say in another.
const MODE_BITS: u32 = 0o777;

/// Copies a file or directory of this host into the guest, where it is called `to`.
pub fn copy_in(
    guest: &GuestFiles,
    from: &Path,
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<Progress, MsbError> {
    let failed = |error| MsbError::from(TreeError::io("copy", from, error));
    // What a link of the caller's stands for.
    let from = fs::canonicalize(from).map_err(failed)?;
    let is_directory = fs::metadata(&from).map_err(failed)?.is_dir();
    let is_new = is_absent(guest.stat(to, false))?;
    let copied = if is_directory {
        directory_in(guest, &from, to, progress)
    } else {
        file_in(guest, &from, to, progress)
    };
    copied.inspect_err(|_| {
        if is_new {
            let _whole = ops::Uninterrupted::begin();
            let guest = guest.until(Deadline::after(UNDO_TIMEOUT));
            // A guest that does not answer keeps what it has.
            let _ = if is_directory {
                guest.remove_dir(to, true)
            } else {
                guest.remove(to)
            };
        }
    })
}

/// Whether a look found nothing there.
fn is_absent(found: Result<FileInfo, MsbError>) -> Result<bool, MsbError> {
    match found {
        Ok(_) => Ok(false),
        Err(error) if error.status() == Status::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Copies a file or directory of the guest to this host, where it is called `to`.
pub fn copy_out(
    guest: &GuestFiles,
    from: &Path,
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<Progress, MsbError> {
    let found = guest.stat(from, true)?;
    let is_new = matches!(fs::symlink_metadata(to), Err(error) if error.kind() == io::ErrorKind::NotFound);
    match found.kind {
        FileKind::Directory => directory_out(guest, from, to, progress).inspect_err(|_| {
            if is_new {
                // The failure of the copy is the one to tell of.
                let _ = delete_all(to);
            }
        }),
        FileKind::File => file_out(guest, (from, &found), to, progress).inspect_err(|_| {
            if is_new {
                let _ = fs::remove_file(to);
            }
        }),
        FileKind::Symlink
        | FileKind::Fifo
        | FileKind::Socket
        | FileKind::CharDevice
        | FileKind::BlockDevice => Err(TreeError::refused(TreeErrorKind::NotAFile, "copy", from).into()),
    }
}

fn directory_in(
    guest: &GuestFiles,
    from: &Path,
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<Progress, MsbError> {
    let tree = Tree::beneath(from)?;
    guest.mkdir(to, NEW_DIRECTORY, true)?;
    let request = FileRequest::Import {
        path: to.as_os_str().as_bytes().to_vec(),
    };
    guest.with_end(|session, deadline| {
        let mut upload = session.upload(&request, deadline)?;
        let exported = tree.export_tar(Path::new("."), &mut upload, progress);
        match (exported, upload.take_error()) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(upload.abort_for(error.into())),
            (Ok(total), None) => upload.finish(&mut |_| true).map(|_| total),
        }
    })
}

fn directory_out(
    guest: &GuestFiles,
    from: &Path,
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<Progress, MsbError> {
    match fs::create_dir(to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(TreeError::io("make the directory", to, error).into());
        }
        _ => {}
    }
    let tree = Tree::beneath(to)?;
    let request = FileRequest::Export {
        path: from.as_os_str().as_bytes().to_vec(),
    };
    guest.with(|session, deadline| {
        let mut download = session.download(&request, deadline)?;
        let total = match (
            tree.import_tar(Path::new("."), &mut download, progress),
            download.take_error(),
        ) {
            (_, Some(error)) => return Err(error),
            (imported, None) => imported?,
        };
        // An archive may go on after its last entry.
        let mut rest = vec![0; PIECE];
        take(&mut download, &mut rest, |_| Ok(()))?;
        download.finish()?;
        Ok(total)
    })
}

fn file_in(
    guest: &GuestFiles,
    from: &Path,
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<Progress, MsbError> {
    let (tree, name) = beside(from)?;
    let file = tree.open(
        &name,
        &OpenOptions {
            read: true,
            ..OpenOptions::default()
        },
    )?;
    let info = file.stat()?;
    ops::expect_progress(info.size, 1);
    let mode = info.mode & MODE_BITS;
    let request = FileRequest::Write {
        path: to.as_os_str().as_bytes().to_vec(),
        how: WriteMode::Replace,
        mode,
    };
    let copied = guest.with_end(|session, deadline| {
        let mut upload = session.upload(&request, deadline)?;
        let mut piece = vec![0; PIECE];
        let mut copied = Progress { bytes: 0, entries: 0 };
        let interrupted = loop {
            match file.pread(&mut piece, copied.bytes) {
                Ok(0) => break None,
                Ok(count) if upload.send(&piece[..count])? => copied.bytes += count as u64,
                // It has answered, and says why.
                Ok(_) => break Some(cancelled()),
                Err(error) => break Some(error.into()),
            }
            if !progress(&copied) {
                break Some(cancelled());
            }
        };
        match interrupted {
            None => upload.finish(&mut |_| true)?,
            Some(error) => return Err(upload.abort_for(error)),
        };
        Ok(copied)
    })?;
    guest.chmod(to, mode)?;
    guest.utimes(to, None, Some(info.modified_ns))?;
    ops::set_progress(copied.bytes, 1);
    Ok(Progress { entries: 1, ..copied })
}

fn file_out(
    guest: &GuestFiles,
    (from, found): (&Path, &FileInfo),
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<Progress, MsbError> {
    ops::expect_progress(found.size, 1);
    let mode = found.mode & MODE_BITS;
    let (tree, name) = beside(to)?;
    let file = tree.open(
        &name,
        &OpenOptions {
            write: true,
            create: true,
            truncate: true,
            mode,
            ..OpenOptions::default()
        },
    )?;
    let request = FileRequest::Read {
        path: from.as_os_str().as_bytes().to_vec(),
        limit: u64::MAX,
    };
    let mut copied = Progress { bytes: 0, entries: 0 };
    guest.with(|session, deadline| {
        let mut download = session.download(&request, deadline)?;
        take(&mut download, &mut vec![0; PIECE], |piece| {
            let mut rest = piece;
            while !rest.is_empty() {
                let written = file.pwrite(rest, copied.bytes)?;
                rest = &rest[written..];
                copied.bytes += written as u64;
            }
            if progress(&copied) {
                Ok(())
            } else {
                Err(cancelled())
            }
        })?;
        download.finish()
    })?;
    tree.chmod(&name, mode)?;
    tree.utimes(&name, None, Some(found.modified_ns))?;
    ops::set_progress(copied.bytes, 1);
    Ok(Progress { entries: 1, ..copied })
}

/// Passes on all of a download, by pieces as large as `piece` at most.
fn take(
    download: &mut Download<'_>,
    piece: &mut [u8],
    mut pass_on: impl FnMut(&[u8]) -> Result<(), MsbError>,
) -> Result<(), MsbError> {
    loop {
        let count = download.available(&mut |_| true)?.min(piece.len());
        if count == 0 {
            return Ok(());
        }
        let piece = &mut piece[..count];
        download.fill(piece)?;
        pass_on(piece)?;
    }
}

/// The directory of a file, and the file's name in it: a link of that name is not followed out of the directory.
fn beside(path: &Path) -> Result<(Tree, PathBuf), MsbError> {
    let name = path
        .file_name()
        .ok_or_else(|| TreeError::refused(TreeErrorKind::BadPath, "copy", path))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Ok((Tree::beneath(directory)?, PathBuf::from(name)))
}
