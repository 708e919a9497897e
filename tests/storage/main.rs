//! Promises about volumes and about a home as a whole: what is made is there, what is attached stays, what is left over is
//! found and mended, and what belongs to a running sandbox is never touched. Over the `process` driver.

#![cfg(feature = "process-driver")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod fsck;
mod homes;
mod prune;
mod shared;
mod support;
mod unreadable;
mod volumes;
