//! Where images come from besides registries: layout directories, archives, and plain root file systems.
//!
//! What something is, its content says. An archive that is not compressed and can be read at any place is used where
//! it lies; any other one is unpacked into an unnamed file first. Nothing is ever extracted by name.
//!
//! ```text
//! images.rs   images of a layout or archive   docker.rs  what docker save wrote, as OCI documents
//! layout.rs   a directory, beneath its root   members.rs members of a tar, found without reading them
//! slice.rs    a part of a file as a reader    spool.rs   a stream as an unnamed file
//! ```

mod docker;
mod images;
mod layout;
mod members;
mod slice;
mod spool;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};

pub(crate) use images::{CONTAINERD_NAME, OCI_NAME};
pub use images::{ImageSource, ListedImage};
pub use slice::FileSlice;
pub use spool::Spool;

use crate::config::ImageConfig;
use crate::error::OciError;
use crate::layer::{LayerOptions, LayerStream, Unpacked};
use crate::manifest::{Image, LayerRef};
use crate::media::Compression;
use crate::platform::Platform;
use crate::unpack::Unpack;
use members::Members;

/// Read of a stream to find out what it is.
const START: u64 = 64 << 10;

/// Most that may be read for that of a stream that unpacks to nearly nothing.
const MAX_START: u64 = 1 << 20;

/// What the caller says that it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whatever its content looks like. An archive of images is recognised by its first member.
    Any,
    /// A layout, or an archive of images whatever its first member.
    Images,
    /// The tar of a root file system, whatever is in it.
    Rootfs,
}

/// What was opened.
pub enum Opened {
    /// One or several images.
    Images(ImageSource),
    /// The root file system of one.
    Rootfs(RootfsTar),
}

/// A tar that is the only layer of an image that has no documents.
pub struct RootfsTar {
    blob: Box<dyn Read + Send>,
    size: Option<u64>,
}

impl RootfsTar {
    /// Its bytes as they are kept, for showing how far it is; none of a stream.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Its tar. When that was read, [`rootfs_image`] makes the image.
    pub fn layer(self, options: LayerOptions) -> Result<LayerStream, OciError> {
        LayerStream::unknown(self.blob, options)
    }
}

/// The image of a root file system, with a configuration that says nothing.
pub fn rootfs_image(layer: &Unpacked, platform: &Platform) -> Result<Image, OciError> {
    let reference = LayerRef {
        digest: layer.digest.clone(),
        diff_id: layer.diff_id.clone(),
        size: layer.size,
        compression: layer.compression,
        media_type: layer.compression.media_type().to_owned(),
    };
    Image::describe(platform, &ImageConfig::default(), &[reference])
}

/// Opens what the path leads to: a layout's directory or an archive's file.
pub fn open_path(path: &Path, kind: Kind, spool: &Spool<'_>) -> Result<Opened, OciError> {
    let fail = |source: io::Error| OciError::Io {
        what: "open the image",
        path: path.to_owned(),
        source,
    };
    // Not to wait for whoever opens the other end of a pipe, which is then refused.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| fail(errno.into()))?;
    let stat = rustix::fs::fstat(&file).map_err(|errno| fail(errno.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Directory => open_file(File::from(file), kind, spool),
        _ => Err(OciError::NotAnImage {
            what: format!(
                "{} is a device or pipe, of which only an open descriptor is read",
                path.display()
            ),
        }),
    }
}

/// Opens a descriptor: of a directory, of a file from where it stands, or of a pipe or socket, which is read to its
/// end if it holds images.
pub fn open_file(file: File, kind: Kind, spool: &Spool<'_>) -> Result<Opened, OciError> {
    let fail = |source| OciError::Stream {
        what: "open the descriptor of the image",
        source,
    };
    let stat = rustix::fs::fstat(&file).map_err(|errno| fail(errno.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory if kind == Kind::Rootfs => Err(OciError::NotAnImage {
            what: "it is a directory and no tar".to_owned(),
        }),
        FileType::Directory => Ok(Opened::Images(layout::open(file.into())?)),
        FileType::RegularFile => {
            let at = (&file).stream_position().map_err(fail)?;
            let end = u64::try_from(stat.st_size).unwrap_or(0).max(at);
            open_slice(FileSlice::new(Arc::new(file), at, end), kind, spool)
        }
        _ => open_stream(Box::new(file), kind, spool),
    }
}

fn open_slice(slice: FileSlice, kind: Kind, spool: &Spool<'_>) -> Result<Opened, OciError> {
    let rootfs = |slice: FileSlice| {
        Opened::Rootfs(RootfsTar {
            size: Some(slice.len()),
            blob: Box::new(slice),
        })
    };
    if kind == Kind::Rootfs {
        return Ok(rootfs(slice));
    }
    let (start, compression, _) = start_of(slice.clone())?;
    if !may_hold_images(&start, kind)? {
        return Ok(rootfs(slice));
    }
    let tar = if compression == Compression::None {
        slice.clone()
    } else {
        spool.fill(Unpack::new(slice.clone(), None, None))?
    };
    let members = Members::scan(&tar)?;
    if kind == Kind::Images || images::are_in(&members) {
        return Ok(Opened::Images(images::open_archive(tar, members)?));
    }
    Ok(rootfs(slice))
}

/// Opens a stream, which is read to its end if it holds images.
pub fn open_stream(stream: Box<dyn Read + Send>, kind: Kind, spool: &Spool<'_>) -> Result<Opened, OciError> {
    if kind == Kind::Rootfs {
        return Ok(Opened::Rootfs(RootfsTar {
            blob: stream,
            size: None,
        }));
    }
    let (start, _, (kept, stream)) = start_of(Recorder {
        stream,
        kept: Vec::new(),
    })
    .map(|(start, compression, recorder)| (start, compression, (recorder.kept, recorder.stream)))?;
    let whole: Box<dyn Read + Send> = Box::new(io::Cursor::new(kept).chain(stream));
    if may_hold_images(&start, kind)? {
        let tar = spool.fill(Unpack::new(whole, None, None))?;
        let members = Members::scan(&tar)?;
        if kind == Kind::Images || images::are_in(&members) {
            return Ok(Opened::Images(images::open_archive(tar, members)?));
        }
        return Ok(Opened::Rootfs(RootfsTar {
            size: Some(tar.len()),
            blob: Box::new(tar),
        }));
    }
    Ok(Opened::Rootfs(RootfsTar {
        blob: whole,
        size: None,
    }))
}

/// Keeps what was read of a stream, so that it can be read again.
struct Recorder {
    stream: Box<dyn Read + Send>,
    kept: Vec<u8>,
}

impl Read for Recorder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.stream.read(buffer)?;
        self.kept.extend_from_slice(&buffer[..got]);
        Ok(got)
    }
}

/// The unpacked start of a blob, and how that is packed. A start that cannot be unpacked is cut there: the error is
/// met again when the blob is used.
fn start_of<R: Read>(mut blob: R) -> Result<(Vec<u8>, Compression, R), OciError> {
    let mut start = Vec::new();
    let mut unpack = Unpack::new((&mut blob).take(MAX_START), None, None);
    let mut buffer = [0; 4096];
    while (start.len() as u64) < START {
        match unpack.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => start.extend_from_slice(&buffer[..got]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => match OciError::from_stream("read the beginning of the image", error) {
                OciError::Decompress { .. } if !start.is_empty() => break,
                other => return Err(other),
            },
        }
    }
    let compression = unpack.compression();
    drop(unpack);
    Ok((start, compression, blob))
}

/// Whether the first member looks like one of an archive of images.
fn may_hold_images(start: &[u8], kind: Kind) -> Result<bool, OciError> {
    if start.is_empty() {
        return Err(OciError::NotAnImage {
            what: "it is empty".to_owned(),
        });
    }
    match members::first_name(start) {
        _ if kind == Kind::Images => Ok(true),
        Ok(Some(name)) => Ok(images::is_name_of_archive(&name)),
        // Nothing but a root directory, or members whose headers are longer than what was read.
        Ok(None) => Ok(false),
        Err(_) => Err(OciError::NotAnImage {
            what: "it is no tar".to_owned(),
        }),
    }
}
