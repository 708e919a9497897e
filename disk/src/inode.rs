//! The inodes and directories that a new file system has: root, journal and lost+found.

use crate::bytes::{crc32c, low16, low32, put16, put32};
use crate::layout::{BLOCK_SIZE, INODE_SIZE, Layout};

pub(crate) const ROOT: u32 = 2;
pub(crate) const JOURNAL: u32 = 8;
/// The first inode that is not reserved; also that of lost+found, by custom.
pub(crate) const FIRST_FREE: u32 = 11;
/// Inodes 1 to this one are reserved or in use.
pub(crate) const LAST_USED: u32 = FIRST_FREE + CHILDREN.len() as u32 - 1;
/// Root and its children, one block each.
pub(crate) const DIRECTORY_COUNT: u32 = 1 + CHILDREN.len() as u32;

/// Name and mode of each directory in the root; their inodes follow each other from `FIRST_FREE`.
const CHILDREN: [(&str, u16); 1] = [("lost+found", 0o700)];

const MODE_DIRECTORY: u16 = 0o040_000;
const MODE_FILE: u16 = 0o100_000;
const FLAG_EXTENTS: u32 = 0x8_0000;
const EXTENT_MAGIC: u16 = 0xf30a;
/// Bytes of the inode beyond the first 128 that are in use: up to and including the project id.
pub(crate) const EXTRA_SIZE: u16 = 32;
const FILE_TYPE_DIRECTORY: u8 = 2;
const FILE_TYPE_CHECKSUM: u8 = 0xde;
const CHECKSUM_TAIL: usize = 12;
const SECTORS_PER_BLOCK: u32 = (BLOCK_SIZE / 512) as u32;

/// The first block of the inode table; the inodes in use fit it.
pub(crate) fn first_table_block(layout: &Layout, seed: u32, now_secs: u64) -> Vec<u8> {
    let mut block = vec![0; BLOCK_SIZE];
    let mut put = |number: u32, mode: u16, links: u16, start: u64, blocks: u32| {
        let at = (number as usize - 1) * INODE_SIZE;
        let mut inode = encode(mode, links, start, blocks, now_secs);
        seal(&mut inode, number, seed);
        block[at..at + INODE_SIZE].copy_from_slice(&inode);
    };
    let directories = layout.directories_start();
    put(
        ROOT,
        MODE_DIRECTORY | 0o755,
        2 + CHILDREN.len() as u16,
        directories,
        1,
    );
    put(
        JOURNAL,
        MODE_FILE | 0o600,
        1,
        layout.journal_start(),
        layout.journal_blocks,
    );
    for (child, start) in (FIRST_FREE..).zip(directories + 1..).take(CHILDREN.len()) {
        put(
            child,
            MODE_DIRECTORY | CHILDREN[(child - FIRST_FREE) as usize].1,
            2,
            start,
            1,
        );
    }
    block
}

/// The blocks of the root directory and its children, in the order of `Layout::directories_start`.
pub(crate) fn directory_blocks(seed: u32) -> Vec<u8> {
    let mut root = vec![(ROOT, "."), (ROOT, "..")];
    root.extend((FIRST_FREE..).zip(CHILDREN.map(|(name, _)| name)));
    let mut blocks = directory_block(ROOT, &root, seed);
    for child in FIRST_FREE..=LAST_USED {
        blocks.extend(directory_block(child, &[(child, "."), (ROOT, "..")], seed));
    }
    blocks
}

/// The block map of the journal followed by its size, as the superblock keeps a copy of it.
pub(crate) fn journal_backup(layout: &Layout) -> [u8; 68] {
    let mut copy = [0; 68];
    copy[..60].copy_from_slice(&extent_map(layout.journal_start(), layout.journal_blocks));
    put32(&mut copy, 64, layout.journal_blocks * BLOCK_SIZE as u32);
    copy
}

fn encode(mode: u16, links: u16, start: u64, blocks: u32, now_secs: u64) -> [u8; INODE_SIZE] {
    let mut inode = [0; INODE_SIZE];
    put16(&mut inode, 0x00, mode);
    put32(&mut inode, 0x04, blocks * BLOCK_SIZE as u32);
    put16(&mut inode, 0x1a, links);
    put32(&mut inode, 0x1c, blocks * SECTORS_PER_BLOCK);
    put32(&mut inode, 0x20, FLAG_EXTENTS);
    inode[0x28..0x64].copy_from_slice(&extent_map(start, blocks));
    put16(&mut inode, 0x80, EXTRA_SIZE);
    for (seconds_at, extra_at) in [(0x08, 0x8c), (0x0c, 0x84), (0x10, 0x88), (0x90, 0x94)] {
        put32(&mut inode, seconds_at, low32(now_secs));
        put32(&mut inode, extra_at, epoch(now_secs));
    }
    inode
}

/// The two bits that carry a time past 2038: how often 2^32 must be added to the signed 32-bit seconds.
fn epoch(secs: u64) -> u32 {
    low32((secs + (1 << 31)) >> 32) & 3
}

/// An extent tree of one leaf in the inode itself: `blocks` blocks from `start`.
fn extent_map(start: u64, blocks: u32) -> [u8; 60] {
    let mut map = [0; 60];
    put16(&mut map, 0, EXTENT_MAGIC);
    put16(&mut map, 2, 1);
    put16(&mut map, 4, 4);
    put16(&mut map, 16, low16(blocks));
    put16(&mut map, 18, low16(low32(start >> 32)));
    put32(&mut map, 20, low32(start));
    map
}

fn seal(inode: &mut [u8; INODE_SIZE], number: u32, seed: u32) {
    let checksum = crc32c(inode_seed(number, seed), inode);
    put16(inode, 0x7c, low16(checksum));
    put16(inode, 0x82, low16(checksum >> 16));
}

/// Inode and directory checksums start from the number and the generation, which is 0 here.
fn inode_seed(number: u32, seed: u32) -> u32 {
    crc32c(crc32c(seed, &number.to_le_bytes()), &[0; 4])
}

fn directory_block(owner: u32, entries: &[(u32, &str)], seed: u32) -> Vec<u8> {
    let mut block = vec![0; BLOCK_SIZE];
    let tail = BLOCK_SIZE - CHECKSUM_TAIL;
    let mut at = 0;
    for (index, (number, name)) in entries.iter().enumerate() {
        let is_last = index + 1 == entries.len();
        let length = if is_last {
            tail - at
        } else {
            (8 + name.len()).next_multiple_of(4)
        };
        put32(&mut block, at, *number);
        put16(&mut block, at + 4, length as u16);
        block[at + 6] = name.len() as u8;
        block[at + 7] = FILE_TYPE_DIRECTORY;
        block[at + 8..at + 8 + name.len()].copy_from_slice(name.as_bytes());
        at += length;
    }
    let checksum = crc32c(inode_seed(owner, seed), &block[..tail]);
    put16(&mut block, tail + 4, CHECKSUM_TAIL as u16);
    block[tail + 7] = FILE_TYPE_CHECKSUM;
    put32(&mut block, tail + 8, checksum);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_past_2038_carry_their_epoch() {
        assert_eq!(
            [
                epoch(0x7fff_ffff),
                epoch(0x8000_0000),
                epoch(0x1_7fff_ffff),
                epoch(0x1_8000_0000)
            ],
            [0, 1, 1, 2]
        );
    }
}
