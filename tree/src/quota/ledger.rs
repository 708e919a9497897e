//! The counts themselves: one page of memory that all processes share, in a file.
//!
//! Each count is one atomic number, so that a process that dies leaves no half of a change. What a dead process
//! had charged and not used stays charged until the next recount: the counts are never too low.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::info::Usage;

const SIZE: usize = 4096;

/// First number of a ledger that is ready, and the version of what follows.
const READY: u64 = u64::from_le_bytes(*b"msbquot1");

/// What lies at the start of the page.
#[repr(C)]
#[derive(Debug)]
struct Counts {
    ready: AtomicU64,
    bytes: AtomicU64,
    inodes: AtomicU64,
    /// Milliseconds of the clock since boot at the last recount.
    recounted_ms: AtomicU64,
    /// Not zero if something is known to be charged that is not there.
    stale: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Ledger {
    page: NonNull<Counts>,
}

// SAFETY: the page stays mapped as long as the ledger lives, and holds nothing but atomic numbers.
unsafe impl Send for Ledger {}
// SAFETY: as above.
unsafe impl Sync for Ledger {}

impl Ledger {
    /// Maps the file, which is given its size if it is new.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() < SIZE as u64 {
            file.set_len(SIZE as u64)?;
        }
        // SAFETY: a new mapping at an address that the kernel chooses overlaps no other memory.
        let page = unsafe {
            mmap(
                std::ptr::null_mut(),
                SIZE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                0,
            )?
        };
        let page = NonNull::new(page.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { page })
    }

    fn counts(&self) -> &Counts {
        // SAFETY: the mapping is a page long, aligned to a page, lives as long as `self`, and any bytes are valid
        // atomic numbers.
        unsafe { self.page.as_ref() }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.counts().ready.load(Ordering::Acquire) == READY
    }

    /// Takes the result of a recount.
    pub(super) fn set(&self, usage: Usage, now_ms: u64) {
        let counts = self.counts();
        counts.bytes.store(usage.bytes, Ordering::Release);
        counts.inodes.store(usage.inodes, Ordering::Release);
        counts.recounted_ms.store(now_ms, Ordering::Release);
        counts.stale.store(0, Ordering::Release);
        counts.ready.store(READY, Ordering::Release);
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            bytes: self.counts().bytes.load(Ordering::Acquire),
            inodes: self.counts().inodes.load(Ordering::Acquire),
        }
    }

    pub(super) fn recounted_ms(&self) -> u64 {
        self.counts().recounted_ms.load(Ordering::Acquire)
    }

    pub(super) fn is_stale(&self) -> bool {
        self.counts().stale.load(Ordering::Acquire) != 0
    }

    pub(super) fn set_stale(&self) {
        self.counts().stale.store(1, Ordering::Release);
    }

    /// Adds both or neither. A count that does not grow may stand above its limit.
    pub(super) fn add(&self, add: Usage, limit: Usage) -> bool {
        let counts = self.counts();
        if !add_to(&counts.bytes, add.bytes, limit.bytes) {
            return false;
        }
        if add_to(&counts.inodes, add.inodes, limit.inodes) {
            return true;
        }
        subtract_from(&counts.bytes, add.bytes);
        false
    }

    pub(super) fn subtract(&self, usage: Usage) {
        subtract_from(&self.counts().bytes, usage.bytes);
        subtract_from(&self.counts().inodes, usage.inodes);
    }
}

fn add_to(count: &AtomicU64, add: u64, limit: u64) -> bool {
    add == 0
        || count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                now.checked_add(add).filter(|sum| *sum <= limit)
            })
            .is_ok()
}

fn subtract_from(count: &AtomicU64, less: u64) {
    if less > 0 {
        count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                Some(now.saturating_sub(less))
            })
            .ok();
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // SAFETY: this is the whole of the mapping made in `map`, and nothing refers to it any more.
        let _ = unsafe { munmap(self.page.as_ptr().cast(), SIZE) };
    }
}
