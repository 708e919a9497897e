//! Finds the guest kernel and keeps it as an ELF file that both hypervisors boot.
//!
//! The kernel ships inside a shared library, `libkrunfw`. The runner loads that library in a process of its own,
//! never the host, and writes the kernel to `<cache>/kernel/<digest>.elf`. An index beside it remembers
//! which library file gave which kernel, so that a start reads no 20 MB to find out.

use super::embedded::{hex, write_atomically};
use crate::error::{MsbError, Status};
use crate::supervise::child;
use crate::sys;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Names the library may have in a directory.
const LIBRARY_NAMES: [&str; 2] = ["libkrunfw.so.5", "libkrunfw.so"];
/// What the system's loader is asked for.
const SYSTEM_NAME: &str = "libkrunfw.so.5";
/// Environment variable that names the library.
const VARIABLE: &str = "MSB_LIBKRUNFW_PATH";

/// How long loading the library and writing 21 MB may take.
const EXTRACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the kernel came from and where it is.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The ELF file.
    pub path: PathBuf,
    /// The library that held it, or its name when the system's loader found it.
    pub source: PathBuf,
    /// Names this very kernel.
    pub digest: String,
}

/// What identifies a library file without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
}

#[derive(Debug, Serialize, Deserialize)]
struct IndexEntry {
    stamp: Stamp,
    digest: String,
}

/// The library's path to its stamp and its kernel.
type Index = BTreeMap<PathBuf, IndexEntry>;

/// What the runner says about a library.
#[derive(Debug, Deserialize)]
struct Extracted {
    ok: bool,
    #[serde(default)]
    source: Option<PathBuf>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    errno: i32,
}

/// The runner's word for a kernel that it could not write; everything else is about the library.
const CANNOT_WRITE: &str = "write";

/// Finds a kernel and makes its ELF file if that is not there yet. `configured` alone counts when given.
pub fn find(home: &Path, cache: &Path, configured: Option<&Path>, runner: &Path) -> Result<Kernel, MsbError> {
    let candidates = candidates(home, configured);
    if let Some(library) = candidates.iter().find(|path| path.is_file()) {
        return from_library(cache, library, runner);
    }
    let explicit = configured.is_some() || variable().is_some();
    if !explicit && let Some(kernel) = from_system(cache, runner)? {
        return Ok(kernel);
    }
    Err(not_found(&candidates, explicit))
}

/// What the environment says; a variable without a value says nothing.
fn variable() -> Option<PathBuf> {
    named(std::env::var_os(VARIABLE))
}

fn named(value: Option<OsString>) -> Option<PathBuf> {
    value.filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn candidates(home: &Path, configured: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = configured {
        return vec![path.to_path_buf()];
    }
    if let Some(path) = variable() {
        return vec![path];
    }
    let beside = sys::own_library().and_then(|library| library.parent().map(Path::to_path_buf));
    let directories = beside.into_iter().chain([home.join("lib")]);
    directories
        .flat_map(|directory| LIBRARY_NAMES.map(|name| directory.join(name)))
        .collect()
}

fn not_found(candidates: &[PathBuf], explicit: bool) -> MsbError {
    let mut looked: Vec<String> = candidates.iter().map(|path| looked_at(path)).collect();
    if !explicit {
        looked.push(format!("{SYSTEM_NAME} by the system's loader"));
    }
    MsbError::new(
        Status::KernelNotFound,
        "kernel.not_found",
        format!("no guest kernel was found; looked for {}", looked.join(", ")),
    )
    .remedy(format!(
        "install libkrunfw (version 5) or set {VARIABLE} to its libkrunfw.so.5"
    ))
    .detail("looked_for", looked.join("\n"))
}

fn looked_at(path: &Path) -> String {
    if path.is_dir() {
        return format!("{} (a directory, not a library)", path.display());
    }
    path.display().to_string()
}

fn from_library(cache: &Path, library: &Path, runner: &Path) -> Result<Kernel, MsbError> {
    let library = fs::canonicalize(library).map_err(|error| unreadable(library, &error))?;
    let stamp = stamp(&library).map_err(|error| unreadable(&library, &error))?;
    let directory = cache.join("kernel");
    let mut index = read_index(&directory);
    if let Some(entry) = index.get(&library).filter(|entry| entry.stamp == stamp) {
        let path = elf_path(&directory, &entry.digest);
        if path.is_file() {
            return Ok(Kernel {
                path,
                source: library,
                digest: entry.digest.clone(),
            });
        }
    }
    let kernel = extract(&directory, Some(&library), runner)?;
    index.insert(
        library,
        IndexEntry {
            stamp,
            digest: kernel.digest.clone(),
        },
    );
    write_index(&directory, &index)?;
    Ok(kernel)
}

/// Asks the system's loader. `None` when it knows no such library.
fn from_system(cache: &Path, runner: &Path) -> Result<Option<Kernel>, MsbError> {
    let directory = cache.join("kernel");
    let key = Path::new(SYSTEM_NAME);
    let index = read_index(&directory);
    // The loader's last answer is good as long as that very file is there.
    for (library, entry) in &index {
        if library
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(SYSTEM_NAME))
            && stamp(library).is_ok_and(|now| now == entry.stamp)
            && is_system_path(library)
        {
            return from_library(cache, library, runner).map(Some);
        }
    }
    match extract(&directory, None, runner) {
        Ok(kernel) if kernel.source.is_absolute() => from_library(cache, &kernel.source, runner).map(Some),
        Ok(kernel) => Ok(Some(Kernel {
            source: key.to_path_buf(),
            ..kernel
        })),
        Err(error) if error.reason() == "kernel.not_loadable" => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_system_path(library: &Path) -> bool {
    [
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/local/lib64",
    ]
    .iter()
    .any(|directory| library.starts_with(directory))
}

/// Has the runner load the library and write its kernel; names the file after its content.
fn extract(directory: &Path, library: Option<&Path>, runner: &Path) -> Result<Kernel, MsbError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| MsbError::io("kernel.cache", "cannot make", directory, &error))?;
    let random = sys::random_hex()
        .map_err(|error| MsbError::io("kernel.cache", "no random name for", directory, &error))?;
    let fresh = directory.join(format!("{random}.new"));
    let outcome = run_extraction(library, &fresh, runner);
    let kernel = outcome.and_then(|source| adopt(directory, &fresh, source));
    if kernel.is_err() {
        // Never leave half a kernel behind; the first failure is the one to report.
        let _ = fs::remove_file(&fresh);
    }
    kernel
}

fn run_extraction(library: Option<&Path>, fresh: &Path, runner: &Path) -> Result<PathBuf, MsbError> {
    let source = library.unwrap_or(Path::new("-"));
    let output = child::output(
        Command::new(runner).arg("kernel").arg(source).arg(fresh),
        EXTRACTION_TIMEOUT,
    )
    .map_err(|error| MsbError::io("runner.spawn", "cannot run", runner, &error))?;
    let answer: Extracted = serde_json::from_slice(&output).map_err(|error| {
        MsbError::new(
            Status::Internal,
            "kernel.extract",
            "the runner gave no answer about the kernel",
        )
        .source(&error)
    })?;
    if answer.ok {
        return Ok(answer.source.unwrap_or_else(|| source.to_path_buf()));
    }
    if answer.cause == CANNOT_WRITE {
        let error = io::Error::from_raw_os_error(answer.errno);
        return Err(
            MsbError::io("kernel.cache", "cannot write the guest kernel to", fresh, &error)
                .remedy("see that there are 30 MB of space and that this user may write there"),
        );
    }
    Err(MsbError::new(
        Status::KernelNotFound,
        "kernel.not_loadable",
        format!(
            "{} holds no kernel that can be used: {}",
            source.display(),
            answer.message
        ),
    )
    .detail("cause", answer.cause))
}

fn adopt(directory: &Path, fresh: &Path, source: PathBuf) -> Result<Kernel, MsbError> {
    let failed = |error: &io::Error| MsbError::io("kernel.cache", "cannot keep", fresh, error);
    let content = fs::read(fresh).map_err(|error| failed(&error))?;
    let digest = hex(&Sha256::digest(&content)[..16]);
    let path = elf_path(directory, &digest);
    fs::rename(fresh, &path).map_err(|error| failed(&error))?;
    Ok(Kernel { path, source, digest })
}

fn elf_path(directory: &Path, digest: &str) -> PathBuf {
    directory.join(format!("{digest}.elf"))
}

fn stamp(library: &Path) -> io::Result<Stamp> {
    let meta = fs::metadata(library)?;
    let modified_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Ok(Stamp {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.size(),
        modified_ns,
    })
}

/// The index is a cache: one that cannot be read is as good as none.
fn read_index(directory: &Path) -> Index {
    let text = fs::read(directory.join("index.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_index(directory: &Path, index: &Index) -> Result<(), MsbError> {
    let path = directory.join("index.json");
    let failed = |error: &io::Error| MsbError::io("kernel.cache", "cannot write", &path, error);
    let text = serde_json::to_vec_pretty(index).map_err(|error| failed(&error.into()))?;
    write_atomically(&path, &text, 0o600).map_err(|error| failed(&error))
}

fn unreadable(library: &Path, error: &io::Error) -> MsbError {
    MsbError::io("kernel.unreadable", "cannot read", library, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A runner that answers with this line.
    fn runner(directory: &Path, answer: &str) -> PathBuf {
        let path = directory.join("runner");
        fs::write(&path, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    #[test]
    fn a_kernel_that_cannot_be_written_is_not_one_that_was_not_found() {
        let place = tempfile::tempdir().unwrap();
        for (errno, status) in [
            (libc::ENOSPC, Status::DiskFull),
            (libc::EACCES, Status::PermissionDenied),
            (libc::EIO, Status::Io),
        ] {
            let answer = format!(r#"{{"ok":false,"cause":"write","errno":{errno},"message":"no"}}"#);
            let runner = runner(place.path(), &answer);
            // Whether the system's loader is asked or a library is named.
            let asked = from_system(place.path(), &runner).unwrap_err();
            let library = place.path().join("libkrunfw.so.5");
            fs::write(&library, "library").unwrap();
            let named = from_library(place.path(), &library, &runner).unwrap_err();
            for error in [asked, named] {
                assert_eq!((error.status(), error.reason()), (status, "kernel.cache"));
                assert_eq!(error.os_errno(), Some(errno));
            }
        }
    }

    #[test]
    fn a_library_that_the_loader_does_not_know_is_not_found() {
        let place = tempfile::tempdir().unwrap();
        let answer = r#"{"ok":false,"cause":"not_found","errno":0,"message":"no"}"#;
        let runner = runner(place.path(), answer);
        assert!(from_system(place.path(), &runner).unwrap().is_none());
    }

    #[test]
    fn a_directory_in_place_of_the_library_is_called_one_and_no_value_is_unset() {
        let place = tempfile::tempdir().unwrap();
        let error = find(
            place.path(),
            place.path(),
            Some(place.path()),
            Path::new("/runner"),
        )
        .unwrap_err();
        assert_eq!(error.reason(), "kernel.not_found");
        assert!(error.text().contains("(a directory, not a library)"), "{error:?}");
        assert_eq!(named(Some(OsString::new())), None);
        assert_eq!(named(Some("/lib/x.so".into())), Some("/lib/x.so".into()));
    }
}
