//! The head of an empty journal. Unlike the rest of ext4 it is big-endian; the blocks after it stay holes,
//! because a journal that starts at 0 is clean and never read.

use crate::layout::{BLOCK_SIZE, Layout};

const MAGIC: u32 = 0xc03b_3998;
const SUPERBLOCK_V2: u32 = 4;

pub(crate) fn head(layout: &Layout, uuid: &[u8; 16]) -> Vec<u8> {
    let mut block = vec![0; BLOCK_SIZE];
    let mut put = |at: usize, value: u32| block[at..at + 4].copy_from_slice(&value.to_be_bytes());
    put(0x00, MAGIC);
    put(0x04, SUPERBLOCK_V2);
    put(0x0c, BLOCK_SIZE as u32);
    put(0x10, layout.journal_blocks);
    let (first_block, first_sequence, users) = (1, 1, 1);
    put(0x14, first_block);
    put(0x18, first_sequence);
    put(0x40, users);
    block[0x30..0x40].copy_from_slice(uuid);
    block
}
