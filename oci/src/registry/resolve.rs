//! A name to an image: index, manifest and configuration, each held against its digest.

use std::sync::Arc;

use super::client::{Client, Wanted};
use super::retry::Retry;
use super::watch::{self, Watch};
use super::{Cancel, RegistryError, RegistryOptions};
use crate::digest::{Digest, Digester};
use crate::error::OciError;
use crate::manifest::{Descriptor, Document, Image, MAX_DOCUMENT, choose, read_document};
use crate::media::MANIFEST_TYPES;
use crate::reference::Reference;

/// Asks the registry what image a name stands for. Layers stay where they are.
pub fn resolve(
    reference: &Reference,
    options: &RegistryOptions,
    cancel: &dyn Cancel,
) -> Result<Image, RegistryError> {
    let watch = Arc::new(Watch::default());
    let work = || image(reference, options, watch.clone());
    let images = watch::run(&watch, 1, cancel, || (), work)?;
    images.into_iter().next().unwrap_or(Err(RegistryError::Cancelled))
}

fn image(
    reference: &Reference,
    options: &RegistryOptions,
    watch: Arc<Watch>,
) -> Result<Image, RegistryError> {
    let refused = |source: OciError| RegistryError::Image {
        name: reference.to_string(),
        source,
    };
    let documents = Documents {
        client: Client::new(reference, options, watch)?,
        options,
        name: reference.to_string(),
    };
    let path = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => format!("manifests/{digest}"),
        (None, tag) => format!("manifests/{}", tag.unwrap_or("latest")),
    };
    let (bytes, media_type) = documents.fetch(&path, MAX_DOCUMENT, reference.digest())?;
    let (bytes, manifest) = match read_document(&bytes, media_type.as_deref()).map_err(refused)? {
        Document::Manifest(manifest) => (bytes, manifest),
        Document::Index(manifests) => {
            let chosen = choose(&manifests, &options.platform).map_err(refused)?;
            let bytes = documents.described("manifests", chosen)?;
            match read_document(&bytes, Some(&chosen.media_type)).map_err(refused)? {
                Document::Manifest(manifest) => (bytes, manifest),
                Document::Index(_) => {
                    return Err(refused(OciError::malformed("index", "it lists another index")));
                }
            }
        }
    };
    let config = documents.described("blobs", &manifest.config)?;
    Image::new(bytes, config).map_err(refused)
}

/// The documents of one image.
struct Documents<'a> {
    client: Client<'a>,
    options: &'a RegistryOptions,
    name: String,
}

impl Documents<'_> {
    /// One that another names.
    fn described(&self, kind: &str, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        if descriptor.size > MAX_DOCUMENT {
            return Err(RegistryError::TooLarge {
                host: self.client.host.clone(),
                what: self.name.clone(),
                limit: MAX_DOCUMENT,
            });
        }
        let path = format!("{kind}/{}", descriptor.digest);
        let (bytes, _) = self.fetch(&path, descriptor.size, Some(&descriptor.digest))?;
        Ok(bytes)
    }

    /// Tries until a document is there. One that is not what its digest says is fetched once more.
    fn fetch(
        &self,
        path: &str,
        limit: u64,
        expected: Option<&Digest>,
    ) -> Result<(Vec<u8>, Option<String>), RegistryError> {
        let accept = MANIFEST_TYPES.join(", ");
        let wanted = Wanted {
            path: path.to_owned(),
            what: &self.name,
            accept: path.starts_with("manifests/").then_some(accept.as_str()),
            offset: 0,
        };
        let mut retry = Retry::new(self.client.watch(), self.options.patience);
        let mut corrupt = false;
        loop {
            let answer = self.client.document(&wanted, limit);
            let error = match (answer, expected) {
                (Ok(answer), None) => return Ok(answer),
                (Ok(answer), Some(expected)) => {
                    let mut digester = Digester::new(expected.algorithm());
                    digester.update(&answer.0);
                    let found = digester.finish();
                    if found == *expected {
                        return Ok(answer);
                    }
                    let error = RegistryError::Corrupt {
                        host: self.client.host.clone(),
                        expected: expected.clone(),
                        found: Some(found),
                    };
                    if std::mem::replace(&mut corrupt, true) {
                        return Err(error);
                    }
                    continue;
                }
                (Err(error), _) => error,
            };
            retry.after(error)?;
        }
    }
}
