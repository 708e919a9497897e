//! Runs a command in a sandbox: streaming by [`Exec`], or collected by [`Sandbox::exec`].

use super::Sandbox;
use super::exec_options::{ExecOptions, Stdin};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::supervise::reactor::Interest;
use crate::supervise::sink::Sink;
use crate::supervise::stream::{Chunk, Notify, OUTPUT_WINDOW, Phase, SpawnFailed, Stream};
use msb_protocol::credit::STDIN_WINDOW;
use msb_protocol::exec::{ExecExit, ExecSpec, Rlimit, SpawnFailure, StreamRequest, TerminalSize};
use msb_protocol::frame::Channel;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// How long the guest may take to say whether a command runs.
const SPAWN_TIMEOUT: Duration = Duration::from_secs(60);
/// How much longer than its own timeout a command may stay unanswered before the guest counts as stuck.
const TIMEOUT_SLACK: Duration = Duration::from_secs(10);
/// How much output a timeout's error carries per channel, in bytes.
const ERROR_OUTPUT: usize = 64 * 1024;

/// A command that runs, or ran, in a sandbox. Dropping it lets go: the command goes on, its output is lost.
pub struct Exec {
    // Keeps the sandbox's link, and with it an attached sandbox, for as long as the command is of interest.
    _sandbox: Arc<Sandbox>,
    stream: Arc<Stream>,
    timeout: Option<Duration>,
}

/// What a collected command left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Exit code; -1 when a signal ended it.
    pub exit_code: i32,
    /// Signal that ended it; 0 when none did.
    pub signal: i32,
    /// What it wrote, up to the cap.
    pub outputs: [Kept; 2],
}

/// One output of a collected command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The first bytes, up to the cap.
    pub data: Vec<u8>,
    /// How many bytes there were.
    pub total: u64,
}

impl Kept {
    fn add(&mut self, data: &[u8], cap: u64) {
        self.total += data.len() as u64;
        let room = usize::try_from(cap)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.data.len());
        self.data.extend_from_slice(&data[..data.len().min(room)]);
    }
}

impl Sandbox {
    /// Starts a command. When this returns `Ok`, the command runs.
    pub fn exec_start(self: &Arc<Self>, options: &ExecOptions) -> Result<Exec, MsbError> {
        options.validate()?;
        let spec = exec_spec(options);
        let link = self.running_link(Deadline::after(SPAWN_TIMEOUT))?;
        let request = StreamRequest::Exec(Box::new(spec));
        let feed = (options.stdin != Stdin::None).then_some(STDIN_WINDOW);
        let stream = link.open_stream(&request, |id, link| Stream::new(id, link, feed))?;
        let exec = Exec {
            _sandbox: Arc::clone(self),
            stream,
            timeout: options.timeout_ms.map(Duration::from_millis),
        };
        match exec.stream.wait_started(Deadline::after(SPAWN_TIMEOUT)) {
            Phase::Running(_) | Phase::Exited(_) => Ok(exec),
            // Said by the runner or the agent of a sandbox that ends.
            Phase::Failed(failed) if failed.stage == "admission" && failed.kind == SpawnFailure::Other => {
                Err(self.not_running())
            }
            Phase::Failed(failed) => Err(spawn_error(
                options.program.as_deref().unwrap_or_default(),
                &failed,
            )),
            Phase::Lost(_) => Err(self.not_running()),
            Phase::Opening => Err(MsbError::new(
                Status::Timeout,
                "exec.unanswered",
                format!(
                    "sandbox {:?} did not answer within {} s",
                    self.name(),
                    SPAWN_TIMEOUT.as_secs()
                ),
            )
            .remedy("it may be overloaded; kill it if this lasts")),
        }
    }

    /// Runs a command to its end and keeps what it wrote, up to the options' cap per channel.
    pub fn exec(self: &Arc<Self>, options: &ExecOptions) -> Result<Collected, MsbError> {
        let exec = self.exec_start(options)?;
        let input = match &options.stdin {
            Stdin::Bytes(bytes) => bytes.as_slice(),
            Stdin::None => &[],
            // Nobody can write to it while this call collects.
            Stdin::Pipe => {
                exec.close_stdin()?;
                &[]
            }
        };
        exec.collect(
            input,
            matches!(options.stdin, Stdin::Bytes(_)),
            options.max_output_bytes,
        )
    }
}

impl Exec {
    /// Process id in the guest; 0 if it never was known.
    pub fn pid(&self) -> u32 {
        match self.stream.phase() {
            Phase::Running(pid) => pid,
            _ => 0,
        }
    }

    /// Reads one channel; `Ok(0)` is its end.
    pub fn read(&self, channel: Channel, buffer: &mut [u8], deadline: Deadline) -> Result<usize, MsbError> {
        self.stream
            .read(channel, buffer, deadline)
            .map_err(|error| as_poll(error, deadline))
    }

    /// Writes to the command's input; may take less than all of it.
    pub fn write(&self, data: &[u8], deadline: Deadline) -> Result<usize, MsbError> {
        self.stream
            .write(data, deadline)
            .map_err(|error| as_poll(error, deadline))
    }

    /// Ends the command's input.
    pub fn close_stdin(&self) -> Result<(), MsbError> {
        self.stream.close_stdin()
    }

    /// Sends a signal to the command's process group.
    pub fn signal(&self, signal: i32) -> Result<(), MsbError> {
        if !(1..=64).contains(&signal) {
            return Err(MsbError::new(
                Status::InvalidArgument,
                "exec.signal",
                format!("{signal} is not a signal number"),
            )
            .remedy("pass a Linux signal number from 1 to 64"));
        }
        self.stream.request(&StreamRequest::Signal { signal })
    }

    /// Changes the size of the command's terminal.
    pub fn resize(&self, rows: u16, cols: u16) -> Result<(), MsbError> {
        if rows == 0 || cols == 0 {
            return Err(MsbError::new(
                Status::InvalidArgument,
                "exec.terminal_size",
                "a terminal has at least one row and one column",
            ));
        }
        self.stream
            .request(&StreamRequest::Resize(TerminalSize { rows, cols }))
    }

    /// Waits for the end of the command. Output that is still buffered stays readable.
    pub fn wait(&self, deadline: Deadline) -> Result<ExecExit, MsbError> {
        match self.stream.wait_over(deadline) {
            Phase::Exited(exit) => Ok(exit),
            Phase::Opening | Phase::Running(_) => Err(MsbError::new(
                Status::Timeout,
                "exec.wait_timeout",
                "the command was still running at the deadline",
            )),
            Phase::Failed(failed) => Err(spawn_error("", &failed)),
            Phase::Lost(_) => Err(lost()),
        }
    }

    /// Gives a channel away as a descriptor: one end of a socket pair, non-blocking, closed on exec, owned by
    /// the caller. An output ends with end of file; closing the input's descriptor ends the input.
    pub fn take_fd(&self, channel: Channel) -> Result<OwnedFd, MsbError> {
        let failed = |error: &std::io::Error| {
            MsbError::new(
                Status::ResourceExhausted,
                "exec.descriptor",
                "no descriptor could be made",
            )
            .source(error)
            .remedy("raise the limit of open files")
        };
        let (ours, theirs) = UnixStream::pair().map_err(|error| failed(&error))?;
        ours.set_nonblocking(true).map_err(|error| failed(&error))?;
        theirs.set_nonblocking(true).map_err(|error| failed(&error))?;
        let reactor = self._sandbox.backend().reactor();
        let stream = Arc::downgrade(&self.stream);
        let sink = reactor
            .register(Interest::NONE, |key, handle| {
                Sink::new(ours, key, handle, stream, channel)
            })
            .map_err(|error| failed(&error))?;
        let routed = match channel {
            Channel::Stdin => self.stream.route_from_sink(Arc::clone(&sink)),
            Channel::Stdout | Channel::Stderr => self.stream.route_to_sink(channel, Arc::clone(&sink)),
        };
        if let Err(error) = routed {
            sink.discard();
            return Err(error);
        }
        Ok(theirs.into())
    }

    /// Tells `notify` of everything that happens to the command from now on.
    pub fn subscribe(&self, notify: &Arc<dyn Notify>) -> Result<(), MsbError> {
        self.stream.route_to_notify(notify)
    }

    /// The command's stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Feeds `input`, gathers the output and waits for the end.
    fn collect(&self, input: &[u8], close: bool, cap: u64) -> Result<Collected, MsbError> {
        let deadline = self.timeout.map_or(Deadline::NEVER, |t| {
            Deadline::after(t.saturating_add(TIMEOUT_SLACK))
        });
        let mut outputs = <[Kept; 2]>::default();
        let mut rest = input;
        let mut close = close;
        loop {
            if close {
                rest = &rest[self.feed(rest)?..];
                if rest.is_empty() {
                    // A command that ended without reading everything is no error of the input.
                    let _ = self.close_stdin();
                    close = false;
                }
            }
            match self.stream.take_any(deadline, close) {
                Ok(Some(Chunk { channel, data })) => {
                    outputs[usize::from(channel == Channel::Stderr)].add(&data, cap);
                }
                Ok(None) if close && !self.stream.is_over() => {}
                Ok(None) => return self.collected(outputs),
                Err(_) => return Err(timeout_error(self.timeout, &outputs)),
            }
        }
    }

    /// Sends as much input as fits now; everything counts as sent once the command takes no more.
    fn feed(&self, rest: &[u8]) -> Result<usize, MsbError> {
        match self.stream.input_room() {
            None => Ok(rest.len()),
            Some(0) => Ok(0),
            Some(_) if rest.is_empty() => Ok(0),
            Some(_) => match self.stream.write(rest, Deadline::after(Duration::ZERO)) {
                Err(error) if error.status() == Status::NotRunning => Ok(rest.len()),
                other => other,
            },
        }
    }

    fn collected(&self, outputs: [Kept; 2]) -> Result<Collected, MsbError> {
        match self.stream.phase() {
            Phase::Exited(exit) if exit.timed_out => Err(timeout_error(self.timeout, &outputs)),
            Phase::Exited(exit) => Ok(Collected {
                exit_code: exit.code.unwrap_or(-1),
                signal: exit.signal.unwrap_or(0),
                outputs,
            }),
            Phase::Failed(failed) => Err(spawn_error("", &failed)),
            Phase::Opening | Phase::Running(_) | Phase::Lost(_) => Err(lost()),
        }
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.stream.abandon();
    }
}

fn exec_spec(options: &ExecOptions) -> ExecSpec {
    let size = TerminalSize {
        rows: options.rows,
        cols: options.cols,
    };
    ExecSpec {
        program: options.program.clone().unwrap_or_default(),
        args: options.args.clone(),
        env: options
            .env
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        cwd: options.cwd.clone(),
        user: options.user.clone(),
        tty: options.tty.then_some(size),
        timeout_ms: options.timeout_ms,
        rlimits: options.rlimits.iter().map(Rlimit::from).collect(),
        stdin: options.stdin != Stdin::None,
        window: OUTPUT_WINDOW,
    }
}

impl From<&super::options::Rlimit> for Rlimit {
    fn from(limit: &super::options::Rlimit) -> Self {
        Self {
            resource: limit.resource.name().to_owned(),
            soft: limit.soft,
            hard: limit.hard,
        }
    }
}

/// A poll that found nothing is not a timeout.
fn as_poll(error: MsbError, deadline: Deadline) -> MsbError {
    let polled = error.status() == Status::Timeout && deadline.is_poll();
    if polled {
        MsbError::new(Status::WouldBlock, "exec.would_block", error.message())
    } else {
        error
    }
}

fn lost() -> MsbError {
    MsbError::new(
        Status::NotRunning,
        "sandbox.not_running",
        "the sandbox ended before the command did",
    )
    .remedy("msb_sandbox_wait tells how it ended")
}

fn timeout_error(timeout: Option<Duration>, outputs: &[Kept; 2]) -> MsbError {
    let after = timeout.map_or_else(String::new, |timeout| {
        format!(" after {} ms", timeout.as_millis())
    });
    let head = |kept: &Kept| kept.data[..kept.data.len().min(ERROR_OUTPUT)].to_vec();
    MsbError::new(
        Status::Timeout,
        "exec.timeout",
        format!("the command's timeout ended it{after}"),
    )
    .remedy("the details stdout and stderr hold what it had written")
    .detail("stdout", head(&outputs[0]))
    .detail("stderr", head(&outputs[1]))
}

/// The error for a command that did not start.
fn spawn_error(program: &str, failed: &SpawnFailed) -> MsbError {
    let (reason, remedy) = match failed.kind {
        SpawnFailure::NotFound => ("exec.not_found", "install it in the image or give its full path"),
        SpawnFailure::PermissionDenied => ("exec.permission_denied", "make it executable for this user"),
        SpawnFailure::NotExecutable => (
            "exec.not_executable",
            "run a program for this processor or a script with a #! line",
        ),
        SpawnFailure::BadCwd => (
            "exec.bad_cwd",
            "choose a directory of the guest that this user may enter",
        ),
        SpawnFailure::BadUser => ("exec.bad_user", "choose a user of the guest, or a number"),
        SpawnFailure::BadArgs => ("exec.bad_args", "shorten the arguments and the environment"),
        SpawnFailure::ResourceLimit => ("exec.resource_limit", "lower the limit or run as root"),
        SpawnFailure::OutOfMemory => ("exec.out_of_memory", "give the sandbox more memory"),
        SpawnFailure::PtySetupFailed => ("exec.pty_setup_failed", "run it without a terminal"),
        SpawnFailure::TooManyStreams => ("exec.too_many", "wait until other commands have ended"),
        SpawnFailure::Other => ("exec.failed", "see the errno"),
    };
    let error = MsbError::new(
        Status::ExecFailed,
        reason,
        format!("{program:?} could not be started: {}", failed.message),
    )
    .remedy(remedy)
    .detail("program", program)
    .detail("stage", failed.stage.as_str());
    if failed.errno == 0 {
        error
    } else {
        error.errno(failed.errno)
    }
}
