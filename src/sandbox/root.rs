//! The root of a sandbox: what an image text means on this host, and what the machine gets of it.

use super::disk_image;
use super::options::{RootMode, SandboxOptions, UpperKind};
use super::spec::{Image, SandboxSpec};
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use crate::image::info::ImageInfo;
use crate::image::pull_options::ImagePullOptions;
use crate::image::{join, load, pull};
use msb_protocol::launch::{HostLower, HostRoot, HostUpper};
use msb_store::ImageConfigRow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The writable layer's disk, in the sandbox's directory.
const UPPER: &str = "upper.ext4";
/// Its name while it lacks some of the patches: what has this name holds nothing that anybody wants.
const UNPATCHED_UPPER: &str = "upper.unpatched.ext4";

/// A file of the sandbox's directory: a root that has no writable layer of its own has its patches.
const PATCHED: &str = "patched";

/// What a caller names as image.
#[derive(Debug)]
pub struct Root {
    /// What it is.
    pub image: Image,
    /// Key of the manifest of a stored image.
    pub manifest: Option<i64>,
    /// What a stored image says of the commands in it.
    pub defaults: ImageConfigRow,
}

impl From<Image> for Root {
    fn from(image: Image) -> Self {
        Self {
            image,
            manifest: None,
            defaults: ImageConfigRow::default(),
        }
    }
}

/// Finds what a caller names as image: a path of this host if it looks like one or is there, else a reference.
pub fn resolve(backend: &Backend, options: &SandboxOptions) -> Result<Root, MsbError> {
    let Some(image) = options.image.as_deref() else {
        return Err(MsbError::new(
            Status::InvalidArgument,
            "image.missing",
            "the sandbox has no image",
        )
        .remedy("set the image to a root directory, a disk image or the reference of an image"));
    };
    let path = Path::new(image);
    let is_path = image.starts_with(['/', '.']) || path.exists();
    if !is_path {
        return stored(backend, options, image);
    }
    let path = fs::canonicalize(path).map_err(|error| not_found(path, &error))?;
    if is_archive(&path)? {
        if options.root_mode == RootMode::Bind {
            return Err(not_bindable(&path.display().to_string()));
        }
        return Ok(load::load_by_digest(backend, &path)?.into());
    }
    let is_directory = path.is_dir();
    match options.root_mode {
        RootMode::Overlay if is_directory => Ok(Image::Directory { path }.into()),
        RootMode::Overlay => Ok(Image::disk(&disk_image::inspect_root(path)?).into()),
        RootMode::Bind if is_directory => Ok(Image::Bind(path).into()),
        RootMode::Bind => Err(not_bindable(&path.display().to_string())),
    }
}

/// Whether the path is the directory of an OCI layout, or a file that is an archive or compressed.
fn is_archive(path: &Path) -> Result<bool, MsbError> {
    if path.is_dir() {
        return Ok(["oci-layout", "index.json"]
            .iter()
            .all(|name| path.join(name).is_file()));
    }
    disk_image::is_archive(path)
}

impl From<ImageInfo> for Root {
    fn from(found: ImageInfo) -> Self {
        Self {
            manifest: Some(found.row.manifest_id),
            image: Image::Oci {
                reference: found.row.reference,
                upper_size_mib: None,
            },
            defaults: found.config,
        }
    }
}

fn stored(backend: &Backend, options: &SandboxOptions, reference: &str) -> Result<Root, MsbError> {
    if options.root_mode == RootMode::Bind {
        return Err(not_bindable(reference));
    }
    let wanted = ImagePullOptions {
        policy: options.image_pull_policy,
        ..ImagePullOptions::default()
    };
    Ok(pull::pull(backend, reference, &wanted)?.into())
}

fn not_bindable(image: &str) -> MsbError {
    MsbError::new(
        Status::Unsupported,
        "image.kind",
        format!("{image} is not a directory, and only a directory can be the root itself"),
    )
    .remedy("set root_mode to \"overlay\"")
}

fn not_found(path: &Path, error: &io::Error) -> MsbError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return MsbError::io("image.unreadable", "may not look at the image", path, error).remedy(
            "let this user enter the directories above it and read it, or choose an image that it may read",
        );
    }
    MsbError::io("image.not_found", "cannot find the image", path, error)
        .remedy("set the image to an existing root directory or disk image, or to the reference of an image")
}

/// The host's side of the root of a sandbox with this directory. `manifest` is the key of a stored image's.
pub fn describe(
    backend: &Backend,
    spec: &SandboxSpec,
    manifest: Option<i64>,
    directory: &Path,
) -> Result<HostRoot, MsbError> {
    let lower = match &spec.image {
        Image::Bind(path) => return Ok(HostRoot::Bind { path: path.clone() }),
        Image::Directory { path } => HostLower::Directory { path: path.clone() },
        Image::Oci { reference, .. } => HostLower::Layers {
            extents: join::extents(backend, manifest, reference)?,
        },
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
            path: directory.join(UPPER),
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
pub fn prepare(
    backend: &Backend,
    spec: &SandboxSpec,
    manifest: Option<i64>,
    directory: &Path,
) -> Result<HostRoot, MsbError> {
    let mut root = describe(backend, spec, manifest, directory)?;
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
        // The runner checks each file of it as it claims them.
        HostRoot::Overlay {
            lower: HostLower::Layers { .. },
            ..
        } => {}
    }
    if let HostRoot::Overlay {
        upper: HostUpper::Disk { path },
        ..
    } = &mut root
    {
        if !spec.libmsb.patches.is_empty() && !path.exists() {
            *path = directory.join(UNPATCHED_UPPER);
            discard(path)?;
        }
        ensure_upper(path, spec.libmsb.upper_size_mib)?;
    }
    Ok(root)
}

/// Whether the root that [`prepare`] gave a sandbox with this directory lacks its patches, if it has any.
pub fn lacks_patches(root: &HostRoot, directory: &Path) -> bool {
    match root {
        HostRoot::Bind { .. } => !directory.join(PATCHED).exists(),
        HostRoot::Overlay { upper, .. } => match upper {
            HostUpper::Tmpfs { .. } => true,
            HostUpper::Disk { path } => path.ends_with(UNPATCHED_UPPER),
        },
    }
}

/// Records that the root has its patches: before this returns, that lasts.
pub fn keep_patched(root: &HostRoot, directory: &Path) -> Result<(), MsbError> {
    let keep = || match root {
        HostRoot::Bind { .. } => fs::File::create(directory.join(PATCHED))?.sync_all(),
        HostRoot::Overlay { upper, .. } => match upper {
            HostUpper::Tmpfs { .. } => Ok(()),
            HostUpper::Disk { path } => fs::rename(path, directory.join(UPPER)),
        },
    };
    keep()
        .and_then(|()| fs::File::open(directory)?.sync_all())
        .map_err(|error| MsbError::io("sandbox.upper", "cannot record the patches in", directory, &error))
}

/// Removes what an unfinished start left, if there is anything.
fn discard(path: &Path) -> Result<(), MsbError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(MsbError::io("sandbox.upper", "cannot remove", path, &error))
        }
        _ => Ok(()),
    }
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
