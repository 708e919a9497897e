//! `msb_fsck`: whether a home's store and its files agree.

use std::ffi::c_char;
use std::ptr;

use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::storage_finding::{Item, check_flags};
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, value_object};
use crate::storage::finding::Finding;
use crate::storage::fsck;

/// For `msb_fsck`: mend what is found, not only report it.
pub const MSB_FSCK_REPAIR: u32 = 1;

/// What `msb_fsck` found. Freed with `msb_fsck_report_free`.
pub struct msb_fsck_report {
    findings: Vec<Item>,
    bytes: u64,
}

value_object!(msb_fsck_report, FsckReport);

impl msb_fsck_report {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self {
            bytes: findings.iter().map(|finding| finding.bytes).sum(),
            findings: findings.into_iter().map(Item::new).collect(),
        }
    }
}

/// Looks for what crashes and accidents left in a home: rows without directories and directories without rows, statuses,
/// records, ledgers, locks, sockets and runners that belong to nobody, files half written, caches that nothing uses.
/// Nothing of a running sandbox is touched. With `MSB_FSCK_REPAIR` each finding is mended too: a row whose data are gone is
/// deleted, a directory without a row is moved to `.lost` beside it (`msb_prune` deletes it from there), the rest is set right
/// or deleted. Afterwards a second check finds nothing, except what is in use or for a person to decide.
///
/// - backend: the backend.
/// - flags: 0 or `MSB_FSCK_REPAIR`.
/// - out: returned owned, to be freed with `msb_fsck_report_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations, more the more there is in the home; up to 15 s for each orphaned runner.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, PERMISSION_DENIED, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER,
///   WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck(
    backend: msb_backend,
    flags: u32,
    out: *mut *mut msb_fsck_report,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, out out], {
        check_flags(flags, MSB_FSCK_REPAIR)?;
        let findings = fsck::fsck(&backend, flags & MSB_FSCK_REPAIR != 0)?;
        *out = value::into_raw(msb_fsck_report::new(findings))?;
        Ok(())
    })
}

/// The number of findings.
///
/// - report: borrowed; may be NULL.
/// - Returns: the value; 0 if `report` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_len(report: *const msb_fsck_report) -> usize {
    ffi!(else 0, [value report], { Ok(report.findings.len()) })
}

/// The room that all of them take on disk, in bytes; of the repaired ones, took.
///
/// - report: borrowed; may be NULL.
/// - Returns: the value; 0 if `report` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_bytes(report: *const msb_fsck_report) -> u64 {
    ffi!(else 0, [value report], { Ok(report.bytes) })
}

/// What is wrong: `"database_damaged"`, `"sandbox_without_directory"`, `"directory_without_sandbox"`, `"volume_without_data"`,
/// `"directory_without_volume"`, `"stale_status"`, `"orphaned_runner"`, `"stale_attachment"`, `"stale_ledger"`, `"stale_lock"`,
/// `"stale_socket"`, `"temporary_file"` or `"unused_cache"`. Later versions may add some.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such finding.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_kind(report: *const msb_fsck_report, index: usize) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.kind.as_ptr()))
    })
}

/// The name of the sandbox, volume or file.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such finding.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_name(report: *const msb_fsck_report, index: usize) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.name.as_ptr()))
    })
}

/// Where it is on disk; empty if it is a row that has nothing there. Bytes as the file system has them.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such finding.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_path(report: *const msb_fsck_report, index: usize) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.findings.get(index).map_or(ptr::null(), |finding| finding.path.as_ptr()))
    })
}

/// The room that it takes on disk, in bytes.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the value; 0 if there is no such finding.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_item_bytes(report: *const msb_fsck_report, index: usize) -> u64 {
    ffi!(else 0, [value report], {
        Ok(report.findings.get(index).map_or(0, |finding| finding.bytes))
    })
}

/// Why it is one, as a clause for people.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such finding.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_reason(
    report: *const msb_fsck_report,
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
/// - Returns: text, a view until the report is freed; NULL if there is no such finding.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_action(
    report: *const msb_fsck_report,
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
/// - Returns: text, a view until the report is freed; NULL if there is no such finding.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_fsck_report_detail(
    report: *const msb_fsck_report,
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
pub unsafe extern "C" fn msb_fsck_report_free(report: *mut msb_fsck_report) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(report) };
        Ok(())
    });
}
