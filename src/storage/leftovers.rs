//! What processes that are gone left lying about: locks, sockets, files half written, volumes half made or half removed.
//!
//! Invariant: a file is taken for left over only if the kernel says that nobody has it open, locked or listened on.

use super::finding::{Action, FindingKind};
use super::{Run, delete, entries, name_of};
use crate::error::MsbError;
use crate::supervise::liveness;
use crate::sys;
use crate::volume::create::UNFINISHED;
use crate::volume::remove::REMOVED;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// How deep below the home such files are made.
const DEPTH: u32 = 3;
/// Files that are written under another name end so until they are whole.
const TEMPORARY: [&str; 4] = [UNFINISHED, ".partial", ".new", REMOVED];
/// Lock files that stay: nobody waits for their names.
const LASTING_LOCKS: [&str; 2] = ["operations.lock", "volumes.lock"];

impl Run<'_> {
    pub(super) fn check_leftovers(&mut self) -> Result<(), MsbError> {
        let backend = self.backend;
        let config = backend.config();
        let home = backend.home();
        for folder in ["db", "run", "runtime"].map(|name| home.join(name)) {
            self.look_through(&folder, DEPTH)?;
        }
        self.look_through(&config.cache, DEPTH)?;
        // What is inside of volumes is theirs, and what is inside of sandboxes nearly all.
        self.within(&config.volumes, |run| run.look_through(&config.volumes, 1))?;
        self.within(&config.sandboxes, |run| {
            run.look_through(&config.sandboxes, 1)?;
            for directory in entries(&config.sandboxes)? {
                run.check_sockets(&directory)?;
            }
            Ok(())
        })
    }

    fn look_through(&mut self, folder: &Path, depth: u32) -> Result<(), MsbError> {
        for path in entries(folder)? {
            let Some(name) = name_of(&path) else {
                continue;
            };
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            let kind = metadata.file_type();
            if TEMPORARY.iter().any(|suffix| name.ends_with(suffix)) {
                if is_left_over(&path)? {
                    let reason = "whoever was making or removing it is gone";
                    self.add_path(FindingKind::Temporary, &path, reason, || {
                        match is_left_over(&path)? {
                            true => delete(&path),
                            false => Ok(Action::InUse),
                        }
                    })?;
                }
            } else if kind.is_dir() {
                if depth > 1 {
                    self.look_through(&path, depth - 1)?;
                }
            } else if kind.is_socket() {
                self.check_socket(&path)?;
            } else if kind.is_file() && name.ends_with(".lock") && !LASTING_LOCKS.contains(&name) {
                self.check_lock(&path)?;
            }
        }
        Ok(())
    }

    fn check_lock(&mut self, path: &Path) -> Result<(), MsbError> {
        let Some(lock) = lock_alone(path)? else {
            return Ok(());
        };
        self.add_path(FindingKind::Lock, path, "nobody holds it", || {
            let _lock = lock;
            delete(path)
        })
    }

    fn check_socket(&mut self, path: &Path) -> Result<(), MsbError> {
        if refuses(path) {
            self.add_path(FindingKind::Socket, path, "nobody listens on it", || delete(path))?;
        }
        Ok(())
    }

    /// Sockets of a runner that is gone. The next start would replace them.
    fn check_sockets(&mut self, directory: &Path) -> Result<(), MsbError> {
        let runtime = directory.join("runtime");
        let is_socket = |path: &PathBuf| {
            path.symlink_metadata()
                .is_ok_and(|metadata| metadata.file_type().is_socket())
        };
        let sockets: Vec<_> = entries(&runtime)?.into_iter().filter(is_socket).collect();
        if sockets.is_empty() {
            return Ok(());
        }
        // Held while they are looked at, so that no runner makes new ones meanwhile.
        let Ok(Some(_claim)) = liveness::claim(directory) else {
            return Ok(());
        };
        for socket in sockets {
            self.add_path(FindingKind::Socket, &socket, "its runner is gone", || {
                delete(&socket)
            })?;
        }
        Ok(())
    }
}

/// Whether nobody has a file open, or a directory locked.
fn is_left_over(path: &Path) -> Result<bool, MsbError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(lock_alone(path)?.is_some()),
        Ok(metadata) if metadata.is_file() => match open_quietly(path) {
            Ok(file) => sys::is_unopened(&file)
                .map_err(|error| MsbError::io("storage.lease", "cannot look at", path, &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(MsbError::io("storage.open", "cannot open", path, &error)),
        },
        Ok(_) => Ok(true),
        Err(_) => Ok(false),
    }
}

/// The file's or directory's lock, if nobody else has it.
fn lock_alone(path: &Path) -> Result<Option<File>, MsbError> {
    let file = match open_quietly(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(MsbError::io("storage.open", "cannot open", path, &error)),
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(None);
    }
    // Others lock by ranges.
    let is_free = file.metadata().is_ok_and(|metadata| metadata.is_dir())
        || sys::is_unopened(&file)
            .map_err(|error| MsbError::io("storage.lease", "cannot look at", path, &error))?;
    Ok(is_free.then_some(file))
}

fn open_quietly(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}

/// Whether a socket has nobody behind it.
fn refuses(path: &Path) -> bool {
    let Some((folder, name)) = path.parent().zip(path.file_name()) else {
        return false;
    };
    // A socket's path is short where a home's need not be: go through the directory's descriptor.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(anchor) = open(folder, flags, Mode::empty()) else {
        return false;
    };
    let short = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&anchor));
    let result = UnixStream::connect(Path::new(&short).join(name));
    result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
