//! A connection to one runner: its state, its streams and its outgoing bytes.
//!
//! The reactor's thread reads; any thread sends. Lock order: `state`, then a stream's own lock, then `out`.
//! What is queued to be sent is bounded by [`MAX_QUEUED`], because a stopped runner must not make its host grow.

use super::reactor::{Handle, Interest, Ready, Source};
use super::stream::{Stream, StreamLoss};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use msb_protocol::agent::BootFailure;
use msb_protocol::client::{BootTimings, ClientMessage, RunnerMessage, Welcome};
use msb_protocol::exec::StreamRequest;
use msb_protocol::exit::ExitRecord;
use msb_protocol::frame::{self, Frame, FrameReader, Kind, LINK_STREAM};
use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::net::{SendFlags, send};
use std::collections::HashMap;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most bytes that may wait to be sent; beyond it the runner counts as stuck.
const MAX_QUEUED: usize = 16 * 1024 * 1024;

/// What is known of the other end.
#[derive(Default)]
pub struct LinkState {
    /// The runner accepted the link.
    pub welcome: Option<Welcome>,
    /// Streams may open; for the owner, with the times of the start.
    pub ready: Option<BootTimings>,
    /// The start failed.
    pub failure: Option<BootFailure>,
    /// The runner does not want this link.
    pub refused: Option<String>,
    /// The run is over, and whether the store knows.
    pub exit: Option<(ExitRecord, bool)>,
    /// Nothing more will come.
    pub closed: bool,
    /// How many pings were answered.
    pongs: u64,
    streams: HashMap<u32, Arc<Stream>>,
    last_stream: u32,
}

/// A connection to a runner.
pub struct Link {
    socket: UnixStream,
    key: u64,
    reactor: Handle,
    reader: Mutex<FrameReader>,
    out: Mutex<Vec<u8>>,
    state: Mutex<LinkState>,
    changed: Condvar,
    confirming: Mutex<()>,
    owner: AtomicBool,
    detached: AtomicBool,
}

impl Link {
    /// Wraps a non-blocking socket; called by the reactor's `register`.
    pub fn new(socket: UnixStream, key: u64, reactor: Handle) -> Self {
        Self {
            socket,
            key,
            reactor,
            reader: Mutex::new(FrameReader::new()),
            out: Mutex::new(Vec::new()),
            state: Mutex::new(LinkState::default()),
            changed: Condvar::new(),
            confirming: Mutex::new(()),
            owner: AtomicBool::new(false),
            detached: AtomicBool::new(false),
        }
    }

    /// Notes that the runner was launched over this link, and whether its sandbox outlives it.
    pub fn set_owner(&self, detached: bool) {
        self.owner.store(true, Ordering::Release);
        self.detached.store(detached, Ordering::Release);
    }

    /// Notes that its sandbox outlives this link from now on.
    pub fn set_detached(&self) {
        self.detached.store(true, Ordering::Release);
    }

    /// Whether closing this link orders the sandbox to stop.
    pub fn holds_sandbox(&self) -> bool {
        self.owner.load(Ordering::Acquire) && !self.detached.load(Ordering::Acquire)
    }

    /// Whether the sandbox, or the way to it, has ended.
    pub fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.closed || state.exit.is_some()
    }

    /// The state now.
    pub fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock()
    }

    /// Waits until `done` says so. `None` when the deadline passed first.
    pub fn wait_for<T>(
        &self,
        deadline: Deadline,
        mut done: impl FnMut(&LinkState) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.state.lock();
        loop {
            if let Some(value) = done(&state) {
                return Some(value);
            }
            if !deadline.wait(&self.changed, &mut state) {
                return done(&state);
            }
        }
    }

    /// Sends a message of the link itself.
    pub fn send_message(&self, message: &ClientMessage) -> Result<(), MsbError> {
        self.send_control(LINK_STREAM, message)
    }

    /// Waits until the runner has acted on every message of the link that was sent before.
    pub fn confirm(&self, deadline: Deadline) -> Result<(), MsbError> {
        // One at a time: an answer must be the one to this ping.
        let Some(_turn) = deadline.lock(&self.confirming) else {
            return Err(Self::unanswered());
        };
        let before = self.state.lock().pongs;
        self.send_message(&ClientMessage::Ping)?;
        let answered = self.wait_for(deadline, |state| {
            (state.pongs > before || state.closed).then_some(!state.closed)
        });
        match answered {
            Some(true) => Ok(()),
            Some(false) => Err(Self::gone()),
            None => Err(Self::unanswered()),
        }
    }

    fn unanswered() -> MsbError {
        MsbError::new(
            Status::Timeout,
            "runner.unreachable",
            "the sandbox's runner did not answer before the deadline",
        )
    }

    /// Sends a control message on a stream.
    pub fn send_control<T: serde::Serialize>(&self, stream: u32, message: &T) -> Result<(), MsbError> {
        let mut bytes = Vec::new();
        frame::push_control(&mut bytes, stream, message).map_err(|error| {
            MsbError::new(
                Status::InvalidArgument,
                "exec.too_long",
                "the request is too long for the guest",
            )
            .source(&error)
            .remedy("pass large data through a file or standard input")
        })?;
        self.send(&bytes)
    }

    /// Sends whole frames, or queues what does not fit into the socket now.
    pub fn send(&self, frames: &[u8]) -> Result<(), MsbError> {
        let mut out = self.out.lock();
        if out.len() + frames.len() > MAX_QUEUED {
            return Err(MsbError::new(
                Status::Unavailable,
                "runner.stuck",
                "the sandbox's runner takes no more requests",
            )
            .remedy("kill the sandbox if this lasts"));
        }
        if !out.is_empty() {
            out.extend_from_slice(frames);
            return Ok(());
        }
        let mut rest = frames;
        while !rest.is_empty() {
            match send(&self.socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(sent) => rest = &rest[sent..],
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => return Err(Self::gone()),
            }
        }
        if !rest.is_empty() {
            out.extend_from_slice(rest);
            self.watch_writes(true);
        }
        Ok(())
    }

    /// Opens a stream with its first request; `make` builds it from its number.
    pub fn open_stream(
        self: &Arc<Self>,
        request: &StreamRequest,
        make: impl FnOnce(u32, Arc<Self>) -> Stream,
    ) -> Result<Arc<Stream>, MsbError> {
        let stream = {
            let mut state = self.state.lock();
            if state.closed || state.exit.is_some() {
                return Err(Self::gone());
            }
            let id = state.free_stream_number();
            let stream = Arc::new(make(id, Arc::clone(self)));
            state.streams.insert(id, Arc::clone(&stream));
            stream
        };
        if let Err(error) = self.send_control(stream.id(), request) {
            self.state.lock().streams.remove(&stream.id());
            return Err(error);
        }
        Ok(stream)
    }

    /// Ends the connection. The runner of an attached sandbox takes its owner's end as the order to stop.
    pub fn close(&self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        self.reactor.remove(self.key, self.socket.as_fd());
        self.on_closed();
    }

    /// The error of a request to a runner that is not there any more.
    fn gone() -> MsbError {
        MsbError::new(Status::NotRunning, "sandbox.not_running", "the sandbox ended")
            .remedy("start it again; msb_sandbox_wait tells how it ended")
    }

    fn watch_writes(&self, writable: bool) {
        let interest = Interest {
            readable: true,
            writable,
        };
        self.reactor.set_interest(self.key, self.socket.as_fd(), interest);
    }

    fn flush(&self) -> io::Result<()> {
        let mut out = self.out.lock();
        let mut sent = 0;
        while sent < out.len() {
            match send(
                &self.socket,
                &out[sent..],
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(count) => sent += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        out.drain(..sent);
        if out.is_empty() {
            self.watch_writes(false);
        }
        Ok(())
    }

    /// Reads what is there. False at the end, or when the runner does not keep to the protocol.
    fn read(&self) -> bool {
        let mut reader = self.reader.lock();
        loop {
            let count = match (&self.socket).read(reader.spare()) {
                Ok(0) => return false,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return false,
            };
            reader.filled(count);
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => {
                        if !self.on_frame(&frame) {
                            return false;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return false,
                }
            }
            if count < frame::READ_CHUNK / 2 {
                return true;
            }
        }
    }

    fn on_frame(&self, frame: &Frame<'_>) -> bool {
        if frame.header.stream == LINK_STREAM {
            return match frame::parse_control(frame.payload) {
                Ok(message) => {
                    self.on_message(message);
                    true
                }
                Err(_) => false,
            };
        }
        let stream = self.state.lock().streams.get(&frame.header.stream).cloned();
        // A stream that this side abandoned may still get frames for a while.
        let Some(stream) = stream else { return true };
        match frame.header.kind {
            Kind::Control => match frame::parse_control(frame.payload) {
                Ok(reply) => {
                    if stream.on_reply(reply) {
                        self.state.lock().streams.remove(&frame.header.stream);
                    }
                    true
                }
                Err(_) => false,
            },
            Kind::Data => stream.on_data(frame.header.channel, frame.payload, frame.header.end),
            Kind::Credit => stream.on_credit(frame.credit_amount()),
        }
    }

    fn on_message(&self, message: RunnerMessage) {
        let mut state = self.state.lock();
        match message {
            RunnerMessage::Welcome(welcome) => {
                if welcome.ready {
                    state.ready.get_or_insert_default();
                }
                state.welcome = Some(welcome);
            }
            RunnerMessage::Ready(timings) => state.ready = Some(timings),
            RunnerMessage::Refused { message } => state.refused = Some(message),
            RunnerMessage::LaunchFailed(failure) => state.failure = Some(failure),
            RunnerMessage::Exit { record, stored } => state.exit = Some((*record, stored)),
            RunnerMessage::Pong => state.pongs += 1,
        }
        self.changed.notify_all();
    }

    fn on_closed(&self) {
        let streams: Vec<_> = {
            let mut state = self.state.lock();
            state.closed = true;
            self.changed.notify_all();
            state.streams.drain().map(|(_, stream)| stream).collect()
        };
        for stream in streams {
            stream.on_lost(StreamLoss::SandboxEnded);
        }
    }
}

impl LinkState {
    fn free_stream_number(&mut self) -> u32 {
        loop {
            self.last_stream = self.last_stream.wrapping_add(1);
            if self.last_stream != LINK_STREAM && !self.streams.contains_key(&self.last_stream) {
                return self.last_stream;
            }
        }
    }
}

impl Source for Link {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn lost(&self) {
        // As a close: the runner of an attached sandbox has to learn of it.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        self.on_closed();
    }

    fn ready(&self, ready: Ready) -> bool {
        // Even when sending fails, what the runner said before it ended must be read.
        if ready.writable && self.flush().is_err() {
            self.out.lock().clear();
        }
        let open = !ready.readable || self.read();
        if !open {
            self.on_closed();
        }
        open
    }
}
