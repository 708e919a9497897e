//! Runs a command in a sandbox: streaming by [`Exec`], or collected by [`Sandbox::exec`].
//!
//! What waits is written once, as a future, for callers that block and for operations of a queue. A command that nobody has
//! got yet when its future is dropped is killed.

use super::Sandbox;
use super::exec_options::{ExecOptions, Stdin};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ops;
use crate::supervise::reactor::Interest;
use crate::supervise::sink::Sink;
use crate::supervise::stream::{
    Chunk, Notify, OUTPUT_WINDOW, Phase, SpawnFailed, Stream, Waiter, nothing_yet,
};
use crate::supervise::waiting::{Here, Waiting, run_here};
use msb_protocol::credit::STDIN_WINDOW;
use msb_protocol::exec::{ExecExit, ExecSpec, Rlimit, SpawnFailure, StreamRequest, TerminalSize};
use msb_protocol::frame::Channel;
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// How long the guest may take to say whether a command runs.
const SPAWN_TIMEOUT: Duration = Duration::from_secs(60);
/// How much longer than its own timeout a collected command's guest may take to say whether it runs.
const SPAWN_SLACK: Duration = Duration::from_secs(2);
/// How much longer than its own timeout a command may stay unanswered before the guest counts as stuck.
const TIMEOUT_SLACK: Duration = Duration::from_secs(10);
/// How much output a timeout's error carries per channel, in bytes.
const ERROR_OUTPUT: usize = 64 * 1024;

/// The signal that no command survives, as Linux numbers it.
const SIGKILL: i32 = 9;

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
    pub fn exec_start(self: &Arc<Self>, options: &ExecOptions) -> Result<Arc<Exec>, MsbError> {
        let unclaimed = run_here(self.exec_start_by(&Here, options))?;
        Ok(unclaimed.claim())
    }

    /// As [`Sandbox::exec_start`], waiting as `waiting` does.
    pub async fn exec_start_by(
        self: &Arc<Self>,
        waiting: &impl Waiting,
        options: &ExecOptions,
    ) -> Result<Unclaimed, MsbError> {
        self.begin(waiting, options, false, SPAWN_TIMEOUT).await
    }

    /// `collected`: nobody gets to know the command before its end. `patience`: how long the guest may take to say whether
    /// the command runs.
    async fn begin(
        self: &Arc<Self>,
        waiting: &impl Waiting,
        options: &ExecOptions,
        collected: bool,
        patience: Duration,
    ) -> Result<Unclaimed, MsbError> {
        options.validate()?;
        let mut spec = ExecSpec {
            collected,
            ..exec_spec(options)
        };
        if options.program.is_none() {
            let (own, args) = (Arc::clone(self), options.args.clone());
            (spec.program, spec.args) = waiting
                .block(self.lane(), move || own.default_command(args))
                .await?;
        }
        let deadline = Deadline::after(patience);
        let link = self.ready_link(waiting, deadline).await?;
        let request = StreamRequest::Exec(Box::new(spec));
        let feed = (options.stdin != Stdin::None).then_some(STDIN_WINDOW);
        let stream = link.open_stream(&request, |id, link| Stream::new(id, link, feed))?;
        let exec = Unclaimed {
            exec: Arc::new(Exec {
                _sandbox: Arc::clone(self),
                stream: Arc::clone(&stream),
                timeout: options.timeout_ms.map(Duration::from_millis),
            }),
            claimed: AtomicBool::new(false),
        };
        match waiting.within(deadline, stream.started()).await {
            Some(Phase::Running(_) | Phase::Exited(_)) => Ok(exec),
            // Said by the runner or the agent of a sandbox that ends.
            Some(Phase::Failed(failed))
                if failed.stage == "admission" && failed.kind == SpawnFailure::Other =>
            {
                Err(self.not_running())
            }
            Some(Phase::Failed(failed)) => Err(spawn_error(
                options.program.as_deref().unwrap_or_default(),
                &failed,
            )),
            Some(Phase::Lost(_)) => Err(self.not_running()),
            Some(Phase::Opening) | None => Err(MsbError::new(
                Status::Timeout,
                "exec.unanswered",
                format!("sandbox {:?} did not answer within {patience:?}", self.name()),
            )
            .remedy("it may be overloaded; kill it if this lasts")),
        }
    }

    /// Runs a command to its end and keeps what it wrote, up to the options' cap per channel.
    pub fn exec(self: &Arc<Self>, options: &ExecOptions) -> Result<Collected, MsbError> {
        run_here(self.exec_by(&Here, options))
    }

    /// As [`Sandbox::exec`], waiting as `waiting` does.
    pub async fn exec_by(
        self: &Arc<Self>,
        waiting: &impl Waiting,
        options: &ExecOptions,
    ) -> Result<Collected, MsbError> {
        // Input is sent once the command is known to run.
        let collected = options.stdin == Stdin::None;
        let patience = answer_patience(options.timeout_ms);
        let unclaimed = self.begin(waiting, options, collected, patience).await?;
        let exec = unclaimed.exec();
        let input = match &options.stdin {
            Stdin::Bytes(bytes) => Some(bytes.as_slice()),
            Stdin::None => None,
            // Nobody can write to it while this call collects.
            Stdin::Pipe => {
                exec.close_stdin()?;
                None
            }
        };
        let mut outputs = <[Kept; 2]>::default();
        let collecting = exec.collect(input, options.max_output_bytes, &mut outputs);
        // The guest ends it at its timeout; one that does not is stuck.
        let deadline = exec.timeout.map_or(Deadline::NEVER, |timeout| {
            Deadline::after(timeout.saturating_add(TIMEOUT_SLACK))
        });
        match waiting.within(deadline, collecting).await {
            Some(collected) => collected.and_then(|()| exec.collected(outputs)),
            None => Err(timeout_error(exec.timeout, &outputs)),
        }
    }
}

/// How long the guest may take to say whether a collected command runs: the command's own timeout bounds that too.
fn answer_patience(timeout_ms: Option<u64>) -> Duration {
    timeout_ms.map_or(SPAWN_TIMEOUT, |ms| {
        Duration::from_millis(ms)
            .saturating_add(SPAWN_SLACK)
            .min(SPAWN_TIMEOUT)
    })
}

/// A command that nobody has got yet: dropped before it is claimed, it is killed.
pub struct Unclaimed {
    exec: Arc<Exec>,
    claimed: AtomicBool,
}

impl Unclaimed {
    /// The command, which is not claimed by that.
    pub fn exec(&self) -> &Arc<Exec> {
        &self.exec
    }

    /// Somebody has got it and sees to its end.
    pub fn claim(&self) -> Arc<Exec> {
        self.claimed.store(true, Ordering::Release);
        Arc::clone(&self.exec)
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if !self.claimed.load(Ordering::Acquire) {
            // One that is over, or out of reach, needs no signal.
            let _ = self.exec.signal(SIGKILL);
        }
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

    /// Takes at least one byte of a channel and at most `most`; nothing is its end. The turn is taken by the call, not when
    /// the future is polled.
    pub fn take_by<W: Waiting>(
        self: &Arc<Self>,
        waiting: W,
        (channel, most): (Channel, usize),
        deadline: Deadline,
    ) -> impl Future<Output = Result<Vec<u8>, MsbError>> + use<W> {
        let (exec, turn) = (Arc::clone(self), self.stream.turn(channel));
        async move {
            let taken = waiting.within(deadline, turn.take(channel, most)).await;
            drop(exec);
            taken.unwrap_or_else(|| Err(as_poll(nothing_yet("output"), deadline)))
        }
    }

    /// Writes all of `data` to the command's input. The turn is taken by the call, not when the future is polled.
    pub fn write_all_by<W: Waiting>(
        self: &Arc<Self>,
        waiting: W,
        data: Vec<u8>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<u64, MsbError>> + use<W> {
        let (exec, turn) = (Arc::clone(self), self.stream.turn(Channel::Stdin));
        async move {
            ops::expect_progress(data.len() as u64, 0);
            let written = waiting.within(deadline, write_all(&turn, &data)).await;
            drop(exec);
            written
                .unwrap_or_else(|| Err(as_poll(nothing_yet("room for all of the input"), deadline)))
                .map(|()| data.len() as u64)
        }
    }

    /// Waits for the end of the command. Output that is still buffered stays readable.
    pub fn wait(&self, deadline: Deadline) -> Result<ExecExit, MsbError> {
        run_here(self.wait_by(&Here, deadline))
    }

    /// As [`Exec::wait`], waiting as `waiting` does.
    pub async fn wait_by(&self, waiting: &impl Waiting, deadline: Deadline) -> Result<ExecExit, MsbError> {
        match waiting.within(deadline, self.stream.over()).await {
            Some(Phase::Exited(exit)) => Ok(exit),
            Some(Phase::Failed(failed)) => Err(spawn_error("", &failed)),
            Some(Phase::Lost(_)) => Err(lost()),
            Some(Phase::Opening | Phase::Running(_)) | None => Err(MsbError::new(
                Status::Timeout,
                "exec.wait_timeout",
                "the command was still running at the deadline",
            )),
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
        // The larger, the fewer wake-ups of both ends; the system caps it.
        let _ = set_socket_send_buffer_size(&ours, OUTPUT_WINDOW as usize);
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
    async fn collect(&self, input: Option<&[u8]>, cap: u64, outputs: &mut [Kept; 2]) -> Result<(), MsbError> {
        let mut feeding = pin!(self.feed(input.unwrap_or_default()));
        let mut gathering = pin!(self.gather(cap, outputs));
        let mut fed = input.is_none();
        poll_fn(|context| {
            if !fed && let Poll::Ready(ended) = feeding.as_mut().poll(context) {
                ended?;
                fed = true;
            }
            gathering.as_mut().poll(context).map(Ok)
        })
        .await
    }

    async fn feed(&self, input: &[u8]) -> Result<(), MsbError> {
        match write_all(&self.stream.turn(Channel::Stdin), input).await {
            // A command that ended without reading everything is no error of the input.
            Err(error) if error.status() == Status::NotRunning => Ok(()),
            Ok(()) => {
                let _ = self.close_stdin();
                Ok(())
            }
            failed => failed,
        }
    }

    async fn gather(&self, cap: u64, outputs: &mut [Kept; 2]) {
        while let Some(Chunk { channel, data }) = self.stream.gather().await {
            outputs[usize::from(channel == Channel::Stderr)].add(&data, cap);
            ops::add_progress(data.len() as u64, 0);
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

/// Writes as one, whoever else writes.
async fn write_all(turn: &Waiter, data: &[u8]) -> Result<(), MsbError> {
    let mut rest = data;
    loop {
        let count = turn.write(rest).await?;
        rest = &rest[count..];
        ops::add_progress(count as u64, 0);
        if rest.is_empty() {
            return Ok(());
        }
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
        collected: false,
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
    .retryable(failed.kind == SpawnFailure::TooManyStreams)
    .detail("program", program)
    .detail("stage", failed.stage.as_str());
    if failed.errno == 0 {
        error
    } else {
        error.errno(failed.errno)
    }
}
