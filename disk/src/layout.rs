//! Geometry: from a size to the place of everything, in blocks of 4 KiB. Nothing here touches a file.
//!
//! Sixteen groups form one flex group, whose bitmaps and inode tables lie together in its first group (after
//! the descriptors in group 0), so that the data area is nearly one piece. Invariant: all structures of a
//! flex group, and the journal, fit in its first group; a last group too short for its own is left out.

use crate::error::Ext4Error;

/// The smallest disk that can be made.
pub const MIN_SIZE_BYTES: u64 = 16 << 20;
/// The largest disk that can be made.
pub const MAX_SIZE_BYTES: u64 = 16 << 40;

pub(crate) const BLOCK_SIZE: usize = 4096;
/// One bitmap block has a bit for each.
pub(crate) const BLOCKS_PER_GROUP: u32 = 8 * BLOCK_SIZE as u32;
pub(crate) const INODE_SIZE: usize = 256;
pub(crate) const DESCRIPTOR_SIZE: usize = 64;
pub(crate) const LOG_GROUPS_PER_FLEX: u8 = 4;

const GROUPS_PER_FLEX: u32 = 1 << LOG_GROUPS_PER_FLEX;
const INODES_PER_BLOCK: u32 = (BLOCK_SIZE / INODE_SIZE) as u32;
/// One inode for each 16 KiB, as mke2fs does.
const BLOCKS_PER_INODE: u32 = 4;
/// Data blocks that must be left in the last group for it to be worth having.
const MIN_LAST_GROUP_DATA: u64 = 50;

/// Where everything goes on a disk of one size.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) block_count: u64,
    pub(crate) group_count: u32,
    pub(crate) inodes_per_group: u32,
    /// Blocks of the group descriptor table, of which each superblock copy is followed by one.
    pub(crate) descriptor_blocks: u32,
    pub(crate) journal_blocks: u32,
}

/// The blocks of one group's own structures, wherever in its flex group they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupPlace {
    pub(crate) block_bitmap: u64,
    pub(crate) inode_bitmap: u64,
    pub(crate) inode_table: u64,
}

impl Layout {
    pub(crate) fn new(size_bytes: u64) -> Result<Self, Ext4Error> {
        if !(MIN_SIZE_BYTES..=MAX_SIZE_BYTES).contains(&size_bytes) {
            return Err(Ext4Error::SizeOutOfRange { size_bytes });
        }
        let block_count = size_bytes / BLOCK_SIZE as u64;
        let layout = Self::with_blocks(block_count);
        let last = layout.group_count - 1;
        let data = u64::from(layout.group_blocks(last)).checked_sub(u64::from(layout.used_blocks(last)));
        if last == 0 || data.is_some_and(|blocks| blocks >= MIN_LAST_GROUP_DATA) {
            return Ok(layout);
        }
        Ok(Self::with_blocks(u64::from(last) * u64::from(BLOCKS_PER_GROUP)))
    }

    fn with_blocks(block_count: u64) -> Self {
        let group_count = block_count.div_ceil(u64::from(BLOCKS_PER_GROUP)) as u32;
        let group_blocks = block_count.min(u64::from(BLOCKS_PER_GROUP)) as u32;
        let descriptors_per_block = (BLOCK_SIZE / DESCRIPTOR_SIZE) as u32;
        Self {
            block_count,
            group_count,
            inodes_per_group: (group_blocks / BLOCKS_PER_INODE).next_multiple_of(INODES_PER_BLOCK),
            descriptor_blocks: group_count.div_ceil(descriptors_per_block),
            journal_blocks: journal_blocks(block_count),
        }
    }

    pub(crate) fn inode_count(&self) -> u32 {
        // At 16 TiB: 2^17 groups of 2^13 inodes, far from overflow.
        self.group_count * self.inodes_per_group
    }

    pub(crate) fn inode_table_blocks(&self) -> u32 {
        self.inodes_per_group / INODES_PER_BLOCK
    }

    pub(crate) fn group_start(group: u32) -> u64 {
        u64::from(group) * u64::from(BLOCKS_PER_GROUP)
    }

    /// Blocks in `group`; only the last one can have fewer than the others.
    pub(crate) fn group_blocks(&self, group: u32) -> u32 {
        (self.block_count - Self::group_start(group)).min(u64::from(BLOCKS_PER_GROUP)) as u32
    }

    /// The groups that hold a backup of superblock and descriptors, 0 for none (`sparse_super2`).
    pub(crate) fn backup_groups(&self) -> [u32; 2] {
        match self.group_count {
            1 => [0, 0],
            2 => [1, 0],
            count => [1, count - 1],
        }
    }

    /// Blocks at the start of `group` taken by a superblock and the descriptors after it.
    fn base_blocks(&self, group: u32) -> u32 {
        if group == 0 || self.backup_groups().contains(&group) {
            1 + self.descriptor_blocks
        } else {
            0
        }
    }

    pub(crate) fn is_flex_head(group: u32) -> bool {
        group.is_multiple_of(GROUPS_PER_FLEX)
    }

    /// Groups in the flex group that starts with `head`.
    fn flex_groups(&self, head: u32) -> u32 {
        (self.group_count - head).min(GROUPS_PER_FLEX)
    }

    pub(crate) fn place(&self, group: u32) -> GroupPlace {
        let head = group - group % GROUPS_PER_FLEX;
        let (index, count) = (group - head, self.flex_groups(head));
        let start = Self::group_start(head) + u64::from(self.base_blocks(head));
        GroupPlace {
            block_bitmap: start + u64::from(index),
            inode_bitmap: start + u64::from(count + index),
            inode_table: start + u64::from(2 * count + index * self.inode_table_blocks()),
        }
    }

    /// First block of the journal, which follows the structures of flex group 0.
    pub(crate) fn journal_start(&self) -> u64 {
        u64::from(self.base_blocks(0) + self.flex_blocks(0))
    }

    /// First of the blocks of the root directory and its children, which follow the journal.
    pub(crate) fn directories_start(&self) -> u64 {
        self.journal_start() + u64::from(self.journal_blocks)
    }

    fn flex_blocks(&self, head: u32) -> u32 {
        self.flex_groups(head) * (2 + self.inode_table_blocks())
    }

    /// Blocks in use in `group`, which are always its first ones.
    pub(crate) fn used_blocks(&self, group: u32) -> u32 {
        let mut used = self.base_blocks(group);
        if Self::is_flex_head(group) {
            used += self.flex_blocks(group);
        }
        if group == 0 {
            used += self.journal_blocks + crate::inode::DIRECTORY_COUNT;
        }
        used
    }
}

/// As mke2fs chooses, with its largest step left out: a sandbox gains nothing from more than 64 MiB.
fn journal_blocks(block_count: u64) -> u32 {
    match block_count {
        0..32_768 => 1024,
        32_768..262_144 => 4096,
        262_144..524_288 => 8192,
        _ => 16_384,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_fits_its_group_at_every_size() {
        let sizes = (0..=20).map(|shift| MIN_SIZE_BYTES << shift);
        let odd = [
            100 << 20,
            (128 << 20) + 4096,
            (2 << 30) + (9 << 20),
            (2 << 30) + (1 << 20),
            MAX_SIZE_BYTES - 1,
        ];
        for size in sizes.chain(odd) {
            let layout = Layout::new(size).unwrap();
            for group in 0..layout.group_count {
                assert!(
                    layout.used_blocks(group) < layout.group_blocks(group),
                    "group {group} of {size} bytes"
                );
            }
            assert!(layout.block_count * BLOCK_SIZE as u64 <= size);
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for size in [0, MIN_SIZE_BYTES - 1, MAX_SIZE_BYTES + 1, u64::MAX] {
            assert!(
                matches!(Layout::new(size), Err(Ext4Error::SizeOutOfRange { size_bytes }) if size_bytes == size)
            );
        }
    }
}
