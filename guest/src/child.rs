//! The child's side of a spawn: from clone to execve without copying the agent's page tables.
//!
//! The child shares the agent's memory (`CLONE_VM`) while the agent is suspended (`CLONE_VFORK`), which under
//! pure emulation is several times cheaper than a fork. So between clone and execve it only makes system
//! calls on data that [`Plan`] holds ready: no allocation, no lock, no formatting, nothing that can panic.

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

/// Bytes of stack for the child; it uses a few hundred.
const STACK_LEN: usize = 64 * 1024;
/// Bytes below the stack that fault when touched.
const GUARD_LEN: usize = 4096;

/// Memory that every child runs on until its execve; one child at a time, because the agent waits.
#[derive(Debug)]
pub struct ChildStack {
    base: *mut c_void,
}

impl ChildStack {
    /// Maps the stack and its guard page.
    pub fn new() -> rustix::io::Result<Self> {
        // SAFETY: a fresh private mapping at an address of the kernel's choice overlaps nothing.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                GUARD_LEN + STACK_LEN,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let stack = Self { base };
        // SAFETY: the first page of the mapping just made, which nothing uses yet.
        unsafe { mprotect(base, GUARD_LEN, MprotectFlags::empty())? };
        Ok(stack)
    }

    fn top(&self) -> *mut c_void {
        self.base.wrapping_byte_add(GUARD_LEN + STACK_LEN)
    }
}

impl Drop for ChildStack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and no child runs on it outside of `spawn`.
        let _ = unsafe { munmap(self.base, GUARD_LEN + STACK_LEN) };
    }
}

/// User and groups to take on.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: &'a [u32],
}

/// Everything the child needs, ready-made. All descriptors are above 2.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Becomes descriptors 0, 1 and 2.
    pub stdio: [c_int; 3],
    /// Whether descriptor 0 is a terminal that the session shall own.
    pub terminal: bool,
    /// Limits in the order in which they are set.
    pub rlimits: &'a [(c_int, libc::rlimit64)],
    /// Absent when the agent's own are right already.
    pub credentials: Option<Credentials<'a>>,
    /// Working directory.
    pub cwd: &'a CStr,
    /// Files to try, in order.
    pub programs: &'a [CString],
    /// Arguments.
    pub argv: &'a CStringArray,
    /// Environment.
    pub envp: &'a CStringArray,
}

/// Strings as execve takes them: a NULL-terminated array of pointers.
#[derive(Debug)]
pub struct CStringArray {
    pointers: Vec<*const c_char>,
    _strings: Vec<CString>,
}

impl From<Vec<CString>> for CStringArray {
    fn from(strings: Vec<CString>) -> Self {
        let pointers = strings
            .iter()
            .map(|string| string.as_ptr())
            .chain([ptr::null()])
            .collect();
        Self {
            pointers,
            _strings: strings,
        }
    }
}

/// What the child was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// clone(2), in the agent.
    Clone,
    /// setsid(2).
    Session,
    /// Taking the terminal as the session's own.
    Terminal,
    /// dup2(2) of standard input, output and error.
    Stdio,
    /// setrlimit(2) of this resource.
    Rlimit(c_int),
    /// setgroups(2).
    Groups,
    /// setgid(2).
    Group,
    /// setuid(2).
    User,
    /// chdir(2).
    Chdir,
    /// sigprocmask(2).
    SignalMask,
    /// execve(2).
    Exec,
    /// execve(2) found the program but not the interpreter that it names.
    Interpreter,
}

impl Step {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Session => "setsid",
            Self::Terminal => "terminal",
            Self::Stdio => "dup2",
            Self::Rlimit(_) => "setrlimit",
            Self::Groups => "setgroups",
            Self::Group => "setgid",
            Self::User => "setuid",
            Self::Chdir => "chdir",
            Self::SignalMask => "sigprocmask",
            Self::Exec => "execve",
            Self::Interpreter => "interpreter",
        }
    }
}

/// A step that failed and its errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepFailed {
    /// Which.
    pub step: Step,
    /// errno.
    pub errno: i32,
}

struct Shared<'a> {
    plan: &'a Plan<'a>,
    failed: Cell<Option<StepFailed>>,
}

/// Starts the program. Returns once it runs, or once the child has failed and was reaped.
pub fn spawn(plan: &Plan<'_>, stack: &mut ChildStack) -> Result<i32, StepFailed> {
    let shared = Shared {
        plan,
        failed: Cell::new(None),
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is exclusively ours and stays mapped; CLONE_VFORK suspends this thread until the child
    // has left it and no longer touches `shared`; the child only makes async-signal-safe calls.
    let pid = unsafe {
        libc::clone(
            child_main,
            stack.top(),
            flags,
            (&raw const shared).cast_mut().cast(),
        )
    };
    if pid < 0 {
        return Err(StepFailed {
            step: Step::Clone,
            errno: last_errno(),
        });
    }
    let Some(failed) = shared.failed.get() else {
        return Ok(pid);
    };
    // SAFETY: waits for a child of ours that is ending; the status is not wanted.
    while unsafe { libc::waitpid(pid, ptr::null_mut(), 0) } < 0 && last_errno() == libc::EINTR {}
    Err(failed)
}

extern "C" fn child_main(argument: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a pointer to a `Shared` that outlives the child's use of it.
    let shared = unsafe { &*argument.cast::<Shared<'_>>() };
    let failed = run(shared.plan);
    shared.failed.set(Some(failed));
    // SAFETY: ends the child only, without running the agent's exit handlers.
    unsafe { libc::_exit(127) }
}

fn last_errno() -> c_int {
    // SAFETY: errno's address is always valid; the child has the agent's thread area, and the agent is suspended.
    unsafe { *libc::__errno_location() }
}

fn check(step: Step, result: i64) -> Result<(), StepFailed> {
    if result < 0 {
        Err(StepFailed {
            step,
            errno: last_errno(),
        })
    } else {
        Ok(())
    }
}

fn run(plan: &Plan<'_>) -> StepFailed {
    match prepare(plan) {
        Ok(()) => execute(plan),
        Err(failed) => failed,
    }
}

/// Everything up to execve. The user changes before the directory, so that the directory is entered with
/// the command's own rights, and after the limits, which only root may raise.
fn prepare(plan: &Plan<'_>) -> Result<(), StepFailed> {
    // SAFETY: plain system calls on the child's own state; every pointer comes from `plan`, which outlives
    // the child. Raw calls for the ids, because libc's wrappers would tell the agent's threads.
    unsafe {
        check(Step::Session, i64::from(libc::setsid()))?;
        for (target, &source) in (0..).zip(&plan.stdio) {
            check(Step::Stdio, i64::from(libc::dup2(source, target)))?;
        }
        if plan.terminal {
            check(Step::Terminal, i64::from(libc::ioctl(0, libc::TIOCSCTTY, 0)))?;
        }
        for (resource, limit) in plan.rlimits {
            let set = libc::syscall(libc::SYS_prlimit64, 0, *resource, ptr::from_ref(limit), 0usize);
            check(Step::Rlimit(*resource), set)?;
        }
        if let Some(credentials) = plan.credentials {
            let groups = credentials.groups;
            check(
                Step::Groups,
                libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()),
            )?;
            check(Step::Group, libc::syscall(libc::SYS_setgid, credentials.gid))?;
            check(Step::User, libc::syscall(libc::SYS_setuid, credentials.uid))?;
        }
        check(Step::Chdir, i64::from(libc::chdir(plan.cwd.as_ptr())))?;
        // The kernel's signal set is 8 bytes; none is blocked.
        let none = 0u64;
        let masked = libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            ptr::from_ref(&none),
            0usize,
            8usize,
        );
        check(Step::SignalMask, masked)
    }
}

fn is_directory(path: &CStr) -> bool {
    // SAFETY: a stat of zeroes is valid, and the path is NUL-terminated.
    unsafe {
        let mut found: libc::stat = std::mem::zeroed();
        libc::stat(path.as_ptr(), &raw mut found) == 0 && found.st_mode & libc::S_IFMT == libc::S_IFDIR
    }
}

/// Tries each program, as a search along PATH does: one that is missing is passed over, one that is
/// forbidden is remembered, any other failure ends the search.
fn execute(plan: &Plan<'_>) -> StepFailed {
    let mut errno = libc::ENOENT;
    for program in plan.programs {
        // SAFETY: three NUL-terminated inputs that `plan` keeps alive.
        unsafe {
            libc::execve(
                program.as_ptr(),
                plan.argv.pointers.as_ptr(),
                plan.envp.pointers.as_ptr(),
            )
        };
        match last_errno() {
            libc::ENOENT => {}
            libc::ENOTDIR if plan.programs.len() > 1 => {}
            // What the kernel says of a directory too, and a directory is nothing that may be allowed.
            libc::EACCES if is_directory(program) && errno != libc::EACCES => errno = libc::EISDIR,
            libc::EACCES => errno = libc::EACCES,
            other => {
                return StepFailed {
                    step: Step::Exec,
                    errno: other,
                };
            }
        }
    }
    if errno == libc::ENOENT {
        for program in plan.programs {
            // SAFETY: a NUL-terminated path that `plan` keeps alive.
            if unsafe { libc::access(program.as_ptr(), libc::F_OK) } == 0 {
                return StepFailed {
                    step: Step::Interpreter,
                    errno,
                };
            }
        }
    }
    StepFailed {
        step: Step::Exec,
        errno,
    }
}
