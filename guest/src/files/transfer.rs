//! A file's bytes between the worker's pipes and the file, as pages wherever the kernel can move them.
//!
//! An upload is always taken in to its end, whatever becomes of its bytes, so that the session stays in step. What
//! goes wrong with the file is one thing, what goes wrong with the session another: only the latter ends the worker.

use super::wire::{Input, Output, WireError};
use msb_protocol::files::{MAX_CHUNK, PacketHeader, PacketKind};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A file of at most this size is copied: for little, moving pages costs more calls than it saves.
const SMALL: u64 = 16 * 1024;
/// What is copied at a time, in bytes.
const COPIED: usize = 64 * 1024;

/// What a transfer failed of.
#[derive(Debug)]
pub enum TransferError {
    /// The file; the session goes on.
    File(Errno),
    /// The session.
    Wire(WireError),
}

impl From<WireError> for TransferError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

/// A pipe in which a part of a file waits until its length is known.
///
/// A file may shrink while it is read, so its length cannot be announced before its pages are in hand.
#[derive(Debug)]
pub struct Staging {
    read: OwnedFd,
    write: OwnedFd,
}

impl Staging {
    /// Empty.
    pub fn new() -> rustix::io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        // A smaller one only makes smaller packets.
        let _ = fcntl_setpipe_size(&write, MAX_CHUNK);
        Ok(Self { read, write })
    }
}

/// Sends `len` bytes of a file from `offset` on, or what there is of them; returns how many there were.
pub fn send_file(
    file: BorrowedFd<'_>,
    offset: u64,
    len: u64,
    staging: &mut Option<Staging>,
    output: &mut Output,
) -> Result<u64, TransferError> {
    let size = rustix::fs::fstat(file).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
    let likely = size.saturating_sub(offset).min(len);
    if likely > SMALL {
        if staging.is_none() {
            *staging = Staging::new().ok();
        }
        if let Some(staging) = staging
            && let Some(sent) = splice_out(file, offset, len, staging, output)?
        {
            return Ok(sent);
        }
    }
    copy_out(file, offset, len, output)
}

/// Moves pages. Absent, with nothing sent, when the file has none that can be moved.
fn splice_out(
    file: BorrowedFd<'_>,
    offset: u64,
    len: u64,
    staging: &Staging,
    output: &mut Output,
) -> Result<Option<u64>, TransferError> {
    let mut at = offset;
    let mut sent = 0;
    while sent < len {
        let room = usize::try_from(len - sent).unwrap_or(MAX_CHUNK).min(MAX_CHUNK);
        let staged = match splice(file, Some(&mut at), &staging.write, None, room, SpliceFlags::MOVE) {
            Ok(0) => break,
            Ok(staged) => staged,
            Err(Errno::INTR) => continue,
            Err(Errno::INVAL | Errno::NOSYS) if sent == 0 => return Ok(None),
            Err(errno) => return Err(TransferError::File(errno)),
        };
        let pipe = output.announce_data(staged)?;
        let mut rest = staged;
        while rest > 0 {
            match splice(&staging.read, None, pipe, None, rest, SpliceFlags::MOVE) {
                Ok(0) => return Err(WireError::Ended.into()),
                Ok(moved) => rest -= moved,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(WireError::Pipe(errno).into()),
            }
        }
        sent += staged as u64;
    }
    Ok(Some(sent))
}

fn copy_out(file: BorrowedFd<'_>, offset: u64, len: u64, output: &mut Output) -> Result<u64, TransferError> {
    let mut buffer = vec![0; usize::try_from(len).unwrap_or(COPIED).min(COPIED)];
    let mut sent = 0;
    while sent < len {
        let room = usize::try_from(len - sent).unwrap_or(COPIED).min(COPIED);
        match rustix::io::pread(file, &mut buffer[..room], offset.saturating_add(sent)) {
            Ok(0) => break,
            Ok(count) => {
                output.data(&buffer[..count])?;
                sent += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(TransferError::File(errno)),
        }
    }
    Ok(sent)
}

/// How an upload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All of it came.
    Whole,
    /// The client gave up on it.
    Aborted,
}

/// Data on its way from the client, up to its end.
#[derive(Debug)]
pub struct Upload<'a> {
    input: &'a mut Input,
    /// Bytes of the current packet that are still to come.
    left: usize,
    ending: Option<Ending>,
}

impl<'a> Upload<'a> {
    /// What follows the request that was just read.
    pub fn new(input: &'a mut Input) -> Self {
        Self {
            input,
            left: 0,
            ending: None,
        }
    }

    /// Bytes that can be read now without passing a header; 0 at the end.
    fn available(&mut self) -> Result<usize, WireError> {
        if self.left == 0 && self.ending.is_none() {
            match self.input.header()?.ok_or(WireError::Ended)? {
                PacketHeader {
                    kind: PacketKind::Data,
                    len,
                } => self.left = len,
                PacketHeader {
                    kind: PacketKind::End,
                    ..
                } => self.ending = Some(Ending::Whole),
                PacketHeader {
                    kind: PacketKind::Abort,
                    ..
                } => self.ending = Some(Ending::Aborted),
                PacketHeader { kind, .. } => return Err(WireError::Order(kind)),
            }
        }
        Ok(self.left)
    }

    /// How it ended, once it has.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    fn take_some(&mut self, room: &mut [u8]) -> Result<usize, WireError> {
        let limit = self.available()?.min(room.len());
        if limit == 0 {
            return Ok(0);
        }
        match self.input.read(&mut room[..limit])? {
            0 => Err(WireError::Ended),
            count => {
                self.left -= count;
                Ok(count)
            }
        }
    }

    /// Takes in what is left, for nobody.
    pub fn finish(mut self) -> Result<Ending, WireError> {
        let mut nowhere = [0; 16 * 1024];
        while self.take_some(&mut nowhere)? > 0 {}
        self.ending.ok_or(WireError::Ended)
    }

    /// Writes everything to a file: from `offset` on or, without one, at its end.
    pub fn write_to(&mut self, file: BorrowedFd<'_>, offset: Option<u64>) -> Result<(), TransferError> {
        let mut at = offset.unwrap_or(0);
        let mut movable = offset.is_some();
        let mut buffer = Vec::new();
        loop {
            let available = self.available()?;
            if available == 0 {
                return Ok(());
            }
            if movable && available as u64 > SMALL {
                match splice(
                    self.input.as_fd(),
                    None,
                    file,
                    Some(&mut at),
                    available,
                    SpliceFlags::MOVE,
                ) {
                    Ok(0) => return Err(WireError::Ended.into()),
                    Ok(count) => self.left -= count,
                    Err(Errno::INTR) => {}
                    Err(Errno::INVAL | Errno::NOSYS) => movable = false,
                    Err(errno) => return Err(TransferError::File(errno)),
                }
                continue;
            }
            buffer.resize(available.min(COPIED), 0);
            let count = self.take_some(&mut buffer)?;
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let written = match offset {
                    Some(_) => rustix::io::pwrite(file, rest, at),
                    None => {
                        let rest = [IoSlice::new(rest)];
                        rustix::io::pwritev2(file, &rest, 0, rustix::io::ReadWriteFlags::APPEND)
                    }
                };
                match written {
                    Ok(0) => return Err(TransferError::File(Errno::IO)),
                    Ok(count) => {
                        at += count as u64;
                        rest = &rest[count..];
                    }
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(TransferError::File(errno)),
                }
            }
        }
    }
}

impl Read for Upload<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.take_some(room).map_err(io::Error::other)?;
        if count == 0 && !room.is_empty() && self.ending == Some(Ending::Aborted) {
            return Err(io::Error::other("the client gave up"));
        }
        Ok(count)
    }
}
