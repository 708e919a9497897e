//! One command's or files session's stream: its buffered output, its credit, and how it ended.
//!
//! Output waits here until it is taken in one of three ways, chosen per channel: pulled by [`Stream::read`],
//! moved to a descriptor by a [`Sink`], or handed to a dispatcher. Credit goes back as bytes are taken, so
//! at most one window per channel is ever held. Who waits stands in a [`Line`]; `wait` has the verbs that do.

mod wait;

use super::line::Line;
use super::link::Link;
use super::sink::Sink;
use crate::error::{MsbError, Status};
use msb_protocol::credit::{ReceiveCredit, SendCredit};
use msb_protocol::exec::{ExecExit, SpawnFailure, StreamReply, StreamRequest};
use msb_protocol::frame::{self, Channel, Header, MAX_DATA};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::task::Waker;

pub use wait::Waiter;

/// Credit of each output channel: what one command may have buffered in the host per channel, in bytes.
pub const OUTPUT_WINDOW: u32 = 1024 * 1024;

/// Most characters of a text from the guest that an error shows.
const MAX_GUEST_TEXT: usize = 1000;

/// Where a command is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Asked for, not answered.
    Opening,
    /// It runs, with this process id in the guest.
    Running(u32),
    /// It never ran.
    Failed(SpawnFailed),
    /// It ended; output may still be buffered here.
    Exited(ExecExit),
    /// Nobody will say how it ended.
    Lost(StreamLoss),
}

/// Why a command did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnFailed {
    /// Typed reason.
    pub kind: SpawnFailure,
    /// errno of the failed call; 0 when none applies.
    pub errno: i32,
    /// What was being done.
    pub stage: String,
    /// One sentence for a person.
    pub message: String,
}

/// Why a stream ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamLoss {
    /// The sandbox ended first.
    SandboxEnded,
}

/// How a channel's output is taken.
enum Route {
    Pull,
    Sink(Arc<Sink>),
    Notify(Arc<dyn Notify>),
}

/// Somebody to tell that output or the end of a stream has come. Called with the stream's lock held: it
/// must only make a note.
pub trait Notify: Send + Sync {
    /// The stream has something new.
    fn notify(&self);
}

struct Output {
    data: VecDeque<u8>,
    ended: bool,
    credit: ReceiveCredit,
    route: Route,
    readers: Line,
}

impl Output {
    fn new() -> Self {
        Self {
            data: VecDeque::new(),
            ended: false,
            credit: ReceiveCredit::new(OUTPUT_WINDOW),
            route: Route::Pull,
            readers: Line::default(),
        }
    }
}

struct Input {
    credit: SendCredit,
    open: bool,
    sink: Option<Arc<Sink>>,
    writers: Line,
}

struct Inner {
    phase: Phase,
    outputs: [Output; 2],
    input: Input,
    exit_notify: Option<Arc<dyn Notify>>,
    /// Those who wait for a change of phase.
    watchers: Line,
    /// Those who wait for output of whatever channel.
    gatherers: Line,
}

/// Whom a change concerns, collected under the stream's lock and told without it.
#[derive(Default)]
#[must_use = "somebody waits to be told"]
struct Calls {
    wakers: Vec<Waker>,
    sinks: Vec<Arc<Sink>>,
}

impl Calls {
    fn make(self) {
        for waker in self.wakers {
            waker.wake();
        }
        for sink in self.sinks {
            sink.kick();
        }
    }
}

impl Inner {
    fn output(&mut self, channel: Channel) -> &mut Output {
        match channel {
            Channel::Stderr => &mut self.outputs[1],
            Channel::Stdin | Channel::Stdout => &mut self.outputs[0],
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Failed(_) | Phase::Exited(_) | Phase::Lost(_))
    }
}

/// One command of one link.
pub struct Stream {
    id: u32,
    link: Arc<Link>,
    inner: Mutex<Inner>,
}

/// Bytes taken from a channel by [`Stream::take_any`].
pub struct Chunk {
    /// Which channel.
    pub channel: Channel,
    /// The bytes, never empty.
    pub data: Vec<u8>,
}

impl Stream {
    /// A stream that is about to be opened. If its input is fed from here, `input` is the credit that starts with.
    pub fn new(id: u32, link: Arc<Link>, input: Option<u32>) -> Self {
        let inner = Inner {
            phase: Phase::Opening,
            outputs: [Output::new(), Output::new()],
            input: Input {
                credit: SendCredit::new(input.unwrap_or(0)),
                open: input.is_some(),
                sink: None,
                writers: Line::default(),
            },
            exit_notify: None,
            watchers: Line::default(),
            gatherers: Line::default(),
        };
        Self {
            id,
            link,
            inner: Mutex::new(inner),
        }
    }

    /// Its number on the link.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The link it belongs to.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Where it is in its life.
    pub fn phase(&self) -> Phase {
        self.inner.lock().phase.clone()
    }

    /// Whether a channel can be read without waiting.
    pub fn has_output(&self, channel: Channel) -> bool {
        let mut inner = self.inner.lock();
        let output = inner.output(channel);
        output.ended || !output.data.is_empty()
    }

    /// Whether the command is over.
    pub fn is_over(&self) -> bool {
        self.inner.lock().is_over()
    }

    /// Sends bytes that credit covers: all of them or, on failure, none. The lock is held so that two writers cannot
    /// swap their frames.
    fn send_input(&self, inner: &mut Inner, data: &[u8]) -> Result<(), MsbError> {
        let mut bytes = Vec::with_capacity(data.len() + frame::HEADER_LEN * (data.len() / MAX_DATA + 1));
        for piece in data.chunks(MAX_DATA) {
            let header = Header::data(self.id, Channel::Stdin, piece.len(), false);
            frame::push(&mut bytes, header, piece);
        }
        self.link.send(&bytes)?;
        let within = inner.input.credit.spend(data.len());
        debug_assert!(within, "room was computed from the credit");
        Ok(())
    }

    /// Ends the command's input. Closing it again does nothing.
    pub fn close_stdin(&self) -> Result<(), MsbError> {
        let mut inner = self.inner.lock();
        if !std::mem::replace(&mut inner.input.open, false) || inner.is_over() {
            return Ok(());
        }
        let mut calls = Calls::default();
        inner.input.writers.call_all(&mut calls.wakers);
        let mut bytes = Vec::new();
        frame::push(&mut bytes, Header::data(self.id, Channel::Stdin, 0, true), &[]);
        let sent = self.link.send(&bytes);
        drop(inner);
        calls.make();
        sent
    }

    /// Sends a request about the running command.
    pub fn request(&self, request: &StreamRequest) -> Result<(), MsbError> {
        match self.phase() {
            Phase::Opening | Phase::Running(_) => self.link.send_control(self.id, request),
            Phase::Failed(_) | Phase::Exited(_) | Phase::Lost(_) => Err(MsbError::new(
                Status::NotRunning,
                "exec.not_running",
                "the command is over",
            )),
        }
    }

    /// Lets go of the command: it goes on, its input ends, its further output is thrown away. Descriptors that were
    /// given away get what there was, then the end.
    pub fn abandon(&self) {
        let mut inner = self.inner.lock();
        if !inner.is_over() {
            // The link may be gone, and the command with it.
            let _ = self.link.send_control(self.id, &StreamRequest::Abandon);
        }
        inner.input.open = false;
        let mut calls = Calls::default();
        calls.sinks.extend(inner.input.sink.take());
        inner.input.writers.call_all(&mut calls.wakers);
        drop(inner);
        for channel in [Channel::Stdout, Channel::Stderr] {
            let mut inner = self.inner.lock();
            if let Route::Sink(sink) = &inner.output(channel).route {
                let sink = Arc::clone(sink);
                // A sink locks itself before its stream.
                drop(inner);
                sink.take_rest(self);
                inner = self.inner.lock();
            }
            let output = inner.output(channel);
            output.data.clear();
            output.ended = true;
            Self::tell(&mut inner, channel, &mut calls);
        }
        calls.make();
    }

    /// Moves a channel's output to `sink` from now on. Refused when it was given away before.
    pub fn route_to_sink(&self, channel: Channel, sink: Arc<Sink>) -> Result<(), MsbError> {
        let mut inner = self.inner.lock();
        let output = inner.output(channel);
        if !matches!(output.route, Route::Pull) {
            return Err(output_taken());
        }
        output.route = Route::Sink(Arc::clone(&sink));
        let mut calls = Calls::default();
        output.readers.call_all(&mut calls.wakers);
        calls.sinks.push(sink);
        drop(inner);
        calls.make();
        Ok(())
    }

    /// Lets `sink` feed the command's input from now on.
    pub fn route_from_sink(&self, sink: Arc<Sink>) -> Result<(), MsbError> {
        let mut inner = self.inner.lock();
        if !inner.input.open || inner.input.sink.is_some() {
            return Err(MsbError::new(
                Status::InvalidState,
                "exec.stdin_closed",
                "the command's standard input is not open for writing",
            ));
        }
        inner.input.sink = Some(Arc::clone(&sink));
        let mut calls = Calls::default();
        inner.input.writers.call_all(&mut calls.wakers);
        calls.sinks.push(sink);
        drop(inner);
        calls.make();
        Ok(())
    }

    /// Tells `notify` of output and of the end from now on.
    pub fn route_to_notify(&self, notify: &Arc<dyn Notify>) -> Result<(), MsbError> {
        let mut inner = self.inner.lock();
        if inner.exit_notify.is_some() || inner.outputs.iter().any(|o| !matches!(o.route, Route::Pull)) {
            return Err(output_taken());
        }
        let mut calls = Calls::default();
        for output in &mut inner.outputs {
            output.route = Route::Notify(Arc::clone(notify));
            output.readers.call_all(&mut calls.wakers);
        }
        inner.exit_notify = Some(Arc::clone(notify));
        notify.notify();
        drop(inner);
        calls.make();
        Ok(())
    }

    /// Takes what is buffered, for a dispatcher or a sink: at most `limit` bytes of one channel.
    pub fn take_routed(&self, channel: Channel, limit: usize) -> Taken {
        let mut inner = self.inner.lock();
        let output = inner.output(channel);
        if output.data.is_empty() {
            return if output.ended { Taken::End } else { Taken::Nothing };
        }
        if output.data.len() <= limit {
            return Taken::Data(Vec::from(std::mem::take(&mut output.data)));
        }
        let mut data = Vec::with_capacity(limit);
        // Copied by whole slices, not byte by byte as a drain is; reading from a deque of bytes cannot fail.
        let _ = (&mut output.data).take(limit as u64).read_to_end(&mut data);
        Taken::Data(data)
    }

    /// Returns credit for bytes that left this process.
    pub fn consumed(&self, channel: Channel, count: usize) {
        let grant = self.inner.lock().output(channel).credit.consume(count);
        self.give_credit(channel, grant);
    }

    /// Room that credit leaves for input now; `None` when the command takes none any more.
    pub fn input_room(&self) -> Option<usize> {
        let inner = self.inner.lock();
        (inner.input.open && !inner.is_over()).then(|| inner.input.credit.available())
    }

    /// Sends input on behalf of the sink that feeds this stream; never more than [`Stream::input_room`].
    pub fn feed(&self, data: &[u8]) -> Result<(), MsbError> {
        let mut inner = self.inner.lock();
        self.send_input(&mut inner, data)
    }

    fn give_credit(&self, channel: Channel, grant: Option<u32>) {
        if let Some(amount) = grant {
            let mut bytes = Vec::new();
            frame::push_credit(&mut bytes, self.id, channel, amount);
            // Without a link there is no sender left to give credit to.
            let _ = self.link.send(&bytes);
        }
    }

    /// Takes in output. False when the sender is out of step.
    pub(super) fn on_data(&self, channel: Channel, data: &[u8], end: bool) -> bool {
        if channel == Channel::Stdin {
            return false;
        }
        let mut inner = self.inner.lock();
        let output = inner.output(channel);
        if output.data.len() + data.len() > OUTPUT_WINDOW as usize {
            return false;
        }
        if !output.ended {
            output.data.extend(data);
            output.ended = end;
        }
        let mut calls = Calls::default();
        Self::tell(&mut inner, channel, &mut calls);
        drop(inner);
        calls.make();
        true
    }

    /// Notes whoever takes this channel.
    fn tell(inner: &mut Inner, channel: Channel, calls: &mut Calls) {
        let output = inner.output(channel);
        match &output.route {
            Route::Pull => calls.wakers.extend(output.readers.call_first()),
            Route::Sink(sink) => calls.sinks.push(Arc::clone(sink)),
            Route::Notify(notify) => notify.notify(),
        }
        inner.gatherers.call_all(&mut calls.wakers);
    }

    /// Takes in credit for the input. False when the receiver is out of step.
    pub(super) fn on_credit(&self, amount: u32) -> bool {
        let mut inner = self.inner.lock();
        if !inner.input.credit.grant(amount) {
            return false;
        }
        let mut calls = Calls::default();
        calls.wakers.extend(inner.input.writers.call_first());
        calls.sinks.extend(inner.input.sink.clone());
        drop(inner);
        calls.make();
        true
    }

    /// Takes in a reply. True when it was the last.
    pub(super) fn on_reply(&self, reply: StreamReply) -> bool {
        match reply {
            StreamReply::Started { pid } => {
                let mut inner = self.inner.lock();
                // The stream may have been lost while the reply was on its way.
                if inner.phase == Phase::Opening {
                    inner.phase = Phase::Running(pid);
                }
                let mut calls = Calls::default();
                inner.watchers.call_all(&mut calls.wakers);
                drop(inner);
                calls.make();
                false
            }
            StreamReply::SpawnFailed {
                kind,
                errno,
                stage,
                message,
            } => {
                let (stage, message) = (printable(&stage), printable(&message));
                self.finish(Phase::Failed(SpawnFailed {
                    kind,
                    errno,
                    stage,
                    message,
                }));
                true
            }
            StreamReply::Exited(exit) => {
                self.finish(Phase::Exited(exit));
                true
            }
        }
    }

    /// Nothing more will come.
    pub(super) fn on_lost(&self, loss: StreamLoss) {
        self.finish(Phase::Lost(loss));
    }

    fn finish(&self, phase: Phase) {
        let mut inner = self.inner.lock();
        if inner.is_over() {
            return;
        }
        inner.phase = phase;
        let mut calls = Calls::default();
        for channel in [Channel::Stdout, Channel::Stderr] {
            inner.output(channel).ended = true;
            Self::tell(&mut inner, channel, &mut calls);
        }
        inner.input.writers.call_all(&mut calls.wakers);
        inner.watchers.call_all(&mut calls.wakers);
        calls.sinks.extend(inner.input.sink.take());
        if let Some(notify) = &inner.exit_notify {
            notify.notify();
        }
        drop(inner);
        calls.make();
    }
}

/// What [`Stream::take_routed`] found.
pub enum Taken {
    /// Bytes; credit for them is still owed.
    Data(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    End,
}

fn take_chunk(output: &mut Output, channel: Channel) -> Option<(Chunk, Option<u32>)> {
    if output.data.is_empty() {
        return None;
    }
    let data = Vec::from(std::mem::take(&mut output.data));
    let grant = output.credit.consume(data.len());
    Some((Chunk { channel, data }, grant))
}

/// Text from the guest, fit to be shown: bounded, and without control characters.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_GUEST_TEXT)
        .collect()
}

fn output_taken() -> MsbError {
    MsbError::new(
        Status::InvalidState,
        "exec.output_taken",
        "this output was given away before",
    )
    .remedy("take each output one way only: by read, by descriptor or by dispatcher")
}

fn input_gone() -> MsbError {
    MsbError::new(
        Status::NotRunning,
        "exec.not_running",
        "the command is over and takes no input",
    )
}

/// The error of a wait that came to nothing.
pub fn nothing_yet(what: &str) -> MsbError {
    MsbError::new(
        Status::Timeout,
        "exec.timeout_waiting",
        format!("there was no {what} before the deadline"),
    )
}
