//! Disk images of the host: what one is, told by its content, and that it refers to no other file.
//!
//! Invariant: a format is told by content once, when a sandbox is created, and stored; a guest that later writes
//! another format's header into its raw disk changes nothing. No image with a backing file is ever opened: its name
//! is in the image, so that whoever wrote the image would choose which file of the host is read.

use crate::error::{MsbError, Status};
use msb_protocol::launch::{DiskFormat, HostDisk};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A disk image with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskImage {
    /// Absolute path without links.
    pub path: PathBuf,
    /// How it holds its sectors.
    pub format: DiskFormat,
    /// Its file system by the kernel's name; nothing when the guest is to look.
    pub fstype: Option<String>,
}

impl From<&DiskImage> for HostDisk {
    fn from(image: &DiskImage) -> Self {
        Self {
            path: image.path.clone(),
            format: image.format,
            fstype: image.fstype.clone(),
        }
    }
}

/// A format in the spelling of 0.5.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredFormat {
    /// Sectors one after the other.
    Raw,
    /// QEMU's.
    Qcow2,
    /// VMware's, which libmsb does not know.
    Vmdk,
}

impl StoredFormat {
    /// The format, if libmsb knows it.
    pub fn known(self) -> Option<DiskFormat> {
        match self {
            Self::Raw => Some(DiskFormat::Raw),
            Self::Qcow2 => Some(DiskFormat::Qcow2),
            Self::Vmdk => None,
        }
    }
}

impl From<DiskFormat> for StoredFormat {
    fn from(format: DiskFormat) -> Self {
        match format {
            DiskFormat::Raw => Self::Raw,
            DiskFormat::Qcow2 => Self::Qcow2,
        }
    }
}

/// What the beginning of a file says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A qcow2 image on its own.
    Qcow2,
    /// A qcow2 image that needs another file.
    Qcow2Child,
    /// A file system that the guest's kernel has, by the kernel's name.
    FileSystem(&'static str),
    /// A tar archive, or what gzip or zstd packed.
    Archive,
    /// Something that is no disk with a file system on it, by its name.
    Foreign(&'static str),
    /// Nothing that is known.
    Unknown,
}

/// The file systems of the guest's kernel that a root can be on: name, and what is written at a fixed place.
const FILE_SYSTEMS: [(&str, usize, &[u8]); 4] = [
    ("ext4", 1080, &[0x53, 0xef]),
    ("erofs", 1024, &[0xe2, 0xe1, 0xf5, 0xe0]),
    ("xfs", 0, b"XFSB"),
    ("btrfs", 65_600, b"_BHRfS_M"),
];

/// Bytes that tell every kind of [`Content`].
const HEAD: usize = 65_608;

impl Content {
    /// Looks at the beginning of a file.
    pub fn of(head: &[u8]) -> Self {
        let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        if at(0, b"QFI\xfb") {
            return if qcow2_is_alone(head) {
                Self::Qcow2
            } else {
                Self::Qcow2Child
            };
        }
        let mut known = FILE_SYSTEMS.iter();
        if let Some((name, ..)) = known.find(|(_, offset, magic)| at(*offset, magic)) {
            return Self::FileSystem(name);
        }
        if at(257, b"ustar") || at(0, &[0x1f, 0x8b]) || at(0, &[0x28, 0xb5, 0x2f, 0xfd]) {
            return Self::Archive;
        }
        [
            (at(0, b"KDMV") || at(0, b"# Disk DescriptorFile"), "a VMDK image"),
            (at(0, b"conectix") || at(0, b"vhdxfile"), "a VHD image"),
            (at(64, &[0x7f, 0x10, 0xda, 0xbe]), "a VDI image"),
            (at(0, b"hsqs"), "a SquashFS file system"),
            (at(0, b"\xfd7zXZ"), "a file compressed with xz"),
            (at(512, b"EFI PART"), "a disk with a partition table"),
            (at(510, &[0x55, 0xaa]), "a disk with a boot record"),
        ]
        .into_iter()
        .find_map(|(is, what)| is.then_some(Self::Foreign(what)))
        .unwrap_or(Self::Unknown)
    }
}

/// Whether a qcow2 header names neither a backing file nor an external data file.
fn qcow2_is_alone(head: &[u8]) -> bool {
    let number = |offset: usize| {
        let bytes = head.get(offset..offset + 8)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?))
    };
    let version = head
        .get(4..8)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes);
    // Bit 2 of the incompatible features: the data are in another file. Version 2 has no features.
    let external = match version {
        Some(2) => false,
        _ => number(72).is_none_or(|features| features & 4 != 0),
    };
    number(8) == Some(0) && !external
}

/// Looks at the disk image at `path`, for a mount of it: absolute path, and format if it is not given.
pub fn inspect(path: &Path, format: Option<DiskFormat>, fstype: Option<&str>) -> Result<DiskImage, MsbError> {
    let path = fs::canonicalize(path).map_err(|error| {
        MsbError::io("disk.not_found", "cannot find the disk image", path, &error)
            .remedy("set the path of an existing disk image")
    })?;
    let content = content_of(&path)?;
    let found = match content {
        Content::Qcow2 | Content::Qcow2Child => DiskFormat::Qcow2,
        Content::Foreign(what) if format.is_none() => return Err(foreign(&path, what)),
        Content::Archive if format.is_none() => return Err(foreign(&path, "an archive")),
        Content::FileSystem(_) | Content::Archive | Content::Unknown | Content::Foreign(_) => DiskFormat::Raw,
    };
    let image = DiskImage {
        path,
        format: format.unwrap_or(found),
        fstype: fstype.map(str::to_owned),
    };
    check_content(&image, content)?;
    Ok(image)
}

/// Looks at the file at absolute `path`, for a root on it.
pub fn inspect_root(path: PathBuf) -> Result<DiskImage, MsbError> {
    let (format, fstype) = match content_of(&path)? {
        Content::FileSystem(name) => (DiskFormat::Raw, Some(name.to_owned())),
        Content::Qcow2 => (DiskFormat::Qcow2, None),
        Content::Qcow2Child => return Err(has_backing_file(&path)),
        Content::Archive => return Err(foreign(&path, "an archive")),
        Content::Foreign(what) => return Err(foreign(&path, what)),
        Content::Unknown => return Err(foreign(&path, "of no kind that is known")),
    };
    Ok(DiskImage { path, format, fstype })
}

/// Whether the file at `path` is an archive or compressed, so that an image is to be loaded from it.
pub fn is_archive(path: &Path) -> Result<bool, MsbError> {
    Ok(content_of(path)? == Content::Archive)
}

/// Looks again at an image whose format was stored.
pub fn check(image: &DiskImage) -> Result<(), MsbError> {
    check_content(image, content_of(&image.path)?)
}

fn check_content(image: &DiskImage, content: Content) -> Result<(), MsbError> {
    match (image.format, content) {
        (DiskFormat::Raw, _) | (DiskFormat::Qcow2, Content::Qcow2) => Ok(()),
        (DiskFormat::Qcow2, Content::Qcow2Child) => Err(has_backing_file(&image.path)),
        (DiskFormat::Qcow2, _) => Err(MsbError::new(
            Status::Corrupt,
            "disk.format",
            format!("{} is not a qcow2 image", image.path.display()),
        )
        .remedy("set the format that the image has, or \"probe\"")),
    }
}

fn content_of(path: &Path) -> Result<Content, MsbError> {
    let head = read_head(path).map_err(|error| {
        MsbError::io("disk.unreadable", "cannot read the disk image", path, &error)
            .remedy("put the image back, or allow this user to read it")
    })?;
    let Some(head) = head else {
        return Err(MsbError::new(
            Status::Unsupported,
            "disk.not_a_file",
            format!("{} is not a regular file", path.display()),
        )
        .remedy("set the path of a disk image"));
    };
    Ok(Content::of(&head))
}

/// The first bytes of a regular file; nothing if it is another kind of file.
fn read_head(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // A FIFO would not open before it has a writer.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut head = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(Some(head))
}

fn has_backing_file(path: &Path) -> MsbError {
    MsbError::new(
        Status::Unsupported,
        "disk.backing_file",
        format!(
            "{} refers to another file, which libmsb never follows",
            path.display()
        ),
    )
    .remedy("make it whole: qemu-img convert -O qcow2 OLD NEW")
}

fn foreign(path: &Path, what: &str) -> MsbError {
    MsbError::new(
        Status::Unsupported,
        "disk.kind",
        format!(
            "{} is {what}, not a raw ext4 or EROFS, nor a qcow2 disk image",
            path.display()
        ),
    )
    .remedy(
        "use a raw image of an ext4 or EROFS file system without partitions, or a qcow2 image of an ext4 one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(offset: usize, magic: &[u8]) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        head[offset..offset + magic.len()].copy_from_slice(magic);
        head
    }

    /// A qcow2 header of `version`, with a backing file's name at `backing` and `features` that a reader must know.
    fn qcow2(version: u8, backing: u64, features: u64) -> Vec<u8> {
        let mut head = with(0, &[b'Q', b'F', b'I', 0xfb, 0, 0, 0, version]);
        head[8..16].copy_from_slice(&backing.to_be_bytes());
        head[72..80].copy_from_slice(&features.to_be_bytes());
        head
    }

    fn image(directory: &Path, name: &str, head: &[u8]) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, head).unwrap();
        path
    }

    #[test]
    fn content_tells_what_an_image_is() {
        for (name, offset, magic) in FILE_SYSTEMS {
            assert_eq!(Content::of(&with(offset, magic)), Content::FileSystem(name));
        }
        assert_eq!(Content::of(&with(0, b"KDMV")), Content::Foreign("a VMDK image"));
        assert_eq!(Content::of(&with(257, b"ustar")), Content::Archive);
        assert_eq!(Content::of(&with(0, &[0x1f, 0x8b])), Content::Archive);
        assert_eq!(
            Content::of(&with(512, b"EFI PART")),
            Content::Foreign("a disk with a partition table")
        );
        for short in [&b""[..], b"Q", b"QFI"] {
            assert_eq!(Content::of(short), Content::Unknown);
        }
    }

    #[test]
    fn a_qcow2_image_that_names_another_file_is_told() {
        assert_eq!(Content::of(&qcow2(3, 0, 0)), Content::Qcow2);
        assert_eq!(
            Content::of(&qcow2(2, 0, 4)),
            Content::Qcow2,
            "version 2 has no features"
        );
        assert_eq!(Content::of(&qcow2(3, 112, 0)), Content::Qcow2Child);
        assert_eq!(Content::of(&qcow2(2, 112, 0)), Content::Qcow2Child);
        assert_eq!(Content::of(&qcow2(3, 0, 4)), Content::Qcow2Child);
        assert_eq!(
            Content::of(b"QFI\xfb\0\0\0\x03"),
            Content::Qcow2Child,
            "cut short"
        );
    }

    #[test]
    fn an_image_with_a_backing_file_is_refused_however_it_is_given() {
        let directory = tempfile::tempdir().unwrap();
        let path = image(directory.path(), "child", &qcow2(3, 112, 0));
        for format in [None, Some(DiskFormat::Qcow2)] {
            let error = inspect(&path, format, None).unwrap_err();
            assert_eq!(error.reason(), "disk.backing_file");
        }
        assert_eq!(
            inspect_root(path.clone()).unwrap_err().reason(),
            "disk.backing_file"
        );
        let stored = DiskImage {
            path,
            format: DiskFormat::Qcow2,
            fstype: None,
        };
        assert_eq!(check(&stored).unwrap_err().reason(), "disk.backing_file");
    }

    #[test]
    fn a_vmdk_descriptor_which_can_name_any_file_is_never_followed() {
        let directory = tempfile::tempdir().unwrap();
        let text = b"# Disk DescriptorFile\nversion=1\nRW 8 FLAT \"/etc/shadow\" 0\n";
        let path = image(directory.path(), "disk.vmdk", text);
        assert_eq!(inspect(&path, None, None).unwrap_err().reason(), "disk.kind");
        assert_eq!(inspect_root(path.clone()).unwrap_err().reason(), "disk.kind");
        // Asked for as raw it is its own text; no format that can be asked for says more.
        let raw = inspect(&path, Some(DiskFormat::Raw), None).unwrap();
        assert_eq!(
            (raw.path, raw.format),
            (path.canonicalize().unwrap(), DiskFormat::Raw)
        );
        assert_eq!(StoredFormat::Vmdk.known(), None);
    }

    #[test]
    fn a_disk_stored_as_raw_stays_raw_whatever_its_guest_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = image(directory.path(), "raw", &with(1080, &[0x53, 0xef]));
        let stored = inspect(&path, None, None).unwrap();
        assert_eq!(stored.format, DiskFormat::Raw);
        fs::write(&path, qcow2(3, 112, 0)).unwrap();
        assert!(check(&stored).is_ok());
    }

    #[test]
    fn a_root_is_told_from_what_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let root = |name: &str, head: &[u8]| inspect_root(image(directory.path(), name, head));
        assert_eq!(
            root("ext4", &with(1080, &[0x53, 0xef]))
                .unwrap()
                .fstype
                .as_deref(),
            Some("ext4")
        );
        assert_eq!(root("qcow2", &qcow2(3, 0, 0)).unwrap().format, DiskFormat::Qcow2);
        let error = root("vmdk", &with(0, b"KDMV")).unwrap_err();
        assert!(error.text().contains("a VMDK image"), "{}", error.text());
        assert_eq!(root("empty", b"").unwrap_err().status(), Status::Unsupported);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
        for path in [fifo.as_path(), directory.path()] {
            let error = inspect(path, None, None).unwrap_err();
            assert_eq!(error.reason(), "disk.not_a_file", "{}", error.text());
        }
    }
}
