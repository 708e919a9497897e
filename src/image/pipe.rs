//! An archive that comes through a pipe or socket: who waits for its writer learns of a cancellation meanwhile.

use crate::files::descriptor::{Descriptor, Watch};
use crate::ops;
use rustix::fs::FileType;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

/// Whether reading it may have to wait for somebody else.
pub fn is_pipe(file: &File) -> bool {
    rustix::fs::fstat(file)
        .map(|stat| FileType::from_raw_mode(stat.st_mode))
        .is_ok_and(|kind| matches!(kind, FileType::Fifo | FileType::Socket))
}

/// Reads on behalf of the operation that made it, whatever thread reads.
pub struct Pipe<C> {
    file: File,
    is_cancelled: Cancellation<C>,
}

struct Cancellation<C>(C);

impl<C: Fn() -> bool> Watch for Cancellation<C> {
    fn look(&self) -> io::Result<()> {
        if (self.0)() {
            Err(io::Error::other(ops::cancelled()))
        } else {
            Ok(())
        }
    }
}

/// The archive that comes through `file`.
pub fn open(file: File) -> Pipe<impl Fn() -> bool + Send + 'static> {
    Pipe {
        file,
        is_cancelled: Cancellation(ops::cancellation()),
    }
}

impl<C: Fn() -> bool> Read for Pipe<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Descriptor::new(self.file.as_fd(), &self.is_cancelled)?.read(buffer)
    }
}
