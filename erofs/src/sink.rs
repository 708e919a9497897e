//! Writes a file from its start to its end in large pieces, and leaves long runs of zeros out.
//!
//! The file is empty at first, so that what was never written reads as zeros.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use crate::format::{BLOCK, BLOCK_LEN};

/// Handed to the system at once.
const PIECE: usize = 1 << 20;

/// The system is asked to put so much on the disk while more comes: whoever syncs the file then waits for little.
const WRITTEN_BACK: u64 = 8 << 20;

/// Shorter runs of zeros are written: every hole costs the host's file system an extent.
const HOLE_BLOCKS: usize = 16;

static ZEROS: [u8; BLOCK_LEN] = [0; BLOCK_LEN];

pub(crate) struct Sink<'a> {
    out: &'a File,
    buffer: Box<[u8]>,
    /// How much of the buffer waits to be written.
    used: usize,
    /// Where the buffer's first byte goes.
    start: u64,
    /// Up to here the system was asked to put it on the disk.
    asked: u64,
}

impl<'a> Sink<'a> {
    /// Empties the file; the first byte goes to `start`.
    pub(crate) fn new(out: &'a File, start: u64) -> io::Result<Self> {
        out.set_len(0)?;
        Ok(Self {
            out,
            buffer: vec![0; PIECE].into_boxed_slice(),
            used: 0,
            start,
            asked: start,
        })
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> u64 {
        self.start + self.used as u64
    }

    /// Zeros up to there, which must not lie behind.
    pub(crate) fn skip_to(&mut self, position: u64) -> io::Result<()> {
        let gap = position.saturating_sub(self.position());
        if gap < BLOCK && self.used + BLOCK_LEN <= PIECE {
            let end = self.used + gap as usize;
            self.buffer[self.used..end].fill(0);
            self.used = end;
        } else {
            self.flush()?;
            self.start = position;
        }
        Ok(())
    }

    /// Zeros up to the next block.
    pub(crate) fn pad(&mut self) -> io::Result<()> {
        self.skip_to(self.position().next_multiple_of(BLOCK))
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.room(bytes.len() as u64)?;
            let now = room.len();
            room.copy_from_slice(&bytes[..now]);
            bytes = &bytes[now..];
            self.used += now;
        }
        Ok(())
    }

    /// Somewhere to put the next bytes, at most so many, and at least one if that is not 0; [`Self::took`] takes them.
    pub(crate) fn room(&mut self, most: u64) -> io::Result<&mut [u8]> {
        if self.used == PIECE {
            self.flush()?;
        }
        let free = &mut self.buffer[self.used..];
        let len = usize::try_from(most).map_or(free.len(), |most| most.min(free.len()));
        Ok(&mut free[..len])
    }

    /// So many bytes were put where there is room.
    pub(crate) fn took(&mut self, bytes: usize) {
        self.used = (self.used + bytes).min(PIECE);
    }

    fn flush(&mut self) -> io::Result<()> {
        let is_zero = |block: &[u8]| block == &ZEROS[..block.len()];
        let bytes = &self.buffer[..self.used];
        let blocks: Vec<&[u8]> = bytes.chunks(BLOCK_LEN).collect();
        let mut from = 0;
        while from < blocks.len() {
            let zeros = blocks[from..].iter().take_while(|block| is_zero(block)).count();
            if zeros >= HOLE_BLOCKS || zeros == blocks.len() - from {
                from += zeros;
                continue;
            }
            // Up to the next run of zeros that is worth a hole.
            let mut to = from + zeros;
            let mut run = 0;
            while to < blocks.len() && run < HOLE_BLOCKS {
                run = if is_zero(blocks[to]) { run + 1 } else { 0 };
                to += 1;
            }
            to -= if run == HOLE_BLOCKS { run } else { 0 };
            let piece = &bytes[from * BLOCK_LEN..(to * BLOCK_LEN).min(bytes.len())];
            self.out
                .write_all_at(piece, self.start + (from * BLOCK_LEN) as u64)?;
            from = to;
        }
        self.start += self.used as u64;
        self.used = 0;
        if self.start - self.asked >= WRITTEN_BACK {
            begin_writeback(self.out, self.asked, self.start - self.asked);
            self.asked = self.start;
        }
        Ok(())
    }

    /// Writes what is left, and then the first block, which makes the file an image.
    pub(crate) fn finish(mut self, first: &[u8]) -> io::Result<()> {
        self.pad()?;
        self.flush()?;
        self.out.set_len(self.start)?;
        self.out.write_all_at(first, 0)
    }
}

/// Asks the system to begin to put this part of a file on its disk, where that can be asked for. Only a sync tells whether it
/// is there.
fn begin_writeback(file: &File, offset: u64, len: u64) {
    #[cfg(target_os = "linux")]
    {
        let (Ok(offset), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) else {
            return;
        };
        // SAFETY: the descriptor is open for the call, which touches no memory of ours. A failure changes nothing.
        unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
    }
}
