//! msb-agent: PID 1 of every guest.
//!
//! It makes the machine that the host describes, runs commands in it and ends it in good order. Without
//! arguments it is PID 1 of a virtual machine and never returns: whatever happens, the machine ends. With
//! the feature `process`, `msb-agent --process FD` serves the same protocol as an ordinary child: for tests.
#![cfg_attr(not(test), no_main)]

mod boot;
mod bulk;
mod child;
mod clock;
mod control;
mod drain;
mod event_loop;
mod files;
mod link;
mod mount;
mod names;
mod place;
mod port;
mod reap;
mod shutdown;
mod spawn;
mod stream;
mod tty;
mod user;

use event_loop::{Agent, AgentError, system};
use link::Link;
use mount::Root;
use place::{End, Place};
use reap::Children;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::system::RebootCommand;
use spawn::Spawner;
use std::ffi::{c_char, c_int};

/// Descriptors that the agent may hold: three for each of 1024 commands, and those left to daemons.
const AGENT_DESCRIPTORS: u64 = 8192;
/// The limits that commands in a machine start with, as on any Linux server.
const COMMAND_DESCRIPTORS: libc::rlimit64 = libc::rlimit64 {
    rlim_cur: 1024,
    rlim_max: 1024 * 1024,
};

/// The entry point. Not Rust's own `main`: the kernel starts PID 1 without standard descriptors when the
/// machine has no console, and Rust's start-up then aborts before any code of ours could open them.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        #[cfg(feature = "process")]
        ["--process", fd] => process_main(fd),
        _ if rustix::process::getpid().is_init() => machine_main(),
        _ => {
            report("msb-agent is started by the runner as PID 1 of a guest, not by hand");
            2
        }
    }
}

/// PID 1: the machine ends with the agent.
fn machine_main() -> c_int {
    if let Err(error) = serve_machine() {
        report(&boot::with_causes(&error));
        rustix::fs::sync();
    }
    // Only fails without the right to, and then the return ends PID 1 and so the machine.
    let _ = rustix::system::reboot(RebootCommand::Restart);
    1
}

fn serve_machine() -> Result<End, AgentError> {
    let root = Root::initramfs().map_err(place::PlaceError::from)?;
    mount::mount_early().map_err(place::PlaceError::from)?;
    open_standard_descriptors()?;
    let port = port::open()?;
    let link = Link::new(port.fd, port.takes_pages);
    let limit = libc::rlimit64 {
        rlim_cur: AGENT_DESCRIPTORS,
        rlim_max: COMMAND_DESCRIPTORS.rlim_max,
    };
    set_descriptor_limit(limit)?;
    take_precedence()?;
    serve(Place::Machine(root), link, COMMAND_DESCRIPTORS)
}

fn serve(place: Place, link: Link, command_limit: libc::rlimit64) -> Result<End, AgentError> {
    let children = Children::watch().map_err(system("signalfd"))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let spawner = Spawner::new(command_limit).map_err(system("preparation of the spawner"))?;
    Agent::new(place, link, children, spawner)?.run()
}

/// Makes sure that 0, 1 and 2 are taken, so that no other descriptor gets these numbers.
fn open_standard_descriptors() -> Result<(), AgentError> {
    loop {
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(system("open of /dev/null"))?;
        if std::os::fd::AsRawFd::as_raw_fd(&null) > 2 {
            return Ok(());
        }
        // Stays open for good: it is one of the three.
        let _ = std::os::fd::IntoRawFd::into_raw_fd(null);
    }
}

fn set_descriptor_limit(limit: libc::rlimit64) -> Result<(), AgentError> {
    // SAFETY: reads one rlimit64.
    if unsafe { libc::setrlimit64(libc::RLIMIT_NOFILE, &raw const limit) } < 0 {
        return Err(system("setrlimit")(last_errno()));
    }
    Ok(())
}

/// Lets the agent run whenever it has something to do, ahead of whatever commands do to the processors, so that
/// signals, timeouts and the shutdown always get through. Commands do not inherit it.
fn take_precedence() -> Result<(), AgentError> {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: reads one sched_param.
    let set = unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const lowest)
    };
    if set < 0 {
        Err(system("sched_setscheduler")(last_errno()))
    } else {
        Ok(())
    }
}

fn last_errno() -> Errno {
    Errno::from_raw_os_error(
        std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO),
    )
}

/// Says something on the console, which the runner keeps: through the kernel's log as an error, because
/// PID 1 may have no console of its own and the kernel is told to be quiet.
fn report(text: &str) {
    let line = format!("msb-agent: {text}\n");
    let log = rustix::fs::open("/dev/kmsg", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
    // There is nowhere left to complain to.
    let _ = match log {
        Ok(log) if rustix::process::getpid().is_init() => {
            rustix::io::write(&log, format!("<3>{line}").as_bytes())
        }
        _ => rustix::io::write(rustix::stdio::stderr(), line.as_bytes()),
    };
}

/// An ordinary child that serves the protocol on a socket it was given.
#[cfg(feature = "process")]
fn process_main(fd: &str) -> c_int {
    let Ok(fd) = fd.parse::<c_int>() else {
        report("--process takes the number of a descriptor");
        return 2;
    };
    match serve_process(fd) {
        Ok(_) => 0,
        Err(error) => {
            report(&boot::with_causes(&error));
            1
        }
    }
}

#[cfg(feature = "process")]
fn serve_process(fd: c_int) -> Result<End, AgentError> {
    use std::os::fd::{FromRawFd, OwnedFd};

    open_standard_descriptors()?;
    // SAFETY: whoever started the agent gave it this descriptor; nothing else in the process knows it.
    let link = unsafe { OwnedFd::from_raw_fd(fd) };
    // Whoever started the agent may have leaked descriptors into it; commands must not get them.
    // SAFETY: only marks descriptors.
    unsafe { libc::close_range(0, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) };
    rustix::fs::fcntl_setfl(&link, OFlags::NONBLOCK).map_err(system("fcntl of the link"))?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(system("prctl"))?;
    let mut limit = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: fills one rlimit64.
    unsafe { libc::getrlimit64(libc::RLIMIT_NOFILE, &raw mut limit) };
    set_descriptor_limit(libc::rlimit64 {
        rlim_cur: limit.rlim_max.min(AGENT_DESCRIPTORS),
        ..limit
    })?;
    serve(Place::Process(Default::default()), Link::new(link, true), limit)
}
