//! Host side of running sandboxes: how a runner is spawned, reached and known to be alive.
//!
//! One [`reactor::Reactor`] thread per backend reads every link. What waits is a future: a call blocks its thread on it with a
//! deadline, an operation of a queue holds no thread. Nothing here runs host code.

pub mod child;
pub mod line;
pub mod link;
pub mod liveness;
pub mod oplock;
pub mod reactor;
pub mod rowlock;
pub mod sink;
pub mod spawn;
pub mod stream;
pub mod waiting;
