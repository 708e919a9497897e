//! A tar archive becomes a layer in one pass: content goes to the file as it comes, and what is known about the entries
//! is kept until the end, where it is written behind.
//!
//! There is no directory that anything could be written outside of. Paths name nodes of a tree in memory; a symbolic link of
//! the same archive that a path goes through leads to another node of it.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;

use crate::archive::{Archive, Member, MemberKind, Segment};
use crate::error::{LayerError, Refusal};
use crate::format::{BLOCK, IMPLIED, MAX_CHUNKS, NULL_BLOCK, OPAQUE, blocks_for};
use crate::image::{Layout, MAX_BLOCKS};
use crate::limits::{LimitError, LimitKind, Limits};
use crate::sink::Sink;
use crate::tree::{Attributes, Content, IMPLIED_ATTRIBUTES, Id, Place, ROOT, Sparse, Tree};
use crate::xattr;

/// Before the name of what a layer removes from those below.
const WHITEOUT: &[u8] = b".wh.";

/// In a directory of which it removes everything.
const OPAQUE_NAME: &[u8] = b".wh..wh..opq";

/// Links that a path may go through, as Linux has it.
const MAX_LINKS: u32 = 40;

/// Bytes that those links may hold together: what an archive makes of short paths must not take long.
const MAX_LINKED: usize = 4096;

/// What other names that begin so are for is long forgotten.
const WHITEOUT_META: &[u8] = b".wh..wh.";

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Size of the file, a multiple of 4096.
    pub bytes: u64,
    /// Inodes: files, directories, links, devices and whiteouts.
    pub entries: u64,
    /// Sizes of all files that the archive holds, holes included.
    pub unpacked_bytes: u64,
    /// Whether the archive had its end mark. Without one it may have been cut off between two entries, which only a
    /// digest of the archive can tell.
    pub end_mark: bool,
}

/// Writes a tar archive (ustar, pax or GNU) as an EROFS that can be mounted, or merged with others.
///
/// Whiteouts become what overlayfs takes for them. Absolute paths count from the root; a path that comes again replaces
/// what it named, but a directory again only gets new attributes. Attributes that Linux has no namespace for are left out.
/// The file is emptied first, its first block comes last, and nothing is synced. The archive is read up to its end mark,
/// and at most 256 KiB further.
pub fn write_layer(tar: &mut dyn Read, out: &File, limits: &Limits) -> Result<Layer, LayerError> {
    let mut writer = Writer {
        archive: Archive::new(tar, limits),
        limits,
        tree: Tree::new(limits),
        sink: Sink::new(out, BLOCK).map_err(LayerError::Write)?,
        unpacked_bytes: 0,
    };
    while let Some(member) = writer.archive.next()? {
        writer.member(member)?;
    }
    let Writer {
        archive,
        mut tree,
        mut sink,
        unpacked_bytes,
        ..
    } = writer;
    sink.pad().map_err(LayerError::Write)?;
    let layout = Layout::new(&mut tree, sink.position() / BLOCK);
    layout
        .check(limits)
        .map_err(|error| LayerError::limit(b".", error))?;
    layout
        .write(&tree, sink, &[0], layout.blocks())
        .map_err(LayerError::Write)?;
    Ok(Layer {
        bytes: layout.blocks() * BLOCK,
        entries: layout.entries(),
        unpacked_bytes,
        end_mark: archive.had_end_mark(),
    })
}

struct Writer<'a> {
    archive: Archive<'a>,
    limits: &'a Limits,
    tree: Tree,
    sink: Sink<'a>,
    unpacked_bytes: u64,
}

impl Writer<'_> {
    fn member(&mut self, mut member: Member) -> Result<(), LayerError> {
        let path = std::mem::take(&mut member.path);
        self.tree
            .count()
            .map_err(|error| LayerError::limit(&path, error))?;
        if path.is_empty() {
            if !matches!(member.kind, MemberKind::Directory) {
                return Err(LayerError::refused(b".", Refusal::BadRoot));
            }
            return self.describe(ROOT, &path, &member);
        }
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b""[..], &path[..]),
        };
        if above
            .split(|byte| *byte == b'/')
            .any(|name| name.starts_with(WHITEOUT))
        {
            return Err(LayerError::refused(&path, Refusal::BadWhiteout));
        }
        if name.starts_with(WHITEOUT_META) && name != OPAQUE_NAME {
            return Ok(());
        }
        let parent = self.make_parents(&path, above)?;
        if name == OPAQUE_NAME {
            if let Some(directory) = self.tree.directory_mut(parent) {
                directory.opaque = true;
            }
            return Ok(());
        }
        match name.strip_prefix(WHITEOUT) {
            Some(b"" | b"." | b"..") => Err(LayerError::refused(&path, Refusal::BadWhiteout)),
            Some(removed) => self.white_out(&path, parent, removed),
            None => self.entry(&path, parent, name, &member),
        }
    }

    /// The directory with this path, made where nobody did; `path` is for errors.
    fn make_parents(&mut self, path: &[u8], above: &[u8]) -> Result<Id, LayerError> {
        let limit = |error| LayerError::limit(path, error);
        let mut at = ROOT;
        let mut route = Route::new(above);
        while let Some(name) = route.next() {
            let found = match route.step(&self.tree, at, &name) {
                Step::At(id) => {
                    at = id;
                    continue;
                }
                Step::Blocked(id) if !self.is_whiteout(id) => {
                    return Err(LayerError::refused(path, Refusal::BelowNonDirectory));
                }
                Step::Blocked(id) => Some(id),
                Step::Missing => None,
            };
            self.tree.count().map_err(limit)?;
            let id = self
                .tree
                .add_directory(at, IMPLIED_ATTRIBUTES, true)
                .map_err(limit)?;
            self.make_opaque(id, found.is_some());
            self.tree.link(at, &name, id).map_err(limit)?;
            at = id;
        }
        Ok(at)
    }

    fn is_whiteout(&self, id: Id) -> bool {
        matches!(
            self.tree.node(id).content,
            Content::Device {
                block: false,
                device: 0
            }
        )
    }

    fn make_opaque(&mut self, id: Id, opaque: bool) {
        if let Some(directory) = self.tree.directory_mut(id) {
            directory.opaque |= opaque;
        }
    }

    /// Whiteouts are about the layers below: what this one has stays, whatever the order.
    fn white_out(&mut self, path: &[u8], parent: Id, name: &[u8]) -> Result<(), LayerError> {
        if let Some(existing) = self.tree.lookup(parent, name) {
            self.make_opaque(existing, true);
            return Ok(());
        }
        let whiteout = Content::Device {
            block: false,
            device: 0,
        };
        self.link_new(path, parent, name, Attributes::default(), whiteout)
    }

    fn link_new(
        &mut self,
        path: &[u8],
        parent: Id,
        name: &[u8],
        attributes: Attributes,
        content: Content,
    ) -> Result<(), LayerError> {
        let added = self.tree.add(attributes, content);
        added
            .and_then(|id| self.tree.link(parent, name, id))
            .map_err(|error| LayerError::limit(path, error))
    }

    fn entry(&mut self, path: &[u8], parent: Id, name: &[u8], member: &Member) -> Result<(), LayerError> {
        let limit = |error| LayerError::limit(path, error);
        let content = match &member.kind {
            MemberKind::Directory => {
                let existing = self.tree.lookup(parent, name);
                let id = match existing {
                    Some(id) if self.tree.directory(id).is_some() => id,
                    _ => {
                        let made = self.tree.add_directory(parent, IMPLIED_ATTRIBUTES, true);
                        let id = made.map_err(limit)?;
                        // What replaces something that is not a directory shares nothing with one below.
                        self.make_opaque(id, existing.is_some());
                        self.tree.link(parent, name, id).map_err(limit)?;
                        id
                    }
                };
                return self.describe(id, path, member);
            }
            MemberKind::HardLink(target) => {
                let id = self.find(target);
                let id = id.ok_or_else(|| LayerError::refused(path, Refusal::LinkToNothing))?;
                if self.tree.directory(id).is_some() || self.is_whiteout(id) {
                    return Err(LayerError::refused(path, Refusal::BadLink));
                }
                return self.tree.link(parent, name, id).map_err(limit);
            }
            MemberKind::File { size, map } => {
                LimitError::check(LimitKind::FileBytes, *size, self.limits.file_bytes).map_err(limit)?;
                self.unpacked_bytes = self.unpacked_bytes.saturating_add(*size);
                match map {
                    Some(map) if *size > 0 => self.sparse(path, *size, map)?,
                    _ => self.plain(path, *size)?,
                }
            }
            MemberKind::Symlink(target) => Content::Symlink(target.clone().into_boxed_slice()),
            MemberKind::Device { block, device } => Content::Device {
                block: *block,
                device: *device,
            },
            MemberKind::Fifo => Content::Fifo,
        };
        let mut attributes = member.attributes;
        if matches!(content, Content::Symlink(_)) {
            // As Linux shows all of them.
            attributes.permissions = 0o777;
        }
        attributes.xattrs = self.intern(path, member)?;
        self.link_new(path, parent, name, attributes, content)
    }

    /// An existing directory is as the member says.
    fn describe(&mut self, id: Id, path: &[u8], member: &Member) -> Result<(), LayerError> {
        let xattrs = self.intern(path, member)?;
        let opaque = member
            .xattrs
            .iter()
            .any(|(name, value)| name == OPAQUE && value == b"y");
        self.tree.node_mut(id).attributes = Attributes {
            xattrs,
            ..member.attributes
        };
        if let Some(directory) = self.tree.directory_mut(id) {
            directory.implied = false;
            directory.opaque |= opaque;
        }
        Ok(())
    }

    fn intern(&mut self, path: &[u8], member: &Member) -> Result<u32, LayerError> {
        let mut entries = Vec::new();
        for (name, value) in &member.xattrs {
            // These two are ours to say.
            if name != OPAQUE && name != IMPLIED {
                xattr::push(&mut entries, name, value);
            }
        }
        self.tree
            .intern(&entries)
            .map_err(|error| LayerError::limit(path, error))
    }

    /// What has this path; a link of that very name is not followed.
    fn find(&self, path: &[u8]) -> Option<Id> {
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b""[..], path),
        };
        let mut at = ROOT;
        let mut route = Route::new(above);
        while let Some(next) = route.next() {
            match route.step(&self.tree, at, &next) {
                Step::At(id) => at = id,
                Step::Blocked(_) | Step::Missing => return None,
            }
        }
        if name.is_empty() {
            return Some(at);
        }
        self.tree.lookup(at, name)
    }

    /// Blocks up to here, and so many more, are within the limits.
    fn reserve(&self, path: &[u8], bytes: u64) -> Result<u32, LayerError> {
        let block = self.sink.position() / BLOCK;
        let wanted = block.saturating_add(blocks_for(bytes)).saturating_mul(BLOCK);
        let allowed = self.limits.total_bytes.min(MAX_BLOCKS * BLOCK);
        LimitError::check(LimitKind::TotalBytes, wanted, allowed)
            .map_err(|error| LayerError::limit(path, error))?;
        Ok(block as u32)
    }

    fn plain(&mut self, path: &[u8], size: u64) -> Result<Content, LayerError> {
        self.sink.pad().map_err(LayerError::Write)?;
        let block = self.reserve(path, size)?;
        self.copy(size)?;
        Ok(Content::File {
            size,
            place: Place { part: 0, block },
        })
    }

    /// Moves content of the current member, which has so much.
    fn copy(&mut self, mut bytes: u64) -> Result<(), LayerError> {
        while bytes > 0 {
            let room = self.sink.room(bytes).map_err(LayerError::Write)?;
            let got = self.archive.read(room)?;
            self.sink.took(got);
            bytes -= got as u64;
            if got == 0 {
                return Err(LayerError::Damaged {
                    at: 0,
                    what: "a member with less content than its size",
                });
            }
        }
        Ok(())
    }

    /// Chunks with data in them one after the other; the others are not there.
    fn sparse(&mut self, path: &[u8], size: u64, map: &[Segment]) -> Result<Content, LayerError> {
        let mut bits = 0;
        while size.div_ceil(BLOCK << bits) > MAX_CHUNKS {
            bits += 1;
        }
        let chunk_bytes = BLOCK << bits;
        let count = size.div_ceil(chunk_bytes) as usize;
        let mut chunks = vec![NULL_BLOCK; count].into_boxed_slice();
        self.sink.pad().map_err(LayerError::Write)?;
        // End of the last chunk that has a place.
        let mut end = self.sink.position();
        for segment in map {
            let (mut offset, mut left) = (segment.offset, segment.len);
            while left > 0 {
                let within = offset % chunk_bytes;
                let now = left.min(chunk_bytes - within);
                let start = offset - within;
                let chunk = &mut chunks[(offset / chunk_bytes) as usize];
                if *chunk == NULL_BLOCK {
                    self.sink.skip_to(end).map_err(LayerError::Write)?;
                    let bytes = chunk_bytes.min(size - start).next_multiple_of(BLOCK);
                    *chunk = self.reserve(path, bytes)?;
                    end += bytes;
                }
                let place = u64::from(*chunk) * BLOCK + within;
                self.sink.skip_to(place).map_err(LayerError::Write)?;
                self.copy(now)?;
                offset += now;
                left -= now;
            }
        }
        self.sink.skip_to(end).map_err(LayerError::Write)?;
        Ok(Content::Sparse(Box::new(Sparse {
            size,
            part: 0,
            bits,
            chunks,
        })))
    }
}

/// The names from the root to a directory, with those of the links on the way.
struct Route<'a> {
    /// The next one is the last.
    names: Vec<Cow<'a, [u8]>>,
    links: u32,
    /// Bytes that those links held.
    linked: usize,
}

/// Where a name leads.
enum Step {
    /// On, to this directory.
    At(Id),
    /// Nowhere: it is something else.
    Blocked(Id),
    /// Nowhere: nothing has it.
    Missing,
}

impl<'a> Route<'a> {
    fn new(path: &'a [u8]) -> Self {
        Self {
            names: names(path).map(Cow::Borrowed).collect(),
            links: 0,
            linked: 0,
        }
    }

    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        self.names.pop()
    }

    /// Goes from a directory to what has the name; of a link, to where its way begins.
    fn step(&mut self, tree: &Tree, at: Id, name: &[u8]) -> Step {
        if name == b".." {
            // As in a root that was changed to: above it is itself.
            return Step::At(tree.directory(at).map_or(ROOT, |directory| directory.parent));
        }
        let Some(id) = tree.lookup(at, name) else {
            return Step::Missing;
        };
        match &tree.node(id).content {
            Content::Directory(_) => Step::At(id),
            Content::Symlink(target)
                if self.links < MAX_LINKS && self.linked + target.len() <= MAX_LINKED =>
            {
                self.links += 1;
                self.linked += target.len();
                let steps = names(target).filter(|name| *name != b".");
                self.names.extend(steps.map(|name| Cow::Owned(name.to_vec())));
                Step::At(if target.starts_with(b"/") { ROOT } else { at })
            }
            _ => Step::Blocked(id),
        }
    }
}

/// The names in a path, the last one first.
fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.rsplit(|byte| *byte == b'/').filter(|name| !name.is_empty())
}
