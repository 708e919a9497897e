//! What the options of mounts mean on this host, when their sandbox is created.

use super::options::{ImageFormat, MountOptions};
use super::{BindKind, Flags, Mount, Source, path};
use crate::error::{MsbError, Status};
use crate::sandbox::disk_image;
use msb_protocol::launch::DiskFormat;
use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// The mounts that valid options ask for: what they show of the host is there. Volumes are not looked for.
pub fn resolve(options: &[MountOptions]) -> Result<Vec<Mount>, MsbError> {
    let mounts = options
        .iter()
        .map(|options| one(options).map_err(|error| error.detail("mount", options.normal_path())))
        .collect::<Result<Vec<_>, _>>()?;
    check_together(&mounts)?;
    Ok(mounts)
}

fn one(options: &MountOptions) -> Result<Mount, MsbError> {
    Ok(Mount {
        guest_path: options.normal_path(),
        source: source(options)?,
        flags: Flags {
            read_only: options.read_only,
            noexec: options.noexec,
            nosuid: options.nosuid,
            nodev: options.nodev,
        },
        owner: options.uid.zip(options.gid),
    })
}

fn source(options: &MountOptions) -> Result<Source, MsbError> {
    if let Some(name) = &options.volume {
        return Ok(Source::Volume { name: name.clone() });
    }
    if let Some(path) = &options.bind {
        return bind(Path::new(path));
    }
    if let Some(path) = &options.disk {
        let format = match options.disk_format {
            ImageFormat::Probe => None,
            ImageFormat::Raw => Some(DiskFormat::Raw),
            ImageFormat::Qcow2 => Some(DiskFormat::Qcow2),
        };
        let image = disk_image::inspect(Path::new(path), format, options.disk_fstype.as_deref())?;
        return Ok(Source::Disk(image));
    }
    Ok(Source::Tmpfs {
        size_mib: options.tmpfs_size_mib,
        mode: options.tmpfs_mode,
    })
}

fn bind(path: &Path) -> Result<Source, MsbError> {
    let found = fs::canonicalize(path).and_then(|path| Ok((bind_kind(&path)?, path)));
    match found {
        Ok((Ok(kind), path)) => Ok(Source::Bind {
            path,
            kind: Some(kind),
        }),
        Ok((Err(what), path)) => Err(MsbError::new(
            Status::Unsupported,
            "mount.kind",
            format!("{} is {what}", path.display()),
        )
        .remedy("bind a directory or a regular file")),
        Err(error) => Err(
            MsbError::io("mount.not_found", "cannot find what to bind,", path, &error)
                .remedy("make it, or correct its path"),
        ),
    }
}

/// What is at a path that has no links in it; for what cannot be shown, what it is.
pub fn bind_kind(path: &Path) -> std::io::Result<Result<BindKind, &'static str>> {
    let kind = fs::symlink_metadata(path)?.file_type();
    Ok(if kind.is_dir() {
        Ok(BindKind::Directory)
    } else if kind.is_file() {
        Ok(BindKind::File)
    } else if kind.is_fifo() {
        Err("a FIFO")
    } else if kind.is_socket() {
        Err("a socket")
    } else if kind.is_symlink() {
        Err("a symbolic link")
    } else {
        Err("a device")
    })
}

/// Refuses mounts that are well by themselves and cannot be together.
fn check_together(mounts: &[Mount]) -> Result<(), MsbError> {
    for (index, mount) in mounts.iter().enumerate() {
        let others = mounts.iter().enumerate().filter(|(other, _)| *other != index);
        for (_, other) in others {
            if is_file(&mount.source) && path::is_at_or_below(&other.guest_path, &mount.guest_path) {
                return Err(MsbError::new(
                    Status::InvalidArgument,
                    "mount.below_file",
                    format!(
                        "the mount at {} is below {}, which shows a file",
                        other.guest_path, mount.guest_path
                    ),
                )
                .remedy("choose another path for one of them")
                .detail("mount", other.guest_path.as_str()));
            }
            if let (Source::Disk(one), Source::Disk(two)) = (&mount.source, &other.source)
                && one.path == two.path
            {
                return Err(MsbError::new(
                    Status::InvalidArgument,
                    "mount.disk_twice",
                    format!("two mounts show the disk image {}", one.path.display()),
                )
                .remedy("mount it once; two views of one disk do not see each other's writes"));
            }
        }
    }
    Ok(())
}

fn is_file(source: &Source) -> bool {
    matches!(
        source,
        Source::Bind {
            kind: Some(BindKind::File),
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn bound(guest_path: &str, path: &Path) -> MountOptions {
        MountOptions {
            guest_path: Some(guest_path.to_owned()),
            bind: Some(path.to_str().unwrap().to_owned()),
            ..MountOptions::default()
        }
    }

    fn reason(options: &[MountOptions]) -> String {
        resolve(options).unwrap_err().reason().to_owned()
    }

    #[test]
    fn a_bind_is_stored_without_links_and_with_what_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        fs::write(root.join("file"), "").unwrap();
        symlink("file", root.join("link")).unwrap();
        let mounts = resolve(&[bound("/d/", &root), bound("/f", &root.join("link"))]).unwrap();
        assert_eq!(mounts[0].guest_path, "/d");
        let expected = [
            (root.clone(), BindKind::Directory),
            (root.join("file"), BindKind::File),
        ];
        for (mount, (path, kind)) in mounts.iter().zip(expected) {
            assert_eq!(
                mount.source,
                Source::Bind {
                    path,
                    kind: Some(kind)
                }
            );
        }
    }

    #[test]
    fn what_is_not_there_or_no_file_is_refused_with_the_mount_named() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
        assert_eq!(reason(&[bound("/a", &fifo)]), "mount.kind");
        let error = resolve(&[bound("/a", &directory.path().join("none"))]).unwrap_err();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::NotFound, "mount.not_found")
        );
        assert!(
            error
                .details()
                .any(|(key, value)| (key, value) == ("mount", b"/a"))
        );
    }

    #[test]
    fn nothing_is_mounted_below_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let below = [bound("/f/x", directory.path()), bound("/f", &file)];
        assert_eq!(reason(&below), "mount.below_file");
        assert!(resolve(&[bound("/f", &file), bound("/fx", directory.path())]).is_ok());
    }

    #[test]
    fn a_disk_image_is_mounted_once_whatever_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        fs::write(&image, vec![0; 4096]).unwrap();
        symlink("image", directory.path().join("link")).unwrap();
        let disk = |guest_path: &str, name: &str| MountOptions {
            guest_path: Some(guest_path.to_owned()),
            disk: Some(directory.path().join(name).to_str().unwrap().to_owned()),
            ..MountOptions::default()
        };
        assert!(resolve(&[disk("/a", "image")]).is_ok());
        assert_eq!(
            reason(&[disk("/a", "image"), disk("/b", "link")]),
            "mount.disk_twice"
        );
        assert_eq!(reason(&[disk("/a", "none")]), "disk.not_found");
    }
}
