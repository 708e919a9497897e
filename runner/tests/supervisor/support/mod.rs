//! A throw-away home, a client that speaks the wire protocol by hand, and runners launched in that home.

pub mod fake_agent;

use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::agent::GuestSpec;
use msb_protocol::client::{ClientMessage, RunnerMessage, Welcome};
use msb_protocol::exec::{ExecSpec, StreamReply, StreamRequest};
use msb_protocol::exit::ExitRecord;
use msb_protocol::frame::{self, Channel, FrameReader, Header, Kind, LINK_STREAM, MAX_DATA};
use msb_protocol::launch::{Driver, LaunchSpec, Lifetime, LogLevel};
use msb_store::{NewSandbox, RunRow, SandboxRow, SandboxStatus, Store, StoreOptions};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest that any single event may take in these tests.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Credit that test commands start with.
pub const WINDOW: u32 = 256 * 1024;

/// A home with one sandbox that is about to start.
pub struct Home {
    root: TempDir,
    pub store: Store,
    pub sandbox_id: i64,
}

impl Home {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&root.path().join("msb.db"), StoreOptions::default()).unwrap();
        std::fs::create_dir(root.path().join("box")).unwrap();
        let home = Self {
            sandbox_id: 0,
            root,
            store,
        };
        let new = NewSandbox {
            name: "box",
            config: "{}",
            ephemeral: false,
            labels: &BTreeMap::new(),
            manifest_id: None,
        };
        let sandbox_id = home.store.insert_sandbox(&new).unwrap().id;
        let home = Self { sandbox_id, ..home };
        home.claim_start();
        home
    }

    /// What the library does before it spawns a runner.
    pub fn claim_start(&self) {
        let from = [
            SandboxStatus::Created,
            SandboxStatus::Stopped,
            SandboxStatus::Crashed,
        ];
        assert!(
            self.store
                .transition(self.sandbox_id, &from, SandboxStatus::Starting)
                .unwrap()
        );
    }

    pub fn directory(&self) -> PathBuf {
        self.root.path().join("box")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn row(&self) -> Option<SandboxRow> {
        self.store.sandbox_by_id(self.sandbox_id).unwrap()
    }

    pub fn status(&self) -> SandboxStatus {
        self.row().unwrap().status
    }

    pub fn last_run(&self) -> RunRow {
        self.store.latest_run(self.sandbox_id).unwrap().unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory().join("logs/runtime.log")).unwrap_or_default()
    }

    /// Whether some process holds the sandbox's lock.
    pub fn is_locked(&self) -> bool {
        let directory = std::fs::File::open(self.directory()).unwrap();
        match directory.try_lock() {
            Ok(()) => false,
            Err(std::fs::TryLockError::WouldBlock) => true,
            Err(error) => panic!("{error}"),
        }
    }

    /// A launch of the fake agent in `mode`.
    pub fn spec(&self, mode: &str) -> LaunchSpec {
        let agent = self.path(&format!("agent-{mode}"));
        if !agent.exists() {
            let test = std::env::current_exe().unwrap();
            let script = format!(
                "#!/bin/sh\nFAKE_AGENT={mode} exec '{}' --exact fake_agent --nocapture --test-threads=1\n",
                test.display()
            );
            // Written under another name first: a file open for writing anywhere cannot be executed.
            std::fs::write(&agent, script).unwrap();
            std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        LaunchSpec {
            protocol: PROTOCOL_VERSION,
            sandbox_id: self.sandbox_id,
            name: "box".into(),
            directory: self.directory(),
            database: self.path("msb.db"),
            busy_timeout_ms: 5000,
            driver: Driver::Process,
            kernel: None,
            initramfs: None,
            agent: Some(agent),
            qemu: None,
            cpus: 1,
            memory_mib: 64,
            root: None,
            mounts: vec![],
            prepare: false,
            guest: GuestSpec {
                root: None,
                mounts: Vec::new(),
                hostname: "box".into(),
                env: vec![],
                workdir: None,
                user: None,
                rlimits: vec![],
                scripts: Vec::new(),
                nameservers: vec![],
                clock_unix_ns: 0,
                entropy: vec![],
                stop_signal: 15,
            },
            lifetime: Lifetime {
                detached: false,
                ephemeral: false,
                boot_timeout_ms: 15_000,
                idle_timeout_ms: None,
                max_duration_ms: None,
                stop_grace_ms: 5000,
            },
            log_bytes: 64 * 1024,
            log_level: LogLevel::Info,
        }
    }

    /// Launches `spec`; the returned client is its owner.
    pub fn launch(&self, spec: LaunchSpec) -> Client {
        let mut owner = spawn_runner();
        owner.tell(&ClientMessage::Launch(Box::new(spec)));
        owner
    }

    /// Launches the fake agent in `mode` and waits until it is ready.
    pub fn start(&self, mode: &str) -> (Client, Welcome) {
        self.start_with(self.spec(mode))
    }

    pub fn start_with(&self, spec: LaunchSpec) -> (Client, Welcome) {
        let mut owner = self.launch(spec);
        let RunnerMessage::Welcome(welcome) = owner.hear() else {
            panic!("no welcome")
        };
        let ready = owner.hear();
        assert!(
            matches!(ready, RunnerMessage::Ready(_)),
            "{ready:?}\n{}",
            self.log()
        );
        (owner, welcome)
    }

    /// Another client, welcomed.
    pub fn connect(&self) -> Client {
        let mut client = self.connect_silently();
        client.tell(&ClientMessage::Hello {
            protocol: PROTOCOL_VERSION,
        });
        let welcome = client.hear();
        assert!(matches!(welcome, RunnerMessage::Welcome(_)), "{welcome:?}");
        client
    }

    /// Another client, welcomed, unless the runner refuses it.
    pub fn try_connect(&self) -> Option<Client> {
        let mut client = self.connect_silently();
        let mut hello = Vec::new();
        let protocol = PROTOCOL_VERSION;
        frame::push_control(&mut hello, LINK_STREAM, &ClientMessage::Hello { protocol }).unwrap();
        // One that is refused may be closed before it said anything.
        client.stream.write_all(&hello).ok()?;
        let answer = client.next()?;
        let answer: RunnerMessage = frame::parse_control(&answer.payload).unwrap();
        matches!(answer, RunnerMessage::Welcome(_)).then_some(client)
    }

    pub fn connect_silently(&self) -> Client {
        Client::new(UnixStream::connect(self.directory().join("runtime/runner.sock")).unwrap())
    }
}

/// Starts a runner that has not been told what to run.
pub fn spawn_runner() -> Client {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_msb-runner"));
    command
        .arg("supervise")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.spawn().unwrap().wait().unwrap();
    assert!(status.success(), "the first process ends at once");
    Client::new(ours)
}

/// A client's end of a link.
pub struct Client {
    stream: UnixStream,
    reader: FrameReader,
}

/// A frame that was received.
#[derive(Debug)]
pub struct Received {
    pub header: Header,
    pub payload: Vec<u8>,
}

/// Everything that a command's stream brought.
#[derive(Debug, Default)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub last: Option<StreamReply>,
}

impl Client {
    fn new(stream: UnixStream) -> Self {
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            reader: FrameReader::new(),
        }
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn tell(&mut self, message: &ClientMessage) {
        self.control(LINK_STREAM, message);
    }

    pub fn control<T: serde::Serialize>(&mut self, stream: u32, message: &T) {
        let mut bytes = Vec::new();
        frame::push_control(&mut bytes, stream, message).unwrap();
        self.send_raw(&bytes);
    }

    pub fn exec(&mut self, stream: u32, program: &str) {
        self.control(stream, &StreamRequest::Exec(Box::new(exec_spec(program))));
    }

    pub fn data(&mut self, stream: u32, bytes: &[u8], end: bool) {
        let mut wire = Vec::new();
        frame::push(
            &mut wire,
            Header::data(stream, Channel::Stdin, bytes.len(), end),
            bytes,
        );
        self.send_raw(&wire);
    }

    /// Sends input that may not be taken in; false when the link ended before it was.
    pub fn offer(&mut self, stream: u32, bytes: &[u8]) -> bool {
        let mut wire = Vec::new();
        for chunk in bytes.chunks(MAX_DATA) {
            frame::push(
                &mut wire,
                Header::data(stream, Channel::Stdin, chunk.len(), false),
                chunk,
            );
        }
        self.stream.write_all(&wire).is_ok()
    }

    pub fn grant(&mut self, stream: u32, amount: u32) {
        let mut wire = Vec::new();
        frame::push_credit(&mut wire, stream, Channel::Stdout, amount);
        self.send_raw(&wire);
    }

    /// The next frame; `None` at the end of the link.
    pub fn next(&mut self) -> Option<Received> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                return Some(Received {
                    header: frame.header,
                    payload: frame.payload.to_vec(),
                });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing arrived in time");
            self.stream.set_read_timeout(Some(left)).unwrap();
            match self.stream.read(self.reader.spare()) {
                Ok(0) => return None,
                Ok(count) => self.reader.filled(count),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next link message.
    pub fn hear(&mut self) -> RunnerMessage {
        let received = self.next().expect("the link ended");
        assert_eq!(received.header.stream, LINK_STREAM, "{received:?}");
        frame::parse_control(&received.payload).unwrap()
    }

    /// Skips streams until the run is over, and says how.
    pub fn hear_exit(&mut self) -> ExitRecord {
        loop {
            let received = self.next().expect("the link ended without Exit");
            if received.header.stream == LINK_STREAM
                && let RunnerMessage::Exit { record, stored } =
                    frame::parse_control(&received.payload).unwrap()
            {
                assert!(stored);
                assert!(self.next().is_none(), "Exit is the last message");
                return *record;
            }
        }
    }

    /// Reads one stream to its end, granting what it consumes.
    pub fn collect(&mut self, stream: u32) -> Output {
        let mut output = Output::default();
        while output.last.is_none() {
            let received = self.next().expect("the link ended");
            assert_eq!(received.header.stream, stream, "{received:?}");
            match received.header.kind {
                Kind::Data => {
                    output.stdout.extend_from_slice(&received.payload);
                    if !received.payload.is_empty() {
                        self.grant(stream, received.header.len);
                    }
                }
                Kind::Credit => {}
                Kind::Control => match frame::parse_control(&received.payload).unwrap() {
                    StreamReply::Started { .. } => {}
                    last => output.last = Some(last),
                },
            }
        }
        output
    }

    /// Runs a command that says nothing; true when it ended with exit code 0.
    pub fn succeeds(&mut self, stream: u32, program: &str) -> bool {
        self.exec(stream, program);
        matches!(self.collect(stream).last, Some(StreamReply::Exited(exit)) if exit.code == Some(0))
    }

    pub fn is_closed(&mut self) -> bool {
        self.next().is_none()
    }
}

pub fn exec_spec(program: &str) -> ExecSpec {
    ExecSpec {
        program: program.into(),
        args: vec![],
        env: vec![],
        cwd: None,
        user: None,
        tty: None,
        timeout_ms: None,
        rlimits: vec![],
        stdin: true,
        collected: false,
        window: WINDOW,
    }
}

/// Waits until `condition` holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process is there and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z'))
    })
}
