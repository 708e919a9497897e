//! Gives an image that nobody uses more room: groups after its last one, each with bitmaps and inode table of its own,
//! and blocks in its last one if that was short. No data is moved.
//!
//! Everything new goes where nothing was. What must change in place (the descriptors, the last group's bitmap, the
//! superblock) is first kept in an undo file beside the image. Invariant: the image is as it was or as it shall be as long
//! as whoever opens it for writing calls [`recover_ext4`] first; whoever calls either of the two has it alone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::bytes::{add_split, crc32c, get_split, get16, get32, low16, put_split, put16, put32};
use crate::error::Ext4Error;
use crate::existing::{Geometry, META_BG, PER_BLOCK};
use crate::layout::{BLOCK_SIZE, BLOCKS_PER_GROUP, DESCRIPTOR_SIZE, MAX_SIZE_BYTES};
use crate::superblock::SIZE;
use crate::undo;

const INODE_UNINIT: u16 = 1;
const BLOCK_UNINIT: u16 = 2;
const INODE_ZEROED: u16 = 4;
const CHECKSUM_AT: usize = 0x1e;
/// Data blocks that must be left in the last group for it to be worth having.
const MIN_LAST_GROUP_DATA: u32 = 50;
/// The primary superblock leaves 1 KiB for a boot loader.
const SUPERBLOCK_AT: u64 = 1024;

/// Makes an ext4 image of `create_ext4`, or of microsandbox 0.5.8, as large as `size_bytes` (rounded down to a multiple of
/// 4 KiB). One that is as large already stays as it is; a smaller size is refused.
pub fn grow_ext4(path: impl AsRef<Path>, size_bytes: u64) -> Result<(), Ext4Error> {
    let path = path.as_ref();
    in_image(path, || {
        let file = open(path)?;
        undo::roll_back(path, &file)?;
        grow(path, &file, size_bytes)
    })
}

/// Undoes a growth that was cut short; usually there is none.
pub fn recover_ext4(path: impl AsRef<Path>) -> Result<(), Ext4Error> {
    let path = path.as_ref();
    in_image(path, || {
        if undo::is_there(path)? {
            undo::roll_back(path, &open(path)?)?;
        }
        Ok(())
    })
}

fn in_image<T>(path: &Path, body: impl FnOnce() -> Result<T, Ext4Error>) -> Result<T, Ext4Error> {
    body().map_err(|source| Ext4Error::Image {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

fn open(path: &Path) -> Result<File, Ext4Error> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| Ext4Error::io("open the disk image", source))?;
    let metadata = file
        .metadata()
        .map_err(|source| Ext4Error::io("look at the disk image", source))?;
    if metadata.is_file() {
        Ok(file)
    } else {
        Err(Ext4Error::NotRegularFile)
    }
}

fn grow(path: &Path, file: &File, size_bytes: u64) -> Result<(), Ext4Error> {
    let mut superblock = [0; SIZE];
    read_at(file, &mut superblock, SUPERBLOCK_AT)?;
    let old = Geometry::read(&superblock)?;
    let old_bytes = file
        .metadata()
        .map_err(|source| Ext4Error::io("look at the disk image", source))?
        .len();
    if old_bytes < old.block_count * BLOCK_SIZE as u64 {
        return Err(Ext4Error::Damaged {
            what: "size of the file",
        });
    }
    let new_bytes = size_bytes - size_bytes % BLOCK_SIZE as u64;
    if new_bytes < old_bytes || new_bytes > MAX_SIZE_BYTES {
        return Err(Ext4Error::CannotShrink {
            size_bytes,
            old_bytes,
        });
    }
    if new_bytes == old_bytes {
        return Ok(());
    }
    let change = Change::plan(file, &superblock, &old, new_bytes / BLOCK_SIZE as u64)?;
    undo::keep(
        path,
        file,
        old_bytes,
        change.in_place.iter().map(|(at, data)| (*at, data.len())),
    )?;
    let result = change.apply(file, &old, new_bytes);
    match result {
        Ok(()) => undo::forget(path),
        Err(error) => {
            // The failure is the one to report; if this fails too, the next to open the image repeats it.
            let _ = undo::roll_back(path, file);
            Err(error)
        }
    }
}

/// What is to be written, by its offset in the file.
#[derive(Default)]
struct Change {
    /// Where nothing was.
    fresh: Vec<(u64, Vec<u8>)>,
    /// In place of something.
    in_place: Vec<(u64, Vec<u8>)>,
    /// Backups of superblock and descriptors, which nobody reads unless the primary ones are lost.
    backups: Vec<(u64, Vec<u8>)>,
}

impl Change {
    fn plan(
        file: &File,
        superblock: &[u8; SIZE],
        old: &Geometry,
        block_count: u64,
    ) -> Result<Self, Ext4Error> {
        let new = enlarged(old, block_count);
        if new.block_count <= old.block_count {
            return Ok(Self::default());
        }
        if u64::from(new.group_count()) * u64::from(new.inodes_per_group) > u64::from(u32::MAX) {
            return Err(Ext4Error::TooManyInodes);
        }
        let mut change = Self::default();
        let mut tables = read_descriptors(file, old, &new)?;
        let mut free_blocks = change.extend_last_group(file, old, &new, &mut tables)?;
        for group in old.group_count()..new.group_count() {
            let slot = slot_of(&mut tables, group)?;
            free_blocks += u64::from(new.group_blocks(group) - new.overhead(group));
            if let Some(bitmap) = describe(&new, group, slot) {
                let place = Geometry::group_start(group) + u64::from(new.base_blocks(group));
                change.fresh.push((place * BLOCK_SIZE as u64, bitmap));
            }
        }
        let sealed = renew(superblock, old, &new, free_blocks);
        change.place(old, &new, &tables, &sealed);
        Ok(change)
    }

    /// Frees the blocks that the last group gets; their number.
    fn extend_last_group(
        &mut self,
        file: &File,
        old: &Geometry,
        new: &Geometry,
        tables: &mut [Vec<u8>],
    ) -> Result<u64, Ext4Error> {
        let last = old.group_count() - 1;
        let (before, after) = (old.group_blocks(last), new.group_blocks(last));
        if after == before {
            return Ok(0);
        }
        let slot = slot_of(tables, last)?;
        let gained = after - before;
        let free = u32::from(get16(slot, 0x0c)) + gained;
        put16(slot, 0x0c, low16(free));
        if get16(slot, 0x12) & BLOCK_UNINIT == 0 {
            let place = get_split(slot, 0x00, 0x20);
            if place == 0 || place >= old.block_count {
                return Err(Ext4Error::Damaged {
                    what: "group descriptors",
                });
            }
            let mut bitmap = vec![0; BLOCK_SIZE];
            read_at(file, &mut bitmap, place * BLOCK_SIZE as u64)?;
            if checksum_of(old.checksum_seed, &bitmap) != (get16(slot, 0x18), get16(slot, 0x38)) {
                return Err(Ext4Error::Damaged { what: "block bitmap" });
            }
            for bit in before..after {
                bitmap[(bit / 8) as usize] &= !(1 << (bit % 8));
            }
            let (low, high) = checksum_of(old.checksum_seed, &bitmap);
            put16(slot, 0x18, low);
            put16(slot, 0x38, high);
            self.in_place.push((place * BLOCK_SIZE as u64, bitmap));
        }
        seal_descriptor(old.checksum_seed, last, slot);
        Ok(u64::from(gained))
    }

    /// Sorts descriptor blocks and superblocks by what is where they go.
    fn place(&mut self, old: &Geometry, new: &Geometry, tables: &[Vec<u8>], sealed: &[u8; SIZE]) {
        self.in_place.push((SUPERBLOCK_AT, sealed.to_vec()));
        for group in (0..new.group_count()).filter(|&group| new.base_blocks(group) > 0) {
            for number in new.descriptors_in(group) {
                let Some(table) = tables.get(number as usize) else {
                    continue;
                };
                let entry = (
                    new.descriptor_place(group, number) * BLOCK_SIZE as u64,
                    table.clone(),
                );
                match group {
                    fresh if fresh >= old.group_count() => self.fresh.push(entry),
                    home if home == new.descriptor_home(number) => self.in_place.push(entry),
                    _ => self.backups.push(entry),
                }
            }
            if group > 0 && new.has_superblock(group) {
                let mut copy = *sealed;
                // As where the image was made: the field is 16 bits wide and only informs.
                put16(&mut copy, 0x5a, group as u16);
                seal_superblock(&mut copy);
                let mut head = vec![0; BLOCK_SIZE];
                head[..SIZE].copy_from_slice(&copy);
                self.backups
                    .push((Geometry::group_start(group) * BLOCK_SIZE as u64, head));
            }
        }
    }

    fn apply(&self, file: &File, old: &Geometry, new_bytes: u64) -> Result<(), Ext4Error> {
        // A tail that was too short for a group may hold anything; new inode tables must be zeros.
        for size in [old.block_count * BLOCK_SIZE as u64, new_bytes] {
            file.set_len(size)
                .map_err(|source| Ext4Error::io("size the disk image", source))?;
        }
        for (at, data) in self.fresh.iter().chain(&self.in_place).chain(&self.backups) {
            file.write_all_at(data, *at)
                .map_err(|source| Ext4Error::io("write to the disk image", source))?;
        }
        file.sync_all()
            .map_err(|source| Ext4Error::io("flush the disk image", source))
    }
}

/// The geometry with more blocks, less a last group that would be too short for its own structures.
fn enlarged(old: &Geometry, block_count: u64) -> Geometry {
    let mut new = Geometry {
        block_count,
        ..old.clone()
    };
    let last = new.group_count() - 1;
    if last >= old.group_count() && new.group_blocks(last) < new.overhead(last) + MIN_LAST_GROUP_DATA {
        new.block_count = Geometry::group_start(last);
    }
    new
}

/// All descriptor blocks, those of new groups as zeros.
fn read_descriptors(file: &File, old: &Geometry, new: &Geometry) -> Result<Vec<Vec<u8>>, Ext4Error> {
    let mut tables = vec![vec![0; BLOCK_SIZE]; new.descriptor_blocks() as usize];
    for (number, table) in (0..old.descriptor_blocks()).zip(&mut tables) {
        let home = old.descriptor_home(number);
        read_at(
            file,
            table,
            old.descriptor_place(home, number) * BLOCK_SIZE as u64,
        )?;
        for (group, slot) in
            (number * PER_BLOCK..old.group_count()).zip(table.chunks_exact_mut(DESCRIPTOR_SIZE))
        {
            let found = get16(slot, CHECKSUM_AT);
            seal_descriptor(old.checksum_seed, group, slot);
            if get16(slot, CHECKSUM_AT) != found {
                return Err(Ext4Error::Damaged {
                    what: "group descriptors",
                });
            }
        }
        // What lies behind the last group is nobody's.
        let used = (old.group_count() - number * PER_BLOCK).min(PER_BLOCK) as usize;
        table[used * DESCRIPTOR_SIZE..].fill(0);
    }
    Ok(tables)
}

fn slot_of(tables: &mut [Vec<u8>], group: u32) -> Result<&mut [u8], Ext4Error> {
    tables
        .get_mut((group / PER_BLOCK) as usize)
        .and_then(|table| {
            table
                .chunks_exact_mut(DESCRIPTOR_SIZE)
                .nth((group % PER_BLOCK) as usize)
        })
        .ok_or(Ext4Error::Damaged {
            what: "group descriptors",
        })
}

/// Fills in the descriptor of a new group; its block bitmap where the kernel does not derive it, in a last group that is
/// short.
fn describe(new: &Geometry, group: u32, slot: &mut [u8]) -> Option<Vec<u8>> {
    let start = Geometry::group_start(group) + u64::from(new.base_blocks(group));
    put_split(slot, 0x00, 0x20, start);
    put_split(slot, 0x04, 0x24, start + 1);
    put_split(slot, 0x08, 0x28, start + 2);
    put16(slot, 0x0c, low16(new.group_blocks(group) - new.overhead(group)));
    put16(slot, 0x0e, low16(new.inodes_per_group));
    put16(slot, 0x1c, low16(new.inodes_per_group));
    let mut flags = INODE_ZEROED | INODE_UNINIT;
    let is_last = group + 1 == new.group_count();
    let bitmap = is_last.then(|| {
        let mut bits = vec![0; BLOCK_SIZE];
        for bit in (0..new.overhead(group)).chain(new.group_blocks(group)..BLOCKS_PER_GROUP) {
            bits[(bit / 8) as usize] |= 1 << (bit % 8);
        }
        let (low, high) = checksum_of(new.checksum_seed, &bits);
        put16(slot, 0x18, low);
        put16(slot, 0x38, high);
        bits
    });
    if bitmap.is_none() {
        flags |= BLOCK_UNINIT;
    }
    put16(slot, 0x12, flags);
    seal_descriptor(new.checksum_seed, group, slot);
    bitmap
}

/// The primary superblock with the new totals.
fn renew(superblock: &[u8; SIZE], old: &Geometry, new: &Geometry, gained: u64) -> [u8; SIZE] {
    let mut renewed = *superblock;
    let added = (new.group_count() - old.group_count()) * new.inodes_per_group;
    put32(&mut renewed, 0x00, new.group_count() * new.inodes_per_group);
    put_split(&mut renewed, 0x04, 0x150, new.block_count);
    add_split(&mut renewed, 0x0c, 0x158, gained);
    let free_inodes = get32(&renewed, 0x10).saturating_add(added);
    put32(&mut renewed, 0x10, free_inodes);
    // Blocks of overhead: the kernel counts them again.
    put32(&mut renewed, 0x248, 0);
    if new.descriptor_blocks() > new.first_meta_bg {
        let incompat = get32(&renewed, 0x60) | META_BG;
        put32(&mut renewed, 0x60, incompat);
        put32(&mut renewed, 0x104, new.first_meta_bg);
    }
    seal_superblock(&mut renewed);
    renewed
}

fn seal_superblock(block: &mut [u8; SIZE]) {
    let checksum = crc32c(!0, &block[..SIZE - 4]);
    put32(block, SIZE - 4, checksum);
}

fn seal_descriptor(seed: u32, group: u32, slot: &mut [u8]) {
    put16(slot, CHECKSUM_AT, 0);
    let checksum = crc32c(crc32c(seed, &group.to_le_bytes()), slot);
    put16(slot, CHECKSUM_AT, low16(checksum));
}

fn checksum_of(seed: u32, bitmap: &[u8]) -> (u16, u16) {
    let checksum = crc32c(seed, bitmap);
    (low16(checksum), low16(checksum >> 16))
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> Result<(), Ext4Error> {
    file.read_exact_at(buffer, at)
        .map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Ext4Error::NotExt4,
            _ => Ext4Error::io("read the disk image", source),
        })
}

/// Makes what was done to the names in the directory of `path` last.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
