//! Layers from a damaged disk: reading and merging them never panics and always ends.
#![no_main]

use std::io::Write;
use std::os::unix::fs::FileExt;

use libfuzzer_sys::fuzz_target;
use msb_erofs::reader::{Image, Inode, Kind, ReadError};
use msb_erofs::{Limits, merge};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&sealed(bytes)).expect("room");
    let parts = [&file];
    if let Ok(image) = Image::open(&parts) {
        let mut left = 200;
        if let Ok(root) = image.root() {
            let _ = walk(&image, &root, &mut left);
        }
    }
    let limits = Limits {
        entries: 1000,
        metadata_bytes: 1 << 20,
        ..Limits::default()
    };
    let merged = tempfile::tempfile().expect("a file");
    if merge(&parts, &merged, &limits).is_ok() {
        merged.read_exact_at(&mut [0; 4096], 0).expect("a first block");
    }
});

fn walk(image: &Image<'_>, inode: &Inode, left: &mut u32) -> Result<(), ReadError> {
    image.xattrs(inode)?;
    image.read_at(inode, inode.size / 2, &mut [0; 8192])?;
    match inode.kind {
        Kind::Symlink => drop(image.read_link(inode)?),
        Kind::Directory => image.entries_of(inode, |_, nid| {
            *left = left.checked_sub(1).ok_or(ReadError::Damaged { what: "a loop" })?;
            walk(image, &image.inode(nid)?, left)
        })?,
        _ => {}
    }
    Ok(())
}

/// Whole blocks, and a superblock that fits them: the fuzzer would hardly find a checksum.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut image = bytes.to_vec();
    image.resize(image.len().max(8192).next_multiple_of(4096), 0);
    let blocks = (image.len() / 4096) as u32;
    image[1024..1028].copy_from_slice(&0xE0F5_E1E2_u32.to_le_bytes());
    image[1032..1036].copy_from_slice(&3_u32.to_le_bytes());
    image[1036..1038].copy_from_slice(&[12, 0]);
    image[1060..1064].copy_from_slice(&blocks.to_le_bytes());
    image[1104..1108].copy_from_slice(&4_u32.to_le_bytes());
    image[1114] = 0;
    image[1028..1032].fill(0);
    let sum = image[1024..4096].iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0x82F6_3B78 } else { 0 }
        })
    });
    image[1028..1032].copy_from_slice(&sum.to_le_bytes());
    image
}
