//! Brings an image from its registry into the home.
//!
//! Whoever fetches a layer has the right to make it, so that two who pull the same image do the work once. The rights are
//! taken in the order of their bytes, which keeps two from waiting for each other.

use super::feed::Feed;
use super::info::{self, ImageInfo};
use super::layers::{self, Layer};
use super::pull_options::{ImagePullOptions, PullPolicy};
use super::refusal::refused;
use super::{credentials, join, load, parse};
use crate::backend::{Backend, shared_dir};
use crate::error::{MsbError, Status};
use crate::ops;
use crate::supervise::rowlock::RowLock;
use msb_erofs::Limits;
use msb_oci::registry::{RegistryOptions, resolve};
use msb_oci::{Image, LayerRef, LayerStream, Platform, Reference};
use std::collections::{BTreeMap, BTreeSet};

/// Pulls an image, as far as the policy wants it. It is there whole, or as it was before.
pub fn pull(backend: &Backend, reference: &str, options: &ImagePullOptions) -> Result<ImageInfo, MsbError> {
    options.validate()?;
    let name = parse(reference)?;
    let platform = load::platform(options.platform.as_deref())?;
    if options.policy != PullPolicy::Always {
        let chosen = options.platform.as_ref().map(|_| &platform);
        if let Some(info) = present(backend, &name, chosen)? {
            return Ok(info);
        }
    }
    if options.policy == PullPolicy::Never {
        return Err(missing(&name));
    }
    shared_dir::announce(backend.home(), &backend.config().cache)?;
    let registry = registry(backend, &name, options, platform)?;
    let image = resolve(&name, &registry, &ops::is_cancelled).map_err(|error| refused(&error))?;
    join::check_count(image.layers.len(), &image.digest.to_string())?;
    ops::expect_progress(
        image.layers.iter().map(|layer| layer.size).sum(),
        image.layers.len() as u64,
    );
    let layers = bring(backend, &name, &image, &options.limits(), registry)?;
    load::store(backend, &image, &layers, &BTreeSet::from([name.to_string()]))
}

/// The image as the home has it, with all its layers, if it is the platform's that was asked for.
fn present(
    backend: &Backend,
    name: &Reference,
    platform: Option<&Platform>,
) -> Result<Option<ImageInfo>, MsbError> {
    let info = match info::get(backend, &name.to_string()) {
        Ok(info) => info,
        Err(error) if error.status() == Status::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_wanted = |platform: &Platform| {
        info.row.os.as_ref() == Some(&platform.os)
            && info.row.architecture.as_ref() == Some(&platform.architecture)
            && (platform.variant.is_none() || info.row.variant == platform.variant)
    };
    if !platform.is_none_or(is_wanted) {
        return Ok(None);
    }
    for layer in &info.layers {
        if Layer::sound(backend, &layer.diff_id)?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(info))
}

fn missing(name: &Reference) -> MsbError {
    MsbError::new(
        Status::NotFound,
        "image.not_found",
        format!("there is no image {name} in this home, and the pull policy is \"never\""),
    )
    .remedy("pull it with the policy \"if-missing\", or load it from an archive with msb_image_load")
    .detail("image", name.to_string())
}

fn registry(
    backend: &Backend,
    name: &Reference,
    options: &ImagePullOptions,
    platform: Platform,
) -> Result<RegistryOptions, MsbError> {
    let host = credentials::host(backend, name.registry());
    let insecure = options.insecure.or(host.and_then(|host| host.insecure));
    Ok(RegistryOptions {
        insecure: insecure.unwrap_or(false),
        ca_certs: backend.config().ca_certs.iter().cloned().collect(),
        credential: credentials::find(backend, name.registry(), options)?,
        platform,
        ..RegistryOptions::default()
    })
}

/// The image's layers, the lowest first; those that are missing are fetched and made.
fn bring(
    backend: &Backend,
    name: &Reference,
    image: &Image,
    limits: &Limits,
    registry: RegistryOptions,
) -> Result<Vec<Layer>, MsbError> {
    let mut rights = Rights::take(backend, image)?;
    let mut wanted: Vec<&LayerRef> = Vec::new();
    // Open, so that nobody tidies them away meanwhile.
    let mut there = BTreeMap::new();
    for layer in &image.layers {
        let diff_id = layer.diff_id.to_string();
        if there.contains_key(&diff_id) || wanted.iter().any(|other| other.diff_id == layer.diff_id) {
            continue;
        }
        match Layer::sound(backend, &diff_id)? {
            Some(made) => {
                there.insert(diff_id, made);
            }
            None => wanted.push(layer),
        }
    }
    rights.keep(&wanted)?;
    let feed = Feed::begin(backend, name, registry, &wanted)?;
    let mut layers = Vec::with_capacity(image.layers.len());
    let mut next = 0;
    for layer in &image.layers {
        let diff_id = layer.diff_id.to_string();
        let index = wanted.iter().position(|other| other.diff_id == layer.diff_id);
        let made = match (there.remove(&diff_id), index) {
            (Some(made), _) => {
                ops::add_progress(layer.size, 0);
                made
            }
            (None, Some(index)) if index == next => {
                let made = make(backend, &feed, index, layer, (limits, &rights))?;
                next += 1;
                rights.keep(wanted.get(next..).unwrap_or_default())?;
                made
            }
            // The same layer once more.
            _ => Layer::open(backend, &diff_id)?.ok_or_else(|| lost(&diff_id))?,
        };
        layers.push(made);
        ops::add_progress(0, 1);
    }
    Ok(layers)
}

fn lost(diff_id: &str) -> MsbError {
    load::lost(MsbError::new(
        Status::NotFound,
        "image.layer_lost",
        format!("the layer {diff_id} of the image has just been removed"),
    ))
}

/// Makes a layer of what comes. What was damaged on the way comes once more, and then the layer is made of that.
fn make(
    backend: &Backend,
    feed: &Feed,
    index: usize,
    layer: &LayerRef,
    (limits, rights): (&Limits, &Rights),
) -> Result<Layer, MsbError> {
    let diff_id = layer.diff_id.to_string();
    let right = rights.of(&diff_id)?;
    loop {
        let settled = feed.is_settled(index);
        let blob = feed.blob(index, layer)?;
        let made = Layer::make_claimed(backend, &diff_id, limits, right, |options| {
            LayerStream::fetched(blob, layer, options)
        });
        match made {
            Err(error) if error.status() == Status::Corrupt && !settled => feed.settle(index)?,
            Err(error) => return Err(feed.failure().unwrap_or(error)),
            // It is what its own digest says; that the blob is, too, the fetching has to tell.
            Ok(made) => return feed.settle(index).map(|()| made),
        }
    }
}

/// The rights to make the layers that are missing, by their bytes. Two layers may share one.
struct Rights(BTreeMap<i64, RowLock>);

impl Rights {
    fn take(backend: &Backend, image: &Image) -> Result<Self, MsbError> {
        let mut bytes = BTreeSet::new();
        for layer in &image.layers {
            let diff_id = layer.diff_id.to_string();
            if Layer::sound(backend, &diff_id)?.is_none() {
                bytes.insert(layers::byte(&diff_id)?);
            }
        }
        let take = |byte| Ok((byte, layers::claim(backend, byte)?));
        Ok(Self(
            bytes.into_iter().map(take).collect::<Result<_, MsbError>>()?,
        ))
    }

    /// Gives up those that none of these layers needs.
    fn keep(&mut self, layers: &[&LayerRef]) -> Result<(), MsbError> {
        let bytes = layers
            .iter()
            .map(|layer| layers::byte(&layer.diff_id.to_string()))
            .collect::<Result<BTreeSet<_>, _>>()?;
        self.0.retain(|byte, _| bytes.contains(byte));
        Ok(())
    }

    fn of(&self, diff_id: &str) -> Result<&RowLock, MsbError> {
        // A layer that was there when the rights were taken and is gone since.
        self.0.get(&layers::byte(diff_id)?).ok_or_else(|| lost(diff_id))
    }
}
