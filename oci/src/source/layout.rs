//! A layout's directory. Whatever links are in it, nothing outside of it is opened.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::OciError;
use crate::source::images::{self, ImageSource};
use crate::source::slice::FileSlice;

/// A directory with an index in it.
pub(super) fn open(directory: OwnedFd) -> Result<ImageSource, OciError> {
    let Some(index) = file(&directory, "index.json")? else {
        return Err(OciError::NotAnImage {
            what: "the directory has no index.json, and so is no OCI layout".to_owned(),
        });
    };
    images::open_layout(directory, index)
}

/// A regular file beneath the directory; none if nothing has the name.
pub(super) fn file(directory: &OwnedFd, name: &str) -> Result<Option<FileSlice>, OciError> {
    let fail = |errno: Errno| OciError::Io {
        what: "open in the layout",
        path: Path::new(name).to_owned(),
        source: errno.into(),
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened = match rustix::fs::openat2(directory, name, flags, Mode::empty(), beneath) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(Errno::XDEV | Errno::LOOP) => {
            return Err(OciError::malformed(
                "layout",
                format!("{name} is a link that leads out of it"),
            ));
        }
        other => other.map_err(fail)?,
    };
    let stat = rustix::fs::fstat(&opened).map_err(fail)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(OciError::malformed(
            "layout",
            format!("{name} is no regular file"),
        ));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    Ok(Some(FileSlice::new(Arc::new(File::from(opened)), 0, size)))
}
