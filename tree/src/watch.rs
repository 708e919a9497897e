//! Telling somebody what a long verb has done, and asking whether to go on.
//!
//! A verb that is told to stop fails with `Cancelled`, as it would for any other failure: a copy or an atomic write then
//! leaves nothing.

use rustix::io::Errno;

/// Told the bytes and entries that were dealt with since the last time; `false` ends the verb.
pub type Watch = fn(bytes: u64, entries: u64) -> bool;

/// Tells the watcher, if there is one.
pub(crate) fn tell(watch: Option<Watch>, bytes: u64, entries: u64) -> Result<(), Errno> {
    match watch {
        Some(watch) if !watch(bytes, entries) => Err(Errno::CANCELED),
        _ => Ok(()),
    }
}
