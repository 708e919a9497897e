//! Starts a runner and hands it its sandbox.
//!
//! The runner doubles itself and its first process ends at once, so that the host has no lasting child: nothing
//! to reap, no exit code for the host's own `waitpid(-1)` to steal.

use super::child::{self, Ended};
use crate::error::{MsbError, Status};
use crate::ops::Uninterrupted;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the runner's first process may take to double itself and end.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts the runner; returns the owner's link, which does not block.
pub fn spawn_runner(runner: &Path) -> Result<UnixStream, MsbError> {
    let failed = |error: &io::Error| {
        MsbError::io("runner.spawn", "cannot start the runner", runner, error)
            .remedy("check that the home is on a file system that allows executables")
    };
    // A runner that is killed while it doubles itself may leave its other half.
    let _whole = Uninterrupted::begin();
    let (ours, theirs) = UnixStream::pair().map_err(|error| failed(&error))?;
    ours.set_nonblocking(true).map_err(|error| failed(&error))?;
    let mut child = Command::new(runner)
        .arg("supervise")
        // What a terminal sends to the host's group, as with Ctrl-C, must not hit it before it has a session of its own.
        .process_group(0)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&error))?;
    match child::wait(&mut child, HANDOVER_TIMEOUT) {
        Ok(Ended::Status(status)) if status.success() => Ok(ours),
        // The link tells the rest.
        Ok(Ended::Unknown) => Ok(ours),
        Ok(Ended::Status(status)) if status.signal().is_some() => Err(MsbError::new(
            Status::GuestFailed,
            "runner.killed",
            format!("the runner was ended by somebody else: {status}"),
        )
        .remedy("start the sandbox again")),
        Ok(Ended::Status(status)) => Err(MsbError::new(
            Status::Internal,
            "runner.spawn",
            format!("the runner ended at once with {status}"),
        )),
        Err(error) => Err(failed(&error)),
    }
}
