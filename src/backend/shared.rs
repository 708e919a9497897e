//! The backend that all of a process can share without passing it around.
//!
//! Nothing else in the library is global. It is lazy, made by whoever asks first, and lives until it is closed
//! or the process ends, whatever is released; after it was closed, whoever asks next makes another.

use super::Backend;
use super::config::Config;
use super::options::BackendOptions;
use super::profile::{self, Wishes};
use crate::error::MsbError;
use parking_lot::Mutex;
use std::sync::Arc;

static SHARED: Mutex<Option<Arc<Backend>>> = Mutex::new(None);

/// The one backend of this process that everybody shares.
pub fn shared() -> Result<Arc<Backend>, MsbError> {
    let mut slot = SHARED.lock();
    if let Some(backend) = slot.as_ref().filter(|backend| !backend.is_closed()) {
        return Ok(Arc::clone(backend));
    }
    let config = Config::resolve(&BackendOptions::default())?;
    profile::check_local(&Wishes::from_environment(), &config)?;
    let backend = Backend::with(config)?;
    let closed = slot.replace(Arc::clone(&backend));
    // What is left of one that was closed ends outside the lock.
    drop(slot);
    drop(closed);
    Ok(backend)
}
