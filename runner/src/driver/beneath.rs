//! Keeps libkrun's file server inside the directories that it shares.
//!
//! It opens whatever name a guest sends, relative to a directory's descriptor: `..` and absolute names too. Landlock
//! stops it from reading or writing what that leads to, but not from changing modes, owners and times of it, which
//! takes no more than a descriptor without rights. So the C function by which it opens is replaced here, for this whole
//! program: relative to a descriptor it opens plain names only, and for `..`, which listing a directory asks for as well,
//! the directory itself. Nothing else in this program opens by this function.

use super::metered;
use std::ffi::{CStr, c_char, c_int};
use std::io;

/// As openat(2), but a name relative to a descriptor is one component of a path, and the parent is the directory itself.
///
/// # Safety
///
/// `path` points to a string that ends in zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mode: libc::mode_t,
) -> c_int {
    // SAFETY: as the caller promises.
    let mut name = unsafe { CStr::from_ptr(path) };
    if directory != libc::AT_FDCWD {
        if name.to_bytes().contains(&b'/') {
            // SAFETY: the address of this thread's errno, as libc gives it.
            unsafe { *libc::__errno_location() = libc::EXDEV };
            return -1;
        }
        if name == c".." {
            name = c".";
        }
    }
    // SAFETY: the arguments of the call that this stands for; a file that is not made needs no mode, and the kernel
    // looks at none then.
    let call = || unsafe {
        libc::syscall(
            libc::SYS_openat,
            directory,
            name.as_ptr(),
            flags | libc::O_LARGEFILE,
            mode,
        )
    };
    metered::open(directory, name, flags, call) as c_int
}

/// Whether calls by way of libc, as libkrun's are, arrive here: how a program is linked decides that.
pub(super) fn holds() -> bool {
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    // The kernel would not look at the number, because the name is absolute.
    const NOWHERE: c_int = -1;
    // SAFETY: the name ends in zero.
    let fd = unsafe { libc::openat(NOWHERE, c"/".as_ptr(), flags) };
    fd < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EXDEV)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::os::unix::fs::MetadataExt;

    /// What libkrun's call comes to: the inode that it opens, or an errno.
    fn open(directory: c_int, name: &CStr) -> Result<u64, Option<i32>> {
        let flags = libc::O_PATH | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        // SAFETY: the name ends in zero.
        let fd = unsafe { libc::openat(directory, name.as_ptr(), flags) };
        if fd < 0 {
            return Err(std::io::Error::last_os_error().raw_os_error());
        }
        // SAFETY: the descriptor was opened above and nobody else has it.
        Ok(unsafe { File::from_raw_fd(fd) }.metadata().unwrap().ino())
    }

    #[test]
    fn calls_by_way_of_libc_arrive_here() {
        assert!(holds());
    }

    #[test]
    fn no_name_from_a_guest_leads_out_of_a_shared_directory() {
        let shared = tempfile::tempdir().unwrap();
        std::fs::write(shared.path().join("..file"), b"").unwrap();
        let directory = File::open(shared.path()).unwrap();
        let directory = directory.as_raw_fd();
        for name in [c"/etc/passwd", c"../x", c"x/../..", c"/"] {
            assert_eq!(open(directory, name), Err(Some(libc::EXDEV)), "{name:?}");
        }
        let own = std::fs::metadata(shared.path()).unwrap().ino();
        assert_eq!(open(directory, c"."), Ok(own));
        assert_eq!(open(directory, c".."), Ok(own));
        assert!(open(directory, c"..file").is_ok());
        assert!(open(libc::AT_FDCWD, c"/etc/passwd").is_ok());
    }
}
