//! The supervisor: one process beside every running sandbox, from its launch to its end.
//!
//! It holds the sandbox's lock for life, so that a sandbox whose lock is free has no supervisor; its VMM
//! dies with it. [`run`] is the whole of it; the parts below are apart so that tests and fuzz targets can
//! feed them without a process.

mod claim;
mod clients;
mod console;
mod detach;
mod ending;
mod guest;
mod heap;
mod life;
mod outcome;
mod privileges;
pub mod queue;
mod record;
pub mod relay;
mod session;
mod stream;
mod watch;

use crate::confine;
use crate::driver;
use crate::log::{CappedFile, RunnerLog, unix_ms};
use claim::{Claim, ClaimError, RunnerState};
use clients::Clients;
use detach::DetachError;
use guest::sentence;
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_protocol::client::{ClientMessage, RunnerMessage};
use msb_protocol::frame::{ControlError, FrameError, FrameReader, LINK_STREAM, parse_control};
use msb_protocol::launch::LaunchSpec;
use msb_store::StoreError;
use session::Session;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant, SystemTime};
use thiserror::Error;
use watch::Watch;

/// How long the owner may take to say what to run.
const LAUNCH_PATIENCE: Duration = Duration::from_secs(10);
/// How long one farewell write may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why there was nothing to supervise.
#[derive(Debug, Error)]
pub enum SuperviseError {
    /// The process could not be set apart from its parent.
    #[error("cannot become a supervisor")]
    Detach(#[from] DetachError),
    /// The owner's link failed.
    #[error("cannot read what to run; start the runner through the library")]
    Link(#[source] io::Error),
    /// The owner was silent.
    #[error("the owner did not say within {} s what to run", LAUNCH_PATIENCE.as_secs())]
    Silent,
    /// The owner's first frame is broken.
    #[error("the launch message is not framed correctly; use the library and the runner of one release")]
    Frame(#[from] FrameError),
    /// The owner's first message is broken.
    #[error("the launch message cannot be understood; use the library and the runner of one release")]
    Malformed(#[from] ControlError),
    /// The owner's first message is another one.
    #[error("the first message is not a launch; start the runner through the library")]
    NotALaunch,
    /// The owner is of another version.
    #[error("the library speaks protocol {0} and the runner {PROTOCOL_VERSION}; use both of one release")]
    Protocol(u32),
    /// The sandbox is not to be had.
    #[error("the sandbox cannot be claimed")]
    Claim(#[from] ClaimError),
    /// The store cannot be asked for the sandbox.
    #[error("cannot look whether the sandbox waits for its start")]
    Store(#[from] StoreError),
    /// Whoever found the start without its runner has ended it.
    #[error("the start of sandbox {0:?} was given up before its runner came; start it again")]
    Late(String),
}

/// A claimed sandbox that is about to run, or runs.
struct Launch {
    spec: LaunchSpec,
    claim: Claim,
    log: RunnerLog,
    launched: Instant,
    started_unix_ms: u64,
}

/// What a launch needs before its VMM may start.
struct Prepared {
    watch: Watch,
    console_log: CappedFile,
    listener: UnixListener,
}

/// Becomes the supervisor of the sandbox that the owner, at standard input, launches; returns at its end.
pub fn run() -> Result<(), SuperviseError> {
    let Some(owner) = detach::detach()? else {
        return Ok(());
    };
    heap::prepare();
    // Every client costs one, and the owner's shell may allow few.
    confine::raise_descriptor_limit();
    let launched = Instant::now();
    let mut reader = FrameReader::new();
    let claimed = read_launch(&owner, &mut reader, launched + LAUNCH_PATIENCE)
        .and_then(|spec| Ok((claim(&spec)?, spec)));
    match claimed {
        Ok((claim, spec)) => {
            let (log, started_unix_ms) = (RunnerLog::silent(), unix_ms(SystemTime::now()));
            let launch = Launch {
                spec,
                claim,
                log,
                launched,
                started_unix_ms,
            };
            launch.supervise(owner, reader).map_err(SuperviseError::Link)
        }
        Err(error) => {
            // Nobody else can be told: the owner's link is all there is yet.
            let _ = say_last(
                &owner,
                &[RunnerMessage::Refused {
                    message: sentence(&error),
                }],
            );
            Err(error)
        }
    }
}

impl Launch {
    fn supervise(mut self, owner: UnixStream, reader: FrameReader) -> io::Result<()> {
        let prepared = match self.prepare() {
            Ok(prepared) => prepared,
            Err(error) => {
                let failure = BootFailure {
                    stage: BootStage::Other,
                    errno: error.errno(),
                    message: sentence(&error),
                    console_tail: String::new(),
                };
                return say_last(&owner, &self.fail(failure));
            }
        };
        let vmm = match driver::spawn(&self.spec) {
            Ok(vmm) => vmm,
            Err(failure) => return say_last(&owner, &self.fail(failure)),
        };
        let mut session = Session::new(self, prepared, Clients::new(owner, reader), vmm);
        let status = session.begin().and_then(|()| session.run());
        let status = status.unwrap_or_else(|error| session.abort(&error));
        session.finish(status)
    }

    fn prepare(&mut self) -> Result<Prepared, ClaimError> {
        let cap = self.spec.log_bytes;
        self.log = RunnerLog::new(self.claim.log("runtime.log", cap)?, self.spec.log_level);
        let (pid, name) = (std::process::id(), &self.spec.name);
        self.log.info(format_args!(
            "runner {pid} starts {name:?} with {:?}",
            self.spec.driver
        ));
        if !confine::has_landlock() {
            self.log.warn(
                "this kernel has no Landlock: what a guest talks to is confined without it, and `krun` refuses to start",
            );
        }
        let console_log = self.claim.log("kernel.log", cap)?;
        let listener = self.claim.listen()?;
        self.claim.describe(&RunnerState::of_this_process(None)?)?;
        Ok(Prepared {
            watch: Watch::new().map_err(ClaimError::Watch)?,
            console_log,
            listener,
        })
    }
}

/// Claims the sandbox's directory for a launch that it waits for.
fn claim(spec: &LaunchSpec) -> Result<Claim, SuperviseError> {
    let claim = Claim::take(&spec.directory)?;
    match record::is_awaited(spec)? {
        true => Ok(claim),
        false => Err(SuperviseError::Late(spec.name.clone())),
    }
}

fn read_launch(
    owner: &UnixStream,
    reader: &mut FrameReader,
    deadline: Instant,
) -> Result<LaunchSpec, SuperviseError> {
    loop {
        if let Some(frame) = reader.next_frame()? {
            if frame.header.stream != LINK_STREAM {
                return Err(SuperviseError::NotALaunch);
            }
            return match parse_control(frame.payload)? {
                ClientMessage::Launch(spec) if spec.protocol == PROTOCOL_VERSION => Ok(*spec),
                ClientMessage::Launch(spec) => Err(SuperviseError::Protocol(spec.protocol)),
                _ => Err(SuperviseError::NotALaunch),
            };
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(SuperviseError::Silent);
        }
        owner.set_read_timeout(Some(left)).map_err(SuperviseError::Link)?;
        let mut link = owner;
        match link.read(reader.spare()) {
            Ok(0) => return Err(SuperviseError::Link(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => reader.filled(count),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(SuperviseError::Link(error)),
        }
    }
}

/// Sends the last messages of a link that no session has taken on.
fn say_last(mut owner: &UnixStream, messages: &[RunnerMessage]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for message in messages {
        relay::push_message(&mut bytes, LINK_STREAM, message);
    }
    owner.set_write_timeout(Some(FAREWELL))?;
    owner.write_all(&bytes)
}
