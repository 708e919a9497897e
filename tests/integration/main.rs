//! Promises that need whole processes: hosts, runners and agents that are killed, race, or find a broken machine.
//!
//! Everything runs over the `process` driver; `MSB_TEST_DRIVER=qemu` with `MSB_TEST_ROOT=<root directory>` takes
//! a real guest instead. `MSB_TEST_SCALE` (default 1000) sets the number of kills, `MSB_TEST_SEED` repeats a run.

#![cfg(feature = "process-driver")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod contention;
mod endings;
mod failures;
mod files;
mod host;
mod host_kills;
mod leaks;
mod random;
mod runner_kills;
mod support;
mod volumes;
mod walk;
