//! One command or worker as the host sees it: its output channels, its standard input, its end.
//!
//! A stream never sends beyond the credit that the host gave, never holds more input than the credit that it
//! gave itself, and is over only when the command was reaped and every byte that it owed was queued.

use crate::link::Link;
use crate::reap::Ending;
use crate::tty;
use msb_protocol::credit::{ReceiveCredit, STDIN_WINDOW, SendCredit};
use msb_protocol::exec::{ExecExit, TerminalSize};
use msb_protocol::files::INPUT_WINDOW;
use msb_protocol::frame::Channel;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;
use thiserror::Error;

/// The host broke the contract of a channel.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ChannelError {
    /// More input than there was credit for.
    #[error("the host sent more standard input than it had credit for")]
    Overspent,
    /// More credit than a channel may hold.
    #[error("the host granted more credit than a channel may hold")]
    Overgranted,
}

/// What a turn of an output channel led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There may be more: queue for another turn.
    More,
    /// Nothing until an event or a grant.
    Idle,
    /// Nothing for now after a lot: best left alone until more has gathered.
    Pause,
    /// The channel is closed.
    Closed,
    /// All that was owed is sent, but somebody still holds the other end.
    CutOff,
}

/// How much is thrown away in one turn, in bytes.
const DISCARD_CHUNK: usize = 16 * 1024;
/// A command that wrote this much without a break writes in bulk, in bytes.
const BULK: usize = 16 * 1024;
/// A worker that sent this much without a break sends a large file, in bytes. Up to here its client may be waiting for
/// every single answer, and leaving it alone would only delay that.
const WORKER_BULK: usize = 512 * 1024;
/// Size of the pipe of a command that writes in bulk, in bytes.
const BULK_PIPE: usize = 1024 * 1024;

/// An output channel whose other end is open.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    credit: SendCredit,
    /// Whether it waits in the queue of turns.
    pub queued: bool,
    /// Whether its last turn ended for want of credit.
    starved: bool,
    /// Bytes still to send before the channel is cut off; absent while the channel has no such end.
    owed: Option<usize>,
    source: OutputSource,
    /// Bytes since the last time that nothing was there.
    streak: usize,
    /// How long a streak is worth a pause.
    pause_after: usize,
}

/// What an output channel is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputSource {
    /// A terminal's master.
    Terminal,
    /// A pipe.
    Pipe,
    /// A pipe that carries a lot, and was made larger for it.
    BulkPipe,
}

impl Output {
    fn new(fd: OwnedFd, window: u32, source: OutputSource) -> Self {
        Self {
            fd,
            credit: SendCredit::new(window),
            queued: false,
            starved: false,
            owed: None,
            source,
            streak: 0,
            pause_after: BULK,
        }
    }

    /// Gives the descriptor away, to be emptied elsewhere.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Whether moving pages pays: for little it costs more calls than it saves.
    fn holds_bulk(&self) -> rustix::io::Result<bool> {
        Ok(self.source == OutputSource::BulkPipe && rustix::io::ioctl_fionread(&self.fd)? >= BULK as u64)
    }

    fn state(&self) -> rustix::io::Result<OutputState> {
        let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
        rustix::event::poll(
            &mut polled,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )?;
        let events = polled[0].revents();
        Ok(
            match (
                events.contains(PollFlags::IN),
                events.intersects(PollFlags::HUP | PollFlags::ERR),
            ) {
                (false, true) => OutputState::End,
                (_, true) => OutputState::LastBytes,
                (_, false) => OutputState::Open,
            },
        )
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What poll(2) says of the other end.
enum OutputState {
    /// Somebody holds it.
    Open,
    /// Nobody holds it, but bytes are left.
    LastBytes,
    /// Nobody holds it and all was read.
    End,
}

/// Standard input whose other end is open.
#[derive(Debug)]
struct Input {
    fd: OwnedFd,
    waiting: VecDeque<u8>,
    ended: bool,
    terminal: bool,
}

/// A live command.
#[derive(Debug)]
pub struct Stream {
    /// Process id, and number of its session and process group.
    pub pid: i32,
    outputs: [Option<Output>; 2],
    input: Option<Input>,
    /// What the host may still send.
    input_credit: SendCredit,
    input_consumed: ReceiveCredit,
    /// How the command ended, once it was reaped.
    pub ending: Option<Ending>,
    /// Whether its timeout killed it.
    pub timed_out: bool,
    /// When its timeout strikes or, after its end, its output is cut off.
    pub deadline: Option<Instant>,
    /// Whether the host waits for its end alone.
    pub collected: bool,
    output_open: bool,
    abandoned: bool,
    worker: bool,
}

/// Where a channel sits in [`Stream::outputs`].
fn slot(channel: Channel) -> usize {
    usize::from(channel == Channel::Stderr)
}

impl Stream {
    /// A command that writes to pipes.
    pub fn with_pipes(
        pid: i32,
        window: u32,
        stdout: OwnedFd,
        stderr: OwnedFd,
        stdin: Option<OwnedFd>,
    ) -> Self {
        let outputs = [
            Output::new(stdout, window, OutputSource::Pipe),
            Output::new(stderr, window, OutputSource::Pipe),
        ];
        Self::new(pid, outputs.map(Some), stdin, false, STDIN_WINDOW)
    }

    /// A command in a terminal.
    pub fn with_terminal(pid: i32, window: u32, master: OwnedFd, stdin: Option<OwnedFd>) -> Self {
        let output = Output::new(master, window, OutputSource::Terminal);
        Self::new(pid, [Some(output), None], stdin, true, STDIN_WINDOW)
    }

    /// A worker of a files session.
    pub fn with_worker(pid: i32, window: u32, stdout: OwnedFd, stdin: Option<OwnedFd>) -> Self {
        let output = Output {
            pause_after: WORKER_BULK,
            ..Output::new(stdout, window, OutputSource::Pipe)
        };
        Self {
            worker: true,
            ..Self::new(pid, [Some(output), None], stdin, false, INPUT_WINDOW)
        }
    }

    fn new(
        pid: i32,
        outputs: [Option<Output>; 2],
        stdin: Option<OwnedFd>,
        terminal: bool,
        input_window: u32,
    ) -> Self {
        let input = stdin.map(|fd| Input {
            fd,
            waiting: VecDeque::new(),
            ended: false,
            terminal,
        });
        Self {
            pid,
            outputs,
            input,
            input_credit: SendCredit::new(input_window),
            input_consumed: ReceiveCredit::new(input_window),
            ending: None,
            timed_out: false,
            deadline: None,
            collected: false,
            output_open: false,
            abandoned: false,
            worker: false,
        }
    }

    /// Whether it serves a files session.
    pub fn is_worker(&self) -> bool {
        self.worker
    }

    /// An open output channel.
    pub fn output(&mut self, channel: Channel) -> Option<&mut Output> {
        self.outputs[slot(channel)].as_mut()
    }

    /// Descriptors to watch for output.
    pub fn output_fds(&self) -> impl Iterator<Item = (Channel, &OwnedFd)> {
        [Channel::Stdout, Channel::Stderr]
            .into_iter()
            .zip(&self.outputs)
            .filter_map(|(channel, output)| output.as_ref().map(|output| (channel, &output.fd)))
    }

    /// The descriptor to watch for room in standard input, while something waits for it.
    pub fn input_fd(&self) -> Option<&OwnedFd> {
        self.input
            .as_ref()
            .filter(|input| !input.waiting.is_empty())
            .map(|input| &input.fd)
    }

    /// Adds credit; true when the channel wants a turn because of it.
    pub fn grant(&mut self, channel: Channel, amount: u32) -> Result<bool, ChannelError> {
        let Some(output) = self.output(channel) else {
            return Ok(false);
        };
        if !output.credit.grant(amount) {
            return Err(ChannelError::Overgranted);
        }
        Ok(std::mem::take(&mut output.starved))
    }

    /// Sends at most one frame of a channel, or finds its end.
    pub fn turn(&mut self, id: u32, channel: Channel, link: &mut Link) -> rustix::io::Result<Turn> {
        let abandoned = self.abandoned;
        let Some(output) = self.outputs[slot(channel)].as_mut() else {
            return Ok(Turn::Idle);
        };
        let room = output.credit.available().min(output.owed.unwrap_or(usize::MAX));
        if room == 0 && !abandoned {
            output.starved = true;
            return match output.state()? {
                OutputState::End => Ok(self.close(id, channel, link)),
                OutputState::Open | OutputState::LastBytes => Ok(Turn::Idle),
            };
        }
        let read = if abandoned {
            rustix::io::read(&output.fd, &mut [0; DISCARD_CHUNK])
        } else if output.holds_bulk()? {
            link.push_bulk_from(id, channel, &output.fd, room)
        } else {
            link.push_data_from(id, channel, &output.fd, room)
        };
        let count = match read {
            Ok(count) => count,
            Err(Errno::INTR) => return Ok(Turn::More),
            Err(Errno::AGAIN) if output.owed.is_some() => return Ok(Turn::CutOff),
            Err(Errno::AGAIN) => {
                let bulk = std::mem::take(&mut output.streak) >= output.pause_after && self.ending.is_none();
                return Ok(if bulk { Turn::Pause } else { Turn::Idle });
            }
            // A terminal says so once its last user is gone.
            Err(Errno::IO) => 0,
            Err(errno) => return Err(errno),
        };
        if count == 0 {
            return Ok(self.close(id, channel, link));
        }
        if !abandoned {
            // `room` kept the count within the credit.
            let _ = output.credit.spend(count);
        }
        output.streak += count;
        if output.streak >= BULK && output.source == OutputSource::Pipe {
            output.source = OutputSource::BulkPipe;
            // Without the larger pipe the command only waits more often.
            let _ = rustix::pipe::fcntl_setpipe_size(&output.fd, BULK_PIPE);
        }
        if let Some(owed) = &mut output.owed {
            *owed = owed.saturating_sub(count);
            if *owed == 0 {
                return Ok(Turn::CutOff);
            }
        }
        Ok(Turn::More)
    }

    fn close(&mut self, id: u32, channel: Channel, link: &mut Link) -> Turn {
        self.outputs[slot(channel)] = None;
        if !self.abandoned {
            link.push_end(id, channel);
        }
        Turn::Closed
    }

    /// The command is gone and its grace is over: from now on a channel that somebody still holds owes only
    /// what is in it. Returns the channels that want a turn.
    pub fn cut_off(&mut self) -> rustix::io::Result<Vec<Channel>> {
        let mut wanting = Vec::new();
        for channel in [Channel::Stdout, Channel::Stderr] {
            let Some(output) = self.output(channel) else {
                continue;
            };
            if let OutputState::Open = output.state()? {
                output.owed = Some(rustix::io::ioctl_fionread(&output.fd)? as usize);
            }
            wanting.push(channel);
        }
        Ok(wanting)
    }

    /// Whether a channel has sent all that it owes though it is still held open.
    pub fn owes_nothing(&self, channel: Channel) -> bool {
        self.outputs[slot(channel)]
            .as_ref()
            .is_some_and(|output| output.owed == Some(0))
    }

    /// Takes a channel that is cut off out of the stream; its reader throws the rest away.
    pub fn release(&mut self, id: u32, channel: Channel, link: &mut Link) -> Option<OwnedFd> {
        let output = self.outputs[slot(channel)].take()?;
        self.output_open = true;
        if !self.abandoned {
            link.push_end(id, channel);
        }
        Some(output.into_fd())
    }

    /// How the command ended, once nothing is owed any more.
    pub fn result(&self) -> Option<ExecExit> {
        let ending = self.ending.filter(|_| self.outputs.iter().all(Option::is_none))?;
        Some(ExecExit {
            code: ending.code,
            signal: ending.signal,
            timed_out: self.timed_out,
            output_open: self.output_open,
        })
    }

    /// Takes input from the host. Returns a grant that is due.
    pub fn feed(&mut self, bytes: &[u8], end: bool) -> Result<Option<u32>, ChannelError> {
        if !self.input_credit.spend(bytes.len()) {
            return Err(ChannelError::Overspent);
        }
        let Some(input) = self.input.as_mut().filter(|input| !input.ended) else {
            return Ok(self.consumed(bytes.len()));
        };
        input.ended = end;
        if end && input.terminal {
            // A terminal cannot be half closed; its end-of-file character says the same.
            input.waiting.extend(bytes.iter().chain(&[END_OF_FILE]));
            return Ok(self.flush_input());
        }
        let written = if input.waiting.is_empty() {
            write_some(&input.fd, bytes)
        } else {
            Ok(0)
        };
        match written {
            Ok(count) => {
                input.waiting.extend(&bytes[count..]);
                if end && input.waiting.is_empty() {
                    self.input = None;
                }
                Ok(self.consumed(count))
            }
            Err(_) => {
                let discarded = self.drop_input();
                Ok(self.consumed(discarded + bytes.len()))
            }
        }
    }

    /// Writes waiting input to the command. Returns a grant that is due.
    pub fn flush_input(&mut self) -> Option<u32> {
        let input = self.input.as_mut()?;
        let mut written = 0;
        while !input.waiting.is_empty() {
            match write_some(&input.fd, input.waiting.as_slices().0) {
                Ok(0) => break,
                Ok(count) => {
                    input.waiting.drain(..count);
                    written += count;
                }
                Err(_) => {
                    written += self.drop_input();
                    return self.consumed(written);
                }
            }
        }
        if input.ended && input.waiting.is_empty() && !input.terminal {
            self.input = None;
        }
        self.consumed(written)
    }

    /// The command takes no more input. Returns how many bytes waited for it in vain.
    pub fn drop_input(&mut self) -> usize {
        self.input.take().map_or(0, |input| input.waiting.len())
    }

    fn consumed(&mut self, count: usize) -> Option<u32> {
        let grant = self.input_consumed.consume(count)?;
        // Gives back what was spent, and an end-of-file character besides: within the window by far.
        let _ = self.input_credit.grant(grant);
        Some(grant)
    }

    /// The host lost interest. Returns the channels to empty.
    pub fn abandon(&mut self) -> [Channel; 2] {
        self.abandoned = true;
        self.drop_input();
        [Channel::Stdout, Channel::Stderr]
    }

    /// Changes the terminal's size, if there is one.
    pub fn resize(&self, size: TerminalSize) {
        if let (Some(output), Some(Input { terminal: true, .. })) = (&self.outputs[0], &self.input) {
            // Fails only once the terminal is gone, when its size no longer matters.
            let _ = tty::resize(output.fd.as_fd(), size);
        }
    }
}

/// What a terminal's user types at the end of the input.
const END_OF_FILE: u8 = 4;

/// Writes what fits; an error means that nobody will read it any more.
fn write_some(fd: &OwnedFd, bytes: &[u8]) -> rustix::io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    match rustix::io::write(fd, bytes) {
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        other => other,
    }
}
