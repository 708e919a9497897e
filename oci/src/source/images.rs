//! The images of a layout or archive: which there are, their documents, and where their layers lie.
//!
//! Everything is looked up by digest and held against it. What docker's own archives name otherwise was given
//! digests when the archive was opened.

use std::collections::HashMap;
use std::io::Read;
use std::os::fd::OwnedFd;

use crate::digest::Digest;
use crate::error::{OciError, list};
use crate::manifest::{
    Descriptor, Document, Image, LayerRef, MAX_DOCUMENT, choose, read_document, too_large,
};
use crate::media;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::source::members::Members;
use crate::source::slice::FileSlice;
use crate::source::{docker, layout};

/// How deep indexes are followed.
const MAX_DEPTH: usize = 4;

/// Names of images by containerd, which docker uses too: with registry and tag.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Names of images by the specification: often only the tag.
pub(crate) const OCI_NAME: &str = "org.opencontainers.image.ref.name";

const INDEX: &str = "index.json";
const LAYOUT: &str = "oci-layout";

/// One or several images, with all that they consist of.
pub struct ImageSource {
    blobs: Blobs,
    images: Vec<ListedImage>,
}

/// An image that a source lists; perhaps one for each of several platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// As it is written there; none if it has no name.
    pub name: Option<String>,
    /// What has the name.
    pub manifests: Vec<Descriptor>,
}

/// Where content lies.
pub(super) enum Blobs {
    Layout(OwnedFd),
    Archive {
        tar: FileSlice,
        members: Members,
    },
    /// By digest: documents that were made for the archive, and parts of it.
    Docker {
        documents: HashMap<Digest, Vec<u8>>,
        layers: HashMap<Digest, FileSlice>,
    },
}

impl ImageSource {
    pub(super) fn new(blobs: Blobs, images: Vec<ListedImage>) -> Self {
        Self { blobs, images }
    }

    /// The images that there are, in the order of the source.
    pub fn images(&self) -> &[ListedImage] {
        &self.images
    }

    /// The image of the name, as it is written or as docker would understand it, or of the digest; without a name
    /// the only one.
    pub fn find(&self, name: Option<&str>) -> Result<&ListedImage, OciError> {
        let names = || {
            let names = self.images.iter();
            list(names.map(|image| image.name.as_deref().unwrap_or("one without a name")))
        };
        let Some(first) = self.images.first() else {
            return Err(OciError::Missing {
                what: "image in the index".to_owned(),
            });
        };
        let Some(wanted) = name else {
            // One image may have several names.
            return if self.images.iter().all(|image| same(image, first)) {
                Ok(first)
            } else {
                Err(OciError::Ambiguous { available: names() })
            };
        };
        let exact = |image: &&ListedImage| image.name.as_deref() == Some(wanted);
        let by_digest = |image: &&ListedImage| matches!(image.manifests.as_slice(), [one] if one.digest.to_string() == wanted);
        let reference = Reference::parse(wanted).ok();
        let alike = |image: &&ListedImage| {
            let own = image.name.as_deref().and_then(|name| Reference::parse(name).ok());
            own.is_some() && own == reference
        };
        let mut images = self.images.iter();
        images
            .clone()
            .find(exact)
            .or_else(|| images.clone().find(by_digest))
            .or_else(|| images.find(alike))
            .ok_or_else(|| OciError::NoSuchImage {
                wanted: wanted.to_owned(),
                available: names(),
            })
    }

    /// The documents of the one that runs best on the platform.
    pub fn image(&self, listed: &ListedImage, platform: &Platform) -> Result<Image, OciError> {
        let mut manifests = listed.manifests.clone();
        for _ in 0..MAX_DEPTH {
            let chosen = choose(&manifests, platform)?;
            let bytes = self.document("manifest", chosen)?;
            match read_document(&bytes, Some(&chosen.media_type))? {
                Document::Index(deeper) => manifests = deeper,
                Document::Manifest(manifest) => {
                    let config = self.document("image configuration", &manifest.config)?;
                    let image = Image::new(bytes, config)?;
                    if platform.fitness(&image.platform).is_none() {
                        return Err(OciError::NoPlatform {
                            wanted: platform.clone(),
                            available: image.platform.to_string(),
                        });
                    }
                    return Ok(image);
                }
            }
        }
        Err(OciError::malformed("index", "indexes are too deep in each other"))
    }

    /// The bytes of a layer as they are kept, for a [`crate::LayerStream`]. Layers can be read at the same time.
    pub fn layer(&self, layer: &LayerRef) -> Result<FileSlice, OciError> {
        let slice = self.slice(&layer.digest)?.ok_or_else(|| missing(&layer.digest))?;
        sized("layer", slice, layer.size)
    }

    fn document(&self, what: &str, descriptor: &Descriptor) -> Result<Vec<u8>, OciError> {
        if descriptor.size > MAX_DOCUMENT {
            return Err(too_large(what));
        }
        if let Blobs::Docker { documents, .. } = &self.blobs
            && let Some(bytes) = documents.get(&descriptor.digest)
        {
            return Ok(bytes.clone());
        }
        let slice = self
            .slice(&descriptor.digest)?
            .ok_or_else(|| missing(&descriptor.digest))?;
        let bytes = read_small(what, sized(what, slice, descriptor.size)?)?;
        descriptor.check(what, &bytes)?;
        Ok(bytes)
    }

    fn slice(&self, digest: &Digest) -> Result<Option<FileSlice>, OciError> {
        let name = || format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
        match &self.blobs {
            Blobs::Layout(directory) => layout::file(directory, &name()),
            Blobs::Archive { tar, members } => {
                let found = members.find(&name());
                Ok(found.map(|(at, size)| tar.part(at, size)))
            }
            Blobs::Docker { layers, .. } => Ok(layers.get(digest).cloned()),
        }
    }
}

/// Whether two names are of one image.
fn same(one: &ListedImage, other: &ListedImage) -> bool {
    let digests = |image: &ListedImage| -> Vec<Digest> {
        image
            .manifests
            .iter()
            .map(|manifest| manifest.digest.clone())
            .collect()
    };
    digests(one) == digests(other)
}

/// Whether members of an archive of images are among them.
pub(super) fn are_in(members: &Members) -> bool {
    (members.has(LAYOUT) && members.has(INDEX)) || members.has(docker::MANIFEST)
}

/// Whether programs that write archives of images may begin one with a member of the name: with a document, or with
/// a blob that is named by its digest.
pub(super) fn is_name_of_archive(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or(name);
    let stem = first.strip_prefix("sha256:").unwrap_or(first);
    let stem = stem.split('.').next().unwrap_or(stem);
    let by_digest = stem.len() >= 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    by_digest
        || first == "blobs"
        || [
            LAYOUT,
            INDEX,
            docker::MANIFEST,
            docker::REPOSITORIES,
            "config.json",
        ]
        .contains(&name)
}

/// The images of a tar that holds a layout or what docker saves. Newer versions of docker save both in one.
pub(super) fn open_archive(tar: FileSlice, members: Members) -> Result<ImageSource, OciError> {
    if members.has(LAYOUT) && members.has(INDEX) {
        let index = members.find(INDEX).ok_or_else(|| OciError::Missing {
            what: format!("member {INDEX} of the archive"),
        })?;
        let images = read_index(tar.part(index.0, index.1))?;
        return Ok(ImageSource::new(Blobs::Archive { tar, members }, images));
    }
    if members.has(docker::MANIFEST) {
        return docker::open(&tar, &members);
    }
    let what = if members.has(docker::REPOSITORIES) {
        "it was saved by a docker older than 1.10, without a manifest.json".to_owned()
    } else {
        let names = list(members.names());
        format!("the archive holds neither oci-layout and index.json nor manifest.json, but {names}")
    };
    Err(OciError::NotAnImage { what })
}

pub(super) fn open_layout(directory: OwnedFd, index: FileSlice) -> Result<ImageSource, OciError> {
    Ok(ImageSource::new(Blobs::Layout(directory), read_index(index)?))
}

fn read_index(index: FileSlice) -> Result<Vec<ListedImage>, OciError> {
    let bytes = read_small("index", index)?;
    let Document::Index(manifests) = read_document(&bytes, Some(media::OCI_INDEX))? else {
        return Err(OciError::malformed("index", "it is a manifest"));
    };
    let mut images: Vec<ListedImage> = Vec::new();
    let mut by_name = HashMap::new();
    for manifest in manifests {
        let name = [CONTAINERD_NAME, OCI_NAME]
            .iter()
            .find_map(|key| manifest.annotations.get(*key))
            .cloned();
        let place = *by_name.entry(name.clone()).or_insert(images.len());
        match images.get_mut(place) {
            Some(image) => image.manifests.push(manifest),
            None => images.push(ListedImage {
                name,
                manifests: vec![manifest],
            }),
        }
    }
    Ok(images)
}

/// All of a document.
pub(super) fn read_small(what: &str, mut slice: FileSlice) -> Result<Vec<u8>, OciError> {
    if slice.len() > MAX_DOCUMENT {
        return Err(too_large(what));
    }
    let mut bytes = Vec::new();
    slice.read_to_end(&mut bytes).map_err(|source| OciError::Stream {
        what: "read the image's documents",
        source,
    })?;
    Ok(bytes)
}

fn sized(what: &str, slice: FileSlice, size: u64) -> Result<FileSlice, OciError> {
    if slice.len() == size {
        return Ok(slice);
    }
    Err(OciError::SizeMismatch {
        what: what.to_owned(),
        expected: size,
        found: slice.len(),
    })
}

fn missing(digest: &Digest) -> OciError {
    OciError::Missing {
        what: format!("content {digest}"),
    }
}
