//! The threads of one queue: who lives, and the wait until all have ended.

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::sys;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Counts threads from before their start to their last statement.
#[derive(Default)]
pub(super) struct Threads {
    state: Mutex<Lives>,
    changed: Condvar,
}

#[derive(Default)]
struct Lives {
    live: usize,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts one more. `body` owns what keeps this value alive.
    pub fn spawn(
        &self,
        name: &str,
        body: impl FnOnce() -> Arc<super::queue::Shared> + Send + 'static,
    ) -> Result<(), MsbError> {
        let mut state = self.state.lock();
        let spawned = sys::spawn_quiet_thread(name, move || {
            let queue = body();
            queue.threads().ended();
        });
        let handle = spawned.map_err(|error| {
            MsbError::new(
                Status::ResourceExhausted,
                "op.thread",
                "no thread could be started for the operation",
            )
            .source(&error)
            .remedy("raise the limit of threads")
        })?;
        state.live += 1;
        state.handles.retain(|handle| !handle.is_finished());
        state.handles.push(handle);
        Ok(())
    }

    fn ended(&self) {
        let mut state = self.state.lock();
        state.live -= 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until all have ended; they were told to. False when the deadline passed first.
    pub fn join(&self, deadline: Deadline) -> bool {
        let mut state = self.state.lock();
        while state.live > 0 {
            if !deadline.wait(&self.changed, &mut state) && state.live > 0 {
                return false;
            }
        }
        let handles = std::mem::take(&mut state.handles);
        drop(state);
        for handle in handles {
            // Nothing of an operation unwinds this far.
            let _ = handle.join();
        }
        true
    }
}
