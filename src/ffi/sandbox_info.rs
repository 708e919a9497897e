//! `msb_sandbox_info` and `msb_sandbox_page`: what is known of sandboxes at one moment.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::error::MsbError;
use crate::ffi::boundary::Cleared;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::sandbox::msb_exit;
use crate::ffi::sandbox_filter::msb_sandbox_filter;
use crate::ffi::status::msb_status;
use crate::ffi::text::to_c;
use crate::ffi::token::{msb_backend, msb_sandbox};
use crate::ffi::value::{self, Object, value_object};
use crate::sandbox::filter::SandboxFilter;
use crate::sandbox::info::SandboxInfo;
use crate::sandbox::list;
use crate::sandbox::mount::MountInfo;

/// A snapshot of a sandbox. Freed with `msb_sandbox_info_free`, unless it belongs to a page.
pub struct msb_sandbox_info {
    info: SandboxInfo,
    name: CString,
    status: CString,
    driver: CString,
    driver_reason: CString,
    isolation: CString,
    image: CString,
    config: CString,
    end_message: CString,
    console_tail: CString,
    labels: Vec<(CString, CString)>,
    mounts: Vec<MountText>,
}

/// What C reads of a mount.
struct MountText {
    guest_path: CString,
    kind: CString,
    source: CString,
    flags: u32,
}

impl From<&MountInfo> for MountText {
    fn from(mount: &MountInfo) -> Self {
        let flags = [
            (MSB_MOUNT_READ_ONLY, mount.flags.read_only),
            (MSB_MOUNT_NOEXEC, mount.flags.noexec),
            (MSB_MOUNT_NOSUID, mount.flags.nosuid),
            (MSB_MOUNT_NODEV, mount.flags.nodev),
        ];
        Self {
            guest_path: to_c(&mount.guest_path),
            kind: to_c(mount.kind),
            source: to_c(&mount.source),
            flags: flags
                .into_iter()
                .filter(|(_, is_set)| *is_set)
                .map(|(flag, _)| flag)
                .sum(),
        }
    }
}

/// A mount's flag: nothing can be written.
pub const MSB_MOUNT_READ_ONLY: u32 = 1;
/// A mount's flag: nothing can be executed.
pub const MSB_MOUNT_NOEXEC: u32 = 2;
/// A mount's flag: set-user-ID and set-group-ID bits do nothing.
pub const MSB_MOUNT_NOSUID: u32 = 4;
/// A mount's flag: device nodes do nothing.
pub const MSB_MOUNT_NODEV: u32 = 8;

value_object!(msb_sandbox_info, SandboxInfo);

impl msb_sandbox_info {
    fn new(info: SandboxInfo) -> Self {
        let end = info.end.as_ref();
        Self {
            name: to_c(&info.name),
            status: to_c(info.status.as_str()),
            driver: to_c(info.driver),
            driver_reason: to_c(&info.driver_reason),
            isolation: to_c(info.isolation),
            image: to_c(&info.image),
            config: to_c(&info.config),
            end_message: to_c(end.map_or("", |end| &end.message)),
            console_tail: to_c(end.map_or("", |end| &end.console_tail)),
            labels: info
                .labels
                .iter()
                .map(|(key, value)| (to_c(key), to_c(value)))
                .collect(),
            mounts: info.mounts.iter().map(MountText::from).collect(),
            info,
        }
    }
}

/// One page of a listing. Freed with `msb_sandbox_page_free`.
pub struct msb_sandbox_page {
    sandboxes: Vec<Object<msb_sandbox_info>>,
    next: Option<CString>,
}

value_object!(msb_sandbox_page, SandboxPage);

/// Takes a snapshot of a sandbox. Its status is the truth: one whose runner has died is `"Crashed"`, whatever was last
/// written.
///
/// - sandbox: the sandbox.
/// - out: returned owned, to be freed with `msb_sandbox_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, IO, NOT_FOUND, STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_get(
    sandbox: msb_sandbox,
    out: *mut *mut msb_sandbox_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token sandbox, out out], {
        *out = value::into_raw(msb_sandbox_info::new(sandbox.info()?))?;
        Ok(())
    })
}

/// The sandbox's name.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_name(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.name.as_ptr()) })
}

/// The status: `"Created"`, `"Starting"`, `"Running"`, `"Draining"`, `"Paused"`, `"Stopped"` or `"Crashed"`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_status(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.status.as_ptr()) })
}

/// The hypervisor driver that runs it, or that ran or will run it: `"krun"` or `"qemu"`; empty if none was chosen yet.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_driver(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.driver.as_ptr()) })
}

/// Why driver `auto` did not choose a better driver when the sandbox was created or last started: the stable reason that
/// `msb_probe` gives too, a colon, and the words for it, such as `"kvm.no_device: there is no /dev/kvm"`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; empty when it chose the best one, when the driver was asked for by name,
///   or if none was chosen yet; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_driver_reason(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.driver_reason.as_ptr()) })
}

/// The isolation that this driver gives: `"hardware"` or `"emulated"`; empty if none was chosen yet.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_isolation(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.isolation.as_ptr()) })
}

/// The root file system: the path of a directory or of a disk image.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_image(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.image.as_ptr()) })
}

/// The stored configuration as JSON.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_config(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.config.as_ptr()) })
}

/// Virtual processors.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_cpus(info: *const msb_sandbox_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.info.cpus) })
}

/// Memory in MiB.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_memory_mib(info: *const msb_sandbox_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.info.memory_mib) })
}

/// 1 if it is removed when it ends.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_ephemeral(info: *const msb_sandbox_info) -> u8 {
    ffi!(else 0, [value info], { Ok(info.info.ephemeral.into()) })
}

/// 1 if it was configured to outlive the process that starts it.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_detached(info: *const msb_sandbox_info) -> u8 {
    ffi!(else 0, [value info], { Ok(info.info.detached.into()) })
}

/// When it was created, in milliseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_created_unix_ms(info: *const msb_sandbox_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.info.created_unix_ms) })
}

/// Process id of its runner while it runs, else 0. To look at, not to signal: use `msb_sandbox_kill`.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_runner_pid(info: *const msb_sandbox_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.info.runner_pid) })
}

/// The number of labels.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_label_count(info: *const msb_sandbox_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.labels.len()) })
}

/// The number of mounts beside the root, in the order in which they were given.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_mount_count(info: *const msb_sandbox_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.mounts.len()) })
}

/// Where the guest sees a mount.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such mount.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_mount_guest_path(
    info: *const msb_sandbox_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.mounts.get(index).map_or(ptr::null(), |mount| mount.guest_path.as_ptr()))
    })
}

/// What a mount shows: `"volume"`, `"bind"`, `"tmpfs"` or `"disk"`; `"other"` for what this version does not know.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such mount.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_mount_kind(
    info: *const msb_sandbox_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.mounts.get(index).map_or(ptr::null(), |mount| mount.kind.as_ptr()))
    })
}

/// What a mount shows, by name: the volume's name or the host's path; empty for memory.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such mount.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_mount_source(
    info: *const msb_sandbox_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.mounts.get(index).map_or(ptr::null(), |mount| mount.source.as_ptr()))
    })
}

/// A mount's flags: `MSB_MOUNT_READ_ONLY` and so on, added together.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: the flags; 0 if there is no such mount.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_mount_flags(info: *const msb_sandbox_info, index: usize) -> u32 {
    ffi!(else 0, [value info], {
        Ok(info.mounts.get(index).map_or(0, |mount| mount.flags))
    })
}

/// How its last run ended, as a sentence; empty if it runs or never ran.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_end_message(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.end_message.as_ptr()) })
}

/// The last lines of the console of a run that crashed or did not come up; else empty.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_console_tail(info: *const msb_sandbox_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.console_tail.as_ptr()) })
}

/// A label's key, in the order of the keys.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such label.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_label_key(
    info: *const msb_sandbox_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.labels.get(index).map_or(ptr::null(), |(key, _)| key.as_ptr()))
    })
}

/// A label's value, in the order of the keys.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such label.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_label_value(
    info: *const msb_sandbox_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.labels.get(index).map_or(ptr::null(), |(_, value)| value.as_ptr()))
    })
}

/// How the last run ended.
///
/// - info: borrowed; may be NULL.
/// - out: written with the record, cleared if there is none; not NULL.
/// - Returns: 1 if there is a record; 0 if the sandbox runs or never ran, or an argument is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_exit(info: *const msb_sandbox_info, out: *mut msb_exit) -> u8 {
    ffi!(else 0, [value info, out out], {
        *out = info.info.end.as_ref().map_or(msb_exit::CLEARED, msb_exit::from);
        Ok(info.info.end.is_some().into())
    })
}

/// Frees a snapshot. One that belongs to a page is freed with its page instead.
///
/// - info: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_info_free(info: *mut msb_sandbox_info) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(info) };
        Ok(())
    });
}

/// Lists sandboxes in the order of their names, a page at a time: set the filter's cursor to what
/// `msb_sandbox_page_next` gives until that is NULL. A page may hold fewer than its limit, even none, before the last.
///
/// - backend: the backend.
/// - filter: borrowed; NULL lists every sandbox.
/// - out: returned owned, to be freed with `msb_sandbox_page_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_list(
    backend: msb_backend,
    filter: *const msb_sandbox_filter,
    out: *mut *mut msb_sandbox_page,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value_or_null filter, out out], {
        let everything = SandboxFilter::default();
        let page = list::list(&backend, filter.map_or(&everything, |filter| &filter.options))?;
        *out = value::into_raw(msb_sandbox_page {
            sandboxes: page.sandboxes.into_iter().map(|info| Object::view(msb_sandbox_info::new(info))).collect(),
            next: page.next.as_deref().map(to_c),
        })?;
        Ok::<_, MsbError>(())
    })
}

/// The number of sandboxes on a page.
///
/// - page: borrowed; may be NULL.
/// - Returns: the number; 0 if `page` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_page_len(page: *const msb_sandbox_page) -> usize {
    ffi!(else 0, [value page], { Ok(page.sandboxes.len()) })
}

/// A sandbox of a page.
///
/// - page: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such sandbox.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_page_get(
    page: *const msb_sandbox_page,
    index: usize,
) -> *const msb_sandbox_info {
    ffi!(else ptr::null(), [value page], {
        Ok(page.sandboxes.get(index).map_or(ptr::null(), Object::as_ptr))
    })
}

/// The cursor of the next page.
///
/// - page: borrowed; may be NULL.
/// - Returns: text, a view until the page is freed; NULL after the last page.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_page_next(page: *const msb_sandbox_page) -> *const c_char {
    ffi!(else ptr::null(), [value page], { Ok(page.next.as_ref().map_or(ptr::null(), |next| next.as_ptr())) })
}

/// Frees a page and the snapshots on it.
///
/// - page: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_sandbox_page_free(page: *mut msb_sandbox_page) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(page) };
        Ok(())
    });
}
