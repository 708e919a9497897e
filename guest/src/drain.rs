//! Output that nobody wants any more but somebody still writes: read and thrown away.
//!
//! A daemon that a command left behind must not die of SIGPIPE because its starter's stream is over. The
//! number is bounded; beyond it the oldest is closed.

use rustix::io::Errno;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most descriptors kept open for others' sake.
const MAX_DRAINS: usize = 1024;
/// How much one call reads at most, in bytes.
const CHUNK: usize = 16 * 1024;

/// Descriptors to empty, by number; later ones have higher numbers.
#[derive(Debug, Default)]
pub struct Drains {
    next: u32,
    open: BTreeMap<u32, OwnedFd>,
}

impl Drains {
    /// Takes a non-blocking descriptor; returns its number.
    pub fn add(&mut self, fd: OwnedFd) -> u32 {
        if self.open.len() >= MAX_DRAINS {
            self.open.pop_first();
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(number, fd);
        number
    }

    /// The descriptor with this number.
    pub fn fd(&self, number: u32) -> Option<BorrowedFd<'_>> {
        self.open.get(&number).map(OwnedFd::as_fd)
    }

    /// Empties a descriptor a bit; closes it at its end.
    pub fn empty(&mut self, number: u32) {
        let Some(fd) = self.open.get(&number) else {
            return;
        };
        match rustix::io::read(fd, &mut [0; CHUNK]) {
            Ok(count) if count > 0 => {}
            Err(Errno::AGAIN | Errno::INTR) => {}
            _ => {
                self.open.remove(&number);
            }
        }
    }
}
