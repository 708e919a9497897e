//! libmsb: microVM sandboxes as a library.
//!
//! `ffi` is the C ABI and holds no logic; `backend`, `sandbox`, `volume` and `image` are what it speaks for; `supervise` reaches the
//! per-sandbox runner; `runtime` finds what a sandbox runs on; `options` is how everything is configured. The
//! store, the wire protocol, the runner and the guest agent are crates of their own beside this one.

pub mod backend;
pub mod deadline;
pub mod dispatch;
pub mod error;
pub mod ffi;
pub mod files;
pub mod image;
pub mod ops;
pub mod options;
mod panics;
pub mod runtime;
pub mod sandbox;
pub mod snapshot;
pub mod storage;
pub mod supervise;
mod sys;
pub mod volume;
