//! From the agent to a worker: what a forked copy of the agent must give up before it touches a guest's file.
//!
//! The copy never returns to the agent's code: it ends in here, whatever happens to it.

use super::worker;
use crate::user::Identity;
use msb_protocol::files::{Answer, Failure};
use msb_tree::TreeErrorKind;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;

/// Bytes that the pipe of a worker's input holds, so that the agent seldom has to hold any itself.
const INPUT_PIPE: usize = msb_protocol::files::INPUT_WINDOW as usize;
/// A worker's name among the guest's processes.
const NAME: &std::ffi::CStr = c"msb-files";
/// The first descriptor that a worker does not keep.
const FIRST_UNWANTED: libc::c_uint = 3;

/// What a worker starts with.
pub struct Start<'a> {
    /// Whom it shall be; absent means whoever the agent is.
    pub identity: Option<&'a Identity>,
    /// Its limit on open files.
    pub nofile: libc::rlimit64,
    /// /dev/null, for its standard error.
    pub null: &'a OwnedFd,
}

/// A worker that was started: its process id and the agent's ends of its input and output.
pub struct Forked {
    /// Process id, and number of its session and process group.
    pub pid: i32,
    /// Where requests are written to.
    pub stdin: OwnedFd,
    /// Where answers are read from.
    pub stdout: OwnedFd,
}

/// Starts a worker. The agent has one thread, so its copy may do whatever the agent may.
pub fn fork(start: &Start<'_>) -> rustix::io::Result<Forked> {
    let (worker_in, stdin) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stdout, worker_out) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&stdin, rustix::fs::OFlags::NONBLOCK)?;
    rustix::fs::fcntl_setfl(&stdout, rustix::fs::OFlags::NONBLOCK)?;
    // With a smaller pipe the agent only holds more of the input itself.
    let _ = fcntl_setpipe_size(&stdin, INPUT_PIPE);
    // SAFETY: the copy of this only thread goes on in `be_worker`, which never returns.
    match unsafe { libc::fork() } {
        -1 => Err(last_errno()),
        0 => be_worker(start, &worker_in, &worker_out),
        pid => Ok(Forked { pid, stdin, stdout }),
    }
}

fn be_worker(start: &Start<'_>, input: &OwnedFd, output: &OwnedFd) -> ! {
    let run = || match prepare(start, input, output) {
        Ok((input, output)) => worker::run(input, output),
        // There is nobody left to tell.
        Err(Unprepared::Nothing) => false,
        Err(Unprepared::Because(output, failure)) => {
            worker::refuse(output, Answer::Failed(failure));
            false
        }
    };
    let code = match std::panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(true) => 0,
        Ok(false) | Err(_) => 1,
    };
    // SAFETY: ends the worker only, without running the exit handlers of the agent it was copied from.
    unsafe { libc::_exit(code) }
}

enum Unprepared {
    /// Not even the output is where it should be.
    Nothing,
    /// A step failed that the client may know about.
    Because(OwnedFd, Failure),
}

/// Leaves everything of the agent's behind and takes on the identity. Only then is there a worker.
fn prepare(start: &Start<'_>, input: &OwnedFd, output: &OwnedFd) -> Result<(OwnedFd, OwnedFd), Unprepared> {
    // SAFETY: plain system calls on this process alone; the descriptors that are closed belong to values of the agent
    // that no code of this process reaches any more. The kernel's sigaction begins with the handler.
    let (input, output) = unsafe {
        libc::setsid();
        let stdio = [input.as_raw_fd(), output.as_raw_fd(), start.null.as_raw_fd()];
        for (target, source) in (0..).zip(stdio) {
            if libc::dup2(source, target) < 0 {
                return Err(Unprepared::Nothing);
            }
        }
        if libc::close_range(FIRST_UNWANTED, libc::c_uint::MAX, 0) < 0 {
            return Err(Unprepared::Nothing);
        }
        let ignored = [libc::SIG_IGN as u64, 0, 0, 0];
        // A host that is gone is an error to clean up after, not a reason to die on the spot.
        libc::syscall(
            libc::SYS_rt_sigaction,
            libc::SIGPIPE,
            ignored.as_ptr(),
            0usize,
            8usize,
        );
        let none = 0u64;
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            0usize,
            8usize,
        );
        libc::prctl(libc::PR_SET_NAME, NAME.as_ptr());
        (OwnedFd::from_raw_fd(0), OwnedFd::from_raw_fd(1))
    };
    // SAFETY: reads one rlimit64.
    let limited = unsafe { libc::setrlimit64(libc::RLIMIT_NOFILE, &raw const start.nofile) };
    let taken_on = match start.identity {
        _ if limited < 0 => Err(("setrlimit", last_errno())),
        Some(identity) => take_on(identity),
        None => Ok(()),
    };
    let ready = taken_on.and_then(|()| rustix::process::chdir("/").map_err(|errno| ("chdir", errno)));
    match ready {
        Ok(()) => Ok((input, output)),
        Err((what, errno)) => {
            let failure = Failure {
                kind: TreeErrorKind::PermissionDenied,
                errno: Some(errno.raw_os_error()),
                path: b"/".to_vec(),
                what: what.to_owned(),
            };
            Err(Unprepared::Because(output, failure))
        }
    }
}

/// The same three calls, in the same order, as for a command.
fn take_on(identity: &Identity) -> Result<(), (&'static str, Errno)> {
    let check = |what, result: libc::c_long| {
        if result < 0 {
            Err((what, last_errno()))
        } else {
            Ok(())
        }
    };
    let groups = &identity.groups;
    // SAFETY: changes the credentials of this process's only thread; `groups` holds as many ids as are announced.
    unsafe {
        let groups = libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr());
        check("setgroups", groups)?;
        check("setgid", libc::syscall(libc::SYS_setgid, identity.gid))?;
        check("setuid", libc::syscall(libc::SYS_setuid, identity.uid))
    }
}

fn last_errno() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
