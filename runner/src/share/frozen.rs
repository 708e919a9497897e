//! A share that nobody changes while its guest runs, without an open and a close for every use of a file.
//!
//! The guest is told once that files and directories need no opening, and then names what it reads by inode alone: a
//! command that starts costs it no message at all, where opening, closing and the link to the program were one each.
//! What is read is opened here, and kept open for as long as others are not read more recently. Nothing of a frozen
//! share can be changed: the trait's own defaults refuse every request that is not here.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::io;
use std::time::Duration;
use virtiofsd::filesystem::{
    Context, Entry, FileSystem, FsOptions, GetxattrReply, ListxattrReply, OpenOptions,
    SerializableFileSystem, ZeroCopyWriter,
};
use virtiofsd::fuse::Attr;

/// Files and directories that are kept open.
const MOST_OPEN: usize = 64;

/// A file system whose guest opens nothing.
pub(super) struct Frozen<F> {
    inner: F,
    open: Mutex<Open>,
}

/// What is open, the least recently used first. Searched from its end, where a guest that reads on finds its file.
type Open = VecDeque<Opened>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opened {
    inode: u64,
    kind: Kind,
    handle: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
}

impl<F: FileSystem<Inode = u64, Handle = u64>> Frozen<F> {
    pub(super) fn new(inner: F) -> Self {
        Self {
            inner,
            open: Mutex::new(VecDeque::with_capacity(MOST_OPEN)),
        }
    }

    /// A handle of `inode`, which lasts for as long as the guard is held.
    fn handle(&self, ctx: Context, inode: u64, kind: Kind) -> io::Result<(u64, MutexGuard<'_, Open>)> {
        let mut open = self.open.lock();
        let known = open
            .iter()
            .rposition(|opened| opened.inode == inode && opened.kind == kind)
            .and_then(|at| open.remove(at));
        let opened = match known {
            Some(opened) => opened,
            None => {
                if open.len() == MOST_OPEN
                    && let Some(oldest) = open.pop_front()
                {
                    self.close(ctx, oldest);
                }
                let flags = libc::O_RDONLY.cast_unsigned();
                let (handle, _) = match kind {
                    Kind::File => self.inner.open(ctx, inode, false, flags),
                    Kind::Directory => self.inner.opendir(ctx, inode, flags),
                }?;
                let handle = handle.ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
                Opened { inode, kind, handle }
            }
        };
        open.push_back(opened);
        Ok((opened.handle, open))
    }

    fn close(&self, ctx: Context, opened: Opened) {
        let Opened { inode, kind, handle } = opened;
        // Fails only for what is not open.
        let _ = match kind {
            Kind::File => self.inner.release(ctx, inode, 0, handle, false, false, None),
            Kind::Directory => self.inner.releasedir(ctx, inode, 0, handle),
        };
    }
}

impl<F: FileSystem<Inode = u64, Handle = u64>> FileSystem for Frozen<F> {
    type Inode = u64;
    type Handle = u64;
    type DirIter = F::DirIter;

    pass! {
        fn lookup(&self, ctx: Context, parent: u64, name: &CStr) -> io::Result<Entry>;
        fn forget(&self, ctx: Context, inode: u64, count: u64);
        fn batch_forget(&self, ctx: Context, requests: Vec<(u64, u64)>);
        fn readlink(&self, ctx: Context, inode: u64) -> io::Result<Vec<u8>>;
        fn statfs(&self, ctx: Context, inode: u64) -> io::Result<libc::statvfs64>;
        fn getxattr(&self, ctx: Context, inode: u64, name: &CStr, size: u32) -> io::Result<GetxattrReply>;
        fn listxattr(&self, ctx: Context, inode: u64, size: u32) -> io::Result<ListxattrReply>;
    }

    /// Also lets the guest keep where links lead.
    fn init(&self, capable: FsOptions) -> io::Result<FsOptions> {
        self.open.lock().clear();
        Ok(self.inner.init(capable)? | FsOptions::CACHE_SYMLINKS)
    }

    fn destroy(&self) {
        self.open.lock().clear();
        self.inner.destroy();
    }

    fn getattr(&self, ctx: Context, inode: u64, _handle: Option<u64>) -> io::Result<(Attr, Duration)> {
        self.inner.getattr(ctx, inode, None)
    }

    /// The answer by which a guest learns that it need not ask, of files for good.
    fn open(&self, _: Context, _: u64, _: bool, _: u32) -> io::Result<(Option<u64>, OpenOptions)> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    /// The same of directories.
    fn opendir(&self, _: Context, _: u64, _: u32) -> io::Result<(Option<u64>, OpenOptions)> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    fn read<W: ZeroCopyWriter>(
        &self,
        ctx: Context,
        inode: u64,
        _handle: u64,
        to: W,
        size: u32,
        offset: u64,
        owner: Option<u64>,
        flags: u32,
    ) -> io::Result<usize> {
        let (handle, _open) = self.handle(ctx, inode, Kind::File)?;
        self.inner
            .read(ctx, inode, handle, to, size, offset, owner, flags)
    }

    fn readdir(
        &self,
        ctx: Context,
        inode: u64,
        _handle: u64,
        size: u32,
        offset: u64,
    ) -> io::Result<F::DirIter> {
        let (handle, _open) = self.handle(ctx, inode, Kind::Directory)?;
        self.inner.readdir(ctx, inode, handle, size, offset)
    }

    fn lseek(&self, ctx: Context, inode: u64, _handle: u64, offset: u64, whence: u32) -> io::Result<u64> {
        let (handle, _open) = self.handle(ctx, inode, Kind::File)?;
        self.inner.lseek(ctx, inode, handle, offset, whence)
    }
}

/// Nothing is ever moved to another server.
impl<F> SerializableFileSystem for Frozen<F> {}
