//! Files sessions: a worker for each, which does what is asked, stays in step and ends with its client.

use crate::harness::{Event, Host, alive, eventually};
use msb_protocol::exec::{StreamReply, StreamRequest};
use msb_protocol::files::{
    Answer, FileRequest, FilesSpec, MAX_CHUNK, PACKET_HEADER, PacketHeader, PacketKind, parse_answer,
    push_mark, push_request,
};
use msb_protocol::frame::{Channel, MAX_DATA};
use msb_tree::{OpenOptions, TreeErrorKind, WriteMode};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The stream of every session here.
const STREAM: u32 = 7;

/// One session and what came of it.
struct Session {
    host: Host,
    pid: u32,
    /// What was received and not yet taken.
    received: Vec<u8>,
    /// What may still be sent.
    credit: usize,
}

impl Session {
    fn open(user: Option<&str>) -> Self {
        let mut host = Host::booted();
        let spec = FilesSpec {
            user: user.map(str::to_owned),
            window: 1024 * 1024,
        };
        host.request(STREAM, StreamRequest::Files(spec));
        let pid = match host.event() {
            Event::Reply(STREAM, StreamReply::Started { pid }) => pid,
            other => panic!("instead of Started: {other:?}"),
        };
        let mut session = Self {
            host,
            pid,
            received: Vec::new(),
            credit: msb_protocol::files::INPUT_WINDOW as usize,
        };
        assert_eq!(session.answer(), (Vec::new(), Answer::Done));
        session
    }

    fn event(&mut self) {
        match self.host.event() {
            Event::Data(STREAM, Channel::Stdout, bytes, _) => {
                self.host.grant(STREAM, Channel::Stdout, bytes.len());
                self.received.extend(bytes);
            }
            Event::Credit(STREAM, amount) => self.credit += amount as usize,
            other => panic!("instead of data: {other:?}"),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(MAX_DATA) {
            while self.credit < piece.len() {
                self.event();
            }
            self.credit -= piece.len();
            self.host.input(STREAM, piece, false);
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            self.event();
        }
        self.received.drain(..count).collect()
    }

    /// The data of the current request, and its answer.
    fn answer(&mut self) -> (Vec<u8>, Answer) {
        let mut data = Vec::new();
        loop {
            let header = self.take(PACKET_HEADER).try_into().unwrap();
            let header = PacketHeader::decode(header).unwrap();
            let body = self.take(header.len);
            match header.kind {
                PacketKind::Data => data.extend(body),
                PacketKind::Progress => {}
                PacketKind::Answer => return (data, parse_answer(&body).unwrap()),
                other => panic!("a packet of kind {other:?}"),
            }
        }
    }

    fn begin(&mut self, request: &FileRequest) {
        let mut bytes = Vec::new();
        push_request(&mut bytes, request).unwrap();
        self.send(&bytes);
    }

    fn call(&mut self, request: &FileRequest) -> (Vec<u8>, Answer) {
        self.begin(request);
        self.answer()
    }

    fn data(&mut self, data: &[u8]) {
        for chunk in data.chunks(MAX_CHUNK) {
            let (kind, len) = (PacketKind::Data, chunk.len());
            self.send(&PacketHeader { kind, len }.encode());
            self.send(chunk);
        }
    }

    fn mark(&mut self, kind: PacketKind) {
        let mut bytes = Vec::new();
        push_mark(&mut bytes, kind);
        self.send(&bytes);
    }

    fn upload(&mut self, request: &FileRequest, data: &[u8]) -> Answer {
        self.begin(request);
        self.data(data);
        self.mark(PacketKind::End);
        self.answer().1
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 4096) as u8).collect()
}

fn write(path: &Path, how: WriteMode) -> FileRequest {
    FileRequest::Write {
        path: bytes(path),
        how,
        mode: 0o640,
    }
}

fn read(path: &Path, limit: u64) -> FileRequest {
    FileRequest::Read {
        path: bytes(path),
        limit,
    }
}

fn kind(answer: Answer) -> TreeErrorKind {
    match answer {
        Answer::Failed(failure) => failure.kind,
        other => panic!("instead of a failure: {other:?}"),
    }
}

#[test]
fn files_of_every_size_arrive_whole_both_ways() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut session = Session::open(None);
    for len in [0, 1, 5, 16 * 1024, 16 * 1024 + 1, 1_000_000, 5_000_003] {
        let content = pattern(len);
        for how in [WriteMode::Replace, WriteMode::Atomic] {
            assert_eq!(session.upload(&write(&path, how), &content), Answer::Done);
            assert!(fs::read(&path).unwrap() == content, "{len} bytes by {how:?}");
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        let (data, answer) = session.call(&read(&path, len as u64));
        assert!(answer == Answer::Done && data == content, "{len} bytes");
    }
    assert_eq!(
        session.upload(&write(&path, WriteMode::Append), &pattern(50_000)),
        Answer::Done
    );
    assert_eq!(fs::metadata(&path).unwrap().len(), 5_050_003);
    // Nothing that it was made of is left.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn files_without_a_size_are_read_to_their_end() {
    let mut session = Session::open(None);
    let (data, answer) = session.call(&read(Path::new("/proc/self/comm"), 100));
    assert_eq!((data.as_slice(), answer), (&b"msb-files\n"[..], Answer::Done));
}

#[test]
fn an_open_file_is_read_and_written_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut session = Session::open(None);
    let open = FileRequest::Open {
        path: bytes(&path),
        options: OpenOptions {
            read: true,
            write: true,
            create: true,
            mode: 0o600,
            ..OpenOptions::default()
        },
    };
    assert_eq!(session.call(&open).1, Answer::Done);
    let content = pattern(100_000);
    let at = |offset| FileRequest::Pwrite { offset };
    assert_eq!(session.upload(&at(Some(50_000)), &content), Answer::Done);
    assert_eq!(session.upload(&at(None), b"end"), Answer::Done);
    assert_eq!(session.call(&FileRequest::Size).1, Answer::Number(150_003));
    let part = FileRequest::Pread {
        offset: 49_999,
        len: 200_000,
    };
    let (data, answer) = session.call(&part);
    assert!(answer == Answer::Done && data.len() == 100_004 && data[1..100_001] == content);
    assert_eq!(session.call(&FileRequest::Truncate { len: 10 }).1, Answer::Done);
    assert_eq!(session.call(&FileRequest::Sync).1, Answer::Done);
    assert!(matches!(session.call(&FileRequest::FileStat).1, Answer::Info(info) if info.size == 10));
    assert_eq!(session.call(&FileRequest::Close).1, Answer::Done);
    assert_eq!(kind(session.call(&FileRequest::Size).1), TreeErrorKind::NotFound);
}

#[test]
fn a_failure_leaves_the_session_in_step() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing/file");
    let mut session = Session::open(None);
    for len in [0, 10, 3_000_000] {
        let answer = session.upload(&write(&missing, WriteMode::Replace), &pattern(len));
        assert_eq!(kind(answer), TreeErrorKind::NotFound);
    }
    assert_eq!(
        session
            .call(&FileRequest::Exists {
                path: bytes(&missing)
            })
            .1,
        Answer::Flag(false)
    );
    let path = directory.path().join("file");
    fs::write(&path, pattern(100)).unwrap();
    assert_eq!(kind(session.call(&read(&path, 99)).1), TreeErrorKind::TooLarge);
    assert_eq!(session.call(&read(&path, 100)).1, Answer::Done);
    // A device never answers for a file.
    assert_eq!(
        kind(session.call(&read(Path::new("/dev/zero"), 100)).1),
        TreeErrorKind::NotAFile
    );
}

#[test]
fn an_upload_that_is_given_up_changes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "old").unwrap();
    let mut session = Session::open(None);
    session.begin(&write(&path, WriteMode::Atomic));
    session.data(&pattern(2_000_000));
    session.mark(PacketKind::Abort);
    assert_eq!(kind(session.answer().1), TreeErrorKind::Cancelled);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    // A client that is gone has given up, too.
    session.begin(&write(&path, WriteMode::Atomic));
    session.data(&pattern(2_000_000));
    session.host.request(STREAM, StreamRequest::Abandon);
    eventually("the worker outlives its client", || !alive(session.pid));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn names_are_made_listed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| bytes(&directory.path().join(name));
    let mut session = Session::open(None);
    let deep = FileRequest::Mkdir {
        path: at("a/b/c"),
        mode: 0o755,
        parents: true,
    };
    assert_eq!(session.call(&deep).1, Answer::Done);
    symlink("b", directory.path().join("a/link")).unwrap();
    let list = FileRequest::List {
        path: at("a"),
        cursor: 0,
        limit: 10,
    };
    let Answer::Page(page) = session.call(&list).1 else {
        panic!("no page");
    };
    let mut names: Vec<_> = page.entries.into_iter().map(|entry| entry.name).collect();
    names.sort();
    assert_eq!(names, [b"b".to_vec(), b"link".to_vec()]);
    assert_eq!(
        session.call(&FileRequest::Readlink { path: at("a/link") }).1,
        Answer::Bytes(b"b".to_vec())
    );
    let (from, to) = (at("a"), at("z"));
    assert_eq!(session.call(&FileRequest::Rename { from, to }).1, Answer::Done);
    let all = |recursive| FileRequest::RemoveDir {
        path: at("z"),
        recursive,
    };
    assert_eq!(kind(session.call(&all(false)).1), TreeErrorKind::NotEmpty);
    assert_eq!(session.call(&all(true)).1, Answer::Done);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_tree_survives_export_and_import() {
    let directory = tempfile::tempdir().unwrap();
    let from = directory.path().join("from");
    fs::create_dir_all(from.join("deep/er")).unwrap();
    fs::write(from.join("deep/er/file"), pattern(3_000_000)).unwrap();
    symlink("deep", from.join("link")).unwrap();
    let mut session = Session::open(None);
    let (archive, answer) = session.call(&FileRequest::Export { path: bytes(&from) });
    assert!(
        matches!(answer, Answer::Progress(total) if total.bytes == 3_000_000),
        "{answer:?}"
    );
    let to = directory.path().join("to");
    fs::create_dir(&to).unwrap();
    let answer = session.upload(&FileRequest::Import { path: bytes(&to) }, &archive);
    assert!(
        matches!(answer, Answer::Progress(total) if total.bytes == 3_000_000),
        "{answer:?}"
    );
    assert!(fs::read(to.join("link/er/file")).unwrap() == pattern(3_000_000));

    // What is no archive is refused, and the session goes on.
    let answer = session.upload(&FileRequest::Import { path: bytes(&to) }, &pattern(1_000_000));
    assert_eq!(kind(answer), TreeErrorKind::BadArchive);
    assert_eq!(
        session.call(&FileRequest::Exists { path: bytes(&to) }).1,
        Answer::Flag(true)
    );
}

#[test]
fn a_worker_has_nothing_of_the_agents() {
    let session = Session::open(None);
    let proc = format!("/proc/{}", session.pid);
    let mut open: Vec<_> = fs::read_dir(format!("{proc}/fd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    open.sort();
    assert_eq!(open[..3], ["0", "1", "2"]);
    // Beyond them only the tree's own.
    for extra in &open[3..] {
        let link = fs::read_link(format!("{proc}/fd/{extra}")).unwrap();
        assert_eq!(link, Path::new("/"));
    }
    let status = fs::read_to_string(format!("{proc}/status")).unwrap();
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].trim().to_owned()
    };
    assert_eq!(line("SigBlk:"), "0000000000000000");
    assert_eq!(line("NSsid:"), session.pid.to_string());
}

#[test]
fn a_worker_runs_as_whom_its_session_names() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut session = Session::open(Some("65534:65534"));
    let path = directory.path().join("file");
    let answer = session.upload(&write(&path, WriteMode::Replace), b"x");
    assert_eq!(kind(answer), TreeErrorKind::PermissionDenied);
}

#[test]
fn a_worker_that_is_killed_is_reaped_and_its_session_over() {
    let mut session = Session::open(None);
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(session.pid.cast_signed()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let outcome = session.host.finish(STREAM);
    assert_eq!(outcome.exit.signal, Some(9));
    assert!(!Path::new(&format!("/proc/{}", session.pid)).exists());
}

#[test]
fn a_client_that_is_out_of_step_loses_its_worker_and_nothing_else() {
    for garbage in [
        &[9, 0, 0, 0, 0][..],
        &[2, 1, 0, 0, 0, 7],
        &[0, 1, 0, 0, 0, 0xff],
        &[0, 0xff, 0xff, 0xff, 0xff],
    ] {
        let mut session = Session::open(None);
        session.send(garbage);
        let outcome = session.host.finish(STREAM);
        assert_eq!(outcome.exit.code, Some(1));
        let done = session.host.run(crate::harness::command("/bin/true", &[]));
        assert_eq!(done.exit.code, Some(0));
    }
}

#[test]
fn a_shutdown_does_not_wait_for_idle_workers() {
    let mut session = Session::open(None);
    session
        .host
        .tell(msb_protocol::agent::HostMessage::Shutdown { grace_ms: 20_000 });
    let asked = std::time::Instant::now();
    while session.host.try_event().is_some() {}
    assert!(asked.elapsed() < std::time::Duration::from_secs(10));
    assert!(!alive(session.pid));
}
