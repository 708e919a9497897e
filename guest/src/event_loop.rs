//! The agent itself: one thread, one epoll, every descriptor non-blocking.
//!
//! Output is pulled, not pushed: a channel is read only when the link's queue is short, its turn has come and
//! the host has given credit for it. So no command can starve another, the control messages or the agent's
//! memory.

use crate::drain::Drains;
use crate::link::{Arrived, Link};
use crate::place::{End, Place, PlaceError};
use crate::port::PortError;
use crate::reap::{Children, Ending, Found};
use crate::shutdown::Phase;
use crate::spawn::Spawner;
use crate::stream::{ChannelError, Stream, Turn};
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::agent::AgentMessage;
use msb_protocol::exec::StreamReply;
use msb_protocol::frame::{Channel, ControlError, FrameError, LINK_STREAM};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use thiserror::Error;

/// The queue of the link is filled up to here, in bytes, before it is written.
const BATCH: usize = 32 * 1024;
/// Turns between two looks at everything else.
const TURNS_PER_ROUND: usize = 32;
/// Nothing is read from the host while more than this is queued for it, in bytes. More than a batch and one turn of
/// output make: a host that writes before it reads must not find the agent waiting for it in turn.
const MAX_BACKLOG: usize = 1024 * 1024;
/// How long after its end a command's output is waited for while something else holds it open.
const OUTPUT_GRACE: Duration = Duration::from_millis(250);
/// How long a channel that carries bulk is left alone once it is empty.
const BULK_PAUSE: Duration = Duration::from_millis(1);
/// How long what is not urgent waits for more to be written with it: each write costs the host several wake-ups, and
/// under emulation the guest more time than a short command runs.
const HOLD_BACK: Duration = Duration::from_millis(10);
/// How long the host's end may be gone before the machine ends.
const LASTING_END: Duration = Duration::from_millis(1500);
/// How long the host's end may be missing before it was there at all. On a console port that is how it looks until the
/// VMM says that the port is open, which a busy host may put off for long; a host that is really gone takes the VMM
/// with it.
const LASTING_ABSENCE: Duration = Duration::from_secs(10 * 60);
/// How often a lost host is looked for.
const LOST_HOST_PERIOD: Duration = Duration::from_millis(50);

/// Why the agent cannot go on. PID 1 ends the machine then.
#[derive(Debug, Error)]
pub enum AgentError {
    /// A frame of the host breaks the format.
    #[error("the host sent a malformed frame; use a runner of the agent's own build")]
    Frame(#[from] FrameError),
    /// A control message of the host cannot be understood, or an answer not be sent.
    #[error("a control message is unusable; use a runner of the agent's own build")]
    Control(#[from] ControlError),
    /// The host broke a channel's contract.
    #[error("the host broke the credit contract on stream {stream}")]
    Channel {
        /// Which stream.
        stream: u32,
        /// How.
        #[source]
        source: ChannelError,
    },
    /// The host sent something at the wrong time.
    #[error("the host broke the order of messages: {0}")]
    Order(&'static str),
    /// A system call that cannot fail in a working machine did.
    #[error("{call} failed; the guest may be out of memory")]
    System {
        /// Which.
        call: &'static str,
        /// Why.
        #[source]
        errno: Errno,
    },
    /// There is no link to the host.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The place could not be set up or left.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Names a system call in its failure.
pub(crate) fn system(call: &'static str) -> impl FnOnce(Errno) -> AgentError {
    move |errno| AgentError::System { call, errno }
}

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Link,
    Children,
    Output(u32, Channel),
    Input(u32),
    Drain(u32),
}

impl Source {
    fn token(self) -> epoll::EventData {
        let (kind, number) = match self {
            Self::Link => (0, 0),
            Self::Children => (1, 0),
            Self::Output(id, Channel::Stderr) => (3, id),
            Self::Output(id, _) => (2, id),
            Self::Input(id) => (4, id),
            Self::Drain(number) => (5, number),
        };
        epoll::EventData::new_u64(kind << 32 | u64::from(number))
    }

    fn from_token(data: epoll::EventData) -> Option<Self> {
        let token = data.u64();
        let number = token as u32;
        match token >> 32 {
            0 => Some(Self::Link),
            1 => Some(Self::Children),
            2 => Some(Self::Output(number, Channel::Stdout)),
            3 => Some(Self::Output(number, Channel::Stderr)),
            4 => Some(Self::Input(number)),
            5 => Some(Self::Drain(number)),
            _ => None,
        }
    }
}

/// The running agent.
pub struct Agent {
    pub(crate) place: Place,
    pub(crate) link: Link,
    epoll: OwnedFd,
    children: Children,
    pub(crate) spawner: Spawner,
    pub(crate) phase: Phase,
    /// By which a shutdown asks every process to end.
    pub(crate) stop_signal: i32,
    pub(crate) streams: BTreeMap<u32, Stream>,
    by_pid: BTreeMap<i32, u32>,
    turns: VecDeque<(u32, Channel)>,
    pub(crate) deadlines: BTreeSet<(Instant, u32)>,
    /// Channels that are left alone, and until when; the earliest first.
    paused: VecDeque<(Instant, u32, Channel)>,
    drains: Drains,
    /// How many bytes of the queue may wait, and until when: all that is queued, or the queue is written.
    held: Option<(usize, Instant)>,
    link_events: epoll::EventFlags,
    link_blocked: bool,
    host_lost: Option<Instant>,
    /// Whether anything ever came from the host.
    host_seen: bool,
}

impl Agent {
    /// An agent that talks over `link` and watches `children`.
    pub fn new(place: Place, link: Link, children: Children, spawner: Spawner) -> Result<Self, AgentError> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(system("epoll_create"))?;
        let link_events = epoll::EventFlags::IN;
        epoll::add(&epoll, &link, Source::Link.token(), link_events).map_err(system("epoll_ctl"))?;
        epoll::add(&epoll, &children, Source::Children.token(), epoll::EventFlags::IN)
            .map_err(system("epoll_ctl"))?;
        Ok(Self {
            place,
            link,
            epoll,
            children,
            spawner,
            phase: Phase::Waiting,
            stop_signal: libc::SIGTERM,
            streams: BTreeMap::new(),
            by_pid: BTreeMap::new(),
            turns: VecDeque::new(),
            deadlines: BTreeSet::new(),
            paused: VecDeque::new(),
            drains: Drains::default(),
            held: None,
            link_events,
            link_blocked: false,
            host_lost: None,
            host_seen: false,
        })
    }

    /// Says Ready and serves the host until it says Shutdown or is gone. However that ends, nothing is left behind.
    pub fn run(mut self) -> Result<End, AgentError> {
        let end = self.serve();
        if end.is_err() {
            self.place.abandon();
        }
        end
    }

    fn serve(&mut self) -> Result<End, AgentError> {
        self.link.push_control(
            LINK_STREAM,
            &AgentMessage::Ready {
                protocol: PROTOCOL_VERSION,
            },
        )?;
        loop {
            self.send()?;
            if let Some(end) = self.finished()? {
                return Ok(end);
            }
            self.wait()?;
            self.expire()?;
        }
    }

    /// Gives turns to output channels and writes the queue, until the link is full or nothing is left.
    pub(crate) fn send(&mut self) -> Result<(), AgentError> {
        if self.host_lost.is_some() {
            return Ok(());
        }
        for _ in 0..TURNS_PER_ROUND {
            while self.link.backlog() < BATCH {
                let Some((id, channel)) = self.turns.pop_front() else {
                    break;
                };
                self.take_turn(id, channel)?;
            }
            if self.holds_back() {
                break;
            }
            self.held = None;
            match self.link.write() {
                Ok(true) => self.link_blocked = false,
                Ok(false) => {
                    self.link_blocked = true;
                    break;
                }
                Err(Errno::PIPE | Errno::CONNRESET | Errno::NODEV) => {
                    self.lose_host()?;
                    break;
                }
                Err(errno) => {
                    return Err(AgentError::System {
                        call: "write to the host",
                        errno,
                    });
                }
            }
            if self.turns.is_empty() {
                break;
            }
        }
        self.watch_link()
    }

    /// What was queued after the first `before` bytes may wait, unless those are to be written now.
    pub(crate) fn hold_back(&mut self, before: usize) {
        let (held, until) = self.held.unwrap_or_else(|| (0, Instant::now() + HOLD_BACK));
        if before == held {
            self.held = Some((self.link.backlog(), until));
        }
    }

    /// Whether all that is queued may wait still.
    fn holds_back(&self) -> bool {
        self.held
            .filter(|_| self.turns.is_empty())
            .is_some_and(|(held, until)| self.link.backlog() == held && Instant::now() < until)
    }

    fn watch_link(&mut self) -> Result<(), AgentError> {
        let mut events = epoll::EventFlags::empty();
        events.set(epoll::EventFlags::OUT, self.link_blocked);
        events.set(epoll::EventFlags::IN, self.link.backlog() <= MAX_BACKLOG);
        if events != self.link_events && self.host_lost.is_none() {
            epoll::modify(&self.epoll, &self.link, Source::Link.token(), events)
                .map_err(system("epoll_ctl"))?;
            self.link_events = events;
        }
        Ok(())
    }

    fn timeout(&self) -> Option<Timespec> {
        let busy = (!self.turns.is_empty() && !self.link_blocked && self.host_lost.is_none())
            .then_some(Duration::ZERO);
        let now = Instant::now();
        let lost = self.host_lost.map(|_| LOST_HOST_PERIOD);
        let stream = self
            .deadlines
            .first()
            .map(|(at, _)| at.saturating_duration_since(now));
        let phase = self.phase.deadline().map(|at| at.saturating_duration_since(now));
        let paused = self
            .paused
            .front()
            .map(|(at, ..)| at.saturating_duration_since(now));
        let held = self
            .held
            .filter(|_| self.host_lost.is_none())
            .map(|(_, until)| until.saturating_duration_since(now));
        let shortest = [busy, lost, stream, phase, paused, held]
            .into_iter()
            .flatten()
            .min()?;
        Some(Timespec {
            tv_sec: i64::try_from(shortest.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(shortest.subsec_nanos()),
        })
    }

    fn wait(&mut self) -> Result<(), AgentError> {
        let mut room = [MaybeUninit::<epoll::Event>::uninit(); 64];
        let timeout = self.timeout();
        let (events, _) = match epoll::wait(&self.epoll, &mut room, timeout.as_ref()) {
            Ok(found) => found,
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => {
                return Err(AgentError::System {
                    call: "epoll_wait",
                    errno,
                });
            }
        };
        // Endings come last, so that a batch's output is known by then.
        let mut ended = false;
        for event in events {
            match Source::from_token(event.data) {
                Some(Source::Link) => self.receive()?,
                Some(Source::Children) => ended = true,
                Some(Source::Output(id, channel)) => self.queue_turn(id, channel),
                Some(Source::Input(id)) => self.flush_input(id),
                Some(Source::Drain(number)) => self.drains.empty(number),
                None => {}
            }
        }
        if ended {
            self.children.acknowledge();
            self.reap()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), AgentError> {
        let mut reader = self.link.take_reader();
        let arrived = self
            .link
            .read_into(&mut reader)
            .map_err(system("read from the host"))?;
        while let Some(frame) = reader.next_frame()? {
            self.handle(frame)?;
        }
        self.link.return_reader(reader);
        match arrived {
            Arrived::End => return self.lose_host(),
            Arrived::Bytes => self.host_seen = true,
            Arrived::Nothing => {}
        }
        Ok(())
    }

    /// The host's end is gone, which on a console port may pass: look again until it lasted.
    fn lose_host(&mut self) -> Result<(), AgentError> {
        if self.host_lost.is_none() {
            // A closed port is always readable; watching it would spin.
            epoll::delete(&self.epoll, &self.link).map_err(system("epoll_ctl"))?;
            self.host_lost = Some(Instant::now());
        }
        Ok(())
    }

    fn look_for_host(&mut self) -> Result<(), AgentError> {
        if self.host_lost.is_none() || !self.place.host_may_return() {
            return Ok(());
        }
        let mut reader = self.link.take_reader();
        let arrived = self
            .link
            .read_into(&mut reader)
            .map_err(system("read from the host"))?;
        self.link.return_reader(reader);
        if arrived == Arrived::End {
            return Ok(());
        }
        self.host_seen |= arrived == Arrived::Bytes;
        self.host_lost = None;
        self.link_events = epoll::EventFlags::IN;
        epoll::add(&self.epoll, &self.link, Source::Link.token(), self.link_events)
            .map_err(system("epoll_ctl"))?;
        self.receive()
    }

    /// Whether the agent is done: shut down, or without a host for good.
    fn finished(&mut self) -> Result<Option<End>, AgentError> {
        if let Phase::Over = self.phase {
            return Ok(Some(End::Asked));
        }
        let lasting = match self.place.host_may_return() {
            true if self.host_seen => LASTING_END,
            true => LASTING_ABSENCE,
            false => Duration::ZERO,
        };
        match self.host_lost {
            Some(since) if since.elapsed() >= lasting => {
                self.place.abandon();
                Ok(Some(End::HostGone))
            }
            _ => Ok(None),
        }
    }

    /// Acts on every deadline that has passed.
    fn expire(&mut self) -> Result<(), AgentError> {
        self.look_for_host()?;
        let now = Instant::now();
        while let Some((_, id, channel)) = self.paused.pop_front_if(|(at, ..)| *at <= now) {
            // What gathered meanwhile is an event at once.
            self.watch_output(id, channel, epoll::EventFlags::IN)?;
        }
        while let Some(&(at, id)) = self.deadlines.first() {
            if at > now {
                break;
            }
            self.deadlines.pop_first();
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            stream.deadline = None;
            if stream.ending.is_some() {
                for channel in stream.cut_off().map_err(system("poll"))? {
                    self.queue_turn(id, channel);
                }
            } else {
                stream.timed_out = true;
                self.place.signal_group(stream.pid, libc::SIGKILL);
            }
        }
        self.advance_shutdown(now)
    }

    /// Enters a new stream.
    pub(crate) fn adopt(&mut self, id: u32, stream: Stream) -> Result<(), AgentError> {
        for (channel, fd) in stream.output_fds() {
            let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(&self.epoll, fd, Source::Output(id, channel).token(), events)
                .map_err(system("epoll_ctl"))?;
        }
        self.by_pid.insert(stream.pid, id);
        if let Some(deadline) = stream.deadline {
            self.deadlines.insert((deadline, id));
        }
        self.streams.insert(id, stream);
        Ok(())
    }

    /// Puts a channel in the queue of turns, once.
    pub(crate) fn queue_turn(&mut self, id: u32, channel: Channel) {
        if let Some(output) = self
            .streams
            .get_mut(&id)
            .and_then(|stream| stream.output(channel))
            && !std::mem::replace(&mut output.queued, true)
        {
            self.turns.push_back((id, channel));
        }
    }

    fn take_turn(&mut self, id: u32, channel: Channel) -> Result<(), AgentError> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        if let Some(output) = stream.output(channel) {
            output.queued = false;
        }
        let before = self.link.backlog();
        let collected = stream.collected;
        let turn = if stream.owes_nothing(channel) {
            Turn::CutOff
        } else {
            stream
                .turn(id, channel, &mut self.link)
                .map_err(system("read of a command's output"))?
        };
        match turn {
            Turn::More => self.queue_turn(id, channel),
            Turn::Idle => {}
            Turn::Pause => self.pause(id, channel)?,
            Turn::Closed => {
                if collected {
                    self.hold_back(before);
                }
                self.conclude(id)?;
            }
            Turn::CutOff => {
                if let Some(fd) = stream.release(id, channel, &mut self.link) {
                    self.drain(fd)?;
                }
                self.conclude(id)?;
            }
        }
        Ok(())
    }

    /// Leaves a channel alone for a moment, so that a command that writes in bulk is not interrupted by the
    /// agent at each of its writes: switching between the two is what streaming costs under emulation.
    fn pause(&mut self, id: u32, channel: Channel) -> Result<(), AgentError> {
        self.watch_output(id, channel, epoll::EventFlags::empty())?;
        self.paused.push_back((Instant::now() + BULK_PAUSE, id, channel));
        Ok(())
    }

    fn watch_output(
        &mut self,
        id: u32,
        channel: Channel,
        events: epoll::EventFlags,
    ) -> Result<(), AgentError> {
        let Some(output) = self
            .streams
            .get_mut(&id)
            .and_then(|stream| stream.output(channel))
        else {
            return Ok(());
        };
        let token = Source::Output(id, channel).token();
        epoll::modify(&self.epoll, &*output, token, events | epoll::EventFlags::ET)
            .map_err(system("epoll_ctl"))
    }

    fn drain(&mut self, fd: OwnedFd) -> Result<(), AgentError> {
        let number = self.drains.add(fd);
        if let Some(fd) = self.drains.fd(number) {
            let token = Source::Drain(number).token();
            epoll::modify(&self.epoll, fd, token, epoll::EventFlags::IN).map_err(system("epoll_ctl"))?;
        }
        Ok(())
    }

    fn flush_input(&mut self, id: u32) {
        if let Some(grant) = self.streams.get_mut(&id).and_then(Stream::flush_input) {
            self.link.push_credit(id, Channel::Stdin, grant);
        }
    }

    /// Watches for room in a command's standard input while something waits for it.
    pub(crate) fn watch_input(&mut self, id: u32) -> Result<(), AgentError> {
        let Some(fd) = self.streams.get(&id).and_then(Stream::input_fd) else {
            return Ok(());
        };
        let events = epoll::EventFlags::OUT | epoll::EventFlags::ET;
        match epoll::add(&self.epoll, fd.as_fd(), Source::Input(id).token(), events) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(AgentError::System {
                call: "epoll_ctl",
                errno,
            }),
        }
    }

    /// Reaps whatever ended.
    pub(crate) fn reap(&mut self) -> Result<(), AgentError> {
        loop {
            match self.children.next() {
                Found::Ended(pid, ending) => {
                    self.phase.count(ending);
                    match self.by_pid.remove(&pid) {
                        Some(id) => self.command_ended(id, ending)?,
                        None => self.place.orphan_reaped(),
                    }
                }
                Found::NoneEnded => return Ok(()),
                Found::NoneLeft => return self.none_left(),
            }
        }
    }

    fn command_ended(&mut self, id: u32, ending: Ending) -> Result<(), AgentError> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        stream.ending = Some(ending);
        stream.drop_input();
        if let Some(deadline) = stream.deadline.take() {
            self.deadlines.remove(&(deadline, id));
        }
        let deadline = Instant::now() + OUTPUT_GRACE;
        stream.deadline = Some(deadline);
        self.deadlines.insert((deadline, id));
        for channel in [Channel::Stdout, Channel::Stderr] {
            self.queue_turn(id, channel);
        }
        self.conclude(id)
    }

    /// Ends a stream that owes nothing any more.
    pub(crate) fn conclude(&mut self, id: u32) -> Result<(), AgentError> {
        let Some(result) = self.streams.get(&id).and_then(Stream::result) else {
            return Ok(());
        };
        if let Some(stream) = self.streams.remove(&id) {
            if let Some(deadline) = stream.deadline {
                self.deadlines.remove(&(deadline, id));
            }
            self.place.command_over(stream.pid);
        }
        self.link.push_control(id, &StreamReply::Exited(result))?;
        Ok(())
    }

    /// Writes everything that is queued, for at most `patience`; false when the host did not take it.
    pub(crate) fn flush(&mut self, patience: Duration) -> Result<bool, AgentError> {
        let until = Instant::now() + patience;
        while self.host_lost.is_none() {
            match self.link.write() {
                Ok(true) => return Ok(true),
                Ok(false) if Instant::now() < until => {
                    let mut polled = [rustix::event::PollFd::new(
                        &self.link,
                        rustix::event::PollFlags::OUT,
                    )];
                    let tick = Timespec {
                        tv_sec: 0,
                        tv_nsec: 10_000_000,
                    };
                    rustix::event::poll(&mut polled, Some(&tick)).map_err(system("poll"))?;
                }
                _ => return Ok(false),
            }
        }
        Ok(false)
    }
}
