//! What a guest writes through libkrun to a directory with a quota, charged before it is written.
//!
//! libkrun's file server cannot be wrapped, but it makes every change by a C function of a well-known name, and the few
//! that make a directory larger or smaller are replaced here, as `openat` is in [`super::beneath`]. Only in a VMM
//! with such directories do they do more than their system call: the directory that a descriptor is in is found by its path,
//! as the kernel tells it, below that of one of the [`Meter`]s. Files without a name are not counted by the ledger; those that
//! are open are counted on top. They are looked for after a removal, and after every 1/256 of the limit that was written,
//! because a file may also lose its name to another that is renamed, by a call that does not come by here.

use msb_tree::{Charge, Quota, TreeError, TreeErrorKind, Usage};
use parking_lot::Mutex;
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use std::collections::HashSet;
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

/// The directories with a quota; set once, before the guest runs.
static METERS: OnceLock<Vec<Meter>> = OnceLock::new();

/// One directory with a quota.
pub(super) struct Meter {
    root: OwnedFd,
    quota: Quota,
    open: Mutex<Open>,
}

/// What the guest has open in the directory.
#[derive(Default)]
struct Open {
    files: HashSet<c_int>,
    /// Bytes of those without a name, when they were last looked at.
    unnamed: u64,
    /// Bytes charged since.
    charged: u64,
}

impl Open {
    /// Looks which files have no name now.
    fn look(&mut self) -> &Self {
        let sizes = self.files.iter().filter_map(|&file| {
            let stat = rustix::fs::fstat(borrow(file)).ok()?;
            (stat.st_nlink == 0).then_some(size_of(&stat))
        });
        self.unnamed = sizes.sum();
        self.charged = 0;
        self
    }
}

impl Meter {
    pub(super) fn new(directory: &Path, quota: Quota) -> rustix::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            root: rustix::fs::open(directory, flags, Mode::empty())?,
            quota,
            open: Mutex::default(),
        })
    }

    /// Whether there is room for `growth` more beside what is open and has no name.
    fn check(&self, growth: u64) -> io::Result<()> {
        let limit = self.quota.limit().bytes;
        let mut open = self.open.lock();
        let fits = |open: &Open| {
            let there = self.quota.usage().bytes.saturating_add(open.unnamed);
            open.unnamed == 0 || there.saturating_add(growth) <= limit
        };
        // What was closed since does not count any more.
        if (open.charged >= limit / 256 || !fits(&open)) && !fits(open.look()) {
            return Err(io::Error::from_raw_os_error(libc::EDQUOT));
        }
        open.charged = open.charged.saturating_add(growth);
        Ok(())
    }

    /// Makes a change by which `file` may come to end at `end`.
    fn grow(
        &self,
        file: c_int,
        end: impl FnOnce(u64) -> u64,
        appended: Option<u64>,
        change: impl FnOnce() -> c_long,
    ) -> c_long {
        let file = borrow(file);
        let charge = || -> io::Result<Charge<'_>> {
            let size = size_of(&rustix::fs::fstat(file)?);
            let end = end(size);
            if end > size {
                self.check(end - size)?;
            }
            let charged = match appended {
                Some(length) => self.quota.charge_append(file, length),
                None => self.quota.charge_growth(file, end),
            };
            charged.map_err(io_error)
        };
        match charge() {
            Ok(mut charge) => {
                let answer = change();
                keeping_errno(|| charge.settle(file));
                answer
            }
            Err(error) => fail(&error),
        }
    }

    /// Makes one inode more.
    fn add(&self, make: impl FnOnce() -> c_long) -> c_long {
        match self.quota.charge(0, 1) {
            Ok(mut charge) => {
                let answer = make();
                if answer < 0 {
                    charge.give_back(0, 1);
                }
                keeping_errno(|| drop(charge));
                answer
            }
            Err(error) => fail(&io_error(error)),
        }
    }

    /// Makes a change that frees what `freed` finds before it.
    fn free(&self, freed: impl FnOnce() -> Usage, change: impl FnOnce() -> c_long) -> c_long {
        let mut errno = 0;
        let change = || {
            let freed = freed();
            let answer = change();
            errno = last_errno();
            (answer, if answer < 0 { Usage::default() } else { freed })
        };
        let answer = self.quota.shrink(change);
        match answer {
            Ok(answer) => {
                set_errno(errno);
                answer
            }
            Err(error) => fail(&io_error(error)),
        }
    }
}

/// Counts the changes to these directories from now on. False when that was called before.
pub(super) fn install(meters: Vec<Meter>) -> bool {
    meters.is_empty() || METERS.set(meters).is_ok()
}

/// The directory with a quota that the descriptor is in.
fn meter_of(fd: c_int) -> Option<&'static Meter> {
    let meters = METERS.get()?;
    let place = |fd: BorrowedFd<'_>| {
        use std::os::fd::AsRawFd;
        rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new()).ok()
    };
    let path = place(borrow_directory(fd)?)?;
    let path = path.to_bytes();
    meters.iter().find(|meter| {
        use std::os::fd::AsFd;
        place(meter.root.as_fd()).is_some_and(|root| {
            let rest = path.strip_prefix(root.to_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    })
}

fn borrow_directory(fd: c_int) -> Option<BorrowedFd<'static>> {
    // Standing for the working directory, which is never a share.
    (fd >= 0).then(|| borrow(fd))
}

fn borrow(fd: c_int) -> BorrowedFd<'static> {
    // SAFETY: the caller of the C function keeps it open throughout the call; if it is not open at all, the system
    // calls that it is used for say so.
    unsafe { BorrowedFd::borrow_raw(fd.max(0)) }
}

fn size_of(stat: &Stat) -> u64 {
    if stat.st_mode & libc::S_IFMT == libc::S_IFREG {
        u64::try_from(stat.st_size).unwrap_or(0)
    } else {
        0
    }
}

fn io_error(error: TreeError) -> io::Error {
    match error.kind {
        TreeErrorKind::QuotaExceeded => io::Error::from_raw_os_error(libc::EDQUOT),
        _ => io::Error::from_raw_os_error(error.errno().unwrap_or(libc::EIO)),
    }
}

fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn set_errno(errno: i32) {
    // SAFETY: the address of this thread's errno, as libc gives it.
    unsafe { *libc::__errno_location() = errno };
}

fn fail(error: &io::Error) -> c_long {
    set_errno(error.raw_os_error().unwrap_or(libc::EIO));
    -1
}

fn keeping_errno(work: impl FnOnce()) {
    let errno = last_errno();
    work();
    set_errno(errno);
}

/// What goes with `name`, as it is before that.
fn behind(directory: c_int, name: &CStr) -> Usage {
    match rustix::fs::statat(borrow(directory), name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if stat.st_nlink > 1 && stat.st_mode & libc::S_IFMT != libc::S_IFDIR => Usage::default(),
        Ok(stat) => Usage {
            bytes: size_of(&stat),
            inodes: 1,
        },
        Err(_) => Usage::default(),
    }
}

/// Opens, for [`super::beneath`], which has looked at the name.
pub(super) fn open(directory: c_int, name: &CStr, flags: c_int, call: impl FnOnce() -> c_long) -> c_long {
    if flags & libc::O_PATH != 0 || METERS.get().is_none() {
        return call();
    }
    let number = || name.to_str().ok()?.parse::<c_int>().ok();
    let opened = if flags & libc::O_CREAT == 0 && flags & libc::O_TRUNC != 0 {
        // libkrun opens a file that it knows by the name of its descriptor.
        match number().and_then(|fd| Some((fd, meter_of(fd)?))) {
            Some((fd, meter)) => {
                let freed = || Usage {
                    bytes: rustix::fs::fstat(borrow(fd)).map_or(0, |stat| size_of(&stat)),
                    inodes: 0,
                };
                meter.free(freed, call)
            }
            None => call(),
        }
    } else if flags & libc::O_CREAT != 0 {
        let at = borrow_directory(directory);
        let is_new = at.is_some_and(|at| rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).is_err());
        match meter_of(directory) {
            Some(meter) if is_new => meter.add(call),
            _ => call(),
        }
    } else {
        call()
    };
    let Ok(file) = c_int::try_from(opened) else {
        return opened;
    };
    if file >= 0
        && let Some(meter) = meter_of(file)
    {
        meter.open.lock().files.insert(file);
    }
    opened
}

/// As close(2).
#[unsafe(no_mangle)]
pub extern "C" fn close(fd: c_int) -> c_int {
    for meter in METERS.get().into_iter().flatten() {
        meter.open.lock().files.remove(&fd);
    }
    // SAFETY: the call that this stands for.
    unsafe { libc::syscall(libc::SYS_close, fd) as c_int }
}

/// The length of what a write adds when it always adds to the end.
fn appended(fd: c_int, length: u64) -> Option<u64> {
    let appends = rustix::fs::fcntl_getfl(borrow(fd)).is_ok_and(|flags| flags.contains(OFlags::APPEND));
    appends.then_some(length)
}

fn write(fd: c_int, offset: libc::off64_t, length: u64, call: impl FnOnce() -> c_long) -> c_long {
    let (Some(meter), Ok(offset)) = (meter_of(fd), u64::try_from(offset)) else {
        return call();
    };
    let appended = appended(fd, length);
    let start = |size| if appended.is_some() { size } else { offset };
    meter.grow(fd, |size| start(size).saturating_add(length), appended, call)
}

/// As pwrite64(2).
///
/// # Safety
///
/// As for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    fd: c_int,
    data: *const c_void,
    length: usize,
    offset: libc::off64_t,
) -> isize {
    // SAFETY: the call that this stands for, with its arguments.
    let call = || unsafe { libc::syscall(libc::SYS_pwrite64, fd, data, length, offset) };
    write(fd, offset, length as u64, call) as isize
}

/// As pwritev(2).
///
/// # Safety
///
/// As for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev64(
    fd: c_int,
    pieces: *const libc::iovec,
    count: c_int,
    offset: libc::off64_t,
) -> isize {
    // SAFETY: the call that this stands for, with its arguments; the last is the upper half of longer offsets.
    let call = || unsafe { libc::syscall(libc::SYS_pwritev, fd, pieces, count, offset, 0) };
    let length = match usize::try_from(count) {
        // SAFETY: as the caller promises, `count` pieces follow each other there.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(pieces, count) }
            .iter()
            .fold(0_u64, |sum, piece| sum.saturating_add(piece.iov_len as u64)),
        _ => 0,
    };
    write(fd, offset, length, call) as isize
}

/// As ftruncate(2).
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(fd: c_int, end: libc::off_t) -> c_int {
    // SAFETY: the call that this stands for takes integers.
    let call = || unsafe { libc::syscall(libc::SYS_ftruncate, fd, end) };
    let (Some(meter), Ok(end)) = (meter_of(fd), u64::try_from(end)) else {
        return call() as c_int;
    };
    let stat = || rustix::fs::fstat(borrow(fd));
    let shrinks = stat().is_ok_and(|stat| size_of(&stat) > end);
    let answer = if shrinks {
        let freed = || match stat() {
            Ok(stat) if stat.st_nlink > 0 => Usage {
                bytes: size_of(&stat).saturating_sub(end),
                inodes: 0,
            },
            _ => Usage::default(),
        };
        meter.free(freed, call)
    } else {
        meter.grow(fd, |_| end, None, call)
    };
    answer as c_int
}

/// As fallocate(2), without what takes room beyond a file's end or moves its end.
#[unsafe(no_mangle)]
pub extern "C" fn fallocate64(fd: c_int, mode: c_int, offset: libc::off64_t, length: libc::off64_t) -> c_int {
    const PUNCH: c_int = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: the call that this stands for takes integers.
    let call = || unsafe { libc::syscall(libc::SYS_fallocate, fd, mode, offset, length) };
    let Some(meter) = meter_of(fd) else {
        return call() as c_int;
    };
    let end = offset.max(0).saturating_add(length.max(0)).cast_unsigned();
    let answer = match mode {
        0 | libc::FALLOC_FL_ZERO_RANGE => meter.grow(fd, |_| end, None, call),
        PUNCH => call(),
        _ => fail(&io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
    };
    answer as c_int
}

/// As copy_file_range(2).
///
/// # Safety
///
/// As for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_offset: *mut libc::off64_t,
    to: c_int,
    to_offset: *mut libc::off64_t,
    length: usize,
    flags: c_uint,
) -> isize {
    // SAFETY: the call that this stands for, with its arguments.
    let call = || unsafe {
        libc::syscall(
            libc::SYS_copy_file_range,
            from,
            from_offset,
            to,
            to_offset,
            length,
            flags,
        )
    };
    let Some(meter) = meter_of(to) else {
        return call() as isize;
    };
    // SAFETY: as the caller promises, each is null or points to an offset; libkrun always gives both.
    let (at, source) = unsafe { (to_offset.as_ref(), from_offset.as_ref()) };
    let (Some(&at), Some(&source)) = (at, source) else {
        return fail(&io::Error::from_raw_os_error(libc::EOPNOTSUPP)) as isize;
    };
    let there = rustix::fs::fstat(borrow(from)).map_or(u64::MAX, |stat| size_of(&stat));
    let length = (length as u64).min(there.saturating_sub(source.max(0).cast_unsigned()));
    let end = at.max(0).cast_unsigned().saturating_add(length);
    meter.grow(to, |_| end, None, call) as isize
}

fn make(directory: c_int, call: impl FnOnce() -> c_long) -> c_int {
    let answer = match meter_of(directory) {
        Some(meter) => meter.add(call),
        None => call(),
    };
    answer as c_int
}

/// As mkdirat(2).
///
/// # Safety
///
/// As for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(directory: c_int, name: *const c_char, mode: libc::mode_t) -> c_int {
    // SAFETY: the call that this stands for, with its arguments.
    let call = || unsafe { libc::syscall(libc::SYS_mkdirat, directory, name, mode) };
    make(directory, call)
}

/// As mknodat(2).
///
/// # Safety
///
/// As for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mknodat(
    directory: c_int,
    name: *const c_char,
    mode: libc::mode_t,
    device: libc::dev_t,
) -> c_int {
    // SAFETY: the call that this stands for, with its arguments.
    let call = || unsafe { libc::syscall(libc::SYS_mknodat, directory, name, mode, device) };
    make(directory, call)
}

/// As symlinkat(2).
///
/// # Safety
///
/// As for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlinkat(target: *const c_char, directory: c_int, name: *const c_char) -> c_int {
    // SAFETY: the call that this stands for, with its arguments.
    let call = || unsafe { libc::syscall(libc::SYS_symlinkat, target, directory, name) };
    make(directory, call)
}

/// As unlinkat(2).
///
/// # Safety
///
/// As for the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(directory: c_int, name: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the call that this stands for, with its arguments.
    let call = || unsafe { libc::syscall(libc::SYS_unlinkat, directory, name, flags) };
    let answer = match meter_of(directory) {
        Some(meter) => {
            // It may be open.
            meter.open.lock().charged = u64::MAX;
            // SAFETY: as the caller promises, the name ends in zero.
            meter.free(|| behind(directory, unsafe { CStr::from_ptr(name) }), call)
        }
        None => call(),
    };
    answer as c_int
}

#[cfg(test)]
mod tests;
