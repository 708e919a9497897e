//! Files of a running sandbox, by way of a worker in its guest.

use super::session::{Session, misbehaved};
use super::{FileTree, OnProgress, OpenFile};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ops::Lane;
use crate::sandbox::Sandbox;
use crate::supervise::link::Link;
use msb_protocol::files::{Answer, FileRequest, MAX_PAGE};
use msb_tree::{FileInfo, OpenOptions, Page, Progress, WriteMode};
use parking_lot::{Mutex, MutexGuard};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// What is passed on at a time, in bytes.
const PIECE: usize = 256 * 1024;
/// Longest name of a directory's entry, in bytes.
const MAX_NAME: usize = 255;

/// The files of a running sandbox, for as long as one call of the host lasts. Paths are as in the guest; relative ones
/// begin at its root.
pub struct GuestFiles {
    sandbox: Arc<Sandbox>,
    /// The link to use, for one who may before others; otherwise that of the running sandbox.
    link: Option<Arc<Link>>,
    user: Option<String>,
    deadline: Deadline,
}

impl GuestFiles {
    pub(crate) fn new(sandbox: Arc<Sandbox>, user: Option<String>, deadline: Deadline) -> Self {
        Self {
            sandbox,
            link: None,
            user,
            deadline,
        }
    }

    /// The files of a guest that only the owner of this link may use yet, as its root.
    pub(crate) fn on_link(sandbox: Arc<Sandbox>, link: Arc<Link>, deadline: Deadline) -> Self {
        Self {
            link: Some(link),
            ..Self::new(sandbox, None, deadline)
        }
    }

    fn session(&self) -> Result<Session, MsbError> {
        match &self.link {
            Some(link) => match self.sandbox.files_pool().take(self.user.as_deref()) {
                Some(session) => Ok(session),
                None => Session::open(link, self.user.clone()),
            },
            None => self.sandbox.files_session(self.user.as_deref(), self.deadline),
        }
    }

    /// Gives what has the path to another user and group, and with `recursive` everything in it; a link stands for itself.
    pub(crate) fn chown(
        &self,
        path: &Path,
        (uid, gid): (Option<u32>, Option<u32>),
        recursive: bool,
    ) -> Result<(), MsbError> {
        self.call_done(&FileRequest::Chown {
            path: bytes(path),
            uid,
            gid,
            recursive,
        })
    }

    /// Puts everything that was written in the guest on its disks.
    pub(crate) fn sync_all(&self) -> Result<(), MsbError> {
        self.call_done(&FileRequest::SyncAll)
    }

    /// The same files, used as `user`, `uid`, `user:group` or `uid:gid` of the guest instead of as its root.
    #[must_use]
    pub fn as_user(self, user: String) -> Self {
        Self {
            user: Some(user),
            ..self
        }
    }

    /// The same files, for calls that are over by another deadline.
    #[must_use]
    pub(super) fn until(&self, deadline: Deadline) -> Self {
        Self {
            sandbox: Arc::clone(&self.sandbox),
            link: self.link.clone(),
            user: self.user.clone(),
            deadline,
        }
    }

    /// Runs `operation` on a session, which others may use afterwards if it ended in order.
    pub(super) fn with<T>(
        &self,
        operation: impl FnOnce(&mut Session, Deadline) -> Result<T, MsbError>,
    ) -> Result<T, MsbError> {
        let mut session = self.session()?;
        let result = operation(&mut session, self.deadline);
        self.sandbox.files_pool().put(session);
        result
    }

    /// As [`GuestFiles::with`], and what fails is over in the guest too, so that it can be undone.
    pub(super) fn with_end<T>(
        &self,
        operation: impl FnOnce(&mut Session, Deadline) -> Result<T, MsbError>,
    ) -> Result<T, MsbError> {
        self.with(|session, deadline| operation(session, deadline).inspect_err(|_| session.end_unusable()))
    }

    fn call(&self, request: &FileRequest) -> Result<Answer, MsbError> {
        self.with(|session, deadline| session.call(request, deadline))
    }

    fn call_done(&self, request: &FileRequest) -> Result<(), MsbError> {
        self.with(|session, deadline| session.call_done(request, deadline))
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

impl FileTree for GuestFiles {
    fn is_gone(&self) -> bool {
        self.sandbox.has_lost_link()
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, MsbError> {
        let request = FileRequest::Read {
            path: bytes(path),
            limit,
        };
        // A file that grows meanwhile shows in one byte more, and then in a failure.
        let most = limit.saturating_add(1);
        self.with(|session, deadline| session.download_all(&request, most, deadline))
    }

    fn write(&self, path: &Path, data: &[u8], how: WriteMode, mode: u32) -> Result<(), MsbError> {
        let path = bytes(path);
        let request = FileRequest::Write { path, how, mode };
        self.with(|session, deadline| session.upload_all(&request, data, deadline))
    }

    fn open(&self, path: &Path, options: &OpenOptions) -> Result<Arc<dyn OpenFile>, MsbError> {
        let mut session = self.session()?;
        let request = FileRequest::Open {
            path: bytes(path),
            options: *options,
        };
        match session.call_done(&request, self.deadline) {
            Ok(()) => Ok(Arc::new(GuestFile {
                sandbox: Arc::clone(&self.sandbox),
                session: Mutex::new(Some(session)),
            })),
            Err(error) => {
                self.sandbox.files_pool().put(session);
                Err(error)
            }
        }
    }

    fn list(&self, path: &Path, cursor: u64, limit: usize) -> Result<Page, MsbError> {
        let limit = limit.min(MAX_PAGE);
        let request = FileRequest::List {
            path: bytes(path),
            cursor,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        match self.call(&request)? {
            Answer::Page(page) if page.entries.len() <= limit && page.entries.iter().all(has_name) => {
                Ok(page)
            }
            _ => Err(misbehaved("a directory that cannot be")),
        }
    }

    fn stat(&self, path: &Path, follow: bool) -> Result<FileInfo, MsbError> {
        let path = bytes(path);
        info(self.call(&FileRequest::Stat { path, follow })?)
    }

    fn exists(&self, path: &Path) -> Result<bool, MsbError> {
        match self.call(&FileRequest::Exists { path: bytes(path) })? {
            Answer::Flag(exists) => Ok(exists),
            _ => Err(unfit()),
        }
    }

    fn mkdir(&self, path: &Path, mode: u32, parents: bool) -> Result<(), MsbError> {
        let path = bytes(path);
        self.call_done(&FileRequest::Mkdir { path, mode, parents })
    }

    fn remove(&self, path: &Path) -> Result<(), MsbError> {
        self.call_done(&FileRequest::Remove { path: bytes(path) })
    }

    fn remove_dir(&self, path: &Path, recursive: bool) -> Result<(), MsbError> {
        let path = bytes(path);
        self.call_done(&FileRequest::RemoveDir { path, recursive })
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<(), MsbError> {
        let (from, to) = (bytes(from), bytes(to));
        self.call_done(&FileRequest::Copy { from, to })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), MsbError> {
        let (from, to) = (bytes(from), bytes(to));
        self.call_done(&FileRequest::Rename { from, to })
    }

    fn symlink(&self, target: &OsStr, path: &Path) -> Result<(), MsbError> {
        self.call_done(&FileRequest::Symlink {
            target: target.as_bytes().to_vec(),
            path: bytes(path),
        })
    }

    fn readlink(&self, path: &Path) -> Result<Vec<u8>, MsbError> {
        match self.call(&FileRequest::Readlink { path: bytes(path) })? {
            Answer::Bytes(target) => Ok(target),
            _ => Err(unfit()),
        }
    }

    fn chmod(&self, path: &Path, mode: u32) -> Result<(), MsbError> {
        let path = bytes(path);
        self.call_done(&FileRequest::Chmod { path, mode })
    }

    fn utimes(
        &self,
        path: &Path,
        accessed_ns: Option<i64>,
        modified_ns: Option<i64>,
    ) -> Result<(), MsbError> {
        self.call_done(&FileRequest::Utimes {
            path: bytes(path),
            accessed_ns,
            modified_ns,
        })
    }

    fn export_tar(
        &self,
        path: &Path,
        to: &mut dyn Write,
        progress: OnProgress<'_>,
    ) -> Result<Progress, MsbError> {
        let request = FileRequest::Export { path: bytes(path) };
        self.with(|session, deadline| {
            let mut download = session.download(&request, deadline)?;
            let mut piece = vec![0; PIECE];
            loop {
                let count = download.available(&mut *progress)?.min(PIECE);
                if count == 0 {
                    return total(download.finish()?);
                }
                download.fill(&mut piece[..count])?;
                to.write_all(&piece[..count])
                    .map_err(|error| archive_failed("written", &error))?;
            }
        })
    }

    fn import_tar(
        &self,
        path: &Path,
        from: &mut dyn Read,
        progress: OnProgress<'_>,
    ) -> Result<Progress, MsbError> {
        let request = FileRequest::Import { path: bytes(path) };
        self.with(|session, deadline| {
            let mut upload = session.upload(&request, deadline)?;
            let mut piece = vec![0; PIECE];
            let interrupted = loop {
                match from.read(&mut piece) {
                    Ok(0) => break None,
                    Ok(count) if upload.send(&piece[..count])? => {}
                    // It has answered, and says below why.
                    Ok(_) => break Some(unfit()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break Some(archive_failed("read", &error)),
                }
                if !progress(&upload.progress()) {
                    break Some(super::session::cancelled());
                }
            };
            match interrupted {
                None => total(upload.finish(progress)?),
                Some(error) => Err(upload.abort_for(error)),
            }
        })
    }
}

/// An open file of a guest: the one file of a session of its own.
pub struct GuestFile {
    sandbox: Arc<Sandbox>,
    /// Present until the file is dropped.
    session: Mutex<Option<Session>>,
}

impl GuestFile {
    fn with<T>(
        &self,
        deadline: Deadline,
        operation: impl FnOnce(&mut Session) -> Result<T, MsbError>,
    ) -> Result<T, MsbError> {
        let mut session: MutexGuard<'_, Option<Session>> = deadline.lock(&self.session).ok_or_else(|| {
            MsbError::new(
                Status::Timeout,
                "file.timeout",
                "another operation on the file went on until the deadline",
            )
        })?;
        session.as_mut().map_or_else(|| Err(unfit()), operation)
    }
}

impl OpenFile for GuestFile {
    fn lane(&self) -> Lane {
        self.sandbox.lane()
    }

    fn pread(&self, buffer: &mut [u8], offset: u64, deadline: Deadline) -> Result<usize, MsbError> {
        let len = buffer.len() as u64;
        let request = FileRequest::Pread { offset, len };
        self.with(deadline, |session| {
            session.download_into(&request, buffer, deadline)
        })
    }

    fn pwrite(&self, data: &[u8], offset: u64, deadline: Deadline) -> Result<(), MsbError> {
        let request = FileRequest::Pwrite { offset: Some(offset) };
        self.with(deadline, |session| session.upload_all(&request, data, deadline))
    }

    fn append(&self, data: &[u8], deadline: Deadline) -> Result<(), MsbError> {
        let request = FileRequest::Pwrite { offset: None };
        self.with(deadline, |session| session.upload_all(&request, data, deadline))
    }

    fn size(&self, deadline: Deadline) -> Result<u64, MsbError> {
        match self.with(deadline, |session| session.call(&FileRequest::Size, deadline))? {
            Answer::Number(size) => Ok(size),
            _ => Err(unfit()),
        }
    }

    fn truncate(&self, len: u64, deadline: Deadline) -> Result<(), MsbError> {
        let request = FileRequest::Truncate { len };
        self.with(deadline, |session| session.call_done(&request, deadline))
    }

    fn sync(&self, deadline: Deadline) -> Result<(), MsbError> {
        self.with(deadline, |session| {
            session.call_done(&FileRequest::Sync, deadline)
        })
    }

    fn stat(&self, deadline: Deadline) -> Result<FileInfo, MsbError> {
        info(self.with(deadline, |session| session.call(&FileRequest::FileStat, deadline))?)
    }
}

impl Drop for GuestFile {
    fn drop(&mut self) {
        if let Some(mut session) = self.session.get_mut().take() {
            session.call_later(&FileRequest::Close);
            self.sandbox.files_pool().put(session);
        }
    }
}

fn info(answer: Answer) -> Result<FileInfo, MsbError> {
    match answer {
        Answer::Info(info) => Ok(info),
        _ => Err(unfit()),
    }
}

fn total(answer: Answer) -> Result<Progress, MsbError> {
    match answer {
        Answer::Progress(total) => Ok(total),
        _ => Err(unfit()),
    }
}

/// Whether an entry's name can be one.
fn has_name(entry: &FileInfo) -> bool {
    let name = entry.name.as_slice();
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= MAX_NAME
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

fn unfit() -> MsbError {
    misbehaved("an answer to another question")
}

fn archive_failed(what: &str, error: &io::Error) -> MsbError {
    MsbError::new(
        Status::Io,
        "file.archive_io",
        format!("the archive could not be {what}"),
    )
    .source(error)
    .remedy("see the cause")
}
