//! Files of a running sandbox: every verb, copies both ways, and what happens when the guest does not play along.
//!
//! The guest of the process driver sees the host's own files, so that both sides of a copy can be looked at.

use crate::support::{Home, is_machine, patience, poll, processes};
use msb::deadline::Deadline;
use msb::error::{MsbError, Status};
use msb::files::{FileKind, FileTree, OpenOptions, Progress, WriteMode, copy};
use msb::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A running sandbox and a directory that both sides see.
struct Running {
    sandbox: Arc<Sandbox>,
    shared: PathBuf,
    home: Home,
}

impl Running {
    fn start() -> Self {
        Self::start_with(|_| ())
    }

    fn start_with(change: impl FnOnce(&mut msb::sandbox::options::SandboxOptions)) -> Self {
        let home = Home::new();
        let backend = home.open();
        let mut options = home.options("box");
        change(&mut options);
        let sandbox = Sandbox::create(&backend, &options).unwrap();
        sandbox.start(patience()).unwrap();
        let shared = home.beside().join("shared");
        fs::create_dir(&shared).unwrap();
        Self {
            sandbox,
            shared,
            home,
        }
    }

    fn files(&self) -> impl FileTree + use<> {
        self.sandbox.files(patience()).unwrap()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.shared.join(name)
    }

    /// Process ids of the workers.
    fn workers(&self) -> Vec<Pid> {
        let all = processes(self.home.path());
        let named = all.iter().filter(|process| {
            fs::read(format!("/proc/{}/comm", process.pid)).is_ok_and(|name| name == b"msb-files\n")
        });
        named.map(|process| Pid::from_raw(process.pid).unwrap()).collect()
    }

    fn stop(self) {
        self.sandbox.stop(10_000).unwrap();
        let end = self.sandbox.wait(patience()).unwrap();
        assert!(end.clean, "{end:?}");
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 4096) as u8).collect()
}

fn refused<T>(result: Result<T, MsbError>, status: Status, reason: &str) {
    let error = result.err().expect("it succeeded");
    assert_eq!((error.status(), error.reason()), (status, reason), "{error:?}");
    assert!(!error.remedy_text().is_empty(), "{error:?}");
}

#[test]
fn every_verb_does_to_the_guest_what_it_says() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    let files = running.files();
    let at = |name: &str| running.at(name);
    for len in [0, 5, 20_000, 3_000_001] {
        let content = pattern(len);
        for how in [WriteMode::Replace, WriteMode::Atomic] {
            files.write(&at("file"), &content, how, 0o640).unwrap();
            assert!(fs::read(at("file")).unwrap() == content);
        }
        assert!(files.read(&at("file"), len as u64).unwrap() == content);
    }
    refused(
        files.read(&at("file"), 3_000_000),
        Status::ResourceExhausted,
        "file.too_large",
    );
    files.write(&at("log"), b"one", WriteMode::Append, 0o600).unwrap();
    files.write(&at("log"), b"two", WriteMode::Append, 0o600).unwrap();
    assert_eq!(files.read(&at("log"), 100).unwrap(), b"onetwo");

    files.mkdir(&at("a/b"), 0o755, true).unwrap();
    refused(
        files.mkdir(&at("a"), 0o755, false),
        Status::AlreadyExists,
        "file.exists",
    );
    files.symlink(OsStr::new("b"), &at("a/link")).unwrap();
    assert_eq!(files.readlink(&at("a/link")).unwrap(), b"b");
    assert_eq!(files.stat(&at("a/link"), false).unwrap().kind, FileKind::Symlink);
    assert_eq!(files.stat(&at("a/link"), true).unwrap().kind, FileKind::Directory);
    files.copy(&at("a"), &at("copy")).unwrap();
    assert_eq!(fs::read_link(at("copy/link")).unwrap(), Path::new("b"));
    files.rename(&at("copy"), &at("renamed")).unwrap();
    assert!(files.exists(&at("renamed")).unwrap() && !files.exists(&at("copy")).unwrap());
    files.chmod(&at("log"), 0o604).unwrap();
    files
        .utimes(&at("log"), None, Some(1_234_567_890_123_456_789))
        .unwrap();
    let info = files.stat(&at("log"), false).unwrap();
    assert_eq!((info.mode, info.modified_ns), (0o604, 1_234_567_890_123_456_789));
    refused(
        files.remove_dir(&at("a"), false),
        Status::InvalidState,
        "file.not_empty",
    );
    files.remove_dir(&at("a"), true).unwrap();
    files.remove(&at("log")).unwrap();
    refused(files.stat(&at("log"), true), Status::NotFound, "file.not_found");
    running.stop();
}

#[test]
fn directories_are_listed_page_by_page() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    let files = running.files();
    for number in 0..2500 {
        fs::write(running.at(&number.to_string()), "").unwrap();
    }
    let (mut names, mut cursor) = (Vec::new(), Some(0));
    while let Some(at) = cursor {
        let page = files.list(&running.shared, at, 10_000).unwrap();
        names.extend(page.entries.into_iter().map(|entry| entry.name));
        cursor = page.next;
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 2500);
    running.stop();
}

#[test]
fn an_open_file_keeps_its_place_in_the_guest_whatever_becomes_of_its_name() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    let options = OpenOptions {
        read: true,
        write: true,
        create: true,
        exclusive: true,
        mode: 0o600,
        ..OpenOptions::default()
    };
    let file = running.files().open(&running.at("file"), &options).unwrap();
    running.files().remove(&running.at("file")).unwrap();
    let content = pattern(700_000);
    file.pwrite(&content, 300_000, patience()).unwrap();
    file.append(b"end", patience()).unwrap();
    assert_eq!(file.size(patience()).unwrap(), 1_000_003);
    let mut buffer = vec![1; 2_000_000];
    assert_eq!(file.pread(&mut buffer, 299_999, patience()).unwrap(), 700_004);
    assert!(buffer[0] == 0 && buffer[1..700_001] == content && buffer[700_001..700_004] == *b"end");
    file.truncate(5, patience()).unwrap();
    file.sync(patience()).unwrap();
    assert_eq!(file.stat(patience()).unwrap().size, 5);
    // Both ways at once, from several threads.
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let file = &file;
            scope.spawn(move || {
                let block = vec![thread as u8; 10_000];
                for round in 0..20 {
                    let offset = (thread * 20 + round) * 10_000;
                    file.pwrite(&block, offset, patience()).unwrap();
                    let mut read = vec![0; 10_000];
                    assert_eq!(file.pread(&mut read, offset, patience()).unwrap(), 10_000);
                    assert!(read == block);
                }
            });
        }
    });
    drop(file);
    running.stop();
}

#[test]
fn sessions_are_used_again_and_more_are_made_when_all_are_busy() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    for _ in 0..50 {
        running.files().exists(&running.at("nothing")).unwrap();
    }
    assert_eq!(running.workers().len(), 1);
    let file = {
        let options = OpenOptions {
            write: true,
            create: true,
            mode: 0o600,
            ..OpenOptions::default()
        };
        running.files().open(&running.at("file"), &options).unwrap()
    };
    running.files().exists(&running.at("nothing")).unwrap();
    assert_eq!(running.workers().len(), 2);
    drop(file);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let running = &running;
            scope.spawn(move || {
                let path = running.at(&format!("of-{thread}"));
                for round in 0..50 {
                    let content = format!("{thread} {round}").into_bytes();
                    running
                        .files()
                        .write(&path, &content, WriteMode::Atomic, 0o600)
                        .unwrap();
                    assert_eq!(running.files().read(&path, 100).unwrap(), content);
                }
            });
        }
    });
    let kept = poll(Duration::from_secs(10), || {
        (running.workers().len() <= 4).then_some(())
    });
    assert!(kept.is_some(), "{:?}", running.workers());
    running.stop();
}

#[test]
fn a_worker_that_dies_or_hangs_is_an_error_in_time_and_the_next_call_works() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    let read = |deadline| {
        running
            .sandbox
            .files(deadline)
            .unwrap()
            .read(&running.at("file"), 10)
    };
    fs::write(running.at("file"), "content").unwrap();
    for signal in [Signal::KILL, Signal::STOP] {
        assert_eq!(read(patience()).unwrap(), b"content");
        let workers = running.workers();
        let worker = workers[0];
        kill_process(worker, signal).unwrap();
        let begin = Instant::now();
        match read(Deadline::after(Duration::from_millis(500))) {
            // Its end was known in time to use another.
            Ok(content) => assert_eq!((content.as_slice(), signal), (&b"content"[..], Signal::KILL)),
            Err(error) if signal == Signal::KILL => assert_eq!(error.reason(), "file.worker_ended"),
            Err(error) => assert_eq!(
                (error.status(), error.reason()),
                (Status::Timeout, "file.timeout")
            ),
        }
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert_eq!(read(patience()).unwrap(), b"content");
        // The agent ends what its client has given up.
        let gone = poll(Duration::from_secs(10), || {
            (!running.workers().contains(&worker)).then_some(())
        });
        assert!(gone.is_some());
    }
    running.stop();
}

#[test]
fn an_open_file_whose_operation_did_not_end_says_so_from_then_on() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    fs::write(running.at("file"), "content").unwrap();
    let options = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    let file = running.files().open(&running.at("file"), &options).unwrap();
    kill_process(running.workers()[0], Signal::STOP).unwrap();
    refused(
        file.size(Deadline::after(Duration::from_millis(200))),
        Status::Timeout,
        "file.timeout",
    );
    refused(file.size(patience()), Status::InvalidState, "file.session_lost");
    drop(file);
    running.stop();
}

#[test]
fn an_idle_session_and_an_idle_file_do_not_keep_the_sandbox_from_stopping() {
    if is_machine() {
        return;
    }
    let running = Running::start_with(|options| options.idle_timeout_ms = Some(1500));
    let options = OpenOptions {
        write: true,
        create: true,
        mode: 0o600,
        ..OpenOptions::default()
    };
    let file = running.files().open(&running.at("file"), &options).unwrap();
    // Requests are use.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        file.pwrite(b"x", 0, patience()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    let end = running.sandbox.wait(patience()).unwrap();
    assert_eq!(end.reason.as_str(), "IdleTimeout", "{end:?}");
    refused(file.size(patience()), Status::NotRunning, "sandbox.not_running");
    refused(
        running.sandbox.files(patience()).map(|_| ()),
        Status::NotRunning,
        "sandbox.not_running",
    );
}

/// A tree with a bit of everything.
fn plant(root: &Path) {
    fs::create_dir_all(root.join("deep/er")).unwrap();
    fs::write(root.join("deep/er/large"), pattern(5_000_000)).unwrap();
    fs::write(root.join("script"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("deep/er", root.join("link")).unwrap();
}

fn is_planted(root: &Path) {
    assert!(fs::read(root.join("link/large")).unwrap() == pattern(5_000_000));
    assert_eq!(fs::read_link(root.join("link")).unwrap(), Path::new("deep/er"));
    let script = fs::metadata(root.join("script")).unwrap();
    assert_eq!(script.permissions().mode() & 0o777, 0o755);
}

#[test]
fn directories_and_files_are_copied_in_and_out_with_progress() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    let guest = || running.sandbox.files(patience()).unwrap();
    plant(&running.at("host"));
    let mut seen = Progress::default();
    let mut watch = |progress: &Progress| {
        assert!(progress.bytes >= seen.bytes && progress.entries >= seen.entries);
        seen = *progress;
        true
    };
    let (host, inside, back) = (running.at("host"), running.at("in/side"), running.at("back"));
    let total = copy::copy_in(&guest(), &host, &inside, &mut watch).unwrap();
    is_planted(&inside);
    assert_eq!(total.bytes, 5_000_010);
    assert!(seen.bytes > 0);
    let again = copy::copy_out(&guest(), &inside, &back, &mut |_| true).unwrap();
    is_planted(&back);
    assert_eq!(again.bytes, total.bytes);

    for (from, to) in [("host/script", "one"), ("host/deep/er/large", "two")] {
        let (from, to) = (running.at(from), running.at(to));
        let back = to.with_extension("back");
        copy::copy_in(&guest(), &from, &to, &mut |_| true).unwrap();
        let total = copy::copy_out(&guest(), &to, &back, &mut |_| true).unwrap();
        assert_eq!(
            (total.bytes, total.entries),
            (fs::metadata(&from).unwrap().len(), 1)
        );
        assert!(fs::read(&back).unwrap() == fs::read(&from).unwrap());
        let facts = |path: &Path| {
            let found = fs::metadata(path).unwrap();
            (found.permissions().mode(), found.modified().unwrap())
        };
        assert_eq!(facts(&back), facts(&from));
    }
    refused(
        copy::copy_in(&guest(), &running.at("none"), &running.at("x"), &mut |_| true),
        Status::NotFound,
        "file.not_found",
    );
    refused(
        copy::copy_out(&guest(), &running.at("none"), &running.at("x"), &mut |_| true),
        Status::NotFound,
        "file.not_found",
    );
    refused(
        copy::copy_out(&guest(), Path::new("/dev/null"), &running.at("x"), &mut |_| true),
        Status::InvalidState,
        "file.not_a_file",
    );
    running.stop();
}

#[test]
fn a_copy_that_is_cancelled_stops_and_the_next_one_works() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    let guest = || running.sandbox.files(patience()).unwrap();
    plant(&running.at("host"));
    let (host, other) = (running.at("host"), running.at("other"));
    let file = running.at("host/deep/er/large");
    let cancel = &mut |_: &Progress| false;
    refused(
        copy::copy_in(&guest(), &host, &other, cancel),
        Status::Cancelled,
        "file.cancelled",
    );
    refused(
        copy::copy_out(&guest(), &host, &other, cancel),
        Status::Cancelled,
        "file.cancelled",
    );
    let one = running.at("one");
    refused(
        copy::copy_in(&guest(), &file, &one, cancel),
        Status::Cancelled,
        "file.cancelled",
    );
    refused(
        copy::copy_out(&guest(), &file, &one, cancel),
        Status::Cancelled,
        "file.cancelled",
    );
    assert!(!other.exists() && !one.exists(), "no half copy is left");
    copy::copy_in(&guest(), &host, &other, &mut |_| true).unwrap();
    is_planted(&other);
    running.stop();
}

#[test]
fn a_copy_out_does_not_follow_links_that_an_earlier_one_left() {
    if is_machine() {
        return;
    }
    let running = Running::start();
    let guest = running.sandbox.files(patience()).unwrap();
    let (victim, trap) = (running.at("victim"), running.at("trap"));
    fs::write(&victim, "precious").unwrap();
    fs::create_dir(running.at("results")).unwrap();
    fs::create_dir(&trap).unwrap();
    symlink(&victim, trap.join("file")).unwrap();
    let results = running.at("results");
    copy::copy_out(&guest, &trap, &results, &mut |_| true).unwrap();
    fs::write(running.at("new"), "overwritten").unwrap();
    let copied = copy::copy_out(&guest, &running.at("new"), &results.join("file"), &mut |_| true);
    refused(copied, Status::PermissionDenied, "file.outside_root");
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    running.stop();
}
