//! Directories page by page, in bounded memory however many entries there are.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, RawDir, SeekFrom, seek, statat};
use rustix::io::Errno;

use crate::error::TreeError;
use crate::info::{FileInfo, Page};
use crate::resolve::Tree;

/// Most entries of one page, whatever the caller asks for.
pub const MAX_PAGE: usize = 65_536;

/// What the kernel fills at once: some hundred entries.
pub(crate) const ENTRIES_BUFFER: usize = 32 * 1024;

impl Tree {
    /// Up to `limit` entries (at least 1, at most [`MAX_PAGE`]) from `cursor` on, which is 0 or the `next` of an
    /// earlier page. Entries that stay in the directory from the first page to the last come exactly once.
    pub fn list(&self, path: &Path, cursor: u64, limit: usize) -> Result<Page, TreeError> {
        const WHAT: &str = "list";
        let fail = |errno| TreeError::system(WHAT, path, errno);
        let directory = self.directory(path, WHAT)?;
        if cursor != 0 {
            seek(&directory, SeekFrom::Start(cursor)).map_err(fail)?;
        }
        let limit = limit.clamp(1, MAX_PAGE);
        let mut page = Page::default();
        // About as many entries as are wanted, and always one of the longest name.
        let room = (limit * 64).clamp(4096, ENTRIES_BUFFER);
        let mut buffer = vec![MaybeUninit::uninit(); room];
        let mut entries = RawDir::new(&directory, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            match statat(&directory, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => page.entries.push(FileInfo::new(name, &stat)),
                // Removed since the kernel listed it.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(fail(errno)),
            }
            if page.entries.len() == limit {
                page.next = Some(entry.next_entry_cookie());
                break;
            }
        }
        Ok(page)
    }
}
