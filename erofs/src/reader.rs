//! Reads an image: its inodes, directories, links, attributes and content.
//!
//! Only what this crate writes is understood, anything else is an error. No number is trusted: places are held against
//! the image's size, sizes against what is asked for, and nothing is read in pieces larger than a block or the caller's
//! buffer. That directories form a tree is not checked; who walks one has to remember where it was.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

pub use crate::format::Kind;
use crate::format::{
    BLOCK, BLOCK_LEN, DataLayout, INODE_LEN, MAX_CHUNKS, NULL_BLOCK, RawInode, SLOT, Superblock, blocks_for,
    decode_device, u32_at,
};
pub use crate::xattr::Xattr;
use crate::{dirents, xattr};

/// Metadata is read in windows of this size: an inode's neighbours are mostly the next.
const WINDOW: u64 = 32 << 10;

/// Longest symbolic link.
const MAX_LINK: u64 = BLOCK;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file that holds it could not be read.
    #[error("cannot read the image: check the disk that it is on")]
    Io(#[source] io::Error),
    /// It is not an image, or not an intact one, or made by something else.
    #[error("the image is damaged or of a kind that is not known here ({what}): make it again")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
}

fn damaged(what: &'static str) -> ReadError {
    ReadError::Damaged { what }
}

/// An image in one file, or in several that follow each other.
pub struct Image<'a> {
    /// Each with its first byte's place and its length.
    parts: Vec<(&'a File, u64, u64)>,
    bytes: u64,
    metadata: u64,
    root: u64,
    inodes: u64,
    /// What was read last, and where it is.
    window: RefCell<(u64, Vec<u8>)>,
}

/// What is known about one entry.
#[derive(Debug, Clone)]
pub struct Inode {
    /// Its number, which is its place.
    pub nid: u64,
    /// What it is.
    pub kind: Kind,
    /// At most 0o7777.
    pub permissions: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names it has.
    pub links: u32,
    /// Bytes of content.
    pub size: u64,
    /// Time of the last change: seconds since 1970, and nanoseconds after them.
    pub modified: (i64, u32),
    /// Major and minor number of a device.
    pub device: (u32, u32),
    layout: DataLayout,
    union: u32,
    xattr_bytes: usize,
}

/// Where the content of a file is, in blocks from the image's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Contiguous(u32),
    Chunks { bits: u8, blocks: Vec<u32> },
}

impl<'a> Image<'a> {
    /// Checks the superblock.
    pub fn open(parts: &[&'a File]) -> Result<Self, ReadError> {
        let mut with_places = Vec::with_capacity(parts.len());
        let mut bytes = 0_u64;
        for file in parts {
            let len = file.metadata().map_err(ReadError::Io)?.len();
            with_places.push((*file, bytes, len));
            bytes = bytes
                .checked_add(len)
                .ok_or_else(|| damaged("it is larger than any disk"))?;
        }
        let mut image = Self {
            parts: with_places,
            bytes,
            metadata: 0,
            root: 0,
            inodes: 0,
            window: RefCell::new((0, Vec::new())),
        };
        let mut first = [0; BLOCK_LEN];
        image.read_exact(0, &mut first)?;
        let superblock = Superblock::decode(&first).map_err(damaged)?;
        if u64::from(superblock.blocks) * BLOCK != bytes {
            return Err(damaged("its size is not what its superblock says"));
        }
        image.metadata = u64::from(superblock.metadata) * BLOCK;
        image.root = u64::from(superblock.root);
        image.inodes = superblock.inodes;
        Ok(image)
    }

    /// Size, with all parts.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many inodes the superblock says that there are.
    pub fn entries(&self) -> u64 {
        self.inodes
    }

    /// The root directory.
    pub fn root(&self) -> Result<Inode, ReadError> {
        let root = self.inode(self.root)?;
        if root.kind == Kind::Directory {
            Ok(root)
        } else {
            Err(damaged("its root is not a directory"))
        }
    }

    /// The inode with this number, which a directory gave.
    pub fn inode(&self, nid: u64) -> Result<Inode, ReadError> {
        let at = nid.checked_mul(SLOT).and_then(|at| at.checked_add(self.metadata));
        let at = at.ok_or_else(|| damaged("an inode's number"))?;
        let mut bytes = [0; INODE_LEN];
        self.read_metadata(at, &mut bytes)?;
        let raw = RawInode::decode(&bytes).ok_or_else(|| damaged("an inode's format"))?;
        let kind = Kind::from_mode(raw.mode).ok_or_else(|| damaged("an inode's type"))?;
        let is_device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
        Ok(Inode {
            nid,
            kind,
            permissions: raw.mode & 0o7777,
            uid: raw.uid,
            gid: raw.gid,
            links: raw.links,
            size: raw.size,
            modified: (raw.seconds, raw.nanos),
            device: if is_device {
                decode_device(raw.union)
            } else {
                (0, 0)
            },
            layout: raw.layout,
            union: raw.union,
            xattr_bytes: raw.xattr_bytes,
        })
    }

    /// Gives every entry of a directory but `.` and `..`, in order: its name, and the number of its inode.
    pub fn entries_of<E: From<ReadError>>(
        &self,
        directory: &Inode,
        mut entry: impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if directory.kind != Kind::Directory {
            return Err(damaged("a directory that is none").into());
        }
        let mut block = [0; BLOCK_LEN];
        let mut last: Vec<u8> = Vec::new();
        let mut at = 0;
        while at < directory.size {
            let len = self.read_at(directory, at, &mut block)?;
            let found = dirents::decode(&block[..len]).ok_or_else(|| damaged("a directory's block"))?;
            for (name, nid) in found {
                if name <= &last[..] {
                    return Err(damaged("a directory's order").into());
                }
                name.clone_into(&mut last);
                if name != b"." && name != b".." {
                    entry(name, nid)?;
                }
            }
            at += len as u64;
        }
        Ok(())
    }

    /// The entry of a directory with this name.
    pub fn lookup(&self, directory: &Inode, name: &[u8]) -> Result<Option<Inode>, ReadError> {
        let mut found = None;
        self.entries_of(directory, |other, nid| {
            if other == name {
                found = Some(nid);
            }
            Ok::<_, ReadError>(())
        })?;
        found.map(|nid| self.inode(nid)).transpose()
    }

    /// Extended attributes, sorted as they are in the image.
    pub fn xattrs(&self, inode: &Inode) -> Result<Vec<Xattr>, ReadError> {
        let mut body = vec![0; inode.xattr_bytes];
        self.read_metadata(self.behind(inode)?, &mut body)?;
        xattr::parse(&body).ok_or_else(|| damaged("an inode's attributes"))
    }

    /// What a symbolic link points to.
    pub fn read_link(&self, link: &Inode) -> Result<Vec<u8>, ReadError> {
        if link.kind != Kind::Symlink || link.size > MAX_LINK {
            return Err(damaged("a symbolic link"));
        }
        let mut target = vec![0; link.size as usize];
        let got = self.read_at(link, 0, &mut target)?;
        if got == target.len() {
            Ok(target)
        } else {
            Err(damaged("a symbolic link"))
        }
    }

    /// Content from `offset` on, until the buffer is full or the end is reached; how many bytes it is.
    pub fn read_at(&self, inode: &Inode, offset: u64, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let left = inode.size.saturating_sub(offset);
        let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = &mut buffer[..len];
        if len == 0 {
            return Ok(0);
        }
        match inode.layout {
            DataLayout::Plain => {
                let start = u64::from(inode.union) * BLOCK;
                self.read_exact(start.saturating_add(offset), buffer)?;
            }
            DataLayout::Inline => {
                let full = inode.size / BLOCK * BLOCK;
                let before = usize::try_from(full.saturating_sub(offset)).map_or(len, |full| full.min(len));
                let (blocks, tail) = buffer.split_at_mut(before);
                let start = u64::from(inode.union) * BLOCK;
                self.read_exact(start.saturating_add(offset), blocks)?;
                let place = self.behind(inode)? + inode.xattr_bytes as u64;
                self.read_metadata(place + (offset + before as u64).saturating_sub(full), tail)?;
            }
            DataLayout::Chunks => self.read_chunks(inode, offset, buffer)?,
        }
        Ok(len)
    }

    fn read_chunks(&self, inode: &Inode, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let bits = chunk_bits(inode)?;
        let chunk_bytes = BLOCK << bits;
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let within = at % chunk_bytes;
            let left = buffer.len() - done;
            let now = usize::try_from(chunk_bytes - within).map_or(left, |room| room.min(left));
            let piece = &mut buffer[done..done + now];
            let mut address = [0; 4];
            self.read_metadata(self.chunk_list(inode, at / chunk_bytes)?, &mut address)?;
            match u32::from_le_bytes(address) {
                NULL_BLOCK => piece.fill(0),
                block => self.read_exact(u64::from(block) * BLOCK + within, piece)?,
            }
            done += now;
        }
        Ok(())
    }

    /// Where a file's content is. All of it is within the image.
    pub(crate) fn data(&self, inode: &Inode) -> Result<Data, ReadError> {
        let within = |block: u32, bytes: u64| {
            let end = (u64::from(block) * BLOCK).checked_add(blocks_for(bytes).saturating_mul(BLOCK));
            end.is_some_and(|end| end <= self.bytes)
        };
        match inode.layout {
            DataLayout::Inline => Err(damaged("a file's content within its inode")),
            DataLayout::Plain if inode.size == 0 => Ok(Data::Contiguous(0)),
            DataLayout::Plain if within(inode.union, inode.size) => Ok(Data::Contiguous(inode.union)),
            DataLayout::Plain => Err(damaged("a file's place")),
            DataLayout::Chunks => {
                let bits = chunk_bits(inode)?;
                let chunk_bytes = BLOCK << bits;
                let count = inode.size.div_ceil(chunk_bytes);
                if count > MAX_CHUNKS {
                    return Err(damaged("a list of chunks"));
                }
                let mut list = vec![0; count as usize * 4];
                self.read_metadata(self.chunk_list(inode, 0)?, &mut list)?;
                let blocks: Vec<u32> = list.chunks_exact(4).map(|entry| u32_at(entry, 0)).collect();
                for (number, block) in blocks.iter().enumerate() {
                    let len = chunk_bytes.min(inode.size - number as u64 * chunk_bytes);
                    if *block != NULL_BLOCK && !within(*block, len) {
                        return Err(damaged("a chunk's place"));
                    }
                }
                Ok(Data::Chunks { bits, blocks })
            }
        }
    }

    /// Place of what follows an inode.
    fn behind(&self, inode: &Inode) -> Result<u64, ReadError> {
        let at = inode
            .nid
            .checked_mul(SLOT)
            .and_then(|at| at.checked_add(self.metadata + INODE_LEN as u64));
        at.filter(|at| *at <= self.bytes)
            .ok_or_else(|| damaged("an inode's place"))
    }

    /// Place of a chunk's address.
    fn chunk_list(&self, inode: &Inode, number: u64) -> Result<u64, ReadError> {
        let start = self.behind(inode)? + inode.xattr_bytes as u64;
        number
            .checked_mul(4)
            .and_then(|offset| offset.checked_add(start))
            .ok_or_else(|| damaged("a list of chunks"))
    }

    fn read_metadata(&self, at: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let mut window = self.window.borrow_mut();
        let inside = |window: &(u64, Vec<u8>)| {
            let from = usize::try_from(at.checked_sub(window.0)?).ok()?;
            let to = from.checked_add(buffer.len())?;
            (to <= window.1.len()).then_some(from..to)
        };
        if let Some(range) = inside(&window) {
            buffer.copy_from_slice(&window.1[range]);
            return Ok(());
        }
        if buffer.len() as u64 > WINDOW / 2 {
            return self.read_exact(at, buffer);
        }
        // From the start of the block, for what is just before.
        let start = at / BLOCK * BLOCK;
        let len = self.bytes.saturating_sub(start).min(WINDOW);
        window.1.resize(len as usize, 0);
        window.0 = start;
        let read = self.read_exact(start, &mut window.1);
        if read.is_err() {
            window.1.clear();
        }
        read?;
        let range = inside(&window).ok_or_else(|| damaged("a place behind its end"))?;
        buffer.copy_from_slice(&window.1[range]);
        Ok(())
    }

    fn read_exact(&self, at: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let end = at.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.bytes) {
            return Err(damaged("a place behind its end"));
        }
        let mut done = 0;
        while done < buffer.len() {
            let place = at + done as u64;
            let number = self.parts.partition_point(|(_, start, len)| start + len <= place);
            let Some((file, start, len)) = self.parts.get(number) else {
                return Err(damaged("a place behind its end"));
            };
            let left = buffer.len() - done;
            let now = usize::try_from(start + len - place).map_or(left, |room| room.min(left));
            file.read_exact_at(&mut buffer[done..done + now], place - start)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => damaged("it became shorter"),
                    _ => ReadError::Io(error),
                })?;
            done += now;
        }
        Ok(())
    }
}

/// Chunks that are not larger than any file, addresses without more than that.
fn chunk_bits(inode: &Inode) -> Result<u8, ReadError> {
    match u8::try_from(inode.union) {
        Ok(bits) if bits < 32 => Ok(bits),
        _ => Err(damaged("a chunk's size")),
    }
}
