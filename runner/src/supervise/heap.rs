//! Gives freed memory back to the system: a supervisor is busy for moments and idle for days.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// Allocations from this size on are mapped one by one and unmapped when freed, in bytes. Set once, it
    /// keeps glibc from raising the limit after the first large queue was freed, which would keep the next.
    const MAPPED_ALONE: libc::c_int = 128 * 1024;

    pub fn prepare() {
        // SAFETY: has no preconditions; called while there is one thread.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_ALONE);
        }
    }

    pub fn trim() {
        // SAFETY: has no preconditions.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

/// Makes large blocks go back to the system as soon as they are freed.
pub(super) fn prepare() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::prepare();
}

/// Gives back what a busy moment left behind.
pub(super) fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::trim();
}
