//! Reads ahead on a thread of its own, so that unpacking goes on while the reader uses what is unpacked.
//!
//! A bounded number of buffers goes round. The thread is joined when the reader is dropped: it ends at its next
//! buffer, so that the source's reads must end by themselves.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::quiet::SignalMask;

/// Handed over at once.
const CHUNK: usize = 256 << 10;

/// Buffers that go round.
const CHUNKS: usize = 4;

/// What a thread reads ahead of the reader.
pub(crate) struct Pipeline {
    /// Full buffers; an empty one is the end. None once the reader is being dropped.
    full: Option<Receiver<io::Result<Vec<u8>>>>,
    /// Used ones go back.
    used: Option<SyncSender<Vec<u8>>>,
    current: Vec<u8>,
    /// How much of the current one was given out.
    given: usize,
    ended: bool,
    thread: Option<JoinHandle<()>>,
}

impl Pipeline {
    pub(crate) fn new(mut source: impl Read + Send + 'static) -> io::Result<Self> {
        let (fill, full) = sync_channel(CHUNKS);
        let (used, reuse) = sync_channel::<Vec<u8>>(CHUNKS + 1);
        for _ in 0..CHUNKS {
            // There is room for all of them.
            let _ = used.send(Vec::new());
        }
        let mask = SignalMask::block_asynchronous()?;
        let thread = Builder::new().name("msb-unpack".to_owned()).spawn(move || {
            while let Ok(mut buffer) = reuse.recv() {
                let read = fill_chunk(&mut source, &mut buffer);
                let last = !matches!(&read, Ok(got) if *got > 0);
                if fill.send(read.map(|_| buffer)).is_err() || last {
                    return;
                }
            }
        });
        drop(mask);
        let thread = thread?;
        Ok(Self {
            full: Some(full),
            used: Some(used),
            current: Vec::new(),
            given: 0,
            ended: false,
            thread: Some(thread),
        })
    }

    /// Takes the next buffer; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let next = self.full.as_ref().and_then(|full| full.recv().ok());
        let next = match next {
            Some(Ok(next)) => next,
            Some(Err(error)) => {
                self.ended = true;
                return Err(error);
            }
            // Also after an error, which was given out once.
            None => return Err(io::Error::other("the thread that unpacks has failed")),
        };
        self.ended = next.is_empty();
        self.given = 0;
        let used = std::mem::replace(&mut self.current, next);
        if let Some(back) = &self.used
            && used.capacity() > 0
        {
            // It fails if the thread has ended, which needs no more.
            let _ = back.send(used);
        }
        Ok(!self.ended)
    }
}

/// Fills the buffer as far as the source goes. An error after some bytes is met again by the next call.
fn fill_chunk(source: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.resize(CHUNK, 0);
    let mut filled = 0;
    while filled < CHUNK {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(filled)
}

impl Read for Pipeline {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || (self.given == self.current.len() && !self.advance()?) {
            return Ok(0);
        }
        let rest = &self.current[self.given..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.given += length;
        Ok(length)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // The thread's next send or receive fails, and it ends.
        self.full = None;
        self.used = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Counts down how many bytes it still gives; the other shows whether it is still there.
    struct Bytes(usize, #[expect(dead_code, reason = "only held")] Arc<()>);

    impl Read for Bytes {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let got = buffer.len().min(self.0).min(10_000);
            buffer[..got].fill(7);
            self.0 -= got;
            Ok(got)
        }
    }

    #[test]
    fn all_bytes_come_through_in_order_and_the_end_stays_the_end() {
        let total = 3 * CHUNKS * CHUNK + 17;
        let mut pipeline = Pipeline::new(Bytes(total, Arc::default())).unwrap();
        let mut all = Vec::new();
        pipeline.read_to_end(&mut all).unwrap();
        assert_eq!(all, vec![7; total]);
        assert_eq!(pipeline.read(&mut [0; 9]).unwrap(), 0);
    }

    #[test]
    fn a_reader_that_stops_early_leaves_no_thread() {
        let alive = Arc::new(());
        let mut pipeline = Pipeline::new(Bytes(usize::MAX, Arc::clone(&alive))).unwrap();
        pipeline.read_exact(&mut [0; 100]).unwrap();
        drop(pipeline);
        assert_eq!(Arc::strong_count(&alive), 1, "the thread still has its source");
    }

    #[test]
    fn a_failure_of_the_source_is_the_readers_and_never_an_end() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        let mut pipeline = Pipeline::new(Bytes(CHUNK, Arc::default()).chain(Fails)).unwrap();
        let mut all = Vec::new();
        let error = pipeline.read_to_end(&mut all).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        assert_eq!(all.len(), CHUNK);
    }
}
