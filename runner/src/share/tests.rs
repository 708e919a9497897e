use super::*;
use std::ffi::CString;
use std::os::unix::fs::symlink;
use virtiofsd::filesystem::{Context, Extensions, FileSystem, FsOptions, SetattrValid, SetxattrFlags};
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

/// A share of a directory with `file` in it.
fn share() -> (tempfile::TempDir, PassthroughFsRo) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), b"content").unwrap();
    let system = server::file_system(directory.path().to_str().unwrap(), 100).unwrap();
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
