//! A deadline inside a future: it holds no thread.

use super::current;
use super::events::Alarm;
use super::queue::Shared;
use crate::deadline::Deadline;
use crate::error::MsbError;
use std::sync::{Arc, Weak};
use std::task::Context;

/// Tells a future that a deadline has passed, or that the operation that awaits it was cancelled.
///
/// Only a future of a queue is woken by it; anywhere else it has passed, or never will.
pub struct Timer {
    deadline: Deadline,
    set: Option<(Weak<Shared>, Alarm)>,
}

impl Timer {
    /// A timer for `deadline`.
    #[must_use]
    pub fn new(deadline: Deadline) -> Self {
        Self { deadline, set: None }
    }

    /// Whether the deadline has passed; if not, the operation is polled again when it does.
    pub fn has_passed(&mut self, _context: &Context<'_>) -> bool {
        if self.deadline.has_passed() {
            return true;
        }
        if self.set.is_none()
            && let Some(op) = current::get()
            && let Some(queue) = op.queue()
        {
            // Without a thread there would be nobody to look.
            return self.set_for(&queue, op.key).is_err();
        }
        false
    }

    /// Has the operation with this key looked at when the deadline passes.
    pub(super) fn set_for(&mut self, queue: &Arc<Shared>, key: u64) -> Result<(), MsbError> {
        if let Some(at) = self.deadline.at() {
            let alarm = queue.events().look_at(queue, at, key)?;
            self.set = Some((Arc::downgrade(queue), alarm));
        }
        Ok(())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some((queue, alarm)) = self.set.take()
            && let Some(queue) = queue.upgrade()
        {
            queue.events().forget(alarm);
        }
    }
}
