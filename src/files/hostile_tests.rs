//! A guest that lies about its files: every lie is a typed error in time, and nothing grows because of one.

use super::session::Session;
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::supervise::link::Link;
use crate::supervise::reactor::{Interest, Reactor};
use msb_protocol::exec::{ExecExit, SpawnFailure, StreamReply, StreamRequest};
use msb_protocol::files::{
    Answer, Failure, FileRequest, MAX_CHUNK, PacketHeader, PacketKind, push_answer, push_mark,
};
use msb_protocol::frame::{self, Channel, FrameReader, Header, Kind, MAX_DATA};
use msb_tree::TreeErrorKind;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A deadline that only a hang reaches.
const PATIENCE: Duration = Duration::from_secs(30);

/// A runner with a guest behind it that says whatever a test wants, whatever it is asked.
struct Liar {
    // Keeps the thread that reads the link.
    _reactor: Reactor,
    link: Arc<Link>,
    guest: Option<JoinHandle<()>>,
}

impl Liar {
    /// Answers the opening with `reply`, then says `lie`, and listens until the link ends.
    fn new(reply: StreamReply, lie: Vec<u8>, last: Option<StreamReply>) -> Self {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let reactor = Reactor::new().unwrap();
        let link = reactor
            .register(Interest::READ, |key, handle| Link::new(ours, key, handle))
            .unwrap();
        let guest = std::thread::spawn(move || {
            let mut reader = FrameReader::new();
            let mut opened = false;
            loop {
                while let Some(frame) = reader.next_frame().unwrap() {
                    let id = frame.header.stream;
                    if frame.header.kind != Kind::Control || std::mem::replace(&mut opened, true) {
                        continue;
                    }
                    let request: StreamRequest = frame::parse_control(frame.payload).unwrap();
                    assert!(matches!(request, StreamRequest::Files(_)));
                    let mut out = Vec::new();
                    frame::push_control(&mut out, id, &reply).unwrap();
                    for piece in lie.chunks(MAX_DATA) {
                        let header = Header::data(id, Channel::Stdout, piece.len(), false);
                        frame::push(&mut out, header, piece);
                    }
                    if let Some(last) = &last {
                        frame::push_control(&mut out, id, last).unwrap();
                    }
                    theirs.write_all(&out).unwrap();
                }
                match theirs.read(reader.spare()) {
                    Ok(count) if count > 0 => reader.filled(count),
                    _ => return,
                }
            }
        });
        Self {
            _reactor: reactor,
            link,
            guest: Some(guest),
        }
    }

    fn saying(lie: Vec<u8>) -> Self {
        Self::new(StreamReply::Started { pid: 1 }, lie, None)
    }

    fn session(&self) -> Session {
        Session::open(&self.link, None).unwrap()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.link.close();
        if let Some(guest) = self.guest.take() {
            guest.join().unwrap();
        }
    }
}

/// A part of what a guest says.
type Part<'a> = dyn Fn(&mut Vec<u8>) + 'a;

/// Packets, after the worker said that it is ready.
fn said(parts: &[&Part<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_answer(&mut bytes, &Answer::Done).unwrap();
    for part in parts {
        part(&mut bytes);
    }
    bytes
}

fn data(len: usize) -> impl Fn(&mut Vec<u8>) {
    move |bytes| {
        let kind = PacketKind::Data;
        bytes.extend(PacketHeader { kind, len }.encode());
        bytes.extend(vec![0; len]);
    }
}

fn raw(text: &'static [u8]) -> impl Fn(&mut Vec<u8>) {
    move |bytes| bytes.extend(text)
}

fn answer(answer: Answer) -> impl Fn(&mut Vec<u8>) {
    move |bytes| push_answer(bytes, &answer).unwrap()
}

fn mark(kind: PacketKind) -> impl Fn(&mut Vec<u8>) {
    move |bytes| push_mark(bytes, kind)
}

fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

fn is<T>(result: Result<T, MsbError>, reason: &str) {
    let error = result.err().expect("it was believed");
    assert_eq!(error.reason(), reason, "{error:?}");
}

const LIE: &str = "file.guest_misbehaved";

fn stat() -> FileRequest {
    FileRequest::FileStat
}

fn pread(len: u64) -> FileRequest {
    FileRequest::Pread { offset: 0, len }
}

#[test]
fn packets_that_cannot_be_end_the_session() {
    let too_long = [1, 0xff, 0xff, 0xff, 0xff];
    let lies: Vec<Box<Part<'_>>> = vec![
        Box::new(raw(b"\x09\x00\x00\x00\x00")),
        Box::new(move |bytes| bytes.extend(too_long)),
        Box::new(raw(b"\x02\x00\x00\x00\x00")),
        Box::new(raw(b"\x02\xff\xff\xff\x7f")),
        Box::new(raw(b"\x01\x03\x00\x00\x00\xff\xff\xff")),
        // An answer with something after it.
        Box::new(raw(b"\x01\x02\x00\x00\x00\x00\x00")),
        // A text that claims to be longer than its packet.
        Box::new(raw(b"\x01\x06\x00\x00\x00\x03\xff\xff\xff\xff\x0f")),
        Box::new(mark(PacketKind::End)),
        Box::new(mark(PacketKind::Abort)),
        Box::new(raw(b"\x00\x01\x00\x00\x00\x00")),
        Box::new(raw(b"\x05\x01\x00\x00\x00\x00")),
        Box::new(data(10)),
    ];
    for lie in lies {
        let liar = Liar::saying(said(&[&lie]));
        let mut session = liar.session();
        is(session.call(&stat(), soon()), LIE);
        assert!(!session.is_usable());
    }
}

#[test]
fn more_data_than_was_asked_for_is_not_taken() {
    let packets = || said(&[&data(10), &data(10), &data(100_000), &answer(Answer::Done)]);
    let mut buffer = [0; 15];
    is(
        Liar::saying(packets())
            .session()
            .download_into(&pread(15), &mut buffer, soon()),
        LIE,
    );
    is(
        Liar::saying(packets())
            .session()
            .download_all(&pread(15), 15, soon()),
        LIE,
    );
    // Up to what was asked for, it is.
    let liar = Liar::saying(said(&[&data(10), &data(5), &answer(Answer::Done)]));
    assert_eq!(
        liar.session()
            .download_into(&pread(15), &mut buffer, soon())
            .unwrap(),
        15
    );
}

#[test]
fn an_answer_to_another_question_is_none() {
    let liar = Liar::saying(said(&[&answer(Answer::Number(5)), &answer(Answer::Flag(true))]));
    is(liar.session().call_done(&FileRequest::Sync, soon()), LIE);
    let liar = Liar::saying(said(&[&answer(Answer::Number(5))]));
    is(liar.session().download_all(&pread(5), 5, soon()), LIE);
}

#[test]
fn an_answer_that_never_comes_is_waited_for_until_the_deadline() {
    for silence in [
        Vec::new(),
        said(&[]),
        said(&[&raw(b"\x02\x10\x00")]),
        said(&[&raw(b"\x02\x10\x00\x00\x00half")]),
    ] {
        let liar = Liar::saying(silence);
        let mut session = liar.session();
        let begin = Instant::now();
        let mut buffer = [0; 100];
        let deadline = Deadline::after(Duration::from_millis(50));
        is(
            session.download_into(&pread(100), &mut buffer, deadline),
            "file.timeout",
        );
        assert!(begin.elapsed() < PATIENCE);
        is(session.call(&stat(), soon()), "file.session_lost");
    }
    // A guest that takes nothing in.
    let liar = Liar::saying(said(&[]));
    let deadline = Deadline::after(Duration::from_millis(50));
    let everything = vec![0; 8 * MAX_CHUNK];
    is(
        liar.session()
            .upload_all(&FileRequest::Pwrite { offset: None }, &everything, deadline),
        "file.timeout",
    );
}

#[test]
fn an_early_end_is_an_error_of_its_own() {
    let exited = ExecExit {
        code: Some(1),
        signal: None,
        timed_out: false,
        output_open: false,
    };
    let started = || StreamReply::Started { pid: 1 };
    for words in [Vec::new(), said(&[]), said(&[&raw(b"\x02\x10\x00\x00\x00half")])] {
        let liar = Liar::new(started(), words, Some(StreamReply::Exited(exited)));
        is(
            liar.session().download_all(&pread(100), 100, soon()),
            "file.worker_ended",
        );
    }
    let refusal = |kind| StreamReply::SpawnFailed {
        kind,
        errno: 0,
        stage: "user".to_owned(),
        message: "no\u{1b}pe".to_owned(),
    };
    let liar = Liar::new(refusal(SpawnFailure::BadUser), Vec::new(), None);
    is(liar.session().call(&stat(), soon()), "file.bad_user");
    let liar = Liar::new(refusal(SpawnFailure::TooManyStreams), Vec::new(), None);
    is(liar.session().call(&stat(), soon()), "file.too_many");
}

#[test]
fn what_a_guest_says_of_a_failure_is_fit_to_be_shown() {
    let failure = Failure {
        kind: TreeErrorKind::NotFound,
        errno: Some(2),
        path: b"/a\x1b[31m\xff\n".to_vec(),
        what: "open\u{7} ".repeat(10_000),
    };
    let liar = Liar::saying(said(&[&answer(Answer::Failed(failure))]));
    let mut session = liar.session();
    let error = session.call(&stat(), soon()).unwrap_err();
    assert_eq!((error.status(), error.os_errno()), (Status::NotFound, Some(2)));
    assert!(error.text().len() < 30_000 && !error.text().contains(char::is_control));
    // That was an answer: the session goes on.
    assert!(session.is_usable());
}
