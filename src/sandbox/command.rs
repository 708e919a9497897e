//! The default command of a sandbox and the signal that ends it: what its image says, unless its options say otherwise.
//!
//! As in docker: an entrypoint of one's own leaves the image's cmd out, since that was written for the image's entrypoint.
//! The command is stored under the keys of 0.5.8, `runtime.entrypoint` and `runtime.cmd`.

use super::Sandbox;
use super::options::SandboxOptions;
use super::spec::SandboxSpec;
use crate::error::{MsbError, Status};
use crate::options::check::{self, Verdict, each};
use serde_json::{Map, Value};

const ENTRYPOINT: &str = "entrypoint";
const CMD: &str = "cmd";

/// SIGTERM, as Linux numbers it.
const SIGTERM: i32 = 15;
/// The first and the last real-time signal that libc leaves to programs.
const SIGRTMIN: i32 = 34;
const SIGRTMAX: i32 = 64;

/// Names of Linux's signals from number 1 on, on every processor that libmsb runs on.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl Sandbox {
    /// Program and arguments of its default command; `args` take the place of its cmd if there are any.
    pub(super) fn default_command(&self, args: Vec<String>) -> Result<(String, Vec<String>), MsbError> {
        let (_, row) = self.row()?;
        let spec = SandboxSpec::parse(&self.name, &row.config)?;
        let entrypoint = words(&spec, ENTRYPOINT)?;
        let arguments = match args.is_empty() {
            true => words(&spec, CMD)?,
            // An argument must not become a program because the program was forgotten.
            false if entrypoint.is_empty() => return Err(none(&self.name)),
            false => args,
        };
        let mut command = entrypoint.into_iter().chain(arguments);
        let program = command.next().filter(|program| !program.is_empty());
        Ok((program.ok_or_else(|| none(&self.name))?, command.collect()))
    }
}

fn none(sandbox: &str) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "exec.no_default_command",
        format!("the command names no program, and sandbox {sandbox:?} has no default command for it"),
    )
    .remedy("set the program, or create the sandbox with an entrypoint or a cmd")
    .detail("sandbox", sandbox)
    .detail("program", "is not set")
}

/// A part of the default command, as it is stored.
fn words(spec: &SandboxSpec, key: &str) -> Result<Vec<String>, MsbError> {
    let stored = spec.runtime.rest.get(key).cloned().unwrap_or_default();
    let words: Option<Vec<String>> = serde_json::from_value(stored).map_err(|error| {
        MsbError::new(
            Status::Corrupt,
            "sandbox.spec",
            format!(
                "the stored {key} of sandbox {:?} is not a list of words",
                spec.name
            ),
        )
        .source(&error)
        .remedy("remove the sandbox and create it again")
    })?;
    Ok(words.unwrap_or_default())
}

/// The default command under the keys of 0.5.8, given what the image says.
pub fn stored(
    options: &SandboxOptions,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
) -> Map<String, Value> {
    let (entrypoint, image_cmd) = match &options.entrypoint {
        Some(own) => (Some(own.clone()), None),
        None => (entrypoint, cmd),
    };
    let cmd = options.cmd.clone().or(image_cmd);
    [(ENTRYPOINT, entrypoint), (CMD, cmd)]
        .into_iter()
        .filter_map(|(key, words)| Some((key.to_owned(), Value::from(words?))))
        .collect()
}

/// Words of a command: without NUL.
pub fn check(words: &Vec<String>) -> Verdict {
    each(words, |word: &String| check::no_nul(word))
}

/// The text names a signal.
pub fn check_signal(text: &String) -> Verdict {
    match signal_number(text) {
        Some(_) => Ok(()),
        None => Err(format!("is {text:?}, which names no signal of Linux")),
    }
}

/// Linux's number of the signal by which a stop asks the sandbox's commands to end.
pub fn stop_signal(spec: &SandboxSpec) -> Result<i32, MsbError> {
    let Some(text) = &spec.libmsb.stop_signal else {
        return Ok(SIGTERM);
    };
    signal_number(text).ok_or_else(|| {
        MsbError::new(
            Status::InvalidArgument,
            "image.stop_signal",
            format!("the image asks for the stop signal {text:?}, which Linux does not have"),
        )
        .remedy("create the sandbox with a stop_signal of its own")
    })
}

/// A signal by name, with or without `SIG` and in any case, by number, or counted from a real-time one.
fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=SIGRTMAX).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let counted = |from: &str, base: i32, sign: char, direction: i32| {
        let rest = name.strip_prefix(from)?;
        let count = match rest.strip_prefix(sign) {
            Some(digits) => digits.parse::<u8>().ok()?,
            None if rest.is_empty() => 0,
            None => return None,
        };
        let number = base + direction * i32::from(count);
        (SIGRTMIN..=SIGRTMAX).contains(&number).then_some(number)
    };
    let index = NAMES.iter().position(|known| *known == name);
    index
        .and_then(|index| i32::try_from(index + 1).ok())
        .or_else(|| counted("RTMIN", SIGRTMIN, '+', 1))
        .or_else(|| counted("RTMAX", SIGRTMAX, '-', -1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_named_as_docker_names_them() {
        for (text, number) in [
            ("SIGTERM", 15),
            ("quit", 3),
            ("9", 9),
            ("SIGRTMIN", 34),
            ("RTMIN+3", 37),
            ("sigrtmax-1", 63),
        ] {
            assert_eq!(signal_number(text), Some(number), "{text}");
        }
        for text in [
            "", "SIG", "0", "65", "-1", "RTMIN-1", "RTMIN+31", "RTMAX+1", "SIGWHAT",
        ] {
            assert_eq!(signal_number(text), None, "{text}");
        }
    }

    #[test]
    fn an_entrypoint_of_ones_own_leaves_the_images_cmd_out() {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let image = || (words(&["/entry"]), words(&["serve"]));
        let text = |options: &SandboxOptions| {
            let (entrypoint, cmd) = image();
            Value::from(stored(options, entrypoint, cmd)).to_string()
        };
        let plain = SandboxOptions::default();
        assert_eq!(text(&plain), r#"{"cmd":["serve"],"entrypoint":["/entry"]}"#);
        let entry = SandboxOptions {
            entrypoint: words(&["/own"]),
            ..SandboxOptions::default()
        };
        assert_eq!(text(&entry), r#"{"entrypoint":["/own"]}"#);
        let cmd = SandboxOptions {
            cmd: words(&["other"]),
            ..SandboxOptions::default()
        };
        assert_eq!(text(&cmd), r#"{"cmd":["other"],"entrypoint":["/entry"]}"#);
    }
}
