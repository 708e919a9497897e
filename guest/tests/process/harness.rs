//! A host for one agent: starts it, speaks the protocol with a deadline on every wait, leaves nothing behind.

use msb_protocol::agent::{AgentMessage, GuestSpec, HostMessage};
use msb_protocol::exec::{ExecExit, ExecSpec, StreamReply, StreamRequest};
use msb_protocol::frame::{self, Channel, FrameReader, Header, Kind, LINK_STREAM, parse_control};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest that any single wait may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One frame from the agent.
#[derive(Debug)]
pub enum Event {
    /// A message of the link.
    Link(AgentMessage),
    /// A message of a stream.
    Reply(u32, StreamReply),
    /// Output of a stream, and whether it is the channel's last.
    Data(u32, Channel, Vec<u8>, bool),
    /// Credit for a stream's input.
    Credit(u32, u32),
}

/// Everything that a command did.
#[derive(Debug)]
pub struct Outcome {
    pub exit: ExecExit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// A running agent and its host's end of the link.
pub struct Host {
    agent: Child,
    socket: UnixStream,
    reader: FrameReader,
    next: u32,
}

/// A command with pipes and a window of 1 MiB.
pub fn command(program: &str, args: &[&str]) -> ExecSpec {
    ExecSpec {
        program: program.to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        env: Vec::new(),
        cwd: None,
        user: None,
        tty: None,
        timeout_ms: None,
        rlimits: Vec::new(),
        stdin: false,
        collected: false,
        window: 1024 * 1024,
    }
}

/// A shell script.
pub fn script(text: &str) -> ExecSpec {
    command("/bin/sh", &["-c", text])
}

/// A sandbox without a root of its own.
pub fn guest() -> GuestSpec {
    GuestSpec {
        root: None,
        mounts: Vec::new(),
        hostname: "test".to_owned(),
        env: vec![("FROM_SANDBOX".to_owned(), "yes".to_owned())],
        workdir: None,
        user: None,
        rlimits: Vec::new(),
        scripts: Vec::new(),
        nameservers: Vec::new(),
        clock_unix_ns: 0,
        entropy: vec![0; 32],
        stop_signal: libc::SIGTERM,
    }
}

impl Host {
    /// An agent that said Ready.
    pub fn ready() -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let agent = Command::new(env!("CARGO_BIN_EXE_msb-agent"))
            .args(["--process", "0"])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut host = Self {
            agent,
            socket,
            reader: FrameReader::new(),
            next: 1,
        };
        let expected = AgentMessage::Ready {
            protocol: msb_protocol::PROTOCOL_VERSION,
        };
        assert!(matches!(host.event(), Event::Link(message) if message == expected));
        host
    }

    /// An agent that made this sandbox.
    pub fn booted_with(spec: GuestSpec) -> Self {
        let mut host = Self::ready();
        host.tell(HostMessage::Boot(Box::new(spec)));
        assert!(matches!(host.event(), Event::Link(AgentMessage::Booted)));
        host
    }

    /// An agent whose sandbox has no defaults of note.
    pub fn booted() -> Self {
        Self::booted_with(guest())
    }

    pub fn agent_pid(&self) -> u32 {
        self.agent.id()
    }

    /// Sends bytes; an agent that is gone by then is for the caller to notice.
    pub fn send(&mut self, bytes: &[u8]) {
        match self.socket.write_all(bytes) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => panic!("no room: {error}"),
            _ => {}
        }
    }

    pub fn tell(&mut self, message: HostMessage) {
        let mut out = Vec::new();
        frame::push_control(&mut out, LINK_STREAM, &message).unwrap();
        self.send(&out);
    }

    pub fn request(&mut self, id: u32, request: StreamRequest) {
        let mut out = Vec::new();
        frame::push_control(&mut out, id, &request).unwrap();
        self.send(&out);
    }

    pub fn input(&mut self, id: u32, bytes: &[u8], end: bool) {
        let mut out = Vec::new();
        frame::push(
            &mut out,
            Header::data(id, Channel::Stdin, bytes.len(), end),
            bytes,
        );
        self.send(&out);
    }

    pub fn grant(&mut self, id: u32, channel: Channel, amount: usize) {
        let mut out = Vec::new();
        frame::push_credit(&mut out, id, channel, amount as u32);
        self.send(&out);
    }

    /// Asks for a command; returns its stream.
    pub fn open(&mut self, spec: ExecSpec) -> u32 {
        let id = self.next;
        self.next += 1;
        self.request(id, StreamRequest::Exec(Box::new(spec)));
        id
    }

    /// Starts a command; returns its stream and process id.
    pub fn start(&mut self, spec: ExecSpec) -> (u32, u32) {
        let id = self.open(spec);
        match self.event() {
            Event::Reply(stream, StreamReply::Started { pid }) if stream == id => (id, pid),
            other => panic!("instead of Started: {other:?}"),
        }
    }

    /// The next frame; `None` at the end of the link.
    pub fn try_event(&mut self) -> Option<Event> {
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                let id = frame.header.stream;
                return Some(match frame.header.kind {
                    Kind::Control if id == LINK_STREAM => Event::Link(parse_control(frame.payload).unwrap()),
                    Kind::Control => Event::Reply(id, parse_control(frame.payload).unwrap()),
                    Kind::Data => {
                        Event::Data(id, frame.header.channel, frame.payload.to_vec(), frame.header.end)
                    }
                    Kind::Credit => Event::Credit(id, frame.credit_amount()),
                });
            }
            match self.socket.read(self.reader.spare()) {
                Ok(0) => return None,
                Ok(count) => self.reader.filled(count),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no frame from the agent: {error}"),
            }
        }
    }

    pub fn event(&mut self) -> Event {
        self.try_event().expect("the agent ended")
    }

    /// Follows one stream to its end, granting credit for all that it sends.
    pub fn finish(&mut self, id: u32) -> Outcome {
        self.finish_all(&[id]).remove(&id).unwrap()
    }

    /// Follows several streams to their ends.
    pub fn finish_all(&mut self, ids: &[u32]) -> BTreeMap<u32, Outcome> {
        let mut output: BTreeMap<u32, [Vec<u8>; 2]> =
            ids.iter().map(|&id| (id, Default::default())).collect();
        let mut outcomes = BTreeMap::new();
        while outcomes.len() < ids.len() {
            match self.event() {
                Event::Data(id, channel, bytes, _) => {
                    if !bytes.is_empty() {
                        self.grant(id, channel, bytes.len());
                    }
                    output.get_mut(&id).unwrap()[usize::from(channel == Channel::Stderr)].extend(bytes);
                }
                Event::Reply(id, StreamReply::Exited(exit)) => {
                    let [stdout, stderr] = output.remove(&id).unwrap();
                    outcomes.insert(id, Outcome { exit, stdout, stderr });
                }
                Event::Credit(id, _) => assert!(ids.contains(&id)),
                Event::Reply(_, StreamReply::Started { .. }) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
        outcomes
    }

    /// Runs a command to its end.
    pub fn run(&mut self, spec: ExecSpec) -> Outcome {
        let (id, _) = self.start(spec);
        self.finish(id)
    }

    /// Reads until `text` has come out of a stream.
    pub fn read_until(&mut self, id: u32, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            match self.event() {
                Event::Data(stream, channel, bytes, _) if stream == id => {
                    self.grant(id, channel, bytes.len());
                    seen.push_str(&String::from_utf8(bytes).unwrap());
                }
                other => panic!("instead of `{text}`: {other:?}"),
            }
        }
        seen
    }

    /// Closes the host's end.
    pub fn hang_up(&mut self) {
        self.socket.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// How the agent ended.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.agent.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the agent does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let until = Instant::now() + PATIENCE;
        while let Ok(None) = self.agent.try_wait() {
            if Instant::now() > until {
                let _ = self.agent.kill();
            }
            std::thread::yield_now();
        }
    }
}

/// Waits until a condition holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

/// Whether a process is alive (a zombie is not).
pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit(')')
                .next()
                .map(|rest| !rest.trim_start().starts_with('Z'))
        })
        .unwrap_or(false)
}
