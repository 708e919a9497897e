//! The agent as an ordinary child, driven over a socket pair as the runner would.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do; clippy's own exception covers only the tests themselves"
)]

mod end;
mod files;
mod harness;
mod hostile;
mod spawning;
mod streaming;
