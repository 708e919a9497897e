//! An archive's members, one after the other, from bytes that anybody may have made.
//!
//! What it gives out is checked: paths are relative, without `..`, and possible; sizes are those that the archive's
//! bytes follow; nothing is held in memory that is not bounded first.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tar::Header;

use super::{BLOCK, pax};
use crate::error::{TreeError, TreeErrorKind};
use crate::path::is_possible;

/// Longest extended header, which also holds what we have no use for.
const MAX_EXTENSION: u64 = 1 << 20;

/// Most extended headers before one member.
const MAX_EXTENSIONS: usize = 16;

/// One entry of an archive. Its content, if any, is read from the reader before the next one.
#[derive(Debug)]
pub(super) struct Member {
    /// Without `.` components and slashes at the ends; empty for the root of the archive.
    pub(super) path: Vec<u8>,
    pub(super) kind: MemberKind,
    /// At most 0o7777.
    pub(super) mode: u32,
    pub(super) modified_ns: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum MemberKind {
    File,
    Directory,
    /// What it points to, as it is.
    Symlink(Vec<u8>),
    /// Path of an earlier member, as checked as its own.
    HardLink(Vec<u8>),
}

/// What extended headers say about the next member.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    modified_ns: Option<i64>,
}

pub(super) struct Reader<'a> {
    from: &'a mut dyn Read,
    /// Bytes of the current member that were not read yet, without and with the padding.
    content: u64,
    padded: u64,
    /// For errors outside of any member: where the archive goes.
    target: &'a Path,
}

impl<'a> Reader<'a> {
    pub(super) fn new(from: &'a mut dyn Read, target: &'a Path) -> Self {
        Self {
            from,
            content: 0,
            padded: 0,
            target,
        }
    }

    /// The next member; none at the archive's end mark. What was left of the last one is skipped.
    pub(super) fn next(&mut self) -> Result<Option<Member>, TreeError> {
        let mut extensions = Extensions::default();
        for _ in 0..MAX_EXTENSIONS {
            self.skip()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header
                .entry_size()
                .map_err(|_| self.damaged("import from a header without a size"))?;
            match header.entry_type().as_byte() {
                b'x' => {
                    let data = self.extension(size)?;
                    self.read_pax(&data, &mut extensions)?;
                }
                b'L' => extensions.path = extensions.path.or(Some(self.long_name(size)?)),
                b'K' => extensions.link = extensions.link.or(Some(self.long_name(size)?)),
                // Defaults for all members, of which none is about what we take; and a volume's label.
                b'g' | b'V' => drop(self.extension(size)?),
                _ => return self.member(&header, size, extensions).map(Some),
            }
        }
        Err(self.damaged("import after too many extended headers"))
    }

    /// Reads on in the member's content; 0 at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.content).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let got = loop {
            match self.from.read(&mut buffer[..wanted]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content -= got as u64;
        self.padded -= got as u64;
        Ok(got)
    }

    /// A failure of the archive as a whole.
    fn damaged(&self, what: impl Into<Cow<'static, str>>) -> TreeError {
        TreeError::refused(TreeErrorKind::BadArchive, what, self.target)
    }

    fn failed(&self, error: io::Error) -> TreeError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            self.damaged("import from an archive without an end mark into")
        } else {
            TreeError::io("read the archive for", self.target, error)
        }
    }

    fn skip(&mut self) -> Result<(), TreeError> {
        let mut scratch = [0; 16 * BLOCK];
        while self.padded > 0 {
            let wanted = usize::try_from(self.padded).map_or(scratch.len(), |left| left.min(scratch.len()));
            self.from
                .read_exact(&mut scratch[..wanted])
                .map_err(|error| self.failed(error))?;
            self.padded -= wanted as u64;
        }
        self.content = 0;
        Ok(())
    }

    fn header(&mut self) -> Result<Option<Header>, TreeError> {
        let mut header = Header::new_old();
        let got = self.fill(header.as_mut_bytes())?;
        if got < BLOCK {
            return Err(self.no_header(
                &header.as_bytes()[..got],
                "import from an archive without an end mark into",
            ));
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            // There should be two; an archive with one is complete as well.
            let _ = self.from.read_exact(header.as_mut_bytes());
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum: u32 = bytes[..148]
            .iter()
            .chain(&bytes[156..])
            .map(|byte| u32::from(*byte))
            .sum();
        // The sum is taken with spaces in its own place.
        if header.cksum().ok() != Some(sum + 8 * u32::from(b' ')) {
            return Err(self.no_header(bytes, "import from a header with a wrong checksum into"));
        }
        Ok(Some(header))
    }

    /// The error for what is no header, although one was due.
    fn no_header(&self, bytes: &[u8], otherwise: &'static str) -> TreeError {
        // As gzip, zstd, xz and bzip2 begin.
        const MAGICS: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"];
        match MAGICS.iter().any(|magic| bytes.starts_with(magic)) {
            true => {
                self.damaged("import an archive that is compressed, and has to be decompressed first, into")
            }
            false => self.damaged(otherwise),
        }
    }

    /// Fills the buffer as far as the archive goes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TreeError> {
        let mut done = 0;
        while done < buffer.len() {
            match self.from.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(done)
    }

    /// Declares `size` bytes of content.
    fn start(&mut self, size: u64) -> Result<(), TreeError> {
        self.content = size;
        self.padded = size
            .checked_next_multiple_of(BLOCK as u64)
            .ok_or_else(|| self.damaged("import a member larger than any archive into"))?;
        Ok(())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TreeError> {
        let room = usize::try_from(size).ok().filter(|_| size <= MAX_EXTENSION);
        let Some(room) = room else {
            return Err(self.damaged("import an extended header of more than 1 MiB into"));
        };
        self.start(size)?;
        let mut data = vec![0; room];
        let mut done = 0;
        while done < room {
            done += self.read(&mut data[done..]).map_err(|error| self.failed(error))?;
        }
        Ok(data)
    }

    /// GNU's way: the name is the content, with a NUL at its end.
    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, TreeError> {
        let mut name = self.extension(size)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn read_pax(&self, mut data: &[u8], extensions: &mut Extensions) -> Result<(), TreeError> {
        while !data.is_empty() {
            let (key, value, rest) = pax::next_record(data)
                .ok_or_else(|| self.damaged("import a malformed extended header into"))?;
            let malformed = || self.damaged("import an extended header with a bad number into");
            match key {
                b"path" => extensions.path = Some(value.to_owned()),
                b"linkpath" => extensions.link = Some(value.to_owned()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    extensions.size = Some(size.ok_or_else(malformed)?);
                }
                b"mtime" => extensions.modified_ns = Some(pax::parse_time(value).ok_or_else(malformed)?),
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(self.damaged("import a file in GNU tar's sparse form into"));
                }
                _ => {}
            }
            data = rest;
        }
        Ok(())
    }

    fn member(&mut self, header: &Header, size: u64, extensions: Extensions) -> Result<Member, TreeError> {
        let raw = extensions
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let refuse = |what: &'static str| refused(what, &raw);
        let link = extensions
            .link
            .or_else(|| header.link_name_bytes().map(Cow::into_owned));
        let kind = match header.entry_type().as_byte() {
            // Before directories had a type of their own, they had a slash.
            0 | b'0' if raw.last() == Some(&b'/') => MemberKind::Directory,
            0 | b'0' | b'7' => MemberKind::File,
            b'5' => MemberKind::Directory,
            b'1' => {
                let link = link.unwrap_or_default();
                MemberKind::HardLink(
                    clean(&link).ok_or_else(|| refuse("import, with a link that leads out,"))?,
                )
            }
            b'2' => {
                let link = link.unwrap_or_default();
                if link.is_empty() || link.contains(&0) || link.len() > crate::path::PATH_MAX {
                    return Err(refuse("import, with an impossible link,"));
                }
                MemberKind::Symlink(link)
            }
            b'3' | b'4' => return Err(refuse("import the device")),
            b'6' => return Err(refuse("import the pipe")),
            _ => return Err(refuse("import, of a type that is not known,")),
        };
        let path =
            clean(&raw).ok_or_else(|| refuse("import, with a path that leads out or is not possible,"))?;
        if path.is_empty() && kind != MemberKind::Directory {
            return Err(refuse("import, without a name,"));
        }
        if let MemberKind::HardLink(target) = &kind
            && (target.is_empty() || *target == path)
        {
            return Err(refuse("import, as a link to itself,"));
        }
        let size = extensions.size.unwrap_or(size);
        if kind != MemberKind::File && size > 0 {
            return Err(refuse("import, with content where none may be,"));
        }
        self.start(size)?;
        let mode = header.mode().map_err(|_| refuse("import, without a mode,"))? & 0o7777;
        let modified_ns = match extensions.modified_ns {
            Some(time) => time,
            None => {
                let seconds = header.mtime().map_err(|_| refuse("import, without a time,"))?;
                i64::try_from(seconds)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1_000_000_000)
            }
        };
        Ok(Member {
            path,
            kind,
            mode,
            modified_ns,
        })
    }
}

/// The refusal of one member, by its path as the archive has it.
pub(super) fn refused(what: impl Into<Cow<'static, str>>, path: &[u8]) -> TreeError {
    TreeError::refused(TreeErrorKind::BadArchive, what, OsStr::from_bytes(path))
}

/// A member's path without `.` and extra slashes. None if it is absolute, has `..`, or is not possible.
fn clean(path: &[u8]) -> Option<Vec<u8>> {
    if !is_possible(path) || path[0] == b'/' {
        return None;
    }
    let mut clean = Vec::with_capacity(path.len());
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => continue,
            b".." => return None,
            _ => {}
        }
        if !clean.is_empty() {
            clean.push(b'/');
        }
        clean.extend_from_slice(name);
    }
    Some(clean)
}
