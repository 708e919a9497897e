//! The verbs of a stream that wait: each is one step under the lock, tried when it is asked for and whenever it is called.
//!
//! A future of these holds no thread. Readers of one output and writers of the input take turns in the order in which they
//! came, so that neither bytes nor frames of two of them are mixed, whether they block a thread or not.

use super::{Chunk, Inner, Output, Phase, Route, Stream, take_chunk};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::supervise::line::Line;
use msb_protocol::frame::Channel;
use std::future::{Future, poll_fn};
use std::io::Read;
use std::sync::Arc;
use std::task::Poll;

/// What is waited for.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A change of phase.
    Phase,
    /// Output of whatever channel.
    AnyOutput,
    /// A turn at a channel, and something to do there.
    Turn(Channel),
}

impl Inner {
    fn line(&mut self, event: Event) -> &mut Line {
        match event {
            Event::Phase => &mut self.watchers,
            Event::AnyOutput => &mut self.gatherers,
            Event::Turn(Channel::Stdin) => &mut self.input.writers,
            Event::Turn(channel) => &mut self.output(channel).readers,
        }
    }
}

/// A place in one of a stream's lines, left when this is dropped.
pub struct Waiter {
    stream: Arc<Stream>,
    event: Event,
    key: u64,
}

impl Waiter {
    fn new(stream: &Arc<Stream>, event: Event) -> Self {
        Self {
            stream: Arc::clone(stream),
            event,
            key: stream.inner.lock().line(event).join(),
        }
    }

    /// Ready once `step` is; it is told whether it is its turn.
    fn until<T>(&self, mut step: impl FnMut(&mut Inner, bool) -> Option<T>) -> impl Future<Output = T> {
        poll_fn(move |context| {
            let mut inner = self.stream.inner.lock();
            let first = inner.line(self.event).is_first(self.key);
            if let Some(done) = step(&mut inner, first) {
                return Poll::Ready(done);
            }
            inner.line(self.event).wait(self.key, context.waker());
            Poll::Pending
        })
    }

    /// Output once it is this waiter's turn and there is some; `None` is the end of the channel.
    async fn output<T>(
        &self,
        channel: Channel,
        mut take: impl FnMut(&mut Output) -> (T, usize),
    ) -> Result<Option<T>, MsbError> {
        let taken = self
            .until(|inner, first| {
                let output = inner.output(channel);
                if !matches!(output.route, Route::Pull) {
                    return Some(Err(super::output_taken()));
                }
                if first && !output.data.is_empty() {
                    let (taken, count) = take(output);
                    return Some(Ok(Some((taken, output.credit.consume(count)))));
                }
                (first && output.ended).then_some(Ok(None))
            })
            .await?;
        Ok(taken.map(|(taken, grant)| {
            self.stream.give_credit(channel, grant);
            taken
        }))
    }

    /// Takes at least one byte of a channel and at most `most`; nothing is the end of the channel.
    pub async fn take(&self, channel: Channel, most: usize) -> Result<Vec<u8>, MsbError> {
        let taken = self.output(channel, |output| {
            let count = output.data.len().min(most);
            (output.data.drain(..count).collect(), count)
        });
        Ok(taken.await?.unwrap_or_default())
    }

    /// Sends as much input as credit allows, at least one byte of what is not empty.
    pub async fn write(&self, data: &[u8]) -> Result<usize, MsbError> {
        let link = &self.stream.link;
        loop {
            link.room().await;
            let sent = self
                .until(|inner, first| {
                    if let Some(refused) = refusal(inner) {
                        return Some(Err(refused));
                    }
                    let room = inner.input.credit.available().min(data.len());
                    if !first || room == 0 && !data.is_empty() {
                        return None;
                    }
                    // The link may have filled up while this waited for credit.
                    if !link.has_room() {
                        return Some(Ok(None));
                    }
                    let sent = self.stream.send_input(inner, &data[..room]);
                    Some(sent.map(|()| Some(room)))
                })
                .await?;
            if let Some(sent) = sent {
                return Ok(sent);
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let next = self.stream.inner.lock().line(self.event).leave(self.key);
        if let Some(next) = next {
            next.wake();
        }
    }
}

/// Why no input is taken.
fn refusal(inner: &Inner) -> Option<MsbError> {
    if !inner.input.open || inner.input.sink.is_some() {
        return Some(
            MsbError::new(
                Status::InvalidState,
                "exec.stdin_closed",
                "the command's standard input is not open for writing",
            )
            .remedy("set stdin to a pipe before the start and write before closing it"),
        );
    }
    inner.is_over().then(super::input_gone)
}

impl Stream {
    /// A place behind all who came before to use this channel.
    pub fn turn(self: &Arc<Self>, channel: Channel) -> Waiter {
        Waiter::new(self, Event::Turn(channel))
    }

    /// Ready once the command runs or cannot.
    pub async fn started(self: &Arc<Self>) -> Phase {
        self.reached(|inner| inner.phase != Phase::Opening).await
    }

    /// Ready once the command is over.
    pub async fn over(self: &Arc<Self>) -> Phase {
        self.reached(Inner::is_over).await
    }

    async fn reached(self: &Arc<Self>, reached: impl Fn(&Inner) -> bool) -> Phase {
        Waiter::new(self, Event::Phase)
            .until(|inner, _| reached(inner).then(|| inner.phase.clone()))
            .await
    }

    /// Takes what is buffered on any channel. `None` once the command is over and everything was taken.
    pub async fn gather(self: &Arc<Self>) -> Option<Chunk> {
        let waiter = Waiter::new(self, Event::AnyOutput);
        let (chunk, grant) = waiter
            .until(|inner, _| {
                let channels = [Channel::Stdout, Channel::Stderr];
                let found = channels
                    .into_iter()
                    .find_map(|channel| take_chunk(inner.output(channel), channel));
                match found {
                    None if !inner.is_over() => None,
                    found => Some(found),
                }
            })
            .await?;
        self.give_credit(chunk.channel, grant);
        Some(chunk)
    }

    /// Waits until the command is over. The phase is as it is when the deadline passed first.
    pub fn wait_over(self: &Arc<Self>, deadline: Deadline) -> Phase {
        deadline.block_on(self.over()).unwrap_or_else(|| self.phase())
    }

    /// Copies output into `buffer`, waiting until there is some. `Ok(0)` is the end of the channel.
    pub fn read(
        self: &Arc<Self>,
        channel: Channel,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, MsbError> {
        if buffer.is_empty() {
            let taken = !matches!(self.inner.lock().output(channel).route, Route::Pull);
            return if taken { Err(super::output_taken()) } else { Ok(0) };
        }
        let turn = self.turn(channel);
        let reading = turn.output(channel, |output| {
            // Reading from a deque of bytes cannot fail.
            let count = output.data.read(buffer).unwrap_or(0);
            (count, count)
        });
        match deadline.block_on(reading) {
            Some(read) => Ok(read?.unwrap_or(0)),
            None => Err(super::nothing_yet("output")),
        }
    }

    /// Feeds the command's input: as much as credit allows, waiting until that is at least one byte.
    pub fn write(self: &Arc<Self>, data: &[u8], deadline: Deadline) -> Result<usize, MsbError> {
        deadline
            .block_on(self.turn(Channel::Stdin).write(data))
            .unwrap_or_else(|| Err(super::nothing_yet("room for input")))
    }
}
