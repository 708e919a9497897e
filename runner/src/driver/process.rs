//! The test-only driver: the agent as an ordinary child.
//!
//! No isolation at all. The agent gets its link as standard input, so that no other descriptor has to
//! survive the exec; what it prints is the console. Its commands are ordinary processes too, which outlive an
//! agent that is killed: the supervisor inherits and ends them.

use super::SpawnedVmm;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_protocol::launch::LaunchSpec;
use rustix::fs::OFlags;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long strays may take to be gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause between two looks at them.
const PAUSE: Duration = Duration::from_millis(1);

/// Starts `spec.agent`.
pub fn spawn(spec: &LaunchSpec) -> Result<SpawnedVmm, BootFailure> {
    if spec.root.is_some() || !spec.mounts.is_empty() {
        return Err(BootFailure {
            stage: BootStage::Vmm,
            errno: libc::ENOTSUP,
            message: "the process driver has no root and no mounts of its own; choose another driver"
                .to_owned(),
            console_tail: String::new(),
        });
    }
    let agent = spec.agent.as_deref().ok_or_else(|| BootFailure {
        stage: BootStage::Vmm,
        errno: libc::EINVAL,
        message: "the process driver needs the path of the agent; set it".to_owned(),
        console_tail: String::new(),
    })?;
    start(agent).map_err(|error| BootFailure {
        stage: BootStage::Vmm,
        errno: error.raw_os_error().unwrap_or(0),
        message: format!("cannot start the agent {}: {error}", agent.display()),
        console_tail: String::new(),
    })
}

fn start(agent: &Path) -> io::Result<SpawnedVmm> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    // The end of the link is what tells the agent that it is alone.
    let lifeline = OwnedFd::from(ours.try_clone()?);
    let (console, printed) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&console, OFlags::NONBLOCK)?;
    let child = Command::new(agent)
        .args(["--process", "0"])
        .stdin(OwnedFd::from(theirs))
        .stdout(printed.try_clone()?)
        .stderr(printed)
        .spawn()?;
    Ok(SpawnedVmm {
        child,
        helpers: Vec::new(),
        agent: ours,
        console,
        lifeline,
        tree: None,
    })
}

/// Kills what an agent that is gone left behind. By then this process has no other child.
pub fn end_strays() -> io::Result<()> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let children = std::fs::read_to_string("/proc/thread-self/children")?;
        let strays: Vec<Pid> = children
            .split_whitespace()
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
            .collect();
        if strays.is_empty() || Instant::now() >= give_up {
            return Ok(());
        }
        for &stray in &strays {
            kill_process(stray, Signal::KILL)?;
            // It may take a moment to die; those that it leaves to us are found in the next round.
            waitpid(Some(stray), WaitOptions::NOHANG)?;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::launch::{HostLower, HostRoot, HostUpper};

    #[test]
    fn a_root_that_it_cannot_have_is_refused_and_never_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let spec = LaunchSpec {
            agent: Some("/bin/true".into()),
            root: Some(HostRoot::Overlay {
                lower: HostLower::Layers {
                    extents: vec!["/layer".into()],
                },
                upper: HostUpper::Tmpfs { size_mib: 1 },
            }),
            ..super::super::tests::spec(directory.path())
        };
        let failure = spawn(&spec).unwrap_err();
        assert_eq!((failure.stage, failure.errno), (BootStage::Vmm, libc::ENOTSUP));
    }
}
