//! The few system calls that have no safe wrapper, each behind a safe function.

use std::io;
use std::thread::JoinHandle;

/// Starts a thread that no signal from outside is delivered to, so that a host's handlers run on its own
/// threads. Faults (SEGV, BUS, FPE, ILL, TRAP, ABRT) stay as they are.
pub fn spawn_quiet_thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let _restore = SignalMask::block_asynchronous()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// The calling thread's former signal mask, put back on drop.
struct SignalMask(libc::sigset_t);

impl SignalMask {
    fn block_asynchronous() -> io::Result<Self> {
        // SAFETY: an all-zero sigset_t is a valid value to be filled by sigfillset and pthread_sigmask.
        let (mut block, mut former): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
        // SAFETY: both sets are live locals and the signal numbers are valid.
        let status = unsafe {
            libc::sigfillset(&mut block);
            let faults = [
                libc::SIGSEGV,
                libc::SIGBUS,
                libc::SIGFPE,
                libc::SIGILL,
                libc::SIGTRAP,
                libc::SIGABRT,
            ];
            for fault in faults {
                libc::sigdelset(&mut block, fault);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, &block, &mut former)
        };
        if status == 0 {
            Ok(Self(former))
        } else {
            Err(io::Error::from_raw_os_error(status))
        }
    }
}

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: the set was filled by pthread_sigmask on this thread.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

/// Sixteen hexadecimal digits that nobody else has drawn: part of a name for what is not finished yet.
pub fn random_hex() -> io::Result<String> {
    let mut random = [0; 8];
    // So few bytes come whole.
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    Ok(format!("{:016x}", u64::from_ne_bytes(random)))
}

/// Tries to lock the byte at `offset` of an open file, exclusively, for as long as the file is open.
/// False when another open file holds it.
pub fn try_lock_byte(file: &std::fs::File, offset: i64) -> io::Result<bool> {
    match set_byte_lock(file, offset, libc::F_WRLCK) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Frees the byte at `offset`, also for every copy of the file's descriptor.
pub fn unlock_byte(file: &std::fs::File, offset: i64) -> io::Result<()> {
    set_byte_lock(file, offset, libc::F_UNLCK)
}

fn set_byte_lock(file: &std::fs::File, offset: i64, kind: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: an all-zero flock is a valid value; every field that matters is set below.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = offset;
    lock.l_len = 1;
    // SAFETY: the descriptor is open and the flock is a live local.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &lock) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether nobody has the open file open for writing: a program can be run only then.
pub fn is_unwritten(file: &std::fs::File) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    // The kernel grants a read lease only while there is no writer.
    // SAFETY: both calls take an open descriptor and a number.
    let granted = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) } == 0;
    if granted {
        // SAFETY: as above. Closing the file gives the lease up too.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::EAGAIN) => Ok(false),
        error => Err(error),
    }
}

/// Whether no other open file, in any process, is of the same file. A running program is an open file.
pub fn is_unopened(file: &std::fs::File) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    // The kernel grants a write lease only to the one who has the file open.
    // SAFETY: both calls take an open descriptor and a number.
    let granted = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) } == 0;
    if granted {
        // SAFETY: as above. Closing the file gives the lease up too.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EBUSY)) => Ok(false),
        error => Err(error),
    }
}

/// The file that this library's code was loaded from: the shared library, or the program it is linked into.
pub fn own_library() -> Option<std::path::PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: an all-zero Dl_info is a valid value to be filled.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: the address is that of a function in this library, and the result is a live local.
    let found = unsafe { libc::dladdr(own_library as *const libc::c_void, &mut info) };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr gives a NUL-terminated name that lives as long as the library is loaded.
    let name = unsafe { std::ffi::CStr::from_ptr(info.dli_fname) };
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    std::fs::canonicalize(path).ok()
}
