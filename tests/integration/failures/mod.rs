//! Broken machines: each failure has its own status, says what to do, and loses nothing.

mod disk;
pub mod machine;
mod store;

use msb::error::{MsbError, Status};

/// The failure, which must be of this status and tell what to do.
fn failed<T>(result: Result<T, MsbError>, status: Status) -> MsbError {
    let error = result
        .err()
        .unwrap_or_else(|| panic!("it succeeded instead of {status:?}"));
    assert_eq!(error.status(), status, "{error:?}");
    assert!(!error.message().is_empty(), "{error:?}");
    error
}
