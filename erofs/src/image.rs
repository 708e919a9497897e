//! A tree becomes metadata of an image: first every inode gets its place, then all are written in that order.
//!
//! Behind the blocks that hold files already come the inodes, with short directories and links behind each, and then
//! the blocks of long directories. Inodes of one directory are neighbours, so that listing it reads few blocks. The
//! same tree always gives the same bytes.

use std::io;
use std::ops::Bound;

use crate::dirents;
use crate::format::{
    BLOCK, DataLayout, INODE_LEN, Kind, NULL_BLOCK, OPAQUE, RawInode, SLOT, Superblock, XATTR_HEADER,
    blocks_for,
};
use crate::limits::{LimitError, LimitKind, Limits};
use crate::sink::Sink;
use crate::tree::{Content, Directory, Id, Node, ROOT, Tree};
use crate::{format, xattr};

/// Blocks that addresses can express, without the one that means a hole.
pub(crate) const MAX_BLOCKS: u64 = NULL_BLOCK as u64 - 1;

/// The first inode's place: number 0 would be a file that programs take for deleted.
const FIRST_INODE: u64 = 2 * SLOT;

/// Where everything goes.
pub(crate) struct Layout {
    /// Inodes in the order of their places.
    order: Vec<Id>,
    metadata_block: u64,
    directory_block: u64,
    end_block: u64,
    chunked: bool,
}

/// One inode's parts, in bytes.
struct Shape {
    layout: DataLayout,
    size: u64,
    xattrs: usize,
    /// What follows the inode and its attributes.
    tail: u64,
}

impl Shape {
    fn of(tree: &Tree, node: &Node) -> Self {
        let xattrs = match tree.xattrs(node.attributes.xattrs).len() + markers(node).len() {
            0 => 0,
            more => XATTR_HEADER + more,
        };
        let head = (INODE_LEN + xattrs) as u64;
        let shape = |layout, size, tail| Self {
            layout,
            size,
            xattrs,
            tail,
        };
        let short = |size: u64| {
            let tail = size % BLOCK;
            // The kernel wants a tail within one block, and a short link there together with its inode.
            if tail > 0 && head + tail <= BLOCK {
                shape(DataLayout::Inline, size, tail)
            } else {
                shape(DataLayout::Plain, size, 0)
            }
        };
        match &node.content {
            Content::Directory(directory) => {
                short(dirents::size(names(directory, ROOT).map(|(name, _)| name)))
            }
            Content::Symlink(target) => short(target.len() as u64),
            Content::File { size, .. } => shape(DataLayout::Plain, *size, 0),
            Content::Sparse(sparse) => shape(DataLayout::Chunks, sparse.size, 4 * sparse.chunks.len() as u64),
            Content::Device { .. } | Content::Fifo | Content::Socket => shape(DataLayout::Plain, 0, 0),
        }
    }

    fn len(&self) -> u64 {
        (INODE_LEN + self.xattrs) as u64 + self.tail
    }

    /// Where an inode of this shape can begin, at or after `cursor`.
    fn place(&self, cursor: u64) -> u64 {
        let at = cursor.next_multiple_of(SLOT);
        let whole = match self.layout {
            DataLayout::Inline => self.len(),
            DataLayout::Plain | DataLayout::Chunks => INODE_LEN as u64,
        };
        if at % BLOCK + whole > BLOCK {
            at.next_multiple_of(BLOCK)
        } else {
            at
        }
    }

    /// Blocks of its own, outside of the inodes, for directories and links.
    fn own_blocks(&self) -> u64 {
        match self.layout {
            DataLayout::Inline => self.size / BLOCK,
            _ => blocks_for(self.size),
        }
    }
}

impl Layout {
    /// Gives the inodes that are reachable their places, and counts their names.
    pub(crate) fn new(tree: &mut Tree, metadata_block: u64) -> Self {
        let mut order = Vec::new();
        let mut cursor = FIRST_INODE;
        let mut own_blocks = 0;
        let mut chunked = false;
        let mut seen = vec![false; tree.len()];
        let mut place = |tree: &mut Tree, id: Id, links: u32| {
            tree.node_mut(id).links += links;
            if std::mem::replace(&mut seen[id as usize], true) {
                return;
            }
            let shape = Shape::of(tree, tree.node(id));
            let at = shape.place(cursor);
            cursor = at + shape.len();
            chunked |= shape.layout == DataLayout::Chunks;
            if matches!(tree.node(id).content, Content::Directory(_) | Content::Symlink(_)) {
                own_blocks += shape.own_blocks();
            }
            // What has no room is found by `check`.
            tree.node_mut(id).nid = u32::try_from(at / SLOT).unwrap_or(u32::MAX);
            order.push(id);
        };
        place(tree, ROOT, 2);
        let mut left = vec![ROOT];
        while let Some(parent) = left.pop() {
            let children: Vec<Id> = match tree.directory(parent) {
                Some(directory) => directory.children.values().copied().collect(),
                None => Vec::new(),
            };
            let before = left.len();
            for id in children {
                if tree.directory(id).is_some() {
                    tree.node_mut(parent).links += 1;
                    place(tree, id, 2);
                    left.push(id);
                } else {
                    place(tree, id, 1);
                }
            }
            // The first of them is the next.
            left[before..].reverse();
        }
        let directory_block = metadata_block + blocks_for(cursor);
        Self {
            order,
            metadata_block,
            directory_block,
            end_block: directory_block + own_blocks,
            chunked,
        }
    }

    /// The file is not larger than allowed, and its numbers have room in the format.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), LimitError> {
        let allowed = limits.total_bytes.min(MAX_BLOCKS * BLOCK);
        let bytes = self.end_block.saturating_mul(BLOCK);
        LimitError::check(LimitKind::TotalBytes, bytes, allowed)?;
        let inodes = (self.directory_block - self.metadata_block) * BLOCK;
        LimitError::check(LimitKind::TotalBytes, inodes, u64::from(u32::MAX) * SLOT)
    }

    /// How many blocks the file will have.
    pub(crate) fn blocks(&self) -> u64 {
        self.end_block
    }

    pub(crate) fn entries(&self) -> u64 {
        self.order.len() as u64
    }

    /// Writes everything behind the sink's position, which is before or at the metadata's block, and the superblock.
    /// `parts` are the first blocks of the files that places refer to, `total` is the end of the last.
    pub(crate) fn write(&self, tree: &Tree, mut sink: Sink<'_>, parts: &[u32], total: u64) -> io::Result<()> {
        let start = self.metadata_block * BLOCK;
        let mut own_block = self.directory_block;
        for (number, id) in self.order.iter().enumerate() {
            let node = tree.node(*id);
            let shape = Shape::of(tree, node);
            sink.skip_to(start + u64::from(node.nid) * SLOT)?;
            let union = match &node.content {
                Content::File { size: 0, .. } | Content::Fifo | Content::Socket => 0,
                Content::File { place, .. } => address(parts, place.part, place.block),
                // The format of a chunk list is the size of its chunks.
                Content::Sparse(sparse) => u32::from(sparse.bits),
                Content::Device { device, .. } => *device,
                Content::Directory(_) | Content::Symlink(_) => {
                    let first = own_block;
                    own_block += shape.own_blocks();
                    first as u32
                }
            };
            let raw = RawInode {
                layout: shape.layout,
                xattr_bytes: shape.xattrs,
                mode: kind(&node.content).mode() | node.attributes.permissions,
                size: shape.size,
                union,
                number: number as u32 + 1,
                uid: node.attributes.uid,
                gid: node.attributes.gid,
                seconds: node.attributes.seconds,
                nanos: node.attributes.nanos,
                links: node.links,
            };
            sink.write(&raw.encode())?;
            if shape.xattrs > 0 {
                sink.write(&[0; XATTR_HEADER])?;
                sink.write(tree.xattrs(node.attributes.xattrs))?;
                sink.write(&markers(node))?;
            }
            self.write_tail(tree, *id, &shape, parts, &mut sink)?;
        }
        sink.pad()?;
        sink.skip_to(self.directory_block * BLOCK)?;
        for id in &self.order {
            self.write_own_blocks(tree, *id, &mut sink)?;
        }
        let superblock = Superblock {
            root: tree.node(ROOT).nid as u16,
            inodes: self.entries(),
            blocks: total as u32,
            metadata: self.metadata_block as u32,
            chunked: self.chunked,
        };
        sink.finish(&superblock.encode())
    }

    fn write_tail(
        &self,
        tree: &Tree,
        id: Id,
        shape: &Shape,
        parts: &[u32],
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        match &tree.node(id).content {
            Content::Symlink(target) if shape.layout == DataLayout::Inline => sink.write(target),
            Content::Directory(directory) if shape.layout == DataLayout::Inline => {
                self.encode(tree, id, directory, &mut |block, last| {
                    if last { sink.write(block) } else { Ok(()) }
                })
            }
            Content::Sparse(sparse) => sparse.chunks.iter().try_for_each(|chunk| {
                let chunk = match *chunk {
                    NULL_BLOCK => NULL_BLOCK,
                    block => address(parts, sparse.part, block),
                };
                sink.write(&chunk.to_le_bytes())
            }),
            _ => Ok(()),
        }
    }

    fn write_own_blocks(&self, tree: &Tree, id: Id, sink: &mut Sink<'_>) -> io::Result<()> {
        let node = tree.node(id);
        let (Content::Directory(_) | Content::Symlink(_)) = &node.content else {
            return Ok(());
        };
        let shape = Shape::of(tree, node);
        if shape.own_blocks() == 0 {
            return Ok(());
        }
        match &node.content {
            Content::Symlink(target) => sink.write(target)?,
            Content::Directory(directory) => {
                let inline = shape.layout == DataLayout::Inline;
                self.encode(tree, id, directory, &mut |block, last| {
                    if last && inline { Ok(()) } else { sink.write(block) }
                })?;
            }
            _ => {}
        }
        sink.pad()
    }

    fn encode(
        &self,
        tree: &Tree,
        own: Id,
        directory: &Directory,
        block: &mut dyn FnMut(&[u8], bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let entries = names(directory, own).map(|(name, id)| {
            let node = tree.node(id);
            dirents::Entry {
                name,
                nid: u64::from(node.nid),
                kind: kind(&node.content).dirent(),
            }
        });
        dirents::encode(entries, block)
    }
}

fn address(parts: &[u32], part: u32, block: u32) -> u32 {
    parts.get(part as usize).map_or(0, |first| first + block)
}

pub(crate) fn kind(content: &Content) -> Kind {
    match content {
        Content::Directory(_) => Kind::Directory,
        Content::File { .. } | Content::Sparse(_) => Kind::File,
        Content::Symlink(_) => Kind::Symlink,
        Content::Device { block: true, .. } => Kind::BlockDevice,
        Content::Device { block: false, .. } => Kind::CharDevice,
        Content::Fifo => Kind::Fifo,
        Content::Socket => Kind::Socket,
    }
}

/// Attributes that say what a merge has to know about a directory.
fn markers(node: &Node) -> Vec<u8> {
    let mut entries = Vec::new();
    if let Content::Directory(directory) = &node.content {
        if directory.opaque {
            xattr::push(&mut entries, OPAQUE, b"y");
        }
        if directory.implied {
            xattr::push(&mut entries, format::IMPLIED, b"y");
        }
    }
    entries
}

/// All names of a directory in order, with `.` and `..`.
fn names(directory: &Directory, own: Id) -> impl Iterator<Item = (&[u8], Id)> {
    let (dot, parent): (&[u8], &[u8]) = (b".", b"..");
    let range = |from: Bound<&[u8]>, to: Bound<&[u8]>| {
        let range = directory.children.range::<[u8], _>((from, to));
        range.map(|(name, id)| (&**name, *id))
    };
    range(Bound::Unbounded, Bound::Excluded(dot))
        .chain([(dot, own)])
        .chain(range(Bound::Excluded(dot), Bound::Excluded(parent)))
        .chain([(parent, directory.parent)])
        .chain(range(Bound::Excluded(parent), Bound::Unbounded))
}
