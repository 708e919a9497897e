//! Group descriptors and the bitmaps they point to. Only group 0 has inodes in use; a group has a block
//! bitmap on disk when it holds its flex group's structures or is the last one, and none is needed elsewhere.

use crate::bytes::{crc32c, low16, low32, put_split, put16};
use crate::inode::{DIRECTORY_COUNT, LAST_USED};
use crate::layout::{BLOCK_SIZE, BLOCKS_PER_GROUP, DESCRIPTOR_SIZE, Layout};

const INODE_UNINIT: u16 = 1;
const BLOCK_UNINIT: u16 = 2;
const INODE_ZEROED: u16 = 4;
const CHECKSUM_AT: usize = 0x1e;

/// Whether the block bitmap of `group` is written out; elsewhere the kernel derives it.
pub(crate) fn has_block_bitmap(layout: &Layout, group: u32) -> bool {
    Layout::is_flex_head(group) || group + 1 == layout.group_count
}

/// The block bitmap of `group`: its first blocks in use, and the bits past its end set.
pub(crate) fn block_bitmap(layout: &Layout, group: u32) -> Vec<u8> {
    bitmap(layout.used_blocks(group), layout.group_blocks(group))
}

/// The inode bitmap of group 0.
pub(crate) fn inode_bitmap(layout: &Layout) -> Vec<u8> {
    bitmap(LAST_USED, layout.inodes_per_group)
}

fn bitmap(used: u32, valid: u32) -> Vec<u8> {
    let mut bits = vec![0; BLOCK_SIZE];
    for bit in (0..used).chain(valid..BLOCKS_PER_GROUP) {
        bits[(bit / 8) as usize] |= 1 << (bit % 8);
    }
    bits
}

/// The whole descriptor table, padded to blocks.
pub(crate) fn descriptors(layout: &Layout, seed: u32) -> Vec<u8> {
    let mut table = vec![0; layout.descriptor_blocks as usize * BLOCK_SIZE];
    let mut checksums = BitmapChecksums { seed, last: None };
    for (group, slot) in (0..layout.group_count).zip(table.chunks_exact_mut(DESCRIPTOR_SIZE)) {
        encode(layout, group, seed, &mut checksums, slot);
    }
    table
}

fn encode(layout: &Layout, group: u32, seed: u32, checksums: &mut BitmapChecksums, slot: &mut [u8]) {
    let place = layout.place(group);
    put_split(slot, 0x00, 0x20, place.block_bitmap);
    put_split(slot, 0x04, 0x24, place.inode_bitmap);
    put_split(slot, 0x08, 0x28, place.inode_table);
    put16(
        slot,
        0x0c,
        low16(layout.group_blocks(group) - layout.used_blocks(group)),
    );

    let mut flags = INODE_ZEROED;
    let mut free_inodes = layout.inodes_per_group;
    if group == 0 {
        free_inodes -= LAST_USED;
        put16(slot, 0x10, low16(DIRECTORY_COUNT));
        let inode_bits = (layout.inodes_per_group / 8) as usize;
        let checksum = crc32c(seed, &inode_bitmap(layout)[..inode_bits]);
        put16(slot, 0x1a, low16(checksum));
        put16(slot, 0x3a, low16(checksum >> 16));
    } else {
        flags |= INODE_UNINIT;
    }
    if has_block_bitmap(layout, group) {
        let checksum = checksums.of_blocks(layout, group);
        put16(slot, 0x18, low16(checksum));
        put16(slot, 0x38, low16(checksum >> 16));
    } else {
        flags |= BLOCK_UNINIT;
    }
    put16(slot, 0x0e, low16(free_inodes));
    put16(slot, 0x12, flags);
    put16(slot, 0x1c, low16(free_inodes));

    let checksum = crc32c(crc32c(seed, &group.to_le_bytes()), slot);
    put16(slot, CHECKSUM_AT, low16(checksum));
}

/// Block bitmap checksums. Nearly all flex heads are alike, and a large disk has thousands.
struct BitmapChecksums {
    seed: u32,
    /// Blocks used and blocks there in the group last asked for, and its checksum.
    last: Option<((u32, u32), u32)>,
}

impl BitmapChecksums {
    fn of_blocks(&mut self, layout: &Layout, group: u32) -> u32 {
        let shape = (layout.used_blocks(group), layout.group_blocks(group));
        match self.last {
            Some((known, checksum)) if known == shape => checksum,
            _ => {
                let checksum = crc32c(self.seed, &block_bitmap(layout, group));
                self.last = Some((shape, checksum));
                checksum
            }
        }
    }
}

/// Blocks of the whole file system that are free.
pub(crate) fn free_blocks(layout: &Layout) -> u64 {
    let used: u64 = (0..layout.group_count)
        .map(|group| u64::from(layout.used_blocks(group)))
        .sum();
    layout.block_count - used
}

/// Inodes of the whole file system that are free.
pub(crate) fn free_inodes(layout: &Layout) -> u32 {
    low32(u64::from(layout.inode_count() - LAST_USED))
}
