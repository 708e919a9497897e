//! The one JSON line on standard output by which the short-lived subcommands answer their starter.

use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a subcommand failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Stable name of the cause, for programs.
    pub cause: &'static str,
    /// errno of the failed call; 0 when none applies.
    pub errno: i32,
    /// One sentence for a person.
    pub message: String,
}

#[derive(Serialize)]
struct Line<'a> {
    ok: bool,
    #[serde(flatten)]
    failure: Option<&'a Failure>,
}

/// Prints the outcome; the exit code says the same.
pub fn say(outcome: Result<(), Failure>) -> ExitCode {
    let failure = outcome.err();
    let line = Line {
        ok: failure.is_none(),
        failure: failure.as_ref(),
    };
    let mut out = io::stdout().lock();
    let written = serde_json::to_writer(&mut out, &line)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    if failure.is_none() && written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
