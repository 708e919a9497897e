//! What the failures of file operations are to callers of the library.
//!
//! Paths and words may come from a hostile guest or a hostile tree: text for people is bounded and has no control
//! characters in it.

use crate::error::{MsbError, Status};
use crate::supervise::stream::SpawnFailed;
use msb_protocol::exec::SpawnFailure;
use msb_protocol::files::Failure;
use msb_tree::{Room, TreeError, TreeErrorKind, path_problem};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Most characters of a path, or of what was done to it, that an error shows.
const MAX_TEXT: usize = 4096;

impl From<TreeError> for MsbError {
    fn from(error: TreeError) -> Self {
        let (status, reason, remedy) = meaning(error.kind);
        let what = printable(&error.what);
        let path = printable(&error.path.to_string_lossy());
        let message = match explanation(&error) {
            Some(explanation) => format!("cannot {what} {path:?}: {explanation}"),
            None => format!("cannot {what} {path:?}"),
        };
        let made = Self::new(status, reason, message)
            .remedy(remedy)
            .detail("path", error.path.as_os_str().as_bytes());
        let made = match error.room() {
            Some(room) => made
                .detail("quota_bytes", room.limit.bytes.to_string())
                .detail("used_bytes", room.used.bytes.to_string()),
            None => made,
        };
        match error.errno() {
            Some(errno) => made.source(&io::Error::from_raw_os_error(errno)),
            None => made,
        }
    }
}

/// What a guest says went wrong.
pub fn failed(failure: &Failure) -> MsbError {
    let path = Path::new(OsStr::from_bytes(&failure.path));
    MsbError::from(TreeError::from_parts(
        failure.kind,
        failure.what.clone(),
        path,
        failure.errno,
    ))
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

/// What the kind says beyond the system's own words for the errno.
fn explanation(error: &TreeError) -> Option<Cow<'static, str>> {
    let said = match error.kind {
        TreeErrorKind::OutsideRoot => Some("the path leads out of the tree"),
        TreeErrorKind::BadPath => {
            Some(path_problem(&error.path).unwrap_or("the path cannot be one of a file"))
        }
        TreeErrorKind::NotAFile => Some("it is a pipe, a socket or a device"),
        TreeErrorKind::NotADirectory => Some("it is not a directory"),
        TreeErrorKind::IsADirectory => Some("it is a directory"),
        TreeErrorKind::TooLarge => Some("it is larger than may be"),
        TreeErrorKind::QuotaExceeded => match error.room() {
            Some(room) => return Some(used_up(room).into()),
            None => Some("the volume's quota is used up"),
        },
        TreeErrorKind::NotOpenFor => Some("the file was not opened for it"),
        TreeErrorKind::Cancelled => Some("it was cancelled"),
        TreeErrorKind::BadArchive => Some("the archive is damaged, or holds what is not accepted"),
        TreeErrorKind::NotFound
        | TreeErrorKind::AlreadyExists
        | TreeErrorKind::NotEmpty
        | TreeErrorKind::NoSpace
        | TreeErrorKind::PermissionDenied
        | TreeErrorKind::Loop
        | TreeErrorKind::ReadOnly
        | TreeErrorKind::Io => None,
    };
    said.map(Cow::Borrowed)
}

/// What a quota that refuses allows, and what is there.
fn used_up(room: Room) -> String {
    format!(
        "the volume's quota of {} MiB and {} files does not allow it, of which {} bytes and {} files are used",
        room.limit.bytes >> 20,
        room.limit.inodes,
        room.used.bytes,
        room.used.inodes
    )
}

/// Status, reason and remedy.
fn meaning(kind: TreeErrorKind) -> (Status, &'static str, &'static str) {
    match kind {
        TreeErrorKind::NotFound => (Status::NotFound, "file.not_found", "list the directory above it"),
        TreeErrorKind::AlreadyExists => (
            Status::AlreadyExists,
            "file.exists",
            "remove it first, or choose another name",
        ),
        TreeErrorKind::NotADirectory => (
            Status::InvalidState,
            "file.not_a_directory",
            "name a directory, or use the call for files",
        ),
        TreeErrorKind::IsADirectory => (
            Status::InvalidState,
            "file.is_a_directory",
            "use the call for directories",
        ),
        TreeErrorKind::NotAFile => (
            Status::InvalidState,
            "file.not_a_file",
            "only regular files are opened",
        ),
        TreeErrorKind::NotEmpty => (
            Status::InvalidState,
            "file.not_empty",
            "empty it first, or remove it recursively",
        ),
        TreeErrorKind::OutsideRoot => (
            Status::PermissionDenied,
            "file.outside_root",
            "use a path without links or \"..\" that leave the tree",
        ),
        TreeErrorKind::BadPath => (Status::InvalidArgument, "file.bad_path", "correct the path"),
        TreeErrorKind::TooLarge => (
            Status::ResourceExhausted,
            "file.too_large",
            "open it and work on it in parts",
        ),
        TreeErrorKind::QuotaExceeded => (
            Status::DiskFull,
            "file.quota",
            "remove files, or give the volume a larger quota",
        ),
        TreeErrorKind::NoSpace => (Status::DiskFull, "file.no_space", "free some space"),
        TreeErrorKind::PermissionDenied => (
            Status::PermissionDenied,
            "file.permission_denied",
            "check its owner and mode, and those of the directories above it",
        ),
        TreeErrorKind::Loop => (
            Status::InvalidState,
            "file.link",
            "name what the symbolic link stands for",
        ),
        TreeErrorKind::ReadOnly => (Status::ReadOnly, "file.read_only", "write elsewhere"),
        TreeErrorKind::NotOpenFor => (
            Status::InvalidState,
            "file.not_open_for",
            "open it for reading, for writing or for both",
        ),
        TreeErrorKind::Cancelled => (
            Status::Cancelled,
            "file.cancelled",
            "what was done so far is there; remove it or begin again",
        ),
        TreeErrorKind::BadArchive => (Status::Corrupt, "file.bad_archive", "make the archive again"),
        TreeErrorKind::Io => (Status::Io, "file.io", "see the errno"),
    }
}

/// The error of an operation whose sandbox is gone.
pub fn sandbox_ended() -> MsbError {
    MsbError::new(
        Status::NotRunning,
        "sandbox.not_running",
        "the sandbox ended before the file operation did",
    )
    .remedy("msb_sandbox_wait tells how it ended")
}

/// The error of a session that the guest did not begin.
pub fn not_started(failed: &SpawnFailed) -> MsbError {
    let (status, reason, remedy) = match failed.kind {
        SpawnFailure::TooManyStreams => (
            Status::ResourceExhausted,
            "file.too_many",
            "close files, or wait until commands have ended",
        ),
        SpawnFailure::BadUser => (
            Status::InvalidArgument,
            "file.bad_user",
            "choose a user of the guest, or a number",
        ),
        SpawnFailure::OutOfMemory => (
            Status::ResourceExhausted,
            "file.out_of_memory",
            "give the sandbox more memory",
        ),
        _ if failed.stage == "admission" => return sandbox_ended(),
        _ => (Status::Unavailable, "file.no_worker", "see the errno"),
    };
    let error = MsbError::new(
        status,
        reason,
        format!("the guest's files cannot be served: {}", failed.message),
    )
    .remedy(remedy);
    if failed.errno == 0 {
        error
    } else {
        error.errno(failed.errno)
    }
}
