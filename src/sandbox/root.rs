//! The root of a sandbox: what an image text means on this host, and what the machine gets of it.

use super::disk_image;
use super::options::{RootMode, SandboxOptions, UpperKind};
use super::spec::{Image, SandboxSpec};
use crate::error::{MsbError, Status};
use msb_protocol::launch::{HostLower, HostRoot, HostUpper};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Finds what a caller names as image.
pub fn resolve(options: &SandboxOptions) -> Result<Image, MsbError> {
    let Some(image) = options.image.as_deref() else {
        return Err(MsbError::new(
            Status::InvalidArgument,
            "image.missing",
            "the sandbox has no image",
        )
        .remedy("set the image to a root directory or a disk image"));
    };
    let path = Path::new(image);
    let path = fs::canonicalize(path).map_err(|error| not_found(path, &error))?;
    let is_directory = path.is_dir();
    match options.root_mode {
        RootMode::Overlay if is_directory => Ok(Image::Directory { path }),
        RootMode::Overlay => Ok(Image::disk(&disk_image::inspect_root(path)?)),
        RootMode::Bind if is_directory => Ok(Image::Bind(path)),
        RootMode::Bind => Err(MsbError::new(
            Status::Unsupported,
            "image.kind",
            format!(
                "{} is not a directory, and only a directory can be the root itself",
                path.display()
            ),
        )
        .remedy("set root_mode to \"overlay\"")),
    }
}

fn not_found(path: &Path, error: &io::Error) -> MsbError {
    MsbError::io("image.not_found", "cannot find the image", path, error).remedy(
        "set the image to an existing root directory or disk image; this version does not pull image references",
    )
}

/// The host's side of the root of a sandbox with this directory. Nothing is looked for or made.
pub fn describe(spec: &SandboxSpec, directory: &Path) -> Result<HostRoot, MsbError> {
    let lower = match &spec.image {
        Image::Bind(path) => return Ok(HostRoot::Bind { path: path.clone() }),
        Image::Directory { path } => HostLower::Directory { path: path.clone() },
        image => match image.disk_image() {
            Some(image) => HostLower::Disk((&image).into()),
            None => return Err(unknown(image)),
        },
    };
    let upper = match spec.libmsb.upper {
        UpperKind::Tmpfs => HostUpper::Tmpfs {
            size_mib: spec.libmsb.upper_size_mib,
        },
        UpperKind::Disk => HostUpper::Disk {
            path: directory.join("upper.ext4"),
        },
    };
    Ok(HostRoot::Overlay { lower, upper })
}

fn unknown(image: &Image) -> MsbError {
    let text = match image {
        Image::Other(value) => value.to_string(),
        known => format!("{known:?}"),
    };
    MsbError::new(
        Status::Unsupported,
        "image.kind",
        format!("this version does not start sandboxes with the root {text}"),
    )
    .remedy("create the sandbox with a root directory or a disk image")
}

/// The root for a start: what it is made from is there, and what it lacks is made.
pub fn prepare(spec: &SandboxSpec, directory: &Path) -> Result<HostRoot, MsbError> {
    let root = describe(spec, directory)?;
    match &root {
        HostRoot::Bind { path }
        | HostRoot::Overlay {
            lower: HostLower::Directory { path },
            ..
        } => check_directory(path)?,
        HostRoot::Overlay {
            lower: HostLower::Disk(_),
            ..
        } => {
            if let Some(image) = spec.image.disk_image() {
                disk_image::check(&image)?;
            }
        }
    }
    if let HostRoot::Overlay {
        upper: HostUpper::Disk { path },
        ..
    } = &root
    {
        ensure_upper(path, spec.libmsb.upper_size_mib)?;
    }
    Ok(root)
}

fn check_directory(path: &Path) -> Result<(), MsbError> {
    if path.is_dir() {
        return Ok(());
    }
    Err(MsbError::new(
        Status::NotFound,
        "image.not_found",
        format!("the root directory {} is gone", path.display()),
    )
    .remedy("put it back, or remove the sandbox"))
}

/// The writable layer's disk, made on the first start; it is whole or it is not there.
fn ensure_upper(path: &PathBuf, size_mib: u64) -> Result<(), MsbError> {
    if path.exists() {
        return Ok(());
    }
    msb_disk::create_ext4(path, size_mib * 1024 * 1024, "msb-upper").map_err(|error| {
        MsbError::new(
            disk_status(&error),
            "sandbox.upper",
            format!("cannot make {}", path.display()),
        )
        .source(&error)
        .remedy("free some space or choose a smaller upper_size_mib")
    })
}

fn disk_status(error: &(dyn std::error::Error + 'static)) -> Status {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io.raw_os_error().map_or(Status::Io, Status::from_errno);
        }
        next = error.source();
    }
    Status::InvalidArgument
}
