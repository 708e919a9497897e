//! What the machine gets of a sandbox's mounts, looked at once more before each start.

use super::resolve::bind_kind;
use super::{BindKind, Mount, Source, path};
use crate::error::{MsbError, Status};
use crate::runtime::driver::driver_name;
use crate::sandbox::disk_image;
use msb_protocol::launch::{Driver, HostLower, HostMount, HostRoot, MountSource};
use msb_protocol::machine;
use std::fs;
use std::io;
use std::path::Path;

/// The host's side of mounts, parents before what is in them. `volumes` is what those of volumes show, in their order.
pub fn host_mounts(mounts: &[Mount], volumes: Vec<MountSource>) -> Result<Vec<HostMount>, MsbError> {
    let mut volumes = volumes.into_iter();
    let mut found = Vec::with_capacity(mounts.len());
    for mount in mounts {
        let source = match &mount.source {
            Source::Volume { name } => volumes.next().ok_or_else(|| {
                MsbError::new(
                    Status::Internal,
                    "mount.volume",
                    format!("the volume {name:?} was not looked up"),
                )
            }),
            Source::Bind { path, kind } => bind(path, *kind),
            Source::Tmpfs { size_mib, mode } => Ok(MountSource::Tmpfs {
                size_mib: size_mib.map(u64::from),
                mode: *mode,
            }),
            Source::Disk(image) => disk_image::check(image).map(|()| MountSource::Disk(image.into())),
        };
        found.push(HostMount {
            guest_path: mount.guest_path.clone(),
            source: source.map_err(|error| error.detail("mount", mount.guest_path.as_str()))?,
            read_only: mount.flags.read_only,
            noexec: mount.flags.noexec,
            nosuid: mount.flags.nosuid,
            nodev: mount.flags.nodev,
            owner: mount.owner,
        });
    }
    // Stable: what is equally deep stays in the order in which it was given.
    found.sort_by_key(|mount| path::depth(&mount.guest_path));
    Ok(found)
}

fn bind(path: &Path, expected: Option<BindKind>) -> Result<MountSource, MsbError> {
    let missing = |error: io::Error| {
        MsbError::io("mount.not_found", "cannot find what to bind,", path, &error)
            .remedy("put it back, or create the sandbox again without it")
    };
    // 0.5.8 stored paths with the links in them.
    let path = &match expected {
        Some(_) => path.to_owned(),
        None => fs::canonicalize(path).map_err(missing)?,
    };
    match bind_kind(path).map_err(missing)? {
        Ok(kind) if expected.is_none_or(|expected| expected == kind) => Ok(match kind {
            BindKind::Directory => MountSource::Directory {
                path: path.clone(),
                quota: None,
            },
            BindKind::File => MountSource::File {
                path: path.to_owned(),
            },
        }),
        other => {
            let now = match other {
                Ok(BindKind::Directory) => "a directory",
                Ok(BindKind::File) => "a file",
                Err(what) => what,
            };
            let was = match expected {
                Some(BindKind::Directory) => ", and was a directory when the sandbox was created",
                Some(BindKind::File) => ", and was a file when the sandbox was created",
                None => "",
            };
            Err(MsbError::new(
                Status::Conflict,
                "mount.changed",
                format!("{} is {now}{was}", path.display()),
            )
            .remedy("put it back as it was, or create the sandbox again"))
        }
    }
}

/// Refuses mounts that the machine of `driver` cannot have. Without a machine there is no root, and nothing can be had.
pub fn check_machine(driver: Driver, root: Option<&HostRoot>, mounts: &[HostMount]) -> Result<(), MsbError> {
    for mount in mounts {
        if let Some(sentence) = machine::unsupported(driver, mount) {
            return Err(MsbError::new(
                Status::Unsupported,
                "mount.unsupported",
                format!("the mount at {} cannot be made: {sentence}", mount.guest_path),
            )
            .detail("mount", mount.guest_path.as_str())
            .detail("driver", driver_name(driver)));
        }
    }
    if let Some(mount) = mounts.iter().find(|mount| shows_root(mount, root)) {
        return Err(MsbError::new(
            Status::InvalidArgument,
            "mount.disk_twice",
            format!(
                "the mount at {} shows the disk image that is the root",
                mount.guest_path
            ),
        )
        .remedy("mount a copy of it")
        .detail("mount", mount.guest_path.as_str()));
    }
    let (wanted, most) = (
        mounts.iter().map(machine::mount_devices).sum::<usize>(),
        root.map_or(0, |root| machine::most_mounts(driver, root)),
    );
    if wanted <= most {
        return Ok(());
    }
    Err(MsbError::new(
        Status::ResourceExhausted,
        "mount.too_many",
        format!(
            "the sandbox has {wanted} mounts that each take a device, and the driver {} has room for {most}",
            driver_name(driver)
        ),
    )
    .remedy("mount fewer, with what belongs together in one directory; memory (tmpfs) takes no device")
    .detail("limit", most.to_string())
    .detail("driver", driver_name(driver)))
}

/// Whether a mount and the root are on one disk image, whose file system would then be mounted twice.
fn shows_root(mount: &HostMount, root: Option<&HostRoot>) -> bool {
    match (&mount.source, root) {
        (
            MountSource::Disk(disk),
            Some(HostRoot::Overlay {
                lower: HostLower::Disk(lower),
                ..
            }),
        ) => disk.path == lower.path,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::mount::Flags;
    use msb_protocol::launch::{DiskFormat, HostDisk, HostUpper};

    fn mount(guest_path: &str, source: Source) -> Mount {
        Mount {
            guest_path: guest_path.to_owned(),
            source,
            flags: Flags::default(),
            owner: None,
        }
    }

    fn memory(guest_path: &str) -> Mount {
        mount(
            guest_path,
            Source::Tmpfs {
                size_mib: None,
                mode: None,
            },
        )
    }

    fn overlay() -> HostRoot {
        HostRoot::Overlay {
            lower: HostLower::Directory { path: "/".into() },
            upper: HostUpper::Disk { path: "/x".into() },
        }
    }

    #[test]
    fn parents_come_first_and_the_rest_stays_in_order() {
        let mounts = ["/b/c/d", "/a", "/b/c", "/b", "/a/x"].map(memory);
        let paths: Vec<_> = host_mounts(&mounts, Vec::new())
            .unwrap()
            .into_iter()
            .map(|mount| mount.guest_path)
            .collect();
        assert_eq!(paths, ["/a", "/b", "/b/c", "/a/x", "/b/c/d"]);
    }

    #[test]
    fn a_bind_that_is_no_longer_what_it_was_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(directory.path()).unwrap().join("what");
        let bind = |kind| {
            let path = path.clone();
            host_mounts(&[mount("/m", Source::Bind { path, kind })], Vec::new())
        };
        let file = Some(BindKind::File);
        assert_eq!(bind(file).unwrap_err().status(), Status::NotFound);
        fs::create_dir(&path).unwrap();
        let error = bind(file).unwrap_err();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::Conflict, "mount.changed")
        );
        assert!(
            error.text().contains("is a directory, and was a file"),
            "{}",
            error.text()
        );
        assert!(matches!(
            bind(None).unwrap()[0].source,
            MountSource::Directory { quota: None, .. }
        ));
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/etc", &path).unwrap();
        assert!(
            bind(Some(BindKind::Directory))
                .unwrap_err()
                .text()
                .contains("a symbolic link")
        );
        let MountSource::Directory { path, .. } = &bind(None).unwrap()[0].source else {
            panic!("a link of 0.5.8 is followed");
        };
        assert_eq!(path, Path::new("/etc"));
    }

    #[test]
    fn the_limit_of_a_driver_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(directory.path()).unwrap();
        let binds = |count: usize| {
            let mounts: Vec<_> = (0..count)
                .map(|i| {
                    let source = Source::Bind {
                        path: path.clone(),
                        kind: None,
                    };
                    mount(&format!("/m{i}"), source)
                })
                .chain([memory("/t")])
                .collect();
            host_mounts(&mounts, Vec::new()).unwrap()
        };
        for driver in [Driver::Krun, Driver::QemuTcg] {
            let most = machine::most_mounts(driver, &overlay());
            assert!(most > 0 && check_machine(driver, Some(&overlay()), &binds(most)).is_ok());
            let error = check_machine(driver, Some(&overlay()), &binds(most + 1)).unwrap_err();
            assert_eq!(error.status(), Status::ResourceExhausted);
            assert!(
                error.text().contains(&format!("room for {most}")),
                "{}",
                error.text()
            );
        }
    }

    #[test]
    fn what_a_driver_cannot_do_is_refused_with_the_mount_named() {
        let owned = Mount {
            owner: Some((1, 1)),
            ..memory("/t")
        };
        let mounts = host_mounts(&[owned], Vec::new()).unwrap();
        assert!(check_machine(Driver::QemuTcg, Some(&overlay()), &mounts).is_ok());
        let error = check_machine(Driver::Process, None, &mounts).unwrap_err();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::Unsupported, "mount.unsupported")
        );
        assert!(error.text().contains("/t"), "{}", error.text());
    }

    #[test]
    fn the_image_of_the_root_is_not_mounted_again() {
        let disk = HostDisk {
            path: "/srv/root.img".into(),
            format: DiskFormat::Raw,
            fstype: None,
        };
        let mounts = host_mounts(
            &[mount("/m", Source::Volume { name: "v".into() })],
            vec![MountSource::Disk(disk.clone())],
        );
        let root = HostRoot::Overlay {
            lower: HostLower::Disk(disk),
            upper: HostUpper::Tmpfs { size_mib: 16 },
        };
        let error = check_machine(Driver::QemuTcg, Some(&root), &mounts.unwrap()).unwrap_err();
        assert_eq!(error.reason(), "mount.disk_twice");
        let elsewhere = host_mounts(&[memory("/t")], Vec::new()).unwrap();
        assert!(check_machine(Driver::QemuTcg, Some(&root), &elsewhere).is_ok());
    }
}
