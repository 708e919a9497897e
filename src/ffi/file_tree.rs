//! What the functions on files do with their arguments, once for volumes and sandboxes.
//!
//! A flag that this version does not know is an error, so that a later version can give it a meaning.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;
use std::path::Path;

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ffi::bytes::msb_bytes;
use crate::ffi::file::{
    MSB_MKDIR_PARENTS, MSB_OPEN_APPEND, MSB_OPEN_CREATE, MSB_OPEN_EXCLUSIVE, MSB_OPEN_READ,
    MSB_OPEN_TRUNCATE, MSB_OPEN_WRITE, MSB_REMOVE_RECURSIVE, MSB_STAT_FOLLOW, MSB_TIME_KEEP,
    MSB_WRITE_APPEND, MSB_WRITE_ATOMIC, msb_file_progress, msb_file_progress_fn, observer,
};
use crate::ffi::file_info::{msb_file_info, msb_file_page};
use crate::ffi::token::{self, msb_file};
use crate::ffi::value;
use crate::files::{FileTree, OpenOptions, Progress, WriteMode, archive};
use crate::ops;
use std::sync::Arc;

/// The largest file that is read whole.
pub const READ_LIMIT: u64 = 1 << 30;

/// The most entries on a page.
const PAGE_LIMIT: u32 = 10_000;

/// Permissions with the set-id and sticky bits.
const MODE_BITS: u32 = 0o7777;

/// A progress function with what is passed to it.
pub type Observer = (msb_file_progress_fn, *mut c_void);

pub fn read(tree: &dyn FileTree, path: &Path, out: &mut *mut msb_bytes) -> Result<(), MsbError> {
    *out = msb_bytes::into_raw(tree.read(path, READ_LIMIT)?)?;
    Ok(())
}

pub fn write(tree: &dyn FileTree, path: &Path, data: &[u8], flags: u32, mode: u32) -> Result<(), MsbError> {
    tree.write(path, data, write_mode(flags)?, permissions(mode)?)
}

/// How the flags of a write say to write.
pub fn write_mode(flags: u32) -> Result<WriteMode, MsbError> {
    match flags {
        0 => Ok(WriteMode::Replace),
        MSB_WRITE_APPEND => Ok(WriteMode::Append),
        MSB_WRITE_ATOMIC => Ok(WriteMode::Atomic),
        _ => Err(bad_flags(flags, "0, MSB_WRITE_ATOMIC or MSB_WRITE_APPEND")),
    }
}

pub fn open(
    tree: &dyn FileTree,
    path: &Path,
    flags: u32,
    mode: u32,
    out: &mut msb_file,
) -> Result<(), MsbError> {
    let file = tree.open(path, &open_options(flags, mode)?)?;
    *out = token::insert(Arc::new(file))?;
    Ok(())
}

/// What the flags of an open say.
pub fn open_options(flags: u32, mode: u32) -> Result<OpenOptions, MsbError> {
    let known = MSB_OPEN_READ
        | MSB_OPEN_WRITE
        | MSB_OPEN_CREATE
        | MSB_OPEN_EXCLUSIVE
        | MSB_OPEN_TRUNCATE
        | MSB_OPEN_APPEND;
    let has = |flag| flags & flag != 0;
    let writes = has(MSB_OPEN_WRITE);
    let changes = has(MSB_OPEN_CREATE) || has(MSB_OPEN_TRUNCATE) || has(MSB_OPEN_APPEND);
    if flags & !known != 0
        || !writes && (changes || !has(MSB_OPEN_READ))
        || has(MSB_OPEN_EXCLUSIVE) && !has(MSB_OPEN_CREATE)
    {
        return Err(bad_flags(
            flags,
            "MSB_OPEN_READ, MSB_OPEN_WRITE or both; MSB_OPEN_EXCLUSIVE needs MSB_OPEN_CREATE, and that, MSB_OPEN_TRUNCATE and \
             MSB_OPEN_APPEND need MSB_OPEN_WRITE",
        ));
    }
    Ok(OpenOptions {
        read: has(MSB_OPEN_READ),
        write: writes,
        create: has(MSB_OPEN_CREATE),
        exclusive: has(MSB_OPEN_EXCLUSIVE),
        truncate: has(MSB_OPEN_TRUNCATE),
        append: has(MSB_OPEN_APPEND),
        mode: permissions(mode)?,
    })
}

pub fn list(
    tree: &dyn FileTree,
    path: &Path,
    cursor: u64,
    limit: u32,
    out: &mut *mut msb_file_page,
) -> Result<(), MsbError> {
    let page = tree.list(path, cursor, page_size(limit)?)?;
    *out = value::into_raw(msb_file_page::new(page))?;
    Ok(())
}

/// How many entries a page may have.
pub fn page_size(limit: u32) -> Result<usize, MsbError> {
    if (1..=PAGE_LIMIT).contains(&limit) {
        return Ok(limit as usize);
    }
    Err(MsbError::new(
        Status::InvalidArgument,
        "argument.limit",
        format!("`limit` is {limit}, which is not between 1 and {PAGE_LIMIT}"),
    )
    .detail("argument", "limit"))
}

pub fn stat(
    tree: &dyn FileTree,
    path: &Path,
    flags: u32,
    out: &mut *mut msb_file_info,
) -> Result<(), MsbError> {
    *out = value::into_raw(msb_file_info::new(tree.stat(path, follows(flags)?)?))?;
    Ok(())
}

/// Whether the flags of a stat say to follow a link.
pub fn follows(flags: u32) -> Result<bool, MsbError> {
    switch(flags, MSB_STAT_FOLLOW, "0 or MSB_STAT_FOLLOW")
}

pub fn exists(tree: &dyn FileTree, path: &Path, out: &mut u8) -> Result<(), MsbError> {
    *out = tree.exists(path)?.into();
    Ok(())
}

pub fn mkdir(tree: &dyn FileTree, path: &Path, mode: u32, flags: u32) -> Result<(), MsbError> {
    tree.mkdir(path, permissions(mode)?, makes_parents(flags)?)
}

/// Whether the flags of a mkdir say to make parents.
pub fn makes_parents(flags: u32) -> Result<bool, MsbError> {
    switch(flags, MSB_MKDIR_PARENTS, "0 or MSB_MKDIR_PARENTS")
}

pub fn remove_dir(tree: &dyn FileTree, path: &Path, flags: u32) -> Result<(), MsbError> {
    tree.remove_dir(path, is_recursive(flags)?)
}

/// Whether the flags of a removal say to remove what is in it.
pub fn is_recursive(flags: u32) -> Result<bool, MsbError> {
    switch(flags, MSB_REMOVE_RECURSIVE, "0 or MSB_REMOVE_RECURSIVE")
}

pub fn readlink(tree: &dyn FileTree, path: &Path, out: &mut *mut msb_bytes) -> Result<(), MsbError> {
    *out = msb_bytes::into_raw(tree.readlink(path)?)?;
    Ok(())
}

pub fn chmod(tree: &dyn FileTree, path: &Path, mode: u32) -> Result<(), MsbError> {
    tree.chmod(path, permissions(mode)?)
}

pub fn utimes(tree: &dyn FileTree, path: &Path, accessed_ns: i64, modified_ns: i64) -> Result<(), MsbError> {
    tree.utimes(path, time(accessed_ns), time(modified_ns))
}

/// The time to set, if any.
pub fn time(ns: i64) -> Option<i64> {
    (ns != MSB_TIME_KEEP).then_some(ns)
}

pub fn tar_export(
    tree: &dyn FileTree,
    path: &Path,
    fd: BorrowedFd<'_>,
    (progress, user): Observer,
    deadline: Deadline,
    out: Option<&mut msb_file_progress>,
) -> Result<(), MsbError> {
    let total = archive::export(tree, path, fd, &mut observer(progress, user), deadline)?;
    report(&total, out);
    Ok(())
}

pub fn tar_import(
    tree: &dyn FileTree,
    path: &Path,
    fd: BorrowedFd<'_>,
    (progress, user): Observer,
    deadline: Deadline,
    out: Option<&mut msb_file_progress>,
) -> Result<(), MsbError> {
    let total = archive::import(tree, path, fd, &mut observer(progress, user), deadline)?;
    report(&total, out);
    Ok(())
}

/// Writes the totals of a transfer, if the caller wants them.
pub fn report(total: &Progress, out: Option<&mut msb_file_progress>) {
    if let Some(out) = out {
        *out = total.into();
    }
}

/// Tells the operation that this thread works for how far it is, and gives up once that was cancelled.
pub fn operation_observer() -> impl FnMut(&Progress) -> bool {
    |so_far| {
        ops::set_progress(so_far.bytes, so_far.entries);
        !ops::is_cancelled()
    }
}

pub fn permissions(mode: u32) -> Result<u32, MsbError> {
    if mode & !MODE_BITS == 0 {
        return Ok(mode);
    }
    Err(MsbError::new(
        Status::InvalidArgument,
        "argument.mode",
        format!("`mode` is {mode:#o}, which is more than permissions"),
    )
    .remedy("pass 0644 or the like, without the kind of the file")
    .detail("argument", "mode"))
}

/// Whether flags that can only be one flag are it.
fn switch(flags: u32, flag: u32, accepted: &str) -> Result<bool, MsbError> {
    match flags {
        0 => Ok(false),
        _ if flags == flag => Ok(true),
        _ => Err(bad_flags(flags, accepted)),
    }
}

fn bad_flags(flags: u32, accepted: &str) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "argument.flags",
        format!("`flags` is {flags:#x}, which is not accepted here"),
    )
    .remedy(format!("pass {accepted}"))
    .detail("argument", "flags")
}
