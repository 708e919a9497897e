//! Short-lived programs of ours: run, and waited for, with a deadline.
//!
//! A host that ignores SIGCHLD, or reaps every child, takes exit statuses away; that is an answer here, never an error.

use crate::ops;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Most that a program may print.
const MAX_OUTPUT: usize = 64 * 1024;

/// Pause between two looks at a child that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How often a wait for an operation looks whether that was cancelled.
const LOOK_FOR_CANCEL: Duration = Duration::from_millis(50);

/// How a program ended.
#[derive(Debug)]
pub enum Ended {
    /// With this status.
    Status(ExitStatus),
    /// Its status went to somebody else.
    Unknown,
}

/// Waits for a child of ours. One that is not done in time is killed, which is an error of kind `TimedOut`.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<Ended> {
    let until = Instant::now() + limit;
    let in_time = match pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
        Ok(pidfd) => ready_by(pidfd.as_fd(), until)?,
        // Reaped already, by somebody else.
        Err(Errno::SRCH) => true,
        // Linux before 5.3, and valgrind: there is nothing to wait for but the status itself.
        Err(Errno::NOSYS) => ended_by(child, until),
        Err(errno) => return Err(errno.into()),
    };
    if !in_time {
        child.kill()?;
    }
    let ended = match child.wait() {
        Ok(status) => Ended::Status(status),
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ended::Unknown,
        Err(error) => return Err(error),
    };
    if in_time {
        Ok(ended)
    } else {
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Looks for the status until it is there. False when that was not in time.
fn ended_by(child: &mut Child, until: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < until && !ops::is_cancelled() => std::thread::sleep(LOOK_AGAIN),
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

/// Runs a program to its end and returns what it printed.
pub fn output(command: &mut Command, limit: Duration) -> io::Result<Vec<u8>> {
    let until = Instant::now() + limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .env_clear()
        // Not a part of the host's group: a Ctrl-C there says nothing about what this finds out.
        .process_group(0)
        .spawn()?;
    let mut output = Vec::new();
    let read = match child.stdout.take() {
        Some(mut pipe) => read_by(&mut pipe, &mut output, until),
        None => Ok(()),
    };
    let waited = wait(&mut child, until.saturating_duration_since(Instant::now()));
    read.and(waited).map(|_| output)
}

fn read_by(pipe: &mut (impl Read + AsFd), output: &mut Vec<u8>, until: Instant) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while output.len() < MAX_OUTPUT && ready_by(pipe.as_fd(), until)? {
        match pipe.read(&mut buffer)? {
            0 => break,
            count => output.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(())
}

/// Waits until a descriptor can be read. False when that was not in time, or the operation that waits was cancelled.
fn ready_by(fd: BorrowedFd<'_>, until: Instant) -> io::Result<bool> {
    loop {
        let mut left = until.saturating_duration_since(Instant::now());
        let looks = ops::is_working() && left > LOOK_FOR_CANCEL;
        if looks {
            left = LOOK_FOR_CANCEL;
        }
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) if looks && !ops::is_cancelled() => {}
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_and_one_that_talks_is_heard() {
        let begin = Instant::now();
        let error = output(Command::new("/bin/sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() < Duration::from_secs(30));
        let said = output(Command::new("/bin/echo").arg("hi"), Duration::from_secs(30)).unwrap();
        assert_eq!(said, b"hi\n");
    }
}
