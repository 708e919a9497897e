//! Homes that other releases wrote, made by `tests/fixtures/make`.

use crate::support::{Home, backend};
use msb::backend::Backend;
use msb::backend::options::BackendOptions;
use msb::error::Status;
use msb::runtime::probe::probe;
use msb::sandbox::filter::SandboxFilter;
use msb::snapshot::{self, filter::SnapshotFilter};
use msb::volume::Volume;
use msb::volume::filter::VolumeFilter;
use msb::volume::options::VolumeOptions;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A copy of a fixture.
fn unpack(name: &str) -> TempDir {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "{}", archive.display());
    folder
}

/// Every file of a tree with its content and every directory.
fn contents(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path.clone());
                found.insert(path, None);
            } else {
                let content = fs::read(&path).unwrap();
                found.insert(path, Some(content));
            }
        }
    }
    found
}

#[test]
fn a_home_of_058_shows_what_is_in_it_with_the_right_values() {
    let home = unpack("home_058.tar.gz");
    let backend = backend(home.path());
    let page = msb::volume::list::list(&backend, &VolumeFilter::default()).unwrap();
    let volumes: Vec<_> = page
        .volumes
        .iter()
        .map(|volume| {
            (
                volume.name.as_str(),
                volume.kind.as_str(),
                volume.quota_mib,
                volume.capacity_bytes,
            )
        })
        .collect();
    assert_eq!(
        volumes,
        [
            ("data", "dir", Some(16), None),
            ("plain", "dir", None, None),
            ("raw", "disk", None, Some(256 << 20)),
            ("unlimited", "dir", Some(0), None),
        ]
    );
    let labels: Vec<_> = page.volumes[0].labels.iter().collect();
    assert_eq!(
        labels,
        [
            (&"a".to_owned(), &"b c".to_owned()),
            (&"team".to_owned(), &"core".to_owned())
        ]
    );
    assert!(
        page.volumes
            .iter()
            .all(|volume| volume.created_unix_ms > 1_600_000_000_000)
    );
    let data = Volume::open(&backend, "data").unwrap();
    use msb::files::FileTree;
    assert_eq!(
        data.files().unwrap().read(Path::new("a.txt"), 100).unwrap(),
        b"of 0.5.8"
    );
    let store = backend.store().unwrap();
    let sandboxes = msb::sandbox::list::list(&backend, &SandboxFilter::default()).unwrap();
    let names: Vec<_> = sandboxes
        .sandboxes
        .iter()
        .map(|sandbox| (sandbox.name.as_str(), sandbox.status.as_str(), sandbox.ephemeral))
        .collect();
    assert_eq!(names, [("web", "Stopped", false)]);
    assert_eq!(sandboxes.sandboxes[0].labels["env"], "test");
    let labelled = SandboxFilter {
        labels: BTreeMap::from([("team".to_owned(), "core".to_owned())]),
        ..SandboxFilter::default()
    };
    let found = msb::sandbox::list::list(&backend, &labelled).unwrap();
    assert_eq!(
        found.sandboxes.len(),
        1,
        "0.5.8 had not put its labels into their table"
    );
    assert_eq!(found.sandboxes[0].labels.len(), 2);
    assert_eq!(sandboxes.sandboxes[0].image, "docker.io/library/alpine:3.20");
    assert_eq!(
        (sandboxes.sandboxes[0].cpus, sandboxes.sandboxes[0].memory_mib),
        (2, 768)
    );
    let images = store.list_images("", "", 10).unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].reference, "docker.io/library/alpine:3.20");
    assert_eq!(
        (images[0].layer_count, images[0].size_bytes),
        (Some(1), Some(3_626_897))
    );
    assert_eq!(images[0].architecture.as_deref(), Some("amd64"));
    let snapshots = store.list_snapshots("", 10).unwrap();
    assert_eq!(snapshots.len(), 1);
    assert_eq!(snapshots[0].name.as_deref(), Some("base"));
    assert_eq!(snapshots[0].image_ref, "docker.io/library/alpine:3.20");
    // What it wrote goes on to be its own: nothing was migrated, so nothing was copied aside.
    assert!(
        fs::read_dir(home.path().join("db"))
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains("backup") })
    );
}

#[test]
fn what_is_made_in_a_home_of_058_it_can_read() {
    let home = unpack("home_058.tar.gz");
    let backend = backend(home.path());
    let options = VolumeOptions {
        name: Some("ours".to_owned()),
        labels: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        ..VolumeOptions::default()
    };
    Volume::create(&backend, &options).unwrap();
    drop(backend);
    let conn = rusqlite::Connection::open(home.path().join("db/msb.db")).unwrap();
    let labels: String = conn
        .query_row("SELECT labels FROM volume WHERE name = 'ours'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(labels, r#"[["k","v"]]"#);
}

#[test]
fn snapshots_of_058_are_listed_with_the_right_values_a_page_at_a_time() {
    let home = unpack("home_058.tar.gz");
    let conn = Connection::open(home.path().join("db/msb.db")).unwrap();
    conn.execute(
        "INSERT INTO snapshot_index SELECT 'sha256:f0', NULL, digest, image_ref, image_manifest_digest, format, fstype,
             artifact_path, NULL, created_at, indexed_at, 0 FROM snapshot_index",
        [],
    )
    .unwrap();
    drop(conn);
    let backend = backend(home.path());
    let mut filter = SnapshotFilter {
        limit: 1,
        ..SnapshotFilter::default()
    };
    let first = snapshot::list(&backend, &filter).unwrap();
    let [base] = &first.snapshots[..] else {
        panic!("{first:?}");
    };
    assert!(base.digest.starts_with("sha256:e1e1"), "{base:?}");
    assert_eq!(
        (base.name.as_deref(), base.size_bytes),
        (Some("base"), Some(4096))
    );
    assert_eq!(base.image_ref, "docker.io/library/alpine:3.20");
    assert_eq!(base.artifact_path, "/nowhere/snapshots/base");
    let taken = base.created_at.to_system_time().unwrap();
    let since = taken.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(since.as_millis(), 1_782_900_000_000);
    filter.cursor = first.next;
    let second = snapshot::list(&backend, &filter).unwrap();
    assert_eq!(second.snapshots[0].parent_digest.as_ref(), Some(&base.digest));
    assert_eq!((second.snapshots.len(), second.next), (1, None));
}

#[test]
fn what_guests_leave_in_a_home_of_058_is_out_of_reach_for_other_users() {
    let home = unpack("home_058.tar.gz");
    let folders = ["volumes", "sandboxes", "cache", "db"].map(|name| home.path().join(name));
    for folder in &folders {
        fs::create_dir_all(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    drop(backend(home.path()));
    for folder in &folders {
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{}", folder.display());
    }
    // A directory that is not in the home may be open to others on purpose.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = Home::with(BackendOptions {
        volumes_dir: Some(elsewhere.path().to_str().unwrap().to_owned()),
        ..BackendOptions::default()
    });
    home.volume("data");
    assert_eq!(
        fs::metadata(elsewhere.path()).unwrap().permissions().mode() & 0o777,
        0o755
    );
}

#[test]
fn a_home_of_07_is_refused_by_name_and_not_one_byte_of_it_changes() {
    for fixture in ["home_0711.tar.gz", "home_0711_in_use.tar.gz"] {
        let home = unpack(fixture);
        let before = contents(home.path());
        assert!(!before.is_empty());
        let options = BackendOptions {
            home: Some(home.path().to_str().unwrap().to_owned()),
            ..BackendOptions::default()
        };
        for _ in 0..2 {
            let error = Backend::built(&options).err().unwrap();
            assert_eq!(
                (error.status(), error.reason()),
                (Status::StoreNewer, "store.newer"),
                "{fixture}"
            );
            assert!(
                error
                    .text()
                    .contains("m20260703_000001_add_sandbox_active_config"),
                "the first unknown migration is named: {}",
                error.text()
            );
        }
        // A lazy backend has the home of its process's environment.
        let probe = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "homes::the_probe_of_a_home_of_07_is_refused",
                "--ignored",
            ])
            .env("MSB_HOME", home.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&probe.stdout);
        assert!(probe.status.success() && said.contains("1 passed"), "{probe:?}");
        assert!(contents(home.path()) == before, "{fixture}: something changed");
    }
}

#[test]
#[ignore = "run by another test, in a process whose home is of 0.7"]
fn the_probe_of_a_home_of_07_is_refused() {
    let error = probe(&Backend::lazy().unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::StoreNewer, "{error:?}");
}
