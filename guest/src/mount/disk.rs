//! Disks by their serial, and what file system is on one.
//!
//! A disk's bytes may come from anywhere: all that is read of them here is compared with constants. What the kernel's
//! file system makes of them is the guest's own risk, inside its machine.

use super::MountError;
use msb_protocol::agent::GuestDisk;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs;

/// A file system by what is written at a fixed place of its disk.
struct Signature {
    /// The kernel's name.
    name: &'static str,
    /// Bytes from the disk's start.
    at: usize,
    magic: &'static [u8],
}

/// The file systems that are told apart. The last one's signature ends the part of a disk that is read.
const SIGNATURES: [Signature; 8] = [
    signature("xfs", 0, b"XFSB"),
    signature("squashfs", 0, b"hsqs"),
    signature("vfat", 82, b"FAT32   "),
    signature("erofs", 1024, b"\xe2\xe1\xf5\xe0"),
    signature("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    signature("ext4", 1080, b"\x53\xef"),
    signature("iso9660", 32769, b"CD001"),
    signature("btrfs", 65600, b"_BHRfS_M"),
];
/// Bytes of a disk that hold every signature.
const PROBED: usize = 65600 + 8;

const fn signature(name: &'static str, at: usize, magic: &'static [u8]) -> Signature {
    Signature { name, at, magic }
}

/// The device of the disk and the name of its file system.
pub(super) fn open(disk: &GuestDisk) -> Result<(String, String), MountError> {
    let device = find(&disk.serial)?;
    let fstype = match &disk.fstype {
        Some(fstype) => fstype.clone(),
        None => probe(&device)?.to_owned(),
    };
    Ok((device, fstype))
}

/// The device of the disk with this serial.
pub(super) fn find(serial: &str) -> Result<String, MountError> {
    let missing = || MountError::NoDisk(serial.to_owned());
    fs::read_dir("/sys/block")
        .map_err(|_| missing())?
        .filter_map(Result::ok)
        .find(|entry| {
            fs::read_to_string(entry.path().join("serial")).is_ok_and(|found| found.trim() == serial)
        })
        .and_then(|entry| entry.file_name().into_string().ok())
        .map(|name| format!("/dev/{name}"))
        .ok_or_else(missing)
}

fn probe(device: &str) -> Result<&'static str, MountError> {
    let read = || -> rustix::io::Result<Vec<u8>> {
        let disk = rustix::fs::open(device, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut start = vec![0; PROBED];
        let mut filled = 0;
        while filled < PROBED {
            match rustix::io::pread(&disk, &mut start[filled..], filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        start.truncate(filled);
        Ok(start)
    };
    let start = read().map_err(|errno| MountError::Unreadable {
        device: device.to_owned(),
        errno,
    })?;
    recognise(&start).ok_or_else(|| MountError::Unrecognised(device.to_owned()))
}

fn recognise(start: &[u8]) -> Option<&'static str> {
    SIGNATURES
        .iter()
        .find(|known| {
            start
                .get(known.at..)
                .is_some_and(|rest| rest.starts_with(known.magic))
        })
        .map(|known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_told_by_their_superblocks() {
        for known in &SIGNATURES {
            let mut disk = vec![0; PROBED];
            disk[known.at..known.at + known.magic.len()].copy_from_slice(known.magic);
            assert_eq!(recognise(&disk), Some(known.name));
            disk.truncate(known.at + known.magic.len() - 1);
            assert_eq!(recognise(&disk), None, "a cut {}", known.name);
        }
        assert_eq!(recognise(&[0; PROBED]), None);
        assert_eq!(recognise(&[]), None);
    }
}
