//! An archive into a tree: each member beneath the directory that it goes to, whatever its path says and
//! whatever links the tree and the archive's earlier members hold.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::BuildHasher;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fchmod, ftruncate, futimens, linkat, openat, statat, utimensat,
};
use rustix::io::{Errno, pwrite};

use super::reader::{Member, MemberKind, Reader, refused};
use super::{BUFFER, Report};
use crate::attributes::{set_mode, set_times, timestamps};
use crate::error::{TreeError, TreeErrorKind};
use crate::file::write_all;
use crate::info::Progress;
use crate::names::{inode, make_directory, make_link};
use crate::path::split;
use crate::remove::unlink;
use crate::resolve::{CONTENT, Tree};
use crate::write::Refused;

const WHAT: &str = "import";

/// How often something else that takes a member's name is removed again.
const NAME_TRIES: usize = 8;

/// Most members of one archive; each is remembered in 8 bytes, to tell duplicates.
const MAX_MEMBERS: usize = 8 << 20;

/// Most bytes of paths of directories that get their mode and time at the end.
const MAX_LATE_BYTES: usize = 64 << 20;

/// Zeros of this size at such a multiple are not written: they become a hole.
const HOLE: usize = 4096;

impl Tree {
    /// Unpacks a tar archive (ustar, pax or GNU) into a directory that exists: files, directories, symbolic links,
    /// and hard links to earlier members or to what is in the directory, with permission bits and times.
    /// `progress` is called at least once per member and every 256 KiB; false stops.
    ///
    /// Existing files and links are replaced, existing directories kept as they are. Everything belongs to the
    /// process's user, and set-ID bits are dropped for that reason. A symbolic link may point anywhere, but no
    /// member goes through one that leads out of the directory. Refused as `BadArchive`, with the member's path: what
    /// leads out, devices, pipes, impossible names, a second file of one path, GNU's sparse form, and
    /// archives without their end mark. What was unpacked before an error stays, except a file cut short.
    pub fn import_tar(
        &self,
        path: &Path,
        from: &mut dyn Read,
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Progress, TreeError> {
        let directory = self.directory(path, "import into")?;
        let mut import = Import {
            tree: self.below(directory),
            reader: Reader::new(from, path),
            report: Report {
                done: Progress::default(),
                tell: progress,
            },
            seen: HashSet::new(),
            hasher: RandomState::new(),
            parent: None,
            late: Vec::new(),
            late_bytes: 0,
            buffer: vec![0; BUFFER],
        };
        while let Some(member) = import.reader.next()? {
            import
                .member(&member)
                .map_err(|error| as_refusal(error, &member.path))?;
            import
                .report
                .entry(WHAT, Path::new(OsStr::from_bytes(&member.path)))?;
        }
        import.finish()?;
        Ok(import.report.done)
    }
}

/// A directory that was made, and what it gets once nothing more is put into it.
struct Late {
    path: Vec<u8>,
    mode: u32,
    modified_ns: i64,
}

struct Import<'a> {
    /// The directory that is imported into.
    tree: Tree,
    reader: Reader<'a>,
    report: Report<'a>,
    /// Hashes, under a random key, of the paths of all members but directories.
    seen: HashSet<u64>,
    hasher: RandomState,
    /// The directory of the last member: the next one is mostly in the same.
    parent: Option<(Vec<u8>, OwnedFd)>,
    late: Vec<Late>,
    late_bytes: usize,
    buffer: Vec<u8>,
}

impl Import<'_> {
    fn member(&mut self, member: &Member) -> Result<(), TreeError> {
        if member.path.is_empty() {
            // The archive's own root: the directory is there, and stays as it is.
            return Ok(());
        }
        if member.kind != MemberKind::Directory {
            if !self.seen.insert(self.hasher.hash_one(&member.path)) {
                return Err(refused("import a second time", &member.path));
            }
            if self.seen.len() > MAX_MEMBERS {
                return Err(refused(
                    "import, after more members than one archive may have,",
                    &member.path,
                ));
            }
        }
        let (parent, name) = split(&member.path).ok_or_else(|| refused(WHAT, &member.path))?;
        let (name, path) = (OsStr::from_bytes(name), OsStr::from_bytes(&member.path));
        let directory = match self.parent.take() {
            Some((path, directory)) if path == parent => directory,
            _ => self.open_parent(parent, Path::new(path))?,
        };
        match &member.kind {
            MemberKind::Directory => self.directory(member, directory.as_fd(), name)?,
            MemberKind::File => self.file(member, directory.as_fd(), name)?,
            MemberKind::Symlink(target) => self
                .symlink(member, target, directory.as_fd(), name)
                .map_err(|refused| refused.at(WHAT, Path::new(path)))?,
            MemberKind::HardLink(target) => self.hard_link(member, target, directory.as_fd(), name)?,
        }
        if !matches!(member.kind, MemberKind::Symlink(_)) {
            // A new link could lead elsewhere than what was opened.
            self.parent = Some((parent.to_owned(), directory));
        }
        Ok(())
    }

    /// The directory that a member goes to, made if it is missing.
    fn open_parent(&self, parent: &[u8], path: &Path) -> Result<OwnedFd, TreeError> {
        let flags = OFlags::CLOEXEC | OFlags::PATH | OFlags::DIRECTORY;
        let wanted = if parent.is_empty() { b"." } else { parent };
        let opened = match self.tree.open_path(wanted, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                self.tree
                    .mkdir(Path::new(OsStr::from_bytes(parent)), 0o755, true)?;
                self.tree.open_path(wanted, flags, Mode::empty())
            }
            other => other,
        };
        opened.map_err(|errno| TreeError::system(WHAT, path, errno))
    }

    fn directory(
        &mut self,
        member: &Member,
        directory: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<(), TreeError> {
        let path = Path::new(OsStr::from_bytes(&member.path));
        match make_directory(self.tree.quota.as_deref(), directory, name, 0o700) {
            Ok(()) => {}
            Err(Refused::System(Errno::EXIST)) => {
                // Also by a link that stays inside, as `lib` is one in many systems.
                let flags = OFlags::CLOEXEC | OFlags::PATH | OFlags::DIRECTORY;
                return self
                    .tree
                    .open_path(&member.path, flags, Mode::empty())
                    .map(drop)
                    .map_err(|errno| TreeError::system(WHAT, path, errno));
            }
            Err(error) => return Err(error.at(WHAT, path)),
        }
        self.late_bytes += member.path.len() + size_of::<Late>();
        if self.late_bytes > MAX_LATE_BYTES {
            return Err(refused("import, after too many directories,", &member.path));
        }
        self.late.push(Late {
            path: member.path.clone(),
            mode: member.mode & 0o1777,
            modified_ns: member.modified_ns,
        });
        Ok(())
    }

    fn file(&mut self, member: &Member, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), TreeError> {
        let path = Path::new(OsStr::from_bytes(&member.path));
        let flags = CONTENT | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let quota = self.tree.quota.clone();
        let file = self
            .in_place_of(directory, name, || {
                inode(quota.as_deref(), || {
                    openat(directory, name, flags, Mode::RUSR | Mode::WUSR)
                })
            })
            .map_err(|error| error.at(WHAT, path))?;
        let done = self.content(member, file.as_fd(), path).and_then(|()| {
            fchmod(&file, Mode::from_raw_mode(member.mode & 0o777))
                .and_then(|()| futimens(&file, &timestamps(None, Some(member.modified_ns))))
                .map_err(|errno| TreeError::system(WHAT, path, errno))
        });
        if done.is_err() {
            // Half a file is worse than none; the first failure is the one to report.
            let _ = unlink(quota.as_deref(), directory, name);
        }
        done
    }

    fn content(&mut self, member: &Member, file: BorrowedFd<'_>, path: &Path) -> Result<(), TreeError> {
        let mut offset = 0;
        loop {
            let got = match self.reader.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(refused("import, from an archive that ends in it,", &member.path));
                }
                Err(error) => return Err(TreeError::io("read from the archive", path, error)),
            };
            self.write(file, got, offset, path)?;
            offset += got as u64;
            self.report.bytes(got, WHAT, path)?;
        }
    }

    /// Writes the first `len` bytes of the buffer, except whole blocks of zeros.
    fn write(&self, file: BorrowedFd<'_>, len: usize, offset: u64, path: &Path) -> Result<(), TreeError> {
        let charge = match &self.tree.quota {
            Some(quota) => Some(
                quota
                    .charge_growth(file, offset + len as u64)
                    .map_err(|error| error.at(WHAT, path))?,
            ),
            None => None,
        };
        let written = write_runs(file, &self.buffer[..len], offset);
        if let (Some(mut charge), Err(_)) = (charge, &written) {
            charge.settle(file);
        }
        written.map_err(|errno| TreeError::system(WHAT, path, errno))
    }

    fn symlink(
        &self,
        member: &Member,
        target: &[u8],
        directory: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<(), Refused> {
        let quota = self.tree.quota.as_deref();
        self.in_place_of(directory, name, || {
            make_link(quota, OsStr::from_bytes(target), directory, name)
        })?;
        let times = timestamps(None, Some(member.modified_ns));
        Ok(utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn hard_link(
        &self,
        member: &Member,
        target: &[u8],
        directory: BorrowedFd<'_>,
        name: &OsStr,
    ) -> Result<(), TreeError> {
        let path = Path::new(OsStr::from_bytes(&member.path));
        let to = self.tree.place(Path::new(OsStr::from_bytes(target)), WHAT)?;
        let identity = |directory, name| {
            let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok::<_, Errno>((stat.st_dev, stat.st_ino))
        };
        let existing = identity(to.directory(), to.name)
            .map_err(|_| refused("import, with a link to nothing,", &member.path))?;
        if identity(directory, name) == Ok(existing) {
            return Ok(());
        }
        self.in_place_of(directory, name, || {
            Ok(linkat(
                to.directory(),
                to.name,
                directory,
                name,
                AtFlags::empty(),
            )?)
        })
        .map_err(|error| error.at(WHAT, path))
    }

    /// Makes something of a name, once a file or link that has it is removed. It is never written through.
    fn in_place_of<T>(
        &self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        make: impl Fn() -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        for _ in 0..NAME_TRIES {
            match make() {
                Err(Refused::System(Errno::EXIST)) => {}
                other => return other,
            }
            match unlink(self.tree.quota.as_deref(), directory, name) {
                Ok(()) | Err(Refused::System(Errno::NOENT)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Errno::EXIST.into())
    }

    /// Gives the new directories their modes and times, those further down first.
    fn finish(&mut self) -> Result<(), TreeError> {
        while let Some(late) = self.late.pop() {
            let path = Path::new(OsStr::from_bytes(&late.path));
            let flags = OFlags::CLOEXEC | OFlags::PATH | OFlags::NOFOLLOW;
            let done = self
                .tree
                .open_path(&late.path, flags, Mode::empty())
                .and_then(|directory| {
                    let stat = rustix::fs::fstat(&directory)?;
                    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                        return Err(Errno::NOTDIR);
                    }
                    set_times(directory.as_fd(), None, Some(late.modified_ns))?;
                    set_mode(directory.as_fd(), late.mode)
                });
            match done {
                // Somebody has removed or replaced it since.
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(errno) => return Err(TreeError::system(WHAT, path, errno)),
            }
        }
        Ok(())
    }
}

/// What only an archive can be wrong about is the archive's fault.
fn as_refusal(error: TreeError, path: &[u8]) -> TreeError {
    match error.kind {
        TreeErrorKind::OutsideRoot
        | TreeErrorKind::Loop
        | TreeErrorKind::BadPath
        | TreeErrorKind::NotADirectory => TreeError::from_parts(
            TreeErrorKind::BadArchive,
            "import, through a link or file that leads elsewhere,",
            OsStr::from_bytes(path),
            error.errno(),
        ),
        _ => error,
    }
}

/// Writes the buffer at `offset`, the end of the file, with holes for whole blocks of zeros.
fn write_runs(file: BorrowedFd<'_>, buffer: &[u8], offset: u64) -> Result<(), Errno> {
    let mut written = 0;
    for (start, end) in runs_of_data(buffer) {
        let at = offset + start as u64;
        write_all(&buffer[start..end], |rest, done| pwrite(file, rest, at + done))
            .map_err(|(errno, _)| errno)?;
        written = end;
    }
    if written < buffer.len() {
        ftruncate(file, offset + buffer.len() as u64)?;
    }
    Ok(())
}

/// The parts of the buffer that are not whole blocks of zeros.
fn runs_of_data(buffer: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let is_hole = |chunk: &[u8]| chunk.len() == HOLE && chunk.iter().all(|byte| *byte == 0);
    let mut start = 0;
    std::iter::from_fn(move || {
        while start < buffer.len() && is_hole(&buffer[start..buffer.len().min(start + HOLE)]) {
            start += HOLE;
        }
        if start >= buffer.len() {
            return None;
        }
        let from = start;
        while start < buffer.len() && !is_hole(&buffer[start..buffer.len().min(start + HOLE)]) {
            start += HOLE;
        }
        start = start.min(buffer.len());
        Some((from, start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_blocks_of_zeros_are_left_out() {
        let runs = |buffer: &[u8]| runs_of_data(buffer).collect::<Vec<_>>();
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[0; 100]), [(0, 100)]);
        assert_eq!(runs(&[0; 2 * HOLE]), []);
        let mut buffer = vec![0; 4 * HOLE + 7];
        buffer[HOLE] = 1;
        assert_eq!(runs(&buffer), [(HOLE, 2 * HOLE), (4 * HOLE, 4 * HOLE + 7)]);
        buffer[2 * HOLE] = 1;
        assert_eq!(runs(&buffer), [(HOLE, 3 * HOLE), (4 * HOLE, 4 * HOLE + 7)]);
    }
}
