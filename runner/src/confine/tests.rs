use super::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};

const SECOND: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

fn nothing() -> Keep {
    Keep {
        fds: Vec::new(),
        lifeline: None,
        capabilities: CapabilitySet::empty(),
        files: None,
    }
}

fn output(mut command: Command, keep: Keep) -> String {
    confine(&mut command, keep);
    let output = command.output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn sleeper(keep: Keep) -> io::Result<Child> {
    let mut command = Command::new("/bin/sleep");
    command.arg("60").stdin(Stdio::null());
    confine(&mut command, keep);
    command.spawn()
}

/// Waits for the end of `child`, but not for ever.
fn ended(mut child: Child) -> Option<ExitStatus> {
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    if poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&SECOND)).unwrap() == 0 {
        child.kill().unwrap();
        child.wait().unwrap();
        return None;
    }
    Some(child.wait().unwrap())
}

#[test]
fn a_confined_child_keeps_only_the_listed_descriptors() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let kept = rustix::io::fcntl_dupfd_cloexec(&file, 60).unwrap();
    // SAFETY: F_DUPFD takes integers only and makes a descriptor that survives exec.
    let stray = unsafe { OwnedFd::from_raw_fd(libc::fcntl(file.as_raw_fd(), libc::F_DUPFD, 70)) };
    let number = kept.as_raw_fd();
    let mut command = Command::new("/bin/ls");
    command.arg("/proc/self/fd").stdin(Stdio::null());
    let listed = output(
        command,
        Keep {
            fds: vec![kept],
            ..nothing()
        },
    );
    let listed: BTreeSet<RawFd> = listed.lines().map(|line| line.parse().unwrap()).collect();
    // 3 is the directory that ls itself reads.
    assert_eq!(listed, BTreeSet::from([0, 1, 2, 3, number]));
    drop(stray);
}

#[test]
fn a_confined_child_has_no_privilege_no_environment_and_no_core_dumps() {
    let read = |path: &str| {
        let mut command = Command::new("/bin/cat");
        command.arg(path);
        output(command, nothing())
    };
    let status = read("/proc/self/status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    };
    assert_eq!(field("NoNewPrivs:"), "1");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(read("/proc/self/environ"), "");
    let limits = read("/proc/self/limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[test]
fn root_keeps_exactly_the_capabilities_that_are_listed() {
    let mut command = Command::new("/bin/cat");
    command.arg("/proc/self/status");
    let wanted = CapabilitySet::DAC_READ_SEARCH;
    let own = rustix::thread::capabilities(None).unwrap().permitted;
    let status = output(
        command,
        Keep {
            capabilities: wanted,
            ..nothing()
        },
    );
    let expected = format!("CapEff:\t{:016x}", (own & wanted).bits());
    // Across exec only root holds on to what it had.
    if rustix::process::geteuid().is_root() {
        assert!(status.contains(&expected), "{status}");
    }
}

#[test]
fn closing_the_lifeline_kills_the_child() {
    let (theirs, ours) = lifeline().unwrap();
    let child = sleeper(Keep {
        lifeline: Some(theirs),
        ..nothing()
    })
    .unwrap();
    drop(ours);
    assert_eq!(
        ended(child).and_then(|status| status.signal()),
        Some(libc::SIGKILL)
    );
}

#[test]
fn a_killed_owner_of_the_lifeline_takes_the_child_with_it() {
    let (theirs, ours) = lifeline().unwrap();
    let mut owner = sleeper(Keep {
        fds: vec![ours],
        ..nothing()
    })
    .unwrap();
    let mut child = sleeper(Keep {
        lifeline: Some(theirs),
        ..nothing()
    })
    .unwrap();
    assert!(child.try_wait().unwrap().is_none());
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_eq!(
        ended(child).and_then(|status| status.signal()),
        Some(libc::SIGKILL)
    );
}

#[test]
fn a_lifeline_that_is_cut_already_starts_nothing() {
    let (theirs, ours) = lifeline().unwrap();
    drop(ours);
    let error = sleeper(Keep {
        lifeline: Some(theirs),
        ..nothing()
    })
    .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

/// Runs `work` in a thread that is inside `fence` for good; not at all where the kernel has no Landlock.
fn inside(fence: Fence, work: impl FnOnce() + Send + 'static) {
    let Some(fenced) = fence.finish() else {
        return;
    };
    let fenced_off = move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        fenced.apply().unwrap();
        work();
    };
    std::thread::spawn(fenced_off).join().unwrap();
}

fn refused_by_the_fence<T>(result: io::Result<T>) {
    let errno = result.map(drop).unwrap_err().raw_os_error();
    assert_eq!(errno, Some(libc::EACCES));
}

#[test]
fn a_fence_leaves_nothing_in_reach_but_what_it_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("shared")).unwrap();
    for name in ["shared/file", "disk", "secret"] {
        std::fs::write(path(name), name).unwrap();
    }
    std::os::unix::fs::symlink(path("secret"), path("shared/link")).unwrap();
    let shared = std::fs::File::open(path("shared")).unwrap();
    let fence = Fence::around_everything().unwrap();
    let fence = fence.read(path("shared")).unwrap().write(path("disk")).unwrap();
    let [disk, secret, link, new] = ["disk", "secret", "shared/link", "shared/new"].map(path);
    let file = path("shared/file");
    inside(fence, move || {
        use rustix::fs::{Mode, OFlags, openat};
        assert_eq!(std::fs::read(&file).unwrap(), b"shared/file");
        std::fs::write(disk, b"changed").unwrap();
        // What a guest of libkrun may ask for.
        for name in [
            "../secret",
            "/etc/passwd",
            "../../../../../../../etc/passwd",
            "/",
            "..",
        ] {
            refused_by_the_fence(
                openat(&shared, name, OFlags::RDONLY, Mode::empty()).map_err(io::Error::from),
            );
            // A path alone can still be had, but not opened.
            let found = openat(&shared, name, OFlags::PATH, Mode::empty()).unwrap();
            let again = format!("/proc/self/fd/{}", found.as_raw_fd());
            refused_by_the_fence(std::fs::File::open(again));
        }
        refused_by_the_fence(std::fs::read(secret));
        refused_by_the_fence(std::fs::read(link));
        refused_by_the_fence(std::fs::write(new, b""));
        refused_by_the_fence(std::fs::OpenOptions::new().write(true).open(file));
    });
}

#[test]
fn a_fence_around_writes_leaves_only_reading() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["disk", "other"] {
        std::fs::write(path(name), name).unwrap();
    }
    let fence = Fence::around_writes().unwrap().write(path("disk")).unwrap();
    let [disk, other, new] = ["disk", "other", "new"].map(path);
    inside(fence, move || {
        std::fs::write(disk, b"changed").unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"other");
        refused_by_the_fence(std::fs::write(&other, b""));
        refused_by_the_fence(std::fs::remove_file(&other));
        refused_by_the_fence(std::fs::rename(&other, &new));
        refused_by_the_fence(std::fs::create_dir(&new));
    });
}

#[test]
fn a_fence_lets_a_shared_directory_change_and_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("shared")).unwrap();
    std::fs::write(path("outside"), b"outside").unwrap();
    let fence = Fence::around_everything()
        .unwrap()
        .change(path("shared"))
        .unwrap();
    let root = directory.path().to_owned();
    inside(fence, move || {
        let path = |name: &str| root.join(name);
        std::fs::create_dir(path("shared/d")).unwrap();
        std::fs::write(path("shared/file"), b"x").unwrap();
        std::fs::rename(path("shared/file"), path("shared/d/file")).unwrap();
        std::fs::hard_link(path("shared/d/file"), path("shared/hard")).unwrap();
        std::os::unix::fs::symlink("/etc", path("shared/link")).unwrap();
        std::fs::remove_file(path("shared/hard")).unwrap();
        refused_by_the_fence(std::fs::write(path("outside"), b"x"));
        refused_by_the_fence(std::fs::remove_file(path("outside")));
        refused_by_the_fence(std::fs::create_dir(path("new")));
        refused_by_the_fence(std::fs::read(path("shared/link/hostname")));
        // Neither in nor out by another name.
        let exchange = [("outside", "shared/in"), ("shared/d/file", "out")];
        for (from, to) in exchange {
            assert!(std::fs::rename(path(from), path(to)).is_err(), "{from} {to}");
            assert!(std::fs::hard_link(path(from), path(to)).is_err(), "{from} {to}");
        }
        let device = rustix::fs::mknodat(
            rustix::fs::CWD,
            path("shared/null"),
            rustix::fs::FileType::CharacterDevice,
            rustix::fs::Mode::from_raw_mode(0o600),
            rustix::fs::makedev(1, 3),
        );
        assert!(device.is_err());
    });
}

#[test]
fn only_a_descriptor_that_is_open_is_taken_over() {
    assert!(inherited(0).is_none());
    assert!(inherited(-1).is_none());
    assert!(inherited(1_000_000).is_none());
}

/// Runs an ignored test in a process of its own.
fn runs_alone(test: &str) {
    let directory = tempfile::tempdir().unwrap();
    let inside = Command::new(std::env::current_exe().unwrap())
        .current_dir(&directory)
        .args(["--exact", test, "--ignored", "--test-threads=1"])
        .output()
        .unwrap();
    assert!(
        inside.status.success(),
        "{}",
        String::from_utf8_lossy(&inside.stdout)
    );
}

#[test]
fn forbidden_calls_fail_and_allowed_ones_go_on() {
    runs_alone("confine::tests::inside_the_filter");
}

#[test]
fn a_server_of_writable_shares_makes_no_devices() {
    runs_alone("confine::tests::inside_the_filter_of_shares");
}

#[test]
#[ignore = "the filter holds for a whole process: run in one of its own by a test above"]
fn inside_the_filter_of_shares() {
    use rustix::fs::{CWD, FileType, Mode, XattrFlags};
    forbid_syscalls(Changes::InShares).unwrap();
    std::fs::write("file", b"x").unwrap();
    rustix::fs::mkdirat(CWD, "directory", Mode::RWXU).unwrap();
    rustix::fs::renameat(CWD, "file", CWD, "directory/file").unwrap();
    rustix::fs::symlinkat("file", CWD, "link").unwrap();
    rustix::fs::linkat(CWD, "directory/file", CWD, "hard", rustix::fs::AtFlags::empty()).unwrap();
    rustix::fs::chmodat(CWD, "hard", Mode::RWXU, rustix::fs::AtFlags::empty()).unwrap();
    rustix::fs::unlinkat(CWD, "hard", rustix::fs::AtFlags::empty()).unwrap();
    rustix::fs::mknodat(CWD, "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
    for device in [FileType::CharacterDevice, FileType::BlockDevice] {
        let made = rustix::fs::mknodat(CWD, "device", device, Mode::RWXU, rustix::fs::makedev(1, 3));
        assert_eq!(made.unwrap_err(), rustix::io::Errno::PERM);
    }
    let attribute = rustix::fs::setxattr("directory/file", "user.x", b"v", XattrFlags::empty());
    assert_eq!(attribute.unwrap_err(), rustix::io::Errno::OPNOTSUPP);
    assert!(Command::new("/bin/true").status().is_err());
}

#[test]
#[ignore = "the filter holds for a whole process: run in one of its own by a test above"]
fn inside_the_filter() {
    let file = std::path::Path::new("file");
    std::fs::write(file, b"before").unwrap();
    forbid_syscalls(Changes::Never).unwrap();
    let refused = |result: io::Result<()>, what: &str| {
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EPERM), "{what}");
    };
    refused(Command::new("/bin/true").status().map(drop), "starting a program");
    refused(
        std::os::unix::net::UnixListener::bind("socket").map(drop),
        "a socket",
    );
    refused(std::fs::remove_file(file), "removing a file");
    refused(std::fs::rename(file, "other"), "renaming a file");
    refused(std::fs::create_dir("directory"), "making a directory");
    refused(
        rustix::process::kill_process(Pid::INIT, rustix::process::Signal::CONT).map_err(Into::into),
        "a signal",
    );
    // SAFETY: the three calls take integers only, but for the last, whose two pointers may be null.
    let (owned, signalled, limited) = unsafe {
        (
            libc::fcntl(0, libc::F_SETOWN, libc::getppid()),
            libc::fcntl(0, F_SETSIG, libc::SIGKILL),
            libc::syscall(libc::SYS_prlimit64, libc::getppid(), libc::RLIMIT_NOFILE, 0, 0),
        )
    };
    assert_eq!((owned, signalled, limited), (-1, -1, -1));
    assert!(getrlimit(Resource::Nofile).current.is_some());
    // SAFETY: unshare takes an integer.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    assert_eq!(unshared, -1);
    assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
    std::fs::write(file, b"after").unwrap();
    assert_eq!(std::fs::read(file).unwrap(), b"after");
}
