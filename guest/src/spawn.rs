//! Starting one command: from an [`ExecSpec`] to a running process, or to a typed reason why not.
//!
//! Everything that can be decided before the clone is decided here; what the child then does is in
//! [`crate::child`]. A failure leaves nothing behind.

use crate::child::{self, ChildStack, Credentials, Plan, Step, StepFailed};
use crate::files;
use crate::tty;
use crate::user::{Identity, UserDatabase};
use msb_protocol::agent::{GuestSpec, SCRIPTS};
use msb_protocol::exec::{ExecSpec, Rlimit, SpawnFailure};
use msb_protocol::files::FilesSpec;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::{CString, c_int};
use std::os::fd::{AsRawFd, OwnedFd};
use thiserror::Error;

/// `PATH` of a command whose environment sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Most files that any process may be allowed to have open.
const NR_OPEN: &str = "/proc/sys/fs/nr_open";

/// Why a command did not start.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct SpawnError {
    /// Typed reason.
    pub kind: SpawnFailure,
    /// errno of the failed call; 0 when none applies.
    pub errno: i32,
    /// What was being done.
    pub stage: &'static str,
    /// One sentence for a person.
    pub message: String,
}

impl SpawnError {
    /// A failure with its reason, errno, stage and sentence.
    pub fn new(kind: SpawnFailure, errno: i32, stage: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            errno,
            stage,
            message: message.into(),
        }
    }
}

/// A command that runs.
#[derive(Debug)]
pub struct Spawned {
    /// Its process id, which is also its session and process group.
    pub pid: i32,
    /// Where its standard input is written to.
    pub stdin: Option<OwnedFd>,
    /// Where its output is read from.
    pub outputs: SpawnedOutputs,
}

/// The agent's ends of a command's output.
#[derive(Debug)]
pub enum SpawnedOutputs {
    /// Two pipes.
    Pipes {
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
    /// The terminal's master.
    Terminal(OwnedFd),
    /// What a worker answers.
    Worker(OwnedFd),
}

/// What every command has unless it says otherwise.
#[derive(Debug, Default)]
struct Defaults {
    env: Vec<(String, String)>,
    workdir: Option<String>,
    user: Option<String>,
    rlimits: Vec<Rlimit>,
    /// Whether the sandbox has scripts, for which every command looks first.
    scripts: bool,
}

/// Starts commands.
#[derive(Debug)]
pub struct Spawner {
    stack: ChildStack,
    users: UserDatabase,
    null: OwnedFd,
    /// The agent raises its own limit on descriptors; commands get this one.
    nofile: libc::rlimit64,
    defaults: Defaults,
    own: Identity,
}

impl Spawner {
    /// Ready to start commands that are the agent's equals.
    pub fn new(nofile: libc::rlimit64) -> rustix::io::Result<Self> {
        let mut groups: Vec<u32> = rustix::process::getgroups()?
            .into_iter()
            .map(rustix::process::Gid::as_raw)
            .collect();
        groups.sort_unstable();
        groups.dedup();
        let own = Identity {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            groups,
            home: "/".to_owned(),
        };
        Ok(Self {
            stack: ChildStack::new()?,
            users: UserDatabase::new(),
            null: rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?,
            nofile,
            defaults: Defaults::default(),
            own,
        })
    }

    /// Takes over what every command has, after checking that the user exists, that the working directory is
    /// one, and that the limits have names.
    pub fn set_defaults(&mut self, spec: &GuestSpec) -> Result<(), SpawnError> {
        self.defaults = Defaults {
            env: spec.env.clone(),
            workdir: spec.workdir.clone(),
            user: spec.user.clone(),
            rlimits: spec.rlimits.clone(),
            scripts: !spec.scripts.is_empty(),
        };
        self.identity(None)?;
        self.limits(&[])?;
        let workdir = spec.workdir.as_deref().unwrap_or("/");
        let checked = if workdir.starts_with('/') {
            rustix::fs::stat(workdir)
        } else {
            Err(Errno::INVAL)
        };
        let errno = match checked {
            Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() => return Ok(()),
            Ok(_) => Errno::NOTDIR,
            Err(errno) => errno,
        };
        Err(bad_cwd(workdir, errno.raw_os_error()))
    }

    /// Starts a command.
    pub fn spawn(&mut self, spec: &ExecSpec) -> Result<Spawned, SpawnError> {
        let identity = self.identity(spec.user.as_deref())?;
        let environment = self.environment(spec, &identity)?;
        let programs = candidates(&spec.program, environment.get("PATH").map_or("", String::as_str))?;
        let argv = std::iter::once(&spec.program)
            .chain(&spec.args)
            .map(|arg| c_string(arg, "an argument"))
            .collect::<Result<Vec<_>, _>>()?;
        let envp = environment
            .iter()
            .map(|(key, value)| c_string(&format!("{key}={value}"), "an environment variable"))
            .collect::<Result<Vec<_>, _>>()?;
        let rlimits = self.limits(&spec.rlimits)?;
        let cwd_text = spec
            .cwd
            .as_deref()
            .or(self.defaults.workdir.as_deref())
            .unwrap_or("/");
        let cwd = c_string(cwd_text, "the working directory")?;
        let change_user =
            (identity.uid, identity.gid, &identity.groups) != (self.own.uid, self.own.gid, &self.own.groups);
        let credentials = change_user.then_some(Credentials {
            uid: identity.uid,
            gid: identity.gid,
            groups: &identity.groups,
        });
        let stdio = Stdio::open(spec, &self.null, change_user.then_some(identity.uid))?;
        let plan = Plan {
            stdio: stdio.child.each_ref().map(Child::raw),
            terminal: spec.tty.is_some(),
            rlimits: &rlimits,
            credentials,
            cwd: &cwd,
            programs: &programs,
            argv: &argv.into(),
            envp: &envp.into(),
        };
        let pid = child::spawn(&plan, &mut self.stack)
            .map_err(|failed| explain(failed, spec, cwd_text, &identity))?;
        Ok(Spawned {
            pid,
            stdin: stdio.stdin,
            outputs: stdio.outputs,
        })
    }

    /// Starts a worker for a files session: as the agent itself, whatever commands run as, unless it names a user.
    pub fn spawn_worker(&mut self, spec: &FilesSpec) -> Result<Spawned, SpawnError> {
        let identity = match &spec.user {
            Some(user) => Some(self.identity(Some(user))?),
            None => None,
        };
        let start = files::Start {
            identity: identity.as_ref(),
            nofile: self.nofile,
            null: &self.null,
        };
        let forked = files::fork(&start).map_err(|errno| {
            let message = format!("no worker could be made: {errno}; give the sandbox more memory");
            SpawnError::new(SpawnFailure::OutOfMemory, errno.raw_os_error(), "fork", message)
        })?;
        Ok(Spawned {
            pid: forked.pid,
            stdin: Some(forked.stdin),
            outputs: SpawnedOutputs::Worker(forked.stdout),
        })
    }

    fn identity(&mut self, user: Option<&str>) -> Result<Identity, SpawnError> {
        let who = match user.or(self.defaults.user.as_deref()) {
            Some(who) => who,
            None if self.own.uid == 0 => "0",
            None => return Ok(self.own.clone()),
        };
        let by_default = user.is_none() && self.defaults.user.is_none();
        match self.users.resolve(who) {
            Ok(identity) if by_default => Ok(Identity {
                gid: self.own.gid,
                groups: self.own.groups.clone(),
                ..identity
            }),
            Ok(identity) => Ok(identity),
            // Nobody asked for a user, so a broken passwd must not keep root out.
            Err(_) if by_default => Ok(self.own.clone()),
            Err(error) => {
                let message = match error.source() {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                Err(SpawnError::new(
                    SpawnFailure::BadUser,
                    error.errno(),
                    "user",
                    message,
                ))
            }
        }
    }

    fn environment(
        &self,
        spec: &ExecSpec,
        identity: &Identity,
    ) -> Result<BTreeMap<String, String>, SpawnError> {
        let mut variables = BTreeMap::from([
            ("PATH".to_owned(), DEFAULT_PATH.to_owned()),
            ("HOME".to_owned(), identity.home.clone()),
        ]);
        if spec.tty.is_some() {
            variables.insert("TERM".to_owned(), "xterm".to_owned());
        }
        for (key, value) in self.defaults.env.iter().chain(&spec.env) {
            if key.is_empty() || key.contains('=') {
                let message = format!("`{key}` cannot be the name of an environment variable");
                return Err(SpawnError::new(
                    SpawnFailure::BadArgs,
                    libc::EINVAL,
                    "environment",
                    message,
                ));
            }
            variables.insert(key.clone(), value.clone());
        }
        if self.defaults.scripts {
            variables
                .entry("PATH".to_owned())
                .and_modify(|path| *path = format!("{SCRIPTS}:{path}"));
        }
        Ok(variables)
    }

    /// The limits to set: the agent's undone, then the sandbox's, then the command's.
    fn limits(&self, own: &[Rlimit]) -> Result<Vec<(c_int, libc::rlimit64)>, SpawnError> {
        let mut limits = vec![(libc::RLIMIT_NOFILE as c_int, self.nofile)];
        for limit in self.defaults.rlimits.iter().chain(own) {
            let resource = resource_number(&limit.resource).ok_or_else(|| {
                let message = format!("`{}` is not the name of a resource limit", limit.resource);
                SpawnError::new(SpawnFailure::ResourceLimit, libc::EINVAL, "setrlimit", message)
            })?;
            limits.push((
                resource,
                libc::rlimit64 {
                    rlim_cur: limit.soft,
                    rlim_max: limit.hard,
                },
            ));
        }
        Ok(limits)
    }
}

/// The limits that can be set, by their names on the wire.
const RESOURCES: [(&str, c_int); 16] = [
    ("as", libc::RLIMIT_AS as c_int),
    ("core", libc::RLIMIT_CORE as c_int),
    ("cpu", libc::RLIMIT_CPU as c_int),
    ("data", libc::RLIMIT_DATA as c_int),
    ("fsize", libc::RLIMIT_FSIZE as c_int),
    ("locks", libc::RLIMIT_LOCKS as c_int),
    ("memlock", libc::RLIMIT_MEMLOCK as c_int),
    ("msgqueue", libc::RLIMIT_MSGQUEUE as c_int),
    ("nice", libc::RLIMIT_NICE as c_int),
    ("nofile", libc::RLIMIT_NOFILE as c_int),
    ("nproc", libc::RLIMIT_NPROC as c_int),
    ("rss", libc::RLIMIT_RSS as c_int),
    ("rtprio", libc::RLIMIT_RTPRIO as c_int),
    ("rttime", libc::RLIMIT_RTTIME as c_int),
    ("sigpending", libc::RLIMIT_SIGPENDING as c_int),
    ("stack", libc::RLIMIT_STACK as c_int),
];

fn resource_number(name: &str) -> Option<c_int> {
    let found = RESOURCES.iter().find(|(known, _)| *known == name)?;
    Some(found.1)
}

/// Why the kernel did not take a limit, and what it would take.
fn limit_refused(resource: c_int, errno: c_int) -> String {
    let name = RESOURCES
        .iter()
        .find(|(_, number)| *number == resource)
        .map_or("", |(name, _)| name);
    let reason = std::io::Error::from_raw_os_error(errno);
    let advice = match (resource == libc::RLIMIT_NOFILE as c_int, errno) {
        (true, libc::EPERM) => {
            let most = std::fs::read_to_string(NR_OPEN).unwrap_or_default();
            let most = most.trim();
            format!("; ask for no more than {NR_OPEN} of the guest allows ({most}), or raise that first")
        }
        (_, libc::EPERM) => "; the agent itself has less, so ask for less".to_owned(),
        (_, libc::EINVAL) => "; ask for a soft limit that is no more than the hard one".to_owned(),
        _ => String::new(),
    };
    format!("the resource limit `{name}` was refused: {reason}{advice}")
}

fn c_string(text: &str, what: &str) -> Result<CString, SpawnError> {
    CString::new(text).map_err(|_| {
        let message = format!("{what} contains a NUL byte");
        SpawnError::new(SpawnFailure::BadArgs, libc::EINVAL, "arguments", message)
    })
}

/// The files that a program's name may mean. An empty entry of PATH is the working directory, as in a shell.
fn candidates(program: &str, path: &str) -> Result<Vec<CString>, SpawnError> {
    if program.contains('/') {
        return Ok(vec![c_string(program, "the program")?]);
    }
    if program.is_empty() {
        let message = "the program's name is empty";
        return Err(SpawnError::new(
            SpawnFailure::NotFound,
            libc::ENOENT,
            "lookup",
            message,
        ));
    }
    path.split(':')
        .map(|directory| if directory.is_empty() { "." } else { directory })
        .map(|directory| c_string(&format!("{directory}/{program}"), "the program or PATH"))
        .collect()
}

/// The command's ends of its descriptors: its own, or the shared /dev/null.
enum Child<'a> {
    Own(OwnedFd),
    Shared(&'a OwnedFd),
}

impl Child<'_> {
    fn raw(&self) -> c_int {
        match self {
            Self::Own(fd) => fd.as_raw_fd(),
            Self::Shared(fd) => fd.as_raw_fd(),
        }
    }
}

struct Stdio<'a> {
    child: [Child<'a>; 3],
    stdin: Option<OwnedFd>,
    outputs: SpawnedOutputs,
}

impl<'a> Stdio<'a> {
    fn open(spec: &ExecSpec, null: &'a OwnedFd, owner: Option<u32>) -> Result<Self, SpawnError> {
        match spec.tty {
            Some(size) => Self::terminal(size, owner).map_err(|errno| {
                let message =
                    format!("no terminal could be made: {errno}; is /dev/pts mounted in the guest?");
                SpawnError::new(SpawnFailure::PtySetupFailed, errno.raw_os_error(), "pty", message)
            }),
            None => Self::pipes(spec.stdin, null).map_err(|errno| {
                let message = format!("no pipes could be made: {errno}; run fewer commands at once");
                SpawnError::new(SpawnFailure::OutOfMemory, errno.raw_os_error(), "pipe", message)
            }),
        }
    }

    fn terminal(size: msb_protocol::exec::TerminalSize, owner: Option<u32>) -> rustix::io::Result<Self> {
        let terminal = tty::open(size, owner)?;
        let input = rustix::io::fcntl_dupfd_cloexec(&terminal.master, 3)?;
        let second = rustix::io::fcntl_dupfd_cloexec(&terminal.slave, 3)?;
        let third = rustix::io::fcntl_dupfd_cloexec(&terminal.slave, 3)?;
        Ok(Self {
            child: [Child::Own(terminal.slave), Child::Own(second), Child::Own(third)],
            stdin: Some(input),
            outputs: SpawnedOutputs::Terminal(terminal.master),
        })
    }

    fn pipes(feed_stdin: bool, null: &'a OwnedFd) -> rustix::io::Result<Self> {
        let (stdout, stdout_child) = output_pipe()?;
        let (stderr, stderr_child) = output_pipe()?;
        let (stdin_child, stdin) = if feed_stdin {
            let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
            rustix::fs::fcntl_setfl(&write, OFlags::NONBLOCK)?;
            (Child::Own(read), Some(write))
        } else {
            (Child::Shared(null), None)
        };
        Ok(Self {
            child: [stdin_child, Child::Own(stdout_child), Child::Own(stderr_child)],
            stdin,
            outputs: SpawnedOutputs::Pipes { stdout, stderr },
        })
    }
}

/// A pipe whose read end, the agent's, never blocks.
fn output_pipe() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
    Ok((read, write))
}

fn bad_cwd(cwd: &str, errno: i32) -> SpawnError {
    let reason = std::io::Error::from_raw_os_error(errno);
    let message = format!("the working directory `{cwd}` cannot be entered: {reason}");
    SpawnError::new(SpawnFailure::BadCwd, errno, "chdir", message)
}

/// What a failed step of the child means to the caller.
fn explain(failed: StepFailed, spec: &ExecSpec, cwd: &str, identity: &Identity) -> SpawnError {
    let StepFailed { step, errno } = failed;
    let program = &spec.program;
    let reason = std::io::Error::from_raw_os_error(errno);
    let (kind, message) = match (step, errno) {
        (Step::Chdir, _) => return bad_cwd(cwd, errno),
        (Step::Rlimit(resource), _) => (SpawnFailure::ResourceLimit, limit_refused(resource, errno)),
        (Step::Groups | Step::Group | Step::User, _) => {
            let (uid, gid) = (identity.uid, identity.gid);
            (
                SpawnFailure::BadUser,
                format!("user {uid} with group {gid} cannot be taken on: {reason}"),
            )
        }
        (Step::Terminal, _) => (
            SpawnFailure::PtySetupFailed,
            format!("the terminal cannot be taken as the command's own: {reason}"),
        ),
        (Step::Clone, _) | (_, libc::ENOMEM | libc::EAGAIN) => (
            SpawnFailure::OutOfMemory,
            format!("no memory or process slot is left in the guest: {reason}"),
        ),
        (Step::Interpreter, _) => (
            SpawnFailure::NotExecutable,
            format!("`{program}` is there, but the interpreter it names is not"),
        ),
        (Step::Exec, libc::ENOENT | libc::ENOTDIR) => (
            SpawnFailure::NotFound,
            format!("there is no program `{program}` in the guest"),
        ),
        (Step::Exec, libc::EISDIR) => (
            SpawnFailure::NotExecutable,
            format!("`{program}` is a directory, not a program"),
        ),
        (Step::Exec, libc::EACCES | libc::EPERM) => (
            SpawnFailure::PermissionDenied,
            format!("`{program}` may not be run by this user: {reason}"),
        ),
        (Step::Exec, libc::E2BIG) => (
            SpawnFailure::BadArgs,
            "arguments and environment are longer than the kernel allows".to_owned(),
        ),
        (Step::Exec, libc::ENAMETOOLONG) => (
            SpawnFailure::BadArgs,
            "the program's path is longer than the kernel allows".to_owned(),
        ),
        (Step::Exec, libc::ENOEXEC | libc::ELIBBAD | libc::EINVAL) => (
            SpawnFailure::NotExecutable,
            format!("`{program}` is no program that this kernel can run: {reason}"),
        ),
        _ => (
            SpawnFailure::Other,
            format!("`{program}` could not be started: {reason}"),
        ),
    };
    SpawnError::new(kind, errno, step.name(), message)
}
