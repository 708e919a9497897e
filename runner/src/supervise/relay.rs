//! Passes frames between many clients and one agent.
//!
//! Does no I/O: it turns frames from one side into queued bytes for the other. Payloads are passed on
//! unread, except control messages, which decide when a stream begins and ends. Neither side is trusted:
//! a frame that breaks the protocol is a fault of its sender, and what the other side has not granted
//! credit for is never queued.

use super::queue::OutQueue;
use super::stream::{Ended, Stream};
use msb_protocol::agent::AgentMessage;
use msb_protocol::client::{ClientMessage, RunnerMessage};
use msb_protocol::exec::{SpawnFailure, StreamReply, StreamRequest};
use msb_protocol::frame::{
    self, Channel, ControlError, Frame, FrameError, HEADER_LEN, Header, Kind, LINK_STREAM, parse_control,
};
use std::collections::{HashMap, VecDeque};
use thiserror::Error;

/// Streams that one sandbox runs at a time.
pub const MAX_STREAMS: usize = 1024;
/// Bytes that may wait for one client; beyond it the client is dropped.
pub const MAX_CLIENT_QUEUE: usize = 64 * 1024 * 1024;
/// Ended streams whose late frames are still told from made-up ones.
const REMEMBERED_ENDS: usize = 256;
/// Late frames that one ended stream may get.
const LATE_FRAMES: u32 = 64;

/// A client of the relay, numbered by the supervisor and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u64);

/// What the agent did wrong; ends the sandbox.
#[derive(Debug, Error)]
pub enum AgentFault {
    /// The framing is broken.
    #[error("the guest sent a broken frame")]
    Frame(#[from] FrameError),
    /// A control message is none.
    #[error("the guest sent a broken message on stream {stream}")]
    Control {
        /// Its stream.
        stream: u32,
        /// What is wrong with it.
        source: ControlError,
    },
    /// A frame on a stream that never was, or ended long ago.
    #[error("the guest sent a frame on stream {0}, which is not open")]
    NoSuchStream(u32),
    /// Too many bytes, or bytes after the end.
    #[error("the guest sent {len} bytes on {channel:?} of stream {stream} without credit")]
    Overspent {
        /// Its stream.
        stream: u32,
        /// Its channel.
        channel: Channel,
        /// Payload bytes.
        len: u32,
    },
    /// More credit for standard input than may be outstanding, or none.
    #[error("the guest granted {amount} bytes of credit on {channel:?} of stream {stream}")]
    BadGrant {
        /// Its stream.
        stream: u32,
        /// Its channel.
        channel: Channel,
        /// Bytes.
        amount: u32,
    },
    /// A reply that cannot come now.
    #[error("the guest sent a reply on stream {0} that does not fit its state")]
    OutOfOrder(u32),
}

/// What a client did wrong; ends its link.
#[derive(Debug, Error)]
pub enum ClientFault {
    /// The framing is broken.
    #[error("broken frame")]
    Frame(#[from] FrameError),
    /// A control message is none.
    #[error("broken message on stream {stream}")]
    Control {
        /// Its stream.
        stream: u32,
        /// What is wrong with it.
        source: ControlError,
    },
    /// Too many bytes of standard input, or bytes after the end, or on an output channel.
    #[error("{len} bytes on {channel:?} of stream {stream} without credit")]
    Overspent {
        /// Its stream.
        stream: u32,
        /// Its channel.
        channel: Channel,
        /// Payload bytes.
        len: u32,
    },
    /// More credit for an output channel than may be outstanding.
    #[error("{amount} bytes of credit on {channel:?} of stream {stream}")]
    BadGrant {
        /// Its stream.
        stream: u32,
        /// Its channel.
        channel: Channel,
        /// Bytes.
        amount: u32,
    },
    /// Opens a stream that is open.
    #[error("stream {0} is open already")]
    AlreadyOpen(u32),
    /// Uses a stream before saying hello.
    #[error("stream {0} was used before the link was accepted")]
    OutOfOrder(u32),
}

/// Whether commands may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The guest is not made yet.
    NotYet,
    /// Yes.
    Open,
    /// The sandbox is ending.
    Ending,
}

#[derive(Debug, Default)]
struct Client {
    /// The client's stream numbers, to the agent's.
    streams: HashMap<u32, u32>,
    out: OutQueue,
}

/// The relay of one sandbox.
#[derive(Debug)]
pub struct Relay {
    clients: HashMap<ClientId, Client>,
    streams: HashMap<u32, Stream>,
    ended: VecDeque<Ended>,
    next_stream: u32,
    to_agent: OutQueue,
    overflowed: Vec<ClientId>,
    answered: bool,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            clients: HashMap::new(),
            streams: HashMap::new(),
            ended: VecDeque::with_capacity(REMEMBERED_ENDS),
            next_stream: 1,
            to_agent: OutQueue::default(),
            overflowed: Vec::new(),
            answered: false,
        }
    }
}

impl Relay {
    /// Takes on a client.
    pub fn add_client(&mut self, client: ClientId) {
        self.clients.insert(client, Client::default());
    }

    /// Lets a client go; what it started goes on unheard.
    pub fn remove_client(&mut self, client: ClientId) {
        let Some(gone) = self.clients.remove(&client) else {
            return;
        };
        for id in gone.streams.into_values() {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.client = None;
                if std::mem::replace(&mut stream.heard, false) {
                    push_message(self.to_agent.tail(), id, &StreamRequest::Abandon);
                }
            }
        }
    }

    /// Whether a command runs, heard or not, or somebody waits for a files session's answer.
    pub fn in_use(&self) -> bool {
        self.streams.values().any(Stream::in_use)
    }

    /// Whether a files session answered something since the last call.
    pub fn take_answered(&mut self) -> bool {
        std::mem::take(&mut self.answered)
    }

    /// Number of commands that run, heard or not, and of files sessions.
    pub fn live_streams(&self) -> usize {
        self.streams.len()
    }

    /// Bytes for the agent.
    pub fn agent_queue(&mut self) -> &mut OutQueue {
        &mut self.to_agent
    }

    /// Bytes for a client.
    pub fn client_queue(&mut self, client: ClientId) -> Option<&mut OutQueue> {
        self.clients.get_mut(&client).map(|client| &mut client.out)
    }

    /// Clients whose queue outgrew [`MAX_CLIENT_QUEUE`] since the last call; the caller removes them.
    pub fn take_overflowed(&mut self) -> Vec<ClientId> {
        std::mem::take(&mut self.overflowed)
    }

    /// Queues a link message for a client.
    pub fn tell(&mut self, client: ClientId, message: &RunnerMessage) {
        if let Some(queue) = self.client_queue(client) {
            push_message(queue.tail(), LINK_STREAM, message);
        }
        self.check_overflow(client);
    }

    /// Takes a frame from a client. Returns a link message for the supervisor to act on.
    pub fn client_frame(
        &mut self,
        client: ClientId,
        frame: Frame<'_>,
        admission: Admission,
    ) -> Result<Option<ClientMessage>, ClientFault> {
        let theirs = frame.header.stream;
        let malformed = |source| ClientFault::Control {
            stream: theirs,
            source,
        };
        if theirs == LINK_STREAM {
            return parse_control(frame.payload).map(Some).map_err(malformed);
        }
        let open = self
            .clients
            .get(&client)
            .and_then(|known| known.streams.get(&theirs))
            .copied();
        match (open, frame.header.kind) {
            (Some(id), Kind::Control) => {
                let request = parse_control(frame.payload).map_err(malformed)?;
                match request {
                    StreamRequest::Exec(_) | StreamRequest::Files(_) => {
                        return Err(ClientFault::AlreadyOpen(theirs));
                    }
                    StreamRequest::Abandon => self.stop_hearing(id),
                    StreamRequest::Signal { .. } | StreamRequest::Resize(_) => {}
                }
                self.forward_to_agent(id, frame);
            }
            (Some(id), Kind::Data | Kind::Credit) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.check_from_client(frame)?;
                    self.forward_to_agent(id, frame);
                }
            }
            (None, Kind::Control) => {
                let request = parse_control(frame.payload).map_err(malformed)?;
                let opened = match request {
                    StreamRequest::Exec(spec) => Stream::of_command(client, theirs, &spec),
                    StreamRequest::Files(spec) => Stream::of_session(client, theirs, &spec),
                    // Meant for a stream whose end is still on its way to the client.
                    StreamRequest::Signal { .. } | StreamRequest::Resize(_) | StreamRequest::Abandon => {
                        return Ok(None);
                    }
                };
                self.open_stream(opened, frame, admission);
            }
            (None, Kind::Data | Kind::Credit) => {}
        }
        Ok(None)
    }

    /// Takes a frame from the agent. Returns a link message for the supervisor to act on.
    pub fn agent_frame(&mut self, frame: Frame<'_>) -> Result<Option<AgentMessage>, AgentFault> {
        let id = frame.header.stream;
        let malformed = |source| AgentFault::Control { stream: id, source };
        if id == LINK_STREAM {
            return parse_control(frame.payload).map(Some).map_err(malformed);
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return self.late_frame(id).map(|()| None);
        };
        let mut over = false;
        match frame.header.kind {
            Kind::Control => {
                let reply: StreamReply = parse_control(frame.payload).map_err(malformed)?;
                over = stream.check_reply(&reply).ok_or(AgentFault::OutOfOrder(id))?;
            }
            Kind::Data | Kind::Credit => {
                stream.check_from_agent(frame)?;
                self.answered |= stream.is_session() && frame.header.kind == Kind::Data;
            }
        }
        let empty_data = frame.header.kind == Kind::Data && frame.header.len == 0 && !frame.header.end;
        let wanted = stream.heard || frame.header.kind == Kind::Control;
        let receiver = stream.client.filter(|_| wanted && !empty_data);
        if let Some((client, theirs)) = receiver {
            self.forward_to_client(client, theirs, frame);
        }
        if over {
            self.end_stream(id);
        }
        Ok(None)
    }

    fn open_stream(&mut self, stream: Stream, exec: Frame<'_>, admission: Admission) {
        let refusal = match admission {
            Admission::NotYet => Some((
                SpawnFailure::Other,
                "the sandbox is not ready yet; wait until it is",
            )),
            Admission::Ending => Some((
                SpawnFailure::Other,
                "the sandbox is stopping; start it again first",
            )),
            Admission::Open if self.streams.len() >= MAX_STREAMS => Some((
                SpawnFailure::TooManyStreams,
                "too many commands run at once; wait for one to end",
            )),
            Admission::Open => None,
        };
        let Some((client, theirs)) = stream.client else {
            return;
        };
        let Some(known) = self.clients.get_mut(&client) else {
            return;
        };
        if let Some((kind, message)) = refusal {
            let (stage, message) = ("admission".to_owned(), message.to_owned());
            let reply = StreamReply::SpawnFailed {
                kind,
                errno: 0,
                stage,
                message,
            };
            push_message(known.out.tail(), theirs, &reply);
            self.check_overflow(client);
            return;
        }
        let mut id = self.next_stream;
        while id == LINK_STREAM || self.streams.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        self.next_stream = id.wrapping_add(1);
        self.ended.retain(|ended| ended.id != id);
        known.streams.insert(theirs, id);
        self.streams.insert(id, stream);
        self.forward_to_agent(id, exec);
    }

    fn end_stream(&mut self, id: u32) {
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        if let Some((client, theirs)) = stream.client
            && let Some(known) = self.clients.get_mut(&client)
        {
            known.streams.remove(&theirs);
        }
        if self.ended.len() == REMEMBERED_ENDS {
            self.ended.pop_front();
        }
        self.ended.push_back(Ended {
            id,
            late_frames_left: LATE_FRAMES,
        });
    }

    fn stop_hearing(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.heard = false;
        }
    }

    fn late_frame(&mut self, id: u32) -> Result<(), AgentFault> {
        let ended = self.ended.iter_mut().find(|ended| ended.id == id);
        let left = ended
            .map(|ended| &mut ended.late_frames_left)
            .filter(|left| **left > 0);
        *left.ok_or(AgentFault::NoSuchStream(id))? -= 1;
        Ok(())
    }

    fn forward_to_agent(&mut self, id: u32, frame: Frame<'_>) {
        frame::push(
            self.to_agent.tail(),
            Header {
                stream: id,
                ..frame.header
            },
            frame.payload,
        );
    }

    fn forward_to_client(&mut self, client: ClientId, theirs: u32, frame: Frame<'_>) {
        let Some(known) = self.clients.get_mut(&client) else {
            return;
        };
        if known.out.len() + HEADER_LEN + frame.payload.len() <= MAX_CLIENT_QUEUE {
            frame::push(
                known.out.tail(),
                Header {
                    stream: theirs,
                    ..frame.header
                },
                frame.payload,
            );
        } else if !self.overflowed.contains(&client) {
            self.overflowed.push(client);
        }
    }

    fn check_overflow(&mut self, client: ClientId) {
        let len = self.clients.get(&client).map_or(0, |client| client.out.len());
        if len > MAX_CLIENT_QUEUE && !self.overflowed.contains(&client) {
            self.overflowed.push(client);
        }
    }
}

/// Appends a message of our own. These are small and plain, so that only a bug could make one unwritable;
/// nothing is queued then.
pub(super) fn push_message<T: serde::Serialize>(out: &mut Vec<u8>, stream: u32, message: &T) {
    let written = frame::push_control(out, stream, message);
    debug_assert!(written.is_ok(), "{written:?}");
}
