//! Makes and grows the sparse ext4 images that guests write to, without mkfs or resize2fs on the host.
//!
//! Only what differs from zero is written: the superblock and group descriptors with two backups, the first
//! block of the inode table, three directories, the head of the journal and a block bitmap where a group has
//! something in use. Every other group is marked uninitialised, which the kernel and e2fsck fill in
//! themselves, and every inode table is marked as zeroed, which a hole in a new file is.
//!
//! ```text
//! image.rs   the two calls: file handling, atomicity      layout.rs  geometry: where everything goes
//! format.rs  writes a layout into an empty file           bytes.rs   little-endian fields, crc32c
//! superblock.rs  group.rs  inode.rs  journal.rs           one on-disk structure each
//! existing.rs  geometry of an image that exists           grow.rs    adds room to it    undo.rs  or nothing at all
//! ```

mod bytes;
mod error;
mod existing;
mod format;
mod group;
mod grow;
mod image;
mod inode;
mod journal;
mod layout;
mod superblock;
mod undo;

pub use error::Ext4Error;
pub use grow::{grow_ext4, recover_ext4};
pub use image::{create_ext4, format_ext4};
pub use layout::{MAX_SIZE_BYTES, MIN_SIZE_BYTES};
