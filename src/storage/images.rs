//! Images that no sandbox and no snapshot needs.

use super::Run;
use super::cache::discard_file;
use super::finding::{Action, FindingKind};
use super::measure::measure;
use crate::error::MsbError;
use crate::image::places;
use crate::ops;
use msb_store::{Store, UnneededImage};
use std::path::PathBuf;

impl Run<'_> {
    /// Finds the images that nobody needs, each by all of its names; the first of them has what the image takes. A layer
    /// counts for the first image that has it, and only if no image that stays does.
    pub(super) fn find_unneeded_images(&mut self) -> Result<(), MsbError> {
        let cache = &self.backend.config().cache;
        // The rows go first, all at once: a file without a row is found by the next check, a row without a file by a user.
        self.within(cache, |run| {
            for image in run.store.unneeded_images(run.acts)? {
                run.add_image(image)?;
            }
            Ok(())
        })
    }

    fn add_image(&mut self, image: UnneededImage) -> Result<(), MsbError> {
        let mut files = vec![places::join(self.backend, &image.digest)?];
        for layer in &image.layers {
            files.push(places::layer(self.backend, &layer.diff_id)?);
        }
        let mut bytes = 0;
        for file in &files {
            bytes += measure(file)?.bytes;
        }
        ops::add_progress(bytes, 1);
        let mut names = image.references.into_iter();
        let (first, reason) = match names.next() {
            Some(name) => (name, "no sandbox and no snapshot needs the image"),
            None => (
                image.digest.clone(),
                "no name, sandbox or snapshot leads to the image",
            ),
        };
        let place = files.first().cloned();
        let (kind, store) = (FindingKind::Image, self.store);
        self.add(kind, first.clone(), place, bytes, reason.to_owned(), || {
            delete_all(store, &files)
        });
        for name in names {
            let reason = format!("it is the same image as {first}");
            self.add(kind, name, None, 0, reason, || Ok(Action::Removed));
        }
        Ok(())
    }
}

/// Deletes files that are there and that nobody has open. What is left has no row, so that a later run finds it.
fn delete_all(store: &Store, files: &[PathBuf]) -> Result<Action, MsbError> {
    let mut action = Action::Removed;
    let mut failed = None;
    for file in files.iter().filter(|file| file.exists()) {
        match discard_file(store, file) {
            Ok(Action::Removed) => {}
            Ok(other) => action = other,
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(action), Err)
}
