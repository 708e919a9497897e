//! What growing an image promises: e2fsck finds nothing to say at any size, what it held is there, and a growth that is
//! cut short anywhere leaves it as it was. Needs e2fsprogs.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panicking"
)]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};

use msb_disk::{Ext4Error, create_ext4, grow_ext4, recover_ext4};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

fn tool(program: &str, arguments: &[&str], image: &Path) -> String {
    let output = Command::new("timeout")
        .arg("120")
        .arg(program)
        .args(arguments)
        .arg(image)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install e2fsprogs, sbin in PATH"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn assert_clean(image: &Path) {
    tool("e2fsck", &["-fn"], image);
}

fn blocks(image: &Path) -> u64 {
    let text = tool("dumpe2fs", &["-h"], image);
    let line = text
        .lines()
        .find(|line| line.starts_with("Block count:"))
        .unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Fills an image as a guest would, and checks later that it is all there.
fn fill(image: &Path, folder: &Path) {
    let content = folder.join("content");
    fs::write(&content, vec![7; 300_000]).unwrap();
    let request = format!("write {} kept", content.display());
    tool("debugfs", &["-w", "-R", &request], image);
}

fn assert_filled(image: &Path, folder: &Path) {
    let back = folder.join("back");
    let request = format!("dump kept {}", back.display());
    tool("debugfs", &["-R", &request], image);
    assert!(fs::read(&back).unwrap() == vec![7; 300_000]);
    fs::remove_file(&back).unwrap();
}

#[test]
fn e2fsck_finds_nothing_after_any_growth_and_everything_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let ways: [&[u64]; 7] = [
        &[16 * MIB, 17 * MIB, 127 * MIB, 128 * MIB, 129 * MIB, 200 * MIB],
        &[64 * MIB, GIB],
        &[128 * MIB, 256 * MIB, 3 * GIB],
        &[2 * GIB + MIB, 2 * GIB + 2 * MIB, 2 * GIB + 100 * MIB],
        // Past 8 GiB the descriptors need another block.
        &[
            GIB,
            8 * GIB,
            8 * GIB + 128 * MIB,
            9 * GIB,
            16 * GIB,
            17 * GIB,
            40 * GIB,
        ],
        &[7 * GIB, 33 * GIB + 77 * MIB],
        &[100 * GIB, TIB],
    ];
    for (index, way) in ways.iter().enumerate() {
        let image = folder.path().join(format!("{index}.raw"));
        create_ext4(&image, way[0], "").unwrap();
        fill(&image, folder.path());
        for &size in &way[1..] {
            grow_ext4(&image, size).unwrap_or_else(|error| panic!("{way:?} to {size}: {error:?}"));
            assert_eq!(fs::metadata(&image).unwrap().len(), size);
            assert!(size - blocks(&image) * 4096 < 128 * MIB, "{way:?} to {size}");
            assert_clean(&image);
            assert_filled(&image, folder.path());
            let taken = fs::metadata(&image).unwrap().blocks() * 512;
            assert!(taken < 32 * MIB + size / 512, "{size}: {taken}");
        }
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "only image and content"
        );
        fs::remove_file(&image).unwrap();
    }
}

#[test]
fn the_new_room_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.raw");
    create_ext4(&image, 16 * MIB, "").unwrap();
    grow_ext4(&image, 300 * MIB).unwrap();
    let content = folder.path().join("content");
    fs::write(&content, vec![9; 200 << 20]).unwrap();
    let request = format!("write {} large", content.display());
    tool("debugfs", &["-w", "-R", &request], &image);
    assert_clean(&image);
    let stat = tool("debugfs", &["-R", "stat large"], &image);
    assert!(stat.contains("Size: 209715200"), "{stat}");
}

#[test]
fn a_growth_cut_short_anywhere_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.raw");
    create_ext4(&image, 40 * MIB, "").unwrap();
    fill(&image, folder.path());
    let before = fs::read(&image).unwrap();
    let undo = folder.path().join("disk.raw.undo");
    grow_ext4(&image, 150 * MIB).unwrap();
    let after = fs::read(&image).unwrap();
    let record = undo_record(&before, &after);
    // Whatever of the changes had reached the disk.
    for torn in 0..4 {
        let file = OpenOptions::new().write(true).open(&image).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(&before, 0).unwrap();
        file.set_len(150 * MIB).unwrap();
        for (offset, data) in changed(&before, &after).iter().skip(torn).step_by(4) {
            file.write_all_at(data, *offset).unwrap();
        }
        fs::write(&undo, &record).unwrap();
        recover_ext4(&image).unwrap();
        assert!(fs::read(&image).unwrap() == before, "torn {torn}");
        assert!(!undo.exists());
        assert_clean(&image);
    }
}

/// The blocks that differ within the length of the first.
fn changed(before: &[u8], after: &[u8]) -> Vec<(u64, Vec<u8>)> {
    before
        .chunks(4096)
        .zip(after.chunks(4096))
        .enumerate()
        .filter(|(_, (old, new))| old != new)
        .map(|(number, (_, new))| (number as u64 * 4096, new.to_vec()))
        .collect()
}

/// An undo file for all blocks that differ, in the form that the crate documents.
fn undo_record(before: &[u8], after: &[u8]) -> Vec<u8> {
    let places = changed(before, after);
    let mut record = b"msbundo1".to_vec();
    record.extend((before.len() as u64).to_le_bytes());
    record.extend((places.len() as u64).to_le_bytes());
    for (offset, data) in &places {
        record.extend(offset.to_le_bytes());
        record.extend((data.len() as u64).to_le_bytes());
        let start = usize::try_from(*offset).unwrap();
        record.extend(&before[start..start + data.len()]);
    }
    let checksum = crc32c(&record);
    record.extend(checksum.to_le_bytes());
    record
}

fn crc32c(data: &[u8]) -> u32 {
    data.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn what_cannot_grow_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.raw");
    create_ext4(&image, 64 * MIB, "").unwrap();
    let whole = fs::read(&image).unwrap();
    let refuse = |size| match grow_ext4(&image, size) {
        Err(error) => format!("{:?}", error.cause()),
        Ok(()) => panic!("{size} was accepted"),
    };
    assert!(refuse(63 * MIB).starts_with("CannotShrink"));
    assert!(refuse(17 * TIB).starts_with("CannotShrink"));
    let write = |offset: u64, data: &[u8]| {
        OpenOptions::new()
            .write(true)
            .open(&image)
            .unwrap()
            .write_all_at(data, offset)
            .unwrap();
    };
    let restore = || fs::write(&image, &whole).unwrap();
    for (offset, data, expected) in [
        (1024 + 0x60, &[0xc6, 2, 0, 0][..], "NotClean"),
        (1024 + 0x3a, &[3, 0], "NotClean"),
        (1024 + 0x38, &[0, 0], "NotExt4"),
        (1024 + 0x61, &[0x20 | 2], "Foreign"),
        (1024 + 0x10, &[1, 2, 3, 4], "Damaged"),
        (4096 + 4, &[1, 2, 3, 4], "Damaged"),
    ] {
        write(offset, data);
        let before = fs::read(&image).unwrap();
        let told = refuse(128 * MIB);
        assert!(told.starts_with(expected), "{offset}: {told}");
        assert!(fs::read(&image).unwrap() == before);
        restore();
    }
    fs::write(&image, b"short").unwrap();
    assert!(matches!(grow_ext4(&image, 64 * MIB), Err(error) if matches!(error.cause(), Ext4Error::NotExt4)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
