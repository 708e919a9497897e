//! The boundary between C and the core: every exported function's body is one [`ffi!`] inside a visible
//! `pub unsafe extern "C" fn`, because the header generator does not see functions that a macro makes.
//!
//! Invariant: nothing unwinds into C, `*err` is written on every path (NULL on success), and outputs are cleared
//! before anything can fail. A panic becomes `MSB_ERR_INTERNAL` and prints nothing.

use std::cell::{Cell, RefCell};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::error::{MsbError, Status};
use crate::ffi::error::{self, msb_error};
use crate::ffi::process;
use crate::ffi::status::{MSB_OK, msb_status};
use crate::ffi::text;
use crate::panics;

#[cfg(panic = "abort")]
compile_error!("libmsb needs panic = \"unwind\": with \"abort\" a defect of the library would end its host");

/// The body of an exported function.
///
/// `ffi!(err, [how arg, ...], { body })` is for functions that return `msb_status`: the body gives
/// `Result<(), MsbError>`. `ffi!(else fallback, [how arg, ...], { body })` is for those that return a plain value: the
/// body gives `Result<T, MsbError>`, and any failure gives the fallback. Each argument that is listed is
/// checked and shadowed by its safe form, in the order of the list:
///
/// | how | C argument | in the body |
/// | --- | --- | --- |
/// | `text` | `const char *` | `&str` |
/// | `text_or_null` | `const char *` | `Option<&str>` |
/// | `path` | `const char *` | `&Path`: bytes, not necessarily UTF-8 |
/// | `value` | `const msb_x *` | `&msb_x` |
/// | `value_or_null` | `const msb_x *` | `Option<&msb_x>` |
/// | `edit` | `msb_x *` | `&mut msb_x` |
/// | `out` | `T *`, required | `&mut T`, cleared first even if the call fails |
/// | `out_or_null` | `T *` | `Option<&mut T>`, cleared first |
/// | `out_fd` | `int32_t *`, required | `&mut i32`, set to -1 first |
/// | `token` | `msb_x` by value | `Arc` of its object |
macro_rules! ffi {
    (else $fallback:expr, [$($how:ident $arg:ident),* $(,)?], $body:block) => {{
        $($crate::ffi::boundary::bind!(clear $how $arg);)*
        $crate::ffi::boundary::answer($fallback, || {
            $($crate::ffi::boundary::bind!(take $how $arg);)*
            $body
        })
    }};
    ($err:ident, [$($how:ident $arg:ident),* $(,)?], $body:block) => {{
        $($crate::ffi::boundary::bind!(clear $how $arg);)*
        let status_and_error = $crate::ffi::boundary::call(|| {
            $($crate::ffi::boundary::bind!(take $how $arg);)*
            $body
        });
        // SAFETY: the caller keeps msb.h's contract on pointers: `err` is NULL or writable.
        unsafe { $crate::ffi::boundary::finish(status_and_error, $err) }
    }};
}

/// One argument's half of [`ffi!`]; see the table there.
macro_rules! bind {
    (clear out $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: an output is NULL or writable.
        unsafe { $crate::ffi::boundary::clear($arg) }
    };
    (clear out_fd $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: an output is NULL or writable. Zero would be
        // somebody's standard input.
        unsafe { $crate::ffi::boundary::clear_to($arg, -1) }
    };
    (take out_fd $arg:ident) => {
        $crate::ffi::boundary::bind!(take out $arg)
    };
    (clear out_or_null $arg:ident) => {
        $crate::ffi::boundary::bind!(clear out $arg)
    };
    (clear $how:ident $arg:ident) => {};
    (take text $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: text is NULL or NUL-terminated for the call.
        let $arg = unsafe { $crate::ffi::text::required($arg, stringify!($arg)) }?;
    };
    (take text_or_null $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: text is NULL or NUL-terminated for the call.
        let $arg = unsafe { $crate::ffi::text::optional($arg, stringify!($arg)) }?;
    };
    (take path $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: a path is NULL or NUL-terminated for the call.
        let $arg = unsafe { $crate::ffi::text::path($arg, stringify!($arg)) }?;
    };
    (take value $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: a value object is NULL or not yet freed.
        let $arg = unsafe { $crate::ffi::value::borrow($arg, stringify!($arg)) }?;
    };
    (take value_or_null $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: a value object is NULL or not yet freed.
        let $arg = unsafe { $crate::ffi::value::borrow_or_null($arg, stringify!($arg)) }?;
    };
    (take edit $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: a value object is NULL or not yet freed, and
        // one thread uses it at a time.
        let $arg = unsafe { $crate::ffi::value::borrow_mut($arg, stringify!($arg)) }?;
    };
    (take out $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: an output is NULL or writable.
        let $arg = unsafe { $arg.as_mut() }.ok_or_else(|| $crate::ffi::text::null(stringify!($arg)))?;
    };
    (take out_or_null $arg:ident) => {
        // SAFETY: the caller keeps msb.h's contract on pointers: an output is NULL or writable.
        let $arg = unsafe { $arg.as_mut() };
    };
    (take token $arg:ident) => {
        let $arg = $crate::ffi::token::lookup($arg)?;
    };
}

pub(crate) use {bind, ffi};

/// Duplicates stay clear of the standard streams, which a host may have closed.
const LEAST_DUPLICATE: i32 = 3;

/// What an output holds when its call fails.
pub trait Cleared {
    /// Zero, NULL or the null handle.
    const CLEARED: Self;
}

impl<T> Cleared for *mut T {
    const CLEARED: Self = std::ptr::null_mut();
}

impl<T> Cleared for *const T {
    const CLEARED: Self = std::ptr::null();
}

macro_rules! cleared_numbers {
    ($($number:ty),*) => { $(impl Cleared for $number { const CLEARED: Self = 0; })* };
}
cleared_numbers!(u8, u32, u64, usize, i32, i64);

/// Clears an output, if there is one.
///
/// # Safety
/// `out` is NULL or valid for a write.
pub unsafe fn clear<T: Cleared>(out: *mut T) {
    // SAFETY: as the caller promises.
    unsafe { clear_to(out, T::CLEARED) };
}

/// As [`clear`], with a value of the caller's choice.
///
/// # Safety
/// As [`clear`].
pub unsafe fn clear_to<T>(out: *mut T, value: T) {
    if !out.is_null() && out.is_aligned() {
        // SAFETY: just checked for NULL and alignment; the caller promises the rest.
        unsafe { out.write(value) };
    }
}

/// How a body ended.
pub enum Ended {
    /// It did what was asked.
    Done,
    /// It failed.
    Failed(MsbError),
    /// The process is a fork of the one that uses the library.
    Forked,
    /// It panicked; no error object of its own could be made.
    Panicked,
}

/// Runs the body of a fallible function.
pub fn call(body: impl FnOnce() -> Result<(), MsbError>) -> Ended {
    // In a forked child another thread may have held any lock, the allocator's included: answer without one.
    if process::is_forked() {
        return Ended::Forked;
    }
    match contained(body) {
        Some(Ok(())) => Ended::Done,
        Some(Err(error)) => Ended::Failed(error),
        None => contained(panic_error).map_or(Ended::Panicked, Ended::Failed),
    }
}

/// Runs the body of a function that cannot report an error.
pub fn answer<T>(fallback: T, body: impl FnOnce() -> Result<T, MsbError>) -> T {
    match contained(body) {
        Some(Ok(value)) => value,
        Some(Err(_)) | None => fallback,
    }
}

/// Writes `*err` and gives the status.
///
/// # Safety
/// `err` is NULL or valid for a write.
pub unsafe fn finish(ended: Ended, err: *mut *mut msb_error) -> msb_status {
    let (status, object) = match ended {
        Ended::Done => (MSB_OK, std::ptr::null_mut()),
        Ended::Forked => (Status::Forked.code(), error::forked()),
        Ended::Panicked => (Status::Internal.code(), error::panicked()),
        Ended::Failed(error) if err.is_null() => (error.status().code(), std::ptr::null_mut()),
        Ended::Failed(error) => {
            let status = error.status().code();
            (
                status,
                contained(|| error::into_raw(&error)).unwrap_or_else(error::panicked),
            )
        }
    };
    if !err.is_null() && err.is_aligned() {
        // SAFETY: just checked for NULL and alignment; the caller promises the rest.
        unsafe { err.write(object) };
    }
    status
}

thread_local! {
    /// How many exported functions are on this thread's stack.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Where and why this thread last panicked inside one.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Counts an exported function on this thread's stack, for as long as it lives.
struct Inside;

impl Inside {
    fn enter() -> Self {
        // A thread that is being torn down has no counter any more; its panics are then printed, not lost.
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_add(1)));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// Runs `body`; `None` if it panicked.
fn contained<T>(body: impl FnOnce() -> T) -> Option<T> {
    quieten_own_panics();
    let _inside = Inside::enter();
    panics::contained(body).ok()
}

fn panic_error() -> MsbError {
    let what = LAST_PANIC
        .try_with(|last| last.borrow_mut().take())
        .ok()
        .flatten();
    panics::error(what.as_deref().unwrap_or("no message"))
}

/// Keeps this library's panics off the host's stderr.
///
/// The standard library inside a cdylib or staticlib is private to it, so there the hook sees nothing but this
/// library. Linked as an rlib it is the whole program's: it is installed only once the program calls through the C
/// functions, and it passes every panic that is neither inside one of them nor on a thread of this library on.
fn quieten_own_panics() {
    static INSTALLED: Once = Once::new();
    if INSTALLED.is_completed() || std::thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let inside = DEPTH.try_with(Cell::get).unwrap_or(0) > 0;
            if inside {
                let _ = LAST_PANIC.try_with(|last| *last.borrow_mut() = Some(describe(info)));
            } else if !std::thread::current()
                .name()
                .is_some_and(|name| name.starts_with(THREAD_PREFIX))
            {
                previous(info);
            }
        }));
    });
}

/// What the names of this library's threads begin with.
const THREAD_PREFIX: &str = "msb-";

fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = panics::text(info.payload());
    match info.location() {
        Some(place) => format!("{message} at {}:{}", place.file(), place.line()),
        None => message.to_owned(),
    }
}

/// A slice from C's pointer and length; `(NULL, 0)` is the empty slice.
///
/// # Safety
/// `data` is NULL or valid for reads of `len` bytes for the lifetime of the call.
pub unsafe fn bytes<'a>(data: *const u8, len: usize, name: &str) -> Result<&'a [u8], MsbError> {
    check_extent(data, len, name)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: not NULL and at most isize::MAX long; the caller promises the rest.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// As [`bytes`], to be written.
///
/// # Safety
/// `data` is NULL or valid for writes of `len` bytes for the lifetime of the call, and initialised or about to be.
pub unsafe fn bytes_mut<'a>(data: *mut u8, len: usize, name: &str) -> Result<&'a mut [u8], MsbError> {
    check_extent(data, len, name)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: not NULL and at most isize::MAX long; the caller promises the rest, and bytes are only written.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len) })
}

/// A descriptor of the caller, if it is open.
///
/// # Safety
/// If `fd` is open, it stays so for the lifetime of the call.
pub unsafe fn descriptor<'a>(fd: i32, name: &str) -> Result<BorrowedFd<'a>, MsbError> {
    let closed = |message: String| {
        MsbError::new(Status::InvalidArgument, "argument.fd", message).detail("argument", name)
    };
    if fd < 0 {
        return Err(closed(format!("`{name}` is {fd}, which is no descriptor")));
    }
    // SAFETY: not negative; a closed one is found out by the next call, which does nothing with it.
    let descriptor = unsafe { BorrowedFd::borrow_raw(fd) };
    rustix::io::fcntl_getfd(descriptor)
        .map_err(|errno| closed(format!("`{name}` is {fd}, which is not open")).source(&errno))?;
    Ok(descriptor)
}

/// A duplicate of a descriptor of the caller, for what goes on after the call; closed in programs that are executed.
///
/// # Safety
/// As [`descriptor`].
pub unsafe fn duplicate(fd: i32, name: &str) -> Result<OwnedFd, MsbError> {
    // SAFETY: as the caller promises.
    let fd = unsafe { descriptor(fd, name) }?;
    rustix::io::fcntl_dupfd_cloexec(fd, LEAST_DUPLICATE).map_err(|errno| {
        MsbError::new(
            Status::from_errno(errno.raw_os_error()),
            "process.descriptors",
            format!("`{name}` cannot be duplicated"),
        )
        .source(&errno)
        .remedy("raise the limit of open files")
    })
}

fn check_extent(data: *const u8, len: usize, name: &str) -> Result<(), MsbError> {
    if len > 0 && data.is_null() {
        return Err(text::null(name));
    }
    if isize::try_from(len).is_err() {
        return Err(MsbError::new(
            Status::InvalidArgument,
            "argument.too_long",
            format!("the length of `{name}` is larger than any buffer can be"),
        )
        .detail("argument", name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(body: impl FnOnce() -> Result<(), MsbError>) -> (msb_status, *mut msb_error) {
        let mut err = std::ptr::dangling_mut();
        // SAFETY: `err` is a local.
        let status = unsafe { finish(call(body), &raw mut err) };
        (status, err)
    }

    #[test]
    fn success_writes_a_null_error() {
        let (status, err) = status_of(|| Ok(()));
        assert_eq!(status, MSB_OK);
        assert!(err.is_null());
    }

    #[test]
    fn a_panic_becomes_an_internal_error_that_says_where() {
        let (status, err) = status_of(|| panic!("boom {}", 7));
        assert_eq!(status, Status::Internal.code());
        // SAFETY: `err` was just made, and is freed once.
        let text = unsafe {
            let text = std::ffi::CStr::from_ptr(error::msb_error_message(err))
                .to_str()
                .unwrap()
                .to_owned();
            error::msb_error_free(err);
            text
        };
        assert!(
            text.contains("boom 7 at ") && text.contains("boundary.rs:"),
            "{text}"
        );
    }

    #[test]
    fn a_panic_payload_that_panics_when_dropped_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("second panic");
            }
        }
        let (status, err) = status_of(|| std::panic::panic_any(Bomb));
        assert_eq!(status, Status::Internal.code());
        // SAFETY: `err` was just made, and is freed once.
        unsafe { error::msb_error_free(err) };
    }

    #[test]
    fn a_panic_in_a_plain_answer_gives_the_fallback() {
        assert_eq!(answer(7, || panic!("no")), 7);
    }
}
