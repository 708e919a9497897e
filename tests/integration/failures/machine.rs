//! What a host may lack: a kernel, QEMU, a root directory, rights, its own runtime files.

use super::failed;
use crate::host::{Host, Orders, report};
use crate::support::{Home, backend_options, open, patience, processes, runs, sandbox_options};
use msb::backend::Backend;
use msb::backend::options::{BackendOptions, Driver};
use msb::error::Status;
use msb::sandbox::Sandbox;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Who has no rights at all.
const NOBODY: libc::uid_t = 65534;

#[test]
fn a_missing_kernel_is_named_with_where_it_was_looked_for() {
    let home = Home::new();
    let nowhere = home.beside().join("nowhere/libkrunfw.so.5");
    let backend = Backend::built(&BackendOptions {
        driver: Some(Driver::Qemu),
        libkrunfw_path: Some(nowhere.to_str().unwrap().to_owned()),
        ..backend_options(home.path())
    })
    .unwrap();
    let options = sandbox_options(home.path(), "box");
    let error = failed(Sandbox::create(&backend, &options), Status::KernelNotFound);
    assert!(error.text().contains(nowhere.to_str().unwrap()), "{error:?}");
    assert_eq!(
        failed(Sandbox::open(&backend, "box"), Status::NotFound).status(),
        Status::NotFound
    );
    backend.close(patience()).unwrap();
}

#[test]
fn without_any_setting_the_kernel_is_looked_for_in_the_usual_places() {
    let home = Home::new();
    let host = Host::start("no-kernel", home.path(), 0, |command| {
        let keep: Vec<_> = command
            .get_envs()
            .map(|(key, value)| (key.to_owned(), value.map(|v| v.to_owned())))
            .collect();
        command.env_clear();
        for (key, value) in keep {
            command.env(key, value.unwrap_or_default());
        }
    });
    let reports = host.finish();
    // A host that has the library installed finds it.
    if reports != ["found"] {
        let text = reports.join("\n");
        assert!(text.contains(home.path().join("lib").to_str().unwrap()), "{text}");
        assert!(text.contains("libkrunfw.so.5 by the system's loader"), "{text}");
    }
}

/// Looks for the kernel without any environment.
pub fn play_no_kernel(orders: &Orders) {
    let backend = Backend::built(&BackendOptions {
        driver: Some(Driver::Qemu),
        ..backend_options(&orders.home)
    })
    .unwrap();
    match backend.kernel() {
        Ok(_) => report("found"),
        Err(error) => {
            assert_eq!(error.status(), Status::KernelNotFound);
            report(&error.text());
        }
    }
}

/// A library file whose kernel the home's cache already holds, so that QEMU is the first thing that lacks.
fn cached_kernel(home: &Path) -> PathBuf {
    let library = home.join("lib/libkrunfw.so.5");
    fs::create_dir_all(home.join("lib")).unwrap();
    fs::write(&library, "not loaded: its kernel is in the cache").unwrap();
    let meta = fs::metadata(&library).unwrap();
    let modified_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    let stamp = json!({
        "device": meta.dev(), "inode": meta.ino(), "size": meta.size(),
        "modified_ns": i64::try_from(modified_ns).unwrap(),
    });
    let cache = home.join("cache/kernel");
    fs::create_dir_all(&cache).unwrap();
    fs::write(cache.join("0123.elf"), "a kernel").unwrap();
    let key = library.to_str().unwrap();
    let index = json!({ key: { "stamp": stamp, "digest": "0123" } });
    fs::write(cache.join("index.json"), index.to_string()).unwrap();
    library
}

#[test]
fn a_missing_qemu_is_driver_unavailable_with_where_it_was_looked_for() {
    let home = Home::new();
    let library = cached_kernel(home.path());
    let nowhere = home.beside().join("nowhere/qemu-system");
    let backend = Backend::built(&BackendOptions {
        driver: Some(Driver::Qemu),
        libkrunfw_path: Some(library.to_str().unwrap().to_owned()),
        qemu_path: Some(nowhere.to_str().unwrap().to_owned()),
        ..backend_options(home.path())
    })
    .unwrap();
    let options = sandbox_options(home.path(), "box");
    let error = failed(Sandbox::create(&backend, &options), Status::DriverUnavailable);
    assert_eq!(error.reason(), "qemu.not_found");
    assert!(error.text().contains(nowhere.to_str().unwrap()), "{error:?}");
    assert!(!error.remedy_text().is_empty());
    backend.close(patience()).unwrap();
}

#[test]
fn a_missing_root_directory_is_not_found_and_makes_no_sandbox() {
    let home = Home::new();
    let backend = home.open();
    let missing = home.beside().join("no-root");
    let mut options = home.options("box");
    options.image = Some(missing.to_str().unwrap().to_owned());
    let error = failed(Sandbox::create(&backend, &options), Status::NotFound);
    assert_eq!(error.reason(), "image.not_found");
    assert!(error.text().contains(missing.to_str().unwrap()), "{error:?}");
    failed(Sandbox::open(&backend, "box"), Status::NotFound);
    backend.close(patience()).unwrap();
}

#[test]
fn an_image_behind_a_closed_directory_is_unreadable_and_not_missing() {
    // SAFETY: asks for a number only.
    let is_root = unsafe { libc::geteuid() } == 0;
    assert!(is_root, "this test becomes another user, so it needs root");
    let home = Home::new();
    fs::create_dir_all(home.beside().join("closed/root")).unwrap();
    fs::set_permissions(home.beside(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(home.beside().join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    let reports = Host::start("closed-image", home.path(), 0, |_| ()).finish();
    assert_eq!(reports, ["image.unreadable"]);
}

/// Tries as nobody to use an image below a directory of root.
pub fn play_closed_image(orders: &Orders) {
    become_nobody();
    let backend = open(&orders.home).unwrap();
    let mut options = sandbox_options(&orders.home, "box");
    let image = orders.home.with_file_name("closed").join("root");
    options.image = Some(image.to_str().unwrap().to_owned());
    let error = failed(Sandbox::create(&backend, &options), Status::PermissionDenied);
    assert!(!error.remedy_text().is_empty(), "{error:?}");
    report(error.reason());
}

#[test]
fn a_home_that_is_a_file_is_an_invalid_argument_and_the_file_stays() {
    let home = Home::new();
    fs::write(home.path(), "precious").unwrap();
    for path in [home.path().to_path_buf(), home.path().join("below")] {
        let error = failed(open(&path), Status::InvalidArgument);
        assert_eq!(error.reason(), "home.not_a_directory");
        assert!(error.text().contains(home.path().to_str().unwrap()), "{error:?}");
    }
    assert_eq!(fs::read_to_string(home.path()).unwrap(), "precious");
    fs::remove_file(home.path()).unwrap();
}

#[test]
fn somebody_elses_home_is_permission_denied() {
    // SAFETY: asks for a number only.
    let is_root = unsafe { libc::geteuid() } == 0;
    assert!(is_root, "this test becomes another user, so it needs root");
    let home = Home::new();
    home.open().close(patience()).unwrap();
    // The way to the home is open, the home itself is its owner's.
    fs::set_permissions(home.beside(), fs::Permissions::from_mode(0o755)).unwrap();
    let reports = Host::start("unprivileged", home.path(), 0, |_| ()).finish();
    assert_eq!(reports, ["config.unreadable", "home.create"]);
}

fn become_nobody() {
    // SAFETY: changes the identity of this process, which exists for that.
    let changed = unsafe {
        libc::setresgid(NOBODY, NOBODY, NOBODY) == 0 && libc::setresuid(NOBODY, NOBODY, NOBODY) == 0
    };
    assert!(changed, "{}", std::io::Error::last_os_error());
}

/// Tries as nobody to use a home of root, and to make one where nobody may write.
pub fn play_unprivileged(orders: &Orders) {
    become_nobody();
    for home in [orders.home.clone(), orders.home.with_file_name("new")] {
        let error = failed(open(&home), Status::PermissionDenied);
        assert!(!error.remedy_text().is_empty(), "{error:?}");
        report(error.reason());
    }
}

#[test]
fn tampered_or_tidied_runtime_files_are_put_back() {
    let home = Home::new();
    let backend = home.open();
    let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
    let live = |backend: &std::sync::Arc<Backend>| {
        let sandbox = Sandbox::open(backend, "box").unwrap();
        sandbox.start(patience()).unwrap();
        runs(&sandbox).unwrap();
        sandbox.stop(10_000).unwrap();
        backend.embedded().unwrap()
    };
    let embedded = live(&backend);
    // Tidied away under a backend that has used them.
    fs::remove_dir_all(home.path().join("runtime")).unwrap();
    live(&backend);
    let sound = fs::read(&embedded.runner).unwrap();
    backend.close(patience()).unwrap();
    drop((sandbox, backend));

    let (runner, agent) = (&embedded.runner, &embedded.agent);
    let mended = || {
        let backend = home.open();
        live(&backend);
        assert!(fs::read(runner).unwrap() == sound);
        backend.close(patience()).unwrap();
    };
    fs::write(runner, vec![0; sound.len()]).unwrap();
    mended();
    fs::set_permissions(runner, fs::Permissions::from_mode(0o600)).unwrap();
    mended();
    fs::write(agent, "#!/bin/false\n").unwrap();
    mended();
    fs::remove_file(agent).unwrap();
    mended();
    assert_eq!(processes(home.path()), []);
}
