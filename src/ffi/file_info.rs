//! `msb_file_info` and `msb_file_page`: what is known of files at one moment.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::ffi;
use crate::ffi::value::{self, Object, value_object};
use crate::files::{FileInfo, FileKind, Page};

/// For `msb_file_info_kind`: a regular file.
pub const MSB_FILE_REGULAR: u32 = 1;
/// For `msb_file_info_kind`: a directory.
pub const MSB_FILE_DIRECTORY: u32 = 2;
/// For `msb_file_info_kind`: a symbolic link.
pub const MSB_FILE_SYMLINK: u32 = 3;
/// For `msb_file_info_kind`: a named pipe.
pub const MSB_FILE_FIFO: u32 = 4;
/// For `msb_file_info_kind`: a socket.
pub const MSB_FILE_SOCKET: u32 = 5;
/// For `msb_file_info_kind`: a character device.
pub const MSB_FILE_CHAR_DEVICE: u32 = 6;
/// For `msb_file_info_kind`: a block device.
pub const MSB_FILE_BLOCK_DEVICE: u32 = 7;

/// What is known of a file. Freed with `msb_file_info_free`, unless it belongs to a page.
pub struct msb_file_info {
    info: FileInfo,
    name: CString,
}

value_object!(msb_file_info, FileInfo);

impl msb_file_info {
    /// A name that holds a NUL, which no file system has, is cut there.
    pub fn new(mut info: FileInfo) -> Self {
        let mut name = std::mem::take(&mut info.name);
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
        Self {
            name: CString::new(name).unwrap_or_default(),
            info,
        }
    }
}

/// Some entries of a directory. Freed with `msb_file_page_free`.
pub struct msb_file_page {
    files: Vec<Object<msb_file_info>>,
    next: u64,
}

value_object!(msb_file_page, FilePage);

impl msb_file_page {
    /// As C sees it.
    pub fn new(page: Page) -> Self {
        Self {
            files: page
                .entries
                .into_iter()
                .map(|info| Object::view(msb_file_info::new(info)))
                .collect(),
            next: page.next.unwrap_or(0),
        }
    }
}

/// The number that C has for a kind.
fn kind_number(kind: FileKind) -> u32 {
    match kind {
        FileKind::File => MSB_FILE_REGULAR,
        FileKind::Directory => MSB_FILE_DIRECTORY,
        FileKind::Symlink => MSB_FILE_SYMLINK,
        FileKind::Fifo => MSB_FILE_FIFO,
        FileKind::Socket => MSB_FILE_SOCKET,
        FileKind::CharDevice => MSB_FILE_CHAR_DEVICE,
        FileKind::BlockDevice => MSB_FILE_BLOCK_DEVICE,
    }
}

/// The last part of its name, as bytes: not necessarily UTF-8.
///
/// - info: borrowed; may be NULL.
/// - Returns: text, a view until the info is freed, empty for an open file; NULL only if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_name(info: *const msb_file_info) -> *const c_char {
    ffi!(else ptr::null(), [value info], { Ok(info.name.as_ptr()) })
}

/// What it is.
///
/// - info: borrowed; may be NULL.
/// - Returns: one of the `MSB_FILE_*` numbers; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_kind(info: *const msb_file_info) -> u32 {
    ffi!(else 0, [value info], { Ok(kind_number(info.info.kind)) })
}

/// Its size in bytes; of a symbolic link, the length of what it holds.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_size(info: *const msb_file_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.info.size) })
}

/// Its permissions with the set-id and sticky bits, such as 0644; the kind is not among them.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_mode(info: *const msb_file_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.info.mode) })
}

/// The user that owns it.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_uid(info: *const msb_file_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.info.uid) })
}

/// The group that owns it.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_gid(info: *const msb_file_info) -> u32 {
    ffi!(else 0, [value info], { Ok(info.info.gid) })
}

/// How many names it has.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_nlink(info: *const msb_file_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.info.nlink) })
}

/// When it was last read, in nanoseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_accessed_ns(info: *const msb_file_info) -> i64 {
    ffi!(else 0, [value info], { Ok(info.info.accessed_ns) })
}

/// When its content last changed, in nanoseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_modified_ns(info: *const msb_file_info) -> i64 {
    ffi!(else 0, [value info], { Ok(info.info.modified_ns) })
}

/// When anything of it last changed, in nanoseconds since 1970 UTC.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_changed_ns(info: *const msb_file_info) -> i64 {
    ffi!(else 0, [value info], { Ok(info.info.changed_ns) })
}

/// Its number in its file system.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_inode(info: *const msb_file_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.info.inode) })
}

/// The number of its file system: two names with the same number and inode are one file.
///
/// - info: borrowed; may be NULL.
/// - Returns: the value; 0 if `info` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_device(info: *const msb_file_info) -> u64 {
    ffi!(else 0, [value info], { Ok(info.info.device) })
}

/// Frees what is known of a file. One that belongs to a page is freed with its page instead.
///
/// - info: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_info_free(info: *mut msb_file_info) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(info) };
        Ok(())
    });
}

/// The number of entries on a page.
///
/// - page: borrowed; may be NULL.
/// - Returns: the number; 0 if `page` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_page_len(page: *const msb_file_page) -> usize {
    ffi!(else 0, [value page], { Ok(page.files.len()) })
}

/// An entry of a page.
///
/// - page: borrowed; may be NULL.
/// - index: from 0.
/// - Returns: a view until the page is freed, not to be freed by itself; NULL if there is no such entry.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_page_get(page: *const msb_file_page, index: usize) -> *const msb_file_info {
    ffi!(else ptr::null(), [value page], { Ok(page.files.get(index).map_or(ptr::null(), Object::as_ptr)) })
}

/// The cursor of the next page.
///
/// - page: borrowed; may be NULL.
/// - Returns: the cursor; 0 after the last page, or if `page` is NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_page_next(page: *const msb_file_page) -> u64 {
    ffi!(else 0, [value page], { Ok(page.next) })
}

/// Frees a page and the entries on it.
///
/// - page: consumed; may be NULL.
/// - Blocking: no.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn msb_file_page_free(page: *mut msb_file_page) {
    ffi!(else (), [], {
        // SAFETY: the caller keeps msb.h's contract on pointers: NULL, or live and owned by the caller.
        unsafe { value::free(page) };
        Ok(())
    });
}
