//! A connection to one runner: its state, its streams and its outgoing bytes.
//!
//! The reactor's thread reads; any thread sends. Lock order: `state`, then a stream's own lock, then `out`.
//! What is queued to be sent is bounded by [`MAX_QUEUED`], because a stopped runner must not make its host grow; what can
//! wait, commands' input, is only sent while there is [`Link::room`].

use super::line::Line;
use super::reactor::{Handle, Interest, Ready, Source};
use super::stream::{Stream, StreamLoss};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use msb_protocol::agent::BootFailure;
use msb_protocol::client::{BootTimings, ClientMessage, RunnerMessage, Welcome};
use msb_protocol::exec::StreamRequest;
use msb_protocol::exit::ExitRecord;
use msb_protocol::frame::{self, Frame, FrameReader, Kind, LINK_STREAM};
use parking_lot::{Mutex, MutexGuard};
use rustix::net::{SendFlags, send};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

/// Most bytes that may wait to be sent; beyond it the runner counts as stuck.
const MAX_QUEUED: usize = 16 * 1024 * 1024;
/// What may wait to be sent before commands' input waits too, in bytes.
const ENOUGH_QUEUED: usize = 1024 * 1024;

/// What is known of the other end.
#[derive(Default)]
pub struct LinkState {
    /// The runner accepted the link.
    pub welcome: Option<Welcome>,
    /// The owner's streams may open, nobody else's.
    pub prepare: bool,
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
    /// Those who wait for a change of this state.
    watchers: Line,
}

/// What does not fit into the socket now.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    /// Those who wait until it is less.
    waiting: Line,
}

/// A connection to a runner.
pub struct Link {
    socket: UnixStream,
    key: u64,
    reactor: Handle,
    reader: Mutex<FrameReader>,
    out: Mutex<Outgoing>,
    state: Mutex<LinkState>,
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
            out: Mutex::new(Outgoing::default()),
            state: Mutex::new(LinkState::default()),
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
    pub fn wait_for<T>(&self, deadline: Deadline, done: impl FnMut(&LinkState) -> Option<T>) -> Option<T> {
        deadline.block_on(self.until(done))
    }

    /// Ready once `done` says so.
    pub async fn until<T>(&self, mut done: impl FnMut(&LinkState) -> Option<T>) -> T {
        let place = Place::join(&self.state, |state| &mut state.watchers);
        poll_fn(|context| {
            let mut state = self.state.lock();
            match done(&state) {
                Some(value) => Poll::Ready(value),
                None => {
                    state.watchers.wait(place.key, context.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Ready once the run, or the way to its runner, is over.
    pub async fn over(&self) {
        self.until(|state| (state.exit.is_some() || state.closed).then_some(()))
            .await;
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
        if out.bytes.len() + frames.len() > MAX_QUEUED {
            return Err(MsbError::new(
                Status::Unavailable,
                "runner.stuck",
                "the sandbox's runner takes no more requests",
            )
            .remedy("kill the sandbox if this lasts"));
        }
        if !out.bytes.is_empty() {
            out.bytes.extend_from_slice(frames);
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
            out.bytes.extend_from_slice(rest);
            self.watch_writes(true);
        }
        Ok(())
    }

    /// Whether what can wait may be sent now.
    pub fn has_room(&self) -> bool {
        self.out.lock().bytes.len() <= ENOUGH_QUEUED
    }

    /// Ready once what can wait may be sent; at the latest when the link ends.
    pub async fn room(&self) {
        if self.has_room() {
            return;
        }
        let place = Place::join(&self.out, |out| &mut out.waiting);
        poll_fn(|context| {
            let mut out = self.out.lock();
            if out.bytes.len() <= ENOUGH_QUEUED {
                return Poll::Ready(());
            }
            out.waiting.wait(place.key, context.waker());
            Poll::Pending
        })
        .await;
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
        while sent < out.bytes.len() {
            match send(
                &self.socket,
                &out.bytes[sent..],
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(count) => sent += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        out.bytes.drain(..sent);
        if out.bytes.is_empty() {
            self.watch_writes(false);
        }
        let mut called = Vec::new();
        if out.bytes.len() <= ENOUGH_QUEUED {
            out.waiting.call_all(&mut called);
        }
        drop(out);
        called.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Throws away what was not sent: nobody will take it.
    fn discard_queued(&self) {
        let mut called = Vec::new();
        let mut out = self.out.lock();
        out.bytes.clear();
        out.waiting.call_all(&mut called);
        drop(out);
        called.into_iter().for_each(Waker::wake);
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
            RunnerMessage::Prepare => state.prepare = true,
            RunnerMessage::Ready(timings) => state.ready = Some(timings),
            RunnerMessage::Refused { message } => state.refused = Some(message),
            RunnerMessage::LaunchFailed(failure) => state.failure = Some(failure),
            RunnerMessage::Exit { record, stored } => state.exit = Some((*record, stored)),
            RunnerMessage::Pong => state.pongs += 1,
        }
        let mut called = Vec::new();
        state.watchers.call_all(&mut called);
        drop(state);
        called.into_iter().for_each(Waker::wake);
    }

    fn on_closed(&self) {
        let mut called = Vec::new();
        let streams: Vec<_> = {
            let mut state = self.state.lock();
            state.closed = true;
            state.watchers.call_all(&mut called);
            state.streams.drain().map(|(_, stream)| stream).collect()
        };
        called.into_iter().for_each(Waker::wake);
        self.discard_queued();
        for stream in streams {
            stream.on_lost(StreamLoss::SandboxEnded);
        }
    }
}

/// A place in one of a link's lines, left when this is dropped.
struct Place<'a, S> {
    state: &'a Mutex<S>,
    line: fn(&mut S) -> &mut Line,
    key: u64,
}

impl<'a, S> Place<'a, S> {
    fn join(state: &'a Mutex<S>, line: fn(&mut S) -> &mut Line) -> Self {
        let key = line(&mut state.lock()).join();
        Self { state, line, key }
    }
}

impl<S> Drop for Place<'_, S> {
    fn drop(&mut self) {
        let next = (self.line)(&mut self.state.lock()).leave(self.key);
        if let Some(next) = next {
            next.wake();
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
            self.discard_queued();
        }
        let open = !ready.readable || self.read();
        if !open {
            self.on_closed();
        }
        open
    }
}
