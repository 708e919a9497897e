//! Reading a whole file: straight from the page cache into the memory that the caller gets.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, read};
use rustix::mm::{Advice, madvise};

use crate::error::{TreeError, TreeErrorKind};
use crate::resolve::{CONTENT, Tree, regular, size_of};

/// From this size on, large pages are worth asking for.
const LARGE: u64 = 4 << 20;

/// A multiple of every size that ordinary pages have on Linux.
const PAGE: usize = 64 << 10;

/// First room for a file that claims to be empty, as those of procfs do.
const UNKNOWN_SIZE: u64 = 4096;

impl Tree {
    /// The whole content of a regular file, which may be `limit` bytes at most.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, TreeError> {
        const WHAT: &str = "read";
        let fail = |errno| TreeError::system(WHAT, path, errno);
        let too_large = || TreeError::refused(TreeErrorKind::TooLarge, WHAT, path);
        let file = self
            .open_path(self.check(path, WHAT)?, CONTENT | OFlags::RDONLY, Mode::empty())
            .map_err(fail)?;
        let size = size_of(&regular(file.as_fd(), path, WHAT)?);
        if size > limit {
            return Err(too_large());
        }
        // One byte more than it should be: a read that does not fill it has met the end.
        let room = if size == 0 { UNKNOWN_SIZE } else { size + 1 };
        let mut content = Vec::new();
        reserve(&mut content, room).ok_or_else(too_large)?;
        loop {
            let wanted = content.capacity() - content.len();
            let got = read_once(file.as_fd(), &mut content).map_err(fail)?;
            if content.len() as u64 > limit {
                return Err(too_large());
            }
            let filled = size > 0 && content.len() as u64 >= size;
            if got == 0 || (filled && got < wanted) {
                return Ok(content);
            }
            if content.len() == content.capacity() {
                reserve(&mut content, room).ok_or_else(too_large)?;
            }
        }
    }
}

/// Room for so many more bytes, if there is memory for it.
fn reserve(content: &mut Vec<u8>, room: u64) -> Option<()> {
    content.try_reserve(usize::try_from(room).ok()?).ok()?;
    if room >= LARGE {
        prefer_large_pages(content);
    }
    Some(())
}

/// Asks for large pages under room that is still untouched. Most of the time of reading a large file into new memory goes
/// into making its pages one by one; with large ones it takes half as long. Where the kernel has none, nothing happens.
fn prefer_large_pages(content: &mut Vec<u8>) {
    let room = content.spare_capacity_mut();
    let before = room.as_ptr().align_offset(PAGE);
    let Some(len) = room.len().checked_sub(before) else {
        return;
    };
    let whole = len / PAGE * PAGE;
    let begin = room.as_mut_ptr().wrapping_add(before);
    // SAFETY: whole pages within memory that this vector owns; the advice changes no byte of it.
    let _ = unsafe { madvise(begin.cast(), whole, Advice::LinuxHugepage) };
}

fn read_once(file: BorrowedFd<'_>, content: &mut Vec<u8>) -> Result<usize, Errno> {
    loop {
        match read(file, spare_capacity(content)) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}
