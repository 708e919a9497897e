//! A disk image before a hypervisor gets it: a plain file, locked against a second writer, that refers to no other file.
//!
//! The lock belongs to an open file, which the hypervisor inherits: it lasts exactly as long as something has the disk,
//! however the runner ends.

use super::DriverError;
use super::input::DISK;
use msb_protocol::launch::DiskFormat;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a hypervisor whose runner was killed may take to be gone with its locks.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pause between two tries for a lock.
const PAUSE: Duration = Duration::from_millis(2);
/// How a qcow2 image begins.
const QCOW2_MAGIC: [u8; 4] = *b"QFI\xfb";
/// Bytes of its header up to and with the incompatible features.
const QCOW2_HEADER: usize = 80;
/// Incompatible feature: the data are in another file.
const EXTERNAL_DATA: u64 = 1 << 2;

/// Checks the image at `path` and locks it: for one writer, or for any number of readers.
pub(super) fn claim(path: &Path, format: DiskFormat, read_only: bool) -> Result<OwnedFd, DriverError> {
    claim_within(PATIENCE, path, format, read_only)
}

fn claim_within(
    patience: Duration,
    path: &Path,
    format: DiskFormat,
    read_only: bool,
) -> Result<OwnedFd, DriverError> {
    let unusable = |source| DriverError::Input {
        what: DISK,
        path: path.to_owned(),
        source,
    };
    let access = if read_only { OFlags::RDONLY } else { OFlags::RDWR };
    // O_NONBLOCK: a FIFO in the image's place must not hold the runner up.
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let image = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| unusable(errno.into()))?;
    let image = File::from(image);
    if !image.metadata().map_err(unusable)?.is_file() {
        return Err(unusable(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        )));
    }
    let lock = if read_only {
        FlockOperation::NonBlockingLockShared
    } else {
        FlockOperation::NonBlockingLockExclusive
    };
    let give_up = Instant::now() + patience;
    loop {
        match rustix::fs::flock(&image, lock) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if Instant::now() < give_up => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(DriverError::DiskBusy(path.to_owned())),
            Err(errno) => return Err(unusable(errno.into())),
        }
    }
    match format {
        DiskFormat::Raw => {}
        DiskFormat::Qcow2 => stands_alone(&image).map_err(unusable)?,
    }
    Ok(image.into())
}

/// Whether a qcow2 image is whole by itself. One that names another file would have the hypervisor open that file,
/// whatever it is.
fn stands_alone(image: &File) -> io::Result<()> {
    let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    let mut header = [0; QCOW2_HEADER];
    // Images of version 2 end their header before the features, but no image is that short.
    if image.read_exact_at(&mut header, 0).is_err() || header[..4] != QCOW2_MAGIC {
        return invalid("it is not a qcow2 image");
    }
    let number = |at: usize| -> u64 {
        header[at..at + 8]
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    };
    let version = number(4) >> 32;
    if number(8) != 0 {
        return invalid("it has a backing file; flatten it with `qemu-img convert`");
    }
    if version > 2 && number(72) & EXTERNAL_DATA != 0 {
        return invalid("it keeps its data in another file; convert it with `qemu-img convert`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qcow2(change: impl FnOnce(&mut [u8])) -> tempfile::NamedTempFile {
        let image = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = [0; 512];
        bytes[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
        change(&mut bytes);
        std::fs::write(image.path(), bytes).unwrap();
        image
    }

    #[test]
    fn a_disk_has_one_writer_or_many_readers() {
        let image = tempfile::NamedTempFile::new().unwrap();
        let claim = |read_only| claim_within(Duration::ZERO, image.path(), DiskFormat::Raw, read_only);
        let reader = claim(true).unwrap();
        let another = claim(true).unwrap();
        assert!(matches!(claim(false), Err(DriverError::DiskBusy(_))));
        drop((reader, another));
        let writer = claim(false).unwrap();
        assert!(matches!(claim(true), Err(DriverError::DiskBusy(_))));
        assert!(matches!(claim(false), Err(DriverError::DiskBusy(_))));
        // The last owner may be about to die.
        std::thread::scope(|scope| {
            let next =
                scope.spawn(|| claim_within(Duration::from_secs(20), image.path(), DiskFormat::Raw, false));
            drop(writer);
            next.join().unwrap().unwrap();
        });
    }

    #[test]
    fn only_a_plain_file_is_a_disk() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        for path in [&fifo, directory.path()] {
            assert!(matches!(
                claim(path, DiskFormat::Raw, true),
                Err(DriverError::Input { .. })
            ));
        }
    }

    #[test]
    fn a_qcow2_image_that_names_another_file_is_refused() {
        let whole = qcow2(|_| {});
        claim(whole.path(), DiskFormat::Qcow2, false).unwrap();
        let refused = |image: tempfile::NamedTempFile| {
            claim(image.path(), DiskFormat::Qcow2, true)
                .map(drop)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(qcow2(|bytes| bytes[15] = 104)).contains("backing file"));
        assert!(refused(qcow2(|bytes| bytes[79] = 4)).contains("another file"));
        assert!(refused(qcow2(|bytes| bytes[0] = b'X')).contains("not a qcow2"));
    }
}
