//! Host side of running sandboxes: how a runner is spawned, reached and known to be alive.
//!
//! One [`reactor::Reactor`] thread per backend reads every link. Calls wait on condition variables with a
//! deadline; nothing here runs host code.

pub mod child;
pub mod link;
pub mod liveness;
pub mod oplock;
pub mod reactor;
pub mod rowlock;
pub mod sink;
pub mod spawn;
pub mod stream;
