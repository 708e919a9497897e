//! Brings an image from an archive, a layout or the tar of a root file system into the home.

use super::info::{self, ImageInfo};
use super::layers::Layer;
use super::options::ImageLoadOptions;
use super::places::UNFINISHED;
use super::{join, normalise, parse, pipe};
use crate::backend::{Backend, make_private, shared_dir};
use crate::error::{MsbError, Status};
use crate::ops;
use msb_oci::{
    Image, ImageSource, Kind, LayerStream, ListedImage, OciError, Opened, Platform, RootfsTar, Spool,
    UNPACKED, open_file, open_path, open_stream, rootfs_image,
};
use msb_store::{ImageConfigRow, LayerRow, NewImage, StoreError};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where an image is loaded from.
pub enum Origin<'a> {
    /// The directory of a layout, or the file of an archive.
    Path(&'a Path),
    /// An open one, or a pipe or socket that carries an archive.
    File(File),
}

/// What an image is to be asked for by.
#[derive(Clone, Copy)]
enum Naming {
    /// What the options say, or else the archive.
    Given,
    /// Its digest, so that no name comes to stand for another image.
    ByDigest,
}

/// Loads an image. It is there whole, with every name that it gets, or not at all.
pub fn load(
    backend: &Backend,
    origin: Origin<'_>,
    options: &ImageLoadOptions,
) -> Result<ImageInfo, MsbError> {
    options.validate()?;
    bring(backend, origin, options, Naming::Given)
}

/// Loads the only image for this host of an archive or layout, under the name `localhost/archive` with its digest.
pub fn load_by_digest(backend: &Backend, path: &Path) -> Result<ImageInfo, MsbError> {
    bring(
        backend,
        Origin::Path(path),
        &ImageLoadOptions::default(),
        Naming::ByDigest,
    )
}

fn bring(
    backend: &Backend,
    origin: Origin<'_>,
    options: &ImageLoadOptions,
    naming: Naming,
) -> Result<ImageInfo, MsbError> {
    let platform = platform(options.platform.as_deref())?;
    let cache = &backend.config().cache;
    shared_dir::announce(backend.home(), cache)?;
    let unfinished = cache.join(UNFINISHED);
    make_private(&unfinished)?;
    let spool = Spool {
        directory: &unfinished,
        max_bytes: options.limits().total_bytes,
    };
    let opened = match origin {
        Origin::Path(path) => open_path(path, Kind::Any, &spool),
        Origin::File(file) if pipe::is_pipe(&file) => {
            open_stream(Box::new(pipe::open(file)), Kind::Any, &spool)
        }
        Origin::File(file) => open_file(file, Kind::Any, &spool),
    };
    match opened.map_err(|error| ops::check_cancelled().err().unwrap_or_else(|| refused(&error)))? {
        Opened::Images(source) => load_image(backend, &source, options, &platform, naming),
        Opened::Rootfs(tar) => load_rootfs(backend, tar, options, &platform, naming),
    }
}

/// The platform that a text names; without one, this host's.
pub(super) fn platform(text: Option<&str>) -> Result<Platform, MsbError> {
    let Some(text) = text else {
        return Ok(Platform::host());
    };
    Platform::parse(text).ok_or_else(|| {
        MsbError::new(
            Status::InvalidArgument,
            "image.platform",
            format!("{text:?} is not a platform"),
        )
        .remedy("name platforms as in `linux/amd64` or `linux/arm64/v8`")
    })
}

fn load_image(
    backend: &Backend,
    source: &ImageSource,
    options: &ImageLoadOptions,
    platform: &Platform,
    naming: Naming,
) -> Result<ImageInfo, MsbError> {
    let listed = source
        .find(options.image.as_deref())
        .map_err(|error| refused(&error))?;
    let image = source.image(listed, platform).map_err(|error| refused(&error))?;
    join::check_count(image.layers.len(), &image.digest.to_string())?;
    let names = match naming {
        Naming::Given => held_to_digest(names(source, listed, options)?, &image)?,
        Naming::ByDigest => by_digest(&image)?,
    };
    ops::expect_progress(
        image.layers.iter().map(|layer| layer.size).sum(),
        image.layers.len() as u64,
    );
    let limits = options.limits();
    let mut layers = Vec::with_capacity(image.layers.len());
    for layer in &image.layers {
        let diff_id = layer.diff_id.to_string();
        layers.push(Layer::make(backend, &diff_id, &limits, |options| {
            LayerStream::new(source.layer(layer)?, layer, options)
        })?);
        ops::add_progress(0, 1);
    }
    store(backend, &image, &layers, &names)
}

fn load_rootfs(
    backend: &Backend,
    tar: RootfsTar,
    options: &ImageLoadOptions,
    platform: &Platform,
    naming: Naming,
) -> Result<ImageInfo, MsbError> {
    // Before anything is read.
    let given = match (naming, &options.reference) {
        (Naming::ByDigest, _) => None,
        (Naming::Given, Some(name)) => Some(BTreeSet::from([normalise(name)?])),
        (Naming::Given, None) => return Err(nameless("the tar of a root file system")),
    };
    ops::expect_progress(tar.size().unwrap_or(0), 1);
    let (layer, unpacked) = Layer::make_unknown(backend, &options.limits(), |options| tar.layer(options))?;
    ops::add_progress(0, 1);
    let image = rootfs_image(&unpacked, platform).map_err(|error| refused(&error))?;
    let names = match given {
        Some(names) => held_to_digest(names, &image)?,
        None => by_digest(&image)?,
    };
    store(backend, &image, &[layer], &names)
}

fn by_digest(image: &Image) -> Result<BTreeSet<String>, MsbError> {
    Ok(BTreeSet::from([normalise(&format!(
        "localhost/archive@{}",
        image.digest
    ))?]))
}

/// What the image is to be asked for by: what the caller says, or else every name that the archive gives it.
fn names(
    source: &ImageSource,
    listed: &ListedImage,
    options: &ImageLoadOptions,
) -> Result<BTreeSet<String>, MsbError> {
    if let Some(name) = &options.reference {
        return Ok(BTreeSet::from([normalise(name)?]));
    }
    let same = |image: &&ListedImage| image.manifests == listed.manifests;
    let names = match &options.image {
        // Of several that were told apart by name, that name is the one that was asked for.
        Some(_) => listed.name.iter().collect::<Vec<_>>(),
        None => source
            .images()
            .iter()
            .filter(same)
            .filter_map(|image| image.name.as_ref())
            .collect(),
    };
    let names = names
        .into_iter()
        .map(|name| normalise(name))
        .collect::<Result<BTreeSet<_>, _>>()?;
    if names.is_empty() {
        return Err(nameless("the image"));
    }
    Ok(names)
}

/// Refuses names with a digest that is not the image's: whoever asks for one of them later wants that very image.
fn held_to_digest(names: BTreeSet<String>, image: &Image) -> Result<BTreeSet<String>, MsbError> {
    for name in &names {
        let reference = parse(name)?;
        if reference.digest().is_some_and(|digest| *digest != image.digest) {
            return Err(MsbError::new(
                Status::InvalidArgument,
                "image.digest",
                format!("the image {} cannot be called {name}", image.digest),
            )
            .remedy("give it a reference without a digest, or with its own"));
        }
    }
    Ok(names)
}

fn nameless(what: &str) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "image.nameless",
        format!("{what} has no name in its archive"),
    )
    .remedy("set the reference that it is to be asked for by")
}

/// Writes the rows. The layers are open until then, so that nobody tidies them away.
pub(super) fn store(
    backend: &Backend,
    image: &Image,
    layers: &[Layer],
    names: &BTreeSet<String>,
) -> Result<ImageInfo, MsbError> {
    let digest = image.digest.to_string();
    let config_digest = image.config_digest.to_string();
    let _join = join::join(backend, &digest, layers)?;
    let rows: Vec<LayerRow> = image
        .layers
        .iter()
        .zip(layers)
        .map(|(described, made)| LayerRow {
            diff_id: described.diff_id.to_string(),
            blob_digest: described.digest.to_string(),
            media_type: described.media_type.clone(),
            compressed_size_bytes: described.size,
            erofs_size_bytes: made.bytes,
        })
        .collect();
    let config = config_row(image);
    ops::check_cancelled()?;
    let references: Vec<&str> = names.iter().map(String::as_str).collect();
    let image = NewImage {
        references: &references,
        digest: &digest,
        media_type: &image.media_type,
        config_digest: &config_digest,
        architecture: &image.platform.architecture,
        os: &image.platform.os,
        variant: image.platform.variant.as_deref(),
        config: &config,
        layers: &rows,
    };
    let is_there = |layer: &Layer| layer.file.metadata().is_ok_and(|meta| meta.nlink() > 0);
    let stored = backend.store()?.put_image(&image, || layers.iter().all(is_there));
    stored.map_err(|error| match error {
        StoreError::LayerGone => lost(error.into()),
        other => other.into(),
    })?;
    let name = names.first().map(String::as_str).unwrap_or_default();
    info::get(backend, name)
}

fn config_row(image: &Image) -> ImageConfigRow {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let words = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    ImageConfigRow {
        env: image.config.env.clone(),
        entrypoint: words(&image.config.entrypoint),
        cmd: words(&image.config.cmd),
        working_dir: text(&image.config.working_dir),
        user: text(&image.config.user),
        stop_signal: image.config.stop_signal.clone(),
        labels: image.config.labels.clone(),
    }
}

/// What a caller is told of an image that is no good.
pub(super) fn refused(error: &OciError) -> MsbError {
    let (status, reason) = match error {
        OciError::Io { source, .. } | OciError::Stream { source, .. } => (
            source.raw_os_error().map_or(Status::Io, Status::from_errno),
            "image.read",
        ),
        OciError::NotAnImage { .. } => (Status::InvalidArgument, "image.kind"),
        OciError::Unsupported { .. } => (Status::Unsupported, "image.unsupported"),
        OciError::Malformed { .. }
        | OciError::Json { .. }
        | OciError::Decompress { .. }
        | OciError::SizeMismatch { .. }
        | OciError::BadDigest { .. }
        | OciError::Missing { .. } => (Status::Corrupt, "image.damaged"),
        OciError::DigestMismatch { .. } => (Status::Corrupt, "image.digest"),
        OciError::TooLarge { .. } => (Status::ResourceExhausted, "image.too_large"),
        OciError::NoPlatform { .. } => (Status::NotFound, "image.platform"),
        OciError::NoSuchImage { .. } => (Status::NotFound, "image.not_found"),
        OciError::Ambiguous { .. } => (Status::InvalidArgument, "image.ambiguous"),
    };
    // The texts of that crate carry their remedy.
    let refused = MsbError::new(status, reason, error.to_string());
    let refused = match error {
        OciError::TooLarge { what, .. } if what == UNPACKED => beyond(refused, "max_layer_bytes"),
        _ => refused,
    };
    match std::error::Error::source(error) {
        Some(source) => refused.source(source),
        None => refused,
    }
}

/// Names the option that bounds what there was too much of.
pub(super) fn beyond(refused: MsbError, option: &str) -> MsbError {
    refused
        .remedy(format!(
            "if the image is trusted, load or pull it with a higher {option}"
        ))
        .detail("limit", option)
}

/// Somebody took a layer away between the look at it and its use.
pub(super) fn lost(error: MsbError) -> MsbError {
    error
        .remedy("do the same again: what is missing is made anew")
        .retryable(true)
}
