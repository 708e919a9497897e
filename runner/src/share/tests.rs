use super::filter::Filter;
use super::frozen::Frozen;
use super::*;
use std::ffi::CString;
use std::os::unix::fs::symlink;
use virtiofsd::filesystem::{
    Context, DirectoryIterator, Extensions, FileSystem, FsOptions, SetattrValid, SetxattrFlags,
};
use virtiofsd::passthrough::read_only::PassthroughFsRo;

/// Number of a share's root directory in the protocol.
const ROOT: u64 = 1;

fn context() -> Context {
    Context {
        uid: 0.into(),
        gid: 0.into(),
        pid: 1,
    }
}

fn name(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// All of a directory.
fn plain(directory: &Path) -> Share {
    Share {
        tag: "tag".to_owned(),
        directory: directory.to_str().unwrap().to_owned(),
        only: None,
        read_only: true,
        frozen: true,
        quota: None,
        owner: None,
    }
}

/// A share of a directory with `file` in it.
fn share() -> (tempfile::TempDir, PassthroughFsRo) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), b"content").unwrap();
    let system = server::read_only(&plain(directory.path()), 100).unwrap();
    system.init(FsOptions::empty()).unwrap();
    (directory, system)
}

#[test]
fn every_change_is_refused_whatever_the_guest_mounted() {
    let (directory, system) = share();
    let file = system.lookup(context(), ROOT, &name("file")).unwrap().inode;
    let (file_name, new) = (name("file"), name("new"));
    let attributes = virtiofsd::fuse::SetattrIn::default();
    let outcomes: Vec<(&str, io::Result<()>)> = vec![
        ("create", {
            let flags = (libc::O_CREAT | libc::O_RDONLY) as u32;
            system
                .create(
                    context(),
                    ROOT,
                    &new,
                    0o600,
                    false,
                    flags,
                    0,
                    Extensions::default(),
                )
                .map(drop)
        }),
        (
            "open to write",
            system
                .open(context(), file, false, libc::O_WRONLY as u32)
                .map(drop),
        ),
        (
            "open to append",
            system
                .open(context(), file, false, (libc::O_RDWR | libc::O_APPEND) as u32)
                .map(drop),
        ),
        (
            "setattr",
            system
                .setattr(context(), file, attributes, None, SetattrValid::SIZE)
                .map(drop),
        ),
        (
            "mkdir",
            system
                .mkdir(context(), ROOT, &new, 0o700, 0, Extensions::default())
                .map(drop),
        ),
        (
            "mknod",
            system
                .mknod(context(), ROOT, &new, libc::S_IFIFO, 0, 0, Extensions::default())
                .map(drop),
        ),
        (
            "symlink",
            system
                .symlink(context(), &file_name, ROOT, &new, Extensions::default())
                .map(drop),
        ),
        ("link", system.link(context(), file, ROOT, &new).map(drop)),
        (
            "rename",
            system.rename(context(), ROOT, &file_name, ROOT, &new, 0),
        ),
        ("unlink", system.unlink(context(), ROOT, &file_name)),
        ("rmdir", system.rmdir(context(), ROOT, &file_name)),
        (
            "setxattr",
            system.setxattr(context(), file, &name("user.x"), b"v", 0, SetxattrFlags::empty()),
        ),
        (
            "removexattr",
            system.removexattr(context(), file, &name("user.x")),
        ),
    ];
    for (what, outcome) in outcomes {
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::EROFS), "{what}");
    }
    // Truncation by opening is refused by another number.
    system
        .open(context(), file, false, (libc::O_RDONLY | libc::O_TRUNC) as u32)
        .map(drop)
        .unwrap_err();
    assert_eq!(std::fs::read(directory.path().join("file")).unwrap(), b"content");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_frozen_share_is_read_without_being_opened() {
    let directory = tempfile::tempdir().unwrap();
    // More than are kept open, so that the first is opened again.
    let files: Vec<String> = (0..100).map(|number| format!("file{number}")).collect();
    for file in &files {
        std::fs::write(directory.path().join(file), file.as_bytes()).unwrap();
    }
    let system = Frozen::new(server::read_only(&plain(directory.path()), 1000).unwrap());
    let options = system.init(FsOptions::CACHE_SYMLINKS).unwrap();
    assert!(options.contains(FsOptions::CACHE_SYMLINKS));
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let inodes: Vec<u64> = files
        .iter()
        .map(|file| system.lookup(context(), ROOT, &name(file)).unwrap().inode)
        .collect();
    let unasked = |outcome: io::Result<()>| outcome.unwrap_err().raw_os_error();
    assert_eq!(
        unasked(system.open(context(), inodes[0], false, 0).map(drop)),
        Some(libc::ENOSYS)
    );
    assert_eq!(
        unasked(system.opendir(context(), ROOT, 0).map(drop)),
        Some(libc::ENOSYS)
    );
    let before = descriptors();
    for _ in 0..2 {
        for (file, inode) in files.iter().zip(&inodes) {
            let end = system.lseek(context(), *inode, 0, 0, libc::SEEK_END.cast_unsigned());
            assert_eq!(end.unwrap(), file.len() as u64);
        }
    }
    assert!(descriptors() - before <= 64 + 8, "no more are kept open");
    let mut entries = system.readdir(context(), ROOT, 0, 64 * 1024, 0).unwrap();
    let mut listed = 0;
    while DirectoryIterator::next(&mut entries).is_some() {
        listed += 1;
    }
    assert_eq!(listed, files.len() + 2);
    let changes = [
        system.unlink(context(), ROOT, &name("file0")),
        system.rename(context(), ROOT, &name("file0"), ROOT, &name("new"), 0),
        system
            .mkdir(context(), ROOT, &name("new"), 0o700, 0, Extensions::default())
            .map(drop),
        system
            .create(
                context(),
                ROOT,
                &name("new"),
                0o600,
                false,
                0,
                0,
                Extensions::default(),
            )
            .map(drop),
    ];
    for change in changes {
        change.unwrap_err();
    }
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), files.len());
    system.destroy();
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let (directory, system) = share();
    symlink("/etc/passwd", directory.path().join("absolute")).unwrap();
    symlink("../../../../../../etc", directory.path().join("relative")).unwrap();
    for link in ["absolute", "relative"] {
        let entry = system.lookup(context(), ROOT, &name(link)).unwrap();
        // The guest gets the link itself, to follow it inside its own root.
        assert_eq!(entry.attr.mode & libc::S_IFMT, libc::S_IFLNK);
        assert!(system.lookup(context(), entry.inode, &name("passwd")).is_err());
    }
    let own = system.getattr(context(), ROOT, None).unwrap().0.ino;
    for hostile in ["../etc/passwd", "/etc/passwd", "relative/passwd"] {
        assert!(
            system.lookup(context(), ROOT, &name(hostile)).is_err(),
            "{hostile}"
        );
    }
    if let Ok(parent) = system.lookup(context(), ROOT, &name("..")) {
        assert_eq!(parent.attr.ino, own, "the parent of the root is the root");
    }
}

#[test]
fn a_shared_file_shows_nothing_of_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    for file in ["file", "sibling"] {
        std::fs::write(directory.path().join(file), b"content").unwrap();
    }
    let whole = Share {
        read_only: false,
        ..plain(directory.path())
    };
    let system = Filter::new(server::read_write(&whole, 100).unwrap(), Some(name("file")));
    system.init(FsOptions::empty()).unwrap();
    let file = system.lookup(context(), ROOT, &name("file")).unwrap().inode;
    system
        .open(context(), file, false, libc::O_RDWR.cast_unsigned())
        .unwrap();
    for hidden in ["sibling", "..", ".", "none"] {
        let outcome = system.lookup(context(), ROOT, &name(hidden));
        assert_eq!(outcome.map(drop).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
    let attributes = virtiofsd::fuse::SetattrIn::default();
    let (old, new) = (name("file"), name("new"));
    let flags = (libc::O_CREAT | libc::O_RDWR).cast_unsigned();
    let extensions = Extensions::default;
    let outcomes: [(&str, io::Result<()>); 11] = [
        ("open", system.open(context(), ROOT, false, 0).map(drop)),
        ("opendir", system.opendir(context(), ROOT, 0).map(drop)),
        ("readdir", system.readdir(context(), ROOT, 0, 100, 0).map(drop)),
        (
            "setattr",
            system
                .setattr(context(), ROOT, attributes, None, SetattrValid::MODE)
                .map(drop),
        ),
        (
            "create",
            system
                .create(context(), ROOT, &new, 0o600, false, flags, 0, extensions())
                .map(drop),
        ),
        (
            "mkdir",
            system
                .mkdir(context(), ROOT, &new, 0o700, 0, extensions())
                .map(drop),
        ),
        (
            "mknod",
            system
                .mknod(context(), ROOT, &new, libc::S_IFREG, 0, 0, extensions())
                .map(drop),
        ),
        (
            "symlink",
            system
                .symlink(context(), &old, ROOT, &new, extensions())
                .map(drop),
        ),
        ("link", system.link(context(), file, ROOT, &new).map(drop)),
        ("rename", system.rename(context(), ROOT, &old, ROOT, &new, 0)),
        ("unlink", system.unlink(context(), ROOT, &old)),
    ];
    for (what, outcome) in outcomes {
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::EPERM), "{what}");
    }
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 2);
}

#[test]
fn no_share_passes_device_nodes_through() {
    let directory = tempfile::tempdir().unwrap();
    let whole = Share {
        read_only: false,
        ..plain(directory.path())
    };
    let system = Filter::new(server::read_write(&whole, 100).unwrap(), None);
    system.init(FsOptions::empty()).unwrap();
    let make = |kind| {
        let made = system.mknod(
            context(),
            ROOT,
            &name("node"),
            kind | 0o600,
            259,
            0,
            Extensions::default(),
        );
        made.map(drop).map_err(|error| error.raw_os_error())
    };
    for device in [libc::S_IFCHR, libc::S_IFBLK, libc::S_IFDIR, libc::S_IFLNK] {
        assert_eq!(make(device), Err(Some(libc::EPERM)));
    }
    assert_eq!(make(libc::S_IFIFO), Ok(()));
    // Renaming can leave a device behind too.
    const WHITEOUT: u32 = 4;
    let moved = system.rename(context(), ROOT, &name("node"), ROOT, &name("moved"), WHITEOUT);
    assert_eq!(moved.unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn the_sockets_name_is_gone_once_it_is_connected() {
    let directory = tempfile::tempdir().unwrap();
    let deep = directory.path().join("x".repeat(120));
    std::fs::create_dir(&deep).unwrap();
    let (listener, _connected) = connected_listener(&deep).unwrap();
    listener.accept().unwrap();
    assert_eq!(std::fs::read_dir(&deep).unwrap().count(), 0);
}

#[test]
fn a_socket_that_a_killed_runner_left_behind_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(directory.path().join(SOCKET)).unwrap());
    let (listener, _vmm) = connected_listener(directory.path()).unwrap();
    listener.accept().unwrap();
    assert!(std::fs::read_dir(&directory).unwrap().next().is_none());
}
