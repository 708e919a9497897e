//! Writes an image of the home as an archive, for other programs and other homes.
//!
//! A layer is kept as a file system, not as the tar it came as, so its tar is made from that again: the same tree, with
//! digests of its own. Each layer is read twice: an archive says how long a member is, and its documents what it holds,
//! before the first byte of it.

use super::info::{self, ImageInfo};
use super::layers::Layer;
use super::{join, load};
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use crate::files::descriptor::{Descriptor, Watch};
use crate::{ops, sys};
use msb_erofs::{LayerTar, TarError};
use msb_oci::{Image, ImageConfig, LayerRef, OciError, Platform, Reference, SavedImage};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Where an archive goes.
pub enum Target<'a> {
    /// A file, which it replaces once it is whole.
    Path(&'a Path),
    /// An open file, pipe or socket.
    File(File),
}

/// Writes the image of this reference, an archive that is OCI's and docker's at once.
pub fn save(backend: &Backend, reference: &str, target: Target<'_>) -> Result<(), MsbError> {
    let found = info::get(backend, reference)?;
    // Open until the end, so that nobody tidies them away.
    let layers = found
        .layers
        .iter()
        .map(|row| join::open(backend, row))
        .collect::<Result<Vec<_>, _>>()?;
    let disk: u64 = layers.iter().map(|layer| layer.bytes).sum();
    ops::expect_progress(disk.saturating_mul(2), layers.len() as u64);
    let image = describe(&found, &layers)?;
    let names = names(&found.row.reference)?;
    match target {
        Target::File(file) => {
            let mut out = Descriptor::new(file.as_fd(), &Cancellation).map_err(|error| unwritable(&error))?;
            write(&image, &names, &layers, &mut out)
        }
        Target::Path(path) => {
            let mut replacement = Replacement::new(path)?;
            write(&image, &names, &layers, &mut replacement.file)?;
            replacement.finish()
        }
    }
}

/// The documents of the image as its layers are written.
fn describe(found: &ImageInfo, layers: &[Layer]) -> Result<Image, MsbError> {
    let row = &found.row;
    let platform = Platform::new(
        row.os.as_deref().unwrap_or("linux"),
        row.architecture.as_deref().unwrap_or_default(),
        row.variant.as_deref(),
    );
    let config = ImageConfig {
        env: found.config.env.clone(),
        entrypoint: found.config.entrypoint.clone().unwrap_or_default(),
        cmd: found.config.cmd.clone().unwrap_or_default(),
        working_dir: found.config.working_dir.clone().unwrap_or_default(),
        user: found.config.user.clone().unwrap_or_default(),
        stop_signal: found.config.stop_signal.clone(),
        labels: found.config.labels.clone(),
        created: None,
    };
    let mut described = Vec::with_capacity(layers.len());
    for layer in layers {
        let layer = tar(layer).and_then(|mut tar| LayerRef::of_tar(&mut tar));
        described.push(layer.map_err(|error| unreadable(&error, &row.reference))?);
    }
    Image::describe(&platform, &config, &described).map_err(|error| load::refused(&error))
}

/// What the archive calls it. The digest in a reference is of the manifest that was pulled, not of the one in the archive.
fn names(reference: &str) -> Result<Vec<Reference>, MsbError> {
    let name = super::parse(reference)?;
    Ok(if name.tag().is_some() && name.digest().is_none() {
        vec![name]
    } else {
        Vec::new()
    })
}

fn write(image: &Image, names: &[Reference], layers: &[Layer], out: &mut dyn Write) -> Result<(), MsbError> {
    let open = |index: usize| -> io::Result<Box<dyn Read + '_>> {
        let layer: &Layer = layers.get(index).ok_or(io::ErrorKind::NotFound)?;
        ops::add_progress(0, 1);
        Ok(Box::new(tar(layer)?))
    };
    let saved = SavedImage {
        image,
        names,
        layer: &open,
    };
    msb_oci::save(&[saved], out, &mut |_| {}).map_err(|error| {
        if ops::is_cancelled() {
            return ops::cancelled();
        }
        match &error {
            OciError::Stream { what, source } if *what == "write the archive" => unwritable(source),
            OciError::Stream { source, .. } => unreadable(
                source,
                &names.first().map(ToString::to_string).unwrap_or_default(),
            ),
            error => load::refused(error),
        }
    })
}

/// The tar of a layer, whose reading ends when the operation is cancelled and tells it how far it is.
fn tar(layer: &Layer) -> io::Result<Watched<LayerTar<'_>>> {
    LayerTar::new(&layer.file)
        .map(Watched)
        .map_err(|error| io::Error::other(TarError::Read(error)))
}

struct Watched<R>(R);

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.0.read(buffer)?;
        if ops::tell(got as u64, 0) {
            Ok(got)
        } else {
            Err(io::Error::other(ops::cancelled()))
        }
    }
}

/// Asked while whoever reads a pipe does not.
struct Cancellation;

impl Watch for Cancellation {
    fn look(&self) -> io::Result<()> {
        ops::check_cancelled().map_err(io::Error::other)
    }
}

/// A file under a name of its own beside the one that it is to have; it goes if it does not become whole.
struct Replacement {
    temporary: PathBuf,
    place: PathBuf,
    file: File,
}

impl Replacement {
    fn new(path: &Path) -> Result<Self, MsbError> {
        let failed = |error: io::Error| {
            MsbError::io("image.write", "cannot write", path, &error)
                .remedy("choose a file in a directory that is there and that this user may write to")
        };
        // What a link leads to is replaced, not the link.
        let place = match fs::canonicalize(path) {
            Ok(place) => place,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        if place.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(MsbError::new(
                Status::InvalidArgument,
                "image.target",
                format!("{} is there and is no file", path.display()),
            )
            .remedy("name a file; for a pipe or a device open it and use msb_image_save_fd"));
        }
        let name = place
            .file_name()
            .ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
        let random = sys::random_hex().map_err(failed)?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{random}.partial"));
        let temporary = place.with_file_name(hidden);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(failed)?;
        Ok(Self {
            temporary,
            place,
            file,
        })
    }

    fn finish(self) -> Result<(), MsbError> {
        ops::check_cancelled()?;
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.temporary, &self.place))
            .map_err(|error| unwritable(&error))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // Once renamed there is nothing to remove; otherwise the failure that brought us here is the one to report.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn unwritable(error: &io::Error) -> MsbError {
    if ops::is_cancelled() {
        return ops::cancelled();
    }
    let status = error.raw_os_error().map_or(Status::Io, Status::from_errno);
    let failed = MsbError::new(status, "image.write", "the archive cannot be written").source(error);
    failed.remedy("free some space, or see that whoever reads it stays until its end")
}

fn unreadable(error: &io::Error, image: &str) -> MsbError {
    if ops::is_cancelled() {
        return ops::cancelled();
    }
    let (status, reason) = match error.get_ref().and_then(|inner| inner.downcast_ref::<TarError>()) {
        Some(TarError::Inexpressible { .. }) => (Status::Unsupported, "image.inexpressible"),
        Some(_) => (Status::Corrupt, "image.layer"),
        None => (
            error.raw_os_error().map_or(Status::Io, Status::from_errno),
            "image.read",
        ),
    };
    let failed = MsbError::new(
        status,
        reason,
        format!("a layer of the image {image} cannot be saved"),
    );
    failed
        .source(error)
        .remedy("remove the image, and load or pull it again")
}
