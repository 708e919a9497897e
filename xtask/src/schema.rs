//! schemas/*.json: the JSON forms of the config builders, and the configuration file.
//!
//! The lists of options and keys are Rust values of the library, so a test of it compares or rewrites the files; this runs it.

use std::path::Path;
use std::process::Command;

use crate::TaskError;

const TEST: &str = "published_schemas_are_those_of_the_options";

pub fn write(root: &Path) -> Result<(), TaskError> {
    run(root, "1")
}

pub fn check(root: &Path) -> Result<(), TaskError> {
    run(root, "0")
}

fn run(root: &Path, rewrite: &str) -> Result<(), TaskError> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(&cargo)
        .current_dir(root)
        .args([
            "test",
            "--quiet",
            "--package",
            "msb",
            "--test",
            "abi",
            "--",
            "--exact",
            TEST,
        ])
        .env("MSB_REWRITE_SCHEMAS", rewrite)
        .status()
        .map_err(|source| TaskError::Command {
            command: cargo,
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(TaskError::Failed("the comparison of schemas/*.json".to_owned()))
    }
}
