//! Indexes, manifests, and an image put together from what they name.
//!
//! The bytes of a document are kept as they came, because its digest is of them; what is read from them is bounded,
//! and every digest in it is well-formed.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::config::{ImageConfig, or_default, read_config, write_config};
use crate::digest::{Algorithm, Digest, Digester};
use crate::error::{OciError, list, shorten};
use crate::media::{self, Compression};
use crate::platform::Platform;

/// Longest document: index, manifest or configuration.
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// Most layers of an image.
pub const MAX_LAYERS: usize = 1000;

/// Most manifests of an index.
const MAX_MANIFESTS: usize = 10_000;

/// What one document says of another one or of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its type; empty where the writer left it out.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What it runs on, if that is said.
    pub platform: Option<Platform>,
    /// Notes, of which a name is one.
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Whether the bytes are what it describes.
    pub fn check(&self, what: &str, bytes: &[u8]) -> Result<(), OciError> {
        if bytes.len() as u64 != self.size {
            return Err(OciError::SizeMismatch {
                what: what.to_owned(),
                expected: self.size,
                found: bytes.len() as u64,
            });
        }
        self.digest.check(what, bytes)
    }
}

/// The manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its type.
    pub media_type: String,
    /// Its configuration.
    pub config: Descriptor,
    /// Its layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// A document that a name or digest can lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Several manifests to choose from.
    Index(Vec<Descriptor>),
    /// One image.
    Manifest(Manifest),
}

/// A layer as the manifest and the configuration have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRef {
    /// Of the bytes as they are kept and transferred.
    pub digest: Digest,
    /// Of the unpacked tar.
    pub diff_id: Digest,
    /// Of the bytes as they are kept and transferred.
    pub size: u64,
    /// How its type says that it is packed; what counts in the end is its content.
    pub compression: Compression,
    /// Its type.
    pub media_type: String,
}

impl LayerRef {
    /// Describes a tar, read to its end, as a layer that is not packed.
    pub fn of_tar(tar: &mut dyn Read) -> io::Result<Self> {
        let mut digester = Digester::new(Algorithm::Sha256);
        let mut buffer = vec![0; 256 << 10];
        let mut size = 0;
        loop {
            match tar.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => {
                    digester.update(&buffer[..got]);
                    size += got as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let digest = digester.finish();
        Ok(Self {
            diff_id: digest.clone(),
            digest,
            size,
            compression: Compression::None,
            media_type: Compression::None.media_type().to_owned(),
        })
    }
}

/// One image, without the content of its layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The manifest as it came.
    pub manifest: Vec<u8>,
    /// SHA-256 of the manifest: what the image is known by.
    pub digest: Digest,
    /// Type of the manifest.
    pub media_type: String,
    /// The configuration as it came.
    pub config_bytes: Vec<u8>,
    /// Digest of the configuration.
    pub config_digest: Digest,
    /// What it says of processes.
    pub config: ImageConfig,
    /// What it runs on.
    pub platform: Platform,
    /// Lowest first.
    pub layers: Vec<LayerRef>,
}

impl Image {
    /// Puts an image together from its two documents, each of which is held against what names it.
    pub fn new(manifest: Vec<u8>, config: Vec<u8>) -> Result<Self, OciError> {
        let Document::Manifest(parsed) = read_document(&manifest, None)? else {
            return Err(OciError::malformed("manifest", "it is an index"));
        };
        parsed.config.check("image configuration", &config)?;
        let read = read_config(&config)?;
        if read.diff_ids.len() != parsed.layers.len() {
            let why = format!(
                "it has {} layers, and its configuration {}",
                parsed.layers.len(),
                read.diff_ids.len()
            );
            return Err(OciError::malformed("manifest", why));
        }
        let layers = parsed.layers.into_iter().zip(read.diff_ids);
        let layers = layers.map(|(layer, diff_id)| layer_ref(layer, diff_id));
        Ok(Self {
            digest: Digest::of(&manifest),
            manifest,
            media_type: parsed.media_type,
            config_bytes: config,
            config_digest: parsed.config.digest,
            config: read.config,
            platform: read.platform,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }

    /// Makes both documents for layers, the lowest first, that have none.
    pub fn describe(
        platform: &Platform,
        config: &ImageConfig,
        layers: &[LayerRef],
    ) -> Result<Self, OciError> {
        let diff_ids = layers.iter().map(|layer| &layer.diff_id);
        Self::assemble(write_config(platform, config, diff_ids)?, layers)
    }

    /// Makes the manifest for a configuration and layers that have none. Each layer's diff id has to be the
    /// configuration's.
    pub fn assemble(config: Vec<u8>, layers: &[LayerRef]) -> Result<Self, OciError> {
        let manifest = RawDocument {
            schema_version: Some(2),
            media_type: media::OCI_MANIFEST.to_owned(),
            config: Some(RawDescriptor::new(
                media::OCI_CONFIG,
                Digest::of(&config),
                config.len() as u64,
            )),
            layers: Some(
                layers
                    .iter()
                    .map(|layer| RawDescriptor::new(&layer.media_type, layer.digest.clone(), layer.size))
                    .collect(),
            ),
            ..RawDocument::default()
        };
        let manifest = to_json("manifest", &manifest)?;
        let image = Self::new(manifest, config)?;
        match image
            .layers
            .iter()
            .zip(layers)
            .find(|(made, given)| made.diff_id != given.diff_id)
        {
            Some((made, given)) => Err(OciError::DigestMismatch {
                what: "unpacked layer".to_owned(),
                expected: made.diff_id.clone(),
                found: given.diff_id.clone(),
            }),
            None => Ok(image),
        }
    }
}

fn layer_ref(layer: Descriptor, diff_id: Digest) -> Result<LayerRef, OciError> {
    let Some(compression) = Compression::of_media_type(&layer.media_type) else {
        return Err(OciError::Unsupported {
            what: format!("a layer of the type {:?}", shorten(&layer.media_type)),
        });
    };
    Ok(LayerRef {
        digest: layer.digest,
        diff_id,
        size: layer.size,
        compression,
        media_type: layer.media_type,
    })
}

#[derive(Deserialize, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema_version: Option<u64>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub(crate) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<RawDescriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layers: Option<Vec<RawDescriptor>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifests: Option<Vec<RawDescriptor>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawDescriptor {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<RawPlatform>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct RawPlatform {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) architecture: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
}

impl RawDescriptor {
    pub(crate) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

impl From<RawDescriptor> for Descriptor {
    fn from(raw: RawDescriptor) -> Self {
        Self {
            media_type: raw.media_type,
            digest: raw.digest,
            size: raw.size,
            platform: raw
                .platform
                .map(|raw| Platform::new(&raw.os, &raw.architecture, raw.variant.as_deref())),
            annotations: raw.annotations,
        }
    }
}

/// Reads an index or a manifest. Which of them it is, its type says, and if it has none, that of what names it and
/// what is in it.
pub fn read_document(bytes: &[u8], media_type: Option<&str>) -> Result<Document, OciError> {
    const WHAT: &str = "manifest";
    let raw: RawDocument = from_json(WHAT, bytes)?;
    if raw.schema_version == Some(1) {
        return Err(OciError::Unsupported {
            what: "a manifest of Docker's first version".to_owned(),
        });
    }
    let declared = match raw.media_type.as_str() {
        "" => media_type.unwrap_or_default(),
        own => own,
    };
    // A document that is both would be one image to some programs and another one to others.
    if raw.manifests.is_some() && (raw.layers.is_some() || raw.config.is_some()) {
        return Err(OciError::malformed(WHAT, "it is both an index and a manifest"));
    }
    if let Some(manifests) = raw.manifests {
        if media::is_manifest(declared) {
            return Err(OciError::malformed(
                WHAT,
                "it is an index of the type of a manifest",
            ));
        }
        limit("index", manifests.len(), MAX_MANIFESTS, "manifests")?;
        return Ok(Document::Index(
            manifests.into_iter().map(Descriptor::from).collect(),
        ));
    }
    if media::is_index(declared) {
        return Err(OciError::malformed(WHAT, "it is an index without manifests"));
    }
    let Some(config) = raw.config else {
        return Err(OciError::malformed(
            WHAT,
            "it has neither a configuration nor manifests",
        ));
    };
    if !media::is_image_config(&config.media_type) {
        return Err(OciError::Unsupported {
            what: format!("an artifact of the type {:?}", shorten(&config.media_type)),
        });
    }
    let layers = raw.layers.unwrap_or_default();
    limit(WHAT, layers.len(), MAX_LAYERS, "layers")?;
    let media_type = match declared {
        "" => media::OCI_MANIFEST,
        declared => declared,
    };
    Ok(Document::Manifest(Manifest {
        media_type: media_type.to_owned(),
        config: config.into(),
        layers: layers.into_iter().map(Descriptor::from).collect(),
    }))
}

/// The one that runs best on the platform; of equals the first. One that does not say what it runs on is taken if
/// no other is better; what build tools attach to images never is.
pub fn choose<'a>(manifests: &'a [Descriptor], platform: &Platform) -> Result<&'a Descriptor, OciError> {
    let mut best: Option<(u32, &Descriptor)> = None;
    for manifest in manifests {
        let fitness = match &manifest.platform {
            None => Some(0),
            Some(offered) if offered.is_unknown() => None,
            Some(offered) => platform.fitness(offered),
        };
        if let Some(fitness) = fitness
            && best.is_none_or(|(other, _)| fitness > other)
        {
            best = Some((fitness, manifest));
        }
    }
    let offered = || {
        manifests
            .iter()
            .filter_map(|manifest| manifest.platform.as_ref())
            .filter(|platform| !platform.is_unknown())
    };
    best.map(|(_, manifest)| manifest)
        .ok_or_else(|| OciError::NoPlatform {
            wanted: platform.clone(),
            available: list(offered()),
        })
}

/// Reads a document that is an object of JSON.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, OciError> {
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(too_large(what));
    }
    // The fields of a struct would also be read from a list.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(OciError::malformed(what, "it is no JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|source| OciError::Json {
        what: what.to_owned(),
        source,
    })
}

/// A document that is longer than any is read.
pub(crate) fn too_large(what: &str) -> OciError {
    OciError::TooLarge {
        what: what.to_owned(),
        limit: MAX_DOCUMENT,
        unit: "bytes",
    }
}

pub(crate) fn to_json<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, OciError> {
    serde_json::to_vec(value).map_err(|source| OciError::Json {
        what: what.to_owned(),
        source,
    })
}

fn limit(what: &str, count: usize, limit: usize, unit: &'static str) -> Result<(), OciError> {
    if count > limit {
        return Err(OciError::TooLarge {
            what: what.to_owned(),
            limit: limit as u64,
            unit,
        });
    }
    Ok(())
}
