//! Directories that several homes name, and directories that are away: no check takes another's, or what only seems lost.

use crate::support::{Home, told};
use msb::backend::options::BackendOptions;
use msb::storage::fsck::fsck;
use msb::storage::prune::{What, prune};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const EVERYTHING: What = What {
    cache: true,
    temporary: true,
    lost: true,
    logs: true,
    backups: true,
    images: true,
};

/// A home that keeps its volumes and sandboxes where another does.
fn beside(volumes: &Path, sandboxes: &Path) -> Home {
    let text = |path: &Path| Some(path.to_str().unwrap().to_owned());
    Home::with(BackendOptions {
        volumes_dir: text(volumes),
        sandboxes_dir: text(sandboxes),
        ..BackendOptions::default()
    })
}

fn nothing_is_taken(one: &Home, other: &Home, volumes: &Path, sandboxes: &Path) {
    let volume = one.volume("theirs");
    fs::write(volumes.join("theirs/thesis"), "x").unwrap();
    let sandbox = one.running("theirs-too", &[]);
    other.volume("ours");
    fs::create_dir(volumes.join(".theirs.0123.tmp")).unwrap();
    for home in [other, one, other] {
        let found = fsck(&home.backend, true).unwrap();
        assert!(
            found.iter().all(|finding| finding.action.name() == "none"
                && finding.reason.contains("may be of another home")),
            "{found:?}"
        );
        prune(&home.backend, EVERYTHING, false).unwrap();
    }
    assert_eq!(fs::read(volumes.join("theirs/thesis")).unwrap(), b"x");
    assert!(volumes.join("ours").is_dir() && volumes.join(".theirs.0123.tmp").is_dir());
    assert!(sandboxes.join("theirs-too").is_dir());
    assert_eq!(sandbox.info().unwrap().status.as_str(), "Running");
    sandbox.stop(10_000).unwrap();
    volume.remove().unwrap();
    assert!(!volumes.join("theirs").exists());
}

#[test]
fn what_lies_where_two_homes_keep_things_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let (volumes, sandboxes) = (place.path().join("volumes"), place.path().join("sandboxes"));
    let (one, other) = (beside(&volumes, &sandboxes), beside(&volumes, &sandboxes));
    nothing_is_taken(&one, &other, &volumes, &sandboxes);
}

#[test]
fn a_home_whose_own_directories_another_home_uses_is_told_so() {
    let one = Home::new();
    let (volumes, sandboxes) = (one.at("volumes"), one.at("sandboxes"));
    let other = beside(&volumes, &sandboxes);
    nothing_is_taken(&one, &other, &volumes, &sandboxes);
}

#[test]
fn two_homes_do_not_get_one_directory() {
    let one = Home::new();
    let other = beside(&one.at("volumes"), &one.at("sandboxes"));
    other.volume("data");
    let error = msb::volume::Volume::create(&one.backend, &crate::support::dir("data"))
        .err()
        .unwrap();
    assert_eq!(error.reason(), "volume.directory_exists");
}

#[test]
fn volumes_whose_disk_is_not_mounted_stay_in_the_store() {
    let home = Home::new();
    home.volume("data");
    home.disk("raw", 16);
    let (volumes, mounted) = (home.at("volumes"), home.at("mounted"));
    fs::rename(&volumes, &mounted).unwrap();
    let is_kept = |state: &str| {
        for repair in [false, true] {
            let found = fsck(&home.backend, repair).unwrap();
            assert_eq!(
                told(&found),
                [("volume_without_data", "volumes".to_owned(), "none")],
                "{state}: {found:?}"
            );
            assert!(found[0].reason.contains("(2 in all)"), "{}", found[0].reason);
        }
    };
    is_kept("missing");
    // The directory that a disk is mounted over is older than what is on the disk.
    fs::create_dir(&volumes).unwrap();
    let before = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(&volumes).unwrap().set_modified(before).unwrap();
    is_kept("not mounted");
    fs::remove_dir(&volumes).unwrap();
    fs::rename(&mounted, &volumes).unwrap();
    assert_eq!(told(&fsck(&home.backend, true).unwrap()), []);
    // One that was deleted changed its parent.
    fs::remove_dir_all(volumes.join("data")).unwrap();
    fs::remove_dir_all(volumes.join("raw")).unwrap();
    assert_eq!(
        told(&fsck(&home.backend, true).unwrap()),
        [
            ("volume_without_data", "data".to_owned(), "removed"),
            ("volume_without_data", "raw".to_owned(), "removed"),
        ]
    );
}
