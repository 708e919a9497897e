//! Single files for libkrun, which shares whole directories only: each gets a directory of its own below the sandbox's,
//! with nothing in it but a hard link to the file.
//!
//! The link is the file, so both sides see each other's writes; a file that somebody replaces by renaming another over
//! it is the old one in the guest until the next start, as with a bind mount.

use super::{DriverError, Share};
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Where the directories are, below the sandbox's.
const STAGE: &str = "files";

/// `shares` with each single file in a directory of its own.
pub(super) fn files(sandbox: &Path, shares: Vec<Share>) -> Result<Vec<Share>, DriverError> {
    let stage = sandbox.join(STAGE);
    // What an earlier run left: its links may be of other files.
    match fs::remove_dir_all(&stage) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unusable(&stage, error)),
        _ => {}
    }
    shares
        .into_iter()
        .map(|share| match &share.only {
            Some(name) => {
                let directory = link(&share, name, &stage)?;
                Ok(Share { directory, ..share })
            }
            None => Ok(share),
        })
        .collect()
}

fn link(share: &Share, name: &str, stage: &Path) -> Result<String, DriverError> {
    let directory = stage.join(&share.tag);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .map_err(|error| unusable(&directory, error))?;
    let file = Path::new(&share.directory).join(name);
    fs::hard_link(&file, directory.join(name)).map_err(|error| match error.kind() {
        ErrorKind::CrossesDevices => DriverError::NotLinkable(file),
        _ => unusable(&file, error),
    })?;
    super::layout::text("sandbox directory", &directory)
}

fn unusable(path: &Path, source: io::Error) -> DriverError {
    DriverError::Input {
        what: super::input::SHARE,
        path: path.to_owned(),
        source,
    }
}
