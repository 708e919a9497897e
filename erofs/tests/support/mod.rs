//! Archives made byte by byte, so that they can be wrong in any way, and images written out as text.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::fs::File;

use msb_erofs::reader::{Image, Inode, Kind, ReadError};
use msb_erofs::{Layer, LayerError, Limits, merge, write_layer};

/// An archive in the making.
#[derive(Clone, Default)]
pub struct Tar {
    pub bytes: Vec<u8>,
}

/// One header; every field can be set to anything.
#[derive(Clone)]
pub struct Entry {
    pub path: Vec<u8>,
    pub kind: u8,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
    pub mtime: u64,
    pub link: Vec<u8>,
    pub device: (u32, u32),
}

impl Entry {
    pub fn new(path: &str, kind: u8) -> Self {
        Self {
            path: path.into(),
            kind,
            mode: if kind == b'5' { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 1_700_000_000,
            link: Vec::new(),
            device: (0, 0),
        }
    }

    pub fn header(&self) -> [u8; 512] {
        let mut header = [0; 512];
        let name = &self.path[..self.path.len().min(100)];
        header[..name.len()].copy_from_slice(name);
        let octal = |header: &mut [u8; 512], at: usize, digits: usize, value: u64| {
            header[at..at + digits].copy_from_slice(format!("{value:0digits$o}").as_bytes());
        };
        octal(&mut header, 100, 7, self.mode.into());
        octal(&mut header, 108, 7, self.uid);
        octal(&mut header, 116, 7, self.gid);
        octal(&mut header, 124, 11, self.size);
        octal(&mut header, 136, 11, self.mtime);
        header[156] = self.kind;
        header[157..157 + self.link.len()].copy_from_slice(&self.link);
        header[257..265].copy_from_slice(b"ustar\x0000");
        octal(&mut header, 329, 7, self.device.0.into());
        octal(&mut header, 337, 7, self.device.1.into());
        seal(&mut header);
        header
    }
}

/// Puts the checksum right.
pub fn seal(header: &mut [u8; 512]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// One record of an extended header.
pub fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = body.len() + 1;
    while length != body.len() + length.to_string().len() {
        length = body.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &body].concat()
}

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    /// A header and what follows it, padded.
    pub fn raw(mut self, entry: &Entry, content: &[u8]) -> Self {
        self.bytes.extend_from_slice(&entry.header());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, path: &str, content: &[u8]) -> Self {
        let mut entry = Entry::new(path, b'0');
        entry.size = content.len() as u64;
        self.raw(&entry, content)
    }

    pub fn dir(self, path: &str, mode: u32) -> Self {
        let mut entry = Entry::new(path, b'5');
        entry.mode = mode;
        self.raw(&entry, b"")
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        let mut entry = Entry::new(path, b'2');
        entry.link = target.into();
        self.raw(&entry, b"")
    }

    pub fn hard_link(self, path: &str, target: &str) -> Self {
        let mut entry = Entry::new(path, b'1');
        entry.link = target.into();
        self.raw(&entry, b"")
    }

    pub fn device(self, path: &str, kind: u8, major: u32, minor: u32) -> Self {
        let mut entry = Entry::new(path, kind);
        entry.device = (major, minor);
        self.raw(&entry, b"")
    }

    /// An extended header for the next entry.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let data: Vec<u8> = records
            .iter()
            .flat_map(|(key, value)| record(key, value))
            .collect();
        let mut entry = Entry::new("PaxHeaders/next", b'x');
        entry.size = data.len() as u64;
        self.raw(&entry, &data)
    }

    /// With its end mark.
    pub fn end(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }
}

pub fn try_layer(tar: &[u8], limits: &Limits) -> Result<(File, Layer), LayerError> {
    let file = tempfile::tempfile().unwrap();
    let layer = write_layer(&mut &tar[..], &file, limits)?;
    assert_eq!(file.metadata().unwrap().len(), layer.bytes);
    assert_eq!(layer.bytes % 4096, 0);
    Ok((file, layer))
}

/// A layer that is expected to be accepted.
pub fn layer(tar: Tar) -> File {
    try_layer(&tar.end(), &Limits::default()).unwrap().0
}

/// Layers, merged and listed.
pub fn merged(layers: &[&File]) -> BTreeMap<String, String> {
    let meta = tempfile::tempfile().unwrap();
    merge(layers, &meta, &Limits::default()).unwrap();
    list(&[&[&meta], layers].concat())
}

/// All of an image by path: type, mode, owner, links, time, attributes and content, as text.
pub fn list(parts: &[&File]) -> BTreeMap<String, String> {
    try_list(parts, 8 << 20).unwrap()
}

/// Reads at most so much of each file.
pub fn try_list(parts: &[&File], most: u64) -> Result<BTreeMap<String, String>, ReadError> {
    let image = Image::open(parts)?;
    let mut found = BTreeMap::new();
    let mut left = vec![("/".to_owned(), image.root()?, 0)];
    let mut budget = 200_000_u32;
    while let Some((path, inode, depth)) = left.pop() {
        found.insert(path.clone(), describe(&image, &inode, most)?);
        if inode.kind != Kind::Directory || depth > 4096 {
            continue;
        }
        image.entries_of(&inode, |name, nid| {
            budget = budget
                .checked_sub(1)
                .ok_or(ReadError::Damaged { what: "a loop" })?;
            let name = String::from_utf8_lossy(name);
            let path = format!("{}/{name}", path.trim_end_matches('/'));
            left.push((path, image.inode(nid)?, depth + 1));
            Ok::<_, ReadError>(())
        })?;
    }
    Ok(found)
}

fn describe(image: &Image<'_>, inode: &Inode, most: u64) -> Result<String, ReadError> {
    let (seconds, nanos) = inode.modified;
    let mut text = format!(
        "{:?} {:o} {}:{} x{} {seconds}.{nanos:09}",
        inode.kind, inode.permissions, inode.uid, inode.gid, inode.links
    );
    for (name, value) in image.xattrs(inode)? {
        text += &format!(" {}={}", String::from_utf8_lossy(&name), value.escape_ascii());
    }
    match inode.kind {
        Kind::Symlink => text += &format!(" -> {}", String::from_utf8_lossy(&image.read_link(inode)?)),
        Kind::CharDevice | Kind::BlockDevice => text += &format!(" {:?}", inode.device),
        Kind::File => text += &format!(" [{}]", content(image, inode, most)?),
        _ => {}
    }
    Ok(text)
}

/// Short content as it is, long as its size and a sum.
fn content(image: &Image<'_>, inode: &Inode, most: u64) -> Result<String, ReadError> {
    let mut buffer = vec![0; 60_000];
    let (mut at, mut sum) = (0, 0_u64);
    while at < inode.size.min(most) {
        let got = image.read_at(inode, at, &mut buffer)?;
        if inode.size <= 64 {
            return Ok(buffer[..got].escape_ascii().to_string());
        }
        sum = buffer[..got].iter().fold(sum, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte) + 1)
        });
        at += got as u64;
    }
    Ok(if inode.size == 0 {
        String::new()
    } else {
        format!("{} bytes, {sum:x}", inode.size)
    })
}

/// How `content` shows these bytes.
pub fn sum(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte) + 1)
    });
    format!("{} bytes, {sum:x}", bytes.len())
}

/// The part of a listing that tells types and contents only.
pub fn brief(listing: &BTreeMap<String, String>) -> Vec<String> {
    let last = |text: &str| {
        text.rsplit_once(' ')
            .map_or(String::new(), |(_, last)| last.to_owned())
    };
    listing
        .iter()
        .filter(|(path, _)| *path != "/")
        .map(|(path, text)| match text.split(' ').next() {
            Some("Directory") => format!("{path}/"),
            _ => format!("{path} {}", last(text)),
        })
        .collect()
}

/// Bytes that do not repeat soon.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(step).collect()
}
