//! Programs of Docker that keep passwords: `docker-credential-NAME get`.
//!
//! What the program prints counts, not its exit status: a host that ignores SIGCHLD, or reaps every child, takes that
//! away. The program has a deadline, and ends when the call is cancelled.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::watch::LOOK;
use super::{Cancel, Credential, CredentialsError, Origin};

/// Most that a program may print.
const MAX_OUTPUT: usize = 64 << 10;

/// A program may ask its user first.
const LIMIT: Duration = Duration::from_secs(60);

/// What a killed program has to be gone.
const GONE: Duration = Duration::from_secs(1);

/// How a program says that it knows nothing.
const UNKNOWN: &str = "credentials not found";

/// The user name that goes with an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: Zeroizing<String>,
}

/// Asks the program of this name for the login at a server.
pub(super) fn ask(
    name: &str,
    server: &str,
    cancel: &dyn Cancel,
) -> Result<Option<Credential>, CredentialsError> {
    let program = format!("docker-credential-{name}");
    let failed = |source: io::Error| CredentialsError::Helper {
        program: program.clone(),
        source,
    };
    if name.is_empty() || name.contains('/') {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    let output = match run(Command::new(&program).arg("get"), server, cancel) {
        Err(_) if cancel.is_cancelled() => return Err(CredentialsError::Cancelled),
        output => output.map_err(failed)?,
    };
    if let Ok(answer) = serde_json::from_slice::<Answer>(&output) {
        let origin = Origin::Helper(program);
        let credential = match answer.username.as_str() {
            TOKEN_USER => Credential::identity(origin, &answer.secret),
            username => Credential::password(origin, username, &answer.secret),
        };
        return Ok(Some(credential));
    }
    if String::from_utf8_lossy(&output).contains(UNKNOWN) {
        return Ok(None);
    }
    // Not what it printed, as that may be a password.
    Err(failed(io::Error::other(
        "it answers neither with a login nor that it has none",
    )))
}

/// Runs a program to its end and returns what it printed.
fn run(command: &mut Command, input: &str, cancel: &dyn Cancel) -> io::Result<Zeroizing<Vec<u8>>> {
    // The pipe takes this little at once; and while its other end is open here, no SIGPIPE can come.
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(input.as_bytes())?;
    drop(writer);
    let mut child = command
        .stdin(reader)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Not a part of the host's group: a Ctrl-C there says nothing about this.
        .process_group(0)
        .spawn()?;
    let until = Instant::now() + LIMIT;
    let output = match child.stdout.take() {
        Some(mut pipe) => read(&mut pipe, until, cancel),
        None => Err(io::ErrorKind::BrokenPipe.into()),
    };
    end(
        &mut child,
        if output.is_ok() { until } else { Instant::now() },
        cancel,
    );
    output
}

fn read(
    pipe: &mut (impl Read + AsFd),
    until: Instant,
    cancel: &dyn Cancel,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let slice = Timespec::try_from(LOOK).map_err(io::Error::other)?;
    let mut output = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT));
    let mut buffer = Zeroizing::new([0; 4096]);
    loop {
        if cancel.is_cancelled() || Instant::now() > until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&slice)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let count = pipe.read(&mut buffer[..])?;
        if count == 0 {
            return Ok(output);
        }
        if output.len() + count > MAX_OUTPUT {
            return Err(io::Error::other("it prints too much"));
        }
        output.extend_from_slice(&buffer[..count]);
    }
}

/// Waits for the program, and ends it when its time is over.
fn end(child: &mut Child, until: Instant, cancel: &dyn Cancel) {
    let mut killed: Option<Instant> = None;
    // An error means that somebody else has its status: it has ended.
    while matches!(child.try_wait(), Ok(None)) {
        match killed {
            Some(at) if at.elapsed() > GONE => return,
            Some(_) => {}
            None if cancel.is_cancelled() || Instant::now() >= until => {
                // It was there just now; if it ended meanwhile, the next look says so.
                let _ = child.kill();
                killed = Some(Instant::now());
            }
            None => {}
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
