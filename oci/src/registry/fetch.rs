//! Blobs into files: several at once, each from where its file ends, hashed on the way.
//!
//! A file holds a beginning of its blob at any time, also after an error or a cancel, unless the blob turned out to be
//! another one: then it is empty. Making it durable and giving it its name is up to the caller.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use ureq::http::{HeaderMap, StatusCode};

use super::client::{Client, Wanted, failure};
use super::partial::Partial;
use super::retry::Retry;
use super::watch::{self, Watch};
use super::{Cancel, RegistryError, RegistryOptions};
use crate::digest::Digest;
use crate::reference::Reference;

/// What a try has to bring for the earlier ones not to count any more.
const ADVANCE: u64 = 1 << 20;

/// A blob to fetch.
#[derive(Debug, Clone)]
pub struct BlobWanted {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// The file that gets it. What is in it already is taken for the blob's beginning, and checked.
    pub partial_path: PathBuf,
}

/// How far a download is; told on the calling thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of all blobs are there. Fewer than before if a blob had to be begun again.
    Bytes {
        /// Those that are there.
        have: u64,
        /// Those of all blobs.
        total: u64,
    },
    /// A blob is there and is what its digest says; told once of each.
    Finished {
        /// Its place among those that were asked for.
        blob: usize,
    },
}

/// Fetches blobs of an image into files, several at once. After an error each file holds a beginning of its blob, with
/// which another call goes on.
pub fn fetch_blobs(
    reference: &Reference,
    blobs: &[BlobWanted],
    options: &RegistryOptions,
    progress: &(dyn Fn(Progress) + Sync),
    cancel: &dyn Cancel,
) -> Result<(), RegistryError> {
    let watch = Arc::new(Watch::default());
    let client = Client::new(reference, options, watch.clone())?;
    let jobs: Vec<Job> = blobs
        .iter()
        .map(|wanted| Job {
            wanted,
            have: AtomicU64::new(0),
            finished: AtomicBool::new(false),
        })
        .collect();
    let mut told = Told {
        finished: vec![false; jobs.len()],
        have: None,
    };
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = job.run(&client, options) {
                // The others' work would be for nothing.
                watch.halt();
                return Err(error);
            }
            job.finished.store(true, Ordering::Release);
        }
        Ok(())
    };
    let workers = options.parallel.clamp(1, jobs.len().max(1));
    let results = watch::run(&watch, workers, cancel, || told.tell(&jobs, progress), work)?;
    let mut errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    // One of them may have failed by itself, and stopped the others.
    let own = errors
        .iter()
        .position(|error| !matches!(error, RegistryError::Cancelled));
    match own.map(|own| errors.swap_remove(own)).or_else(|| errors.pop()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What the caller knows already.
struct Told {
    finished: Vec<bool>,
    have: Option<u64>,
}

impl Told {
    fn tell(&mut self, jobs: &[Job], progress: &(dyn Fn(Progress) + Sync)) {
        for (blob, job) in jobs.iter().enumerate() {
            if !self.finished[blob] && job.finished.load(Ordering::Acquire) {
                self.finished[blob] = true;
                progress(Progress::Finished { blob });
            }
        }
        let have = jobs.iter().map(|job| job.have.load(Ordering::Relaxed)).sum();
        if self.have != Some(have) {
            self.have = Some(have);
            let total = jobs.iter().map(|job| job.wanted.size).sum();
            progress(Progress::Bytes { have, total });
        }
    }
}

/// One blob on its way.
struct Job<'a> {
    wanted: &'a BlobWanted,
    have: AtomicU64,
    finished: AtomicBool,
}

impl Job<'_> {
    fn run(&self, client: &Client, options: &RegistryOptions) -> Result<(), RegistryError> {
        let mut partial = Partial::open(self.wanted, client.watch())?;
        let mut retry = Retry::new(client.watch(), options.patience);
        let mut again = true;
        loop {
            let before = self.note(&partial);
            let result = match partial.missing() {
                0 => self.check(&partial, client),
                _ => self.extend(&mut partial, client),
            };
            match result {
                Ok(()) => return Ok(()),
                // What was there before may be wrong, or damaged on the way.
                Err(RegistryError::Corrupt { .. } | RegistryError::Server { status: 416, .. }) if again => {
                    again = false;
                    partial.clear()?;
                }
                Err(error @ RegistryError::Corrupt { .. }) => {
                    partial.clear()?;
                    return Err(error);
                }
                Err(error) => {
                    if partial.length().saturating_sub(before) >= ADVANCE {
                        retry.advanced();
                    }
                    retry.after(error)?;
                }
            }
        }
    }

    /// Fetches what is missing.
    fn extend(&self, partial: &mut Partial, client: &Client) -> Result<(), RegistryError> {
        let what = self.wanted.digest.to_string();
        let response = client.get(&Wanted {
            path: format!("blobs/{what}"),
            what: &what,
            accept: None,
            offset: partial.length(),
        })?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            // The whole blob, as the server knows of no ranges.
            partial.clear()?;
        } else if range_start(response.headers()) != Some(partial.length()) {
            let host = client.host.clone();
            let why = "it gives another range than it was asked for";
            return Err(RegistryError::Protocol { host, why });
        }
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length != partial.missing()) {
            return Err(self.corrupt(client, None));
        }
        let mut body = response.into_body().into_reader();
        while partial.missing() > 0 {
            let count = partial
                .add(&mut body)?
                .map_err(|error| failure(&client.host, error.into()))?;
            self.note(partial);
            if count == 0 {
                let host = client.host.clone();
                let source = io::ErrorKind::UnexpectedEof.into();
                return Err(RegistryError::Dropped { host, source });
            }
        }
        // There may be no more, and after the end the connection is free for the next blob.
        match body.read(&mut [0]) {
            Ok(0) => self.check(partial, client),
            Ok(_) => Err(self.corrupt(client, None)),
            Err(error) => Err(failure(&client.host, error.into())),
        }
    }

    /// Lets the calling thread see how far it is.
    fn note(&self, partial: &Partial) -> u64 {
        self.have.store(partial.length(), Ordering::Relaxed);
        partial.length()
    }

    fn check(&self, partial: &Partial, client: &Client) -> Result<(), RegistryError> {
        let found = partial.digest();
        if found == self.wanted.digest {
            return Ok(());
        }
        Err(self.corrupt(client, Some(found)))
    }

    fn corrupt(&self, client: &Client, found: Option<Digest>) -> RegistryError {
        RegistryError::Corrupt {
            host: client.host.clone(),
            expected: self.wanted.digest.clone(),
            found,
        }
    }
}

/// The first byte of a partial answer.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let range = range.trim().strip_prefix("bytes")?.trim_start();
    range.split_once('-')?.0.trim().parse().ok()
}
