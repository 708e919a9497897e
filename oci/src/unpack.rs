//! A blob's bytes, unpacked, and held against its size and digest on the way.
//!
//! What the blob's own bytes say decides how they are unpacked, because types are often wrong. A failure of the
//! source passes through as it is; every other one carries an [`OciError`].

use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, OnceLock};

use flate2::bufread::GzDecoder;

use crate::digest::{Algorithm, Digest, Digester};
use crate::error::OciError;
use crate::media::{Compression, foreign_compression};

/// Read from the source at once.
const BUFFER: usize = 128 << 10;

/// Most memory that a zstd frame may ask for, as a power of two; what `zstd -d` accepts.
const WINDOW_LOG: u32 = 27;

const WHAT: &str = "layer";

/// Told how many more bytes of the source were read.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// What a blob turned out to be.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) compression: Compression,
}

/// What a blob has to be.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Its bytes are the tar itself, whatever they look like, and digested by whoever reads them.
    pub(crate) plain: bool,
    /// Whoever brings it holds it against its digest.
    pub(crate) held: bool,
}

/// The source, counted and digested.
struct Counted<R> {
    raw: R,
    digester: Option<Digester>,
    expected: Option<Expected>,
    count: u64,
    progress: Option<Progress>,
    /// The error came from here and not from the decompressor.
    failed: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = match self.raw.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.failed = true;
                return Err(error);
            }
            other => other?,
        };
        self.count += got as u64;
        if let Some(expected) = &self.expected
            && (self.count > expected.size || (got == 0 && !buffer.is_empty() && self.count < expected.size))
        {
            self.failed = true;
            return Err(OciError::SizeMismatch {
                what: WHAT.to_owned(),
                expected: expected.size,
                found: self.count,
            }
            .into());
        }
        if let Some(digester) = &mut self.digester {
            digester.update(&buffer[..got]);
        }
        if let Some(progress) = &self.progress
            && got > 0
        {
            progress(got as u64);
        }
        Ok(got)
    }
}

/// The decompressor, once it is known which.
enum Decoder<R: BufRead> {
    Plain(R),
    Gzip(Gzip<R>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
}

impl<R: BufRead> Decoder<R> {
    fn new(compression: Compression, raw: R) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(raw),
            Compression::Gzip => Self::Gzip(Gzip::Member(Box::new(GzDecoder::new(raw)))),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Self::Zstd(decoder)
            }
        })
    }

    fn get_mut(&mut self) -> Option<&mut R> {
        match self {
            Self::Plain(raw) => Some(raw),
            Self::Gzip(Gzip::Member(member)) => Some(member.get_mut()),
            Self::Gzip(Gzip::Ended(raw)) => Some(raw),
            Self::Gzip(Gzip::Between) => None,
            Self::Zstd(decoder) => Some(decoder.get_mut()),
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Gzip(gzip) => gzip.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// Members of gzip, one after the other; zeros may follow the last one, as tape programs leave them.
enum Gzip<R: BufRead> {
    Member(Box<GzDecoder<R>>),
    Ended(R),
    Between,
}

impl<R: BufRead> Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Member(member) => {
                    let got = member.read(buffer)?;
                    if got > 0 || buffer.is_empty() {
                        return Ok(got);
                    }
                }
                Self::Ended(_) | Self::Between => return Ok(0),
            }
            if let Self::Member(member) = std::mem::replace(self, Self::Between) {
                let mut raw = member.into_inner();
                *self = match raw.fill_buf()?.first() {
                    Some(0x1f) => Self::Member(Box::new(GzDecoder::new(raw))),
                    _ => Self::Ended(skip_zeros(raw)?),
                };
            }
        }
    }
}

fn skip_zeros<R: BufRead>(mut raw: R) -> io::Result<R> {
    loop {
        let rest = raw.fill_buf()?;
        if rest.is_empty() {
            return Ok(raw);
        }
        if rest.iter().any(|byte| *byte != 0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "something else follows the last member of gzip",
            ));
        }
        let length = rest.len();
        raw.consume(length);
    }
}

type Source<R> = BufReader<io::Chain<io::Cursor<Vec<u8>>, Counted<R>>>;

/// The unpacked bytes of a blob, of which the end is given only if the blob was what it had to be.
pub(crate) struct Unpack<R: Read> {
    state: State<R>,
    compression: Compression,
    /// Set at the end.
    seen: Arc<OnceLock<Seen>>,
}

enum State<R: Read> {
    Start(Box<Counted<R>>),
    Middle(Box<Decoder<Source<R>>>),
    End,
}

impl<R: Read> Unpack<R> {
    pub(crate) fn new(raw: R, expected: Option<Expected>, progress: Option<Progress>) -> Self {
        let digester = match &expected {
            Some(expected) if expected.plain || expected.held => None,
            Some(expected) => Some(Digester::new(expected.digest.algorithm())),
            None => Some(Digester::new(Algorithm::Sha256)),
        };
        Self {
            state: State::Start(Box::new(Counted {
                raw,
                digester,
                expected,
                count: 0,
                progress,
                failed: false,
            })),
            compression: Compression::None,
            seen: Arc::default(),
        }
    }

    /// Where what the blob was is put at the end.
    pub(crate) fn seen(&self) -> Arc<OnceLock<Seen>> {
        Arc::clone(&self.seen)
    }

    /// How the blob is packed; known once something was read.
    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    /// Looks at the first bytes.
    fn begin(&mut self, mut counted: Counted<R>) -> io::Result<Decoder<Source<R>>> {
        let mut start = Vec::new();
        if !counted.expected.as_ref().is_some_and(|expected| expected.plain) {
            (&mut counted).take(8).read_to_end(&mut start)?;
            self.compression = Compression::of_content(&start);
            if self.compression == Compression::None
                && let Some(name) = foreign_compression(&start)
            {
                return Err(OciError::Unsupported {
                    what: format!("compression with {name}"),
                }
                .into());
            }
        }
        let source = BufReader::with_capacity(BUFFER, io::Cursor::new(start).chain(counted));
        Decoder::new(self.compression, source)
    }

    /// Holds the blob against its digest; its size was, while it was read.
    fn end(&mut self, decoder: &mut Decoder<Source<R>>) -> io::Result<()> {
        let Some(source) = decoder.get_mut() else {
            return Ok(());
        };
        if !source.fill_buf()?.is_empty() {
            return Err(decompress("something else follows the compressed content"));
        }
        let counted = source.get_mut().get_mut().1;
        let digester = counted.digester.take();
        let digest = match (digester, &counted.expected) {
            (Some(digester), Some(expected)) => {
                expected.digest.compare(WHAT, digester)?;
                expected.digest.clone()
            }
            (Some(digester), None) => digester.finish(),
            (None, Some(expected)) => expected.digest.clone(),
            (None, None) => return Ok(()),
        };
        // Only ever set here.
        let _ = self.seen.set(Seen {
            digest,
            size: counted.count,
            compression: self.compression,
        });
        Ok(())
    }
}

impl<R: Read> Read for Unpack<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut decoder = match std::mem::replace(&mut self.state, State::End) {
            State::Start(counted) => Box::new(self.begin(*counted)?),
            State::Middle(decoder) => decoder,
            State::End if self.seen.get().is_some() => return Ok(0),
            State::End => return Err(io::Error::other("the layer has failed before")),
        };
        match decoder.read(buffer) {
            Ok(0) => self.end(&mut decoder).map(|()| 0),
            Ok(got) => {
                self.state = State::Middle(decoder);
                Ok(got)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.state = State::Middle(decoder);
                Err(error)
            }
            Err(error) => {
                let of_source = OciError::of(&error).is_some()
                    || decoder
                        .get_mut()
                        .is_some_and(|source| source.get_mut().get_mut().1.failed);
                Err(if of_source { error } else { decompress(error) })
            }
        }
    }
}

fn decompress(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    OciError::Decompress {
        what: WHAT.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, source),
    }
    .into()
}
