//! What a caller is told of a registry that does not give an image.

use super::load;
use crate::error::{MsbError, Status};
use crate::ops;
use msb_oci::registry::RegistryError;
use std::error::Error;

/// The error of a pull.
pub fn refused(error: &RegistryError) -> MsbError {
    use RegistryError as E;
    let (status, reason) = match error {
        E::Cancelled => return ops::cancelled(),
        E::Image { source, .. } => return load::refused(source),
        E::NotFound { .. } => (Status::NotFound, "registry.not_found"),
        E::Unauthorized { .. } => (Status::PermissionDenied, "registry.unauthorized"),
        E::RateLimited { .. } => (Status::Unavailable, "registry.rate_limited"),
        E::Server { .. } => (Status::Unavailable, "registry.server"),
        E::Tls { .. } => (Status::Network, "registry.tls"),
        E::NoAuthorities => (Status::Network, "registry.no_authorities"),
        E::Certificates { .. } => (Status::ConfigInvalid, "registry.certificates"),
        E::Connect { .. } => (Status::Network, "registry.connect"),
        E::Stalled { .. } => (Status::Timeout, "registry.stalled"),
        E::Dropped { .. } => (Status::Network, "registry.dropped"),
        E::Protocol { .. } => (Status::Network, "registry.protocol"),
        E::Corrupt { .. } => (Status::Corrupt, "registry.corrupt"),
        E::TooLarge { .. } => (Status::ResourceExhausted, "image.too_large"),
        E::File { source, .. } => (
            source.raw_os_error().map_or(Status::Io, Status::from_errno),
            "image.write",
        ),
        E::Thread(_) => (Status::ResourceExhausted, "process.threads"),
    };
    let refused = spoken(status, reason, error).retryable(error.is_transient());
    match error.retry_after() {
        Some(after) => refused.detail("retry_after_ms", after.as_millis().to_string()),
        None => refused,
    }
}

/// An error of the crate of images: what to do next follows in its text after a semicolon.
pub fn spoken(status: Status, reason: &'static str, error: &dyn Error) -> MsbError {
    let text = error.to_string();
    let spoken = match text.split_once("; ") {
        Some((message, remedy)) => MsbError::new(status, reason, message).remedy(remedy.to_owned()),
        None => MsbError::new(status, reason, text),
    };
    match error.source() {
        Some(source) => spoken.source(source),
        None => spoken,
    }
}
