//! Create, open, list, attach, resize, remove.

use crate::support::{Home, backend, dir, disk};
use msb::error::Status;
use msb::files::FileTree;
use msb::volume::Volume;
use msb::volume::filter::VolumeFilter;
use msb::volume::list;
use msb_tree::WriteMode;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[test]
fn a_volume_is_there_for_every_backend_of_its_home() {
    let home = Home::new();
    let mut options = dir("data");
    options.labels.insert("team".to_owned(), "core".to_owned());
    options.quota_mib = Some(16);
    let made = Volume::create(&home.backend, &options).unwrap();
    let other = backend(home.path());
    let opened = Volume::open(&other, "data").unwrap();
    assert_eq!(opened.id(), made.id());
    assert!(home.at("volumes/data").is_dir());
    opened
        .files()
        .unwrap()
        .write(Path::new("a.txt"), &[1; 5000], WriteMode::Replace, 0o644)
        .unwrap();
    assert_eq!(fs::read(home.at("volumes/data/a.txt")).unwrap(), [1; 5000]);
    let info = made.info().unwrap();
    assert_eq!((info.used_bytes, info.quota_mib), (Some(5000), Some(16)));
    assert_eq!(info.labels["team"], "core");
    assert!(info.created_unix_ms > 0);
    let taken = Volume::create(&other, &options).err().unwrap();
    assert_eq!(
        (taken.status(), taken.reason()),
        (Status::AlreadyExists, "volume.name_taken")
    );
    let missing = Volume::open(&other, "nobody").err().unwrap();
    assert_eq!(
        (missing.status(), missing.reason()),
        (Status::NotFound, "volume.not_found")
    );
}

#[test]
fn a_quota_holds_for_writes_of_the_host() {
    let home = Home::new();
    let mut options = dir("small");
    options.quota_mib = Some(1);
    let volume = Volume::create(&home.backend, &options).unwrap();
    let files = volume.files().unwrap();
    let write =
        |name: &str, len: usize| files.write(Path::new(name), &vec![0; len], WriteMode::Replace, 0o644);
    write("half", 600 << 10).unwrap();
    let error = write("more", 600 << 10).unwrap_err();
    assert_eq!(error.status(), Status::DiskFull, "{error:?}");
    files.remove(Path::new("half")).unwrap();
    write("more", 600 << 10).unwrap();
}

#[test]
fn a_directory_that_is_somebodys_is_not_taken() {
    let home = Home::new();
    home.volume("first");
    fs::create_dir(home.at("volumes/work")).unwrap();
    fs::write(home.at("volumes/work/thesis"), "x").unwrap();
    fs::write(home.at("volumes/file"), "x").unwrap();
    for options in [dir("work"), disk("work", 16), dir("file"), disk("file", 16)] {
        let error = Volume::create(&home.backend, &options).err().unwrap();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::AlreadyExists, "volume.directory_exists"),
            "{error:?}"
        );
    }
    assert_eq!(
        fs::read_dir(home.at("volumes")).unwrap().count(),
        3,
        "nothing is left behind"
    );
    // What a creation that was cut short leaves is empty.
    for name in ["half-made", "half-made-disk"] {
        fs::create_dir(home.at("volumes").join(name)).unwrap();
    }
    home.volume("half-made");
    home.disk("half-made-disk", 16);
    assert!(home.at("volumes/half-made-disk/disk.raw").is_file());
}

#[test]
fn a_listing_looks_at_rows_alone_and_pages_by_name() {
    let home = Home::new();
    for number in 0..25 {
        let mut options = dir(&format!("v{number:02}"));
        options
            .labels
            .insert("even".to_owned(), (number % 2 == 0).to_string());
        Volume::create(&home.backend, &options).unwrap();
    }
    fs::remove_dir_all(home.at("volumes")).unwrap();
    let mut filter = VolumeFilter {
        limit: 10,
        ..VolumeFilter::default()
    };
    let mut names = Vec::new();
    loop {
        let page = list::list(&home.backend, &filter).unwrap();
        assert!(page.volumes.iter().all(|volume| volume.used_bytes.is_none()));
        names.extend(page.volumes.into_iter().map(|volume| volume.name));
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(names.len(), 25);
    assert!(names.is_sorted());
    filter.cursor = None;
    filter.labels.insert("even".to_owned(), "true".to_owned());
    filter.name_prefix = Some("v1".to_owned());
    let page = list::list(&home.backend, &filter).unwrap();
    let names: Vec<_> = page.volumes.iter().map(|volume| volume.name.as_str()).collect();
    assert_eq!(names, ["v10", "v12", "v14", "v16", "v18"]);
}

#[test]
fn an_attached_volume_is_not_removed_and_the_sandbox_is_named() {
    let home = Home::new();
    let volume = home.volume("data");
    let raw = home.disk("raw", 16);
    let sandbox = home.running("user", &[("data", false), ("raw", false)]);
    for volume in [&volume, &raw] {
        let error = volume.remove().unwrap_err();
        assert_eq!((error.status(), error.reason()), (Status::Busy, "volume.in_use"));
        assert!(error.text().contains("user"), "{}", error.text());
        assert!(
            error
                .details()
                .any(|detail| detail == ("sandbox", b"user".as_slice()))
        );
        assert_eq!(volume.info().unwrap().attached_to, ["user"]);
    }
    let error = raw.resize(32).unwrap_err();
    assert_eq!((error.status(), error.reason()), (Status::Busy, "volume.in_use"));
    home.sandbox("other");
    let error = home
        .acquire("other", &[("data", false), ("raw", true)])
        .unwrap_err();
    assert_eq!((error.status(), error.reason()), (Status::Busy, "volume.in_use"));
    sandbox.stop(10_000).unwrap();
    assert_eq!(raw.info().unwrap().attached_to, Vec::<String>::new());
    home.acquire("other", &[("data", false), ("raw", true)]).unwrap();
    volume.remove().unwrap();
    raw.remove().unwrap();
    assert_eq!(fs::read_dir(home.at("volumes")).unwrap().count(), 0);
    let error = volume.remove().unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (Status::NotFound, "volume.not_found")
    );
}

#[test]
fn a_volume_is_free_however_its_sandbox_ended() {
    let home = Home::new();
    let volume = home.volume("data");
    let sandbox = home.running("user", &[("data", false)]);
    let pid = sandbox.info().unwrap().runner_pid;
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    sandbox.wait(crate::support::patience()).unwrap();
    volume.remove().unwrap();
}

#[test]
fn a_name_can_be_used_again_and_old_handles_do_not_reach_the_new_volume() {
    let home = Home::new();
    let old = home.volume("data");
    old.files()
        .unwrap()
        .write(Path::new("secret"), b"old", WriteMode::Replace, 0o644)
        .unwrap();
    let held = old.files().unwrap();
    Volume::open(&home.backend, "data").unwrap().remove().unwrap();
    let new = home.volume("data");
    assert_ne!(old.id(), new.id());
    assert!(
        held.write(Path::new("x"), b"old", WriteMode::Replace, 0o644)
            .is_err()
    );
    assert_eq!(old.info().unwrap_err().status(), Status::NotFound);
    assert_eq!(old.remove().unwrap_err().status(), Status::NotFound);
    assert_eq!(fs::read_dir(home.at("volumes/data")).unwrap().count(), 0);
}

#[test]
fn a_disk_grows_and_does_not_shrink() {
    let home = Home::new();
    let raw = home.disk("raw", 64);
    let image = home.at("volumes/raw/disk.raw");
    let info = raw.info().unwrap();
    assert_eq!(info.capacity_bytes, Some(64 << 20));
    assert_eq!(
        (info.disk_format.as_deref(), info.disk_fstype.as_deref()),
        (Some("raw"), Some("ext4"))
    );
    assert!(info.used_bytes.unwrap() < 1 << 20, "it is sparse: {info:?}");
    raw.resize(300).unwrap();
    assert_eq!(fs::metadata(&image).unwrap().size(), 300 << 20);
    assert_eq!(raw.info().unwrap().capacity_bytes, Some(300 << 20));
    for capacity_mib in [299, 15, u64::MAX] {
        let error = raw.resize(capacity_mib).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument, "{error:?}");
    }
    assert_eq!(fs::metadata(&image).unwrap().size(), 300 << 20);
    let error = home.volume("data").resize(64).unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (Status::Unsupported, "volume.is_directory")
    );
    assert_eq!(raw.files().err().unwrap().reason(), "volume.is_disk");
}

#[test]
fn volumes_go_with_whatever_their_guests_put_in_them() {
    let home = Home::new();
    let volume = home.volume("deep");
    let mut here = rustix::fs::open(
        home.at("volumes/deep"),
        rustix::fs::OFlags::DIRECTORY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    let name = "d".repeat(200);
    for _ in 0..2000 {
        rustix::fs::mkdirat(&here, &name, rustix::fs::Mode::RWXU).unwrap();
        here = rustix::fs::openat(
            &here,
            &name,
            rustix::fs::OFlags::DIRECTORY,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
    }
    volume.remove().unwrap();
    assert_eq!(fs::read_dir(home.at("volumes")).unwrap().count(), 0);
}

#[test]
fn a_volume_whose_directory_became_a_link_is_lost_and_not_followed() {
    let home = Home::new();
    let volume = home.volume("data");
    let disk = home.disk("raw", 16);
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["data", "raw"] {
        let place = home.at("volumes").join(name);
        fs::rename(&place, elsewhere.path().join(name)).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join(name), &place).unwrap();
    }
    fs::write(elsewhere.path().join("data/passwd"), "root").unwrap();
    let error = volume.files().err().unwrap();
    assert!(error.text().contains("data"), "{}", error.text());
    assert!(volume.info().is_err());
    home.sandbox("user");
    for name in ["data", "raw"] {
        let error = home.acquire("user", &[(name, false)]).unwrap_err();
        assert!(error.text().contains("symbolic link"), "{}", error.text());
    }
    let found = msb::storage::fsck::fsck(&home.backend, true).unwrap();
    let links = found
        .iter()
        .filter(|finding| finding.kind.name() == "volume_without_data");
    assert_eq!(
        links.map(|finding| finding.action.name()).collect::<Vec<_>>(),
        ["none", "none"],
        "{found:?}"
    );
    drop(disk);
    assert_eq!(fs::read(elsewhere.path().join("data/passwd")).unwrap(), b"root");
}
