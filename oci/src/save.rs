//! Images into one archive that is a layout and also what `docker save` writes, so that any program loads it.
//!
//! Documents and blobs go in as they are, under their digests, each of them once; a blob that is not what the image
//! says ends the writing with an error, and what was written is no archive.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Write};

use serde::Serialize;
use tar::{EntryType, Header};

use crate::digest::{Digest, Digester};
use crate::error::OciError;
use crate::manifest::{Image, LayerRef, RawDescriptor, RawDocument, RawPlatform, to_json};
use crate::media;
use crate::reference::Reference;
use crate::source::{CONTAINERD_NAME, OCI_NAME};

const BLOCK: usize = 512;
const BUFFER: usize = 256 << 10;

/// Gives the bytes of the layer of the index.
pub type OpenLayer<'a> = dyn Fn(usize) -> io::Result<Box<dyn Read + 'a>> + 'a;

/// An image with its names, and what gives the bytes of its layers as their digests are of.
pub struct SavedImage<'a> {
    /// The image.
    pub image: &'a Image,
    /// Its names; may be none.
    pub names: &'a [Reference],
    /// Opens the layer of the index.
    pub layer: &'a OpenLayer<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Writes the archive. `progress` is told how many more bytes were written.
pub fn save(
    images: &[SavedImage<'_>],
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(), OciError> {
    let mut archive = Archive {
        out,
        progress,
        written: HashSet::new(),
    };
    let mut index = Vec::new();
    let mut docker = Vec::new();
    archive.member("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    for directory in ["blobs/", "blobs/sha256/"] {
        archive.header(directory, EntryType::Directory, 0o755, 0)?;
    }
    for saved in images {
        let image = saved.image;
        for (number, layer) in image.layers.iter().enumerate() {
            archive.layer(layer, number, saved.layer)?;
        }
        archive.document(&image.config_digest, &image.config_bytes)?;
        archive.document(&image.digest, &image.manifest)?;
        describe(saved, &mut index);
        docker.push(DockerImage {
            config: blob_name(&image.config_digest),
            repo_tags: tags(saved.names),
            layers: image
                .layers
                .iter()
                .map(|layer| blob_name(&layer.digest))
                .collect(),
        });
    }
    let index = RawDocument {
        schema_version: Some(2),
        media_type: media::OCI_INDEX.to_owned(),
        manifests: Some(index),
        ..RawDocument::default()
    };
    archive.member("index.json", &to_json("index", &index)?)?;
    archive.member("manifest.json", &to_json("manifest.json", &docker)?)?;
    archive.write(&[0; 2 * BLOCK])?;
    archive.out.flush().map_err(write_error)
}

/// One entry of the index for each name, or one without a name.
fn describe(saved: &SavedImage<'_>, index: &mut Vec<RawDescriptor>) {
    let image = saved.image;
    let entry = |annotations| RawDescriptor {
        platform: Some(RawPlatform {
            architecture: image.platform.architecture.clone(),
            os: image.platform.os.clone(),
            variant: image.platform.variant.clone(),
        }),
        annotations,
        ..RawDescriptor::new(
            &image.media_type,
            image.digest.clone(),
            image.manifest.len() as u64,
        )
    };
    if saved.names.is_empty() {
        index.push(entry(BTreeMap::new()));
    }
    index.extend(saved.names.iter().map(|name| {
        let name = name.to_string();
        entry(BTreeMap::from([
            (CONTAINERD_NAME.to_owned(), name.clone()),
            (OCI_NAME.to_owned(), name),
        ]))
    }));
}

/// Docker's archive knows names with tags only.
fn tags(names: &[Reference]) -> Vec<String> {
    let tagged = names
        .iter()
        .filter_map(|name| Some(format!("{}:{}", name.name(), name.tag()?)));
    tagged.collect()
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

struct Archive<'a> {
    out: &'a mut dyn Write,
    progress: &'a mut dyn FnMut(u64),
    /// Blobs that are in it.
    written: HashSet<Digest>,
}

impl Archive<'_> {
    fn document(&mut self, digest: &Digest, bytes: &[u8]) -> Result<(), OciError> {
        digest.check("document of the image", bytes)?;
        if !self.written.insert(digest.clone()) {
            return Ok(());
        }
        self.member(&blob_name(digest), bytes)
    }

    fn layer(&mut self, layer: &LayerRef, number: usize, open: &OpenLayer<'_>) -> Result<(), OciError> {
        if !self.written.insert(layer.digest.clone()) {
            return Ok(());
        }
        let read_error = |error| OciError::from_stream("read a layer to save it", error);
        let mut blob = open(number).map_err(read_error)?;
        self.header(&blob_name(&layer.digest), EntryType::Regular, 0o644, layer.size)?;
        let mut digester = Digester::new(layer.digest.algorithm());
        let mut buffer = vec![0; BUFFER];
        let mut size = 0;
        loop {
            let got = match blob.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(read_error(error)),
            };
            size += got as u64;
            if size > layer.size {
                break;
            }
            digester.update(&buffer[..got]);
            self.write(&buffer[..got])?;
        }
        if size != layer.size {
            return Err(OciError::SizeMismatch {
                what: "layer".to_owned(),
                expected: layer.size,
                found: size,
            });
        }
        layer.digest.compare("layer", digester)?;
        self.pad(size)
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<(), OciError> {
        self.header(name, EntryType::Regular, 0o644, bytes.len() as u64)?;
        self.write(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn header(&mut self, name: &str, kind: EntryType, mode: u32, size: u64) -> Result<(), OciError> {
        let mut header = Header::new_gnu();
        // Room for a name is 100 bytes. Only that of a SHA-512 is longer, and goes in front.
        if name.len() > 100 {
            let mut long = Header::new_gnu();
            long.set_entry_type(EntryType::GNULongName);
            long.set_size(name.len() as u64 + 1);
            long.set_mode(0o644);
            put_name(&mut long, "././@LongLink");
            self.write(long.as_bytes())?;
            self.write(name.as_bytes())?;
            self.write(&[0])?;
            self.pad(name.len() as u64 + 1)?;
        }
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        put_name(&mut header, name);
        self.write(header.as_bytes())
    }

    fn pad(&mut self, size: u64) -> Result<(), OciError> {
        match (size % BLOCK as u64) as usize {
            0 => Ok(()),
            over => self.write(&[0; BLOCK][over..]),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), OciError> {
        self.out.write_all(bytes).map_err(write_error)?;
        (self.progress)(bytes.len() as u64);
        Ok(())
    }
}

/// Completes a header with as much of the name as it has room for.
fn put_name(header: &mut Header, name: &str) {
    let field = &mut header.as_old_mut().name;
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name.as_bytes()[..length]);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
}

fn write_error(source: io::Error) -> OciError {
    OciError::Stream {
        what: "write the archive",
        source,
    }
}
