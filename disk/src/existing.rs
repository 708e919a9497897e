//! The geometry of an image that exists, read from its superblock: made by this crate or by microsandbox 0.5.8, and
//! written to since by a guest, so everything in it is checked before it is believed.

use crate::bytes::{crc32c, get_split, get16, get32};
use crate::error::Ext4Error;
use crate::layout::{BLOCK_SIZE, BLOCKS_PER_GROUP, DESCRIPTOR_SIZE, INODE_SIZE};
use crate::superblock::{self as sb, SIZE};

const MAGIC: u16 = 0xef53;
const CLEAN: u16 = 1;

const SPARSE_SUPER2: u32 = 0x200;
const COMPAT_KNOWN: u32 = 0x4 | 0x8 | 0x20 | SPARSE_SUPER2;
const NEEDS_RECOVERY: u32 = 0x4;
pub(crate) const META_BG: u32 = 0x10;
const BITS_64: u32 = 0x80;
const INCOMPAT_KNOWN: u32 = 0x2 | META_BG | 0x40 | BITS_64 | 0x200;
const SPARSE_SUPER: u32 = 0x1;
const METADATA_CSUM: u32 = 0x400;
const RO_COMPAT_KNOWN: u32 = SPARSE_SUPER | 0x2 | 0x8 | 0x20 | 0x40 | METADATA_CSUM;

/// Descriptors in one block: the groups of one meta group.
pub(crate) const PER_BLOCK: u32 = (BLOCK_SIZE / DESCRIPTOR_SIZE) as u32;

/// Where everything is on a disk that exists, and where it goes when groups are added to it.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    pub(crate) block_count: u64,
    pub(crate) inodes_per_group: u32,
    /// The groups with a backup, for `sparse_super2`; otherwise the powers of 3, 5 and 7 have one.
    pub(crate) backups: Option<[u32; 2]>,
    /// Descriptor blocks that follow each superblock; later ones lie in their own groups.
    pub(crate) first_meta_bg: u32,
    pub(crate) checksum_seed: u32,
}

impl Geometry {
    /// Reads a superblock. The file system must be at rest and of a form that is known here.
    pub(crate) fn read(block: &[u8; SIZE]) -> Result<Self, Ext4Error> {
        if get16(block, 0x38) != MAGIC {
            return Err(Ext4Error::NotExt4);
        }
        let [compat, incompat, ro_compat] = [0x5c, 0x60, 0x64].map(|at| get32(block, at));
        if incompat & NEEDS_RECOVERY != 0 || get16(block, 0x3a) != CLEAN {
            return Err(Ext4Error::NotClean);
        }
        let is_known = compat & !COMPAT_KNOWN == 0
            && incompat & !INCOMPAT_KNOWN == 0
            && ro_compat & !RO_COMPAT_KNOWN == 0
            && incompat & BITS_64 != 0
            && ro_compat & METADATA_CSUM != 0
            && (compat & SPARSE_SUPER2 != 0) != (ro_compat & SPARSE_SUPER != 0);
        let has_known_sizes = get32(block, 0x14) == 0
            && get32(block, 0x18) == 2
            && get32(block, 0x20) == BLOCKS_PER_GROUP
            && get16(block, 0x58) as usize == INODE_SIZE
            && get16(block, 0xce) == 0
            && get16(block, 0xfe) as usize == DESCRIPTOR_SIZE;
        if !is_known || !has_known_sizes {
            return Err(Ext4Error::Foreign);
        }
        if crc32c(!0, &block[..SIZE - 4]) != get32(block, SIZE - 4) {
            return Err(Ext4Error::Damaged { what: "superblock" });
        }
        let block_count = get_split(block, 0x04, 0x150);
        let inodes_per_group = get32(block, 0x28);
        let mut found = Self {
            block_count,
            inodes_per_group,
            backups: (compat & SPARSE_SUPER2 != 0).then(|| [get32(block, 0x24c), get32(block, 0x250)]),
            first_meta_bg: get32(block, 0x104),
            checksum_seed: crc32c(!0, &block[0x68..0x78]),
        };
        if incompat & META_BG == 0 {
            found.first_meta_bg = found.descriptor_blocks();
        }
        let is_possible = (1..=sb::MAX_BLOCKS).contains(&block_count)
            && (16..=BLOCKS_PER_GROUP).contains(&inodes_per_group)
            && inodes_per_group.is_multiple_of(16)
            && get32(block, 0x00) == found.group_count() * inodes_per_group
            && (1..=found.descriptor_blocks()).contains(&found.first_meta_bg);
        if is_possible {
            Ok(found)
        } else {
            Err(Ext4Error::Damaged { what: "superblock" })
        }
    }

    pub(crate) fn group_count(&self) -> u32 {
        // At most 2^17: the number of blocks is bounded.
        self.block_count.div_ceil(u64::from(BLOCKS_PER_GROUP)) as u32
    }

    pub(crate) fn descriptor_blocks(&self) -> u32 {
        self.group_count().div_ceil(PER_BLOCK)
    }

    pub(crate) fn group_start(group: u32) -> u64 {
        u64::from(group) * u64::from(BLOCKS_PER_GROUP)
    }

    pub(crate) fn group_blocks(&self, group: u32) -> u32 {
        (self.block_count - Self::group_start(group)).min(u64::from(BLOCKS_PER_GROUP)) as u32
    }

    pub(crate) fn inode_table_blocks(&self) -> u32 {
        self.inodes_per_group / (BLOCK_SIZE / INODE_SIZE) as u32
    }

    /// Whether `group` begins with a copy of the superblock.
    pub(crate) fn has_superblock(&self, group: u32) -> bool {
        match self.backups {
            _ if group == 0 => true,
            Some(backups) => backups.contains(&group),
            None => group == 1 || [3, 5, 7].iter().any(|&base| is_power(group, base)),
        }
    }

    /// The descriptor blocks, from which to which, that `group` holds a copy of after its superblock if it has one.
    pub(crate) fn descriptors_in(&self, group: u32) -> std::ops::Range<u32> {
        let own = group / PER_BLOCK;
        if own < self.first_meta_bg {
            let count = if self.has_superblock(group) {
                self.first_meta_bg
            } else {
                0
            };
            return 0..count;
        }
        match group % PER_BLOCK {
            0 | 1 => own..own + 1,
            last if last == PER_BLOCK - 1 => own..own + 1,
            _ => own..own,
        }
    }

    /// Blocks at the start of `group` taken by copies of superblock and descriptors.
    pub(crate) fn base_blocks(&self, group: u32) -> u32 {
        let descriptors = self.descriptors_in(group);
        u32::from(self.has_superblock(group)) + (descriptors.end - descriptors.start)
    }

    /// Where the copy in `group` of descriptor block `number` is.
    pub(crate) fn descriptor_place(&self, group: u32, number: u32) -> u64 {
        let before = u32::from(self.has_superblock(group)) + (number - self.descriptors_in(group).start);
        Self::group_start(group) + u64::from(before)
    }

    /// The group that holds the copy of descriptor block `number` that counts.
    pub(crate) fn descriptor_home(&self, number: u32) -> u32 {
        if number < self.first_meta_bg {
            0
        } else {
            number * PER_BLOCK
        }
    }

    /// Blocks in use in a group that is added: its copies, two bitmaps and its inode table.
    pub(crate) fn overhead(&self, group: u32) -> u32 {
        self.base_blocks(group) + 2 + self.inode_table_blocks()
    }
}

fn is_power(mut number: u32, base: u32) -> bool {
    while number > 1 && number.is_multiple_of(base) {
        number /= base;
    }
    number == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_of_sparse_super_lie_in_powers() {
        let found: Vec<u32> = (2..100)
            .filter(|&group| [3, 5, 7].iter().any(|&base| is_power(group, base)))
            .collect();
        assert_eq!(found, [3, 5, 7, 9, 25, 27, 49, 81]);
    }
}
