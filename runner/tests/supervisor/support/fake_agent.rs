//! An agent that runs nothing: it obeys, or misbehaves in the way that its mode or a command's name says.
//!
//! This test program, started again with `FAKE_AGENT` set, is that agent; its link is standard input.

use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::agent::{AgentMessage, BootFailure, BootStage, HostMessage};
use msb_protocol::credit::{MAX_WINDOW, SendCredit};
use msb_protocol::exec::{ExecExit, SpawnFailure, StreamReply, StreamRequest};
use msb_protocol::frame::{self, Channel, FrameReader, Header, Kind, LINK_STREAM, MAX_DATA};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Runs the agent if this process is one; never returns then.
pub fn run_if_asked() {
    if let Ok(mode) = std::env::var("FAKE_AGENT") {
        let stdin: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        let agent = Agent {
            link: UnixStream::from(stdin),
            reader: FrameReader::new(),
            commands: BTreeMap::new(),
            deaf: mode == "deaf",
        };
        agent.run(&mode);
    }
}

fn leave(code: i32) -> ! {
    // SAFETY: ends the process; nothing of the test harness above is needed any more.
    unsafe { libc::_exit(code) }
}

struct Command {
    credit: SendCredit,
    /// Bytes that it will still print.
    left: u64,
    echo: bool,
    /// Whether it takes in its input; otherwise no credit is given back.
    reads: bool,
}

struct Agent {
    link: UnixStream,
    reader: FrameReader,
    commands: BTreeMap<u32, Command>,
    deaf: bool,
}

impl Agent {
    fn run(mut self, mode: &str) -> ! {
        match mode {
            "silent" => loop {
                std::thread::park_timeout(Duration::from_secs(3600));
            },
            "exits" => leave(7),
            "garbage" => self.raw(&[0xff; 4096]),
            "early_stream" => self.reply(9, &StreamReply::Started { pid: 1 }),
            "panics" => {
                println!("[    0.100000] Kernel panic - not syncing: no init found\u{1b}[0m");
                leave(0);
            }
            "other_protocol" => self.say(&AgentMessage::Ready {
                protocol: PROTOCOL_VERSION + 1,
            }),
            _ => self.say(&AgentMessage::Ready {
                protocol: PROTOCOL_VERSION,
            }),
        }
        loop {
            let (header, payload) = self.next();
            if header.stream == LINK_STREAM {
                match frame::parse_control(&payload).unwrap() {
                    HostMessage::Boot(guest) => {
                        assert!(guest.entropy.len() == 64 && guest.clock_unix_ns > 0);
                        if mode.starts_with("boot_fails") {
                            let words = if mode == "boot_fails_at_length" { 50_000 } else { 1 };
                            let message = "no such disk\u{1b} ".repeat(words);
                            let (stage, console_tail) = (BootStage::Mount, String::new());
                            self.say(&AgentMessage::BootFailed(BootFailure {
                                stage,
                                errno: 2,
                                message,
                                console_tail,
                            }));
                        } else {
                            self.say(&AgentMessage::Booted);
                        }
                    }
                    HostMessage::Shutdown { .. } if self.deaf => {}
                    HostMessage::Shutdown { .. } => {
                        self.say(&AgentMessage::ShutdownDone {
                            clean: true,
                            killed: 0,
                        });
                        leave(0);
                    }
                    HostMessage::Ping => self.say(&AgentMessage::Pong),
                }
            } else {
                self.on_stream(header, &payload);
            }
        }
    }

    fn on_stream(&mut self, header: Header, payload: &[u8]) {
        let id = header.stream;
        match header.kind {
            Kind::Control => match frame::parse_control(payload).unwrap() {
                StreamRequest::Exec(spec) => {
                    let credit = SendCredit::new(spec.window);
                    self.exec(id, &spec.program, credit);
                }
                // A worker that echoes is one that answers, one that sleeps is one that does not.
                StreamRequest::Files(spec) => {
                    let credit = SendCredit::new(spec.window);
                    self.exec(id, spec.user.as_deref().unwrap_or("cat"), credit);
                }
                StreamRequest::Signal { signal } => self.exit(id, None, Some(signal)),
                StreamRequest::Resize(_) => {}
                StreamRequest::Abandon => self.exit(id, Some(0), None),
            },
            Kind::Credit => {
                let amount = u32::from_le_bytes(payload.try_into().unwrap());
                let Some(command) = self.commands.get_mut(&id) else {
                    return;
                };
                assert!(command.credit.grant(amount));
                self.print(id);
            }
            Kind::Data => {
                let Some(command) = self.commands.get_mut(&id) else {
                    return;
                };
                if command.echo {
                    assert!(command.credit.spend(payload.len()));
                    self.frame(Header::data(id, Channel::Stdout, payload.len(), false), payload);
                }
                if header.end {
                    self.exit(id, Some(0), None);
                } else if self.commands.get(&id).is_some_and(|command| command.reads) {
                    let mut bytes = Vec::new();
                    frame::push_credit(&mut bytes, id, Channel::Stdin, header.len);
                    self.raw(&bytes);
                }
            }
        }
    }

    #[expect(
        clippy::zombie_processes,
        reason = "a process that outlives its parent is what one command is for"
    )]
    fn exec(&mut self, id: u32, program: &str, credit: SendCredit) {
        let started = StreamReply::Started { pid: 42 };
        let (verb, argument) = program.split_once(':').unwrap_or((program, "0"));
        let number: u64 = argument.parse().unwrap();
        if verb == "missing" {
            let (kind, stage, message) = (SpawnFailure::NotFound, "execve".into(), "no such program".into());
            return self.reply(
                id,
                &StreamReply::SpawnFailed {
                    kind,
                    errno: 2,
                    stage,
                    message,
                },
            );
        }
        self.reply(id, &started);
        let (echo, left) = (verb == "cat", if verb == "print" { number } else { 0 });
        self.commands.insert(
            id,
            Command {
                credit,
                left,
                echo,
                reads: verb != "hang",
            },
        );
        match verb {
            "true" => self.exit(id, Some(0), None),
            "cat" | "sleep" | "hang" => {}
            "print" => self.print(id),
            "end_machine" => leave(number as i32),
            "close_link" => {
                self.link.shutdown(std::net::Shutdown::Both).unwrap();
                loop {
                    std::thread::park_timeout(Duration::from_secs(3600));
                }
            }
            "leave_stray" => {
                let mut sleep = std::process::Command::new("sleep");
                let stray = sleep
                    .arg("3600")
                    .stdin(std::process::Stdio::null())
                    .spawn()
                    .unwrap();
                let pid = stray.id().to_string();
                self.frame(
                    Header::data(id, Channel::Stdout, pid.len(), false),
                    pid.as_bytes(),
                );
            }
            "nap" => {
                std::thread::sleep(Duration::from_millis(number));
                self.exit(id, Some(0), None);
            }
            "stop_reading" => loop {
                std::thread::park_timeout(Duration::from_secs(3600));
            },
            "panic_machine" => {
                println!("Kernel panic - not syncing: Attempted to kill init!");
                leave(0);
            }
            _ => self.lie(id, verb, number),
        }
    }

    /// Breaks the protocol on a command that has started.
    fn lie(&mut self, id: u32, how: &str, seed: u64) {
        let window = vec![b'x'; MAX_DATA];
        match how {
            "lie_overspend" => {
                for _ in 0..=MAX_WINDOW as usize / MAX_DATA {
                    self.frame(Header::data(id, Channel::Stdout, MAX_DATA, false), &window);
                }
            }
            "lie_after_end" => {
                self.frame(Header::data(id, Channel::Stdout, 0, true), &[]);
                self.frame(Header::data(id, Channel::Stdout, 1, false), b"x");
            }
            "lie_stream" => self.reply(id + 1000, &StreamReply::Started { pid: 42 }),
            "lie_started_twice" => self.reply(id, &StreamReply::Started { pid: 42 }),
            "lie_grant" => {
                let mut bytes = Vec::new();
                frame::push_credit(&mut bytes, id, Channel::Stdin, MAX_WINDOW);
                self.raw(&bytes);
            }
            "lie_grant_nothing" => {
                let mut bytes = Vec::new();
                frame::push_credit(&mut bytes, id, Channel::Stdin, 0);
                self.raw(&bytes);
            }
            "lie_stdin" => self.frame(Header::data(id, Channel::Stdin, 1, false), b"x"),
            "lie_json" => self.frame(Header::control(id, 4), b"null"),
            "lie_message" => self.frame(Header::control(LINK_STREAM, 9), b"{\"ready\":"),
            "lie_at_length" => {
                let payload = format!("\"{}\"", "\\u001b no".repeat(80_000));
                self.frame(Header::control(LINK_STREAM, payload.len()), payload.as_bytes());
            }
            "lie_ready" => self.say(&AgentMessage::Ready {
                protocol: PROTOCOL_VERSION,
            }),
            "lie_pong" => self.say(&AgentMessage::Pong),
            "lie_length" => self.raw(&Header::data(id, Channel::Stdout, usize::MAX, false).encode()),
            "lie_kind" => self.raw(&[0, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0]),
            "lie_late" => {
                self.exit(id, Some(0), None);
                loop {
                    self.frame(Header::data(id, Channel::Stdout, MAX_DATA, false), &window);
                }
            }
            "noise" => {
                let mut state = seed | 1;
                loop {
                    let bytes: Vec<u8> = (0..4096).map(|_| xorshift(&mut state)).collect();
                    self.raw(&bytes);
                }
            }
            "empty_flood" => loop {
                self.frame(Header::data(id, Channel::Stdout, 0, false), &[]);
            },
            other => panic!("unknown command {other}"),
        }
    }

    fn print(&mut self, id: u32) {
        loop {
            let Some(command) = self.commands.get_mut(&id) else {
                return;
            };
            if command.left == 0 {
                break;
            }
            let count = (command.left as usize)
                .min(command.credit.available())
                .min(MAX_DATA);
            if count == 0 {
                return;
            }
            assert!(command.credit.spend(count));
            command.left -= count as u64;
            self.frame(
                Header::data(id, Channel::Stdout, count, false),
                &[b'x'; MAX_DATA][..count],
            );
        }
        if self.commands.get(&id).is_some_and(|command| !command.echo) {
            self.exit(id, Some(0), None);
        }
    }

    fn exit(&mut self, id: u32, code: Option<i32>, signal: Option<i32>) {
        self.commands.remove(&id);
        self.reply(
            id,
            &StreamReply::Exited(ExecExit {
                code,
                signal,
                timed_out: false,
                output_open: false,
            }),
        );
    }

    fn say(&mut self, message: &AgentMessage) {
        self.control(LINK_STREAM, message);
    }

    fn reply(&mut self, stream: u32, reply: &StreamReply) {
        self.control(stream, reply);
    }

    fn control<T: serde::Serialize>(&mut self, stream: u32, message: &T) {
        let mut bytes = Vec::new();
        frame::push_control(&mut bytes, stream, message).unwrap();
        self.raw(&bytes);
    }

    fn frame(&mut self, header: Header, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(payload.len() + 12);
        frame::push(&mut bytes, header, payload);
        self.raw(&bytes);
    }

    fn raw(&mut self, bytes: &[u8]) {
        if self.link.write_all(bytes).is_err() {
            leave(1);
        }
    }

    fn next(&mut self) -> (Header, Vec<u8>) {
        loop {
            if let Some(frame) = self.reader.next_frame().unwrap() {
                return (frame.header, frame.payload.to_vec());
            }
            match self.link.read(self.reader.spare()) {
                Ok(count) if count > 0 => self.reader.filled(count),
                _ => leave(0),
            }
        }
    }
}

fn xorshift(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as u8
}
