//! The two ways to make an image: into an empty file that the caller opened, or under a name that comes to
//! exist only once the image is whole. Neither ever destroys what is already there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::error::Ext4Error;
use crate::format::{self, Identity};
use crate::layout::{BLOCK_SIZE, Layout};
use crate::superblock;

/// Turns an empty file into an ext4 image of `size_bytes` (rounded down to a multiple of 4 KiB) that takes
/// next to no room on the host until the guest writes to it.
///
/// The root holds `lost+found`, owned by root. A file that is not empty is refused and left as it was. After any other failure the file is cut back to nothing.
pub fn format_ext4(file: &File, size_bytes: u64, label: &str, uuid: [u8; 16]) -> Result<(), Ext4Error> {
    let layout = Layout::new(size_bytes)?;
    if label.len() > superblock::LABEL_SIZE || label.contains('\0') {
        return Err(Ext4Error::BadLabel {
            label: label.to_owned(),
        });
    }
    let metadata = file
        .metadata()
        .map_err(|source| Ext4Error::io("look at the disk image", source))?;
    if !metadata.is_file() {
        return Err(Ext4Error::NotRegularFile);
    }
    if metadata.len() != 0 {
        return Err(Ext4Error::NotEmpty { len: metadata.len() });
    }
    let now_secs = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let identity = Identity {
        label,
        uuid,
        now_secs,
    };
    let result = set_len(file, size_bytes - size_bytes % BLOCK_SIZE as u64)
        .and_then(|()| format::write(file, &layout, &identity));
    if result.is_err() {
        // The first failure is the one to report; an image half written has no valid superblock either way.
        let _ = file.set_len(0);
    }
    result
}

/// Creates `path`, readable by its owner only, as an ext4 image with a random UUID; see [`format_ext4`].
///
/// The image is made under another name beside it, flushed, and moved into place, so that `path` is whole or
/// absent, even after a crash. An existing file is never replaced.
pub fn create_ext4(path: impl AsRef<Path>, size_bytes: u64, label: &str) -> Result<(), Ext4Error> {
    let path = path.as_ref();
    create(path, size_bytes, label).map_err(|source| Ext4Error::Image {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

fn create(path: &Path, size_bytes: u64, label: &str) -> Result<(), Ext4Error> {
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(|source| Ext4Error::io("draw a random UUID", source.into()))?;
    let (uuid, nonce) = random.split_at(16);
    let partial = Partial::create(path, nonce)?;
    format_ext4(&partial.file, size_bytes, label, version_4(uuid))?;
    partial
        .file
        .sync_data()
        .map_err(|source| Ext4Error::io("flush the disk image", source))?;
    partial.publish(path)
}

/// A file under a temporary name, removed again unless it is published.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn create(target: &Path, nonce: &[u8]) -> Result<Self, Ext4Error> {
        let suffix: String = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{suffix}.tmp"));
        let path = target.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| Ext4Error::io("create a file beside the disk image", source))?;
        Ok(Self { path, file })
    }

    /// Gives the file its name, or fails if that is taken.
    fn publish(self, target: &Path) -> Result<(), Ext4Error> {
        match renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            // Some network file systems cannot rename without replacing, but all of them can link.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(&self.path, target).map_err(publish_error)
            }
            other => other.map_err(|errno| publish_error(errno.into())),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Once renamed there is nothing to remove; otherwise nobody is left to be told.
        let _ = fs::remove_file(&self.path);
    }
}

fn publish_error(source: std::io::Error) -> Ext4Error {
    match source.kind() {
        std::io::ErrorKind::AlreadyExists => Ext4Error::Exists,
        _ => Ext4Error::io("give the disk image its name", source),
    }
}

fn set_len(file: &File, size_bytes: u64) -> Result<(), Ext4Error> {
    file.set_len(size_bytes)
        .map_err(|source| Ext4Error::io("size the disk image", source))
}

/// Sets the bits that mark sixteen random bytes as a version 4 UUID.
fn version_4(random: &[u8]) -> [u8; 16] {
    let mut uuid = [0; 16];
    uuid.copy_from_slice(random);
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    uuid
}
