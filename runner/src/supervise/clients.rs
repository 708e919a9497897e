//! The clients' side of a session: who is connected, what they ask for, and how slow they may be.
//!
//! A client that breaks the protocol, or takes in nothing for too long, loses its link and nobody else
//! notices. The owner is a client whose end may mean the sandbox's end.

use super::guest::sentence;
use super::life::Due;
use super::relay::{Admission, ClientFault, ClientId};
use super::session::{CLIENT_KEY, LISTENER_KEY, Session};
use super::watch::{Interest, Ready};
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::client::{ClientMessage, RunnerMessage, Welcome};
use msb_protocol::exit::ExitReason;
use msb_protocol::frame::{FrameReader, LINK_STREAM};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Clients at a time, the owner included.
const MAX_CLIENTS: usize = 64;
/// How long a new client may take to say hello.
const GREETING: Duration = Duration::from_secs(5);
/// Pause after a client could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Bytes that may wait for the agent before clients that feed it are no longer read.
const AGENT_QUEUE_HIGH: usize = 1024 * 1024;
/// Bytes below which they are read again.
const AGENT_QUEUE_LOW: usize = AGENT_QUEUE_HIGH / 2;

/// One client's link.
#[derive(Debug)]
struct Link {
    stream: UnixStream,
    /// Present while a frame is incomplete or unread frames wait; otherwise a spare one is borrowed.
    reader: Option<FrameReader>,
    owner: bool,
    greet_by: Option<Instant>,
    /// Not read until the agent has taken in what this client sent.
    paused: bool,
    interest: Interest,
}

/// Every connected client.
#[derive(Debug)]
pub(super) struct Clients {
    links: BTreeMap<ClientId, Link>,
    next: u64,
    spare: Option<FrameReader>,
    /// Until when nobody is accepted, because that failed.
    deaf_until: Option<Instant>,
    /// The owner's link until the session takes it on, with what was read beyond its first message.
    owner: Option<(UnixStream, FrameReader)>,
}

impl Clients {
    /// The clients of a session that `owner` launched.
    pub fn new(owner: UnixStream, reader: FrameReader) -> Self {
        Self {
            links: BTreeMap::new(),
            next: 0,
            spare: None,
            deaf_until: None,
            owner: Some((owner, reader)),
        }
    }

    /// When the next client that has not said hello is dropped, or the next one may connect again.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.links
            .values()
            .filter_map(|link| link.greet_by)
            .chain(self.deaf_until)
            .min()
    }

    fn ids(&self) -> Vec<ClientId> {
        self.links.keys().copied().collect()
    }
}

impl Session {
    /// Makes the owner a client like the others.
    pub fn adopt_owner(&mut self) -> io::Result<()> {
        if let Some((stream, reader)) = self.clients.owner.take() {
            stream.set_nonblocking(true)?;
            let owner = self.add_link(stream, true)?;
            if let Some(link) = self.clients.links.get_mut(&owner) {
                link.reader = Some(reader);
            }
            self.welcome(owner);
            self.relay_client_frames(owner);
        }
        Ok(())
    }

    /// Takes on everyone who waits at the socket.
    pub fn accept_clients(&mut self) {
        for _ in 0..MAX_CLIENTS {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    // Descriptors ran out, most likely, and whoever waits keeps the listener ready.
                    self.launch
                        .log
                        .warn(format_args!("cannot accept a client: {error}"));
                    self.clients.deaf_until = Some(Instant::now() + ACCEPT_PAUSE);
                    return self.watch_listener(Interest::NOTHING);
                }
            };
            if let Err(error) = self.admit(stream) {
                self.launch
                    .log
                    .warn(format_args!("cannot take on a client: {error}"));
            }
        }
    }

    /// Accepts clients again after a pause.
    pub fn listen_again(&mut self, now: Instant) {
        if self.clients.deaf_until.is_some_and(|until| until <= now) {
            self.clients.deaf_until = None;
            self.watch_listener(Interest::READ);
        }
    }

    fn watch_listener(&mut self, interest: Interest) {
        if let Err(error) = self.watch.change(&self.listener, LISTENER_KEY, interest) {
            self.launch
                .log
                .warn(format_args!("cannot watch the socket: {error}"));
        }
    }

    fn admit(&mut self, stream: UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let peer = peer_uid(&stream)?;
        if peer != rustix::process::geteuid().as_raw() {
            self.launch
                .log
                .warn(format_args!("refused a client of user {peer}"));
            return Ok(());
        }
        if self.clients.links.len() >= MAX_CLIENTS {
            let message = "too many clients are connected to this sandbox; close one first".to_owned();
            let mut bytes = Vec::new();
            super::relay::push_message(&mut bytes, LINK_STREAM, &RunnerMessage::Refused { message });
            // Best effort: an empty socket takes this much, and the link is closed either way.
            let _ = io::Write::write(&mut &stream, &bytes);
            return Ok(());
        }
        self.add_link(stream, false).map(|_| ())
    }

    fn add_link(&mut self, stream: UnixStream, owner: bool) -> io::Result<ClientId> {
        let id = ClientId(self.clients.next);
        self.clients.next += 1;
        let interest = Interest::READ;
        self.watch.add(&stream, key(id), interest)?;
        let greet_by = (!owner).then(|| Instant::now() + GREETING);
        let link = Link {
            stream,
            reader: None,
            owner,
            greet_by,
            paused: false,
            interest,
        };
        self.clients.links.insert(id, link);
        self.relay.add_client(id);
        Ok(id)
    }

    /// Reads from and writes to a client.
    pub fn client_ready(&mut self, id: ClientId, event: Ready) {
        let Some(link) = self.clients.links.get_mut(&id) else {
            return;
        };
        if event.read && link.paused {
            // Only a hang-up is reported for a client that is not read.
            return self.drop_client(id, "it hung up");
        }
        if event.read && self.fill_client(id) {
            self.relay_client_frames(id);
        }
        if event.write {
            self.flush_client(id);
        }
    }

    /// Reads one chunk; false when the link ended or there was nothing.
    fn fill_client(&mut self, id: ClientId) -> bool {
        let Some(link) = self.clients.links.get_mut(&id) else {
            return false;
        };
        let spare = &mut self.clients.spare;
        let reader = link
            .reader
            .get_or_insert_with(|| spare.take().unwrap_or_default());
        match (&link.stream).read(reader.spare()) {
            Ok(0) => self.drop_client(id, "it closed its link"),
            Ok(count) => {
                reader.filled(count);
                self.life.used(Instant::now());
                return true;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => self.drop_client(id, &error.to_string()),
        }
        false
    }

    fn relay_client_frames(&mut self, id: ClientId) {
        loop {
            let waiting = self.relay.agent_queue().len();
            let is_owner = self.clients.links.get(&id).is_some_and(|link| link.owner);
            let admission = self.life.admission(is_owner);
            match self.next_client_message(id, admission) {
                Step::Done => break,
                Step::Fault(fault) => return self.drop_client(id, &sentence(&fault)),
                Step::Frame(None) => {}
                Step::Frame(Some(message)) => self.client_says(id, message),
            }
            let now_waiting = self.relay.agent_queue().len();
            if now_waiting > AGENT_QUEUE_HIGH && now_waiting > waiting {
                self.flush_agent_queue_or_pause(id);
                if self.clients.links.get(&id).is_none_or(|link| link.paused) {
                    return;
                }
            }
        }
        let Some(link) = self.clients.links.get_mut(&id) else {
            return;
        };
        if link.reader.as_ref().is_some_and(|reader| reader.pending() == 0) {
            self.clients.spare = link.reader.take();
        }
    }

    fn next_client_message(&mut self, id: ClientId, admission: Admission) -> Step {
        let Some(link) = self.clients.links.get_mut(&id) else {
            return Step::Done;
        };
        let Some(reader) = &mut link.reader else {
            return Step::Done;
        };
        match reader.next_frame() {
            Err(error) => Step::Fault(error.into()),
            Ok(None) => Step::Done,
            Ok(Some(frame)) if link.greet_by.is_some() && frame.header.stream != LINK_STREAM => {
                Step::Fault(ClientFault::OutOfOrder(frame.header.stream))
            }
            Ok(Some(frame)) => match self.relay.client_frame(id, frame, admission) {
                Ok(message) => Step::Frame(message),
                Err(fault) => Step::Fault(fault),
            },
        }
    }

    fn flush_agent_queue_or_pause(&mut self, id: ClientId) {
        self.flush_agent();
        if self.relay.agent_queue().len() > AGENT_QUEUE_HIGH
            && let Some(link) = self.clients.links.get_mut(&id)
        {
            link.paused = true;
            self.launch
                .log
                .info("a client waits for the agent, which takes in nothing");
            self.update_interest(id);
        }
    }

    /// Reads paused clients again once the agent has caught up; true when there was one.
    pub fn resume_clients(&mut self) -> bool {
        let mut resumed = false;
        if self.relay.agent_queue().len() > AGENT_QUEUE_LOW {
            return resumed;
        }
        for id in self.clients.ids() {
            let Some(link) = self.clients.links.get_mut(&id) else {
                continue;
            };
            if std::mem::replace(&mut link.paused, false) {
                resumed = true;
                self.update_interest(id);
                self.relay_client_frames(id);
            }
        }
        resumed
    }

    fn client_says(&mut self, id: ClientId, message: ClientMessage) {
        let Some(link) = self.clients.links.get_mut(&id) else {
            return;
        };
        let greeted = link.greet_by.is_none();
        match message {
            ClientMessage::Hello { protocol } if !greeted => {
                link.greet_by = None;
                if protocol == PROTOCOL_VERSION {
                    return self.welcome(id);
                }
                let message = format!(
                    "the sandbox's runner speaks protocol {PROTOCOL_VERSION} and you speak {protocol}; \
                     stop and start the sandbox with this version of the library"
                );
                self.relay.tell(id, &RunnerMessage::Refused { message });
                self.flush_client(id);
                self.drop_client(id, "it speaks another protocol");
            }
            ClientMessage::Stop { timeout_ms } if greeted => {
                self.stop(ExitReason::StopRequested, Duration::from_millis(timeout_ms));
            }
            ClientMessage::Kill if greeted => self.stop(ExitReason::KillRequested, Duration::ZERO),
            ClientMessage::Detach if link.owner => {
                self.life.detached = true;
                self.launch.log.info("the owner let go");
            }
            ClientMessage::Prepared if link.owner => self.prepared(Ok(())),
            ClientMessage::PrepareFailed { message } if link.owner => self.prepared(Err(message)),
            ClientMessage::Ping if greeted => self.relay.tell(id, &RunnerMessage::Pong),
            _ => self.drop_client(id, "its message does not fit the state of its link"),
        }
    }

    fn welcome(&mut self, id: ClientId) {
        let welcome = Welcome {
            protocol: PROTOCOL_VERSION,
            run_id: self.run_id.unwrap_or(0),
            runner_pid: std::process::id(),
            vmm_pid: self.vmm.id(),
            driver: self.launch.spec.driver,
            detached: self.life.detached,
            ready: self.life.was_ready(),
        };
        self.relay.tell(id, &RunnerMessage::Welcome(welcome));
    }

    /// Queues a message for everyone who has said hello.
    pub fn tell_all(&mut self, message: &RunnerMessage) {
        for (&id, link) in &self.clients.links {
            if link.greet_by.is_none() {
                self.relay.tell(id, message);
            }
        }
    }

    /// Queues a message for the owner; false if it is gone.
    pub fn tell_owner(&mut self, message: &RunnerMessage) -> bool {
        let owner = self.clients.links.iter().find(|(_, link)| link.owner);
        let Some((&id, _)) = owner else {
            return false;
        };
        self.relay.tell(id, message);
        true
    }

    /// Writes what waits for the clients, and drops those for whom too much does.
    pub fn flush_clients(&mut self) {
        for id in self.clients.ids() {
            self.flush_client(id);
        }
        for id in self.relay.take_overflowed() {
            self.drop_client(id, "it takes in nothing");
        }
    }

    fn flush_client(&mut self, id: ClientId) {
        let Some(link) = self.clients.links.get_mut(&id) else {
            return;
        };
        let Some(queue) = self.relay.client_queue(id) else {
            return;
        };
        if queue.is_empty() && !link.interest.write {
            return;
        }
        if queue.flush(&link.stream).is_err() {
            // It hears nothing any more, but what it said before is still read, and then its end. It may have let
            // go of the sandbox.
            queue.clear();
        }
        self.update_interest(id);
    }

    fn update_interest(&mut self, id: ClientId) {
        let Some(link) = self.clients.links.get_mut(&id) else {
            return;
        };
        let write = self.relay.client_queue(id).is_some_and(|queue| !queue.is_empty());
        let wanted = Interest {
            read: !link.paused,
            write,
        };
        if wanted == link.interest {
            return;
        }
        link.interest = wanted;
        if let Err(error) = self.watch.change(&link.stream, key(id), wanted) {
            self.drop_client(id, &error.to_string());
        }
    }

    /// Drops clients that connected and said nothing.
    pub fn drop_silent_clients(&mut self, now: Instant) {
        let silent = |link: &Link| link.greet_by.is_some_and(|by| by <= now);
        let gone: Vec<_> = self
            .clients
            .links
            .iter()
            .filter(|(_, link)| silent(link))
            .map(|(&id, _)| id)
            .collect();
        for id in gone {
            self.drop_client(id, "it never said hello");
        }
    }

    /// Ends a client's link.
    pub fn drop_client(&mut self, id: ClientId, why: &str) {
        let Some(link) = self.clients.links.remove(&id) else {
            return;
        };
        let who = if link.owner { "the owner" } else { "a client" };
        self.launch.log.info(format_args!("dropped {who}: {why}"));
        self.relay.remove_client(id);
        if let Err(error) = self.watch.forget(&link.stream) {
            self.launch
                .log
                .warn(format_args!("cannot forget a client: {error}"));
        }
        if link.owner
            && let Some(Due::Stop(reason, time)) = self.life.owner_gone()
        {
            self.stop(reason, time);
        }
    }

    /// Writes out what is queued for every client until `deadline`.
    pub fn flush_until(&mut self, deadline: Instant) -> io::Result<()> {
        loop {
            self.flush_clients();
            let waiting = self.clients.links.values().any(|link| link.interest.write);
            if !waiting || Instant::now() >= deadline {
                return Ok(());
            }
            for id in self.clients.ids() {
                if let Some(link) = self.clients.links.get_mut(&id) {
                    link.paused = true;
                }
                self.update_interest(id);
            }
            for event in self.watch.wait(Some(deadline))? {
                if event.key >= CLIENT_KEY && event.read {
                    self.drop_client(ClientId((event.key - CLIENT_KEY) as u64), "it hung up");
                }
            }
        }
    }
}

/// What one frame of a client came to.
enum Step {
    Done,
    Frame(Option<ClientMessage>),
    Fault(ClientFault),
}

fn key(id: ClientId) -> usize {
    CLIENT_KEY + id.0 as usize
}

#[cfg(target_os = "linux")]
fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}
