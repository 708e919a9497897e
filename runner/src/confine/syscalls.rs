//! The system calls that a process gives up for good once it has everything open: a filter in the kernel that holds for
//! all of its threads, whatever a guest makes it do.

use super::F_SETSIG;
use seccompiler::{
    BackendError, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use thiserror::Error;

/// From `asm-generic/fcntl.h` and `asm-generic/sockios.h`; the libc crate lacks them.
const F_SETOWN_EX: u64 = 15;
const FIOSETOWN: u64 = 0x8901;
const SIOCSPGRP: u64 = 0x8902;
/// From `asm-generic/unistd.h`: calls of Linux 6.6 and 6.13, the same number on every architecture.
const SYS_FCHMODAT2: i64 = 452;
const SYS_SETXATTRAT: i64 = 463;
const SYS_REMOVEXATTRAT: i64 = 466;

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

/// Which changes to file systems, other than to the contents of open files, a process may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// None.
    Never,
    /// Those that a guest may ask of a share: all but device nodes and extended attributes. A [`Fence`](super::Fence)
    /// says where.
    InShares,
}

/// Forbids this process and its later threads everything that a VMM or a file server has no use for once it is
/// set up: other programs and processes, mounts and namespaces, new sockets, `changes` to file systems, and the
/// kernel's more dangerous doors. A forbidden call fails with EPERM (clone3 with ENOSYS, so that libc falls back
/// to clone, whose flags a filter can see; extended attributes as on a file system without them).
pub fn forbid_syscalls(changes: Changes) -> Result<(), SeccompError> {
    load([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS)?;
    let all = |calls: &[i64]| -> BTreeMap<i64, Vec<SeccompRule>> {
        calls.iter().map(|&call| (call, Vec::new())).collect()
    };
    let mut rules = all(FORBIDDEN);
    match changes {
        Changes::Never => rules.extend(all(CHANGES).into_iter().chain(all(ATTRIBUTES))),
        Changes::InShares => {
            load(with_x32(all(ATTRIBUTES)), libc::EOPNOTSUPP)?;
            let kind = SeccompCmpOp::MaskedEq(u64::from(libc::S_IFMT));
            let devices =
                [libc::S_IFCHR, libc::S_IFBLK].map(|device| rule(2, kind.clone(), u64::from(device)));
            rules.insert(libc::SYS_mknodat, devices.into_iter().collect::<Result<_, _>>()?);
        }
    }
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
    load(with_x32(rules), libc::EPERM)
}

/// Adds a filter by which calls that one of `rules` matches fail with `errno`.
fn load(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<(), SeccompError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(SeccompError::Architecture)?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        arch,
    )?;
    let program: seccompiler::BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

/// Also for the x32 variant of each call, which the kernel of this architecture treats as another number for the same.
#[cfg(target_arch = "x86_64")]
fn with_x32(mut rules: BTreeMap<i64, Vec<SeccompRule>>) -> BTreeMap<i64, Vec<SeccompRule>> {
    const X32: i64 = 0x4000_0000;
    let x32: Vec<_> = rules
        .iter()
        .map(|(call, rules)| (call | X32, rules.clone()))
        .collect();
    rules.extend(x32);
    rules
}

/// This architecture has one number for each call.
#[cfg(not(target_arch = "x86_64"))]
fn with_x32(rules: BTreeMap<i64, Vec<SeccompRule>>) -> BTreeMap<i64, Vec<SeccompRule>> {
    rules
}

fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        operator,
        value,
    )?])
}

/// Changes to file systems other than through open files, as they are made today.
const CHANGES: &[i64] = &[
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_renameat,
];

/// Changes to extended attributes.
const ATTRIBUTES: &[i64] = &[
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SYS_SETXATTRAT,
    SYS_REMOVEXATTRAT,
];

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
    // Changes to file systems by path, which file servers do not make, and files by number.
    libc::SYS_truncate,
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
