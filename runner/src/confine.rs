//! What a process that a guest talks to may keep: its own descriptors, no privileges, few system calls.
//!
//! [`confine`] makes a command start that way; [`forbid_syscalls`] is what such a process calls on itself once
//! it has everything open, and a [`Fence`] limits what it may still open. The lifeline is a pipe whose reading end the child holds in signal-driven mode:
//! when the writing end closes, however its owner died, the kernel itself kills the child. It needs no thread
//! and no cooperation of the child, survives exec, and cannot be delayed by anything the guest does.

mod files;

pub use files::{Fence, FenceError, Fenced, has_landlock};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;
use seccompiler::{
    BackendError, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use thiserror::Error;

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

fn drop_capabilities(keep: CapabilitySet) -> io::Result<()> {
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

/// From `asm-generic/fcntl.h` and `asm-generic/sockios.h`; the libc crate lacks them.
const F_SETSIG: libc::c_int = 10;
const F_SETOWN_EX: u64 = 15;
const FIOSETOWN: u64 = 0x8901;
const SIOCSPGRP: u64 = 0x8902;

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

/// A filter that could not be made or loaded.
#[derive(Debug, Error)]
pub enum SeccompError {
    /// This processor's architecture has no filter.
    #[error("no system call filter exists for this architecture")]
    Architecture(#[source] BackendError),
    /// The rules do not make a filter.
    #[error("the system call filter is malformed")]
    Rules(#[from] BackendError),
    /// The kernel refused it.
    #[error("the kernel refused the system call filter; it needs CONFIG_SECCOMP_FILTER")]
    Load(#[from] seccompiler::Error),
}

/// Forbids this process and its later threads everything that a VMM or a file server has no use for once it is
/// set up: other programs and processes, mounts and namespaces, new sockets, changes to file systems, and the
/// kernel's more dangerous doors. A forbidden call fails with EPERM (clone3 with ENOSYS, so that libc falls back
/// to clone, whose flags a filter can see).
pub fn forbid_syscalls() -> Result<(), SeccompError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(SeccompError::Architecture)?;
    let load = |rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32| -> Result<(), SeccompError> {
        let filter = SeccompFilter::new(
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(errno as u32),
            arch,
        )?;
        let program: seccompiler::BpfProgram = filter.try_into()?;
        Ok(seccompiler::apply_filter_all_threads(&program)?)
    };
    load([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS)?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        FORBIDDEN.iter().map(|&call| (call, Vec::new())).collect();
    rules.insert(
        libc::SYS_clone,
        vec![rule(0, SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64), 0)?],
    );
    let own_pid = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Ne, own_pid)?]);
    // Its own limits only.
    rules.insert(libc::SYS_prlimit64, vec![rule(0, SeccompCmpOp::Ne, 0)?]);
    // A descriptor's owner gets signals, which need not be this process: the lifeline is set up already.
    let equals = |value: u64| rule(1, SeccompCmpOp::Eq, value);
    let owner_calls = [libc::F_SETOWN as u64, F_SETOWN_EX, F_SETSIG as u64];
    rules.insert(
        libc::SYS_fcntl,
        owner_calls.into_iter().map(equals).collect::<Result<_, _>>()?,
    );
    let owner_controls = [FIOSETOWN, SIOCSPGRP];
    rules.insert(
        libc::SYS_ioctl,
        owner_controls.into_iter().map(equals).collect::<Result<_, _>>()?,
    );
    #[cfg(target_arch = "x86_64")]
    {
        /// Marks the x32 variant of a call, which the kernel treats as another number for the same thing.
        const X32: i64 = 0x4000_0000;
        let x32: Vec<_> = rules
            .iter()
            .map(|(call, rules)| (call | X32, rules.clone()))
            .collect();
        rules.extend(x32);
    }
    load(rules, libc::EPERM)
}

fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        operator,
        value,
    )?])
}

const FORBIDDEN: &[i64] = &[
    // Programs and other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_personality,
    // New sockets; those that the process was given stay usable.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    // Changes to file systems other than through open files.
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_open_by_handle_at,
    // The kernel's more dangerous doors.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

#[cfg(test)]
mod tests;
