//! Several files as one disk: a VMDK descriptor that names them one after the other, which both hypervisors read.
//!
//! A descriptor can name any file of the host, so none that comes from elsewhere gets to a hypervisor: each is written
//! here, anew for every start, and names exactly the files that were checked and locked.

use super::DriverError;
use super::disk;
use super::input::DISK;
use msb_protocol::launch::DiskFormat;
use msb_protocol::machine::EXTENT_ALIGNMENT;
use std::fmt::Write;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// What comes before the extents. QEMU knows flat files in this type only, whatever their sizes; `parentCID` says that
/// the disk is whole.
const HEAD: &str = "# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType=\"twoGbMaxExtentFlat\"

# Extent description
";
/// Unit of a descriptor's sizes.
const SECTOR: u64 = 512;
/// Most bytes of a name that QEMU reads from a descriptor.
const MOST_NAME: usize = 511;

/// Locks all of `extents` for reading and writes the descriptor that joins them.
pub(super) fn claim(descriptor: &Path, extents: &[String]) -> Result<Vec<OwnedFd>, DriverError> {
    let mut text = String::from(HEAD);
    let mut locks = Vec::with_capacity(extents.len());
    for extent in extents {
        let path = Path::new(extent);
        let lock = disk::claim(path, DiskFormat::Raw, true)?;
        line(&mut text, extent, &lock).map_err(|source| unusable(path, source))?;
        locks.push(lock);
    }
    fs::write(descriptor, text).map_err(|source| unusable(descriptor, source))?;
    Ok(locks)
}

/// Adds what a descriptor says of the file `name`, which is open as `file`.
fn line(text: &mut String, name: &str, file: &OwnedFd) -> io::Result<()> {
    let invalid = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if name.len() > MOST_NAME || name.contains(|character: char| character == '"' || character.is_control()) {
        return invalid(
            "its path is longer than 511 bytes or has a quotation mark or control character in it, \
             which no name in a VMDK descriptor can have",
        );
    }
    let bytes = u64::try_from(rustix::fs::fstat(file)?.st_size).unwrap_or_default();
    if bytes == 0 || bytes % EXTENT_ALIGNMENT != 0 {
        return invalid("it is empty or cut short; remove the image and load it again");
    }
    writeln!(text, "RW {} FLAT \"{name}\" 0", bytes / SECTOR).map_err(io::Error::other)
}

fn unusable(path: &Path, source: io::Error) -> DriverError {
    DriverError::Input {
        what: DISK,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of so many blocks in `directory`.
    fn extents(directory: &Path, blocks: &[u64]) -> Vec<String> {
        let make = |(index, blocks): (usize, &u64)| {
            let path = directory.join(format!("layer {index}"));
            let file = fs::File::create(&path).unwrap();
            file.set_len(blocks * EXTENT_ALIGNMENT).unwrap();
            path.to_str().unwrap().to_owned()
        };
        blocks.iter().enumerate().map(make).collect()
    }

    #[test]
    fn a_descriptor_names_the_files_in_their_order_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let descriptor = home.path().join("descriptor");
        let files = extents(home.path(), &[1, 5]);
        fs::write(&descriptor, "RW 1 FLAT \"/etc/shadow\" 0\n".repeat(100)).unwrap();
        assert_eq!(claim(&descriptor, &files).unwrap().len(), 2);
        let text = fs::read_to_string(&descriptor).unwrap();
        let named = text.strip_prefix(HEAD).unwrap();
        let expected = format!("RW 8 FLAT \"{}\" 0\nRW 40 FLAT \"{}\" 0\n", files[0], files[1]);
        assert_eq!(named, expected);
    }

    #[test]
    fn layers_are_kept_from_writers_and_shared_with_readers() {
        let home = tempfile::tempdir().unwrap();
        let files = extents(home.path(), &[1, 1]);
        let claim = || claim(&home.path().join("descriptor"), &files).unwrap();
        let locks = [claim(), claim()];
        let layer = fs::File::open(&files[1]).unwrap();
        assert!(layer.try_lock().is_err());
        drop(locks);
        layer.try_lock().unwrap();
    }

    #[test]
    fn what_cannot_be_joined_is_refused_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: u64| {
            let path = home.path().join(name);
            fs::File::create(&path).unwrap().set_len(bytes).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let missing = home.path().join("missing").to_str().unwrap().to_owned();
        let broken = [
            file("empty", 0),
            file("cut", EXTENT_ALIGNMENT + SECTOR),
            file("quote\" 0\nRW 1 FLAT \"x", EXTENT_ALIGNMENT),
            missing,
            home.path().to_str().unwrap().to_owned(),
        ];
        let whole = file("whole", EXTENT_ALIGNMENT);
        let descriptor = home.path().join("descriptor");
        for name in broken {
            match claim(&descriptor, &[whole.clone(), name.clone()]) {
                Err(DriverError::Input { path, .. }) => assert_eq!(path, Path::new(&name)),
                other => panic!("{name}: {other:?}"),
            }
            assert!(!descriptor.exists());
        }
    }
}
