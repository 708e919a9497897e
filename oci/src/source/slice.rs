//! A part of a file as a reader of its own: several of one file are read at the same time, and none of them moves
//! the file's position.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes that are read at any place.
pub(super) trait ReadAt {
    /// Reads at most as many bytes as fit; none at the end.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Fills the buffer; false if there are no bytes at all. Fewer than it holds are an error.
    fn fill_at(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<bool> {
        let mut any = false;
        while !buffer.is_empty() {
            match self.read_at(buffer, at) {
                Ok(0) if any => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => return Ok(false),
                Ok(got) => {
                    any = true;
                    at += got as u64;
                    buffer = &mut buffer[got..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at)
            .ok()
            .and_then(|at| self.get(at..))
            .unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// Bytes of a file, from one place to another.
#[derive(Debug, Clone)]
pub struct FileSlice {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl FileSlice {
    pub(super) fn new(file: Arc<File>, at: u64, end: u64) -> Self {
        Self { file, at, end }
    }

    /// Bytes that are left.
    pub fn len(&self) -> u64 {
        self.end - self.at
    }

    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of it; as much of that as there is.
    pub(super) fn part(&self, at: u64, size: u64) -> Self {
        let at = self.at.saturating_add(at).min(self.end);
        Self {
            file: Arc::clone(&self.file),
            at,
            end: at.saturating_add(size).min(self.end),
        }
    }
}

impl ReadAt for FileSlice {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let left = self.len().saturating_sub(at);
        let length = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.file
            .read_at(&mut buffer[..length], self.at.saturating_add(at))
    }
}

impl Read for FileSlice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.read_at(buffer, 0)?;
        self.at += got as u64;
        Ok(got)
    }
}
