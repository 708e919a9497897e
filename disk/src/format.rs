//! Writes the structures of one layout into a file that is all zeros. Everything is one positioned write of
//! whole blocks; nothing is read back. The superblock that makes the image valid is written last.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::bytes::crc32c;
use crate::error::Ext4Error;
use crate::layout::{BLOCK_SIZE, Layout};
use crate::{group, inode, journal, superblock};

/// The identity of a new file system.
pub(crate) struct Identity<'a> {
    pub(crate) label: &'a str,
    pub(crate) uuid: [u8; 16],
    /// Seconds since 1970, for every time in the new file system.
    pub(crate) now_secs: u64,
}

pub(crate) fn write(file: &File, layout: &Layout, identity: &Identity) -> Result<(), Ext4Error> {
    let seed = crc32c(!0, &identity.uuid);
    let table = inode::first_table_block(layout, seed, identity.now_secs);
    write_block(file, layout.place(0).inode_table, &table)?;
    write_block(file, layout.place(0).inode_bitmap, &group::inode_bitmap(layout))?;
    write_block(
        file,
        layout.journal_start(),
        &journal::head(layout, &identity.uuid),
    )?;
    write_block(file, layout.directories_start(), &inode::directory_blocks(seed))?;
    for number in (0..layout.group_count).filter(|&number| group::has_block_bitmap(layout, number)) {
        write_block(
            file,
            layout.place(number).block_bitmap,
            &group::block_bitmap(layout, number),
        )?;
    }
    write_superblocks(file, layout, identity, &group::descriptors(layout, seed))
}

/// Writes the descriptor table and its superblock, backups first.
fn write_superblocks(
    file: &File,
    layout: &Layout,
    identity: &Identity,
    table: &[u8],
) -> Result<(), Ext4Error> {
    let [first, second] = layout.backup_groups();
    for number in [second, first].into_iter().filter(|&number| number != 0) {
        write_superblock(file, layout, identity, table, number)?;
    }
    write_superblock(file, layout, identity, table, 0)
}

fn write_superblock(
    file: &File,
    layout: &Layout,
    identity: &Identity,
    table: &[u8],
    number: u32,
) -> Result<(), Ext4Error> {
    // The field is 16 bits wide and only informs; on a disk past 8 TiB the last group's number is cut.
    let copy = superblock::encode(
        layout,
        identity.label,
        &identity.uuid,
        identity.now_secs,
        number as u16,
    );
    // The primary one leaves 1 KiB for a boot loader; a backup starts its block.
    let offset = if number == 0 { superblock::SIZE } else { 0 };
    let mut head = vec![0; BLOCK_SIZE];
    head[offset..offset + superblock::SIZE].copy_from_slice(&copy);
    write_block(file, Layout::group_start(number) + 1, table)?;
    write_block(file, Layout::group_start(number), &head)
}

fn write_block(file: &File, block: u64, data: &[u8]) -> Result<(), Ext4Error> {
    file.write_all_at(data, block * BLOCK_SIZE as u64)
        .map_err(|source| Ext4Error::io("write to the disk image", source))
}
