//! The superblock: 1 KiB that names every feature and total. Its copies differ in their group number only.

use crate::bytes::{crc32c, low32, put_split, put16, put32};
use crate::group;
use crate::inode;
use crate::layout::{
    BLOCK_SIZE, BLOCKS_PER_GROUP, DESCRIPTOR_SIZE, INODE_SIZE, LOG_GROUPS_PER_FLEX, Layout, MAX_SIZE_BYTES,
};

pub(crate) const SIZE: usize = 1024;
/// More blocks than the largest disk has are a damaged superblock.
pub(crate) const MAX_BLOCKS: u64 = MAX_SIZE_BYTES / BLOCK_SIZE as u64;
/// The label field, filled up with NUL.
pub(crate) const LABEL_SIZE: usize = 16;

const MAGIC: u16 = 0xef53;
/// Block and cluster size as a shift of 1 KiB.
const LOG_BLOCK_SIZE: u32 = 2;
const STATE_CLEAN: u16 = 1;
/// A damaged file system goes read-only, so that a sandbox never writes on without being told.
const ON_ERROR_READ_ONLY: u16 = 2;
const REVISION_DYNAMIC: u32 = 1;
const NEVER_CHECK_BY_COUNT: u16 = 0xffff;
const HASH_HALF_MD4: u8 = 1;
const FLAG_SIGNED_HASH: u32 = 1;
const JOURNAL_BACKUP_IS_BLOCKS: u8 = 1;
const CHECKSUM_CRC32C: u8 = 1;
const MOUNT_XATTR_AND_ACL: u32 = 0x4 | 0x8;

const HAS_JOURNAL: u32 = 0x4;
const EXT_ATTR: u32 = 0x8;
const DIR_INDEX: u32 = 0x20;
const SPARSE_SUPER2: u32 = 0x200;

const FILETYPE: u32 = 0x2;
const EXTENTS: u32 = 0x40;
const BITS_64: u32 = 0x80;
const FLEX_BG: u32 = 0x200;

const LARGE_FILE: u32 = 0x2;
const HUGE_FILE: u32 = 0x8;
const DIR_NLINK: u32 = 0x20;
const EXTRA_ISIZE: u32 = 0x40;
const METADATA_CSUM: u32 = 0x400;

/// The superblock copy that lies in `in_group`.
pub(crate) fn encode(
    layout: &Layout,
    label: &str,
    uuid: &[u8; 16],
    now_secs: u64,
    in_group: u16,
) -> [u8; SIZE] {
    let mut sb = [0; SIZE];
    put32(&mut sb, 0x00, layout.inode_count());
    put_split(&mut sb, 0x04, 0x150, layout.block_count);
    put_split(&mut sb, 0x0c, 0x158, group::free_blocks(layout));
    put32(&mut sb, 0x10, group::free_inodes(layout));
    put32(&mut sb, 0x18, LOG_BLOCK_SIZE);
    put32(&mut sb, 0x1c, LOG_BLOCK_SIZE);
    put32(&mut sb, 0x20, BLOCKS_PER_GROUP);
    put32(&mut sb, 0x24, BLOCKS_PER_GROUP);
    put32(&mut sb, 0x28, layout.inodes_per_group);
    for written_checked_made in [0x30, 0x40, 0x108] {
        put32(&mut sb, written_checked_made, low32(now_secs));
    }
    put16(&mut sb, 0x36, NEVER_CHECK_BY_COUNT);
    put16(&mut sb, 0x38, MAGIC);
    put16(&mut sb, 0x3a, STATE_CLEAN);
    put16(&mut sb, 0x3c, ON_ERROR_READ_ONLY);
    put32(&mut sb, 0x4c, REVISION_DYNAMIC);
    put32(&mut sb, 0x54, inode::FIRST_FREE);
    put16(&mut sb, 0x58, INODE_SIZE as u16);
    put16(&mut sb, 0x5a, in_group);
    put32(&mut sb, 0x5c, HAS_JOURNAL | EXT_ATTR | DIR_INDEX | SPARSE_SUPER2);
    put32(&mut sb, 0x60, FILETYPE | EXTENTS | BITS_64 | FLEX_BG);
    put32(
        &mut sb,
        0x64,
        LARGE_FILE | HUGE_FILE | DIR_NLINK | EXTRA_ISIZE | METADATA_CSUM,
    );
    sb[0x68..0x78].copy_from_slice(uuid);
    sb[0x78..0x78 + label.len()].copy_from_slice(label.as_bytes());
    put32(&mut sb, 0xe0, inode::JOURNAL);
    // The hash seed only has to differ between file systems, which the UUID does.
    sb[0xec..0xfc].copy_from_slice(uuid);
    sb[0xfc] = HASH_HALF_MD4;
    sb[0xfd] = JOURNAL_BACKUP_IS_BLOCKS;
    put16(&mut sb, 0xfe, DESCRIPTOR_SIZE as u16);
    put32(&mut sb, 0x100, MOUNT_XATTR_AND_ACL);
    sb[0x10c..0x150].copy_from_slice(&inode::journal_backup(layout));
    put16(&mut sb, 0x15c, inode::EXTRA_SIZE);
    put16(&mut sb, 0x15e, inode::EXTRA_SIZE);
    put32(&mut sb, 0x160, FLAG_SIGNED_HASH);
    sb[0x174] = LOG_GROUPS_PER_FLEX;
    sb[0x175] = CHECKSUM_CRC32C;
    let [first, second] = layout.backup_groups();
    put32(&mut sb, 0x24c, first);
    put32(&mut sb, 0x250, second);
    let checksum = crc32c(!0, &sb[..SIZE - 4]);
    put32(&mut sb, SIZE - 4, checksum);
    sb
}
