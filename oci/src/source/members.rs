//! The members of a tar, found by going from header to header without reading what is between them.
//!
//! Names are kept as text only, to look up and never to open. Numbers are held against the archive's length, and
//! nothing is read into memory that is not bounded first.

use std::collections::HashMap;
use std::io;

use tar::{EntryType, Header};

use crate::error::OciError;
use crate::source::slice::{FileSlice, ReadAt};

const BLOCK: u64 = 512;

/// Most members of an archive of images; each layer of docker's has up to four.
const MAX_MEMBERS: usize = 100_000;

/// Longest extended header.
const MAX_EXTENSION: u64 = 1 << 20;

/// Longest name; longer ones are none that an image refers to.
const MAX_NAME: usize = 1024;

/// Most links that are followed to a member.
const MAX_LINKS: usize = 8;

const WHAT: &str = "archive";

/// Files and links of an archive, by name. Of several with one name the last one counts, as when unpacked.
pub(super) struct Members {
    by_name: HashMap<String, Target>,
}

enum Target {
    File { at: u64, size: u64 },
    Link(String),
}

impl Members {
    /// Goes through all of the archive.
    pub(super) fn scan(archive: &FileSlice) -> Result<Self, OciError> {
        let mut headers = Headers { archive, at: 0 };
        let mut by_name = HashMap::new();
        let mut count = 0;
        while let Some(member) = headers.next()? {
            count += 1;
            if count > MAX_MEMBERS {
                return Err(OciError::TooLarge {
                    what: WHAT.to_owned(),
                    limit: MAX_MEMBERS as u64,
                    unit: "members",
                });
            }
            if member.at.saturating_add(member.size) > archive.len() {
                return Err(OciError::malformed(WHAT, "it ends within a member"));
            }
            let Some(name) = member.name.as_deref().and_then(|name| resolve("", name)) else {
                continue;
            };
            let target = match member.kind {
                EntryType::Regular | EntryType::Continuous => Target::File {
                    at: member.at,
                    size: member.size,
                },
                EntryType::Symlink | EntryType::Link => {
                    // A hard link's target is a member's name, a symbolic one's goes from its own place.
                    let base = match (member.kind, name.rsplit_once('/')) {
                        (EntryType::Symlink, Some((base, _))) => base,
                        _ => "",
                    };
                    match member.link.as_deref().and_then(|link| resolve(base, link)) {
                        Some(link) => Target::Link(link),
                        None => continue,
                    }
                }
                _ => continue,
            };
            by_name.insert(name, target);
        }
        Ok(Self { by_name })
    }

    /// Whether there is a file or link of the name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Where the file that the name leads to lies: offset and size.
    pub(super) fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = resolve("", name.as_bytes())?;
        for _ in 0..=MAX_LINKS {
            match self.by_name.get(&name)? {
                Target::File { at, size } => return Some((*at, *size)),
                Target::Link(to) => name.clone_from(to),
            }
        }
        None
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// Name of the first member that is not the archive's root, if that is in the bytes.
pub(super) fn first_name(start: &[u8]) -> Result<Option<String>, OciError> {
    let mut headers = Headers {
        archive: start,
        at: 0,
    };
    loop {
        let before = headers.at;
        match headers.next() {
            Ok(Some(member)) => match member.name.as_deref().and_then(|name| resolve("", name)) {
                Some(name) if name.is_empty() => {}
                Some(name) => return Ok(Some(name)),
                // A name that no image has.
                None => return Ok(Some("?".to_owned())),
            },
            Ok(None) => return Ok(None),
            // Cut within what was read: the first header was good.
            Err(_) if before > 0 => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// A path within the archive, without its dots; none if it is too long, not text, or leads out.
fn resolve(base: &str, path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    if path.len() > MAX_NAME || path.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = match path.starts_with('/') {
        true => Vec::new(),
        false => base.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// One member, with what extended headers say of it.
struct Member {
    kind: EntryType,
    /// None if it is longer than any that is looked for.
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    at: u64,
    size: u64,
}

/// Goes from header to header.
struct Headers<'a, A: ReadAt + ?Sized> {
    archive: &'a A,
    at: u64,
}

impl<A: ReadAt + ?Sized> Headers<'_, A> {
    fn next(&mut self) -> Result<Option<Member>, OciError> {
        let (mut name, mut link, mut size) = (None, None, None);
        loop {
            let mut header = Header::new_old();
            if !self.fill(header.as_mut_bytes())? || header.as_bytes().iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            check_sum(&header)?;
            let kind = header.entry_type();
            let own = header
                .entry_size()
                .map_err(|error| OciError::malformed(WHAT, error.to_string()))?;
            match kind {
                EntryType::GNULongName => name = Some(cut_at_nul(self.extension(own)?)),
                EntryType::GNULongLink => link = Some(cut_at_nul(self.extension(own)?)),
                EntryType::XHeader => {
                    let extension = self.extension(own)?;
                    let mut rest = extension.as_slice();
                    while !rest.is_empty() {
                        let (key, value, after) = next_record(rest).ok_or_else(|| {
                            OciError::malformed(WHAT, "an extended header is not well-formed")
                        })?;
                        match key {
                            b"path" => name = Some(value.to_owned()),
                            b"linkpath" => link = Some(value.to_owned()),
                            b"size" => {
                                let value =
                                    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                                let value: u64 =
                                    value.ok_or_else(|| OciError::malformed(WHAT, "a size is no number"))?;
                                size = Some(value);
                            }
                            _ => {}
                        }
                        rest = after;
                    }
                }
                EntryType::XGlobalHeader => self.skip(own)?,
                EntryType::GNUSparse => {
                    return Err(OciError::Unsupported {
                        what: "an archive with sparse members".to_owned(),
                    });
                }
                _ => {
                    // Only files have content, whatever the header of others says.
                    let size = match kind {
                        EntryType::Link
                        | EntryType::Symlink
                        | EntryType::Char
                        | EntryType::Block
                        | EntryType::Directory
                        | EntryType::Fifo => 0,
                        _ => size.unwrap_or(own),
                    };
                    let at = self.at;
                    self.skip(size)?;
                    return Ok(Some(Member {
                        kind,
                        name: Some(name.unwrap_or_else(|| header.path_bytes().into_owned())),
                        link: link.or_else(|| header.link_name_bytes().map(|link| link.into_owned())),
                        at,
                        size,
                    }));
                }
            }
        }
    }

    /// The next block; false at the archive's end.
    fn fill(&mut self, block: &mut [u8]) -> Result<bool, OciError> {
        let any = self.archive.fill_at(block, self.at).map_err(read_error)?;
        self.at += block.len() as u64;
        Ok(any)
    }

    fn skip(&mut self, size: u64) -> Result<(), OciError> {
        self.at = size
            .checked_next_multiple_of(BLOCK)
            .and_then(|size| self.at.checked_add(size))
            .ok_or_else(|| OciError::malformed(WHAT, "a size is out of all bounds"))?;
        Ok(())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, OciError> {
        let length = usize::try_from(size)
            .ok()
            .filter(|_| size <= MAX_EXTENSION)
            .ok_or_else(|| OciError::malformed(WHAT, "an extended header is too long"))?;
        let mut extension = vec![0; length];
        let any = self
            .archive
            .fill_at(&mut extension, self.at)
            .map_err(read_error)?;
        if !any && length > 0 {
            return Err(OciError::malformed(WHAT, "it ends within an extended header"));
        }
        self.skip(size)?;
        Ok(extension)
    }
}

fn read_error(error: io::Error) -> OciError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => OciError::malformed(WHAT, "it ends within a header"),
        _ => OciError::Stream {
            what: "read the archive",
            source: error,
        },
    }
}

/// The sum of a header's bytes, with spaces for the sum itself.
fn check_sum(header: &Header) -> Result<(), OciError> {
    let sum = header
        .as_bytes()
        .iter()
        .enumerate()
        .map(|(index, byte)| match index {
            148..156 => u32::from(b' '),
            _ => u32::from(*byte),
        })
        .sum::<u32>();
    if header.cksum().is_ok_and(|found| found == sum) {
        Ok(())
    } else {
        Err(OciError::malformed(WHAT, "a header is wrong"))
    }
}

fn cut_at_nul(mut name: Vec<u8>) -> Vec<u8> {
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name.truncate(length);
    name
}

/// The next record of an extended header, `length key=value` and a newline: its key, its value, and what follows.
fn next_record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&data[..space]).ok()?.parse().ok()?;
    if length < space + 2 {
        return None;
    }
    let (record, rest) = data.split_at_checked(length)?;
    let body = record[space + 1..].strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], rest))
}
