//! How this program and a child of it that runs another subcommand understand each other: a plan as JSON on the
//! child's standard input, so that no path shows in a process list and nothing has to be quoted, and one report
//! on its standard output once it is up or cannot come up.

use crate::driver::DriverError;
use msb_protocol::agent::{BootFailure, BootStage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Most bytes that a plan may have.
const MAX_PLAN: u64 = 1 << 20;
/// Most bytes that a report may have.
const MAX_REPORT: usize = 1 << 16;
/// How long a child may take to report.
const DEADLINE: Duration = Duration::from_secs(10);
/// The report of a child that is up; any other is a [`BootFailure`] as JSON.
const UP: &[u8] = b"up\n";

/// What a child still owes its starter.
#[derive(Debug)]
pub(crate) struct Report {
    link: UnixStream,
    stage: BootStage,
}

/// Connects `command` to a plan and to the report that is waited for with what this returns; `stage` is what
/// fails when the child ends without a word.
pub(crate) fn connect(
    command: &mut Command,
    plan: &impl Serialize,
    stage: BootStage,
) -> Result<Report, DriverError> {
    let resource = |source| DriverError::Resource {
        what: "the link to a child process",
        source,
    };
    let stdin = in_memory(plan).map_err(resource)?;
    let (link, theirs) = UnixStream::pair().map_err(resource)?;
    command.stdin(stdin).stdout(OwnedFd::from(theirs));
    Ok(Report { link, stage })
}

fn in_memory(plan: &impl Serialize) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("plan", rustix::fs::MemfdFlags::CLOEXEC)?);
    serde_json::to_writer(&mut file, plan)?;
    file.rewind()?;
    Ok(file)
}

impl Report {
    /// Waits until the child is up. The command must be gone by then, or its copy of the link keeps it open.
    pub(crate) fn wait(mut self) -> Result<(), DriverError> {
        let deadline = Instant::now() + DEADLINE;
        let mut word = Vec::new();
        let mut chunk = [0; 1024];
        while word.len() < MAX_REPORT {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(DriverError::Silent {
                    stage: self.stage,
                    after_ms: DEADLINE.as_millis() as u64,
                });
            }
            match self
                .link
                .set_read_timeout(Some(left))
                .and_then(|()| self.link.read(&mut chunk))
            {
                Ok(0) => break,
                Ok(count) => word.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(source) => {
                    return Err(DriverError::Resource {
                        what: "the link to a child process",
                        source,
                    });
                }
            }
        }
        if word == UP {
            return Ok(());
        }
        Err(DriverError::Child(serde_json::from_slice(&word).unwrap_or_else(
            |_| BootFailure {
                stage: self.stage,
                errno: 0,
                message: "a helper process ended before it was up; see the console".to_owned(),
                console_tail: String::new(),
            },
        )))
    }
}

/// Reads this process's plan and puts the null device in its place.
pub(crate) fn read_plan<T: DeserializeOwned>() -> io::Result<T> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_PLAN).read_to_end(&mut bytes)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Tells the starter that this process is up, and closes the link.
pub(crate) fn report_up() -> io::Result<()> {
    report(UP)
}

/// Tells the starter why this process cannot come up.
pub(crate) fn report_failure(failure: &BootFailure) -> ExitCode {
    // When the starter is gone there is nobody left to tell.
    if let Ok(word) = serde_json::to_vec(failure) {
        let _ = report(&word);
    }
    ExitCode::FAILURE
}

fn report(word: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(word)?;
    out.flush()?;
    Ok(rustix::stdio::dup2_stdout(
        OpenOptions::new().write(true).open("/dev/null")?,
    )?)
}
