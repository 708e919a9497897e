//! What a process that a guest talks to may keep: its own descriptors, no privileges, few system calls.
//!
//! [`confine`] makes a command start that way; [`forbid_syscalls`] is what such a process calls on itself once
//! it has everything open, and a [`Fence`] limits what it may still open. The lifeline is a pipe whose reading end the child holds in signal-driven mode:
//! when the writing end closes, however its owner died, the kernel itself kills the child. It needs no thread
//! and no cooperation of the child, survives exec, and cannot be delayed by anything the guest does.

mod files;
mod syscalls;

pub use files::{Fence, FenceError, Fenced, has_landlock};
pub use syscalls::{Changes, SeccompError, forbid_syscalls};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What a child keeps.
#[derive(Debug)]
pub struct Keep {
    /// Open beside the standard three, under the same numbers; this process's copies close with the command.
    pub fds: Vec<OwnedFd>,
    /// The child's end of [`lifeline`], when its life hangs on one.
    pub lifeline: Option<OwnedFd>,
    /// Capabilities, where this process has them.
    pub capabilities: CapabilitySet,
    /// The files that it may open, unless it sees to that itself or the kernel cannot.
    pub files: Option<Fenced>,
}

/// The two ends of a lifeline: the child's, and the one whose closing kills the child.
pub fn lifeline() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// Makes `command` start in its own process group, with an empty environment, from `/`, with only what `keep`
/// lists, unable to gain privileges, and without core dumps.
pub fn confine(command: &mut Command, keep: Keep) {
    command.env_clear().current_dir("/").process_group(0);
    let enter = move || -> io::Result<()> {
        close_all_on_exec()?;
        for fd in keep.fds.iter().chain(&keep.lifeline) {
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
        }
        limit_core_dumps()?;
        drop_capabilities(keep.capabilities)?;
        rustix::thread::set_no_new_privs(true)?;
        if let Some(lifeline) = &keep.lifeline {
            hang_life_on(lifeline)?;
        }
        keep.files.as_ref().map_or(Ok(()), Fenced::apply)
    };
    // SAFETY: the closure only makes system calls, on descriptors that it owns; it takes no lock and
    // allocates nothing, so it may run between fork and exec.
    unsafe { command.pre_exec(enter) };
}

fn close_all_on_exec() -> io::Result<()> {
    const FIRST: libc::c_uint = 3;
    // SAFETY: close_range takes three integers; with this flag it only marks descriptors.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if marked == 0 {
        return Ok(());
    }
    // Kernels before 5.11 do not know the flag: mark one by one.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    for fd in FIRST as RawFd..RawFd::try_from(limit).unwrap_or(1 << 20) {
        // SAFETY: fcntl with F_SETFD takes integers only; a number that is not open gives EBADF.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

fn limit_core_dumps() -> io::Result<()> {
    Ok(setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?)
}

/// Runs `look` as if this thread had no capabilities.
pub(crate) fn without_capabilities<T>(look: impl FnOnce() -> T) -> io::Result<T> {
    let own = rustix::thread::capabilities(None)?;
    let none = rustix::thread::CapabilitySets {
        effective: CapabilitySet::empty(),
        ..own
    };
    rustix::thread::set_capabilities(None, none)?;
    let seen = look();
    rustix::thread::set_capabilities(None, own)?;
    Ok(seen)
}

/// Takes from this thread, for good, every capability that is not in `keep`.
pub(crate) fn drop_capabilities(keep: CapabilitySet) -> io::Result<()> {
    let own = rustix::thread::capabilities(None)?;
    let kept = own.permitted & keep;
    // Ambient capabilities are what a program without file capabilities inherits across exec; root inherits
    // what is both permitted and in the bounding set.
    rustix::thread::clear_ambient_capability_set()?;
    if own.effective.contains(CapabilitySet::SETPCAP) {
        for capability in (CapabilitySet::all() - kept).iter() {
            // EINVAL: this kernel does not know that capability, so nobody has it.
            match rustix::thread::remove_capability_from_bounding_set(capability) {
                Ok(()) | Err(rustix::io::Errno::INVAL) => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
    let sets = rustix::thread::CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// From `asm-generic/fcntl.h`; the libc crate lacks it.
const F_SETSIG: libc::c_int = 10;

fn hang_life_on(lifeline: &OwnedFd) -> io::Result<()> {
    let fd = lifeline.as_raw_fd();
    // SAFETY: the three calls take integers; the signal's owner is this process itself.
    let armed = unsafe {
        libc::fcntl(fd, libc::F_SETOWN, libc::getpid()) == 0
            && libc::fcntl(fd, F_SETSIG, libc::SIGKILL) == 0
            && libc::fcntl(fd, libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK) == 0
    };
    if !armed {
        return Err(io::Error::last_os_error());
    }
    // A writing end that closed before the signal was armed shows as a hangup now.
    let mut poll = [rustix::event::PollFd::new(lifeline, rustix::event::PollFlags::IN)];
    match rustix::event::poll(
        &mut poll,
        Some(&rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    )? {
        0 => Ok(()),
        // Only an errno gets through from here to the caller of `spawn`.
        _ => Err(io::Error::from_raw_os_error(libc::EPIPE)),
    }
}

/// Takes over a descriptor that this process was started with. None when `fd` is not open or one of the
/// standard three.
pub fn inherited(fd: RawFd) -> Option<OwnedFd> {
    if fd < 3 {
        return None;
    }
    // SAFETY: F_GETFD takes integers only and fails for a number that is not open.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: the number is open, and the starter handed it to this process, which takes each over once.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Most files that one process of ours may have open: whatever the host allows, a guest must not make this process
/// fill the kernel's memory or its table of files.
const MOST_DESCRIPTORS: u64 = 65_536;

/// Lets this process open as many files as it may at all, because every file of a share that a guest knows costs a
/// descriptor, and no more than [`MOST_DESCRIPTORS`] for good; tells how many.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX).min(MOST_DESCRIPTORS);
    let raised = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => most,
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests;
