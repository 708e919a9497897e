//! `msb_volume_info` and `msb_volume_page`: what is known of volumes at one moment.

use std::borrow::Cow;
use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use crate::error::MsbError;
use crate::ffi::error::msb_error;
use crate::ffi::ffi;
use crate::ffi::status::msb_status;
use crate::ffi::text::to_c;
use crate::ffi::token::{msb_backend, msb_volume};
use crate::ffi::value::{self, Object, value_object};
use crate::ffi::volume_filter::msb_volume_filter;
use crate::volume::filter::VolumeFilter;
use crate::volume::info::VolumeInfo;
use crate::volume::list;
use msb_store::VolumeKind;

/// For `msb_volume_info_used_bytes`: it was not measured.
pub const MSB_NOT_MEASURED: u64 = 18_446_744_073_709_551_615;

/// A snapshot of a volume. Freed with `msb_volume_info_free`, unless it belongs to a page.
pub struct msb_volume_info {
    /// The volume's directory, whose name is the volume's.
    path: CString,
    /// Where in `path` that name begins.
    name_at: usize,
    kind: VolumeKind,
    quota_mib: u64,
    capacity_bytes: u64,
    used_bytes: u64,
    created_unix_ms: u64,
    updated_unix_ms: u64,
    /// Nothing where there is nothing to tell, as for most volumes of a listing.
    more: Option<Box<Texts>>,
}

value_object!(msb_volume_info, VolumeInfo);

/// What not every volume has.
struct Texts {
    disk_format: CString,
    disk_fstype: CString,
    attached_to: Vec<CString>,
    labels: Vec<(CString, CString)>,
}

impl Texts {
    fn of(info: &VolumeInfo) -> Option<Box<Self>> {
        let disk = info.disk_format.as_ref().or(info.disk_fstype.as_ref());
        if disk.is_none() && info.attached_to.is_empty() && info.labels.is_empty() {
            return None;
        }
        let labels = info.labels.iter();
        Some(Box::new(Self {
            disk_format: info.disk_format.as_deref().map(to_c).unwrap_or_default(),
            disk_fstype: info.disk_fstype.as_deref().map(to_c).unwrap_or_default(),
            attached_to: info.attached_to.iter().map(|name| to_c(name)).collect(),
            labels: labels.map(|(key, value)| (to_c(key), to_c(value))).collect(),
        }))
    }
}

impl msb_volume_info {
    /// `volumes`: the directory of all volumes.
    fn new(volumes: &Path, info: &VolumeInfo) -> Self {
        let (path, name_at) = path_of(volumes, &info.name);
        Self {
            path,
            name_at,
            kind: info.kind,
            quota_mib: info.quota_mib.map_or(0, u64::from),
            capacity_bytes: info.capacity_bytes.unwrap_or(0),
            used_bytes: info.used_bytes.unwrap_or(MSB_NOT_MEASURED),
            created_unix_ms: info.created_unix_ms,
            updated_unix_ms: info.updated_unix_ms,
            more: Texts::of(info),
        }
    }

    fn name(&self) -> *const c_char {
        let name = self.path.as_bytes_with_nul().get(self.name_at..);
        name.unwrap_or(b"\0").as_ptr().cast()
    }

    fn labels(&self) -> &[(CString, CString)] {
        self.more.as_ref().map_or(&[], |more| &more.labels)
    }

    fn attached_to(&self) -> &[CString] {
        self.more.as_ref().map_or(&[], |more| &more.attached_to)
    }
}

/// The path of a volume for C, in one allocation, and where the volume's name begins in it.
fn path_of(volumes: &Path, name: &str) -> (CString, usize) {
    let folder = volumes.as_os_str().as_bytes();
    let name = if name.contains('\0') {
        Cow::Owned(name.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(name)
    };
    let mut path = Vec::with_capacity(folder.len() + name.len() + 2);
    path.extend_from_slice(folder);
    if !folder.ends_with(b"/") {
        path.push(b'/');
    }
    let name_at = path.len();
    path.extend_from_slice(name.as_bytes());
    path.push(0);
    // A path of the host holds no NUL.
    (CString::from_vec_with_nul(path).unwrap_or_default(), name_at)
}

/// One page of a listing. Freed with `msb_volume_page_free`.
pub struct msb_volume_page {
    volumes: Vec<Object<msb_volume_info>>,
    next: Option<CString>,
}

value_object!(msb_volume_page, VolumePage);

/// Takes a snapshot of a volume, and measures what it holds: for a directory that means looking at every file in it.
///
/// - volume: the volume.
/// - out: returned owned, to be freed with `msb_volume_info_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: CORRUPT if what belongs to it on disk is missing, INVALID_ARGUMENT, INVALID_STATE, IO, NOT_FOUND,
///   STALE_HANDLE, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_get(
    volume: msb_volume,
    out: *mut *mut msb_volume_info,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token volume, out out], {
        *out = value::into_raw(msb_volume_info::new(&volume.backend().config().volumes, &volume.info()?))?;
        Ok(())
    })
}

/// The volume's name.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_name(info: *const msb_volume_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.name()) })
}

/// What it is made of: `"dir"` or `"disk"`.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_kind(info: *const msb_volume_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(match info.kind {
            VolumeKind::Dir => c"dir",
            VolumeKind::Disk => c"disk",
        }
        .as_ptr())
    })
}

/// Its directory on the host; a disk's image is `disk.raw` in it. Bytes as the file system has them.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_path(info: *const msb_volume_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.path.as_ptr()) })
}

/// Most that a directory may hold, in MiB; 0 without a limit.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_quota_mib(info: *const msb_volume_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.quota_mib) })
}

/// The size of a disk in bytes; 0 for a directory.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_capacity_bytes(info: *const msb_volume_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.capacity_bytes) })
}

/// The sizes of a directory's files together, or the room that a disk takes on the host, in bytes.
/// `MSB_NOT_MEASURED` on a page: a listing looks at no files.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_used_bytes(info: *const msb_volume_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.used_bytes) })
}

/// The format of a disk: `"raw"`; empty for a directory.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_disk_format(info: *const msb_volume_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.more.as_ref().map_or(c"", |more| &more.disk_format).as_ptr())
    })
}

/// The file system of a disk: `"ext4"`; empty for a directory.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_disk_fstype(info: *const msb_volume_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.more.as_ref().map_or(c"", |more| &more.disk_fstype).as_ptr())
    })
}

/// When it was created, in milliseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_created_unix_ms(info: *const msb_volume_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.created_unix_ms) })
}

/// When it was last resized, else created, in milliseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_updated_unix_ms(info: *const msb_volume_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.updated_unix_ms) })
}

/// The number of labels.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_label_count(info: *const msb_volume_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.labels().len()) })
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
pub unsafe extern "C" fn msb_volume_info_label_key(
    info: *const msb_volume_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.labels().get(index).map_or(ptr::null(), |(key, _)| key.as_ptr()))
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
pub unsafe extern "C" fn msb_volume_info_label_value(
    info: *const msb_volume_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.labels().get(index).map_or(ptr::null(), |(_, value)| value.as_ptr()))
    })
}

/// The number of running sandboxes that have it attached; 0 on a page: a listing does not look.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_attached_count(info: *const msb_volume_info) -> usize {
    ffi!(else 0, [value info], { Ok(info.attached_to().len()) })
}

/// A sandbox that has it attached.
///
/// - info: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: text, a view until the info is freed; NULL if there is no such sandbox.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_attached_to(
    info: *const msb_volume_info,
    index: usize,
) -> *const c_char {
    ffi!(else ptr::null(), [value info], {
        Ok(info.attached_to().get(index).map_or(ptr::null(), |name| name.as_ptr()))
    })
}

/// Frees a snapshot. One that belongs to a page is freed with its page instead.
///
/// - info: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_info_free(info: *mut msb_volume_info) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(info) };
        Ok(())
    });
}

/// Lists volumes in the order of their names, a page at a time: set the filter's cursor to what `msb_volume_page_next`
/// gives until that is NULL.
///
/// - backend: the backend.
/// - filter: borrowed; NULL lists every volume, 100 to a page.
/// - out: returned owned, to be freed with `msb_volume_page_free`; not NULL.
/// - err: returned owned on failure, else set to NULL; may be NULL.
/// - Blocking: file operations.
/// - Errors: INVALID_ARGUMENT, INVALID_STATE, IO, STALE_HANDLE, STORE_CORRUPT, STORE_NEWER, WRONG_HANDLE_TYPE.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_list(
    backend: msb_backend,
    filter: *const msb_volume_filter,
    out: *mut *mut msb_volume_page,
    err: *mut *mut msb_error,
) -> msb_status {
    ffi!(err, [token backend, value_or_null filter, out out], {
        let everything = VolumeFilter::default();
        let volumes = &backend.config().volumes;
        let page = list::list_as(&backend, filter.map_or(&everything, |filter| &filter.options), |info| {
            Object::view(msb_volume_info::new(volumes, &info))
        })?;
        *out = value::into_raw(msb_volume_page {
            volumes: page.volumes,
            next: page.next.as_deref().map(to_c),
        })?;
        Ok::<_, MsbError>(())
    })
}

/// The number of volumes on a page.
///
/// - page: borrowed; may be NULL.
/// - Returns: the value; 0 if `page` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_page_len(page: *const msb_volume_page) -> usize {
    ffi!(else 0, [value page], { Ok(page.volumes.len()) })
}

/// A volume of a page.
///
/// - page: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such volume.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_page_get(
    page: *const msb_volume_page,
    index: usize,
) -> *const msb_volume_info {
    ffi!(else ptr::null(), [value page], {
        Ok(page.volumes.get(index).map_or(ptr::null(), Object::as_ptr))
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
pub unsafe extern "C" fn msb_volume_page_next(page: *const msb_volume_page) -> *const c_char {
    ffi!(else ptr::null(), [value page], { Ok(page.next.as_ref().map_or(ptr::null(), |next| next.as_ptr())) })
}

/// Frees a page and the snapshots on it.
///
/// - page: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_volume_page_free(page: *mut msb_volume_page) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(page) };
        Ok(())
    });
}
