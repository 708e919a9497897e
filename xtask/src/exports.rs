//! abi/exports.txt: the sorted names of everything that the library exports, and the check that it is all of it.
//!
//! The list follows from the sources; a library that exports more (a dependency's `no_mangle`) or less fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{TaskError, functions, same};

fn path_of(root: &Path) -> PathBuf {
    root.join("abi/exports.txt")
}

pub fn write(root: &Path) -> Result<(), TaskError> {
    crate::write(&path_of(root), &text(&declared(root)?))
}

pub fn check(root: &Path, library: &Path) -> Result<(), TaskError> {
    let declared = declared(root)?;
    same(path_of(root), &text(&declared), "exports")?;
    let exported = exported(library)?;
    let findings: Vec<String> = exported
        .difference(&declared)
        .map(|name| {
            format!(
                "{} exports `{name}`, which src/ffi does not declare",
                library.display()
            )
        })
        .chain(
            declared
                .difference(&exported)
                .map(|name| format!("{} does not export `{name}`", library.display())),
        )
        .collect();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(TaskError::Findings(findings))
    }
}

fn declared(root: &Path) -> Result<BTreeSet<String>, TaskError> {
    Ok(functions::all(root)?
        .into_iter()
        .map(|function| function.name)
        .collect())
}

fn text(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}

/// The defined dynamic symbols, as nm lists them: one `name type ...` a line.
fn exported(library: &Path) -> Result<BTreeSet<String>, TaskError> {
    let mac = cfg!(target_os = "macos");
    let flags: &[&str] = if mac {
        &["-g", "-U", "-P"]
    } else {
        &["-D", "--defined-only", "--no-demangle", "-P"]
    };
    let output = Command::new("nm")
        .args(flags)
        .arg(library)
        .output()
        .map_err(|source| TaskError::Command {
            command: "nm".to_owned(),
            source,
        })?;
    if !output.status.success() {
        return Err(TaskError::Failed(format!("nm {}", library.display())));
    }
    let names = String::from_utf8_lossy(&output.stdout);
    let names = names.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names
        .map(|name| if mac { name.trim_start_matches('_') } else { name }.to_owned())
        .collect())
}
