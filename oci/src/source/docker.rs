//! What `docker save` wrote before it wrote layouts, given the documents that an image has elsewhere.
//!
//! `manifest.json` lists images: each has a configuration and layers, by names of members. A layer that is not
//! compressed has its diff id as its digest, so that none has to be read to know it.

use std::collections::HashMap;
use std::io::Read;

use serde::Deserialize;

use crate::config::{or_default, read_config};
use crate::digest::{Algorithm, Digest, Digester};
use crate::error::{OciError, shorten};
use crate::manifest::{Descriptor, Image, LayerRef, MAX_LAYERS};
use crate::media::Compression;
use crate::source::images::{Blobs, ImageSource, ListedImage, read_small};
use crate::source::members::Members;
use crate::source::slice::{FileSlice, ReadAt};

pub(super) const MANIFEST: &str = "manifest.json";
/// What the oldest archives have besides.
pub(super) const REPOSITORIES: &str = "repositories";

/// Most images of an archive, and most layers of all of them, shared ones counted each time.
const MAX_IMAGES: usize = 1000;
const MAX_ALL_LAYERS: usize = 20_000;

const BUFFER: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default, deserialize_with = "or_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    layers: Vec<String>,
}

/// What was found of the archive so far.
struct Archive<'a> {
    tar: &'a FileSlice,
    members: &'a Members,
    documents: HashMap<Digest, Vec<u8>>,
    layers: HashMap<Digest, FileSlice>,
    /// Digests of compressed members, which had to be read for them, by offset.
    read: HashMap<u64, Digest>,
}

pub(super) fn open(tar: &FileSlice, members: &Members) -> Result<ImageSource, OciError> {
    let mut archive = Archive {
        tar,
        members,
        documents: HashMap::new(),
        layers: HashMap::new(),
        read: HashMap::new(),
    };
    let manifest = read_small(MANIFEST, archive.member(MANIFEST)?)?;
    let saved: Vec<Saved> = serde_json::from_slice(&manifest).map_err(|source| OciError::Json {
        what: MANIFEST.to_owned(),
        source,
    })?;
    limit(saved.len(), MAX_IMAGES, "images")?;
    limit(
        saved.iter().map(|image| image.layers.len()).sum(),
        MAX_ALL_LAYERS,
        "layers",
    )?;
    let mut images = Vec::new();
    for saved in saved {
        let descriptor = archive.image(&saved)?;
        let names: Vec<Option<String>> = match saved.repo_tags.is_empty() {
            true => vec![None],
            false => saved.repo_tags.into_iter().map(Some).collect(),
        };
        images.extend(names.into_iter().map(|name| ListedImage {
            name,
            manifests: vec![descriptor.clone()],
        }));
    }
    let blobs = Blobs::Docker {
        documents: archive.documents,
        layers: archive.layers,
    };
    Ok(ImageSource::new(blobs, images))
}

impl Archive<'_> {
    fn member(&self, name: &str) -> Result<FileSlice, OciError> {
        let (at, size) = self.members.find(name).ok_or_else(|| OciError::Missing {
            what: format!("member {:?} of the archive", shorten(name)),
        })?;
        Ok(self.tar.part(at, size))
    }

    /// Makes the manifest of one image.
    fn image(&mut self, saved: &Saved) -> Result<Descriptor, OciError> {
        let config = read_small("image configuration", self.member(&saved.config)?)?;
        let diff_ids = read_config(&config)?.diff_ids;
        limit(saved.layers.len(), MAX_LAYERS, "layers of an image")?;
        if diff_ids.len() != saved.layers.len() {
            let why = format!(
                "an image has {} layers, and its configuration {}",
                saved.layers.len(),
                diff_ids.len()
            );
            return Err(OciError::malformed(MANIFEST, why));
        }
        let layers = saved.layers.iter().zip(diff_ids);
        let layers = layers.map(|(name, diff_id)| self.layer(name, diff_id));
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        let image = Image::assemble(config, &layers)?;
        let descriptor = Descriptor {
            media_type: image.media_type.clone(),
            digest: image.digest.clone(),
            size: image.manifest.len() as u64,
            platform: Some(image.platform),
            annotations: Default::default(),
        };
        self.documents.insert(image.digest, image.manifest);
        self.documents.insert(image.config_digest, image.config_bytes);
        Ok(descriptor)
    }

    fn layer(&mut self, name: &str, diff_id: Digest) -> Result<LayerRef, OciError> {
        let (at, size) = self.members.find(name).ok_or_else(|| OciError::Missing {
            what: format!("layer {:?} of the archive", shorten(name)),
        })?;
        let slice = self.tar.part(at, size);
        let mut start = [0; 8];
        let start = match slice.len() {
            0..8 => &[],
            _ => {
                slice.fill_at(&mut start, 0).map_err(read_error)?;
                start.as_slice()
            }
        };
        let compression = Compression::of_content(start);
        let digest = match (compression, self.read.get(&at)) {
            (Compression::None, _) => diff_id.clone(),
            (_, Some(known)) => known.clone(),
            (_, None) => {
                let digest = digest_of(slice.clone())?;
                self.read.insert(at, digest.clone());
                digest
            }
        };
        self.layers.insert(digest.clone(), slice);
        Ok(LayerRef {
            digest,
            diff_id,
            size,
            compression,
            media_type: compression.media_type().to_owned(),
        })
    }
}

fn digest_of(mut slice: FileSlice) -> Result<Digest, OciError> {
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut buffer = vec![0; BUFFER];
    loop {
        match slice.read(&mut buffer) {
            Ok(0) => return Ok(digester.finish()),
            Ok(got) => digester.update(&buffer[..got]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_error(error)),
        }
    }
}

fn read_error(source: std::io::Error) -> OciError {
    OciError::Stream {
        what: "read a layer of the archive",
        source,
    }
}

fn limit(count: usize, limit: usize, unit: &'static str) -> Result<(), OciError> {
    if count > limit {
        return Err(OciError::TooLarge {
            what: MANIFEST.to_owned(),
            limit: limit as u64,
            unit,
        });
    }
    Ok(())
}
