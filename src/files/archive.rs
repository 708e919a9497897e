//! Tar archives from and to a file descriptor of the caller, with progress and cancellation while it waits too.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::descriptor::{Descriptor, Watch};
use super::error::sandbox_ended;
use super::{FileTree, OnProgress, Progress};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ops;

/// Permissions of a directory that is made to unpack into; an archive that knows better sets its own.
const NEW_DIRECTORY: u32 = 0o755;

/// Writes a tar archive of what `path` stands for to `fd`.
pub fn export(
    tree: &dyn FileTree,
    path: &Path,
    fd: BorrowedFd<'_>,
    progress: OnProgress<'_>,
    deadline: Deadline,
) -> Result<Progress, MsbError> {
    let observer = Observer::new(tree, progress, deadline);
    let mut to = Descriptor::new(fd, &observer).map_err(|error| unusable(&error))?;
    let ended = tree.export_tar(path, &mut to, &mut |so_far| observer.note(so_far));
    observer.verdict(ended)
}

/// Unpacks the tar archive that `fd` gives beneath the directory `path`, which is made if it is not there.
pub fn import(
    tree: &dyn FileTree,
    path: &Path,
    fd: BorrowedFd<'_>,
    progress: OnProgress<'_>,
    deadline: Deadline,
) -> Result<Progress, MsbError> {
    let observer = Observer::new(tree, progress, deadline);
    let mut from = Descriptor::new(fd, &observer).map_err(|error| unusable(&error))?;
    tree.mkdir(path, NEW_DIRECTORY, true)?;
    let ended = tree.import_tar(path, &mut from, &mut |so_far| observer.note(so_far));
    observer.verdict(ended)
}

/// Tells the operation that this thread works for how far it is, and whether to go on.
pub fn follow(so_far: &Progress) -> bool {
    ops::set_progress(so_far.bytes, so_far.entries);
    !ops::is_cancelled()
}

/// Why a wait for the descriptor was given up.
#[derive(Clone, Copy)]
enum GaveUp {
    Cancelled,
    TimedOut,
    Gone,
}

/// The caller's progress function, told what moves, and asked again while nothing does.
struct Observer<'a> {
    tree: &'a dyn FileTree,
    progress: RefCell<OnProgress<'a>>,
    so_far: Cell<Progress>,
    gave_up: Cell<Option<GaveUp>>,
    deadline: Deadline,
}

impl<'a> Observer<'a> {
    fn new(tree: &'a dyn FileTree, progress: OnProgress<'a>, deadline: Deadline) -> Self {
        Self {
            tree,
            progress: RefCell::new(progress),
            so_far: Cell::new(Progress::default()),
            gave_up: Cell::new(None),
            deadline,
        }
    }

    fn note(&self, so_far: &Progress) -> bool {
        self.so_far.set(*so_far);
        let go_on = self
            .progress
            .try_borrow_mut()
            .is_ok_and(|mut progress| progress(so_far));
        if !go_on {
            self.gave_up.set(Some(GaveUp::Cancelled));
        }
        go_on
    }

    /// How it ended. The totals are always told. If the progress function or the deadline ended it, that is why it failed,
    /// whatever became of that on its way through the tree.
    fn verdict(&self, ended: Result<Progress, MsbError>) -> Result<Progress, MsbError> {
        if let Ok(total) = &ended
            && *total != self.so_far.get()
        {
            self.note(total);
        }
        match (ended, self.gave_up.get()) {
            (_, Some(GaveUp::Cancelled)) => Err(MsbError::new(
                Status::Cancelled,
                "file.cancelled",
                "the progress function gave the transfer up",
            )
            .remedy("what was written so far is there; remove it or begin again")),
            (Err(_), Some(GaveUp::TimedOut)) => Err(MsbError::new(
                Status::Timeout,
                "file.timeout",
                "the descriptor of the archive was not ready in time",
            )
            .remedy("keep the other end of it moving, or give the call more time")),
            (Err(_), Some(GaveUp::Gone)) => Err(sandbox_ended()),
            (ended, _) => ended,
        }
    }
}

impl Watch for Observer<'_> {
    fn look(&self) -> io::Result<()> {
        if self.deadline.has_passed() {
            self.gave_up.set(Some(GaveUp::TimedOut));
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.tree.is_gone() {
            self.gave_up.set(Some(GaveUp::Gone));
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.note(&self.so_far.get()) {
            Ok(())
        } else {
            // Not `Interrupted`, after which readers and writers try again.
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}

fn unusable(error: &io::Error) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "argument.fd",
        "`fd` is no descriptor that an archive can use",
    )
    .source(error)
    .detail("argument", "fd")
}
