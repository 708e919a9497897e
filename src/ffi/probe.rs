//! `msb_probe_report`: what this host can run.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::text::to_c;
use crate::ffi::token::msb_backend;
use crate::ffi::value::{self, value_object};
use crate::runtime::probe::{self, Check, Report};

/// What this host can run, and what to do about what it cannot. Freed with `msb_probe_report_free`.
pub struct msb_probe_report {
    driver: CString,
    isolation: CString,
    checks: Vec<CheckText>,
}

value_object!(msb_probe_report, ProbeReport);

/// One check, as C reads it.
struct CheckText {
    ok: bool,
    name: CString,
    reason: CString,
    message: CString,
    remedy: CString,
}

impl From<&Check> for CheckText {
    fn from(check: &Check) -> Self {
        Self {
            ok: check.ok,
            name: to_c(check.name),
            reason: to_c(&check.reason),
            message: to_c(&check.message),
            remedy: to_c(&check.remedy),
        }
    }
}

impl From<&Report> for msb_probe_report {
    fn from(report: &Report) -> Self {
        Self {
            driver: to_c(report.driver),
            isolation: to_c(report.isolation),
            checks: report.checks.iter().map(CheckText::from).collect(),
        }
    }
}

/// Looks at what this host can run. A missing driver is not a failure of this call: the report says what is missing and
/// what to do. The trial of the host's virtualization is remembered until the host restarts.
///
/// - backend: the backend whose home and settings count.
/// - out: returned owned, to be freed with `msb_probe_report_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations; up to a minute when the host's virtualization is first tried.
/// - Errors: DISK_FULL, INVALID_ARGUMENT, IO, PERMISSION_DENIED, READ_ONLY, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe(
    backend: msb_backend,
    out: *mut *mut msb_probe_report,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, out out], {
        *out = value::into_raw(msb_probe_report::from(&probe::probe(&backend)?))?;
        Ok(())
    })
}

/// The driver that `"auto"` takes on this host; empty if none works.
///
/// - report: borrowed; may be NULL.
/// - Returns: text, a view until the report is freed; NULL only if `report` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_driver(report: *const msb_probe_report) -> *const c_char {
    ffi!(else ptr::null(), [value report], { Ok(report.driver.as_ptr()) })
}

/// The isolation that it gives: `"hardware"` or `"emulated"`; empty if none works.
///
/// - report: borrowed; may be NULL.
/// - Returns: text, a view until the report is freed; NULL only if `report` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_isolation(report: *const msb_probe_report) -> *const c_char {
    ffi!(else ptr::null(), [value report], { Ok(report.isolation.as_ptr()) })
}

/// The number of checks.
///
/// - report: borrowed; may be NULL.
/// - Returns: the value; 0 if `report` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_len(report: *const msb_probe_report) -> usize {
    ffi!(else 0, [value report], { Ok(report.checks.len()) })
}

/// Whether what a check looked at can be used.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: 1 if it can be used; 0 if not, or there is no such check.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_ok(report: *const msb_probe_report, index: usize) -> u8 {
    ffi!(else 0, [value report], { Ok(report.checks.get(index).is_some_and(|check| check.ok).into()) })
}

/// What a check looked at: `"kernel"`, `"kvm"` or `"qemu"`.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such check.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_name(
    report: *const msb_probe_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.checks.get(index).map_or(ptr::null(), |check| check.name.as_ptr()))
    })
}

/// Why it cannot be used, as a stable dotted word such as `kvm.no_permission`; empty if it can.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such check.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_reason(
    report: *const msb_probe_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.checks.get(index).map_or(ptr::null(), |check| check.reason.as_ptr()))
    })
}

/// What a check found, as a clause for people.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such check.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_message(
    report: *const msb_probe_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.checks.get(index).map_or(ptr::null(), |check| check.message.as_ptr()))
    })
}

/// What to do about it, as a clause for people; empty if nothing has to be done.
///
/// - report: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the report is freed; NULL if there is no such check.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_remedy(
    report: *const msb_probe_report,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value report], {
        Ok(report.checks.get(index).map_or(ptr::null(), |check| check.remedy.as_ptr()))
    })
}

/// Frees a report.
///
/// - report: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_probe_report_free(report: *mut msb_probe_report) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(report) };
        Ok(())
    });
}
