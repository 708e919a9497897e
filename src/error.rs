//! The one error that leaves the core: a stable status, a stable dotted reason, and text for people.
//!
//! Modules keep their own `<Noun>Error` enums and convert to [`MsbError`] with an exhaustive match, so that a new
//! failure cannot reach a caller without somebody having chosen its status and reason.
//! Invariant: a status number or a reason, once released, keeps its meaning for ever; numbers are never reused.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// The causes kept of one failure; deeper chains are cut, because text that reaches people is bounded.
const MAX_CAUSES: usize = 16;

/// Why a call failed.
///
/// The set is open: a later version may add statuses, so a `switch` needs a `default`. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Status {
    /// An argument is NULL, malformed or out of range; the message names it.
    InvalidArgument = 1,
    /// Nothing of that name exists.
    NotFound = 2,
    /// The name is taken.
    AlreadyExists = 3,
    /// The object is in a state in which this cannot be done.
    InvalidState = 4,
    /// The operating system denies access.
    PermissionDenied = 5,
    /// A limit of the process, the system or the library is reached.
    ResourceExhausted = 6,
    /// The other side does not answer now; the same call may succeed later.
    Unavailable = 7,
    /// The deadline passed.
    Timeout = 8,
    /// The operation was cancelled.
    Cancelled = 9,
    /// Nothing is ready and the caller asked not to wait.
    WouldBlock = 10,
    /// The stream has ended; there will be no more data. No function of this version gives it.
    EndOfStream = 11,
    /// This build, host or driver cannot do it.
    Unsupported = 12,
    /// A file or device operation failed; see the errno.
    Io = 13,
    /// A network operation failed.
    Network = 14,
    /// Data does not have the form or the digest that it must have.
    Corrupt = 15,
    /// Somebody else changed the same object first.
    Conflict = 16,
    /// The guest did not come up; details hold the stage and the console's tail.
    GuestFailed = 17,
    /// The command could not be started in the guest; the reason says why.
    ExecFailed = 18,
    /// The handle was released, or was never given out by this process.
    StaleHandle = 19,
    /// The handle belongs to an object of another type.
    WrongHandleType = 20,
    /// The call would wait for the thread that makes it.
    WouldDeadlock = 21,
    /// The process was forked after the library was first used; the child cannot use it.
    Forked = 22,
    /// Header and library are of incompatible versions. No function of this version gives it.
    AbiMismatch = 23,
    /// Memory could not be allocated.
    OutOfMemory = 24,
    /// A defect of the library itself.
    Internal = 25,
    /// The store was written by a newer version; it was left as it was.
    StoreNewer = 26,
    /// The store's database is damaged.
    StoreCorrupt = 27,
    /// The place to be written is read-only.
    ReadOnly = 28,
    /// The disk or its quota is full.
    DiskFull = 29,
    /// A configuration text or file cannot be used as it stands.
    ConfigInvalid = 30,
    /// No driver can run a guest on this host.
    DriverUnavailable = 31,
    /// No guest kernel was found; the message lists where it was looked for.
    KernelNotFound = 32,
    /// This host cannot give the isolation that was asked for.
    IsolationUnavailable = 33,
    /// The sandbox's machine ended without being asked to. No function of this version gives it.
    SandboxCrashed = 34,
    /// The sandbox is not running.
    NotRunning = 35,
    /// The object is in use.
    Busy = 36,
}

impl Status {
    /// Every status, in the order of its number.
    pub(crate) const ALL: [Self; 36] = [
        Self::InvalidArgument,
        Self::NotFound,
        Self::AlreadyExists,
        Self::InvalidState,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::Unavailable,
        Self::Timeout,
        Self::Cancelled,
        Self::WouldBlock,
        Self::EndOfStream,
        Self::Unsupported,
        Self::Io,
        Self::Network,
        Self::Corrupt,
        Self::Conflict,
        Self::GuestFailed,
        Self::ExecFailed,
        Self::StaleHandle,
        Self::WrongHandleType,
        Self::WouldDeadlock,
        Self::Forked,
        Self::AbiMismatch,
        Self::OutOfMemory,
        Self::Internal,
        Self::StoreNewer,
        Self::StoreCorrupt,
        Self::ReadOnly,
        Self::DiskFull,
        Self::ConfigInvalid,
        Self::DriverUnavailable,
        Self::KernelNotFound,
        Self::IsolationUnavailable,
        Self::SandboxCrashed,
        Self::NotRunning,
        Self::Busy,
    ];

    /// The number that crosses the ABI.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The status with this number, if there is one.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// The status that an errno of a file or process operation means when its place gives it no better one.
    #[must_use]
    pub fn from_errno(errno: i32) -> Self {
        match errno {
            libc::ENOENT => Self::NotFound,
            libc::EEXIST => Self::AlreadyExists,
            libc::EACCES | libc::EPERM => Self::PermissionDenied,
            libc::ENOSPC | libc::EDQUOT => Self::DiskFull,
            libc::EROFS => Self::ReadOnly,
            libc::ENOMEM => Self::OutOfMemory,
            libc::EMFILE | libc::ENFILE => Self::ResourceExhausted,
            libc::ETIMEDOUT => Self::Timeout,
            libc::EBUSY => Self::Busy,
            _ => Self::Io,
        }
    }

    /// Whether the same call, unchanged, can be expected to succeed later.
    const fn retryable(self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Timeout | Self::WouldBlock | Self::Busy
        )
    }
}

/// A failed operation: what, why, and what to do about it.
///
/// `Display` says this failure's own part only; [`MsbError::text`] adds the causes and the remedy.
#[derive(Clone, PartialEq, Eq)]
pub struct MsbError(Box<Failure>);

/// Boxed, so that a `Result` on a hot path stays one word wide.
#[derive(Clone, PartialEq, Eq)]
struct Failure {
    status: Status,
    reason: Cow<'static, str>,
    message: String,
    remedy: Cow<'static, str>,
    os_errno: Option<i32>,
    retryable: bool,
    details: Vec<(Cow<'static, str>, Vec<u8>)>,
    causes: Vec<String>,
}

impl MsbError {
    /// A failure with its status, its stable dotted reason (`sandbox.name_taken`) and its own part of the message.
    ///
    /// The message is a clause without a final full stop: causes follow it after a colon.
    pub fn new(status: Status, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Failure {
            status,
            reason: reason.into(),
            message: message.into(),
            remedy: Cow::Borrowed(""),
            os_errno: None,
            retryable: status.retryable(),
            details: Vec::new(),
            causes: Vec::new(),
        }))
    }

    /// A failed system call on a path: status and errno from the error, the path in the message.
    pub fn io(
        reason: impl Into<Cow<'static, str>>,
        doing: &str,
        path: &std::path::Path,
        error: &io::Error,
    ) -> Self {
        let status = error.raw_os_error().map_or(Status::Io, Status::from_errno);
        Self::new(status, reason, format!("{doing} {}", path.display())).source(error)
    }

    /// Adds what the caller can do next: one imperative sentence without a final full stop.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.0.remedy = remedy.into();
        self
    }

    /// Records the errno.
    #[must_use]
    pub fn errno(mut self, errno: i32) -> Self {
        self.0.os_errno = Some(errno);
        self
    }

    /// Overrides whether the same call may succeed later; the default follows from the status.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Adds a machine-readable fact, such as `sandbox` or `console_tail`.
    #[must_use]
    pub fn detail(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Vec<u8>>) -> Self {
        self.0.details.push((key.into(), value.into()));
        self
    }

    /// Records `error` and everything beneath it as causes; the first errno found on the way becomes this
    /// failure's own, unless it has one.
    #[must_use]
    pub fn source(mut self, error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            if self.0.causes.len() == MAX_CAUSES {
                break;
            }
            let text = cause.to_string();
            // Transparent wrappers repeat the text of what they wrap; once is enough.
            if self.0.causes.last() != Some(&text) {
                self.0.causes.push(text);
            }
            self.0.os_errno = self.0.os_errno.or_else(|| errno_of(cause));
            if let Some(inner) = cause.downcast_ref::<Self>() {
                self.0.causes.extend(inner.0.causes.iter().cloned());
                self.0.causes.truncate(MAX_CAUSES);
            }
            next = cause.source();
        }
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The stable dotted reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// This failure's own part of the message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next; empty if nobody said.
    #[must_use]
    pub fn remedy_text(&self) -> &str {
        &self.0.remedy
    }

    /// The errno, if an operating system call failed.
    #[must_use]
    pub fn os_errno(&self) -> Option<i32> {
        self.0.os_errno
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The machine-readable facts, in the order they were added.
    pub fn details(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.0
            .details
            .iter()
            .map(|(key, value)| (key.as_ref(), value.as_slice()))
    }

    /// The causes, nearest first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// The whole text for people: message, causes, remedy.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.0.message.clone();
        for cause in &self.0.causes {
            text.push_str(": ");
            text.push_str(cause);
        }
        if !self.0.remedy.is_empty() {
            text.push_str("; ");
            text.push_str(&self.0.remedy);
        }
        text
    }
}

impl fmt::Display for MsbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for MsbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({}): {}", self.0.status, self.0.reason, self.text())
    }
}

impl StdError for MsbError {}

fn errno_of(error: &(dyn StdError + 'static)) -> Option<i32> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.raw_os_error();
    }
    if let Some(errno) = error.downcast_ref::<rustix::io::Errno>() {
        return Some(errno.raw_os_error());
    }
    error.downcast_ref::<MsbError>().and_then(MsbError::os_errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_own_number_and_is_found_by_it() {
        for (i, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(status.code(), i32::try_from(i).unwrap() + 1);
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
        assert_eq!(Status::from_code(0), None);
        assert_eq!(Status::from_code(i32::MAX), None);
    }

    #[test]
    fn text_is_message_then_causes_then_remedy() {
        let io = io::Error::from_raw_os_error(libc::ENOSPC);
        let cause = MsbError::new(Status::Io, "disk.write", "cannot write the disk").source(&io);
        let error = MsbError::new(Status::DiskFull, "sandbox.disk_full", "cannot start \"box\"")
            .source(&cause)
            .remedy("free some space");
        assert_eq!(
            error.text(),
            format!("cannot start \"box\": cannot write the disk: {io}; free some space")
        );
        assert_eq!(error.os_errno(), Some(libc::ENOSPC));
        assert_eq!(error.to_string(), "cannot start \"box\"");
    }

    #[test]
    fn an_io_error_names_its_path_and_takes_its_status_from_the_errno() {
        let io = io::Error::from_raw_os_error(libc::EROFS);
        let error = MsbError::io(
            "home.create",
            "cannot create",
            std::path::Path::new("/x/home"),
            &io,
        );
        assert_eq!(error.status(), Status::ReadOnly);
        assert!(error.text().contains("/x/home"), "{}", error.text());
    }

    #[test]
    fn causes_are_bounded() {
        let mut error = MsbError::new(Status::Internal, "x", "0");
        for i in 1..100 {
            error = MsbError::new(Status::Internal, "x", i.to_string()).source(&error.clone());
        }
        assert_eq!(error.causes().len(), MAX_CAUSES);
    }

    #[test]
    fn a_result_of_the_core_is_one_word_wide() {
        assert_eq!(size_of::<Result<(), MsbError>>(), size_of::<usize>());
    }
}
