//! Volumes whose home was made by others, or is changed behind the library's back.

use crate::support::{Home, patience};
use msb::error::{MsbError, Status};
use msb::sandbox::Sandbox;
use msb::sandbox::mount::options::MountOptions;
use msb::volume::Volume;
use msb::volume::options::{VolumeKind, VolumeOptions};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

fn options(name: &str) -> VolumeOptions {
    VolumeOptions {
        name: Some(name.to_owned()),
        ..VolumeOptions::default()
    }
}

fn disk(name: &str) -> VolumeOptions {
    VolumeOptions {
        kind: VolumeKind::Disk,
        capacity_mib: Some(16),
        ..options(name)
    }
}

fn volumes(home: &Home) -> PathBuf {
    home.path().join("volumes")
}

/// A sandbox that mounts the volume, as far as its start goes without a machine.
fn start(home: &Home, volume: &str) -> MsbError {
    let backend = home.open();
    let mut options = home.options("box");
    options.mounts = vec![MountOptions {
        guest_path: Some("/data".to_owned()),
        volume: Some(volume.to_owned()),
        ..MountOptions::default()
    }];
    let sandbox = Sandbox::create(&backend, &options).unwrap();
    let error = sandbox.start(patience()).unwrap_err();
    sandbox.remove().unwrap();
    error
}

#[test]
fn a_volume_whose_directory_became_a_link_is_refused_by_files_info_and_mounts() {
    let home = Home::new();
    let backend = home.open();
    let elsewhere = home.beside().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for made in [options("dir"), disk("disk")] {
        let name = made.name.clone().unwrap();
        Volume::create(&backend, &made).unwrap();
        let place = volumes(&home).join(&name);
        fs::rename(&place, elsewhere.join(&name)).unwrap();
        symlink(elsewhere.join(&name), &place).unwrap();
        let volume = Volume::open(&backend, &name).unwrap();
        let mut errors = vec![start(&home, &name)];
        if made.kind == VolumeKind::Dir {
            errors.push(volume.info().map(drop).unwrap_err());
            errors.push(volume.files().map(drop).unwrap_err());
        }
        for error in errors {
            assert_eq!(
                (error.status(), error.reason()),
                (Status::Corrupt, "volume.data_missing"),
                "{error:?}"
            );
        }
        // Removing it removes the link.
        volume.remove().unwrap();
        assert!(elsewhere.join(&name).is_dir());
    }
}

#[test]
fn a_name_of_058_as_long_as_a_directory_can_have_is_mounted_and_removed() {
    let home = Home::new();
    let backend = home.open();
    Volume::create(&backend, &options("short")).unwrap();
    let long = "n".repeat(255);
    let store = rusqlite::Connection::open(home.path().join("db/msb.db")).unwrap();
    store.execute("UPDATE volume SET name = ?1", [&long]).unwrap();
    fs::rename(volumes(&home).join("short"), volumes(&home).join(&long)).unwrap();
    assert_eq!(start(&home, &long).reason(), "mount.unsupported");
    let volume = Volume::open(&backend, &long).unwrap();
    volume.remove().unwrap();
    assert_eq!(fs::read_dir(volumes(&home)).unwrap().count(), 0);
}

#[test]
fn a_disk_image_that_a_running_sandbox_has_is_busy_by_its_name() {
    let home = Home::new();
    let backend = home.open();
    let image = Volume::create(&backend, &disk("disk"))
        .unwrap()
        .directory()
        .join("disk.raw");
    let mut options = home.options("other");
    options.mounts = vec![MountOptions {
        guest_path: Some("/data".to_owned()),
        disk: Some(image.to_str().unwrap().to_owned()),
        ..MountOptions::default()
    }];
    let other = Sandbox::create(&backend, &options).unwrap();
    let holder = Sandbox::create(&backend, &home.options("holder")).unwrap();
    holder.start(patience()).unwrap();
    // Without a machine nobody can have a disk: the lock and the configuration are those of one that has it.
    let lock = fs::File::open(&image).unwrap();
    lock.try_lock().unwrap();
    let store = rusqlite::Connection::open(home.path().join("db/msb.db")).unwrap();
    let changed = store
        .execute(
            "UPDATE sandbox SET config = json_set(config, '$.mounts',
                 json((SELECT json_extract(config, '$.mounts') FROM sandbox WHERE name = 'other')))
             WHERE name = 'holder'",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    let error = other.start(patience()).unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (Status::Busy, "disk.in_use"),
        "{error:?}"
    );
    assert!(error.text().contains("holder"), "{}", error.text());
    // What is not locked is free, whoever names it.
    drop(lock);
    assert_eq!(other.start(patience()).unwrap_err().reason(), "mount.unsupported");
    holder.stop(10_000).unwrap();
}
