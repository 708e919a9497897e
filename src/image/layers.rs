//! The file systems of layers: each is made once, whatever number of images, threads and processes want it.

use super::places::{self, Unfinished};
use super::{limits, load};
use crate::backend::{Backend, make_private};
use crate::error::{MsbError, Status};
use crate::ops;
use crate::supervise::rowlock::RowLock;
use msb_erofs::{Layer as Written, LayerError, Limits, write_layer};
use msb_oci::{LayerOptions, LayerStream, OciError, Unpacked};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The lock file's place below the home; each layer owns the byte that its digest begins with.
const LOCK_FILE: &str = "run/layers.lock";
/// How long a wait for another maker goes on without looking for a cancellation.
const LOOK: Duration = Duration::from_millis(40);

/// A layer's file system. While it is open, nobody tidies it away.
pub struct Layer {
    /// Open for reading.
    pub file: File,
    /// Its size.
    pub bytes: u64,
}

impl Layer {
    /// The file system of a layer that was made before, if it is still there.
    pub fn open(backend: &Backend, diff_id: &str) -> Result<Option<Self>, MsbError> {
        let place = places::layer(backend, diff_id)?;
        match File::open(&place).and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((bytes, file)) => Ok(Some(Self { file, bytes })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(MsbError::io("image.layer", "cannot open", &place, &error)),
        }
    }

    /// The same, unless it is damaged: one of another size than when it was made counts as missing, and is made again.
    pub fn sound(backend: &Backend, diff_id: &str) -> Result<Option<Self>, MsbError> {
        let Some(layer) = Self::open(backend, diff_id)? else {
            return Ok(None);
        };
        // One without a row was not recorded yet; it has its name only since it was whole.
        let recorded = backend.store()?.layer(diff_id)?;
        let is_sound = recorded.is_none_or(|row| row.erofs_size_bytes == layer.bytes);
        Ok(is_sound.then_some(layer))
    }

    /// The file system of a layer, made from the archive that `open` gives unless it is there.
    pub fn make(
        backend: &Backend,
        diff_id: &str,
        limits: &Limits,
        open: impl FnOnce(LayerOptions) -> Result<LayerStream, OciError>,
    ) -> Result<Self, MsbError> {
        if let Some(layer) = Self::sound(backend, diff_id)? {
            return Ok(layer);
        }
        let claim = claim(backend, byte(diff_id)?)?;
        Self::make_claimed(backend, diff_id, limits, &claim, open)
    }

    /// The same for whoever has the right to make the layer already.
    pub fn make_claimed(
        backend: &Backend,
        diff_id: &str,
        limits: &Limits,
        _claim: &RowLock,
        open: impl FnOnce(LayerOptions) -> Result<LayerStream, OciError>,
    ) -> Result<Self, MsbError> {
        if let Some(layer) = Self::sound(backend, diff_id)? {
            return Ok(layer);
        }
        let (unfinished, layer, _) = write(backend, open, limits, diff_id)?;
        let bytes = layer.bytes;
        let file = unfinished.finish(&places::layer(backend, diff_id)?)?;
        Ok(Self { file, bytes })
    }

    /// The file system of a layer whose digest is known only when it was read, with what it turned out to be.
    pub fn make_unknown(
        backend: &Backend,
        limits: &Limits,
        open: impl FnOnce(LayerOptions) -> Result<LayerStream, OciError>,
    ) -> Result<(Self, Unpacked), MsbError> {
        let (unfinished, written, unpacked) = write(backend, open, limits, "of the root file system")?;
        if !written.end_mark {
            // With no digest to hold it against, an archive that was cut off between two members looks like a whole one.
            return Err(MsbError::new(
                Status::Corrupt,
                "image.layer",
                "the tar of the root file system has no end",
            )
            .remedy("fetch or make it again"));
        }
        let diff_id = unpacked.diff_id.to_string();
        let _claim = claim(backend, byte(&diff_id)?)?;
        if let Some(layer) = Self::sound(backend, &diff_id)? {
            return Ok((layer, unpacked));
        }
        let file = unfinished.finish(&places::layer(backend, &diff_id)?)?;
        let bytes = written.bytes;
        Ok((Self { file, bytes }, unpacked))
    }
}

/// An archive as a file system without a name. Only a stream that was read to its end is known to be what it has to be.
fn write(
    backend: &Backend,
    open: impl FnOnce(LayerOptions) -> Result<LayerStream, OciError>,
    limits: &Limits,
    layer: &str,
) -> Result<(Unfinished, Written, Unpacked), MsbError> {
    let unfinished = Unfinished::new(backend)?;
    let unpacked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&unpacked);
    let options = LayerOptions {
        max_unpacked: limits.total_bytes,
        read_ahead: true,
        progress: Some(Arc::new(move |bytes| {
            count.fetch_add(bytes, Ordering::Relaxed);
        })),
    };
    let mut archive = Watched {
        stream: open(options).map_err(|error| load::refused(&error))?,
        unpacked,
    };
    let written =
        write_layer(&mut archive, &unfinished.file, limits).map_err(|error| refused(error, layer))?;
    let unpacked = archive.stream.finish().map_err(|error| load::refused(&error))?;
    Ok((unfinished, written, unpacked))
}

/// The byte of the lock file that the right to make a layer is.
pub fn byte(diff_id: &str) -> Result<i64, MsbError> {
    let digits = places::digits(diff_id)?;
    let beginning = digits.get(..15).unwrap_or(digits);
    Ok(i64::from_str_radix(beginning, 16).unwrap_or(0))
}

/// The right to make a layer, once whoever has it is done.
pub fn claim(backend: &Backend, byte: i64) -> Result<RowLock, MsbError> {
    let path = backend.home().join(LOCK_FILE);
    if let Some(directory) = path.parent() {
        make_private(directory)?;
    }
    loop {
        if let Some(lock) = RowLock::take(&path, byte, LOOK)? {
            return Ok(lock);
        }
        ops::check_cancelled()?;
    }
}

/// An archive that ends when the operation is cancelled, and tells it how far it is.
struct Watched {
    stream: LayerStream,
    /// Bytes that were unpacked since the last look, by a thread that works for no operation.
    unpacked: Arc<AtomicU64>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !ops::tell(self.unpacked.swap(0, Ordering::Relaxed), 0) {
            return Err(io::Error::other(ops::cancelled()));
        }
        self.stream.read(buffer)
    }
}

fn refused(error: LayerError, layer: &str) -> MsbError {
    if ops::is_cancelled() {
        return ops::cancelled();
    }
    let (status, reason) = match &error {
        LayerError::Read(source) => match OciError::of(source) {
            Some(error) => return load::refused(error),
            None => (
                source.raw_os_error().map_or(Status::Io, Status::from_errno),
                "image.read",
            ),
        },
        LayerError::Write(source) => (
            source.raw_os_error().map_or(Status::Io, Status::from_errno),
            "image.write",
        ),
        LayerError::Limit { .. } => (Status::ResourceExhausted, "image.too_large"),
        LayerError::Truncated { .. } | LayerError::Damaged { .. } | LayerError::Refused { .. } => {
            (Status::Corrupt, "image.layer")
        }
        _ => (Status::Corrupt, "image.layer"),
    };
    // The texts of that crate carry their remedy.
    let refused =
        MsbError::new(status, reason, format!("the layer {layer} cannot be unpacked")).source(&error);
    let limit = match &error {
        LayerError::Limit { source, .. } => limits::option_of(source.kind),
        _ => None,
    };
    match limit {
        Some(option) => load::beyond(refused, option),
        None => refused,
    }
}
