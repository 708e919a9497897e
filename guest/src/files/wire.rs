//! A worker's two ends of its session: packets in from one pipe, packets out to another.
//!
//! What is small gathers in memory and leaves with the answer in one write; what is large never enters the worker's
//! memory, see [`super::transfer`]. An end that breaks or misuses the session ends the worker.

use msb_protocol::files::{
    Answer, FileRequest, MAX_CHUNK, PACKET_HEADER, PacketError, PacketHeader, PacketKind, parse_request,
    push_answer, push_progress,
};
use msb_tree::Progress;
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use thiserror::Error;

/// What gathers before it is written, in bytes.
const GATHERED: usize = 64 * 1024;

/// Why a worker ends.
#[derive(Debug, Error)]
pub enum WireError {
    /// The session is over, in the middle of something.
    #[error("the session ended in the middle of a request")]
    Ended,
    /// The client sent something that cannot be.
    #[error("the client broke the protocol")]
    Packet(#[from] PacketError),
    /// The client sent something at the wrong time.
    #[error("the client sent a packet of kind {0:?} out of order")]
    Order(PacketKind),
    /// A pipe failed.
    #[error("a pipe of the session failed")]
    Pipe(#[from] Errno),
}

/// Where requests and data come from.
#[derive(Debug)]
pub struct Input(OwnedFd);

impl Input {
    /// Reads from `fd`, which blocks.
    pub fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// The next request; absent once the session is over.
    pub fn request(&mut self) -> Result<Option<FileRequest>, WireError> {
        let Some(header) = self.header()? else {
            return Ok(None);
        };
        if header.kind != PacketKind::Request {
            return Err(WireError::Order(header.kind));
        }
        let mut body = vec![0; header.len];
        self.fill(&mut body)?;
        Ok(Some(parse_request(&body)?))
    }

    /// The next header; absent when the session ends in front of it.
    pub fn header(&mut self) -> Result<Option<PacketHeader>, WireError> {
        let mut bytes = [0; PACKET_HEADER];
        match self.read(&mut bytes)? {
            0 => Ok(None),
            count => {
                self.fill(&mut bytes[count..])?;
                Ok(Some(PacketHeader::decode(bytes)?))
            }
        }
    }

    fn fill(&mut self, mut room: &mut [u8]) -> Result<(), WireError> {
        while !room.is_empty() {
            match self.read(room)? {
                0 => return Err(WireError::Ended),
                count => room = &mut room[count..],
            }
        }
        Ok(())
    }

    /// Reads once; 0 is the end.
    pub fn read(&mut self, room: &mut [u8]) -> Result<usize, WireError> {
        loop {
            match rustix::io::read(&self.0, &mut *room) {
                Err(Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Where answers and data go to.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    gathered: Vec<u8>,
}

impl Output {
    /// Writes to `fd`, which blocks.
    pub fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            gathered: Vec::new(),
        }
    }

    /// Sends an answer, and everything before it.
    pub fn answer(&mut self, answer: &Answer) -> Result<(), WireError> {
        push_answer(&mut self.gathered, answer)?;
        self.flush()
    }

    /// Says how far a request is.
    pub fn progress(&mut self, progress: &Progress) -> Result<(), WireError> {
        push_progress(&mut self.gathered, progress);
        self.flush()
    }

    /// Sends data.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        for chunk in bytes.chunks(MAX_CHUNK) {
            self.gather_header(chunk.len());
            self.gathered.extend_from_slice(chunk);
            if self.gathered.len() >= GATHERED {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Announces data that the caller sends past the worker's memory.
    pub fn announce_data(&mut self, len: usize) -> Result<BorrowedFd<'_>, WireError> {
        self.gather_header(len);
        self.flush()?;
        Ok(self.fd.as_fd())
    }

    fn gather_header(&mut self, len: usize) {
        let kind = PacketKind::Data;
        self.gathered
            .extend_from_slice(&PacketHeader { kind, len }.encode());
    }

    fn flush(&mut self) -> Result<(), WireError> {
        let mut rest = self.gathered.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(&self.fd, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        self.gathered.clear();
        Ok(())
    }
}
