//! `msb_prune`: frees room in a home.

use std::ffi::c_char;
use std::ptr;

use crate::error::MsbError;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::storage_finding::{Item, check_flags};
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, value_object};
use crate::storage::finding::{Action, Finding};
use crate::storage::prune::{What, prune};

/// For `msb_prune`: only tell what would be freed.
pub const MSB_PRUNE_DRY_RUN: u32 = 1;
/// For `msb_prune`: guest kernels, programs of other versions, image layers that no image has. They are made or fetched
/// again when they are needed.
pub const MSB_PRUNE_CACHE: u32 = 2;
/// For `msb_prune`: what processes that are gone left half done.
pub const MSB_PRUNE_TEMPORARY: u32 = 4;
/// For `msb_prune`: what `msb_fsck` moved aside, for good.
pub const MSB_PRUNE_LOST: u32 = 8;
/// For `msb_prune`: logs of sandboxes that do not run.
pub const MSB_PRUNE_LOGS: u32 = 16;
/// For `msb_prune`: copies of the database from before upgrades.
pub const MSB_PRUNE_BACKUPS: u32 = 32;
/// For `msb_prune`: images that no sandbox and no snapshot needs, with their layers as far as no other image has them. They have to be
/// pulled or loaded again. Each of their references is an item; the first of an image has the bytes.
pub const MSB_PRUNE_IMAGES: u32 = 64;

/// What `msb_prune` freed. Freed with `msb_prune_report_free`.
pub struct msb_prune_report {
    findings: Vec<Item>,
    bytes: u64,
}

value_object!(msb_prune_report, PruneReport);

/// What the flags of a call say to free.
pub(super) fn what(flags: u32) -> Result<What, MsbError> {
    check_flags(flags, 2 * MSB_PRUNE_IMAGES - 1)?;
    let has = |bit| flags & bit != 0;
    Ok(What {
        cache: has(MSB_PRUNE_CACHE),
        temporary: has(MSB_PRUNE_TEMPORARY),
        lost: has(MSB_PRUNE_LOST),
        logs: has(MSB_PRUNE_LOGS),
        backups: has(MSB_PRUNE_BACKUPS),
        images: has(MSB_PRUNE_IMAGES),
    })
}

impl msb_prune_report {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self {
            bytes: findings
                .iter()
                .filter(|finding| matches!(finding.action, Action::Removed | Action::None))
                .map(|finding| finding.bytes)
                .sum(),
            findings: findings.into_iter().map(Item::new).collect(),
        }
    }
}

/// Frees room in a home. Nothing of a running sandbox is touched, nor anything that is in use.
///
/// - backend: the backend.
/// - flags: what to free, at least one of the `MSB_PRUNE_*` bits beside `MSB_PRUNE_DRY_RUN`.
/// - out: returned owned, to be freed with `msb_prune_report_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune(
    backend: msb_backend,
    flags: u32,
    out: *mut *mut msb_prune_report,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, out out], {
        let freed = prune(&backend, what(flags)?, flags & MSB_PRUNE_DRY_RUN != 0)?;
        *out = value::into_raw(msb_prune_report::new(freed))?;
        Ok(())
    })
}

/// The number of items.
///
/// - report: borrowed; may be NULL.
/// - Returns: the value; 0 if `report` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_len(report: *const msb_prune_report) -> usize {
    ffi!(else 0, [value report], { Ok(report.findings.len()) })
}

/// The room that all of them take on disk, in bytes; when they were removed, the room that was freed.
///
/// - report: borrowed; may be NULL.
/// - Returns: the value; 0 if `report` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_bytes(report: *const msb_prune_report) -> u64 {
    ffi!(else 0, [value report], { Ok(report.bytes) })
}

/// What it is: `"unused_cache"`, `"temporary_file"`, `"stale_lock"`, `"stale_socket"`, `"moved_aside"`, `"logs"`,
/// `"database_backup"` or `"unused_image"`. Later versions may add some.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such item.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_kind(
    report: *const msb_prune_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.kind.as_ptr()))
    })
}

/// The name of the sandbox, volume or file.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such item.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_name(
    report: *const msb_prune_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.name.as_ptr()))
    })
}

/// Where it is on disk; empty if it is a row that has nothing there. Bytes as the file system has them.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such item.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_path(
    report: *const msb_prune_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.path.as_ptr()))
    })
}

/// The room that it takes on disk, in bytes.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the value; 0 if there is no such item.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_item_bytes(report: *const msb_prune_report, index: usize) -> u64 {
    ffi!(else 0, [value report], {
        Ok(report.findings.get(index).map_or(0, |finding| finding.bytes))
    })
}

/// Why it is one, as a clause for people.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such item.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_reason(
    report: *const msb_prune_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.reason.as_ptr()))
    })
}

/// What was done: `"none"`, `"removed"`, `"moved"`, `"mended"`, `"in_use"` because it came into use meanwhile, or
/// `"failed"`.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such item.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_action(
    report: *const msb_prune_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.action.as_ptr()))
    })
}

/// More about what was done, for people: where it was moved, how it was mended, why that failed; else empty.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such item.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_detail(
    report: *const msb_prune_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.detail.as_ptr()))
    })
}

/// Frees a report.
///
/// - report: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_prune_report_free(report: *mut msb_prune_report) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(report) };
        Ok(())
    });
}
