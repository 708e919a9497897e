//! What is saved is loaded again, by this crate and by the programs of others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failure here is a failed test"
)]

mod common;

use std::cell::Cell;
use std::io::{self, Read};
use std::path::Path;
use std::process::Command;

use common::*;
use msb_oci::{Compression, Image, ImageSource, OciError, Platform, Reference, SavedImage, save};

/// Set where a missing skopeo is a failure.
const REQUIRE: &str = "MSB_REQUIRE_SKOPEO";

fn open_layer(made: &Made, index: usize, damage: bool) -> io::Result<Box<dyn Read + '_>> {
    let mut blob = made.blobs[index].clone();
    if damage {
        blob[100] ^= 1;
    }
    Ok(Box::new(io::Cursor::new(blob)))
}

fn saved(mades: &[(&Made, &[&str])], damage: bool) -> Result<Vec<u8>, OciError> {
    let names: Vec<Vec<Reference>> = mades
        .iter()
        .map(|(_, names)| names.iter().map(|name| Reference::parse(name).unwrap()).collect())
        .collect();
    let images: Vec<Image> = mades
        .iter()
        .map(|(made, _)| Image::new(made.manifest.clone(), made.config.clone()).unwrap())
        .collect();
    let layers: Vec<_> = mades
        .iter()
        .map(|(made, _)| move |index| open_layer(made, index, damage))
        .collect();
    let images: Vec<SavedImage<'_>> = images
        .iter()
        .zip(&names)
        .zip(&layers)
        .map(|((image, names), layer)| SavedImage { image, names, layer })
        .collect();
    let mut archive = Vec::new();
    let written = Cell::new(0);
    save(&images, &mut archive, &mut |more| {
        written.set(written.get() + more)
    })?;
    assert_eq!(written.get(), archive.len() as u64);
    Ok(archive)
}

fn check(source: &ImageSource, name: Option<&str>, made: &Made) {
    let platform = Platform::new("linux", "amd64", None);
    let image = source.image(source.find(name).unwrap(), &platform).unwrap();
    for (layer, tar) in image.layers.iter().zip(&made.tars) {
        let stream = msb_oci::LayerStream::new(source.layer(layer).unwrap(), layer, options()).unwrap();
        assert_eq!(&read(stream).unwrap(), tar);
    }
}

#[test]
fn images_that_were_saved_are_loaded_with_all_their_names() {
    let one = Made::new(Compression::Zstd, "amd64");
    let other = Made::new(Compression::None, "amd64");
    let archive = saved(
        &[(&one, &["one:1", "one:2"]), (&other, &["example.com/other"])],
        false,
    )
    .unwrap();
    let source = images_of(&archive).unwrap();
    check(&source, Some("one:1"), &one);
    check(&source, Some("one:2"), &one);
    check(&source, Some("example.com/other:latest"), &other);
    assert_eq!(source.images().len(), 3);
    let unnamed = saved(&[(&one, &[])], false).unwrap();
    check(&images_of(&unnamed).unwrap(), None, &one);
    assert_eq!(
        unnamed,
        saved(&[(&one, &[])], false).unwrap(),
        "one image makes one archive"
    );
}

#[test]
fn the_half_for_docker_is_complete_by_itself() {
    let made = Made::new(Compression::Gzip, "amd64");
    let archive = saved(&[(&made, &["made:1"])], false).unwrap();
    let mut members = Vec::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if !["index.json", "oci-layout"].contains(&name.as_str()) && !name.ends_with('/') {
            members.push((name, content));
        }
    }
    let source = images_of(&tar_of_owned(&members)).unwrap();
    check(&source, Some("made:1"), &made);
}

#[test]
fn a_layer_that_is_not_what_the_image_says_is_not_saved() {
    let made = Made::new(Compression::Gzip, "amd64");
    let error = saved(&[(&made, &[])], true).unwrap_err();
    assert!(matches!(error, OciError::DigestMismatch { .. }), "{error}");
}

fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo")
        .args(["--insecure-policy", "--command-timeout", "60s"])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn open(path: &Path) -> ImageSource {
    let spool = msb_oci::Spool {
        directory: Path::new("/nonexistent"),
        max_bytes: 0,
    };
    images(msb_oci::open_path(path, msb_oci::Kind::Any, &spool))
}

#[test]
fn skopeo_reads_both_halves_of_what_is_saved_and_what_it_writes_is_read() {
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert!(
            std::env::var_os(REQUIRE).is_none(),
            "{REQUIRE} is set, and there is no skopeo"
        );
        eprintln!("left out: there is no skopeo");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for (number, compression) in [Compression::None, Compression::Gzip, Compression::Zstd]
        .into_iter()
        .enumerate()
    {
        let made = Made::new(compression, "amd64");
        let archive = path(&format!("saved-{number}.tar"));
        std::fs::write(&archive, saved(&[(&made, &["made:1"])], false).unwrap()).unwrap();
        let digest = msb_oci::Digest::of(&made.manifest).to_string();
        let inspected = skopeo(&[
            "inspect",
            &format!("oci-archive:{archive}:docker.io/library/made:1"),
        ]);
        assert!(inspected.contains(&digest), "{inspected}");
        let copies = [
            (format!("oci-archive:{archive}"), "oci", "oci"),
            (format!("oci-archive:{archive}"), "oci-archive", "oci.tar"),
            (
                format!("docker-archive:{archive}"),
                "docker-archive",
                "docker.tar",
            ),
            (format!("docker-archive:{archive}:made:1"), "oci", "from-docker"),
        ];
        for (from, transport, name) in copies {
            let to = path(&format!("{number}-{name}"));
            skopeo(&["copy", &from, &format!("{transport}:{to}:made:1")]);
            check(&open(Path::new(&to)), None, &made);
        }
    }
}

#[test]
fn layouts_of_umoci_are_read() {
    if Command::new("umoci").arg("--version").output().is_err() {
        assert!(
            std::env::var_os(REQUIRE).is_none(),
            "{REQUIRE} is set, and there is no umoci"
        );
        eprintln!("left out: there is no umoci");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("root")).unwrap();
    std::fs::write(directory.path().join("root/file"), "content").unwrap();
    for arguments in [
        &["init", "--layout", "l"][..],
        &["new", "--image", "l:empty"],
        &["new", "--image", "l:full"],
        &["insert", "--rootless", "--image", "l:full", "root", "/srv"],
        &[
            "config",
            "--image",
            "l:full",
            "--config.cmd",
            "run",
            "--config.user",
            "5",
        ],
    ] {
        let output = Command::new("umoci")
            .args(arguments)
            .current_dir(directory.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let source = open(&directory.path().join("l"));
    let image = |name| {
        source
            .image(source.find(Some(name)).unwrap(), &Platform::host())
            .unwrap()
    };
    assert!(image("empty").layers.is_empty());
    let full = image("full");
    assert_eq!(
        (full.config.cmd.as_slice(), full.config.user.as_str()),
        (&["run".to_owned()][..], "5")
    );
    let layer = &full.layers[0];
    let stream = msb_oci::LayerStream::new(source.layer(layer).unwrap(), layer, options()).unwrap();
    let tar = read(stream).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut entries = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().into_owned());
    assert!(entries.any(|path| path.ends_with("srv/file")));
}
