//! The file of a blob that is being fetched, and the digest of what is in it.
//!
//! The file holds what the digest has seen, and never more than the blob's size.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use super::RegistryError;
use super::fetch::BlobWanted;
use super::watch::Watch;
use crate::digest::{Digest, Digester};

/// How much is read, hashed and written at once.
const PIECE: usize = 128 << 10;

/// A file with a beginning of a blob.
pub(super) struct Partial<'a> {
    wanted: &'a BlobWanted,
    file: File,
    digester: Digester,
    length: u64,
    buffer: Vec<u8>,
}

impl<'a> Partial<'a> {
    /// Opens the file, and hashes what is in it already.
    pub fn open(wanted: &'a BlobWanted, watch: &Watch) -> Result<Self, RegistryError> {
        // Neither a link to somewhere else, nor a pipe that hangs.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags.bits().cast_signed())
            .open(&wanted.partial_path)
            .map_err(|error| failed("open", wanted, error))?;
        let mut partial = Self {
            wanted,
            file,
            digester: Digester::new(wanted.digest.algorithm()),
            length: 0,
            buffer: vec![0; PIECE],
        };
        partial.read(watch)?;
        Ok(partial)
    }

    fn read(&mut self, watch: &Watch) -> Result<(), RegistryError> {
        let metadata = self
            .file
            .metadata()
            .map_err(|error| self.failed("examine", error))?;
        if !metadata.is_file() {
            return Err(self.failed("write to", io::Error::other("it is not a file")));
        }
        if metadata.len() > self.wanted.size {
            return self.clear();
        }
        while self.length < self.wanted.size {
            if watch.is_halted() {
                return Err(RegistryError::Cancelled);
            }
            match self.file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => self.seen(count),
                Err(error) => return Err(self.failed("read", error)),
            }
        }
        Ok(())
    }

    /// Bytes of it that there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of it that are missing.
    pub fn missing(&self) -> u64 {
        self.wanted.size - self.length
    }

    /// The digest of what there is.
    pub fn digest(&self) -> Digest {
        self.digester.clone().finish()
    }

    /// Begins again.
    pub fn clear(&mut self) -> Result<(), RegistryError> {
        let cleared = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.map_err(|error| self.failed("empty", error))?;
        self.digester = Digester::new(self.wanted.digest.algorithm());
        self.length = 0;
        Ok(())
    }

    /// Adds what a stream has, as far as something is missing. The inner error is the stream's. Zero at its end.
    pub fn add(&mut self, stream: &mut impl Read) -> Result<io::Result<usize>, RegistryError> {
        let most = usize::try_from(self.missing()).unwrap_or(PIECE).min(PIECE);
        let count = match stream.read(&mut self.buffer[..most]) {
            Ok(count) => count,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = self.file.write_all(&self.buffer[..count]) {
            // Some of it may be there.
            let _ = self.file.set_len(self.length);
            return Err(self.failed("write to", error));
        }
        self.seen(count);
        Ok(Ok(count))
    }

    fn seen(&mut self, count: usize) {
        self.digester.update(&self.buffer[..count]);
        self.length += count as u64;
    }

    fn failed(&self, what: &'static str, source: io::Error) -> RegistryError {
        failed(what, self.wanted, source)
    }
}

fn failed(what: &'static str, wanted: &BlobWanted, source: io::Error) -> RegistryError {
    RegistryError::File {
        what,
        path: wanted.partial_path.clone(),
        source,
    }
}
