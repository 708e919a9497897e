//! Layers become one image: their trees are put over each other in memory, with overlayfs's rules, and written as
//! metadata that points at the layers' blocks.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;

use crate::format::{BLOCK, IMPLIED, Kind, OPAQUE, OVERLAY, encode_device};
use crate::image::{Layout, MAX_BLOCKS};
use crate::limits::{LimitError, LimitKind, Limits};
use crate::reader::{Data, Image, Inode, ReadError};
use crate::sink::Sink;
use crate::tree::{Attributes, Content, Id, Place, ROOT, Sparse, Tree};
use crate::xattr;

/// Links that are followed for one path, as Linux does.
const MAX_HOPS: usize = 40;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Size of the file, without the layers: a multiple of 4096.
    pub bytes: u64,
    /// Inodes of the whole image.
    pub entries: u64,
}

/// Why layers did not become an image. The file is no image then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A layer cannot be read.
    #[error("cannot read layer {index}, counted from 0 at the lowest")]
    Layer {
        /// Which.
        index: usize,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The image's file could not be written.
    #[error("cannot write the image: check the disk that it is on")]
    Write(#[source] io::Error),
    /// More than the limits allow, in all layers together.
    #[error("the layers together are too much")]
    Limit(#[from] LimitError),
}

/// Merges layers, the lowest first, and writes the metadata of the result. The image is that file followed by the layers in
/// the same order.
///
/// Whiteouts, opaque markers and all of overlayfs's own attributes are gone in it; hard links are kept. Attributes of a
/// directory are those of the highest layer that describes it. A directory that a layer only implies, by something in it,
/// does not replace a symbolic link to a directory: what is in it goes where the link leads within the image.
pub fn merge(layers: &[&File], out: &File, limits: &Limits) -> Result<Merged, MergeError> {
    let mut tree = Tree::new(limits);
    if let Some(root) = tree.directory_mut(ROOT) {
        root.implied = false;
    }
    let mut sizes = Vec::with_capacity(layers.len());
    for (index, file) in layers.iter().enumerate() {
        let fail = |error| match error {
            Failure::Read(source) => MergeError::Layer { index, source },
            Failure::Limit(error) => MergeError::Limit(error),
        };
        let parts = [*file];
        let image = Image::open(&parts).map_err(|error| fail(error.into()))?;
        sizes.push(image.bytes() / BLOCK);
        let mut overlay = Overlay {
            tree: &mut tree,
            image: &image,
            part: index as u32 + 1,
            linked: HashMap::new(),
            seen: HashSet::new(),
            left: Vec::new(),
            late: Vec::new(),
        };
        overlay.run().map_err(fail)?;
    }
    let layout = Layout::new(&mut tree, 1);
    layout.check(limits)?;
    let mut end = layout.blocks();
    let mut parts = vec![0];
    for size in sizes {
        // Of those that are too large, nothing is written.
        parts.push(u32::try_from(end).unwrap_or(u32::MAX));
        end = end.saturating_add(size);
    }
    LimitError::check(
        LimitKind::TotalBytes,
        end.saturating_mul(BLOCK),
        MAX_BLOCKS * BLOCK,
    )?;
    let sink = Sink::new(out, BLOCK).map_err(MergeError::Write)?;
    layout
        .write(&tree, sink, &parts, end)
        .map_err(MergeError::Write)?;
    Ok(Merged {
        bytes: layout.blocks() * BLOCK,
        entries: layout.entries(),
    })
}

enum Failure {
    Read(ReadError),
    Limit(LimitError),
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<LimitError> for Failure {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

/// A directory of the layer, and the one of the tree that its entries go to.
struct Pair {
    from: Inode,
    to: Id,
}

/// One layer on its way into the tree.
struct Overlay<'a> {
    tree: &'a mut Tree,
    image: &'a Image<'a>,
    part: u32,
    /// Inodes with several names, by their numbers in the layer.
    linked: HashMap<u64, Id>,
    /// Directories of the layer that were met.
    seen: HashSet<u64>,
    left: Vec<Pair>,
    /// Implied directories, where a link is: the link's parent and name. They wait until the rest is in its place.
    late: Vec<(Inode, Id, Vec<u8>)>,
}

/// Attributes as the tree has them, and what the markers among them said.
struct Described {
    attributes: Attributes,
    opaque: bool,
    implied: bool,
}

impl Overlay<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        let root = self.image.root()?;
        let described = self.describe(&root)?;
        self.seen.insert(root.nid);
        self.apply(ROOT, &described);
        self.left.push(Pair { from: root, to: ROOT });
        loop {
            if let Some(pair) = self.left.pop() {
                self.directory(&pair)?;
            } else if let Some((from, parent, name)) = self.late.pop() {
                let to = match self.follow(parent, &name) {
                    Some(to) => to,
                    None => self.new_directory(&from, parent, &name)?,
                };
                self.left.push(Pair { from, to });
            } else {
                return Ok(());
            }
        }
    }

    fn directory(&mut self, pair: &Pair) -> Result<(), Failure> {
        let image = self.image;
        image.entries_of(&pair.from, |name, nid| {
            self.tree.count()?;
            self.entry(pair.to, name, nid)
        })
    }

    fn entry(&mut self, parent: Id, name: &[u8], nid: u64) -> Result<(), Failure> {
        let inode = self.image.inode(nid)?;
        if inode.kind == Kind::Directory {
            return self.sub_directory(parent, name, inode);
        }
        if inode.kind == Kind::CharDevice && inode.device == (0, 0) {
            self.tree.unlink(parent, name);
            return Ok(());
        }
        let known = self.linked.get(&nid).copied();
        let id = match known {
            Some(id) => id,
            None => {
                let attributes = self.describe(&inode)?.attributes;
                let content = self.content(&inode)?;
                let id = self.tree.add(attributes, content)?;
                if inode.links > 1 {
                    self.linked.insert(nid, id);
                }
                id
            }
        };
        Ok(self.tree.link(parent, name, id)?)
    }

    fn sub_directory(&mut self, parent: Id, name: &[u8], inode: Inode) -> Result<(), Failure> {
        if !self.seen.insert(inode.nid) {
            return Err(damaged("a directory with two names"));
        }
        let described = self.describe(&inode)?;
        let existing = self.tree.lookup(parent, name).filter(|_| !described.opaque);
        match existing.map(|id| (id, &self.tree.node(id).content)) {
            Some((to, Content::Directory(_))) => {
                self.apply(to, &described);
                self.left.push(Pair { from: inode, to });
            }
            Some((_, Content::Symlink(_))) if described.implied => {
                self.late.push((inode, parent, name.to_owned()));
            }
            _ => {
                let to = self.new_directory(&inode, parent, name)?;
                self.left.push(Pair { from: inode, to });
            }
        }
        Ok(())
    }

    /// In place of whatever has this name.
    fn new_directory(&mut self, inode: &Inode, parent: Id, name: &[u8]) -> Result<Id, Failure> {
        let attributes = self.describe(inode)?.attributes;
        let id = self.tree.add_directory(parent, attributes, false)?;
        self.tree.link(parent, name, id)?;
        Ok(id)
    }

    fn apply(&mut self, to: Id, described: &Described) {
        if !described.implied {
            self.tree.node_mut(to).attributes = described.attributes;
        }
        if let Some(directory) = self.tree.directory_mut(to) {
            directory.implied = false;
            if described.opaque {
                directory.children.clear();
            }
        }
    }

    fn describe(&mut self, inode: &Inode) -> Result<Described, Failure> {
        let mut entries = Vec::new();
        let (mut opaque, mut implied) = (false, false);
        for (name, value) in self.image.xattrs(inode)? {
            opaque |= name == OPAQUE && value == b"y";
            implied |= name == IMPLIED;
            if !name.starts_with(OVERLAY) && name != IMPLIED {
                xattr::push(&mut entries, &name, &value);
            }
        }
        let (seconds, nanos) = inode.modified;
        let attributes = Attributes {
            permissions: inode.permissions,
            uid: inode.uid,
            gid: inode.gid,
            seconds,
            nanos,
            xattrs: self.tree.intern(&entries)?,
        };
        Ok(Described {
            attributes,
            opaque,
            implied: implied && inode.kind == Kind::Directory,
        })
    }

    fn content(&mut self, inode: &Inode) -> Result<Content, Failure> {
        let (major, minor) = inode.device;
        Ok(match inode.kind {
            Kind::File => match self.image.data(inode)? {
                Data::Contiguous(block) => Content::File {
                    size: inode.size,
                    place: Place {
                        part: self.part,
                        block,
                    },
                },
                Data::Chunks { bits, blocks } => Content::Sparse(Box::new(Sparse {
                    size: inode.size,
                    part: self.part,
                    bits,
                    chunks: blocks.into_boxed_slice(),
                })),
            },
            Kind::Symlink => Content::Symlink(self.image.read_link(inode)?.into_boxed_slice()),
            Kind::CharDevice | Kind::BlockDevice => Content::Device {
                block: inode.kind == Kind::BlockDevice,
                device: encode_device(major, minor).unwrap_or_default(),
            },
            Kind::Fifo => Content::Fifo,
            Kind::Socket => Content::Socket,
            Kind::Directory => return Err(damaged("a directory in an unexpected place")),
        })
    }

    /// The directory that a link leads to, as a program in the image would find it.
    fn follow(&self, parent: Id, name: &[u8]) -> Option<Id> {
        let mut at = parent;
        let mut left = vec![name.to_owned()];
        let mut hops = 0;
        while let Some(name) = left.pop() {
            let next = match &name[..] {
                b"" | b"." => at,
                b".." => self.tree.directory(at)?.parent,
                _ => self.tree.lookup(at, &name)?,
            };
            match &self.tree.node(next).content {
                Content::Directory(_) => at = next,
                Content::Symlink(target) => {
                    hops += 1;
                    if hops > MAX_HOPS {
                        return None;
                    }
                    if target.first() == Some(&b'/') {
                        at = ROOT;
                    }
                    left.extend(target.rsplit(|byte| *byte == b'/').map(<[u8]>::to_owned));
                }
                _ => return None,
            }
        }
        Some(at)
    }
}

fn damaged(what: &'static str) -> Failure {
    Failure::Read(ReadError::Damaged { what })
}
