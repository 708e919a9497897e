//! The undo file of a growth: what the image held where it is about to be changed.
//!
//! Layout, little-endian: magic, size of the image, number of entries; per entry offset, length and bytes; a crc32c of all
//! before. It gets its name once it is whole and on the disk, and is removed once the image is.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::bytes::crc32c;
use crate::error::Ext4Error;
use crate::grow::{remove, sync_directory};

const MAGIC: u64 = u64::from_le_bytes(*b"msbundo1");
/// Far above what the largest disk needs; a longer file is damaged.
const MAX_LEN: u64 = 64 << 20;

fn path_of(image: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(image.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(source: io::Error) -> Ext4Error {
    Ext4Error::io("keep the undo file of the disk image", source)
}

/// Whether a growth was cut short.
pub(crate) fn is_there(image: &Path) -> Result<bool, Ext4Error> {
    path_of(image, ".undo").try_exists().map_err(failed)
}

/// Keeps what the image holds at these places, offset and length each.
pub(crate) fn keep(
    image: &Path,
    file: &File,
    size: u64,
    places: impl ExactSizeIterator<Item = (u64, usize)>,
) -> Result<(), Ext4Error> {
    let mut record = Vec::new();
    for word in [MAGIC, size, places.len() as u64] {
        record.extend(word.to_le_bytes());
    }
    for (offset, len) in places {
        record.extend(offset.to_le_bytes());
        record.extend((len as u64).to_le_bytes());
        let start = record.len();
        record.resize(start + len, 0);
        file.read_exact_at(&mut record[start..], offset)
            .map_err(|source| Ext4Error::io("read the disk image", source))?;
    }
    record.extend(crc32c(!0, &record).to_le_bytes());
    let (partial, target) = (path_of(image, ".undo.tmp"), path_of(image, ".undo"));
    let write = || {
        remove(&partial)?;
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)?;
        out.write_all(&record)?;
        out.sync_all()?;
        fs::rename(&partial, &target)?;
        sync_directory(&target)
    };
    write().map_err(|source| {
        // The failure is the one to report; nothing of the image was changed.
        let _ = remove(&partial);
        failed(source)
    })
}

/// The image is whole: the undo file goes.
pub(crate) fn forget(image: &Path) -> Result<(), Ext4Error> {
    let target = path_of(image, ".undo");
    remove(&target)
        .and_then(|()| sync_directory(&target))
        .map_err(failed)
}

/// Puts back what the undo file holds, if there is one.
pub(crate) fn roll_back(image: &Path, file: &File) -> Result<(), Ext4Error> {
    let target = path_of(image, ".undo");
    let record = match File::open(&target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(undo) => read(&undo)?,
    };
    let (size, entries) = parse(&record).ok_or(Ext4Error::Damaged { what: "undo file" })?;
    for (offset, data) in entries {
        file.write_all_at(data, offset)
            .map_err(|source| Ext4Error::io("write to the disk image", source))?;
    }
    file.set_len(size)
        .and_then(|()| file.sync_all())
        .map_err(|source| Ext4Error::io("size the disk image", source))?;
    forget(image)
}

fn read(undo: &File) -> Result<Vec<u8>, Ext4Error> {
    let len = undo.metadata().map_err(failed)?.len();
    let Some(len) = usize::try_from(len).ok().filter(|&len| len as u64 <= MAX_LEN) else {
        return Err(Ext4Error::Damaged { what: "undo file" });
    };
    let mut record = vec![0; len];
    undo.read_exact_at(&mut record, 0).map_err(failed)?;
    Ok(record)
}

/// What was at which offset.
type Entry<'a> = (u64, &'a [u8]);

/// The image's size and what was where.
fn parse(record: &[u8]) -> Option<(u64, Vec<Entry<'_>>)> {
    let (mut rest, checksum) = record.split_at_checked(record.len().checked_sub(4)?)?;
    if crc32c(!0, rest).to_le_bytes() != checksum {
        return None;
    }
    let mut word = || {
        let (head, tail) = rest.split_first_chunk::<8>()?;
        rest = tail;
        Some(u64::from_le_bytes(*head))
    };
    if word()? != MAGIC {
        return None;
    }
    let (size, count) = (word()?, word()?);
    let mut entries = Vec::new();
    for _ in 0..count {
        let (offset, tail) = rest.split_first_chunk::<8>()?;
        let (len, tail) = tail.split_first_chunk::<8>()?;
        let (data, tail) = tail.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
        entries.push((u64::from_le_bytes(*offset), data));
        rest = tail;
    }
    rest.is_empty().then_some((size, entries))
}
