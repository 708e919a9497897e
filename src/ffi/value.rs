//! Value objects: errors, config builders, infos, lists and bytes, each an opaque pointer with one owner.
//!
//! Invariant: a live object begins its life with its kind's magic word and loses it when it is freed, so that a
//! pointer to another kind of object, or to one freed before, is in most cases a status instead of a crash.

use std::alloc::{Layout, alloc};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{MsbError, Status};
use crate::ffi::text;

/// The kinds of value object; the number is part of the magic word only and means nothing to C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ValueKind {
    /// `msb_error`
    Error = 1,
    /// `msb_bytes`
    Bytes,
    /// `msb_backend_config`
    BackendConfig,
    /// `msb_sandbox_config`
    SandboxConfig,
    /// `msb_exec_config`
    ExecConfig,
    /// `msb_sandbox_filter`
    SandboxFilter,
    /// `msb_sandbox_info`
    SandboxInfo,
    /// `msb_sandbox_page`
    SandboxPage,
    /// `msb_exec_result`
    ExecResult,
    /// `msb_probe_report`
    ProbeReport,
    /// `msb_backend_info`
    BackendInfo,
    /// `msb_file_info`
    FileInfo,
    /// `msb_file_page`
    FilePage,
    /// `msb_mount_config`
    MountConfig,
    /// `msb_patch_config`
    PatchConfig,
    /// `msb_volume_config`
    VolumeConfig,
    /// `msb_volume_filter`
    VolumeFilter,
    /// `msb_volume_info`
    VolumeInfo,
    /// `msb_volume_page`
    VolumePage,
    /// `msb_fsck_report`
    FsckReport,
    /// `msb_storage_usage`
    StorageUsage,
    /// `msb_prune_report`
    PruneReport,
    /// `msb_image_filter`
    ImageFilter,
    /// `msb_image_info`
    ImageInfo,
    /// `msb_image_page`
    ImagePage,
    /// `msb_image_load_config`
    ImageLoadConfig,
    /// `msb_image_pull_config`
    ImagePullConfig,
    /// `msb_snapshot_filter`
    SnapshotFilter,
    /// `msb_snapshot_info`
    SnapshotInfo,
    /// `msb_snapshot_page`
    SnapshotPage,
}

/// What a pointer of C points to. The magic word comes first whatever the type, so that reading it stays within even
/// the smallest object of another kind.
#[repr(C)]
pub struct Object<T> {
    word: AtomicU64,
    value: T,
}

impl<T: Value> Object<T> {
    const fn owned(value: T) -> Self {
        Self {
            word: AtomicU64::new(magic(T::KIND)),
            value,
        }
    }

    /// An object that is part of another one, or static: C may read it, and freeing it does nothing.
    pub const fn view(value: T) -> Self {
        Self {
            word: AtomicU64::new(magic(T::KIND) | VIEW),
            value,
        }
    }

    /// The pointer that C gets.
    pub const fn as_ptr(&self) -> *const T {
        std::ptr::from_ref(self).cast()
    }
}

const fn magic(kind: ValueKind) -> u64 {
    0x6d73_6276_616c_0000 | kind as u64
}

/// Set in the word of an object that is not C's to free.
const VIEW: u64 = 1 << 8;
const FREED: u64 = 0xdead_6d73_6266_7265;

/// A type that C holds by pointer, as an [`Object`] of it. Implement it with [`value_object!`].
pub trait Value: Sized {
    /// What the magic word says.
    const KIND: ValueKind;
    /// The name of the C type.
    const NAME: &'static str;
}

/// Makes a struct a [`Value`]: `value_object!(msb_bytes, Bytes)`.
macro_rules! value_object {
    ($name:ident, $kind:ident) => {
        impl $crate::ffi::value::Value for $name {
            const KIND: $crate::ffi::value::ValueKind = $crate::ffi::value::ValueKind::$kind;
            const NAME: &'static str = stringify!($name);
        }
    };
}

pub(crate) use value_object;

/// Moves a value to the heap and its ownership to C; `None` if there is no memory.
pub fn try_into_raw<T: Value>(value: T) -> Option<*mut T> {
    const { assert!(size_of::<Object<T>>() > 0) };
    // `Box::new` would end the process where there is no memory.
    // SAFETY: the layout's size is not zero, checked above.
    let place = unsafe { alloc(Layout::new::<Object<T>>()) }.cast::<Object<T>>();
    if place.is_null() {
        return None;
    }
    // SAFETY: the place was just allocated with this type's layout.
    unsafe { place.write(Object::owned(value)) };
    Some(place.cast())
}

/// Moves a value to the heap and its ownership to C.
pub fn into_raw<T: Value>(value: T) -> Result<*mut T, MsbError> {
    try_into_raw(value).ok_or_else(|| {
        MsbError::new(
            Status::OutOfMemory,
            "process.out_of_memory",
            "there is no memory for the result",
        )
    })
}

/// The object behind a required pointer.
///
/// # Safety
/// `this` is NULL or points to a value object that lives for `'a` and is not changed meanwhile.
pub unsafe fn borrow<'a, T: Value>(this: *const T, name: &str) -> Result<&'a T, MsbError> {
    // SAFETY: as the caller promises.
    unsafe { borrow_or_null(this, name) }?.ok_or_else(|| text::null(name))
}

/// The object behind a pointer that may be NULL.
///
/// # Safety
/// As [`borrow`].
pub unsafe fn borrow_or_null<'a, T: Value>(this: *const T, name: &str) -> Result<Option<&'a T>, MsbError> {
    if this.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises; the kind is checked before the object is touched.
    unsafe {
        let object = check(this, name)?;
        Ok(Some(&(*object).value))
    }
}

/// The object behind a required pointer, to change it.
///
/// # Safety
/// As [`borrow`], and nothing else uses the object for `'a`.
pub unsafe fn borrow_mut<'a, T: Value>(this: *mut T, name: &str) -> Result<&'a mut T, MsbError> {
    if this.is_null() {
        return Err(text::null(name));
    }
    // SAFETY: as the caller promises; the kind is checked before the object is touched.
    unsafe {
        let object = check(this, name)?.cast_mut();
        Ok(&mut (*object).value)
    }
}

/// Ends an object's life; NULL, a view, and an object that is not a live `T` are left alone.
///
/// # Safety
/// `this` is NULL or came from [`into_raw`] or [`try_into_raw`]; nothing uses the object during or after this.
pub unsafe fn free<T: Value>(this: *mut T) {
    let object = this.cast::<Object<T>>();
    if object.is_null() || !object.is_aligned() {
        return;
    }
    // SAFETY: not NULL and aligned; the caller promises the rest.
    let word = unsafe { &(*object).word };
    if word
        .compare_exchange(magic(T::KIND), FREED, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
    {
        // SAFETY: a live object was allocated with this type's layout, as a `Box` is, and is owned by the caller.
        drop(unsafe { Box::from_raw(object) });
    }
}

/// The object behind a pointer, if it is a live one of this kind.
///
/// # Safety
/// `this` is not NULL and points to a value object of whatever kind.
unsafe fn check<T: Value>(this: *const T, name: &str) -> Result<*const Object<T>, MsbError> {
    let object = this.cast::<Object<T>>();
    if !object.is_aligned() {
        return Err(not_live::<T>(name));
    }
    // SAFETY: aligned, and every value object begins with its word; nothing else of it is read here.
    let word = unsafe { &(*object).word }.load(Ordering::Acquire);
    if word & !VIEW == magic(T::KIND) {
        Ok(object)
    } else {
        Err(not_live::<T>(name))
    }
}

#[cold]
fn not_live<T: Value>(name: &str) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "argument.not_live",
        format!("`{name}` does not point to a live {}", T::NAME),
    )
    .detail("argument", name)
    .remedy("pass an object that was not freed, of the type that the function takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct tiny(u8);
    struct large([u64; 32]);
    value_object!(tiny, Bytes);
    value_object!(large, Error);

    #[test]
    fn an_object_of_another_kind_is_refused_whatever_its_size() {
        let small = into_raw(tiny(7)).unwrap();
        // SAFETY: `small` is live until it is freed at the end; of another kind only its word is read.
        unsafe {
            assert!(borrow::<large>(small.cast(), "x").is_err());
            free::<large>(small.cast());
            assert_eq!(borrow(small, "x").unwrap().0, 7);
            free(small);
        }
    }

    #[test]
    fn freeing_a_view_does_nothing() {
        let whole = Object::view(large([3; 32]));
        // SAFETY: `whole` is live throughout.
        unsafe {
            free(whole.as_ptr().cast_mut());
            assert_eq!(borrow(whole.as_ptr(), "x").unwrap().0[31], 3);
        }
    }

    #[test]
    fn a_misaligned_pointer_is_refused() {
        let small = into_raw(tiny(7)).unwrap();
        // SAFETY: a misaligned pointer is not followed.
        unsafe {
            assert!(borrow(small.byte_add(1), "x").is_err());
            free(small.byte_add(1));
            free(small);
        }
    }
}
