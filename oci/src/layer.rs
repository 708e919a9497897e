//! A layer as the tar that it is, from the bytes that are kept and transferred.
//!
//! The end of the stream is given only if blob and tar were what their digests say; until then, whoever reads it
//! has to be able to throw away what was made of it. A mismatch is an I/O error that carries an [`OciError`].

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use crate::digest::{Algorithm, Digest, Digester};
use crate::error::OciError;
use crate::manifest::LayerRef;
use crate::media::Compression;
use crate::pipeline::Pipeline;
use crate::unpack::{Expected, Progress, Seen, Unpack};

const DRAIN: usize = 64 << 10;

/// What [`OciError::TooLarge`] calls a layer of more than [`LayerOptions::max_unpacked`] bytes.
pub const UNPACKED: &str = "unpacked layer";

/// How a layer is read.
#[derive(Clone)]
pub struct LayerOptions {
    /// Most bytes that it may unpack to.
    pub max_unpacked: u64,
    /// Unpacks on a thread of its own, for when there are fewer layers in work than processors.
    pub read_ahead: bool,
    /// Told of the bytes that were read of the blob, maybe by that thread.
    pub progress: Option<Progress>,
}

/// What a layer turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Of the blob.
    pub digest: Digest,
    /// Bytes of the blob.
    pub size: u64,
    /// How the blob was packed.
    pub compression: Compression,
    /// Of the tar.
    pub diff_id: Digest,
    /// Bytes of the tar.
    pub unpacked: u64,
}

/// The tar of a layer, checked while it is read.
pub struct LayerStream {
    source: Box<dyn Read + Send>,
    seen: Arc<OnceLock<Seen>>,
    digester: Option<Digester>,
    diff_id: Option<Digest>,
    max_unpacked: u64,
    unpacked: u64,
    end: Option<Unpacked>,
}

impl LayerStream {
    /// A layer of an image, from the bytes of its blob.
    pub fn new(
        blob: impl Read + Send + 'static,
        layer: &LayerRef,
        options: LayerOptions,
    ) -> Result<Self, OciError> {
        Self::described(blob, layer, false, options)
    }

    /// The same while the blob is fetched, by somebody who holds it against its own digest: here only the tar is held against
    /// that of the layer.
    pub fn fetched(
        blob: impl Read + Send + 'static,
        layer: &LayerRef,
        options: LayerOptions,
    ) -> Result<Self, OciError> {
        Self::described(blob, layer, true, options)
    }

    fn described(
        blob: impl Read + Send + 'static,
        layer: &LayerRef,
        held: bool,
        options: LayerOptions,
    ) -> Result<Self, OciError> {
        let expected = Expected {
            digest: layer.digest.clone(),
            size: layer.size,
            plain: layer.digest == layer.diff_id,
            held,
        };
        Self::open(blob, Some(expected), Some(layer.diff_id.clone()), options)
    }

    /// A layer of which nothing is known before it is read.
    pub fn unknown(blob: impl Read + Send + 'static, options: LayerOptions) -> Result<Self, OciError> {
        Self::open(blob, None, None, options)
    }

    fn open(
        blob: impl Read + Send + 'static,
        expected: Option<Expected>,
        diff_id: Option<Digest>,
        options: LayerOptions,
    ) -> Result<Self, OciError> {
        let unpack = Unpack::new(blob, expected, options.progress);
        let seen = unpack.seen();
        let source: Box<dyn Read + Send> = if options.read_ahead {
            let pipeline = Pipeline::new(unpack).map_err(|source| OciError::Stream {
                what: "start a thread that unpacks",
                source,
            })?;
            Box::new(pipeline)
        } else {
            Box::new(unpack)
        };
        let algorithm = diff_id.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        Ok(Self {
            source,
            seen,
            digester: Some(Digester::new(algorithm)),
            diff_id,
            max_unpacked: options.max_unpacked,
            unpacked: 0,
            end: None,
        })
    }

    /// Reads what a reader of tar leaves behind the archive's end, and says what the layer was. An error that the
    /// source gave, and that is not one of this crate, is a [`OciError::Stream`].
    pub fn finish(mut self) -> Result<Unpacked, OciError> {
        let mut buffer = vec![0; DRAIN];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(OciError::from_stream("read a layer to its end", error));
                }
                _ => {}
            }
        }
        self.end
            .ok_or_else(|| OciError::malformed("layer", "it was read on after a failure"))
    }

    /// Holds the tar against its digest.
    fn check(&mut self) -> Result<(), OciError> {
        let Some(digester) = self.digester.take() else {
            return Ok(());
        };
        let diff_id = digester.finish();
        if let Some(expected) = &self.diff_id
            && *expected != diff_id
        {
            return Err(OciError::DigestMismatch {
                what: UNPACKED.to_owned(),
                expected: expected.clone(),
                found: diff_id,
            });
        }
        self.end = self.seen.get().map(|seen| Unpacked {
            digest: seen.digest.clone(),
            size: seen.size,
            compression: seen.compression,
            diff_id,
            unpacked: self.unpacked,
        });
        Ok(())
    }
}

impl Read for LayerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.end.is_some() {
            return Ok(0);
        }
        if self.digester.is_none() {
            return Err(io::Error::other("the layer has failed before"));
        }
        let got = match self.source.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.digester = None;
                return Err(error);
            }
            other => other?,
        };
        if got == 0 {
            self.check()?;
            return Ok(0);
        }
        self.unpacked += got as u64;
        if self.unpacked > self.max_unpacked {
            self.digester = None;
            return Err(OciError::TooLarge {
                what: UNPACKED.to_owned(),
                limit: self.max_unpacked,
                unit: "bytes",
            }
            .into());
        }
        if let Some(digester) = &mut self.digester {
            digester.update(&buffer[..got]);
        }
        Ok(got)
    }
}
