//! Disks that are full, read-only or without programs: made as mounts in a namespace of the test's own thread.

use super::failed;
use crate::support::{Home, is_machine, list_all, open, patience, runs, sandbox_options};
use msb::backend::Backend;
use msb::error::Status;
use msb::sandbox::Sandbox;
use msb::volume::Volume;
use msb::volume::options::{VolumeKind, VolumeOptions};
use msb_store::SandboxStatus;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change, mount_remount};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs `test` with a file system of its own at the home's place; it goes with the thread.
fn on_tmpfs(options: &str, flags: MountFlags, test: impl FnOnce(&Home) + Send) {
    let home = Home::new();
    fs::create_dir(home.path()).unwrap();
    let options = CString::new(format!("mode=0700,{options}")).unwrap();
    std::thread::scope(|scope| {
        let body = || {
            // SAFETY: only this thread's view of the mounts changes.
            let unshared = unsafe { libc::unshare(libc::CLONE_NEWNS) };
            assert_eq!(
                unshared,
                0,
                "this test must be able to mount, so it needs root: {}",
                std::io::Error::last_os_error()
            );
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            mount("tmpfs", home.path(), "tmpfs", flags, options.as_c_str()).unwrap();
            test(&home);
            home.assert_no_process();
        };
        scope.spawn(body).join().unwrap();
    });
}

/// Takes all space that is left, and gives it back when removed.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 9, 1] {
        let chunk = vec![0x5a; size];
        while file.write_all(&chunk).is_ok() {}
    }
    assert_eq!(
        file.write_all(b"x").unwrap_err().raw_os_error(),
        Some(Errno::NOSPC.raw_os_error())
    );
}

#[test]
fn a_disk_too_small_for_the_runtime_is_disk_full_and_start_works_when_it_grows() {
    on_tmpfs("size=8m", MountFlags::NOSUID, |home| {
        let backend = home.open();
        let started = Sandbox::create(&backend, &home.options("box")).and_then(|sandbox| {
            let refused = sandbox.start(patience());
            assert!(!sandbox.info()?.status.is_active());
            refused
        });
        let error = failed(started, Status::DiskFull);
        assert!(error.text().contains(home.path().to_str().unwrap()), "{error:?}");
        assert_no_temporaries(&home.path().join("runtime"));

        mount_remount(home.path(), MountFlags::NOSUID, c"size=512m").unwrap();
        // A driver that has to look at the host needs the runtime before there is a sandbox.
        let sandbox = Sandbox::open(&backend, "box")
            .or_else(|_| Sandbox::create(&backend, &home.options("box")))
            .unwrap();
        sandbox.start(patience()).unwrap();
        runs(&sandbox).unwrap();
        sandbox.stop(10_000).unwrap();
        backend.close(patience()).unwrap();
    });
}

fn assert_no_temporaries(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            assert_no_temporaries(&entry.path());
        }
        assert_ne!(entry.path().extension().unwrap_or_default(), "tmp", "{entry:?}");
    }
}

#[test]
fn a_disk_that_fills_up_is_disk_full_and_loses_no_sandbox() {
    on_tmpfs("size=512m", MountFlags::NOSUID, |home| {
        let backend = home.open();
        let old = Sandbox::create(&backend, &home.options("old")).unwrap();
        old.start(patience()).unwrap();
        let ballast = home.path().join("ballast");
        fill(&ballast);

        // Reading and running commands needs no space.
        runs(&old).unwrap();
        assert_eq!(list_all(&backend).len(), 1);
        // The log has spare pages at first, so that a few writes may still fit.
        let mut made = 0;
        let full = (0..2000).find_map(|number| {
            let made_one = Sandbox::create(&backend, &home.options(&format!("new-{number}")));
            made += usize::from(made_one.is_ok());
            made_one.err()
        });
        let full = full.expect("the disk never was full");
        assert_eq!(full.status(), Status::DiskFull, "{full:?}");
        failed(old.start(patience()), Status::InvalidState);
        assert!(list_all(&backend).len() > made);

        fs::remove_file(&ballast).unwrap();
        old.stop(10_000).unwrap();
        assert!(old.wait(patience()).unwrap().clean);
        let new = Sandbox::create(&backend, &home.options("new")).unwrap();
        for sandbox in [old, new] {
            sandbox.start(patience()).unwrap();
            runs(&sandbox).unwrap();
            sandbox.stop(10_000).unwrap();
        }
        let store = backend.store().unwrap();
        assert_eq!(store.integrity_check().unwrap(), [""; 0]);
        drop(store);
        backend.close(patience()).unwrap();
    });
}

#[test]
fn a_stop_on_a_full_disk_ends_the_guest() {
    on_tmpfs("size=512m", MountFlags::NOSUID, |home| {
        let backend = home.open();
        let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
        sandbox.start(patience()).unwrap();
        let ballast = home.path().join("ballast");
        fill(&ballast);
        // The end may have to be recorded by whoever sees it later.
        if let Err(error) = sandbox.stop(10_000) {
            assert_eq!(error.status(), Status::DiskFull, "{error:?}");
        }
        home.assert_no_process();
        fs::remove_file(&ballast).unwrap();
        assert!(!sandbox.info().unwrap().status.is_active());
        sandbox.start(patience()).unwrap();
        sandbox.stop(10_000).unwrap();
        backend.close(patience()).unwrap();
    });
}

#[test]
fn a_stop_on_a_full_disk_is_in_time_and_what_became_of_it_can_be_read() {
    on_tmpfs("size=512m", MountFlags::NOSUID, |home| {
        let backend = home.open();
        let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
        sandbox.start(patience()).unwrap();
        let ballast = home.path().join("ballast");
        use_up_spare_pages(&backend, &ballast);

        let begin = Instant::now();
        sandbox.stop(1000).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        // The store still says that it runs; that is not what is told.
        let store = backend.store().unwrap();
        let row = store.sandbox_by_name("box").unwrap().unwrap();
        assert!(row.status.is_active(), "the end could be written: {row:?}");
        let info = sandbox.info().unwrap();
        assert_eq!(info.status, SandboxStatus::Crashed);
        assert_eq!(info.end.unwrap().reason, "RunnerDied");
        // The runner itself told the one who held it.
        assert_eq!(sandbox.wait(patience()).unwrap().reason, "ShutdownRequested");

        fs::remove_file(&ballast).unwrap();
        sandbox.start(patience()).unwrap();
        sandbox.stop(10_000).unwrap();
        drop(store);
        backend.close(patience()).unwrap();
    });
}

/// Fills the disk until the store cannot write anything more, not even into the pages that its log has spare.
fn use_up_spare_pages(backend: &Arc<Backend>, ballast: &Path) {
    fill(ballast);
    let store = backend.store().unwrap();
    let row = store.sandbox_by_name("box").unwrap().unwrap();
    let wrote = (0..10_000).find(|number| {
        store
            .set_label(row.id, "spare", &format!("{number}").repeat(100))
            .is_err()
    });
    assert!(wrote.is_some(), "the disk never was full");
}

#[test]
fn a_read_only_home_is_read_only_and_stays_as_it_was() {
    on_tmpfs("size=512m", MountFlags::NOSUID, |home| {
        let backend = home.open();
        Sandbox::create(&backend, &home.options("box")).unwrap();
        backend.close(patience()).unwrap();
        drop(backend);
        let before = fs::read(home.path().join("db/msb.db")).unwrap();

        mount_remount(home.path(), MountFlags::RDONLY, c"").unwrap();
        failed(open(home.path()), Status::ReadOnly);
        failed(open(&home.path().join("another/home")), Status::ReadOnly);

        mount_remount(home.path(), MountFlags::empty(), c"").unwrap();
        assert_eq!(fs::read(home.path().join("db/msb.db")).unwrap(), before);
        let backend = home.open();
        Sandbox::open(&backend, "box").unwrap().remove().unwrap();
        backend.close(patience()).unwrap();
    });
}

#[test]
fn a_home_without_programs_is_permission_denied_with_its_remedy() {
    on_tmpfs("size=512m", MountFlags::NOEXEC, |home| {
        let backend = home.open();
        if is_machine() {
            let error = failed(
                Sandbox::create(&backend, &sandbox_options(home.path(), "box")),
                Status::PermissionDenied,
            );
            assert!(error.text().contains("executables"), "{error:?}");
            return;
        }
        let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
        let error = failed(sandbox.start(patience()), Status::PermissionDenied);
        assert!(error.text().contains("allows executables"), "{error:?}");
        // It can be started as soon as the mount allows it.
        assert!(!sandbox.info().unwrap().status.is_active());
        mount_remount(home.path(), MountFlags::empty(), c"").unwrap();
        sandbox.start(patience()).unwrap();
        sandbox.stop(10_000).unwrap();
        backend.close(patience()).unwrap();
    });
}

#[test]
fn a_volume_that_a_full_disk_refuses_leaves_neither_row_nor_directory() {
    on_tmpfs("size=64m", MountFlags::NOSUID, |home| {
        let backend = home.open();
        let options = |name: String, capacity_mib: Option<u64>| VolumeOptions {
            name: Some(name),
            kind: capacity_mib.map_or(VolumeKind::Dir, |_| VolumeKind::Disk),
            capacity_mib,
            ..VolumeOptions::default()
        };
        Volume::create(&backend, &options("first".to_owned(), None)).unwrap();
        let ballast = home.path().join("ballast");
        fill(&ballast);
        for capacity in [None, Some(64)] {
            // The log of the database may have some room.
            let refused = (0..5000).find_map(|number| {
                let name = format!("new-{}-{number}", capacity.unwrap_or(0));
                Volume::create(&backend, &options(name, capacity)).err()
            });
            let error = refused.expect("a full disk refuses");
            assert_eq!(error.status(), Status::DiskFull, "{error:?}");
        }
        fs::remove_file(&ballast).unwrap();
        let store = rusqlite::Connection::open(home.path().join("db/msb.db")).unwrap();
        let mut query = store.prepare("SELECT name FROM volume").unwrap();
        let rows: BTreeSet<String> = query
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let directories: BTreeSet<String> = fs::read_dir(home.path().join("volumes"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(rows, directories);
        backend.close(patience()).unwrap();
    });
}
