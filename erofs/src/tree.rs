//! What will be an image, in memory: inodes by number, directories as sorted maps from names to inodes.
//!
//! Content stays in files; here are only addresses. Memory is counted while entries are added and never exceeds the
//! limits by more than a constant factor; what is replaced stays counted.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::limits::{LimitError, LimitKind, Limits};

/// An inode, as an index.
pub(crate) type Id = u32;

pub(crate) const ROOT: Id = 0;

/// What every inode has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes {
    /// At most 0o7777.
    pub(crate) permissions: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
    /// Which set of extended attributes; 0 is the empty one.
    pub(crate) xattrs: u32,
}

#[derive(Debug)]
pub(crate) enum Content {
    Directory(Box<Directory>),
    File {
        size: u64,
        place: Place,
    },
    Sparse(Box<Sparse>),
    Symlink(Box<[u8]>),
    /// Character or block device, by the number that Linux writes down.
    Device {
        block: bool,
        device: u32,
    },
    Fifo,
    Socket,
}

/// A block of one of the files that the image will consist of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) part: u32,
    pub(crate) block: u32,
}

#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) parent: Id,
    pub(crate) children: BTreeMap<Box<[u8]>, Id>,
    /// Hides what layers below have in this directory.
    pub(crate) opaque: bool,
    /// Nobody said that it exists, only something in it.
    pub(crate) implied: bool,
}

#[derive(Debug)]
pub(crate) struct Sparse {
    pub(crate) size: u64,
    pub(crate) part: u32,
    /// A chunk is `1 << bits` blocks.
    pub(crate) bits: u8,
    /// First blocks of the chunks; `NULL_BLOCK` for a hole.
    pub(crate) chunks: Box<[u32]>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) attributes: Attributes,
    pub(crate) content: Content,
    /// Both are found when the image is laid out.
    pub(crate) nid: u32,
    pub(crate) links: u32,
}

/// Memory of an inode with its place in a directory, and of a directory more, with what allocators add.
const NODE_COST: u64 = 144;
const DIRECTORY_COST: u64 = 256;

pub(crate) struct Tree {
    nodes: Vec<Node>,
    xattrs: Vec<Rc<[u8]>>,
    xattr_index: HashMap<Rc<[u8]>, u32>,
    entries: u64,
    memory: u64,
    max_entries: u64,
    max_memory: u64,
}

impl Tree {
    /// With an implied root.
    pub(crate) fn new(limits: &Limits) -> Self {
        let empty: Rc<[u8]> = Rc::from([]);
        let root = Node {
            attributes: IMPLIED_ATTRIBUTES,
            content: Content::Directory(Box::new(Directory::new(ROOT, true))),
            nid: 0,
            links: 0,
        };
        Self {
            nodes: vec![root],
            xattrs: vec![Rc::clone(&empty)],
            xattr_index: HashMap::from([(empty, 0)]),
            entries: 0,
            memory: 0,
            max_entries: limits.entries.min(u64::from(u32::MAX / 2)),
            max_memory: limits.metadata_bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    pub(crate) fn directory(&self, id: Id) -> Option<&Directory> {
        match &self.node(id).content {
            Content::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    pub(crate) fn directory_mut(&mut self, id: Id) -> Option<&mut Directory> {
        match &mut self.node_mut(id).content {
            Content::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    pub(crate) fn lookup(&self, directory: Id, name: &[u8]) -> Option<Id> {
        self.directory(directory)?.children.get(name).copied()
    }

    /// Counts memory that something outside of the nodes takes.
    pub(crate) fn charge(&mut self, bytes: u64) -> Result<(), LimitError> {
        self.memory += bytes;
        LimitError::check(LimitKind::MetadataBytes, self.memory, self.max_memory)
    }

    /// Counts one more entry of the input, whether or not it becomes one of the tree.
    pub(crate) fn count(&mut self) -> Result<(), LimitError> {
        self.entries += 1;
        LimitError::check(LimitKind::Entries, self.entries, self.max_entries)
    }

    /// A new inode without a name.
    pub(crate) fn add(&mut self, attributes: Attributes, content: Content) -> Result<Id, LimitError> {
        let more = match &content {
            Content::Directory(_) => DIRECTORY_COST,
            Content::Symlink(target) => target.len() as u64,
            Content::Sparse(sparse) => 4 * sparse.chunks.len() as u64,
            _ => 0,
        };
        self.charge(NODE_COST + more)?;
        // Within range: entries are limited to less, and every entry adds at most its own and its parents' inodes,
        // which are entries too.
        let id = self.nodes.len() as Id;
        self.nodes.push(Node {
            attributes,
            content,
            nid: 0,
            links: 0,
        });
        Ok(id)
    }

    /// A new directory, not yet in its parent.
    pub(crate) fn add_directory(
        &mut self,
        parent: Id,
        attributes: Attributes,
        implied: bool,
    ) -> Result<Id, LimitError> {
        self.add(
            attributes,
            Content::Directory(Box::new(Directory::new(parent, implied))),
        )
    }

    /// Gives an inode a name, in place of whatever has it. A directory is given only the one name.
    pub(crate) fn link(&mut self, parent: Id, name: &[u8], id: Id) -> Result<(), LimitError> {
        self.charge(name.len() as u64)?;
        if let Some(directory) = self.directory_mut(parent) {
            directory.children.insert(Box::from(name), id);
        }
        Ok(())
    }

    pub(crate) fn unlink(&mut self, parent: Id, name: &[u8]) {
        if let Some(directory) = self.directory_mut(parent) {
            directory.children.remove(name);
        }
    }

    /// The number of this set of attributes, as entries behind an inode.
    pub(crate) fn intern(&mut self, entries: &[u8]) -> Result<u32, LimitError> {
        if let Some(known) = self.xattr_index.get(entries) {
            return Ok(*known);
        }
        self.charge(entries.len() as u64 + 96)?;
        let number = self.xattrs.len() as u32;
        let entries: Rc<[u8]> = Rc::from(entries);
        self.xattrs.push(Rc::clone(&entries));
        self.xattr_index.insert(entries, number);
        Ok(number)
    }

    pub(crate) fn xattrs(&self, number: u32) -> &[u8] {
        self.xattrs.get(number as usize).map_or(&[], |entries| entries)
    }
}

/// Of directories that nobody described.
pub(crate) const IMPLIED_ATTRIBUTES: Attributes = Attributes {
    permissions: 0o755,
    uid: 0,
    gid: 0,
    seconds: 0,
    nanos: 0,
    xattrs: 0,
};

impl Directory {
    fn new(parent: Id, implied: bool) -> Self {
        Self {
            parent,
            children: BTreeMap::new(),
            opaque: false,
            implied,
        }
    }
}
