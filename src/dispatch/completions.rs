//! A queue's completions, for the host.

use super::{Dispatcher, Served, Supply, TURN};
use crate::error::MsbError;
use crate::ops::{Feed, Op, Queue};
use std::sync::Arc;
use std::task::Waker;

/// What a host wants to be told about a queue.
pub trait Completions: Send {
    /// An operation has completed.
    fn completed(&mut self, op: &Op);
}

struct OfQueue {
    feed: Feed,
    completions: Box<dyn Completions>,
}

impl Dispatcher {
    /// Delivers the queue's completions from now on, until it is closed and everything was delivered. When this fails
    /// `completions` are dropped here.
    pub fn serve_queue(&self, queue: &Queue, completions: Box<dyn Completions>) -> Result<(), MsbError> {
        self.add(|noted| {
            let feed = queue.listen(Waker::from(Arc::clone(noted)), self.thread_id)?;
            Ok(Box::new(OfQueue { feed, completions }))
        })
    }
}

impl Supply for OfQueue {
    fn serve(&mut self) -> Served {
        // Asked first: what is there when the queue is over is all that there will be.
        let is_over = self.feed.is_ending();
        for _ in 0..TURN {
            let Some(op) = self.feed.take() else {
                return if is_over { Served::Over } else { Served::All };
            };
            self.completions.completed(&op);
        }
        Served::Part
    }
}
