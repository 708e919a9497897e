//! Images made in memory, in every form that a source has to read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here is a failed test"
)]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use msb_oci::{Compression, Digest, ImageSource, Kind, LayerOptions, LayerStream, OciError, Opened, Spool};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

pub fn options() -> LayerOptions {
    LayerOptions {
        max_unpacked: 1 << 30,
        read_ahead: false,
        progress: None,
    }
}

/// A tar of the members, in their order; a name may be anything.
pub fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in members {
        append(&mut builder, name, EntryType::Regular, content, "");
    }
    builder.into_inner().unwrap()
}

pub fn append(builder: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, content: &[u8], link: &str) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let fields = header.as_old_mut();
    fields.name[..name.len()].copy_from_slice(name.as_bytes());
    fields.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

pub fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
    }
}

/// An image with its blobs.
pub struct Made {
    pub tars: Vec<Vec<u8>>,
    pub blobs: Vec<Vec<u8>>,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Made {
    /// Two layers that are packed so, for the platform `linux/architecture`.
    pub fn new(compression: Compression, architecture: &str) -> Self {
        Self::sized(compression, architecture, 200_000)
    }

    /// The same with a file of so many numbers.
    pub fn sized(compression: Compression, architecture: &str, numbers: u32) -> Self {
        let big: Vec<u8> = (0..numbers).flat_map(|n| (n / 3).to_le_bytes()).collect();
        let tars = vec![
            tar_of(&[("etc/os-release", b"NAME=made\n"), ("big", &big)]),
            tar_of(&[("usr/bin/tool", architecture.as_bytes())]),
        ];
        let blobs: Vec<Vec<u8>> = tars.iter().map(|tar| pack(compression, tar)).collect();
        let diff_ids: Vec<Digest> = tars.iter().map(|tar| Digest::of(tar)).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "2026-01-02T03:04:05Z",
            "config": { "Env": ["PATH=/bin"], "Cmd": ["tool"], "User": "7:8", "WorkingDir": "/srv",
                        "Entrypoint": ["/init", "--"], "StopSignal": "SIGINT", "Labels": { "a": "b" },
                        "ExposedPorts": { "80/tcp": {} } },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = serde_json::to_vec(&config).unwrap();
        let layers: Vec<Value> = blobs
            .iter()
            .map(|blob| descriptor(compression.media_type(), blob))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config), "layers": layers,
        });
        Self {
            tars,
            blobs,
            config,
            manifest: serde_json::to_vec(&manifest).unwrap(),
        }
    }

    /// What an index says of it.
    pub fn descriptor(&self, name: Option<&str>) -> Value {
        let mut descriptor = descriptor("application/vnd.oci.image.manifest.v1+json", &self.manifest);
        if let Some(name) = name {
            descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        }
        descriptor
    }

    /// Members of a layout: its blobs.
    pub fn members(&self) -> Vec<(String, Vec<u8>)> {
        let all = self.blobs.iter().chain([&self.config, &self.manifest]);
        all.map(|blob| (blob_name(blob), blob.clone())).collect()
    }

    /// All members of a layout with this image only.
    pub fn layout(&self) -> Vec<(String, Vec<u8>)> {
        let mut members = self.members();
        members.extend(index_of(&[self.descriptor(Some("1.0"))]));
        members
    }

    pub fn layout_tar(&self) -> Vec<u8> {
        tar_of_owned(&self.layout())
    }

    /// What an old `docker save` wrote: a directory for each layer, the second one a link to the first if they are
    /// equal, and the documents last.
    pub fn docker_tar(&self) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        let config = format!("{}.json", Digest::of(&self.config).hex());
        let mut names = Vec::new();
        for (index, blob) in self.blobs.iter().enumerate() {
            let id = Digest::of(&[index as u8]);
            let directory = format!("{}/", id.hex());
            append(&mut builder, &directory, EntryType::Directory, b"", "");
            append(
                &mut builder,
                &format!("{directory}VERSION"),
                EntryType::Regular,
                b"1.0",
                "",
            );
            let name = format!("{directory}layer.tar");
            let target = format!("{}.tar", Digest::of(blob).hex());
            append(&mut builder, &target, EntryType::Regular, blob, "");
            append(
                &mut builder,
                &name,
                EntryType::Symlink,
                b"",
                &format!("../{target}"),
            );
            names.push(name);
        }
        append(&mut builder, &config, EntryType::Regular, &self.config, "");
        let manifest = json!([{ "Config": config, "RepoTags": ["made:1.0"], "Layers": names }]).to_string();
        append(
            &mut builder,
            "manifest.json",
            EntryType::Regular,
            manifest.as_bytes(),
            "",
        );
        builder.into_inner().unwrap()
    }
}

pub fn blob_name(blob: &[u8]) -> String {
    format!("blobs/sha256/{}", Digest::of(blob).hex())
}

pub fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::of(blob), "size": blob.len() })
}

pub fn index_bytes(manifests: &[Value]) -> Vec<u8> {
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
    });
    serde_json::to_vec(&index).unwrap()
}

/// The two documents at the top of a layout.
pub fn index_of(manifests: &[Value]) -> Vec<(String, Vec<u8>)> {
    vec![
        ("index.json".to_owned(), index_bytes(manifests)),
        (
            "oci-layout".to_owned(),
            br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
        ),
    ]
}

pub fn tar_of_owned(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, content)| (name.as_str(), content.as_slice()))
        .collect();
    tar_of(&members)
}

pub fn write_layout(directory: &Path, members: &[(String, Vec<u8>)]) {
    for (name, content) in members {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Opens bytes as a file; what has to be spooled goes nowhere, so that only what is read in place works.
pub fn open_in_place(bytes: &[u8], kind: Kind) -> Result<Opened, OciError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let nowhere = Spool {
        directory: Path::new("/nonexistent"),
        max_bytes: 0,
    };
    msb_oci::open_file(file, kind, &nowhere)
}

pub fn images(opened: Result<Opened, OciError>) -> ImageSource {
    match opened.unwrap() {
        Opened::Images(images) => images,
        Opened::Rootfs(_) => panic!("taken for a root file system"),
    }
}

/// Opens bytes that have to be images in place.
pub fn images_of(bytes: &[u8]) -> Result<ImageSource, OciError> {
    open_in_place(bytes, Kind::Images).map(|opened| match opened {
        Opened::Images(images) => images,
        Opened::Rootfs(_) => panic!("taken for a root file system"),
    })
}

pub fn read(mut stream: LayerStream) -> Result<Vec<u8>, OciError> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => stream.finish().map(|_| all),
        Err(error) => Err(error.downcast::<OciError>().unwrap()),
    }
}
