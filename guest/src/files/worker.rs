//! What a worker does until its session ends: one request after the other, on the guest's files as they are.
//!
//! Every request gets its answer, and no request can take the worker out of step with its client. The client is the
//! host and may ask for anything; the files belong to the guest and may be anything.

use super::transfer::{Ending, Staging, TransferError, Upload, send_file};
use super::wire::{Input, Output, WireError};
use msb_protocol::files::{Answer, Failure, FileRequest, MAX_PAGE};
use msb_tree::{OpenOptions, Progress, Tree, TreeError, TreeErrorKind, TreeFile, WriteMode};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a long request says how far it is, at most.
const PROGRESS_PERIOD: Duration = Duration::from_millis(50);
/// Names that are tried for a file that is to take another's place.
const TEMPORARY_NAMES: u32 = 100;

/// Serves one session to its end; false when it did not end well.
pub fn run(input: OwnedFd, output: OwnedFd) -> bool {
    let tree = match Tree::whole() {
        Ok(tree) => tree,
        Err(error) => {
            refuse(output, Answer::Failed(failure(&error)));
            return false;
        }
    };
    let mut worker = Worker {
        tree,
        file: None,
        staging: None,
        input: Input::new(input),
        output: Output::new(output),
    };
    worker.serve().is_ok()
}

/// Says why there is no worker. A client that is gone needs no answer.
pub fn refuse(output: OwnedFd, answer: Answer) {
    let _ = Output::new(output).answer(&answer);
}

struct Worker {
    tree: Tree,
    /// The session's open file, and the path that it was opened by.
    file: Option<(TreeFile, PathBuf)>,
    staging: Option<Staging>,
    input: Input,
    output: Output,
}

/// Why a request has no result.
enum Unanswered {
    /// It failed; the session goes on.
    Failed(TreeError),
    /// It failed, and the client knows.
    Answered,
    /// The session is over.
    Wire(WireError),
}

impl From<TreeError> for Unanswered {
    fn from(error: TreeError) -> Self {
        Self::Failed(error)
    }
}

impl From<WireError> for Unanswered {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl Worker {
    fn serve(&mut self) -> Result<(), WireError> {
        self.output.answer(&Answer::Done)?;
        while let Some(request) = self.input.request()? {
            let answer = match self.act(request) {
                Ok(answer) => answer,
                Err(Unanswered::Failed(error)) => Answer::Failed(failure(&error)),
                Err(Unanswered::Answered) => continue,
                Err(Unanswered::Wire(error)) => return Err(error),
            };
            self.output.answer(&answer)?;
        }
        Ok(())
    }

    fn act(&mut self, request: FileRequest) -> Result<Answer, Unanswered> {
        let tree = &self.tree;
        Ok(match request {
            FileRequest::Read { path, limit } => self.read(&path_of(path), limit)?,
            FileRequest::Write { path, how, mode } => self.write(&path_of(path), how, mode)?,
            FileRequest::Open { path, options } => self.open(path_of(path), &options)?,
            FileRequest::Pread { offset, len } => self.pread(offset, len)?,
            FileRequest::Pwrite { offset } => self.pwrite(offset)?,
            FileRequest::Export { path } => self.export(&path_of(path))?,
            FileRequest::Import { path } => self.import(&path_of(path))?,
            FileRequest::Size => Answer::Number(self.file()?.size()?),
            FileRequest::Truncate { len } => done(self.file()?.truncate(len)?),
            FileRequest::Sync => done(self.file()?.sync()?),
            FileRequest::FileStat => Answer::Info(self.file()?.stat()?),
            FileRequest::Close => {
                self.file = None;
                Answer::Done
            }
            FileRequest::List { path, cursor, limit } => {
                let limit = usize::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE);
                Answer::Page(tree.list(&path_of(path), cursor, limit)?)
            }
            FileRequest::Stat { path, follow } => Answer::Info(tree.stat(&path_of(path), follow)?),
            FileRequest::Exists { path } => Answer::Flag(tree.exists(&path_of(path))?),
            FileRequest::Mkdir { path, mode, parents } => done(tree.mkdir(&path_of(path), mode, parents)?),
            FileRequest::Remove { path } => done(tree.remove(&path_of(path))?),
            FileRequest::RemoveDir { path, recursive } => done(tree.remove_dir(&path_of(path), recursive)?),
            FileRequest::Copy { from, to } => done(tree.copy(&path_of(from), &path_of(to))?),
            FileRequest::Rename { from, to } => done(tree.rename(&path_of(from), &path_of(to))?),
            FileRequest::Symlink { target, path } => {
                done(tree.symlink(OsStr::from_bytes(&target), &path_of(path))?)
            }
            FileRequest::Readlink { path } => Answer::Bytes(tree.readlink(&path_of(path))?),
            FileRequest::Chmod { path, mode } => done(tree.chmod(&path_of(path), mode)?),
            FileRequest::Utimes {
                path,
                accessed_ns,
                modified_ns,
            } => done(tree.utimes(&path_of(path), accessed_ns, modified_ns)?),
            FileRequest::Chown {
                path,
                uid,
                gid,
                recursive,
            } => done(tree.chown(&path_of(path), uid, gid, recursive)?),
            FileRequest::SyncAll => {
                rustix::fs::sync();
                Answer::Done
            }
        })
    }

    fn file(&self) -> Result<&TreeFile, TreeError> {
        self.file.as_ref().map(|(file, _)| file).ok_or_else(no_file)
    }

    fn open(&mut self, path: PathBuf, options: &OpenOptions) -> Result<Answer, Unanswered> {
        self.file = None;
        let file = self.tree.open(&path, options)?;
        self.file = Some((file, path));
        Ok(Answer::Done)
    }

    fn read(&mut self, path: &Path, limit: u64) -> Result<Answer, Unanswered> {
        let options = OpenOptions {
            read: true,
            ..OpenOptions::default()
        };
        let file = self.tree.open(path, &options)?;
        let too_large = || TreeError::refused(TreeErrorKind::TooLarge, READ, path);
        if file.size()? > limit {
            return Err(too_large().into());
        }
        // One byte more tells whether it has grown since.
        let asked = limit.saturating_add(1);
        let sent = send_file(file.as_fd(), 0, asked, &mut self.staging, &mut self.output);
        if of_file(sent, READ, path)? > limit {
            return Err(too_large().into());
        }
        Ok(Answer::Done)
    }

    fn pread(&mut self, offset: u64, len: u64) -> Result<Answer, Unanswered> {
        let (file, path) = self.file.as_ref().ok_or_else(no_file)?;
        let sent = send_file(file.as_fd(), offset, len, &mut self.staging, &mut self.output);
        of_file(sent, READ, path)?;
        Ok(Answer::Done)
    }

    fn write(&mut self, path: &Path, how: WriteMode, mode: u32) -> Result<Answer, Unanswered> {
        let mut upload = Upload::new(&mut self.input);
        let stored = store(&self.tree, path, how, mode, &mut upload);
        conclude(upload, stored, &mut self.output, (WRITE, path))
    }

    fn pwrite(&mut self, offset: Option<u64>) -> Result<Answer, Unanswered> {
        let mut upload = Upload::new(&mut self.input);
        let (stored, path) = match &self.file {
            Some((file, path)) => {
                let stored = upload.write_to(file.as_fd(), offset);
                (of_file(stored, WRITE, path).map(done), path.as_path())
            }
            None => (Err(no_file().into()), Path::new(".")),
        };
        conclude(upload, stored, &mut self.output, (WRITE, path))
    }

    fn export(&mut self, path: &Path) -> Result<Answer, Unanswered> {
        let mut report = Report::new();
        let output = RefCell::new(&mut self.output);
        let exported = self
            .tree
            .export_tar(path, &mut Archive(&output), &mut |progress| {
                report.tell(&mut output.borrow_mut(), progress)
            });
        Ok(Answer::Progress(exported?))
    }

    fn import(&mut self, path: &Path) -> Result<Answer, Unanswered> {
        let mut report = Report::new();
        let mut upload = Upload::new(&mut self.input);
        let output = &mut self.output;
        let imported = self
            .tree
            .import_tar(path, &mut upload, &mut |progress| report.tell(output, progress));
        let imported = imported.map(Answer::Progress).map_err(Unanswered::from);
        conclude(upload, imported, output, (IMPORT, path))
    }
}

const READ: &str = "read";
const WRITE: &str = "write";
const IMPORT: &str = "unpack an archive in";

fn done((): ()) -> Answer {
    Answer::Done
}

fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

fn no_file() -> TreeError {
    TreeError::refused(
        TreeErrorKind::NotFound,
        "use the open file of the session at",
        ".",
    )
}

/// Names the file in what its transfer failed of.
fn of_file<T>(result: Result<T, TransferError>, what: &'static str, path: &Path) -> Result<T, Unanswered> {
    result.map_err(|error| match error {
        TransferError::File(errno) => TreeError::system(what, path, errno).into(),
        TransferError::Wire(error) => error.into(),
    })
}

/// Says how an upload went and takes in what is left of it: a client is told at once that it need not go on.
fn conclude(
    upload: Upload<'_>,
    stored: Result<Answer, Unanswered>,
    output: &mut Output,
    (what, path): (&'static str, &Path),
) -> Result<Answer, Unanswered> {
    match stored {
        Err(Unanswered::Wire(error)) => Err(error.into()),
        Err(Unanswered::Failed(error)) if upload.ending().is_none() => {
            output.answer(&Answer::Failed(failure(&error)))?;
            upload.finish()?;
            Err(Unanswered::Answered)
        }
        stored => match upload.finish()? {
            Ending::Whole => stored,
            Ending::Aborted => Err(TreeError::refused(TreeErrorKind::Cancelled, what, path).into()),
        },
    }
}

/// Makes the upload the file's content.
fn store(
    tree: &Tree,
    path: &Path,
    how: WriteMode,
    mode: u32,
    upload: &mut Upload<'_>,
) -> Result<Answer, Unanswered> {
    let options = OpenOptions {
        write: true,
        create: true,
        mode,
        ..OpenOptions::default()
    };
    let (options, offset) = match how {
        WriteMode::Atomic => return store_whole(tree, path, options, upload),
        WriteMode::Replace => (
            OpenOptions {
                truncate: true,
                ..options
            },
            Some(0),
        ),
        WriteMode::Append => (
            OpenOptions {
                append: true,
                ..options
            },
            None,
        ),
    };
    let file = tree.open(path, &options)?;
    of_file(upload.write_to(file.as_fd(), offset), WRITE, path).map(done)
}

/// Writes a file beside the one that it then takes the place of.
fn store_whole(
    tree: &Tree,
    path: &Path,
    options: OpenOptions,
    upload: &mut Upload<'_>,
) -> Result<Answer, Unanswered> {
    let (temporary, file) = open_temporary(tree, path, options)?;
    let stored = of_file(upload.write_to(file.as_fd(), Some(0)), WRITE, path).and_then(|()| {
        if upload.ending() == Some(Ending::Aborted) {
            return Err(TreeError::refused(TreeErrorKind::Cancelled, WRITE, path).into());
        }
        file.sync()?;
        Ok(done(tree.rename(&temporary, path)?))
    });
    if stored.is_err() {
        // What went wrong first is what the client hears of.
        let _ = tree.remove(&temporary);
    }
    stored
}

fn open_temporary(tree: &Tree, path: &Path, options: OpenOptions) -> Result<(PathBuf, TreeFile), TreeError> {
    let options = OpenOptions {
        exclusive: true,
        ..options
    };
    let mut taken = TreeError::refused(TreeErrorKind::AlreadyExists, WRITE, path);
    for attempt in 0..TEMPORARY_NAMES {
        let name = format!(".msb-{}-{attempt}", std::process::id());
        let temporary = path.with_file_name(name);
        match tree.open(&temporary, &options) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind == TreeErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

/// Says now and then how far a request is.
struct Report {
    last: Instant,
}

impl Report {
    fn new() -> Self {
        Self { last: Instant::now() }
    }

    /// False once the session is over.
    fn tell(&mut self, output: &mut Output, progress: &Progress) -> bool {
        if self.last.elapsed() < PROGRESS_PERIOD {
            return true;
        }
        self.last = Instant::now();
        output.progress(progress).is_ok()
    }
}

/// An archive on its way to the client.
struct Archive<'a, 'b>(&'a RefCell<&'b mut Output>);

impl Write for Archive<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().data(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failure(error: &TreeError) -> Failure {
    Failure {
        kind: error.kind,
        errno: error.errno(),
        path: error.path.as_os_str().as_bytes().to_vec(),
        what: error.what.to_string(),
    }
}
