//! What the reports of `msb_fsck` and `msb_prune` are made of.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{MsbError, Status};
use crate::ffi::text::to_c;
use crate::storage::finding::Finding;

/// A finding as C reads it.
pub(super) struct Item {
    pub(super) kind: CString,
    pub(super) name: CString,
    pub(super) path: CString,
    pub(super) bytes: u64,
    pub(super) reason: CString,
    pub(super) action: CString,
    pub(super) detail: CString,
}

impl Item {
    pub(super) fn new(finding: Finding) -> Self {
        Self {
            kind: to_c(finding.kind.name()),
            name: to_c(&finding.name),
            path: finding.path.as_deref().map_or_else(CString::default, path_to_c),
            bytes: finding.bytes,
            reason: to_c(&finding.reason),
            action: to_c(finding.action.name()),
            detail: to_c(&finding.action.detail()),
        }
    }
}

/// A path's bytes, which hold no NUL.
pub(super) fn path_to_c(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

pub(super) fn check_flags(flags: u32, known: u32) -> Result<(), MsbError> {
    if flags & !known == 0 {
        return Ok(());
    }
    Err(MsbError::new(
        Status::InvalidArgument,
        "argument.flags",
        format!("`flags` has the unknown bits {:#x}", flags & !known),
    )
    .detail("argument", "flags"))
}
