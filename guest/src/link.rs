//! The agent's end of the agent link: whole frames in both directions over one non-blocking descriptor.
//!
//! Frames go out in the order in which they were queued and are never torn: what the descriptor does not
//! take at once stays at the head of the queue. Whoever queues keeps an eye on [`Link::backlog`].

use crate::bulk::Bulk;
use msb_protocol::frame::{self, Channel, ControlError, FrameReader, HEADER_LEN, Header};
use rustix::io::Errno;
use serde::Serialize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Longest payload of a data frame that the agent sends: with its header it is the most that the kernel's
/// console port takes in one write, so that a frame costs one write.
const DATA_ROOM: usize = 32 * 1024 - HEADER_LEN;

/// Most frames that one turn of a channel may queue.
const TURN_FRAMES: usize = 8;
/// Most bytes that one turn of a channel may queue: few large turns cost fewer switches between the command
/// and the agent, which are what streaming under emulation is made of.
const MAX_TURN: usize = TURN_FRAMES * DATA_ROOM;

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// More bytes.
    Bytes,
    /// Nothing for now.
    Nothing,
    /// The other end is gone.
    End,
}

/// Framed, queued, non-blocking.
#[derive(Debug)]
pub struct Link {
    fd: OwnedFd,
    reader: FrameReader,
    out: Vec<u8>,
    sent: usize,
    bulk: BulkPath,
}

/// How output in bulk gets to the descriptor.
#[derive(Debug)]
enum BulkPath {
    /// As pages, once there is any.
    Untried,
    /// As pages; what they hold comes before the queue.
    Pages(Bulk),
    /// Like other output, because the descriptor or the kernel takes no pages.
    Copied,
}

impl Link {
    /// Takes over a non-blocking descriptor, and whether splice(2) to it may be tried.
    pub fn new(fd: OwnedFd, takes_pages: bool) -> Self {
        Self {
            fd,
            reader: FrameReader::new(),
            out: Vec::new(),
            sent: 0,
            bulk: if takes_pages {
                BulkPath::Untried
            } else {
                BulkPath::Copied
            },
        }
    }

    /// Bytes that are queued and not yet written.
    pub fn backlog(&self) -> usize {
        let staged = match &self.bulk {
            BulkPath::Pages(bulk) => bulk.staged(),
            BulkPath::Untried | BulkPath::Copied => 0,
        };
        staged + self.out.len() - self.sent
    }

    /// Lends the reader, so that frames can be handled while answers are queued; give it back with
    /// [`Link::return_reader`].
    pub fn take_reader(&mut self) -> FrameReader {
        std::mem::take(&mut self.reader)
    }

    /// Takes the reader back.
    pub fn return_reader(&mut self, reader: FrameReader) {
        self.reader = reader;
    }

    /// Queues a control message.
    pub fn push_control<T: Serialize>(&mut self, stream: u32, message: &T) -> Result<(), ControlError> {
        frame::push_control(&mut self.out, stream, message)
    }

    /// Queues a credit grant.
    pub fn push_credit(&mut self, stream: u32, channel: Channel, amount: u32) {
        frame::push_credit(&mut self.out, stream, channel, amount);
    }

    /// Queues the end of an output channel.
    pub fn push_end(&mut self, stream: u32, channel: Channel) {
        frame::push(&mut self.out, Header::data(stream, channel, 0, true), &[]);
    }

    /// As [`Link::push_data_from`] for a pipe that carries a lot: moves pages instead of bytes if the queue is
    /// empty and the descriptor allows it.
    pub fn push_bulk_from(
        &mut self,
        stream: u32,
        channel: Channel,
        source: impl AsFd,
        room: usize,
    ) -> rustix::io::Result<usize> {
        if self.backlog() == 0 {
            if let BulkPath::Untried = self.bulk {
                self.bulk = Bulk::new().map_or(BulkPath::Copied, BulkPath::Pages);
            }
            if let BulkPath::Pages(bulk) = &mut self.bulk {
                match bulk.stage(stream, channel, &source, room) {
                    Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => self.bulk = BulkPath::Copied,
                    other => return other,
                }
            }
        }
        self.push_data_from(stream, channel, source, room)
    }

    /// Reads at most `room` bytes (and [`MAX_TURN`]) from `source` in one call and queues them as data frames;
    /// queues nothing when there are none. Returns how many there were.
    pub fn push_data_from(
        &mut self,
        stream: u32,
        channel: Channel,
        source: impl AsFd,
        room: usize,
    ) -> rustix::io::Result<usize> {
        const FRAME: usize = HEADER_LEN + DATA_ROOM;
        let room = room.min(MAX_TURN);
        let begin = self.out.len();
        self.out.reserve(room.div_ceil(DATA_ROOM) * FRAME);
        // Every payload goes where its frame will be, so that the bytes are copied only once.
        let mut places = [libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        }; TURN_FRAMES];
        let frames = self.out.spare_capacity_mut().chunks_mut(FRAME);
        let mut rest = room;
        for (place, frame) in places.iter_mut().zip(frames) {
            let len = rest.min(DATA_ROOM);
            rest -= len;
            *place = libc::iovec {
                iov_base: frame[HEADER_LEN..].as_mut_ptr().cast(),
                iov_len: len,
            };
        }
        let count = room.div_ceil(DATA_ROOM) as libc::c_int;
        // SAFETY: each of the first `count` places is a part of the reserved capacity, and no two overlap.
        let read = unsafe { libc::readv(source.as_fd().as_raw_fd(), places.as_ptr(), count) };
        let Ok(read) = usize::try_from(read) else {
            let errno = std::io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EIO);
            return Err(Errno::from_raw_os_error(errno));
        };
        let mut rest = read;
        for frame in self
            .out
            .spare_capacity_mut()
            .chunks_mut(FRAME)
            .take(read.div_ceil(DATA_ROOM))
        {
            let len = rest.min(DATA_ROOM);
            rest -= len;
            for (target, byte) in frame
                .iter_mut()
                .zip(Header::data(stream, channel, len, false).encode())
            {
                target.write(byte);
            }
        }
        // SAFETY: the kernel has filled `read` bytes of the payloads in order, and their headers were written.
        unsafe {
            self.out
                .set_len(begin + read.div_ceil(DATA_ROOM) * HEADER_LEN + read)
        };
        Ok(read)
    }

    /// Writes as much of the queue as the descriptor takes; true when all of it went.
    pub fn write(&mut self) -> rustix::io::Result<bool> {
        if !self.send_pages()? {
            return Ok(false);
        }
        while self.sent < self.out.len() {
            match rustix::io::write(&self.fd, &self.out[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.drop_sent();
                    return Ok(false);
                }
                Err(errno) => return Err(errno),
            }
        }
        self.drop_sent();
        Ok(true)
    }

    /// Sends pages that are on their way; true when none are left.
    fn send_pages(&mut self) -> rustix::io::Result<bool> {
        let BulkPath::Pages(bulk) = &mut self.bulk else {
            return Ok(true);
        };
        match bulk.send(self.fd.as_fd()) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
                let mut out = bulk.unstage()?;
                out.extend_from_slice(&self.out[self.sent..]);
                self.out = out;
                self.sent = 0;
                self.bulk = BulkPath::Copied;
                Ok(true)
            }
            other => other,
        }
    }

    /// Moves what is left to the front once the part that was sent outweighs it.
    fn drop_sent(&mut self) {
        if self.sent * 2 >= self.out.len() {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Reads once into `reader`.
    pub fn read_into(&self, reader: &mut FrameReader) -> rustix::io::Result<Arrived> {
        match rustix::io::read(&self.fd, reader.spare()) {
            Ok(0) => Ok(Arrived::End),
            Ok(count) => {
                reader.filled(count);
                Ok(Arrived::Bytes)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(Arrived::Nothing),
            Err(Errno::CONNRESET | Errno::PIPE) => Ok(Arrived::End),
            Err(errno) => Err(errno),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, OFlags, SeekFrom};
    use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

    #[test]
    fn a_descriptor_that_takes_no_pages_gets_the_same_frames_in_the_same_order() {
        let sent: Vec<u8> = (0..200_000_u32).map(|at| (at * 7) as u8).collect();
        let (source, command) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        fcntl_setpipe_size(&command, 256 * 1024).unwrap();
        assert_eq!(rustix::io::write(&command, &sent).unwrap(), sent.len());
        drop(command);
        // splice(2) to a file in append mode is an error.
        let file = rustix::fs::memfd_create("link", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::fcntl_setfl(&file, OFlags::APPEND).unwrap();
        let mut link = Link::new(rustix::io::dup(&file).unwrap(), true);

        let first = link
            .push_bulk_from(3, Channel::Stdout, &source, usize::MAX)
            .unwrap();
        assert!(first > 0 && matches!(link.bulk, BulkPath::Pages(_)));
        link.push_credit(3, Channel::Stdin, 5);
        while link
            .push_bulk_from(3, Channel::Stdout, &source, usize::MAX)
            .unwrap()
            > 0
        {}
        link.push_end(3, Channel::Stdout);
        assert!(link.write().unwrap() && link.backlog() == 0);
        assert!(matches!(link.bulk, BulkPath::Copied));

        rustix::fs::seek(&file, SeekFrom::Start(0)).unwrap();
        let mut reader = FrameReader::new();
        let mut received = Vec::new();
        let mut credit_after = None;
        let mut ended = false;
        loop {
            let count = rustix::io::read(&file, reader.spare()).unwrap();
            reader.filled(count);
            while let Some(frame) = reader.next_frame().unwrap() {
                match frame.credit_amount() {
                    0 => received.extend_from_slice(frame.payload),
                    _ => credit_after = Some(received.len()),
                }
                ended = frame.header.end;
            }
            if count == 0 {
                break;
            }
        }
        assert!(received == sent && ended);
        assert_eq!(credit_after, Some(first));
    }
}
