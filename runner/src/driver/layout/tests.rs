use super::*;
use msb_protocol::launch::{Driver, HostMount};
use std::os::unix::ffi::OsStrExt;

fn overlay(directory: &Path) -> HostRoot {
    HostRoot::Overlay {
        lower: HostLower::Directory {
            path: directory.join("root"),
        },
        upper: HostUpper::Disk {
            path: directory.join("disk"),
        },
    }
}

fn mount(source: MountSource) -> HostMount {
    HostMount {
        guest_path: "/there".to_owned(),
        source,
        read_only: false,
        noexec: true,
        nosuid: false,
        nodev: true,
        owner: None,
    }
}

fn directory(path: &Path) -> HostMount {
    mount(MountSource::Directory {
        path: path.to_owned(),
        quota: None,
    })
}

/// The layout of a spec with this root and these mounts.
fn layout(driver: Driver, root: HostRoot, mounts: Vec<HostMount>) -> Result<Layout, DriverError> {
    let directory = tempfile::tempdir().unwrap();
    Layout::of(&LaunchSpec {
        driver,
        root: Some(root),
        mounts,
        ..super::super::tests::spec(directory.path())
    })
}

#[test]
fn the_guest_is_told_what_the_machine_has() {
    let home = Path::new("/home");
    let file = tempfile::NamedTempFile::new().unwrap();
    let name = file.path().file_name().unwrap().to_str().unwrap();
    let mounts = vec![
        directory(Path::new("/data")),
        HostMount {
            read_only: true,
            ..mount(MountSource::File {
                path: file.path().to_owned(),
            })
        },
        mount(MountSource::Tmpfs {
            size_mib: Some(7),
            mode: None,
        }),
        mount(MountSource::Disk(HostDisk {
            path: "/d.qcow2".into(),
            format: DiskFormat::Qcow2,
            fstype: None,
        })),
    ];
    let layout = layout(Driver::QemuTcg, overlay(home), mounts).unwrap();
    let tags: Vec<_> = layout.shares.iter().map(|share| share.tag.as_str()).collect();
    let serials: Vec<_> = layout.disks.iter().map(|disk| disk.serial.as_str()).collect();
    assert_eq!(tags, ["msb-lower", "msb-m0", "msb-m1"]);
    assert_eq!(serials, ["msb-upper", "msb-m3"]);
    let GuestRoot::Overlay { lower, upper } = &layout.tree.root else {
        panic!("not an overlay");
    };
    assert_eq!(
        *lower,
        Lower::Share {
            tag: "msb-lower".to_owned()
        }
    );
    assert_eq!(
        *upper,
        Upper::Disk {
            serial: "msb-upper".to_owned()
        }
    );
    let sources: Vec<_> = layout.tree.mounts.iter().map(|mount| &mount.source).collect();
    assert_eq!(
        sources,
        [
            &GuestSource::Share {
                tag: "msb-m0".to_owned()
            },
            &GuestSource::SharedFile {
                tag: "msb-m1".to_owned(),
                name: name.to_owned()
            },
            &GuestSource::Tmpfs {
                size_mib: Some(7),
                mode: 0o1777,
                owner: (0, 0)
            },
            &GuestSource::Disk(GuestDisk {
                serial: "msb-m3".to_owned(),
                fstype: None
            }),
        ]
    );
    assert!(
        layout
            .tree
            .mounts
            .iter()
            .all(|mount| mount.noexec && mount.nodev && !mount.nosuid)
    );
    // Only what nobody changes may be remembered by the guest.
    let frozen: Vec<_> = layout.shares.iter().map(|share| share.frozen).collect();
    assert_eq!(frozen, [true, false, false]);
    assert_eq!(layout.shares[2].only.as_deref(), Some(name));
}

#[test]
fn roots_are_copied_on_write_or_passed_through() {
    let disk = HostDisk {
        path: "/root.img".into(),
        format: DiskFormat::Raw,
        fstype: Some("ext4".to_owned()),
    };
    let root = HostRoot::Overlay {
        lower: HostLower::Disk(disk),
        upper: HostUpper::Tmpfs { size_mib: 7 },
    };
    let copied = layout(Driver::QemuTcg, root, Vec::new()).unwrap();
    assert!(copied.shares.is_empty() && copied.disks.len() == 1 && copied.disks[0].read_only);
    let root = HostRoot::Bind { path: "/root".into() };
    let passed = layout(Driver::QemuTcg, root, Vec::new()).unwrap();
    assert!(passed.disks.is_empty() && !passed.shares[0].read_only && !passed.shares[0].frozen);
    assert_eq!(
        passed.tree.root,
        GuestRoot::Share {
            tag: "msb-root".to_owned()
        }
    );
}

#[test]
fn a_root_in_layers_is_one_disk_that_is_only_read() {
    let layers = |count: usize| HostRoot::Overlay {
        lower: HostLower::Layers {
            extents: (0..count).map(|index| format!("/layer {index}").into()).collect(),
        },
        upper: HostUpper::Tmpfs { size_mib: 7 },
    };
    for driver in [Driver::Krun, Driver::QemuKvm, Driver::QemuTcg] {
        let joined = layout(driver, layers(machine::MOST_EXTENTS), Vec::new()).unwrap();
        let [disk] = &joined.disks[..] else {
            panic!("{:?}", joined.disks)
        };
        assert!(joined.shares.is_empty() && disk.read_only && disk.path.ends_with("/layers.vmdk"));
        match &disk.sectors {
            Sectors::Joined(extents) => {
                assert_eq!(
                    (extents.len(), extents[1].as_str()),
                    (machine::MOST_EXTENTS, "/layer 1")
                );
            }
            other => panic!("{other:?}"),
        }
        let lower = Lower::Disk(GuestDisk {
            serial: disk.serial.clone(),
            fstype: Some("erofs".to_owned()),
        });
        let upper = Upper::Tmpfs { size_mib: 7 };
        assert_eq!(joined.tree.root, GuestRoot::Overlay { lower, upper });
        assert!(matches!(
            layout(driver, layers(machine::MOST_EXTENTS + 1), Vec::new()),
            Err(DriverError::TooManyLayers(_))
        ));
        assert!(matches!(
            layout(driver, layers(0), Vec::new()),
            Err(DriverError::Missing(_))
        ));
    }
}

#[test]
fn more_mounts_than_devices_are_refused_with_the_limit() {
    for driver in [Driver::Krun, Driver::QemuKvm, Driver::QemuTcg] {
        let root = overlay(Path::new("/home"));
        let most = machine::most_mounts(driver, &root);
        let mounts = |count| vec![directory(Path::new("/data")); count];
        assert!(layout(driver, root.clone(), mounts(most)).is_ok());
        match layout(driver, root.clone(), mounts(most + 1)) {
            Err(DriverError::TooManyMounts { wanted, most: limit }) => {
                assert_eq!((wanted, limit), (most + 1, most));
            }
            other => panic!("{other:?}"),
        }
        // Memory takes no device.
        let memory = mount(MountSource::Tmpfs {
            size_mib: None,
            mode: None,
        });
        let many = [mounts(most), vec![memory; 40]].concat();
        assert!(layout(driver, root, many).is_ok());
    }
}

#[test]
fn what_a_driver_cannot_do_is_refused_and_never_left_out() {
    let owned = |source| HostMount {
        owner: Some((1000, 1000)),
        ..mount(source)
    };
    let shared = owned(MountSource::Directory {
        path: "/data".into(),
        quota: None,
    });
    let disk = owned(MountSource::Disk(HostDisk {
        path: "/disk".into(),
        format: DiskFormat::Raw,
        fstype: None,
    }));
    let root = || overlay(Path::new("/home"));
    assert!(layout(Driver::QemuTcg, root(), vec![shared.clone()]).is_ok());
    for (driver, mount) in [(Driver::Krun, shared), (Driver::QemuTcg, disk)] {
        assert!(matches!(
            layout(driver, root(), vec![mount]),
            Err(DriverError::Unsupported { .. })
        ));
    }
}

#[test]
fn a_single_file_is_a_file_with_a_name_in_utf_8() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("file"), b"").unwrap();
    std::os::unix::fs::symlink("file", home.path().join("link")).unwrap();
    let odd = home.path().join(OsStr::from_bytes(b"\xff"));
    std::fs::write(&odd, b"").unwrap();
    assert_eq!(split(&home.path().join("link")).unwrap().1, "file");
    assert!(matches!(split(&odd), Err(DriverError::NotUtf8 { .. })));
    for path in [home.path().to_owned(), home.path().join("none"), "/".into()] {
        assert!(matches!(split(&path), Err(DriverError::Input { .. })));
    }
}

#[cfg(feature = "krun")]
#[test]
fn a_joined_disk_leaves_its_descriptor_and_its_layers_in_reach_and_nothing_beside_them() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    for name in ["descriptor", "first", "second", "other"] {
        std::fs::write(path(name), name).unwrap();
    }
    let disk = Disk {
        serial: "msb-lower".to_owned(),
        path: path("descriptor"),
        sectors: Sectors::Joined(vec![path("first"), path("second")]),
        read_only: true,
    };
    let fence = disk.fence(Fence::around_everything().unwrap()).unwrap();
    // Nothing to see where the kernel has no Landlock.
    let Some(fenced) = fence.finish() else { return };
    let names = ["descriptor", "first", "second", "other"].map(path);
    let inside = move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        fenced.apply().unwrap();
        let write = |name| std::fs::OpenOptions::new().write(true).open(name);
        (
            names.each_ref().map(|name| std::fs::read(name).is_ok()),
            names.each_ref().map(|name| write(name).is_ok()),
        )
    };
    let (read, written) = std::thread::spawn(inside).join().unwrap();
    assert_eq!((read, written), ([true, true, true, false], [false; 4]));
}

#[test]
fn a_share_is_the_directory_that_was_opened_and_never_a_link() {
    let place = tempfile::tempdir().unwrap();
    let real = place.path().join("real");
    let link = place.path().join("link");
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("mark"), b"").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let share = |path: &Path| {
        let layout = layout(Driver::QemuTcg, overlay(place.path()), vec![directory(path)]).unwrap();
        layout.shares.into_iter().find(|share| !share.is_root()).unwrap()
    };
    assert!(share(&link).pin().is_err());
    let (pinned, _open) = share(&real).pin().unwrap();
    std::fs::rename(&real, place.path().join("moved")).unwrap();
    std::os::unix::fs::symlink("/etc", &real).unwrap();
    assert!(Path::new(&pinned.directory).join("mark").exists());
    // As those open it who follow no link.
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::DIRECTORY;
    rustix::fs::open(&pinned.directory, flags, rustix::fs::Mode::empty()).unwrap();
}
