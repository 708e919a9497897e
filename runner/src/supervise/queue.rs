//! Bytes that wait to be written to one link.
//!
//! Holds no descriptor; its owner bounds its length. Memory beyond a working buffer is given back as soon
//! as the queue is empty, because an idle supervisor must stay small.

use std::io::{self, ErrorKind, Write};

/// Capacity that an empty queue keeps, in bytes: a few frames, so that a steady stream never reallocates.
const KEPT_CAPACITY: usize = 256 * 1024;
/// Written bytes that may stay at the front before the rest is moved down, in bytes.
const SLACK: usize = 1024 * 1024;

/// An outgoing byte queue.
#[derive(Debug, Default)]
pub struct OutQueue {
    bytes: Vec<u8>,
    sent: usize,
}

impl OutQueue {
    /// Bytes still to be written.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where frames are appended.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes until everything is out or `sink` would block.
    pub fn flush(&mut self, mut sink: impl Write) -> io::Result<()> {
        while self.sent < self.bytes.len() {
            match sink.write(&self.bytes[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.compact();
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.clear();
        Ok(())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.sent = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = Vec::new();
        }
    }

    fn compact(&mut self) {
        if self.sent > SLACK && self.sent > self.len() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
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
        assert!(queue.bytes.len() < 2 * queue.len() + 2 * SLACK);
        sink.room = usize::MAX;
        queue.flush(&mut sink).unwrap();
        assert!(queue.is_empty() && queue.bytes.capacity() <= KEPT_CAPACITY);
        assert_eq!(sink.taken, expected);
    }
}
