//! Bytes that wait to be written to one link.
//!
//! Holds no descriptor; its owner bounds its length. Kept in chunks, so that a long queue is neither moved
//! nor copied as it grows and shrinks, and an empty one holds one chunk at most.

use msb_protocol::frame::{HEADER_LEN, MAX_DATA};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};

/// Length from which a chunk takes no further frame, in bytes: about what one write passes on.
const CHUNK: usize = 128 * 1024;
/// Room in a chunk: a data frame that begins in it fits.
const CAPACITY: usize = CHUNK + HEADER_LEN + MAX_DATA;

/// An outgoing byte queue.
#[derive(Debug, Default)]
pub struct OutQueue {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes in all chunks but the last.
    full: usize,
    /// Bytes of the first chunk that are written.
    sent: usize,
    /// An empty chunk to be used again.
    spare: Option<Vec<u8>>,
}

impl OutQueue {
    /// Bytes still to be written.
    pub fn len(&self) -> usize {
        self.full + self.chunks.back().map_or(0, Vec::len) - self.sent
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the next frame is appended.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        let last = self.chunks.back().map_or(CHUNK, Vec::len);
        if last >= CHUNK {
            self.full += self.chunks.back().map_or(0, Vec::len);
            let chunk = self.spare.take().unwrap_or_else(|| Vec::with_capacity(CAPACITY));
            self.chunks.push_back(chunk);
        }
        let at = self.chunks.len() - 1;
        &mut self.chunks[at]
    }

    /// Writes until everything is out or `sink` would block.
    pub fn flush(&mut self, mut sink: impl Write) -> io::Result<()> {
        while let Some(first) = self.chunks.front() {
            if self.sent == first.len() {
                self.drop_first();
                continue;
            }
            match sink.write(&first[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        while !self.chunks.is_empty() {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        let Some(mut first) = self.chunks.pop_front() else {
            return;
        };
        if !self.chunks.is_empty() {
            self.full -= first.len();
        }
        self.sent = 0;
        first.clear();
        // A large control message may have made it grow; such a chunk is not kept.
        if first.capacity() <= CAPACITY {
            self.spare = Some(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then would block.
    struct Narrow {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = self.room.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..count]);
            self.room -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn partial_writes_lose_and_reorder_nothing() {
        let mut queue = OutQueue::default();
        let mut sink = Narrow {
            room: 0,
            taken: Vec::new(),
        };
        let mut expected = Vec::new();
        for round in 0..200_u32 {
            let chunk = vec![round as u8; 40_000];
            queue.tail().extend_from_slice(&chunk);
            expected.extend_from_slice(&chunk);
            sink.room = 30_000;
            queue.flush(&mut sink).unwrap();
        }
        assert_eq!(queue.len(), 200 * 10_000);
        sink.room = usize::MAX;
        queue.flush(&mut sink).unwrap();
        assert!(queue.is_empty() && queue.chunks.is_empty());
        assert_eq!(sink.taken, expected);
    }
}
