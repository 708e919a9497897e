//! A panic of this library as a value: what it said, and the error that it becomes wherever it is caught.

use crate::error::{MsbError, Status};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; the text of its panic is its error.
pub fn contained<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    // Unwind safety: the core's locks do not poison, and an object's invariants hold between its statements.
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let text = text(payload.as_ref()).to_owned();
        // Dropping a payload runs foreign code that may panic in turn; a defect may leak a few bytes.
        std::mem::forget(payload);
        text
    })
}

/// What a panic said.
#[must_use]
pub fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// The error of a panic that said `text`.
#[must_use]
pub fn error(text: &str) -> MsbError {
    MsbError::new(
        Status::Internal,
        "internal.panic",
        format!("the library panicked: {text}"),
    )
    .remedy("this is a defect of libmsb; report it with this text and msb_build_info()")
}
