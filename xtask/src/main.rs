//! Makes and checks what is derived from the sources: `cargo run -p xtask -- <task> [--check]`.
//!
//! Without `--check` a task rewrites its committed file; with it, it fails if the file is not what it would write.

mod declarations;
mod docs;
mod exports;
mod functions;
mod header;
mod layout;
mod schema;
mod twins;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- <task>
  header [--check]               include/msb.h
  exports [--check LIBRARY.so]   abi/exports.txt; with --check, also what the library exports
  layout [--check]               abi/layout.h: what built programs depend on; only ever added to
  docs --check                   the comment of every exported function, and that calls that wait have twins
  schema [--check]               schemas/*.json
";

#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error("{USAGE}")]
    Usage,
    #[error("{doing} {path}")]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{path} does not parse as Rust")]
    Parse { path: PathBuf, source: syn::Error },
    #[error("cbindgen cannot make the header")]
    Header(#[from] cbindgen::Error),
    #[error(transparent)]
    Declaration(#[from] declarations::DeclarationError),
    #[error("cbindgen.toml cannot be used: {0}")]
    Config(String),
    #[error("{path} is not what the sources say; run `cargo run -p xtask -- {task}` and commit it")]
    Drift { path: PathBuf, task: &'static str },
    #[error("{} found:\n  {}", .0.len(), .0.join("\n  "))]
    Findings(Vec<String>),
    #[error("{command} cannot be run; install it")]
    Command { command: String, source: io::Error },
    #[error("{0} failed")]
    Failed(String),
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Err(error) = run(&args) else {
        return ExitCode::SUCCESS;
    };
    let mut text = format!("xtask: {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text.push_str(&format!(": {next}"));
        cause = next.source();
    }
    // With standard error closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}

fn run(args: &[String]) -> Result<(), TaskError> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = root();
    match args.as_slice() {
        ["header"] => header::write(&root),
        ["header", "--check"] => header::check(&root),
        ["exports"] => exports::write(&root),
        ["exports", "--check", library] => exports::check(&root, Path::new(library)),
        ["layout"] => layout::write(&root),
        ["layout", "--check"] => layout::check(&root),
        ["docs", "--check"] => docs::check(&root),
        ["schema"] => schema::write(&root),
        ["schema", "--check"] => schema::check(&root),
        _ => Err(TaskError::Usage),
    }
}

/// The repository: the directory above this crate's, which `cargo run` tells; else the current one.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    own.as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new("."))
        .to_owned()
}

fn read(path: &Path) -> Result<String, TaskError> {
    fs::read_to_string(path).map_err(|source| TaskError::File {
        doing: "cannot read",
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, text: &str) -> Result<(), TaskError> {
    fs::write(path, text).map_err(|source| TaskError::File {
        doing: "cannot write",
        path: path.to_owned(),
        source,
    })
}

/// Fails unless `path` holds `text`.
fn same(path: PathBuf, text: &str, task: &'static str) -> Result<(), TaskError> {
    if read(&path)? == text {
        Ok(())
    } else {
        Err(TaskError::Drift { path, task })
    }
}
