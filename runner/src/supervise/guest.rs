//! The guest's side of a session: the agent link and the console.
//!
//! The agent link is always read: credit bounds what it can bring. Every byte of it comes from a guest
//! that may be hostile; what breaks the protocol ends the guest, never the supervisor.

use super::console::printable;
use super::heap;
use super::life::Phase;
use super::outcome::ending;
use super::record;
use super::relay::AgentFault;
use super::session::{Session, micros};
use super::watch::Interest;
use crate::driver::GuestTree;
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::agent::{AgentMessage, BootFailure, BootStage, GuestSpec, HostMessage};
use msb_protocol::client::RunnerMessage;
use msb_protocol::frame::FrameReader;
use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::process::ExitStatus;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Characters that are kept of a guest's own words.
const MAX_GUEST_MESSAGE: usize = 1000;
/// Random bytes given to every guest.
const ENTROPY: usize = 64;
/// Bytes of the console taken in one turn.
const CONSOLE_CHUNK: usize = 16 * 1024;
/// Chunks that are still read from either link once the VMM is gone; the kernel's buffers hold less.
const LAST_CHUNKS: usize = 256;

/// Our end of the agent link.
#[derive(Debug)]
pub(super) struct AgentLink {
    stream: UnixStream,
    reader: FrameReader,
    key: usize,
    open: bool,
    blocked: bool,
}

impl AgentLink {
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            reader: FrameReader::new(),
            key: 0,
            open: true,
            blocked: false,
        }
    }
}

impl Session {
    /// Watches the agent link.
    pub fn watch_agent(&mut self, key: usize) -> io::Result<()> {
        self.agent.key = key;
        self.watch.add(&self.agent.stream, key, Interest::READ)
    }

    /// Takes in what the agent sent; true when there may be more.
    pub fn read_agent(&mut self) -> bool {
        if !self.agent.open {
            return false;
        }
        match (&self.agent.stream).read(self.agent.reader.spare()) {
            Ok(0) => {
                self.close_agent();
                return false;
            }
            Ok(count) => self.agent.reader.filled(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return false;
            }
            Err(error) => {
                self.launch
                    .log
                    .warn(format_args!("cannot read from the agent: {error}"));
                self.close_agent();
                return false;
            }
        }
        let streams = self.relay.live_streams();
        let relayed = self.relay_agent_frames();
        if self.relay.take_answered() || self.relay.live_streams() != streams {
            self.life.used(Instant::now());
        }
        if let Err(fault) = relayed {
            // A broken message is quoted in what is wrong with it.
            self.violation(tamed(&sentence(&fault)));
            // Nothing more of it is trusted or taken in.
            self.close_agent();
            return false;
        }
        self.flush_clients();
        true
    }

    fn relay_agent_frames(&mut self) -> Result<(), AgentFault> {
        loop {
            let message = match self.agent.reader.next_frame()? {
                None => return Ok(()),
                Some(frame) => self.relay.agent_frame(frame)?,
            };
            if let Some(message) = message {
                self.agent_says(message)?;
            }
        }
    }

    fn agent_says(&mut self, message: AgentMessage) -> Result<(), AgentFault> {
        match (message, self.life.phase) {
            _ if self.life.facts.killed => {}
            (AgentMessage::Ready { protocol }, Phase::AwaitingAgent) => self.boot_guest(protocol),
            (AgentMessage::Booted, Phase::Booting) => self.guest_booted(),
            (AgentMessage::BootFailed(failure), Phase::Booting) => {
                let message = tamed(&failure.message);
                self.fail_boot(BootFailure {
                    message,
                    console_tail: String::new(),
                    ..failure
                });
            }
            // Also by itself, when something in the guest ends the machine in an orderly way.
            (AgentMessage::ShutdownDone { clean, killed }, Phase::Running | Phase::Stopping) => {
                self.launch
                    .log
                    .info(format_args!("guest shut down; clean: {clean}, killed: {killed}"));
                self.life.facts.clean = Some(clean);
            }
            _ => return Err(AgentFault::OutOfOrder(msb_protocol::frame::LINK_STREAM)),
        }
        Ok(())
    }

    fn boot_guest(&mut self, protocol: u32) {
        self.timings.agent_ready_us = micros(self.launch.launched);
        if protocol != PROTOCOL_VERSION {
            let message = format!(
                "the guest's agent speaks protocol {protocol} and the runner {PROTOCOL_VERSION}; \
                 use the agent and the runner of one release"
            );
            return self.fail_boot(failure(BootStage::Other, 0, message));
        }
        let entropy = match entropy() {
            Ok(entropy) => entropy,
            Err(error) => {
                let message = format!("cannot read /dev/urandom for the guest: {error}");
                return self.fail_boot(failure(
                    BootStage::Other,
                    error.raw_os_error().unwrap_or(0),
                    message,
                ));
            }
        };
        let (root, mounts) = match self.tree.take() {
            Some(GuestTree { root, mounts }) => (Some(root), mounts),
            None => (None, Vec::new()),
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let guest = GuestSpec {
            root,
            mounts,
            clock_unix_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            entropy,
            ..self.launch.spec.guest.clone()
        };
        self.life.phase = Phase::Booting;
        self.tell_agent(&HostMessage::Boot(Box::new(guest)));
    }

    fn guest_booted(&mut self) {
        self.timings.booted_us = micros(self.launch.launched);
        if self.launch.spec.prepare {
            self.life.phase = Phase::Preparing;
            if !self.tell_owner(&RunnerMessage::Prepare) {
                let message = "whoever was to prepare the guest is gone".to_owned();
                self.fail_boot(failure(BootStage::Patch, 0, message));
            }
            return;
        }
        self.open();
    }

    /// Takes the owner's word on whether it has prepared the guest.
    pub fn prepared(&mut self, outcome: Result<(), String>) {
        match outcome {
            // What is killed already has failed otherwise.
            _ if self.life.phase != Phase::Preparing || self.life.facts.killed => {}
            Ok(()) => self.open(),
            Err(message) => self.fail_boot(failure(BootStage::Patch, 0, message)),
        }
    }

    /// The sandbox runs, for everybody.
    fn open(&mut self) {
        match record::begin(&self.launch.spec) {
            Ok(run_id) => self.run_id = Some(run_id),
            Err(error) => {
                let message = format!("cannot record the run: {}", sentence(&error));
                return self.fail_boot(failure(BootStage::Other, 0, message));
            }
        }
        heap::trim();
        self.life.ready(Instant::now());
        self.launch.log.info(format_args!("ready: {:?}", self.timings));
        self.tell_all(&RunnerMessage::Ready(self.timings));
    }

    /// Writes to the agent what waits for it.
    pub fn flush_agent(&mut self) {
        if !self.agent.open {
            self.relay.agent_queue().clear();
            return;
        }
        if let Err(error) = self.relay.agent_queue().flush(&self.agent.stream) {
            // What it sent before it closed its end is still read; the end of file follows.
            self.launch
                .log
                .info(format_args!("cannot write to the agent: {error}"));
            self.relay.agent_queue().clear();
        }
        let blocked = !self.relay.agent_queue().is_empty();
        if blocked != self.agent.blocked {
            self.agent.blocked = blocked;
            let interest = Interest {
                read: true,
                write: blocked,
            };
            if let Err(error) = self.watch.change(&self.agent.stream, self.agent.key, interest) {
                self.launch
                    .log
                    .warn(format_args!("cannot watch the agent: {error}"));
            }
        }
    }

    fn close_agent(&mut self) {
        if std::mem::replace(&mut self.agent.open, false) {
            if let Err(error) = self.watch.forget(&self.agent.stream) {
                self.launch
                    .log
                    .warn(format_args!("cannot forget the agent link: {error}"));
            }
            self.life.agent_gone(Instant::now());
        }
    }

    /// Takes in what the console printed; true when there may be more.
    pub fn read_console(&mut self) -> bool {
        let Some(mut pipe) = self.console_pipe.as_ref() else {
            return false;
        };
        let mut chunk = [0; CONSOLE_CHUNK];
        match pipe.read(&mut chunk) {
            Ok(count) if count > 0 => {
                self.console.feed(&chunk[..count]);
                return true;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            _ => self.close_console(),
        }
        false
    }

    fn close_console(&mut self) {
        if let Some(pipe) = self.console_pipe.take()
            && let Err(error) = self.watch.forget(&pipe)
        {
            self.launch
                .log
                .warn(format_args!("cannot forget the console: {error}"));
        }
    }

    /// Takes in what the guest sent before it ended.
    pub fn drain_guest(&mut self) {
        for _ in 0..LAST_CHUNKS {
            if !self.read_agent() {
                break;
            }
        }
        for _ in 0..LAST_CHUNKS {
            if !self.read_console() {
                break;
            }
        }
    }

    /// Says why the guest never came up, when the VMM ended by itself before it did.
    pub fn explain_early_end(&mut self, status: Option<ExitStatus>) {
        let facts = &self.life.facts;
        if self.life.was_ready() || facts.requested.is_some() || facts.boot_failure.is_some() {
            return;
        }
        let message = match &facts.internal {
            Some(internal) => internal.clone(),
            None => format!(
                "the VMM {} before the guest was up; its console may say why",
                ending(status)
            ),
        };
        self.life.facts.boot_failure = Some(failure(BootStage::Kernel, 0, message));
    }
}

fn failure(stage: BootStage, errno: i32, message: String) -> BootFailure {
    BootFailure {
        stage,
        errno,
        message,
        console_tail: String::new(),
    }
}

fn entropy() -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; ENTROPY];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A guest's own words, as much of them as is kept and fit to be shown.
fn tamed(text: &str) -> String {
    let start: String = text.chars().take(MAX_GUEST_MESSAGE).collect();
    printable(&start)
}

/// An error and its causes, as one line.
pub(super) fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
