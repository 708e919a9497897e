//! The library's end of one files session: requests out, answers and data in.
//!
//! The guest is not trusted: every length is checked before room is made for it, and an answer that does not fit what
//! was asked ends the session. A session that is left in the middle of a request, for whatever reason, is never used
//! again.

use super::OnProgress;
use super::error::{failed, not_started, sandbox_ended};
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::ops;
use crate::supervise::link::Link;
use crate::supervise::stream::{OUTPUT_WINDOW, Phase, Stream};
use msb_protocol::exec::StreamRequest;
use msb_protocol::files::{
    Answer, FileRequest, FilesSpec, INPUT_WINDOW, PACKET_HEADER, PROGRESS_LEN, PacketError, PacketHeader,
    PacketKind, parse_answer, parse_progress, push_mark, push_request,
};
use msb_protocol::frame::Channel;
use msb_tree::Progress;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// What leaves with the request that it belongs to, in bytes.
const INLINE: usize = 32 * 1024;
/// What is sent between two looks at what the worker says, in bytes.
const CHUNK: usize = 256 * 1024;
/// How long the reason for a session's end may take to arrive after the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a worker that was let go of may take to end; the agent kills it before.
const WORKER_END: Duration = Duration::from_secs(4);

/// One worker of a guest, for one caller at a time.
pub struct Session {
    stream: Arc<Stream>,
    user: Option<String>,
    /// Answers to come before the one to the next request: to the opening, and to what nobody waited for.
    owed: u32,
    /// A request is on its way, or was left there.
    busy: bool,
    /// How far the current request is, as the worker says.
    progress: Progress,
    /// The answer to the current request, if it came while data was still being sent.
    early: Option<Answer>,
}

/// What came from the worker.
enum Arrived {
    Answer(Answer),
    /// This much data, to be read next.
    Data(usize),
    Progress,
    /// An answer that nobody waits for.
    Owed,
}

impl Session {
    /// Asks for a worker. What becomes of it is seen with the first answer.
    pub fn open(link: &Arc<Link>, user: Option<String>) -> Result<Self, MsbError> {
        let request = StreamRequest::Files(FilesSpec {
            user: user.clone(),
            window: OUTPUT_WINDOW,
        });
        let stream = link.open_stream(&request, |id, link| Stream::new(id, link, Some(INPUT_WINDOW)))?;
        Ok(Self {
            stream,
            user,
            owed: 1,
            busy: false,
            progress: Progress::default(),
            early: None,
        })
    }

    /// Whom its worker was asked to be.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether another request can be made.
    pub fn is_usable(&self) -> bool {
        !self.busy && !self.stream.is_over()
    }

    /// If no other request can be made, ends the worker and waits for that.
    pub fn end_unusable(&self) {
        if !self.is_usable() {
            let _whole = ops::Uninterrupted::begin();
            self.stream.abandon();
            self.stream.wait_over(Deadline::after(WORKER_END));
        }
    }

    /// Makes a request that takes no data and gives none.
    pub fn call(&mut self, request: &FileRequest, deadline: Deadline) -> Result<Answer, MsbError> {
        self.begin(request, &[], deadline)?;
        self.last_answer(deadline, &mut |_| true)
    }

    /// As [`Session::call`], where there is nothing to tell but success.
    pub fn call_done(&mut self, request: &FileRequest, deadline: Deadline) -> Result<(), MsbError> {
        done(self.call(request, deadline)?)
    }

    /// Makes a request that nobody waits for; without room for it, the session is not used again.
    pub fn call_later(&mut self, request: &FileRequest) {
        let deadline = Deadline::after(Duration::ZERO);
        if self.is_usable() && self.begin(request, &[], deadline).is_ok() {
            self.owed += 1;
            self.busy = false;
        }
    }

    /// Makes a request that gives data.
    pub fn download(&mut self, request: &FileRequest, deadline: Deadline) -> Result<Download<'_>, MsbError> {
        self.begin(request, &[], deadline)?;
        Ok(Download {
            session: self,
            deadline,
            left: 0,
            end: None,
            error: None,
        })
    }

    /// Makes a request that gives at most `limit` bytes of data, and keeps them.
    pub fn download_all(
        &mut self,
        request: &FileRequest,
        limit: u64,
        deadline: Deadline,
    ) -> Result<Vec<u8>, MsbError> {
        let mut download = self.download(request, deadline)?;
        let mut content = Vec::new();
        loop {
            let available = download.available(&mut |_| true)?;
            if available == 0 {
                done(download.finish()?)?;
                return Ok(content);
            }
            let begin = content.len();
            if (begin + available) as u64 > limit {
                return Err(too_much());
            }
            content.try_reserve(available).map_err(|_| out_of_memory())?;
            content.resize(begin + available, 0);
            download.fill(&mut content[begin..])?;
            ops::add_progress(available as u64, 0);
        }
    }

    /// Makes a request that gives data, and puts it into `buffer`; returns how much there was.
    pub fn download_into(
        &mut self,
        request: &FileRequest,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<usize, MsbError> {
        let mut download = self.download(request, deadline)?;
        let mut filled = 0;
        loop {
            let available = download.available(&mut |_| true)?;
            if available == 0 {
                done(download.finish()?)?;
                return Ok(filled);
            }
            let room = buffer.get_mut(filled..filled + available).ok_or_else(too_much)?;
            download.fill(room)?;
            filled += available;
        }
    }

    /// Makes a request that takes data.
    pub fn upload(&mut self, request: &FileRequest, deadline: Deadline) -> Result<Upload<'_>, MsbError> {
        self.begin(request, &[], deadline)?;
        Ok(Upload {
            session: self,
            deadline,
            error: None,
        })
    }

    /// Makes a request with all of its data.
    pub fn upload_all(
        &mut self,
        request: &FileRequest,
        data: &[u8],
        deadline: Deadline,
    ) -> Result<(), MsbError> {
        let answer = if data.len() <= INLINE {
            let mut packets = Vec::with_capacity(data.len() + 2 * PACKET_HEADER);
            if !data.is_empty() {
                packets.extend_from_slice(&data_header(data.len()));
                packets.extend_from_slice(data);
            }
            push_mark(&mut packets, PacketKind::End);
            self.begin(request, &packets, deadline)?;
            let answer = self.last_answer(deadline, &mut |_| true)?;
            ops::add_progress(data.len() as u64, 0);
            answer
        } else {
            let mut upload = self.upload(request, deadline)?;
            let mut pieces = data.chunks(CHUNK);
            let taken = pieces.try_fold(true, |taken, piece| {
                let taken = taken && upload.send(piece)?;
                ops::add_progress(if taken { piece.len() as u64 } else { 0 }, 0);
                Ok::<_, MsbError>(taken)
            })?;
            if taken {
                upload.finish(&mut |_| true)?
            } else {
                upload.abort()?
            }
        };
        done(answer)
    }

    fn begin(&mut self, request: &FileRequest, more: &[u8], deadline: Deadline) -> Result<(), MsbError> {
        if self.busy {
            return Err(MsbError::new(
                Status::InvalidState,
                "file.session_lost",
                "an earlier operation on this file did not end in order",
            )
            .remedy("open the file again"));
        }
        let mut packets = Vec::with_capacity(512 + more.len());
        push_request(&mut packets, request).map_err(|error| unsendable(&error))?;
        packets.extend_from_slice(more);
        self.busy = true;
        self.early = None;
        self.progress = Progress::default();
        self.send(&packets, deadline)
    }

    fn send(&self, mut bytes: &[u8], deadline: Deadline) -> Result<(), MsbError> {
        while !bytes.is_empty() {
            match self.stream.write(bytes, deadline) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(())
    }

    fn fill(&self, mut room: &mut [u8], deadline: Deadline) -> Result<(), MsbError> {
        while !room.is_empty() {
            match self.stream.read(Channel::Stdout, room, deadline) {
                Ok(0) => return Err(self.ended()),
                Ok(count) => room = &mut room[count..],
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(())
    }

    /// What a stream's failure means for a request.
    fn broken(&self, error: MsbError) -> MsbError {
        match error.status() {
            Status::Timeout => MsbError::new(
                Status::Timeout,
                "file.timeout",
                "the guest did not finish the file operation before the deadline",
            )
            .remedy("it may have taken effect; allow more time"),
            Status::NotRunning if self.stream.is_over() => self.ended(),
            _ => error,
        }
    }

    /// Why there is nobody to answer.
    fn ended(&self) -> MsbError {
        match self.stream.wait_over(Deadline::after(LAST_WORDS)) {
            Phase::Failed(failed) => not_started(&failed),
            Phase::Lost(_) => sandbox_ended(),
            Phase::Exited(_) if self.stream.link().is_over() => sandbox_ended(),
            Phase::Opening | Phase::Running(_) | Phase::Exited(_) => MsbError::new(
                Status::Unavailable,
                "file.worker_ended",
                "the guest ended the process that serves its files",
            )
            .remedy("try again; give the sandbox more memory if this lasts"),
        }
    }

    /// The next packet.
    fn arrive(&mut self, deadline: Deadline) -> Result<Arrived, MsbError> {
        let mut header = [0; PACKET_HEADER];
        self.fill(&mut header, deadline)?;
        let header = PacketHeader::decode(header).map_err(|error| malformed(&error))?;
        match header.kind {
            PacketKind::Answer => {
                let answer = self.take_answer(header.len, deadline)?;
                let Some(owed) = self.owed.checked_sub(1) else {
                    return Ok(Arrived::Answer(answer));
                };
                self.owed = owed;
                match answer {
                    // Nothing else follows a worker's refusal to begin.
                    Answer::Failed(failure) => Err(failed(&failure)),
                    _ => Ok(Arrived::Owed),
                }
            }
            PacketKind::Data if self.owed == 0 => Ok(Arrived::Data(header.len)),
            PacketKind::Progress if self.owed == 0 => {
                let mut body = [0; PROGRESS_LEN];
                self.fill(&mut body, deadline)?;
                self.progress = parse_progress(body);
                Ok(Arrived::Progress)
            }
            PacketKind::Data
            | PacketKind::Progress
            | PacketKind::Request
            | PacketKind::End
            | PacketKind::Abort => Err(misbehaved("a packet out of order")),
        }
    }

    fn take_answer(&self, len: usize, deadline: Deadline) -> Result<Answer, MsbError> {
        // The header's check bounds it.
        let mut body = vec![0; len];
        self.fill(&mut body, deadline)?;
        parse_answer(&body).map_err(|error| malformed(&error))
    }

    /// The request is over; the session is free again.
    fn settle(&mut self, answer: Answer) -> Result<Answer, MsbError> {
        self.busy = false;
        match answer {
            Answer::Failed(failure) => Err(failed(&failure)),
            answer => Ok(answer),
        }
    }

    /// Waits for the answer after everything was sent.
    fn last_answer(&mut self, deadline: Deadline, progress: OnProgress<'_>) -> Result<Answer, MsbError> {
        if let Some(answer) = self.early.take() {
            return self.settle(answer);
        }
        loop {
            match self.arrive(deadline)? {
                Arrived::Answer(answer) => return self.settle(answer),
                Arrived::Owed => {}
                Arrived::Progress if progress(&self.progress) => {}
                Arrived::Progress => return Err(cancelled()),
                Arrived::Data(_) => return Err(misbehaved("data that nobody asked for")),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stream.abandon();
    }
}

/// Data on its way from the worker: what the file or the archive holds, up to its end.
pub struct Download<'a> {
    session: &'a mut Session,
    deadline: Deadline,
    /// Bytes of the current packet that are still to be read.
    left: usize,
    end: Option<Answer>,
    error: Option<MsbError>,
}

impl Download<'_> {
    /// How much can be read now without passing a header; 0 at the end. Waits, and tells `progress` meanwhile.
    pub fn available(&mut self, progress: OnProgress<'_>) -> Result<usize, MsbError> {
        while self.left == 0 && self.end.is_none() {
            match self.session.arrive(self.deadline)? {
                Arrived::Data(len) => self.left = len,
                Arrived::Owed => {}
                Arrived::Progress if progress(&self.session.progress) => {}
                Arrived::Progress => return Err(cancelled()),
                Arrived::Answer(answer) => self.end = Some(self.session.settle(answer)?),
            }
        }
        Ok(self.left)
    }

    /// Fills `room`, which is no larger than what is [`Download::available`].
    pub fn fill(&mut self, room: &mut [u8]) -> Result<(), MsbError> {
        debug_assert!(room.len() <= self.left);
        self.session.fill(room, self.deadline)?;
        self.left -= room.len();
        Ok(())
    }

    /// What went wrong while this was read as a stream of bytes.
    pub fn take_error(&mut self) -> Option<MsbError> {
        self.error.take()
    }

    /// The answer, once nothing is [`Download::available`] any more.
    pub fn finish(self) -> Result<Answer, MsbError> {
        self.end.ok_or_else(too_much)
    }
}

impl Read for Download<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let taken = self.available(&mut |_| true).and_then(|available| {
            let count = available.min(room.len());
            self.fill(&mut room[..count])?;
            Ok(count)
        });
        taken.map_err(|error| {
            let text = io::Error::other(error.message().to_owned());
            self.error = Some(error);
            text
        })
    }
}

/// Data on its way to the worker.
pub struct Upload<'a> {
    session: &'a mut Session,
    deadline: Deadline,
    error: Option<MsbError>,
}

impl Upload<'_> {
    /// Sends more data. False once the worker takes no more, because it has answered.
    pub fn send(&mut self, data: &[u8]) -> Result<bool, MsbError> {
        for chunk in data.chunks(CHUNK) {
            if self.answered()? {
                return Ok(false);
            }
            self.session.send(&data_header(chunk.len()), self.deadline)?;
            self.session.send(chunk, self.deadline)?;
        }
        Ok(true)
    }

    /// Looks at what the worker says meanwhile, without waiting.
    fn answered(&mut self) -> Result<bool, MsbError> {
        while self.session.early.is_none() && self.session.stream.has_output(Channel::Stdout) {
            match self.session.arrive(self.deadline)? {
                Arrived::Answer(answer) => self.session.early = Some(answer),
                Arrived::Progress | Arrived::Owed => {}
                Arrived::Data(_) => return Err(misbehaved("data that nobody asked for")),
            }
        }
        Ok(self.session.early.is_some())
    }

    /// How far the worker says it is.
    pub fn progress(&self) -> Progress {
        self.session.progress
    }

    /// What went wrong while this was written to as a stream of bytes.
    pub fn take_error(&mut self) -> Option<MsbError> {
        self.error.take()
    }

    /// Says that this was all, and waits for the answer.
    pub fn finish(self, progress: OnProgress<'_>) -> Result<Answer, MsbError> {
        self.end(PacketKind::End, progress)
    }

    /// Says that the data ends early, which shall leave nothing behind that looks whole.
    pub fn abort(self) -> Result<Answer, MsbError> {
        self.end(PacketKind::Abort, &mut |_| true)
    }

    /// As [`Upload::abort`]. What the worker had said before then is why, otherwise `error` is.
    pub fn abort_for(self, error: MsbError) -> MsbError {
        let answered = self.session.early.is_some();
        match self.abort() {
            Err(why) if answered => why,
            _ => error,
        }
    }

    fn end(self, mark: PacketKind, progress: OnProgress<'_>) -> Result<Answer, MsbError> {
        let mut packet = Vec::new();
        push_mark(&mut packet, mark);
        self.session.send(&packet, self.deadline)?;
        self.session.last_answer(self.deadline, progress)
    }
}

impl Write for Upload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(CHUNK)];
        match self.send(bytes) {
            Ok(true) => Ok(bytes.len()),
            Ok(false) => Err(io::Error::other("the guest takes no more of it")),
            Err(error) => {
                let text = io::Error::other(error.message().to_owned());
                self.error = Some(error);
                Err(text)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn done(answer: Answer) -> Result<(), MsbError> {
    match answer {
        Answer::Done => Ok(()),
        _ => Err(misbehaved("an answer to another question")),
    }
}

fn data_header(len: usize) -> [u8; PACKET_HEADER] {
    let kind = PacketKind::Data;
    PacketHeader { kind, len }.encode()
}

/// The error of an operation that its caller gave up.
pub fn cancelled() -> MsbError {
    MsbError::new(
        Status::Cancelled,
        "file.cancelled",
        "the file operation was given up",
    )
    .remedy("what was done so far is there; remove it or begin again")
}

/// The guest said something that it must not say.
pub fn misbehaved(what: &str) -> MsbError {
    MsbError::new(
        Status::Corrupt,
        "file.guest_misbehaved",
        format!("the guest answered a file operation with {what}"),
    )
    .remedy("trust nothing that this guest gives")
}

fn too_much() -> MsbError {
    misbehaved("more data than it was asked for")
}

fn malformed(error: &PacketError) -> MsbError {
    misbehaved("what is none").source(error)
}

fn unsendable(error: &PacketError) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "file.bad_path",
        "the path is too long for the guest",
    )
    .source(error)
    .remedy("use paths of less than 4096 bytes")
}

fn out_of_memory() -> MsbError {
    MsbError::new(
        Status::OutOfMemory,
        "file.out_of_memory",
        "there is no memory for the file",
    )
    .remedy("open it and read it in parts")
}
