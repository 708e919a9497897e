//! Images: what sandboxes are made from, stored once for all of them.
//!
//! A reference names a manifest; a manifest has layers, each of which is one read-only file system in the cache whatever
//! number of images have it. Files are there before their rows and go after them, so that a row always has its files, and
//! a file without a row is left for a check of the home. One file per verb.

mod credentials;
pub(crate) mod discard;
mod feed;
pub mod filter;
pub mod info;
pub mod join;
mod layers;
pub(crate) mod limits;
pub mod load;
pub mod options;
mod pipe;
pub mod places;
pub mod pull;
pub mod pull_options;
mod refusal;
pub mod remove;
pub mod save;

use crate::error::{MsbError, Status};
use msb_oci::Reference;

/// The full form of a reference: `python` is `docker.io/library/python:latest`.
pub fn normalise(reference: &str) -> Result<String, MsbError> {
    parse(reference).map(|reference| reference.to_string())
}

fn parse(reference: &str) -> Result<Reference, MsbError> {
    Reference::parse(reference).map_err(|error| {
        MsbError::new(
            Status::InvalidArgument,
            "image.reference",
            format!("{reference:?} is not the name of an image"),
        )
        .source(&error)
        .remedy("name images as in `python:3.12` or `registry.example/team/app@sha256:...`")
    })
}

fn not_found(reference: &str) -> MsbError {
    MsbError::new(
        Status::NotFound,
        "image.not_found",
        format!("there is no image {reference} in this home"),
    )
    .remedy("pull it with msb_image_pull, or load it from an archive with msb_image_load")
    .detail("image", reference)
}
