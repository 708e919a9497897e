//! A layer back into a tar archive, in pieces as they are read: what `write_layer` makes the same layer of.
//!
//! The same layer always gives the same bytes: entries come depth first, sorted by name, attributes sorted too. Whiteouts and
//! opaque directories are `.wh.` names again; holes are zeroes. Memory is for names and hard links only.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};

use crate::format::{IMPLIED, OPAQUE};
use crate::limits::Limits;
use crate::reader::{Image, Inode, Kind, ReadError};

const BLOCK: usize = 512;
/// The most that the octal fields for a size and a time hold.
const ELEVEN_DIGITS: u64 = (1 << 33) - 1;
/// The most that those for owners hold.
const SEVEN_DIGITS: u32 = (1 << 21) - 1;

/// Why a layer did not become an archive; the I/O errors of [`LayerTar`] carry it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The layer cannot be read.
    #[error("cannot read the layer")]
    Read(#[from] ReadError),
    /// A tar archive cannot hold one entry.
    #[error("{path:?} cannot be in an archive ({why}): make the image without it")]
    Inexpressible {
        /// Which.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

fn damaged(what: &'static str) -> TarError {
    TarError::Read(ReadError::Damaged { what })
}

/// A directory whose entries are being written.
struct Level {
    /// With a slash at its end; empty for the root.
    path: Vec<u8>,
    entries: std::vec::IntoIter<(Vec<u8>, u64)>,
}

/// The archive of one layer.
pub struct LayerTar<'a> {
    image: Image<'a>,
    levels: Vec<Level>,
    /// What is next, and how much of it was read.
    pending: (Vec<u8>, usize),
    /// The file whose content comes after that, and how much of it was read.
    content: Option<(Inode, u64)>,
    /// First paths of inodes with several.
    linked: HashMap<u64, Vec<u8>>,
    seen: HashSet<u64>,
    left: u64,
    started: bool,
    over: bool,
}

impl<'a> LayerTar<'a> {
    /// Checks the layer's superblock.
    pub fn new(layer: &'a File) -> Result<Self, ReadError> {
        Ok(Self {
            image: Image::open(&[layer])?,
            levels: Vec::new(),
            pending: (Vec::new(), 0),
            content: None,
            linked: HashMap::new(),
            seen: HashSet::new(),
            left: Limits::default().entries,
            started: false,
            over: false,
        })
    }

    /// Prepares the next entry, or the end.
    fn advance(&mut self) -> Result<(), TarError> {
        self.pending = (Vec::new(), 0);
        if !self.started {
            self.started = true;
            let root = self.image.root()?;
            return self.enter(b"./", Vec::new(), &root);
        }
        let Some(level) = self.levels.last_mut() else {
            self.over = true;
            self.pending.0 = vec![0; 2 * BLOCK];
            return Ok(());
        };
        let Some((name, nid)) = level.entries.next() else {
            self.levels.pop();
            return Ok(());
        };
        let path = [&level.path[..], &name].concat();
        let inode = self.image.inode(nid)?;
        match inode.kind {
            Kind::Directory => {
                let path = [&path[..], b"/"].concat();
                self.enter(&path.clone(), path, &inode)
            }
            Kind::CharDevice if inode.device == (0, 0) => {
                let above = path.len() - name.len();
                self.marker(&[&path[..above], b".wh.", &name].concat());
                Ok(())
            }
            _ => self.entry(path, inode),
        }
    }

    /// Describes a directory, unless the layer only implies it, and goes into it. `shown` is its path in the archive.
    fn enter(&mut self, shown: &[u8], path: Vec<u8>, inode: &Inode) -> Result<(), TarError> {
        if !self.seen.insert(inode.nid) {
            return Err(damaged("a directory with two names"));
        }
        let xattrs = self.image.xattrs(inode)?;
        let has = |wanted: &[u8]| xattrs.iter().any(|(name, value)| name == wanted && value == b"y");
        if !has(IMPLIED) {
            self.header(shown, inode, b'5', &[])?;
        }
        if has(OPAQUE) {
            self.marker(&[&path[..], b".wh..wh..opq"].concat());
        }
        let (mut entries, left) = (Vec::new(), &mut self.left);
        self.image.entries_of(inode, |name, nid| {
            *left = left.checked_sub(1).ok_or_else(|| damaged("too many entries"))?;
            entries.push((name.to_owned(), nid));
            Ok::<_, TarError>(())
        })?;
        self.levels.push(Level {
            path,
            entries: entries.into_iter(),
        });
        Ok(())
    }

    fn entry(&mut self, path: Vec<u8>, inode: Inode) -> Result<(), TarError> {
        if let Some(first) = self.linked.get(&inode.nid).cloned() {
            return self.header(&path, &inode, b'1', &first);
        }
        match inode.kind {
            Kind::File => self.header(&path, &inode, b'0', &[])?,
            Kind::Symlink => {
                let target = self.image.read_link(&inode)?;
                self.header(&path, &inode, b'2', &target)?;
            }
            Kind::CharDevice => self.header(&path, &inode, b'3', &[])?,
            Kind::BlockDevice => self.header(&path, &inode, b'4', &[])?,
            Kind::Fifo => self.header(&path, &inode, b'6', &[])?,
            Kind::Socket | Kind::Directory => return Err(inexpressible(&path, "it is a socket")),
        }
        if inode.links > 1 {
            self.linked.insert(inode.nid, path);
        }
        if inode.kind == Kind::File && inode.size > 0 {
            self.content = Some((inode, 0));
        }
        Ok(())
    }

    /// An empty file that says something about what is below.
    fn marker(&mut self, path: &[u8]) {
        let mut records = Vec::new();
        if path.len() > 100 {
            record(&mut records, b"path", path);
        }
        extended(&mut self.pending.0, &records);
        let fields = Fields {
            path,
            mode: 0o644,
            kind: b'0',
            ..Fields::default()
        };
        self.pending.0.extend_from_slice(&fields.header());
    }

    fn header(&mut self, path: &[u8], inode: &Inode, kind: u8, link: &[u8]) -> Result<(), TarError> {
        let mut records = Vec::new();
        let (seconds, nanos) = inode.modified;
        let size = if kind == b'0' { inode.size } else { 0 };
        if path.len() > 100 {
            record(&mut records, b"path", path);
        }
        if link.len() > 100 {
            record(&mut records, b"linkpath", link);
        }
        if size > ELEVEN_DIGITS {
            record(&mut records, b"size", size.to_string().as_bytes());
        }
        for (key, id) in [(b"uid", inode.uid), (b"gid", inode.gid)] {
            if id > SEVEN_DIGITS {
                record(&mut records, key, id.to_string().as_bytes());
            }
        }
        let plain_time = u64::try_from(seconds).ok().filter(|time| *time <= ELEVEN_DIGITS);
        if nanos != 0 || plain_time.is_none() {
            record(&mut records, b"mtime", time(seconds, nanos).as_bytes());
        }
        if kind != b'1' {
            let mut xattrs = self.image.xattrs(inode)?;
            xattrs.sort();
            for (name, value) in xattrs {
                if name == IMPLIED || name == OPAQUE {
                    continue;
                }
                if name.contains(&b'=') {
                    return Err(inexpressible(path, "an attribute has '=' in its name"));
                }
                record(&mut records, &[b"SCHILY.xattr.", &name[..]].concat(), &value);
            }
        }
        extended(&mut self.pending.0, &records);
        let fields = Fields {
            path,
            mode: inode.permissions.into(),
            owner: (inode.uid, inode.gid),
            size,
            time: plain_time.unwrap_or(0),
            kind,
            link,
            device: inode.device,
        };
        self.pending.0.extend_from_slice(&fields.header());
        Ok(())
    }
}

impl Read for LayerTar<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self.pending.0.get(self.pending.1..).unwrap_or_default();
            if !rest.is_empty() || buffer.is_empty() {
                let now = rest.len().min(buffer.len());
                buffer[..now].copy_from_slice(&rest[..now]);
                self.pending.1 += now;
                return Ok(now);
            }
            if let Some((inode, offset)) = &mut self.content {
                let got = self
                    .image
                    .read_at(inode, *offset, buffer)
                    .map_err(|error| io::Error::other(TarError::Read(error)))?;
                *offset += got as u64;
                if got > 0 {
                    return Ok(got);
                }
                let over = (inode.size % BLOCK as u64) as usize;
                self.pending = (vec![0; (BLOCK - over) % BLOCK], 0);
                self.content = None;
            } else if self.over {
                return Ok(0);
            } else {
                self.advance().map_err(io::Error::other)?;
            }
        }
    }
}

fn inexpressible(path: &[u8], why: &'static str) -> TarError {
    TarError::Inexpressible {
        path: crate::error::shown(path),
        why,
    }
}

/// One record of an extended header; its length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + 3;
    let mut length = body;
    while length != body + length.to_string().len() {
        length = body + length.to_string().len();
    }
    records.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        records.extend_from_slice(part);
    }
}

/// The extended header of an entry that needs one.
fn extended(out: &mut Vec<u8>, records: &[u8]) {
    if records.is_empty() {
        return;
    }
    let fields = Fields {
        path: b"PaxHeaders/entry",
        mode: 0o644,
        kind: b'x',
        size: records.len() as u64,
        ..Fields::default()
    };
    out.extend_from_slice(&fields.header());
    out.extend_from_slice(records);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

/// Seconds as a decimal number; `nanos` are after the seconds on both sides of 1970.
fn time(seconds: i64, nanos: u32) -> String {
    match (seconds, nanos) {
        (_, 0) => seconds.to_string(),
        (0.., _) => format!("{seconds}.{nanos:09}"),
        _ => format!("-{}.{:09}", (seconds + 1).unsigned_abs(), 1_000_000_000 - nanos),
    }
}

/// What a header says.
#[derive(Default)]
struct Fields<'a> {
    path: &'a [u8],
    mode: u32,
    owner: (u32, u32),
    size: u64,
    time: u64,
    kind: u8,
    link: &'a [u8],
    device: (u32, u32),
}

impl Fields<'_> {
    /// What has no room is in an extended header, and here cut or 0.
    fn header(&self) -> [u8; BLOCK] {
        let mut header = [0; BLOCK];
        let mut text = |at: usize, room: usize, value: &[u8]| {
            let len = value.len().min(room);
            header[at..at + len].copy_from_slice(&value[..len]);
        };
        let octal = |digits: usize, value: u64, most: u64| {
            let value = if value > most { 0 } else { value };
            format!("{value:0digits$o}\0").into_bytes()
        };
        let id = |id: u32| octal(7, id.into(), SEVEN_DIGITS.into());
        text(0, 100, self.path);
        text(100, 8, &id(self.mode));
        text(108, 8, &id(self.owner.0));
        text(116, 8, &id(self.owner.1));
        text(124, 12, &octal(11, self.size, ELEVEN_DIGITS));
        text(136, 12, &octal(11, self.time, ELEVEN_DIGITS));
        text(148, 8, b"        ");
        text(156, 1, &[self.kind]);
        text(157, 100, self.link);
        text(257, 8, b"ustar\x0000");
        if matches!(self.kind, b'3' | b'4') {
            text(329, 8, &id(self.device.0));
            text(337, 8, &id(self.device.1));
        }
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header
    }
}
