//! Blobs of an image while they come from the registry: a thread fetches them, and who makes layers reads behind it.
//!
//! What is read may turn out to be damaged, and the blob then comes anew: only [`Feed::settle`] says that a blob is there
//! as its digest says. The files have no name that lasts; they go with the feed, which waits for its thread. So a blob is
//! resumed within one pull only; of a pull that ended early the next one finds the layers that were made.

use super::places::Unfinished;
use super::refusal::refused;
use crate::backend::Backend;
use crate::error::{MsbError, Status};
use crate::ops;
use crate::sys;
use msb_oci::registry::{BlobWanted, Progress, RegistryError, RegistryOptions, fetch_blobs};
use msb_oci::{LayerRef, Reference};
use parking_lot::{Condvar, Mutex};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a reader that has read all there is waits before it looks again.
const LOOK: Duration = Duration::from_millis(20);

/// The blobs of layers, on their way.
pub struct Feed {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    files: Vec<Unfinished>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

struct State {
    finished: Vec<bool>,
    over: bool,
    failure: Option<RegistryError>,
}

impl Feed {
    /// Begins to fetch the blobs of these layers, in this order.
    pub fn begin(
        backend: &Backend,
        name: &Reference,
        registry: RegistryOptions,
        layers: &[&LayerRef],
    ) -> Result<Self, MsbError> {
        let files = layers
            .iter()
            .map(|_| Unfinished::new(backend))
            .collect::<Result<Vec<_>, _>>()?;
        let wanted: Vec<BlobWanted> = layers
            .iter()
            .zip(&files)
            .map(|(layer, file)| BlobWanted {
                digest: layer.digest.clone(),
                size: layer.size,
                partial_path: file.path().to_owned(),
            })
            .collect();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                finished: vec![false; wanted.len()],
                over: wanted.is_empty(),
                failure: None,
            }),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let mut feed = Self {
            shared: Arc::clone(&shared),
            thread: None,
            files,
        };
        if wanted.is_empty() {
            return Ok(feed);
        }
        let (is_cancelled, name) = (ops::cancellation(), name.clone());
        let fetch = move || shared.fetch(&name, &wanted, &registry, &is_cancelled);
        let thread = sys::spawn_quiet_thread("msb-pull", fetch).map_err(|error| {
            MsbError::new(
                Status::ResourceExhausted,
                "process.threads",
                "cannot start a thread that fetches",
            )
            .source(&error)
            .remedy("raise the limit of threads")
        })?;
        feed.thread = Some(thread);
        Ok(feed)
    }

    /// A blob from its beginning, as far as it comes.
    pub fn blob(&self, index: usize, layer: &LayerRef) -> Result<Blob, MsbError> {
        let unfinished = self.files.get(index).ok_or_else(|| {
            MsbError::new(
                Status::Internal,
                "internal.feed",
                "a blob is read that is not fetched",
            )
        })?;
        let file = unfinished.file.try_clone();
        let file = file.map_err(|error| {
            MsbError::io("image.read", "cannot read", unfinished.path(), &error)
                .remedy("raise the limit of open files")
        })?;
        Ok(Blob {
            file,
            at: 0,
            size: layer.size,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Whether a blob is there as its digest says.
    pub fn is_settled(&self, index: usize) -> bool {
        self.shared.state.lock().finished.get(index) == Some(&true)
    }

    /// Waits until a blob is there as its digest says, or the fetching has failed.
    pub fn settle(&self, index: usize) -> Result<(), MsbError> {
        let mut state = self.shared.state.lock();
        // The fetching has deadlines of its own, and ends when the operation is cancelled.
        while !state.over && state.finished.get(index) != Some(&true) {
            self.shared.changed.wait_for(&mut state, LOOK);
        }
        drop(state);
        match self.failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Why the fetching has failed, if it has; said once.
    pub fn failure(&self) -> Option<MsbError> {
        let failure = self.shared.state.lock().failure.take();
        failure.map(|error| refused(&error))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has no result; a panic in it has ended the fetching, which is told already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn fetch(
        &self,
        name: &Reference,
        wanted: &[BlobWanted],
        registry: &RegistryOptions,
        is_cancelled: &dyn Fn() -> bool,
    ) {
        let _over = Over(self);
        let tell = |progress| {
            if let Progress::Finished { blob } = progress
                && let Some(finished) = self.state.lock().finished.get_mut(blob)
            {
                *finished = true;
            }
            self.changed.notify_all();
        };
        let cancel = || self.stopped.load(Ordering::Relaxed) || is_cancelled();
        let fetched = fetch_blobs(name, wanted, registry, &tell, &cancel);
        self.state.lock().failure = fetched.err();
    }
}

/// Tells everybody that no more comes, also after a panic.
struct Over<'a>(&'a Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.state.lock().over = true;
        self.0.changed.notify_all();
    }
}

/// Reads behind whoever writes the file.
pub struct Blob {
    file: File,
    at: u64,
    size: u64,
    shared: Arc<Shared>,
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        if most == 0 {
            return Ok(0);
        }
        loop {
            // Asked first: what was written before the end is there to be read after it.
            let over = self.shared.state.lock().over;
            let count = self.file.read_at(&mut buffer[..most], self.at)?;
            if count > 0 {
                self.at += count as u64;
                return Ok(count);
            }
            if over {
                return Err(io::Error::other("the fetching has failed"));
            }
            let mut state = self.shared.state.lock();
            if !state.over {
                self.shared.changed.wait_for(&mut state, LOOK);
            }
        }
    }
}
