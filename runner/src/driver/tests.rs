use super::*;
use msb_protocol::agent::GuestSpec;
use msb_protocol::launch::{HostLower, HostRoot, HostUpper, Lifetime, LogLevel};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn overlay(lower: &Path, upper: &Path) -> HostRoot {
    HostRoot::Overlay {
        lower: HostLower::Directory {
            path: lower.to_owned(),
        },
        upper: HostUpper::Disk {
            path: upper.to_owned(),
        },
    }
}

/// A spec whose files are all there, in `directory`.
pub(super) fn spec(directory: &Path) -> LaunchSpec {
    for file in ["kernel", "initramfs", "disk", "qemu"] {
        std::fs::write(directory.join(file), b"").unwrap();
    }
    std::fs::create_dir_all(directory.join("root")).unwrap();
    LaunchSpec {
        protocol: msb_protocol::PROTOCOL_VERSION,
        sandbox_id: 1,
        name: "test".to_owned(),
        directory: directory.to_owned(),
        database: directory.join("db"),
        busy_timeout_ms: 0,
        driver: Driver::QemuTcg,
        kernel: Some(directory.join("kernel")),
        initramfs: Some(directory.join("initramfs")),
        agent: None,
        qemu: Some(directory.join("qemu")),
        cpus: 1,
        memory_mib: 128,
        root: Some(overlay(&directory.join("root"), &directory.join("disk"))),
        mounts: Vec::new(),
        prepare: false,
        guest: GuestSpec {
            root: None,
            mounts: Vec::new(),
            hostname: "test".to_owned(),
            env: Vec::new(),
            workdir: None,
            user: None,
            rlimits: Vec::new(),
            scripts: Vec::new(),
            nameservers: Vec::new(),
            clock_unix_ns: 0,
            entropy: Vec::new(),
            stop_signal: 15,
        },
        lifetime: Lifetime {
            detached: false,
            ephemeral: false,
            boot_timeout_ms: 1000,
            idle_timeout_ms: None,
            max_duration_ms: None,
            stop_grace_ms: 0,
        },
        log_bytes: 0,
        log_level: LogLevel::Info,
    }
}

#[test]
fn a_missing_file_fails_with_its_name_and_errno_before_anything_starts() {
    for driver in [
        Driver::QemuTcg,
        #[cfg(feature = "krun")]
        Driver::Krun,
    ] {
        for (file, stage) in [
            ("kernel", BootStage::Vmm),
            ("initramfs", BootStage::Vmm),
            ("disk", BootStage::Vmm),
            ("root", BootStage::Share),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let spec = LaunchSpec {
                driver,
                ..spec(directory.path())
            };
            let path = directory.path().join(file);
            std::fs::rename(&path, directory.path().join("moved")).unwrap();
            let failure = spawn(&spec).unwrap_err();
            assert_eq!(
                (failure.stage, failure.errno),
                (stage, libc::ENOENT),
                "{driver:?} {file}"
            );
            assert!(
                failure.message.contains(path.to_str().unwrap()),
                "{}",
                failure.message
            );
        }
    }
}

#[test]
fn a_spec_that_no_machine_can_have_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let spec = spec(directory.path());
    let odd = directory.path().join(OsStr::from_bytes(b"\xff"));
    std::fs::create_dir(&odd).unwrap();
    for broken in [
        LaunchSpec {
            cpus: 256,
            ..spec.clone()
        },
        LaunchSpec {
            kernel: None,
            ..spec.clone()
        },
        LaunchSpec {
            root: None,
            ..spec.clone()
        },
        LaunchSpec {
            root: Some(overlay(&odd, &directory.path().join("disk"))),
            ..spec.clone()
        },
        LaunchSpec {
            qemu: None,
            ..spec.clone()
        },
    ] {
        let failure = spawn(&broken).unwrap_err();
        assert_eq!(
            (failure.stage, failure.errno),
            (BootStage::Vmm, 0),
            "{}",
            failure.message
        );
    }
}
