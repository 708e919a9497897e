//! Every form of an image gives the same image; whatever is wrong with one is an error and never another image.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here is a failed test"
)]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use common::*;
use msb_oci::{
    Compression, Digest, Image, ImageSource, Kind, LayerStream, OciError, Opened, Platform, Spool, open_file,
    open_path, rootfs_image,
};
use serde_json::{Value, json};
use tar::{Builder, EntryType};

const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

fn amd64() -> Platform {
    Platform::new("linux", "amd64", None)
}

/// The only image of the source, and the tars of its layers.
fn only(source: &ImageSource) -> Result<(Image, Vec<Vec<u8>>), OciError> {
    let image = source.image(source.find(None)?, &amd64())?;
    let tars = image.layers.iter().map(|layer| {
        let blob = source.layer(layer)?;
        read(LayerStream::new(blob, layer, options())?)
    });
    let tars = tars.collect::<Result<Vec<_>, _>>()?;
    Ok((image, tars))
}

fn spool(directory: &Path) -> Spool<'_> {
    Spool {
        directory,
        max_bytes: 1 << 30,
    }
}

/// The bytes through a pipe.
fn open_piped(bytes: Vec<u8>, kind: Kind, spool: &Spool<'_>) -> Result<Opened, OciError> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    // Ends with the pipe: it is read to its end, or dropped.
    std::thread::spawn(move || File::from(write).write_all(&bytes));
    open_file(File::from(read), kind, spool)
}

#[test]
fn every_form_of_an_image_is_the_same_image() {
    let directory = tempfile::tempdir().unwrap();
    let made = Made::new(Compression::Gzip, "amd64");
    write_layout(directory.path(), &made.layout());
    let layout = images(open_path(directory.path(), Kind::Any, &spool(directory.path())));
    let (image, tars) = only(&layout).unwrap();
    assert_eq!(
        (&image.manifest, &image.config_bytes),
        (&made.manifest, &made.config)
    );
    assert_eq!(tars, made.tars);
    assert_eq!(layout.images()[0].name.as_deref(), Some("1.0"));

    let archive = images(open_in_place(&made.layout_tar(), Kind::Any));
    assert_eq!(only(&archive).unwrap(), (image.clone(), tars.clone()));
    for compression in ALL {
        let packed = pack(compression, &made.layout_tar());
        let path = directory.path().join("archive");
        std::fs::write(&path, &packed).unwrap();
        let opened = images(open_path(&path, Kind::Any, &spool(directory.path())));
        assert_eq!(only(&opened).unwrap(), (image.clone(), tars.clone()));
        let opened = images(open_piped(packed, Kind::Any, &spool(directory.path())));
        assert_eq!(only(&opened).unwrap(), (image.clone(), tars.clone()));
    }
}

#[test]
fn an_archive_of_docker_gets_the_documents_that_it_lacks() {
    for compression in ALL {
        let made = Made::new(compression, "amd64");
        let source = images(open_in_place(&made.docker_tar(), Kind::Any));
        let (image, tars) = only(&source).unwrap();
        assert_eq!(tars, made.tars);
        assert_eq!(image.config_bytes, made.config);
        let digests: Vec<Digest> = image.layers.iter().map(|layer| layer.digest.clone()).collect();
        assert_eq!(
            digests,
            made.blobs.iter().map(|blob| Digest::of(blob)).collect::<Vec<_>>()
        );
        assert!(image.layers.iter().all(|layer| layer.compression == compression));
        assert_eq!(source.images()[0].name.as_deref(), Some("made:1.0"));
        for name in ["made:1.0", "docker.io/library/made:1.0", "library/made:1.0"] {
            assert!(source.find(Some(name)).is_ok(), "{name}");
        }
        let again = Image::new(image.manifest.clone(), image.config_bytes.clone()).unwrap();
        assert_eq!(again, image);
    }
}

#[test]
fn what_an_image_says_of_processes_is_read() {
    let made = Made::new(Compression::None, "amd64");
    let (image, _) = only(&images_of(&made.layout_tar()).unwrap()).unwrap();
    let config = image.config;
    assert_eq!(config.entrypoint, ["/init", "--"]);
    assert_eq!(config.cmd, ["tool"]);
    assert_eq!(config.env, ["PATH=/bin"]);
    assert_eq!(
        (config.user.as_str(), config.working_dir.as_str()),
        ("7:8", "/srv")
    );
    assert_eq!(config.stop_signal.as_deref(), Some("SIGINT"));
    assert_eq!(config.labels["a"], "b");
    assert_eq!(config.created.as_deref(), Some("2026-01-02T03:04:05Z"));
}

#[test]
fn the_image_of_the_platform_is_chosen_through_nested_indexes_and_attachments_never() {
    let intel = Made::new(Compression::Zstd, "amd64");
    let arm = Made::new(Compression::Gzip, "arm64");
    let mut members = intel.members();
    members.extend(arm.members());
    let attachment = {
        let mut of = intel.descriptor(None);
        of["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        of
    };
    let with = |made: &Made, architecture: &str| {
        let mut descriptor = made.descriptor(None);
        descriptor["platform"] = json!({ "os": "linux", "architecture": architecture });
        descriptor
    };
    let nested = index_bytes(&[attachment, with(&arm, "arm64"), with(&intel, "amd64")]);
    let mut outer = descriptor("application/vnd.oci.image.index.v1+json", &nested);
    outer["annotations"] = json!({ "org.opencontainers.image.ref.name": "both" });
    members.push((blob_name(&nested), nested));
    members.extend(index_of(&[outer]));
    let source = images_of(&tar_of_owned(&members)).unwrap();
    let listed = source.find(Some("both")).unwrap();
    for (architecture, made) in [("amd64", &intel), ("arm64", &arm)] {
        let platform = Platform::new("linux", architecture, None);
        assert_eq!(source.image(listed, &platform).unwrap().manifest, made.manifest);
    }
    let error = source
        .image(listed, &Platform::new("linux", "riscv64", None))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no image for linux/riscv64, only for linux/arm64, linux/amd64; choose another platform or image"
    );
    // An image that the index says nothing of is held against its own configuration.
    let wrong = images_of(&arm.layout_tar()).unwrap();
    assert!(matches!(only(&wrong), Err(OciError::NoPlatform { .. })));
}

#[test]
fn several_images_are_listed_and_none_is_guessed() {
    let (one, other) = (
        Made::new(Compression::None, "amd64"),
        Made::new(Compression::Gzip, "amd64"),
    );
    let mut members = one.members();
    members.extend(other.members());
    members.extend(index_of(&[
        one.descriptor(Some("example.com/one:1")),
        other.descriptor(Some("example.com/other:1")),
    ]));
    let source = images_of(&tar_of_owned(&members)).unwrap();
    let error = source.find(None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("example.com/one:1, example.com/other:1"),
        "{error}"
    );
    assert!(matches!(
        source.find(Some("two")),
        Err(OciError::NoSuchImage { .. })
    ));
    let found = source.find(Some("example.com/other:1")).unwrap();
    assert_eq!(source.image(found, &amd64()).unwrap().manifest, other.manifest);
    let digest = Digest::of(&one.manifest).to_string();
    assert_eq!(source.find(Some(&digest)).unwrap(), &source.images()[0]);

    let mut members = one.members();
    members.extend(index_of(&[one.descriptor(Some("a")), one.descriptor(Some("b"))]));
    let source = images_of(&tar_of_owned(&members)).unwrap();
    assert!(source.find(None).is_ok(), "two names of one image");
}

#[test]
fn layers_of_an_archive_are_read_at_the_same_time_from_the_place_of_the_descriptor() {
    let made = Made::new(Compression::None, "amd64");
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"something before").unwrap();
    file.write_all(&made.layout_tar()).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(16)).unwrap();
    let nowhere = spool(Path::new("/nonexistent"));
    let source = images(open_file(file, Kind::Any, &nowhere));
    let image = source.image(source.find(None).unwrap(), &amd64()).unwrap();
    let open = |index: usize| source.layer(&image.layers[index]).unwrap();
    let mut slices = [open(0), open(1), open(0)];
    let mut read = [Vec::new(), Vec::new(), Vec::new()];
    let mut buffer = [0; 1000];
    loop {
        let mut any = false;
        for (slice, read) in slices.iter_mut().zip(&mut read) {
            let got = slice.read(&mut buffer).unwrap();
            read.extend_from_slice(&buffer[..got]);
            any |= got > 0;
        }
        if !any {
            break;
        }
    }
    assert_eq!(
        read,
        [made.tars[0].clone(), made.tars[1].clone(), made.tars[0].clone()]
    );
}

#[test]
fn a_plain_root_file_system_is_an_image_once_it_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let tar = tar_of(&[("./", b""), ("./etc/hostname", b"x"), ("./index.json", b"{}")]);
    for compression in ALL {
        let blob = pack(compression, &tar);
        for opened in [
            open_in_place(&blob, Kind::Any),
            open_in_place(&blob, Kind::Rootfs),
            open_piped(blob.clone(), Kind::Any, &spool(directory.path())),
            open_piped(blob.clone(), Kind::Rootfs, &spool(directory.path())),
        ] {
            let Opened::Rootfs(rootfs) = opened.unwrap() else {
                panic!("taken for images");
            };
            let mut stream = rootfs.layer(options()).unwrap();
            let mut read = Vec::new();
            stream.read_to_end(&mut read).unwrap();
            assert_eq!(read, tar);
            let image = rootfs_image(&stream.finish().unwrap(), &amd64()).unwrap();
            assert_eq!(image.layers[0].digest, Digest::of(&blob));
            assert_eq!(image.layers[0].diff_id, Digest::of(&tar));
            assert_eq!(image.layers[0].compression, compression);
            assert_eq!(image.platform, amd64());
        }
    }
}

#[test]
fn a_root_file_system_that_begins_like_an_image_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let tar = tar_of(&[("index.json", b"{}"), ("bin/sh", b"#!")]);
    assert!(matches!(open_in_place(&tar, Kind::Any), Ok(Opened::Rootfs(_))));
    let Opened::Rootfs(rootfs) = open_piped(tar.clone(), Kind::Any, &spool(directory.path())).unwrap() else {
        panic!("taken for images");
    };
    assert_eq!(read(rootfs.layer(options()).unwrap()).unwrap(), tar);
    assert!(matches!(images_of(&tar), Err(OciError::NotAnImage { .. })));
}

#[test]
fn what_is_no_image_is_refused_with_what_it_may_be() {
    for bytes in [&b""[..], b"x", b"QFI\xfb and more", &[0xff; 2000]] {
        let error = open_in_place(bytes, Kind::Any).err().unwrap();
        assert!(error.to_string().contains("give an OCI layout"), "{error}");
    }
    let error = open_in_place(b"\xfd7zXZ\0\0\0\0", Kind::Any).err().unwrap();
    assert!(matches!(error, OciError::Unsupported { .. }), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path());
    assert!(matches!(
        open_path(directory.path(), Kind::Any, &spool),
        Err(OciError::NotAnImage { .. })
    ));
    assert!(matches!(
        open_path(Path::new("/dev/null"), Kind::Any, &spool),
        Err(OciError::NotAnImage { .. })
    ));
    assert!(matches!(
        open_path(&directory.path().join("none"), Kind::Any, &spool),
        Err(OciError::Io { .. })
    ));
}

#[test]
fn a_spool_is_bounded_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let packed = pack(
        Compression::Zstd,
        &Made::new(Compression::None, "amd64").layout_tar(),
    );
    let small = Spool {
        directory: directory.path(),
        max_bytes: 100_000,
    };
    let error = open_piped(packed.clone(), Kind::Any, &small).err().unwrap();
    assert!(
        matches!(error, OciError::TooLarge { limit: 100_000, .. }),
        "{error}"
    );
    let _source = images(open_piped(packed, Kind::Any, &spool(directory.path())));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn links_in_a_layout_do_not_lead_out_of_it() {
    let outside = tempfile::tempdir().unwrap();
    let made = Made::new(Compression::None, "amd64");
    for victim in [made.blobs[0].clone(), made.config.clone(), made.manifest.clone()] {
        let directory = tempfile::tempdir().unwrap();
        write_layout(directory.path(), &made.layout());
        let name = directory.path().join(blob_name(&victim));
        let target = outside.path().join("content");
        std::fs::write(&target, &victim).unwrap();
        std::fs::remove_file(&name).unwrap();
        symlink(&target, &name).unwrap();
        let source = images(open_path(directory.path(), Kind::Any, &spool(outside.path())));
        let error = only(&source).unwrap_err();
        assert!(error.to_string().contains("leads out of it"), "{error}");
        // One that stays inside is as good as a file.
        std::fs::remove_file(&name).unwrap();
        std::fs::write(directory.path().join("kept"), &victim).unwrap();
        symlink("../../kept", &name).unwrap();
        assert!(only(&source).is_ok());
        // A pipe is not waited for.
        std::fs::remove_file(&name).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &name, rustix::fs::Mode::RUSR).unwrap();
        assert!(matches!(only(&source), Err(OciError::Malformed { .. })));
    }
}

/// An archive of docker with the manifest, its configuration as `c` and its first layer as `l`.
fn docker_with(manifest: &Value) -> Result<ImageSource, OciError> {
    let made = Made::new(Compression::None, "amd64");
    images_of(&tar_of(&[
        ("c", &made.config),
        ("l", &made.tars[0]),
        ("m", &made.tars[1]),
        ("manifest.json", manifest.to_string().as_bytes()),
    ]))
}

#[test]
fn names_in_an_archive_are_only_those_of_its_members() {
    let good = json!([{ "Config": "./c", "RepoTags": null, "Layers": ["l", "x/../m"] }]);
    assert!(only(&docker_with(&good).unwrap()).is_ok());
    for name in [
        "../l",
        "/etc/passwd",
        "../../../../etc/passwd",
        "",
        "l/../../l",
        "\0",
        "nothing",
    ] {
        let layer = json!([{ "Config": "c", "Layers": ["l", name] }]);
        assert!(
            matches!(docker_with(&layer), Err(OciError::Missing { .. })),
            "{name:?}"
        );
        let config = json!([{ "Config": name, "Layers": ["l", "m"] }]);
        assert!(
            matches!(docker_with(&config), Err(OciError::Missing { .. })),
            "{name:?}"
        );
    }
    for bad in [
        json!([{ "Config": "c", "Layers": ["l"] }]),
        json!([{ "Config": "c", "Layers": null }]),
        json!([{ "Config": "l", "Layers": ["l", "m"] }]),
        json!({}),
        json!([{}]),
        json!([{ "Config": "c", "Layers": vec!["l"; 2000] }]),
    ] {
        assert!(docker_with(&bad).is_err(), "{bad}");
    }
    let swapped = json!([{ "Config": "c", "Layers": ["m", "l"] }]);
    let error = only(&docker_with(&swapped).unwrap()).unwrap_err();
    assert!(matches!(error, OciError::DigestMismatch { .. }), "{error}");
}

#[test]
fn links_of_an_archive_that_lead_nowhere_or_in_circles_are_missing() {
    let made = Made::new(Compression::None, "amd64");
    for (link, kind) in [
        ("x", EntryType::Symlink),
        ("y", EntryType::Symlink),
        ("/etc/passwd", EntryType::Symlink),
        ("../x", EntryType::Symlink),
        ("x", EntryType::Link),
    ] {
        let mut builder = Builder::new(Vec::new());
        append(&mut builder, "x", kind, b"", link);
        append(&mut builder, "y", EntryType::Symlink, b"", "x");
        append(&mut builder, "c", EntryType::Regular, &made.config, "");
        let manifest = json!([{ "Config": "c", "Layers": ["x", "y"] }]).to_string();
        append(
            &mut builder,
            "manifest.json",
            EntryType::Regular,
            manifest.as_bytes(),
            "",
        );
        let opened = images_of(&builder.into_inner().unwrap());
        assert!(matches!(opened, Err(OciError::Missing { .. })), "{link}");
    }
}

#[test]
fn of_members_with_one_name_the_last_one_counts() {
    let made = Made::new(Compression::None, "amd64");
    let mut members = vec![
        ("index.json".to_owned(), b"{".to_vec()),
        (blob_name(&made.config), b"another".to_vec()),
    ];
    members.extend(made.layout());
    assert!(only(&images_of(&tar_of_owned(&members)).unwrap()).is_ok());
    members.push((
        blob_name(&made.config),
        made.config.iter().map(|byte| byte ^ 1).collect(),
    ));
    let error = only(&images_of(&tar_of_owned(&members)).unwrap()).unwrap_err();
    assert!(matches!(error, OciError::DigestMismatch { .. }), "{error}");
}

#[test]
fn documents_that_lie_are_refused() {
    let made = Made::new(Compression::Gzip, "amd64");
    let with_manifest = |manifest: Value| {
        let bytes = manifest.to_string().into_bytes();
        let mut members = made.members();
        let entry = descriptor("application/vnd.oci.image.manifest.v1+json", &bytes);
        members.push((blob_name(&bytes), bytes));
        members.extend(index_of(&[entry]));
        images_of(&tar_of_owned(&members)).and_then(|source| only(&source).map(|_| ()))
    };
    let good: Value = serde_json::from_slice(&made.manifest).unwrap();
    assert!(with_manifest(good.clone()).is_ok());
    let changed = |path: &str, value: Value| {
        let mut manifest = good.clone();
        match manifest.pointer_mut(path) {
            Some(place) => *place = value,
            None => manifest[&path[1..]] = value,
        }
        with_manifest(manifest).expect_err(path)
    };
    let layers = good["layers"].clone();
    let many = vec![layers[0].clone(); 1001];
    assert!(matches!(
        changed("/layers", many.into()),
        OciError::TooLarge { .. }
    ));
    assert!(matches!(
        changed("/layers", Value::Null),
        OciError::Malformed { .. }
    ));
    assert!(matches!(
        changed("/layers", json!([layers[0]])),
        OciError::Malformed { .. }
    ));
    assert!(matches!(
        changed("/config/size", json!(1)),
        OciError::SizeMismatch { .. }
    ));
    assert!(matches!(
        changed("/config/size", json!(1_u64 << 40)),
        OciError::TooLarge { .. }
    ));
    assert!(matches!(
        changed("/config/size", json!(-1)),
        OciError::Json { .. }
    ));
    assert!(matches!(
        changed("/config/digest", json!("sha256:../x")),
        OciError::Json { .. }
    ));
    assert!(matches!(
        changed("/layers/0/size", json!(1)),
        OciError::SizeMismatch { .. }
    ));
    assert!(matches!(
        changed("/layers/0/mediaType", json!("x")),
        OciError::Unsupported { .. }
    ));
    assert!(matches!(
        changed("/config/mediaType", json!("helm")),
        OciError::Unsupported { .. }
    ));
    assert!(matches!(
        changed("/schemaVersion", json!(1)),
        OciError::Unsupported { .. }
    ));
    assert!(matches!(
        changed("/manifests", json!([])),
        OciError::Malformed { .. }
    ));
    let absent = format!("sha256:{}", "0".repeat(64));
    assert!(matches!(
        changed("/layers/0/digest", json!(absent)),
        OciError::Missing { .. }
    ));
}

#[test]
fn archives_that_are_cut_or_changed_anywhere_never_panic_and_never_become_another_image() {
    let made = Made::sized(Compression::Zstd, "amd64", 500);
    for whole in [made.layout_tar(), made.docker_tar()] {
        for length in (0..whole.len()).step_by(97) {
            if let Ok(source) = images_of(&whole[..length])
                && let Ok((_, tars)) = only(&source)
            {
                assert_eq!(tars, made.tars);
            }
        }
        for at in (0..whole.len()).step_by(13) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            if let Ok(source) = images_of(&changed)
                && let Ok((_, tars)) = only(&source)
            {
                assert_eq!(tars, made.tars);
            }
        }
    }
}

#[test]
fn indexes_that_are_deep_in_each_other_are_refused() {
    let made = Made::new(Compression::None, "amd64");
    let mut members = made.members();
    let mut inner = made.descriptor(None);
    for _ in 0..6 {
        let index = index_bytes(&[inner]);
        inner = descriptor("application/vnd.oci.image.index.v1+json", &index);
        members.push((blob_name(&index), index));
    }
    members.extend(index_of(&[inner]));
    let error = only(&images_of(&tar_of_owned(&members)).unwrap()).unwrap_err();
    assert!(matches!(error, OciError::Malformed { .. }), "{error}");
}
