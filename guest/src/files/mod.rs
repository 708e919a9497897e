//! Files of the guest for the host: one worker process a session, forked from the agent.
//!
//! PID 1 never touches a guest's file for this: a file system that hangs, or one that a hostile guest made, holds up
//! a worker, which is a command like others to the rest of the agent. There is no program to execute, so a session
//! costs a fork and a request nothing but its own system calls.

mod fork;
mod transfer;
mod wire;
mod worker;

pub use fork::{Start, fork};
