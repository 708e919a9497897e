//! The process beside every sandbox.
//!
//! It starts the VMM through a [`driver`], stays beside it for life ([`supervise`]), and passes frames
//! between the clients and the guest agent. Built as a library as well so that tests and fuzz targets reach
//! its parts.

mod confine;
pub mod driver;
pub mod kernel;
pub mod log;
pub mod probe;
mod setup;
pub mod share;
pub mod supervise;
mod verdict;
