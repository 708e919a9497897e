//! A tree into an archive, in the pax form: any name, any size, times to the nanosecond.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::{Errno, pread};
use tar::{EntryType, Header};

use super::{BLOCK, BUFFER, Report, pax};
use crate::error::{TreeError, TreeErrorKind};
use crate::info::{FileInfo, FileKind, Progress, kind_of};
use crate::path::PATH_MAX;
use crate::resolve::{CONTENT, Tree, regular, size_of};
use crate::walk::{Walk, open_start};

const WHAT: &str = "export";

/// Files with several names that are remembered, so that the other names become links.
const MAX_LINKED: usize = 1 << 20;

impl Tree {
    /// Packs what has the path into a tar archive in the pax form: of a directory, all that is in it, by paths
    /// relative to it; of a file or link, one member by its name. `progress` is called at least once per member and
    /// every 256 KiB; false stops.
    ///
    /// Modes, owners and times are kept, links stay links, and several names of one file stay one file. Pipes,
    /// sockets and devices are left out. What comes or goes during the walk may be in it or not; a file that
    /// becomes shorter while it is read is an error, because its size is already written.
    pub fn export_tar(
        &self,
        path: &Path,
        to: &mut dyn Write,
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Progress, TreeError> {
        let mut export = Export {
            to,
            path,
            report: Report {
                done: Progress::default(),
                tell: progress,
            },
            linked: HashMap::new(),
            buffer: vec![0; BUFFER],
        };
        match self.place(path, WHAT) {
            Ok(place) => {
                let stat = statat(place.directory(), place.name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(|errno| TreeError::system(WHAT, path, errno))?;
                match kind_of(&stat) {
                    FileKind::Directory => {
                        let start = open_start(place.directory(), place.name)
                            .map_err(|errno| TreeError::system(WHAT, path, errno))?;
                        export.walk(Walk::new(start, WHAT, path)?)?;
                    }
                    FileKind::File | FileKind::Symlink => {
                        export.member(place.directory(), place.name, Path::new(place.name), &stat)?;
                    }
                    _ => return Err(TreeError::refused(TreeErrorKind::NotAFile, WHAT, path)),
                }
            }
            // The root, or a path that ends in `..`: a directory, if it is inside.
            Err(_) => export.walk(Walk::new(self.directory(path, WHAT)?, WHAT, path)?)?,
        }
        export.write(&[0; 2 * BLOCK])?;
        export
            .to
            .flush()
            .map_err(|error| TreeError::io("write the archive of", path, error))?;
        Ok(export.report.done)
    }
}

struct Export<'a> {
    to: &'a mut dyn Write,
    /// Where the walk starts, for errors.
    path: &'a Path,
    report: Report<'a>,
    /// First path of each file with several names.
    linked: HashMap<(u64, u64), PathBuf>,
    buffer: Vec<u8>,
}

impl Export<'_> {
    fn walk(&mut self, mut walk: Walk<'_>) -> Result<(), TreeError> {
        loop {
            let Some(entry) = walk.next()? else {
                if walk.leave()?.is_none() {
                    return Ok(());
                }
                continue;
            };
            let stat = match statat(walk.current(), &entry.name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Removed since it was listed.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(walk.fail(&entry.name, errno)),
            };
            let path = walk.relative(&entry.name);
            if path.as_os_str().len() > PATH_MAX {
                return Err(walk.fail(&entry.name, Errno::NAMETOOLONG));
            }
            match kind_of(&stat) {
                FileKind::Directory => {
                    if !walk.enter(&entry.name)? {
                        continue;
                    }
                    self.header(EntryType::Directory, &path, None, 0, &stat)?;
                    self.report.entry(WHAT, self.path)?;
                }
                FileKind::File | FileKind::Symlink => {
                    self.member(walk.current(), &entry.name, &path, &stat)?;
                }
                _ => {}
            }
        }
    }

    /// One file or link. What has vanished since `stat` was taken is left out.
    fn member(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        path: &Path,
        stat: &Stat,
    ) -> Result<(), TreeError> {
        let fail = |errno| TreeError::system(WHAT, path, errno);
        if kind_of(stat) == FileKind::Symlink {
            let target = match readlinkat(directory, name, Vec::new()) {
                Err(Errno::NOENT) => return Ok(()),
                other => other.map_err(fail)?,
            };
            self.header(EntryType::Symlink, path, Some(target.as_bytes()), 0, stat)?;
            return self.report.entry(WHAT, path);
        }
        let identity = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1
            && let Some(first) = self.linked.get(&identity).cloned()
        {
            self.header(EntryType::Link, path, Some(first.as_os_str().as_bytes()), 0, stat)?;
            return self.report.entry(WHAT, path);
        }
        let flags = CONTENT | OFlags::RDONLY | OFlags::NOFOLLOW;
        let file = match openat(directory, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(()),
            other => other.map_err(fail)?,
        };
        let stat = regular(file.as_fd(), path, WHAT)?;
        if stat.st_nlink > 1 && self.linked.len() < MAX_LINKED {
            self.linked.insert((stat.st_dev, stat.st_ino), path.to_owned());
        }
        self.header(EntryType::Regular, path, None, size_of(&stat), &stat)?;
        self.content(file.as_fd(), size_of(&stat), path)?;
        self.report.entry(WHAT, path)
    }

    fn content(&mut self, file: BorrowedFd<'_>, size: u64, path: &Path) -> Result<(), TreeError> {
        let mut done = 0;
        while done < size {
            let wanted = usize::try_from(size - done).map_or(BUFFER, |left| left.min(BUFFER));
            let got = match pread(file, &mut self.buffer[..wanted], done) {
                Err(Errno::INTR) => continue,
                Ok(0) => {
                    let what = format!("export more than {done} of the {size} bytes that there were of");
                    return Err(TreeError::refused(TreeErrorKind::Io, what, path));
                }
                other => other.map_err(|errno| TreeError::system(WHAT, path, errno))?,
            };
            self.to
                .write_all(&self.buffer[..got])
                .map_err(|error| TreeError::io("write the archive of", self.path, error))?;
            done += got as u64;
            self.report.bytes(got, WHAT, path)?;
        }
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> Result<(), TreeError> {
        let over = (size % BLOCK as u64) as usize;
        if over == 0 {
            return Ok(());
        }
        self.write(&[0; BLOCK][over..])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TreeError> {
        self.to
            .write_all(bytes)
            .map_err(|error| TreeError::io("write the archive of", self.path, error))
    }

    /// Writes a header, after an extended one for all that does not fit it.
    fn header(
        &mut self,
        kind: EntryType,
        path: &Path,
        link: Option<&[u8]>,
        size: u64,
        stat: &Stat,
    ) -> Result<(), TreeError> {
        let info = FileInfo::new(b"", stat);
        let mut name = path.as_os_str().as_bytes().to_owned();
        if kind == EntryType::Directory {
            name.push(b'/');
        }
        let mut extended = Vec::new();
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(info.mode);
        header.set_uid(info.uid.into());
        header.set_gid(info.gid.into());
        header.set_size(size);
        let seconds = info.modified_ns.div_euclid(1_000_000_000);
        header.set_mtime(u64::try_from(seconds).unwrap_or(0));
        if info.modified_ns.rem_euclid(1_000_000_000) != 0 || seconds < 0 {
            pax::push_record(
                &mut extended,
                "mtime",
                pax::format_time(info.modified_ns).as_bytes(),
            );
        }
        let fields = header.as_old_mut();
        if !put(&mut fields.name, &name) {
            pax::push_record(&mut extended, "path", &name);
        }
        if let Some(link) = link
            && !put(&mut fields.linkname, link)
        {
            pax::push_record(&mut extended, "linkpath", link);
        }
        if !extended.is_empty() {
            let mut before = Header::new_ustar();
            before.set_entry_type(EntryType::XHeader);
            before.set_mode(0o644);
            before.set_uid(0);
            before.set_gid(0);
            before.set_mtime(0);
            before.set_size(extended.len() as u64);
            put(&mut before.as_old_mut().name, b"././@PaxHeader");
            before.set_cksum();
            self.write(before.as_bytes())?;
            self.write(&extended)?;
            self.pad(extended.len() as u64)?;
        }
        header.set_cksum();
        self.write(header.as_bytes())
    }
}

/// Whether the value fits the field; otherwise as much as does is put there, for programs that know no better.
fn put(field: &mut [u8; 100], value: &[u8]) -> bool {
    let len = value.len().min(field.len());
    field[..len].copy_from_slice(&value[..len]);
    len == value.len()
}
