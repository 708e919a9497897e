//! The operation that the calling thread works for: how code of the core, far below, learns of a cancellation and
//! tells how far it is.
//!
//! On a thread that works for none all of this does nothing. A thread that a job itself starts works for none.

use super::cancelled;
use super::op::Op;
use crate::error::MsbError;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Op>>> = const { RefCell::new(None) };
    /// How many [`Uninterrupted`] are alive on this thread.
    static SHIELDS: Cell<u32> = const { Cell::new(0) };
}

/// Runs `body` on behalf of `op`.
pub(super) fn with<T>(op: &Arc<Op>, body: impl FnOnce() -> T) -> T {
    let _entered = Entered::new(op);
    body()
}

/// Puts the operation back that the thread worked for before; on a panic too.
struct Entered(Option<Arc<Op>>);

impl Entered {
    fn new(op: &Arc<Op>) -> Self {
        Self(CURRENT.with(|current| current.replace(Some(Arc::clone(op)))))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.0.take();
        // The operation's own end may look at the current one, so it is dropped after it was replaced.
        let op = CURRENT.with(|current| current.replace(before));
        drop(op);
    }
}

fn current<T>(look: impl FnOnce(&Arc<Op>) -> T) -> Option<T> {
    // A thread that is being torn down works for nobody.
    CURRENT
        .try_with(|current| current.borrow().as_ref().map(look))
        .ok()
        .flatten()
}

/// The operation that this thread works for.
pub(super) fn get() -> Option<Arc<Op>> {
    current(Arc::clone)
}

/// Whether this thread works for an operation, so that its waits have to look for a cancellation.
pub(crate) fn is_working() -> bool {
    current(|_| ()).is_some()
}

/// Whether the operation that this thread works for was cancelled and may be interrupted here.
pub fn is_cancelled() -> bool {
    current(|op| op.is_cancelled()).unwrap_or(false) && SHIELDS.try_with(Cell::get).unwrap_or(0) == 0
}

/// Asks whether the operation that this thread works for was cancelled; for a thread that a job itself starts.
pub fn cancellation() -> impl Fn() -> bool + Send + 'static {
    let op = get();
    move || op.as_ref().is_some_and(|op| op.is_cancelled())
}

/// Fails if the operation that this thread works for was cancelled; for loops that wait for nothing.
pub fn check_cancelled() -> Result<(), MsbError> {
    if is_cancelled() { Err(cancelled()) } else { Ok(()) }
}

/// While it lives, a cancellation does not interrupt this thread: for undoing, and for what must not stop half way.
pub struct Uninterrupted(());

impl Uninterrupted {
    /// Shields the calling thread until the value is dropped, on the same thread.
    #[must_use]
    pub fn begin() -> Self {
        let _ = SHIELDS.try_with(|shields| shields.set(shields.get() + 1));
        Self(())
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        let _ = SHIELDS.try_with(|shields| shields.set(shields.get().saturating_sub(1)));
    }
}

/// Tells how far the operation is in all.
pub fn set_progress(bytes: u64, items: u64) {
    current(|op| {
        op.progress.bytes_done.store(bytes, Ordering::Relaxed);
        op.progress.items_done.store(items, Ordering::Relaxed);
    });
}

/// Tells how much further the operation is.
pub fn add_progress(bytes: u64, items: u64) {
    current(|op| {
        op.progress.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        op.progress.items_done.fetch_add(items, Ordering::Relaxed);
    });
}

/// Tells how much further the operation is, and asks whether to go on.
pub fn tell(bytes: u64, items: u64) -> bool {
    add_progress(bytes, items);
    !is_cancelled()
}

/// Tells how much there is to do in all; 0 for what is not known.
pub fn expect_progress(bytes: u64, items: u64) {
    current(|op| {
        op.progress.bytes_total.store(bytes, Ordering::Relaxed);
        op.progress.items_total.store(items, Ordering::Relaxed);
    });
}
