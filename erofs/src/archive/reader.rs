//! Members of an archive with everything that their headers say about them.

use std::io::{self, BufRead, BufReader, Read};

use super::header::Header;
use super::sparse::{self, MAX_SEGMENTS, Segment, Sparse};
use super::{RECORD, pax};
use crate::error::{LayerError, Refusal};
use crate::format::encode_device;
use crate::limits::{LimitError, LimitKind, Limits};
use crate::tree::Attributes;
use crate::xattr::{self, Xattr};

/// Read from the archive's source at once.
const BUFFER: usize = 256 << 10;

/// Longest extended header, which also holds what we have no use for.
const MAX_EXTENSION: u64 = 1 << 20;

/// Most extended headers before one member.
const MAX_EXTENSIONS: usize = 16;

/// One entry of an archive. Its content, if any, is read from the archive before the next one.
pub(crate) struct Member {
    /// Without `.` components and slashes at the ends; empty for the root of the archive.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: MemberKind,
    pub(crate) attributes: Attributes,
    /// Sorted by name, each once.
    pub(crate) xattrs: Vec<Xattr>,
}

pub(crate) enum MemberKind {
    File {
        size: u64,
        /// Where its content goes, if it has holes.
        map: Option<Vec<Segment>>,
    },
    Directory,
    Symlink(Vec<u8>),
    /// Path of another member, as checked as its own.
    HardLink(Vec<u8>),
    Device {
        block: bool,
        device: u32,
    },
    Fifo,
}

/// What extended headers say about the next member.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    modified: Option<(i64, u32)>,
    sparse: Sparse,
    xattrs: Vec<Xattr>,
}

pub(crate) struct Archive<'a> {
    from: BufReader<&'a mut dyn Read>,
    limits: &'a Limits,
    /// Bytes read so far.
    at: u64,
    /// Bytes of the current member that were not read yet, without and with the padding.
    content: u64,
    padded: u64,
    end_mark: bool,
}

impl<'a> Archive<'a> {
    pub(crate) fn new(from: &'a mut dyn Read, limits: &'a Limits) -> Self {
        Self {
            from: BufReader::with_capacity(BUFFER, from),
            limits,
            at: 0,
            content: 0,
            padded: 0,
            end_mark: false,
        }
    }

    /// Whether the archive's end was marked as such.
    pub(crate) fn had_end_mark(&self) -> bool {
        self.end_mark
    }

    /// The next member; none at the archive's end. What was left of the last one is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, LayerError> {
        let mut extensions = Extensions::default();
        for number in 0..MAX_EXTENSIONS {
            self.skip()?;
            let Some(header) = self.header(number == 0)? else {
                return Ok(None);
            };
            let size = header.size().ok_or_else(|| self.damaged("a header's size"))?;
            match header.kind() {
                b'x' | b'X' => {
                    let data = self.extension(size)?;
                    self.read_pax(&data, &mut extensions)?;
                }
                b'L' => extensions.path = extensions.path.or(Some(self.long_name(size)?)),
                b'K' => extensions.link = extensions.link.or(Some(self.long_name(size)?)),
                // Defaults for all members, which nobody's images are made with, and a volume's label.
                b'g' | b'V' => drop(self.extension(size)?),
                _ => return self.member(&header, size, extensions).map(Some),
            }
        }
        Err(self.damaged("too many extended headers"))
    }

    /// Reads on in the member's content; 0 at its end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, LayerError> {
        let wanted = usize::try_from(self.content).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let got = self.read_some(&mut buffer[..wanted])?;
        if got == 0 {
            return Err(LayerError::Truncated { bytes: self.at });
        }
        self.content -= got as u64;
        self.padded -= got as u64;
        Ok(got)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, LayerError> {
        loop {
            match self.from.read(buffer) {
                Ok(got) => {
                    self.at += got as u64;
                    return Ok(got);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LayerError::Read(error)),
            }
        }
    }

    fn damaged(&self, what: &'static str) -> LayerError {
        LayerError::Damaged { at: self.at, what }
    }

    fn skip(&mut self) -> Result<(), LayerError> {
        while self.padded > 0 {
            let there = match self.from.fill_buf() {
                Ok(there) => there.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(LayerError::Read(error)),
            };
            if there == 0 {
                return Err(LayerError::Truncated { bytes: self.at });
            }
            let now = usize::try_from(self.padded).map_or(there, |left| left.min(there));
            self.from.consume(now);
            self.at += now as u64;
            self.padded -= now as u64;
        }
        self.content = 0;
        Ok(())
    }

    /// All 512 bytes, or none if the source ends before the first.
    fn record(&mut self) -> Result<Option<Header>, LayerError> {
        let mut bytes = [0; RECORD];
        let mut have = 0;
        while have < RECORD {
            match self.read_some(&mut bytes[have..])? {
                0 if have == 0 => return Ok(None),
                0 => return Err(LayerError::Truncated { bytes: self.at }),
                got => have += got,
            }
        }
        Ok(Some(Header(bytes)))
    }

    /// `may_end`: nothing was announced that has to come.
    fn header(&mut self, may_end: bool) -> Result<Option<Header>, LayerError> {
        let header = match self.record()? {
            Some(header) => header,
            // Some programs leave the mark out.
            None if may_end => return Ok(None),
            None => return Err(LayerError::Truncated { bytes: self.at }),
        };
        if header.is_end() {
            // There should be two; an archive with one is complete as well.
            self.end_mark = true;
            return Ok(None);
        }
        if !header.has_right_sum() {
            return Err(self.damaged("a header's checksum"));
        }
        Ok(Some(header))
    }

    /// Declares `size` bytes of content.
    fn start(&mut self, size: u64) -> Result<(), LayerError> {
        self.content = size;
        self.padded = size
            .checked_next_multiple_of(RECORD as u64)
            .ok_or_else(|| self.damaged("a size larger than any archive"))?;
        Ok(())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, LayerError> {
        let room = usize::try_from(size).ok().filter(|_| size <= MAX_EXTENSION);
        let Some(room) = room else {
            return Err(self.damaged("an extended header of more than 1 MiB"));
        };
        self.start(size)?;
        let mut data = vec![0; room];
        let mut done = 0;
        while done < room {
            done += self.read(&mut data[done..])?;
        }
        Ok(data)
    }

    /// GNU's way: the name is the content, with a NUL at its end.
    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, LayerError> {
        let mut name = self.extension(size)?;
        while name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    fn read_pax(&self, mut data: &[u8], extensions: &mut Extensions) -> Result<(), LayerError> {
        while !data.is_empty() {
            let (key, value, rest) =
                pax::next_record(data).ok_or_else(|| self.damaged("an extended header's record"))?;
            data = rest;
            // An empty value takes back what the header says otherwise.
            if value.is_empty() && !key.starts_with(b"SCHILY.xattr.") {
                continue;
            }
            read_record(key, value, extensions)
                .ok_or_else(|| self.damaged("a value in an extended header"))?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        header: &Header,
        stored: u64,
        mut extensions: Extensions,
    ) -> Result<Member, LayerError> {
        let raw = extensions.sparse.name.take().or(extensions.path.take());
        let raw = raw.unwrap_or_else(|| header.path());
        let refuse = |why| LayerError::refused(&raw, why);
        let path = self.clean(&raw, &raw)?;
        let (seconds, nanos) = match extensions.modified {
            Some(time) => time,
            None => (header.modified().ok_or_else(|| refuse(Refusal::BadNumber))?, 0),
        };
        let number =
            |given: Option<u32>, own: Option<u32>| given.or(own).ok_or_else(|| refuse(Refusal::BadNumber));
        let attributes = Attributes {
            permissions: header.mode().ok_or_else(|| refuse(Refusal::BadNumber))?,
            uid: number(extensions.uid, header.uid())?,
            gid: number(extensions.gid, header.gid())?,
            seconds,
            nanos,
            xattrs: 0,
        };
        let link = extensions.link.take().unwrap_or_else(|| header.link());
        let xattrs = self.check_xattrs(&raw, std::mem::take(&mut extensions.xattrs))?;
        let kind = match header.kind() {
            // Before directories had a type of their own, they had a slash.
            0 | b'0' if raw.last() == Some(&b'/') => MemberKind::Directory,
            0 | b'0' | b'7' | b'S' => self.file(&raw, header, stored, extensions)?,
            b'5' => MemberKind::Directory,
            b'1' => MemberKind::HardLink(self.clean(&raw, &link)?),
            b'2' => MemberKind::Symlink(self.check_target(&raw, link)?),
            kind @ (b'3' | b'4') => {
                let device = header
                    .device()
                    .and_then(|(major, minor)| encode_device(major, minor));
                MemberKind::Device {
                    block: kind == b'4',
                    device: device.ok_or_else(|| refuse(Refusal::BadNumber))?,
                }
            }
            b'6' => MemberKind::Fifo,
            _ => return Err(refuse(Refusal::BadType)),
        };
        Ok(Member {
            path,
            kind,
            attributes,
            xattrs,
        })
    }

    /// Only files have content; what others declare as their size is not followed by any.
    fn file(
        &mut self,
        raw: &[u8],
        header: &Header,
        stored: u64,
        mut extensions: Extensions,
    ) -> Result<MemberKind, LayerError> {
        let wrong_map = || LayerError::refused(raw, Refusal::BadSparseMap);
        let stored = extensions.size.unwrap_or(stored);
        let is_old = header.kind() == b'S';
        if !is_old && !extensions.sparse.any {
            self.start(stored)?;
            return Ok(MemberKind::File {
                size: stored,
                map: None,
            });
        }
        let mut size = extensions.sparse.size;
        let mut map = extensions.sparse.take_map();
        if is_old {
            size = size.or(header.real_size());
            let mut more = header.sparse(&mut map).ok_or_else(wrong_map)?;
            while more {
                let record = self.record()?;
                let record = record.ok_or(LayerError::Truncated { bytes: self.at })?;
                more = record.more_sparse(&mut map).ok_or_else(wrong_map)?;
                if map.len() > MAX_SEGMENTS {
                    return Err(wrong_map());
                }
            }
        }
        self.start(stored)?;
        if extensions.sparse.inside {
            map = self.map_before_content()?.ok_or_else(wrong_map)?;
        }
        let size = size.ok_or_else(wrong_map)?;
        let map = sparse::check(map, size, self.content).ok_or_else(wrong_map)?;
        Ok(MemberKind::File { size, map: Some(map) })
    }

    /// Decimal numbers, one a line: how many segments, then each one's offset and length; padded to whole records.
    fn map_before_content(&mut self) -> Result<Option<Vec<Segment>>, LayerError> {
        let before = self.content;
        let mut numbers = Vec::new();
        let mut count = 1;
        while numbers.len() < count {
            let mut digits = Vec::new();
            loop {
                let mut byte = [0];
                if self.read(&mut byte)? == 0 || digits.len() > 20 {
                    return Ok(None);
                }
                if byte[0] == b'\n' {
                    break;
                }
                digits.push(byte[0]);
            }
            let Some(number) = pax::number::<u64>(&digits) else {
                return Ok(None);
            };
            if count == 1 && numbers.is_empty() {
                let segments = usize::try_from(number).ok().filter(|n| *n <= MAX_SEGMENTS);
                let Some(segments) = segments else {
                    return Ok(None);
                };
                count += 2 * segments;
            }
            numbers.push(number);
        }
        let mut padding = [0; RECORD];
        let used = before - self.content;
        let mut left = (used.next_multiple_of(RECORD as u64) - used) as usize;
        while left > 0 {
            match self.read(&mut padding[..left])? {
                0 => return Ok(None),
                got => left -= got,
            }
        }
        let pairs = numbers[1..].chunks_exact(2);
        let map = pairs.map(|pair| Segment {
            offset: pair[0],
            len: pair[1],
        });
        Ok(Some(map.collect()))
    }

    /// A path without `.` and extra slashes; an absolute one counts from the image's root.
    fn clean(&self, raw: &[u8], path: &[u8]) -> Result<Vec<u8>, LayerError> {
        let check = |kind, have: usize, room: usize| {
            LimitError::check(kind, have as u64, room as u64).map_err(|error| LayerError::limit(raw, error))
        };
        if path.is_empty() || path.contains(&0) {
            return Err(LayerError::refused(raw, Refusal::BadPath));
        }
        let mut clean = Vec::with_capacity(path.len().min(self.limits.path_room() + 1));
        for name in path.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => continue,
                b".." => return Err(LayerError::refused(raw, Refusal::Outside)),
                _ => {}
            }
            check(LimitKind::NameBytes, name.len(), self.limits.name_room())?;
            if !clean.is_empty() {
                clean.push(b'/');
            }
            clean.extend_from_slice(name);
            check(LimitKind::PathBytes, clean.len(), self.limits.path_room())?;
        }
        Ok(clean)
    }

    fn check_target(&self, raw: &[u8], target: Vec<u8>) -> Result<Vec<u8>, LayerError> {
        if target.is_empty() || target.contains(&0) {
            return Err(LayerError::refused(raw, Refusal::BadTarget));
        }
        let room = self.limits.path_room() as u64;
        LimitError::check(LimitKind::PathBytes, target.len() as u64, room)
            .map_err(|error| LayerError::limit(raw, error))?;
        Ok(target)
    }

    /// Sorted, the last of each name, without those that Linux could not have set.
    fn check_xattrs(&self, raw: &[u8], mut xattrs: Vec<Xattr>) -> Result<Vec<Xattr>, LayerError> {
        xattrs.retain(|(name, _)| xattr::is_possible(name));
        xattrs.reverse();
        xattrs.sort_by(|(one, _), (other, _)| one.cmp(other));
        xattrs.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let wrong = |(name, value): &Xattr| {
            name.len() > 255 || value.len() > usize::from(u16::MAX) || name.contains(&0)
        };
        if xattrs.iter().any(wrong) {
            return Err(LayerError::refused(raw, Refusal::BadXattr));
        }
        // Each with its entry and padding.
        let sum: usize = xattrs
            .iter()
            .map(|(name, value)| name.len() + value.len() + 8)
            .sum();
        LimitError::check(LimitKind::XattrBytes, sum as u64, self.limits.xattr_room() as u64)
            .map_err(|error| LayerError::limit(raw, error))?;
        Ok(xattrs)
    }
}

/// None if the value is malformed.
fn read_record(key: &[u8], value: &[u8], extensions: &mut Extensions) -> Option<()> {
    match key {
        b"path" => extensions.path = Some(value.to_owned()),
        b"linkpath" => extensions.link = Some(value.to_owned()),
        b"size" => extensions.size = Some(pax::number(value)?),
        b"uid" => extensions.uid = Some(pax::number(value)?),
        b"gid" => extensions.gid = Some(pax::number(value)?),
        b"mtime" => extensions.modified = Some(pax::time(value)?),
        _ => {
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                extensions.xattrs.push((name.to_owned(), value.to_owned()));
            } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                extensions
                    .xattrs
                    .push((pax::unescape(name)?, pax::base64(value)?));
            } else if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                extensions.sparse.record(key, value)?;
            }
        }
    }
    Some(())
}
