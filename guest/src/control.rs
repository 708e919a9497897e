//! What the host's frames ask for, one function a message.
//!
//! A stream that is over may still have frames on their way to it: they are ignored. Anything else out of
//! order means that the two ends differ, and ends the agent.

use crate::event_loop::{Agent, AgentError};
use crate::shutdown::Phase;
use crate::spawn::{SpawnError, Spawned, SpawnedOutputs};
use crate::stream::Stream;
use msb_protocol::agent::{AgentMessage, GuestSpec, HostMessage};
use msb_protocol::exec::{ExecSpec, SpawnFailure, StreamReply, StreamRequest};
use msb_protocol::files::FilesSpec;
use msb_protocol::frame::{Channel, Frame, Kind, LINK_STREAM, parse_control};
use std::time::{Duration, Instant};

/// Most commands that run at once.
const MAX_STREAMS: usize = 1024;
/// How long a worker whose client is gone may take to clean up after itself.
const WORKER_GRACE: Duration = Duration::from_secs(2);

impl Agent {
    /// Acts on one frame.
    pub(crate) fn handle(&mut self, frame: Frame<'_>) -> Result<(), AgentError> {
        let id = frame.header.stream;
        match (frame.header.kind, frame.header.channel) {
            (Kind::Control, _) if id == LINK_STREAM => self.link_message(parse_control(frame.payload)?),
            (Kind::Control, _) => self.stream_request(id, parse_control(frame.payload)?),
            (Kind::Data, Channel::Stdin) => self.input(id, frame.payload, frame.header.end),
            (Kind::Credit, Channel::Stdout | Channel::Stderr) => {
                self.credit(id, frame.header.channel, frame.credit_amount())
            }
            (Kind::Data, _) => Err(AgentError::Order("data on an output channel")),
            (Kind::Credit, _) => Err(AgentError::Order("credit on the input channel")),
        }
    }

    fn link_message(&mut self, message: HostMessage) -> Result<(), AgentError> {
        match message {
            HostMessage::Boot(spec) => self.boot(&spec),
            HostMessage::Shutdown { grace_ms } => self.begin_shutdown(grace_ms),
            HostMessage::Ping => Ok(self.link.push_control(LINK_STREAM, &AgentMessage::Pong)?),
        }
    }

    fn boot(&mut self, spec: &GuestSpec) -> Result<(), AgentError> {
        if !matches!(self.phase, Phase::Waiting) {
            return Err(AgentError::Order("a second Boot"));
        }
        match self.place.make(spec, &mut self.spawner) {
            Ok(()) => {
                self.phase = Phase::Serving;
                self.stop_signal = spec.stop_signal;
                Ok(self.link.push_control(LINK_STREAM, &AgentMessage::Booted)?)
            }
            Err(failure) => {
                self.phase = Phase::Over;
                self.place.unmake();
                self.last_words(&AgentMessage::BootFailed(failure))
            }
        }
    }

    fn stream_request(&mut self, id: u32, request: StreamRequest) -> Result<(), AgentError> {
        match request {
            StreamRequest::Exec(spec) => self.exec(id, &spec),
            StreamRequest::Files(spec) => self.files(id, &spec),
            StreamRequest::Signal { signal } => {
                if let Some(stream) = self.streams.get(&id).filter(|stream| stream.ending.is_none()) {
                    self.place.signal_group(stream.pid, signal);
                }
                Ok(())
            }
            StreamRequest::Resize(size) => {
                if let Some(stream) = self.streams.get(&id) {
                    stream.resize(size);
                }
                Ok(())
            }
            StreamRequest::Abandon => {
                let channels = self.streams.get_mut(&id).map(Stream::abandon);
                self.limit_worker(id);
                for channel in channels.into_iter().flatten() {
                    self.queue_turn(id, channel);
                }
                Ok(())
            }
        }
    }

    fn exec(&mut self, id: u32, spec: &ExecSpec) -> Result<(), AgentError> {
        let spawned = self.admit(id)?.and_then(|()| self.spawner.spawn(spec));
        let timeout = spec.timeout_ms.map(Duration::from_millis);
        self.start(id, spec.window, timeout, spec.collected, spawned)
    }

    fn files(&mut self, id: u32, spec: &FilesSpec) -> Result<(), AgentError> {
        let spawned = self.admit(id)?.and_then(|()| self.spawner.spawn_worker(spec));
        self.start(id, spec.window, None, false, spawned)
    }

    /// Whether a stream may begin now.
    fn admit(&self, id: u32) -> Result<Result<(), SpawnError>, AgentError> {
        if self.streams.contains_key(&id) {
            return Err(AgentError::Order("a second beginning of a live stream"));
        }
        match self.phase {
            Phase::Waiting => Err(AgentError::Order("a stream before Boot")),
            Phase::Serving if self.streams.len() < MAX_STREAMS => Ok(Ok(())),
            Phase::Serving => Ok(Err(SpawnError::new(
                SpawnFailure::TooManyStreams,
                0,
                "admission",
                format!("{MAX_STREAMS} commands run already; wait for one to end"),
            ))),
            Phase::Terminating { .. } | Phase::Killing { .. } | Phase::Over => Ok(Err(SpawnError::new(
                SpawnFailure::Other,
                libc::ESHUTDOWN,
                "admission",
                "the sandbox is being stopped; start it again first",
            ))),
        }
    }

    fn start(
        &mut self,
        id: u32,
        window: u32,
        timeout: Option<Duration>,
        collected: bool,
        spawned: Result<Spawned, SpawnError>,
    ) -> Result<(), AgentError> {
        let Spawned { pid, stdin, outputs } = match spawned {
            Ok(spawned) => spawned,
            Err(SpawnError {
                kind,
                errno,
                stage,
                message,
            }) => {
                let reply = StreamReply::SpawnFailed {
                    kind,
                    errno,
                    stage: stage.to_owned(),
                    message,
                };
                return Ok(self.link.push_control(id, &reply)?);
            }
        };
        self.place.command_started(pid);
        let mut stream = match outputs {
            SpawnedOutputs::Pipes { stdout, stderr } => {
                Stream::with_pipes(pid, window, stdout, stderr, stdin)
            }
            SpawnedOutputs::Terminal(master) => Stream::with_terminal(pid, window, master, stdin),
            SpawnedOutputs::Worker(stdout) => Stream::with_worker(pid, window, stdout, stdin),
        };
        stream.deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        stream.collected = collected;
        self.adopt(id, stream)?;
        let before = self.link.backlog();
        self.link.push_control(
            id,
            &StreamReply::Started {
                pid: pid.cast_unsigned(),
            },
        )?;
        if collected {
            self.hold_back(before);
        }
        Ok(())
    }

    /// Nobody wants a worker's answers any more: the end of its input ends it, or else this does.
    fn limit_worker(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.is_worker()
            && stream.ending.is_none()
            && stream.deadline.is_none()
        {
            let deadline = Instant::now() + WORKER_GRACE;
            stream.deadline = Some(deadline);
            self.deadlines.insert((deadline, id));
        }
    }

    fn input(&mut self, id: u32, bytes: &[u8], end: bool) -> Result<(), AgentError> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        let grant = stream
            .feed(bytes, end)
            .map_err(|source| AgentError::Channel { stream: id, source })?;
        if let Some(grant) = grant {
            self.link.push_credit(id, Channel::Stdin, grant);
        }
        self.watch_input(id)
    }

    fn credit(&mut self, id: u32, channel: Channel, amount: u32) -> Result<(), AgentError> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        if stream
            .grant(channel, amount)
            .map_err(|source| AgentError::Channel { stream: id, source })?
        {
            self.queue_turn(id, channel);
        }
        Ok(())
    }
}
