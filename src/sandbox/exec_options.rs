//! The options of a command in a sandbox, as a caller gives them.
//!
//! Only the form of a value is judged here: users, programs and directories are looked up in the guest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::MsbError;
use crate::options::check::{self, each, within};
use crate::options::{OptionType, Options, options, verdict};
use crate::sandbox::options::Rlimit;

/// Where a command's standard input comes from.
///
/// In JSON `"none"`, `"pipe"`, `{"text": "..."}` or, for bytes that are not UTF-8, `{"bytes": [0, 255]}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "StdinForm", into = "StdinForm")]
pub enum Stdin {
    /// End of file at once.
    None,
    /// A stream that the caller writes to while the command runs.
    Pipe,
    /// These bytes, then end of file.
    Bytes(Vec<u8>),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum StdinForm {
    None,
    Pipe,
    Text(String),
    Bytes(Vec<u8>),
}

impl From<StdinForm> for Stdin {
    fn from(form: StdinForm) -> Self {
        match form {
            StdinForm::None => Self::None,
            StdinForm::Pipe => Self::Pipe,
            StdinForm::Text(text) => Self::Bytes(text.into_bytes()),
            StdinForm::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

impl From<Stdin> for StdinForm {
    fn from(stdin: Stdin) -> Self {
        match stdin {
            Stdin::None => Self::None,
            Stdin::Pipe => Self::Pipe,
            Stdin::Bytes(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::Text(text),
                Err(error) => Self::Bytes(error.into_bytes()),
            },
        }
    }
}

impl OptionType for Stdin {
    fn schema() -> Value {
        let one = |key: &str, schema: Value| {
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": [key],
                "properties": { key: schema },
            })
        };
        let byte = json!({ "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } });
        json!({ "oneOf": [{ "enum": ["none", "pipe"] }, one("text", String::schema()), one("bytes", byte)] })
    }
}

options! {
    /// A command to run in a sandbox.
    ExecOptions for "msb_exec_config" {
        /// The program: a path in the guest, or a name that is looked for in its `PATH`. Unset: the sandbox's default
        /// command, its entrypoint and cmd, in which args take the place of cmd if there are any.
        program: Option<String> = None, "set_program", since "0.1.0", check |v| each(v, check::text);
        /// The arguments after the program's own name.
        args: Vec<String> = Vec::new(), "add_arg", since "0.1.0", check |v| each(v, |arg: &String| check::no_nul(arg));
        /// Environment variables, added to those of the sandbox. The prefix `MSB_` is reserved.
        env: BTreeMap<String, String> = BTreeMap::new(), "set_env", since "0.1.0", check check::env;
        /// The working directory in the guest. Unset: the sandbox's.
        cwd: Option<String> = None, "set_cwd", since "0.1.0", check |v| each(v, check::text);
        /// The user: a name of the guest's passwd or a number, `user[:group]`. Unset: the sandbox's.
        user: Option<String> = None, "set_user", since "0.1.0", check |v| each(v, check::text);
        /// Whether the command gets a terminal; its standard error then arrives with its standard output.
        tty: bool = false, "set_tty", since "0.1.0", check check::any;
        /// The rows of the terminal, at least 1.
        rows: u16 = 24, "set_rows", since "0.1.0", check |v| within(1..=u16::MAX)(v);
        /// The columns of the terminal, at least 1.
        cols: u16 = 80, "set_cols", since "0.1.0", check |v| within(1..=u16::MAX)(v);
        /// Kill the command after this long, in milliseconds, at least 1. Unset: never.
        timeout_ms: Option<u64> = None, "set_timeout_ms", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
        /// The standard input: nothing, bytes given beforehand, or a pipe to write to while the command runs.
        stdin: Stdin = Stdin::None, "set_stdin", since "0.1.0", check check::any;
        /// Resource limits, added to those of the sandbox.
        rlimits: Vec<Rlimit> = Vec::new(), "add_rlimit", since "0.1.0", check |v| each(v, Rlimit::check);
        /// How much of each output stream a collected command keeps, in bytes; the result says if there was
        /// more.
        max_output_bytes: u64 = 16 << 20, "set_max_output_bytes", since "0.1.0", check |v| within(0..=1 << 32)(v);
    }
}

impl ExecOptions {
    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{from_json, to_json};

    #[test]
    fn stdin_survives_json_whatever_its_bytes() {
        for stdin in [
            Stdin::None,
            Stdin::Pipe,
            Stdin::Bytes(b"hi\n\0".to_vec()),
            Stdin::Bytes(vec![0xff, 0]),
        ] {
            let options = ExecOptions {
                stdin,
                ..ExecOptions::default()
            };
            assert_eq!(
                from_json::<ExecOptions>(&to_json(&options).unwrap()).unwrap(),
                options
            );
        }
    }
}
