//! Output in bulk: pages move from a command's pipe to the host without being copied.
//!
//! A frame is put together in a pipe of the agent's own and leaves it before anything else is written, so it
//! is never torn. The console port takes everything that a pipe holds in one call, or nothing: that is why
//! the frame, its header included, must be the pipe's only content.

use msb_protocol::frame::{Channel, Header, MAX_DATA};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes that the pipe of a payload holds at least; a multiple of the page size.
const PAYLOAD_ROOM: usize = MAX_DATA;
/// The pipe of a frame has a slot for each page of a payload, and one for the header.
const FRAME_ROOM: usize = 2 * PAYLOAD_ROOM;

/// One frame on its way.
#[derive(Debug)]
pub struct Bulk {
    payload: Pipe,
    frame: Pipe,
    /// Bytes in the frame's pipe.
    staged: usize,
}

#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    fn new(room: usize) -> rustix::io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        fcntl_setpipe_size(&write, room)?;
        Ok(Self { read, write })
    }
}

impl Bulk {
    /// Nothing is on its way.
    pub fn new() -> rustix::io::Result<Self> {
        Ok(Self {
            payload: Pipe::new(PAYLOAD_ROOM)?,
            frame: Pipe::new(FRAME_ROOM)?,
            staged: 0,
        })
    }

    /// Bytes that are on their way.
    pub fn staged(&self) -> usize {
        self.staged
    }

    /// Takes at most `room` bytes from a pipe and makes a frame of them, unless there are none. Returns how many
    /// there were. Only while nothing is on its way.
    pub fn stage(
        &mut self,
        stream: u32,
        channel: Channel,
        source: impl AsFd,
        room: usize,
    ) -> rustix::io::Result<usize> {
        debug_assert_eq!(self.staged, 0);
        // How much a pipe holds may change at any time, because whoever writes to it may read it, too. So the
        // header is made when the payload can no longer change.
        let count = move_pages(&source, &self.payload.write, room.min(MAX_DATA))?;
        if count == 0 {
            return Ok(0);
        }
        let header = Header::data(stream, channel, count, false).encode();
        if rustix::io::write(&self.frame.write, &header)? != header.len() {
            return Err(Errno::IO);
        }
        let mut rest = count;
        while rest > 0 {
            match move_pages(&self.payload.read, &self.frame.write, rest)? {
                0 => return Err(Errno::IO),
                moved => rest -= moved,
            }
        }
        self.staged = header.len() + count;
        Ok(count)
    }

    /// Sends what is on its way; true when nothing is left.
    pub fn send(&mut self, link: BorrowedFd<'_>) -> rustix::io::Result<bool> {
        while self.staged > 0 {
            match move_pages(&self.frame.read, link, self.staged) {
                // The port says so when it took the pages and then had no room to pass them on.
                Ok(0) => return Err(Errno::IO),
                Ok(count) => self.staged = self.staged.saturating_sub(count),
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(errno),
            }
        }
        Ok(true)
    }

    /// Gives back what is on its way, to be sent by other means.
    pub fn unstage(&mut self) -> rustix::io::Result<Vec<u8>> {
        let mut bytes = vec![0; std::mem::take(&mut self.staged)];
        let mut filled = 0;
        while filled < bytes.len() {
            match rustix::io::read(&self.frame.read, &mut bytes[filled..])? {
                0 => return Err(Errno::IO),
                count => filled += count,
            }
        }
        Ok(bytes)
    }
}

fn move_pages(from: impl AsFd, to: impl AsFd, count: usize) -> rustix::io::Result<usize> {
    loop {
        match splice(
            &from,
            None,
            &to,
            None,
            count,
            SpliceFlags::MOVE | SpliceFlags::NONBLOCK,
        ) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::frame::FrameReader;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// A pipe that holds `bytes` and has no writer any more.
    fn pipe_of(bytes: &[u8]) -> OwnedFd {
        let pipe = Pipe::new(1024 * 1024).unwrap();
        assert_eq!(rustix::io::write(&pipe.write, bytes).unwrap(), bytes.len());
        pipe.read
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 7 + at / 4096) as u8).collect()
    }

    #[test]
    fn a_frame_is_whole_however_slowly_the_host_reads() {
        let sent = pattern(3 * MAX_DATA + 1234);
        let source = pipe_of(&sent);
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (link, host) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        rustix::net::sockopt::set_socket_send_buffer_size(&link, 16 * 1024).unwrap();
        let mut bulk = Bulk::new().unwrap();
        let mut reader = FrameReader::new();
        let mut received = Vec::new();
        let mut blocked = false;
        while bulk.stage(7, Channel::Stderr, &source, usize::MAX).unwrap() > 0 {
            while !bulk.send(link.as_fd()).unwrap() {
                blocked = true;
                let mut bytes = [0; 5000];
                let count = rustix::io::read(&host, &mut bytes).unwrap();
                reader.extend(&bytes[..count]);
            }
            assert_eq!(bulk.staged(), 0);
        }
        drop(link);
        loop {
            while let Some(frame) = reader.next_frame().unwrap() {
                assert_eq!((frame.header.stream, frame.header.channel), (7, Channel::Stderr));
                received.extend_from_slice(frame.payload);
            }
            match rustix::io::read(&host, reader.spare()).unwrap() {
                0 => break,
                count => reader.filled(count),
            }
        }
        assert!(blocked && received == sent);
    }

    #[test]
    fn a_frame_holds_no_more_than_its_room_and_half_filled_pages_do_no_harm() {
        let source = Pipe::new(1024 * 1024).unwrap();
        let mut sent = Vec::new();
        // Each piece fills more than half a page, so that none shares one with another.
        for piece in pattern(40 * 2500).chunks(2500) {
            rustix::io::write(&source.write, piece).unwrap();
            sent.extend_from_slice(piece);
        }
        let mut bulk = Bulk::new().unwrap();
        let mut received = Vec::new();
        for room in [1, 4096, 10_000, usize::MAX, usize::MAX, usize::MAX] {
            let count = bulk.stage(1, Channel::Stdout, &source.read, room).unwrap();
            assert!(count > 0 && count <= room.min(MAX_DATA));
            let frame = bulk.unstage().unwrap();
            assert_eq!(
                frame[..12],
                Header::data(1, Channel::Stdout, count, false).encode()
            );
            received.extend_from_slice(&frame[12..]);
            if received.len() == sent.len() {
                break;
            }
        }
        assert!(received == sent);
        assert_eq!(bulk.stage(1, Channel::Stdout, &source.read, 1), Err(Errno::AGAIN));
    }
}
