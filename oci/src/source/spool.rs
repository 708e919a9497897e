//! A stream as a file that has no name: it goes with the last descriptor, whatever happens to the process.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use crate::error::OciError;
use crate::source::slice::FileSlice;

const BUFFER: usize = 256 << 10;

/// Where a stream is put that has to be read at any place.
#[derive(Debug, Clone, Copy)]
pub struct Spool<'a> {
    /// Directory of the file.
    pub directory: &'a Path,
    /// Most bytes of it.
    pub max_bytes: u64,
}

impl Spool<'_> {
    /// Reads the stream to its end.
    pub(super) fn fill(&self, mut stream: impl Read) -> Result<FileSlice, OciError> {
        let file = self.create()?;
        let mut buffer = vec![0; BUFFER];
        let mut size = 0;
        loop {
            let got = match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(OciError::from_stream("read the archive of the image", error)),
            };
            size += got as u64;
            if size > self.max_bytes {
                return Err(OciError::TooLarge {
                    what: "unpacked archive of the image".to_owned(),
                    limit: self.max_bytes,
                    unit: "bytes",
                });
            }
            io::Write::write_all(&mut &file, &buffer[..got]).map_err(|source| OciError::Io {
                what: "write a temporary file in",
                path: self.directory.to_owned(),
                source,
            })?;
        }
        Ok(FileSlice::new(Arc::new(file), 0, size))
    }

    fn create(&self) -> Result<File, OciError> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(self.directory, flags, Mode::RUSR | Mode::WUSR);
        file.map(File::from).map_err(|errno| OciError::Io {
            what: "make a temporary file in",
            path: self.directory.to_owned(),
            source: errno.into(),
        })
    }
}
