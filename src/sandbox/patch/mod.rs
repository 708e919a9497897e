//! Patches: what a sandbox's root is changed by before anybody uses it.
//!
//! They are applied in the guest, by its own kernel, after it has come up and before the runner lets anybody in. So they
//! mean the same on every kind of root, and no path in an image is ever resolved on the host.

pub mod options;

use crate::error::{MsbError, Status};
use crate::files::{FileInfo, FileKind, FileTree, GuestFiles, WriteMode, copy};
use crate::ops;
use msb_protocol::launch::Driver;
use options::{PatchOp, PatchOptions};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Mode of a new file.
const FILE_MODE: u32 = 0o644;
/// Mode of a new directory.
const DIRECTORY_MODE: u32 = 0o755;

/// The patches with the files of this host that they copy, by their full paths; each is there.
pub fn resolve(patches: &[PatchOptions]) -> Result<Vec<PatchOptions>, MsbError> {
    patches
        .iter()
        .map(|patch| {
            let Some(source) = &patch.source else {
                return Ok(patch.clone());
            };
            let full = source_of(patch, Path::new(source))?;
            let full = full.into_os_string().into_string().map_err(|full| {
                MsbError::new(
                    Status::InvalidArgument,
                    "patch.source",
                    format!("the full path of {source:?} is {full:?}, which is not UTF-8"),
                )
                .remedy("rename what is not UTF-8, or copy it elsewhere first")
            })?;
            Ok(PatchOptions {
                source: Some(full),
                ..patch.clone()
            })
        })
        .collect()
}

/// The full path of what a patch copies, if that is what its operation is for.
fn source_of(patch: &PatchOptions, source: &Path) -> Result<PathBuf, MsbError> {
    let failed = |error: &io::Error| {
        MsbError::io("patch.source", "cannot copy into the root", source, error)
            .remedy("set source to what is there and can be read")
    };
    let full = fs::canonicalize(source).map_err(|error| failed(&error))?;
    let found = fs::metadata(&full).map_err(|error| failed(&error))?;
    let (fits, wanted) = match patch.op {
        Some(PatchOp::CopyDir) => (found.is_dir(), "directory"),
        _ => (found.is_file(), "file"),
    };
    if fits {
        return Ok(full);
    }
    Err(MsbError::new(
        Status::InvalidArgument,
        "patch.source",
        format!("{} is not a {wanted}", full.display()),
    )
    .remedy("use copy_file for a file and copy_dir for a directory"))
}

/// Refuses patches where there is no root of the sandbox's own.
pub fn check_driver(
    name: &str,
    driver: Driver,
    patches: &[PatchOptions],
) -> Result<Vec<PatchOptions>, MsbError> {
    if patches.is_empty() {
        return Ok(Vec::new());
    }
    Err(MsbError::new(
        Status::Unsupported,
        "patch.unsupported",
        format!("sandbox {name:?} has patches, and the driver {driver:?} has no root to apply them to"),
    )
    .detail("sandbox", name))
}

/// Applies the patches in their order. The guest is that of sandbox `name`, which nobody else uses yet.
pub fn apply(guest: &GuestFiles, name: &str, patches: &[PatchOptions]) -> Result<(), MsbError> {
    for (index, patch) in patches.iter().enumerate() {
        ops::check_cancelled()?;
        apply_one(guest, patch).map_err(|error| failed(name, index, patch, error))?;
    }
    Ok(())
}

fn failed(name: &str, index: usize, patch: &PatchOptions, error: MsbError) -> MsbError {
    if error.status() == Status::Cancelled {
        return error;
    }
    let op = patch.op.map_or("", PatchOp::name);
    let path = patch.normal_path();
    MsbError::new(
        error.status(),
        "sandbox.patch",
        format!(
            "patch {index} of sandbox {name:?}, {op} {path}, could not be applied: {}",
            error.text()
        ),
    )
    .remedy("create the sandbox again with a patch that fits its root")
    .detail("sandbox", name)
    .detail("patch", index.to_string())
    .detail("op", op)
    .detail("path", path)
}

fn apply_one(guest: &GuestFiles, patch: &PatchOptions) -> Result<(), MsbError> {
    let path = PathBuf::from(patch.normal_path());
    let path = path.as_path();
    let there = look(guest, path)?;
    let mode = match patch.op {
        Some(PatchOp::Remove) => return there.map_or(Ok(()), |found| remove(guest, path, &found)),
        Some(PatchOp::Append) => {
            let found = guest.stat(path, true)?;
            if found.kind != FileKind::File {
                return Err(in_the_way(path, &found, "append to a file"));
            }
            let text = patch.text.as_deref().unwrap_or_default();
            guest.write(path, text.as_bytes(), WriteMode::Append, FILE_MODE)?;
            patch.mode
        }
        Some(PatchOp::Mkdir) => match there {
            Some(_) => {
                let found = guest.stat(path, true)?;
                if found.kind != FileKind::Directory {
                    return Err(in_the_way(path, &found, "make a directory"));
                }
                patch.mode
            }
            None => {
                guest.mkdir(path, DIRECTORY_MODE, true)?;
                // Whatever the agent's mask is.
                patch.mode.or(Some(DIRECTORY_MODE))
            }
        },
        Some(PatchOp::CopyDir) => {
            make_room(guest, path, there.as_ref(), patch)?;
            copy::copy_in(guest, source(patch), path, &mut |_| true)?;
            None
        }
        Some(PatchOp::CopyFile) => {
            make_room(guest, path, there.as_ref(), patch)?;
            copy::copy_in(guest, source(patch), path, &mut |_| true)?;
            patch.mode
        }
        Some(PatchOp::Symlink) => {
            make_room(guest, path, there.as_ref(), patch)?;
            guest.symlink(OsStr::new(patch.target.as_deref().unwrap_or_default()), path)?;
            None
        }
        Some(PatchOp::Text | PatchOp::File) | None => {
            make_room(guest, path, there.as_ref(), patch)?;
            let text = patch.text.as_deref().map(str::as_bytes);
            let content = text.or(patch.data.as_deref()).unwrap_or_default();
            guest.write(path, content, WriteMode::Replace, FILE_MODE)?;
            patch.mode.or(Some(FILE_MODE))
        }
    };
    if patch.uid.is_some() || patch.gid.is_some() {
        let is_recursive = patch.op == Some(PatchOp::CopyDir);
        guest.chown(path, (patch.uid, patch.gid), is_recursive)?;
    }
    // Afterwards, because another owner takes set-ID bits away.
    mode.map_or(Ok(()), |mode| guest.chmod(path, mode))
}

fn source(patch: &PatchOptions) -> &Path {
    Path::new(patch.source.as_deref().unwrap_or_default())
}

/// What has the path itself, if anything.
fn look(guest: &GuestFiles, path: &Path) -> Result<Option<FileInfo>, MsbError> {
    match guest.stat(path, false) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.status() == Status::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes what a patch may replace, and makes the directories above it.
fn make_room(
    guest: &GuestFiles,
    path: &Path,
    there: Option<&FileInfo>,
    patch: &PatchOptions,
) -> Result<(), MsbError> {
    let Some(found) = there else {
        return match path.parent() {
            Some(parent) if parent != Path::new("/") => guest.mkdir(parent, DIRECTORY_MODE, true),
            _ => Ok(()),
        };
    };
    let is_directory = found.kind == FileKind::Directory;
    match (patch.replace, is_directory) {
        (false, _) => Err(in_the_way(
            path,
            found,
            "make what the patch makes without replace",
        )),
        (true, true) if patch.op == Some(PatchOp::CopyDir) => Ok(()),
        (true, true) => Err(in_the_way(path, found, "put something else there")),
        (true, false) => guest.remove(path),
    }
}

fn remove(guest: &GuestFiles, path: &Path, found: &FileInfo) -> Result<(), MsbError> {
    if found.kind == FileKind::Directory {
        return guest.remove_dir(path, true);
    }
    guest.remove(path)
}

fn in_the_way(path: &Path, found: &FileInfo, what: &str) -> MsbError {
    let kind = match found.kind {
        FileKind::Directory => "a directory",
        FileKind::File => "a file",
        FileKind::Symlink => "a symbolic link",
        FileKind::Fifo | FileKind::Socket | FileKind::CharDevice | FileKind::BlockDevice => "a special file",
    };
    MsbError::new(
        Status::AlreadyExists,
        "patch.in_the_way",
        format!("cannot {what}: {} is {kind}", path.display()),
    )
    .errno(libc::EEXIST)
}
