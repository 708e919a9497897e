//! How much room a home takes, by what takes it.

use super::entries;
use super::measure::{Size, measure};
use crate::backend::Backend;
use crate::error::MsbError;
use crate::image::places;
use crate::ops;
use crate::runtime::embedded;
use std::path::PathBuf;

/// What one category takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryUsage {
    /// Its name; once released it keeps its meaning.
    pub category: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// What it takes.
    pub size: Size,
}

/// Measures the home of a backend and the directories that were configured elsewhere. Every file counts in one category.
pub fn usage(backend: &Backend) -> Result<Vec<CategoryUsage>, MsbError> {
    let (home, config) = (backend.home(), backend.config());
    let categories = [
        ("database", home.join("db")),
        ("sandboxes", config.sandboxes.clone()),
        ("volumes", config.volumes.clone()),
        ("snapshots", config.snapshots.clone()),
        ("images", config.cache.join(places::FOLDER)),
        ("cache", config.cache.clone()),
        ("logs", config.logs.clone()),
        ("secrets", config.secrets.clone()),
        ("programs", home.join(embedded::FOLDER)),
    ];
    let mut found = Vec::with_capacity(categories.len() + 1);
    let mut images = Size::default();
    for (category, path) in &categories {
        let mut size = measure(path)?;
        match *category {
            "images" => images = size,
            // They are in it, and were measured a moment ago.
            "cache" => {
                size.bytes = size.bytes.saturating_sub(images.bytes);
                size.files = size.files.saturating_sub(images.files);
            }
            _ => {}
        }
        ops::add_progress(size.bytes, size.files);
        found.push(CategoryUsage {
            category,
            path: path.clone(),
            size,
        });
    }
    let mut rest = Size::default();
    for path in entries(home)? {
        if !categories.iter().any(|(_, category)| category.starts_with(&path)) {
            rest += measure(&path)?;
        }
    }
    found.push(CategoryUsage {
        category: "other",
        path: home.to_path_buf(),
        size: rest,
    });
    Ok(found)
}
