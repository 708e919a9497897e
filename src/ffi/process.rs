//! Which process uses the library: a random salt in a page that the kernel wipes in a forked child.
//!
//! Invariant: in the process that made it the salt never changes and is never 0; in a forked child it reads as 0. No
//! atfork handler is needed, and on the way of a call no system call.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use crate::error::{MsbError, Status};

/// The page; all zeroes in a forked child.
struct Page {
    salt: AtomicU64,
    /// The process that made the page, where the kernel cannot wipe it; else 0.
    owner: AtomicU64,
}

/// What is mapped, advised and unmapped; the kernel rounds it up to a page.
const PAGE_LEN: usize = size_of::<Page>();

/// Made at the first use, shared by all threads, never unmapped: the library is never unloaded.
static PAGE: AtomicPtr<Page> = AtomicPtr::new(std::ptr::null_mut());

/// The top byte of the salt has this bit; no handle's has, so no handle is ever 0.
const TOP_BIT: u64 = 1 << 63;

/// Whether this process is a forked child of one that used the library. Asking counts as use.
#[inline]
pub fn is_forked() -> bool {
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: a page that was published is never unmapped.
    match unsafe { page.as_ref() } {
        Some(page) => salt_of(page) == 0,
        None => {
            // Should this fail, whoever needs the salt tries again and reports it.
            let _ = publish_page();
            false
        }
    }
}

/// This process's salt, made at the first use; an error in a forked child.
#[inline]
pub fn salt() -> Result<u64, MsbError> {
    let page = PAGE.load(Ordering::Acquire);
    // SAFETY: a page that was published is never unmapped.
    let salt = match unsafe { page.as_ref() } {
        Some(page) => salt_of(page),
        None => publish_page()?,
    };
    if salt == 0 { Err(forked()) } else { Ok(salt) }
}

#[inline]
fn salt_of(page: &Page) -> u64 {
    let owner = page.owner.load(Ordering::Relaxed);
    if owner != 0 && owner != pid() {
        return 0;
    }
    page.salt.load(Ordering::Relaxed)
}

#[cold]
fn forked() -> MsbError {
    MsbError::new(
        Status::Forked,
        "process.forked",
        "this process was forked after the library was first used",
    )
    .remedy("use the library before the fork or after it, in one of the two processes only")
}

/// Makes the page, unless another thread is faster; lock-free, because a fork may happen in the middle.
#[cold]
fn publish_page() -> Result<u64, MsbError> {
    let fresh = map_page()?;
    // SAFETY: the page was just mapped and is larger than a `Page`.
    let page = unsafe { &*fresh };
    if !wiped_on_fork(fresh) {
        page.owner.store(pid(), Ordering::Relaxed);
    }
    // RandomState is seeded from the system's random source.
    let salt = RandomState::new().build_hasher().finish() | TOP_BIT;
    page.salt.store(salt, Ordering::Relaxed);
    match PAGE.compare_exchange(std::ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Ok(salt),
        Err(winner) => {
            // SAFETY: `fresh` was never published, so nothing refers to it any more.
            let _ = unsafe { rustix::mm::munmap(fresh.cast(), PAGE_LEN) };
            // SAFETY: a page that was published is never unmapped.
            Ok(salt_of(unsafe { &*winner }))
        }
    }
}

fn map_page() -> Result<*mut Page, MsbError> {
    // SAFETY: a new anonymous mapping at an address of the kernel's choice.
    unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            PAGE_LEN,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    }
    .map(<*mut _>::cast)
    .map_err(|errno| {
        MsbError::new(
            Status::OutOfMemory,
            "process.no_page",
            "cannot map a page of memory",
        )
        .source(&errno)
        .remedy("raise the process's memory limit")
    })
}

#[cfg(target_os = "linux")]
fn wiped_on_fork(page: *mut Page) -> bool {
    use rustix::mm::{Advice, madvise};
    // SAFETY: the page was just mapped with this length, and its content is still all zeroes.
    unsafe { madvise(page.cast(), PAGE_LEN, Advice::LinuxWipeOnFork) }.is_ok()
}

#[cfg(not(target_os = "linux"))]
fn wiped_on_fork(_page: *mut Page) -> bool {
    false
}

fn pid() -> u64 {
    u64::from(rustix::process::getpid().as_raw_nonzero().get().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salt_is_one_and_not_zero() {
        let first = salt().unwrap();
        let others: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| salt().unwrap()))
            .map(|t| t.join().unwrap())
            .collect();
        assert!(first & TOP_BIT != 0);
        assert!(others.iter().all(|other| *other == first));
    }

    #[test]
    fn a_page_of_another_process_reads_as_forked() {
        let page = Page {
            salt: AtomicU64::new(5 | TOP_BIT),
            owner: AtomicU64::new(pid() + 1),
        };
        assert_eq!(salt_of(&page), 0);
        page.owner.store(pid(), Ordering::Relaxed);
        assert_eq!(salt_of(&page), 5 | TOP_BIT);
    }
}
