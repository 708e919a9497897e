//! What a share does not pass through to the host's file system: device nodes, and everything but one file where one
//! file is all that is shared.
//!
//! It wraps the file system that does the work and sees every request before it. What it does not name here is
//! refused by the trait's own defaults.

use std::ffi::{CStr, CString};
use std::io;
use std::time::Duration;
use virtiofsd::filesystem::{
    Context, Entry, Extensions, FileSystem, FsOptions, GetxattrReply, ListxattrReply, OpenOptions,
    SerializableFileSystem, SetattrValid, SetxattrFlags, ZeroCopyReader, ZeroCopyWriter,
};
use virtiofsd::fuse::{Attr, ROOT_ID, SetattrIn};

/// Leaves a device node behind; from `linux/fs.h`.
const RENAME_WHITEOUT: u32 = 4;

/// A file system without what a share does not pass through.
pub(super) struct Filter<F> {
    inner: F,
    /// The only name there is in the root; absent for all.
    only: Option<CString>,
}

impl<F> Filter<F> {
    pub(super) fn new(inner: F, only: Option<CString>) -> Self {
        Self { inner, only }
    }

    /// Whether `inode` is the directory of which only one file is shown.
    fn hides(&self, inode: u64) -> bool {
        self.only.is_some() && inode == ROOT_ID
    }

    /// Refuses what would list, change or open the directory of a shared file.
    fn beyond_one_file(&self, directory: u64) -> io::Result<()> {
        if self.hides(directory) {
            Err(io::Error::from_raw_os_error(libc::EPERM))
        } else {
            Ok(())
        }
    }
}

/// Requests that are passed on unless they are about the directory of a shared file.
macro_rules! pass_below {
    ($(fn $name:ident(&self, ctx: Context, $directory:ident: u64 $(, $argument:ident: $type:ty)*) -> $answer:ty;)*) => {
        $(fn $name(&self, ctx: Context, $directory: u64 $(, $argument: $type)*) -> $answer {
            self.beyond_one_file($directory)?;
            self.inner.$name(ctx, $directory $(, $argument)*)
        })*
    };
}

impl<F: FileSystem<Inode = u64, Handle = u64>> FileSystem for Filter<F> {
    type Inode = u64;
    type Handle = u64;
    type DirIter = F::DirIter;

    pass! {
        fn init(&self, capable: FsOptions) -> io::Result<FsOptions>;
        fn destroy(&self);
        fn forget(&self, ctx: Context, inode: u64, count: u64);
        fn batch_forget(&self, ctx: Context, requests: Vec<(u64, u64)>);
        fn getattr(&self, ctx: Context, inode: u64, handle: Option<u64>) -> io::Result<(Attr, Duration)>;
        fn readlink(&self, ctx: Context, inode: u64) -> io::Result<Vec<u8>>;
        fn read<W: ZeroCopyWriter>(
            &self, ctx: Context, inode: u64, handle: u64, to: W, size: u32, offset: u64, owner: Option<u64>, flags: u32
        ) -> io::Result<usize>;
        fn write<R: ZeroCopyReader>(
            &self, ctx: Context, inode: u64, handle: u64, from: R, size: u32, offset: u64, owner: Option<u64>,
            delayed: bool, kill_priv: bool, flags: u32
        ) -> io::Result<usize>;
        fn flush(&self, ctx: Context, inode: u64, handle: u64, owner: u64) -> io::Result<()>;
        fn fsync(&self, ctx: Context, inode: u64, data_only: bool, handle: u64) -> io::Result<()>;
        fn fallocate(
            &self, ctx: Context, inode: u64, handle: u64, mode: u32, offset: u64, length: u64
        ) -> io::Result<()>;
        fn release(
            &self, ctx: Context, inode: u64, flags: u32, handle: u64, flush: bool, unlock: bool, owner: Option<u64>
        ) -> io::Result<()>;
        fn statfs(&self, ctx: Context, inode: u64) -> io::Result<libc::statvfs64>;
        fn getxattr(&self, ctx: Context, inode: u64, name: &CStr, size: u32) -> io::Result<GetxattrReply>;
        fn listxattr(&self, ctx: Context, inode: u64, size: u32) -> io::Result<ListxattrReply>;
        fn fsyncdir(&self, ctx: Context, inode: u64, data_only: bool, handle: u64) -> io::Result<()>;
        fn releasedir(&self, ctx: Context, inode: u64, flags: u32, handle: u64) -> io::Result<()>;
        fn access(&self, ctx: Context, inode: u64, mask: u32) -> io::Result<()>;
        fn lseek(&self, ctx: Context, inode: u64, handle: u64, offset: u64, whence: u32) -> io::Result<u64>;
        fn copyfilerange(
            &self, ctx: Context, inode_in: u64, handle_in: u64, offset_in: u64, inode_out: u64, handle_out: u64,
            offset_out: u64, length: u64, flags: u64
        ) -> io::Result<usize>;
        fn syncfs(&self, ctx: Context, inode: u64) -> io::Result<()>;
    }

    pass_below! {
        fn setattr(
            &self, ctx: Context, inode: u64, attributes: SetattrIn, handle: Option<u64>, valid: SetattrValid
        ) -> io::Result<(Attr, Duration)>;
        fn mkdir(
            &self, ctx: Context, parent: u64, name: &CStr, mode: u32, umask: u32, extensions: Extensions
        ) -> io::Result<Entry>;
        fn unlink(&self, ctx: Context, parent: u64, name: &CStr) -> io::Result<()>;
        fn rmdir(&self, ctx: Context, parent: u64, name: &CStr) -> io::Result<()>;
        fn open(
            &self, ctx: Context, inode: u64, kill_priv: bool, flags: u32
        ) -> io::Result<(Option<u64>, OpenOptions)>;
        fn create(
            &self, ctx: Context, parent: u64, name: &CStr, mode: u32, kill_priv: bool, flags: u32, umask: u32,
            extensions: Extensions
        ) -> io::Result<(Entry, Option<u64>, OpenOptions)>;
        fn setxattr(
            &self, ctx: Context, inode: u64, name: &CStr, value: &[u8], flags: u32, extra: SetxattrFlags
        ) -> io::Result<()>;
        fn removexattr(&self, ctx: Context, inode: u64, name: &CStr) -> io::Result<()>;
        fn opendir(&self, ctx: Context, inode: u64, flags: u32) -> io::Result<(Option<u64>, OpenOptions)>;
        fn readdir(&self, ctx: Context, inode: u64, handle: u64, size: u32, offset: u64) -> io::Result<F::DirIter>;
    }

    fn lookup(&self, ctx: Context, parent: u64, name: &CStr) -> io::Result<Entry> {
        if self.hides(parent) && self.only.as_deref() != Some(name) {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        self.inner.lookup(ctx, parent, name)
    }

    fn symlink(
        &self,
        ctx: Context,
        target: &CStr,
        parent: u64,
        name: &CStr,
        extensions: Extensions,
    ) -> io::Result<Entry> {
        self.beyond_one_file(parent)?;
        self.inner.symlink(ctx, target, parent, name, extensions)
    }

    fn mknod(
        &self,
        ctx: Context,
        parent: u64,
        name: &CStr,
        mode: u32,
        rdev: u32,
        umask: u32,
        extensions: Extensions,
    ) -> io::Result<Entry> {
        self.beyond_one_file(parent)?;
        match mode & libc::S_IFMT {
            libc::S_IFREG | libc::S_IFIFO | libc::S_IFSOCK => {
                self.inner.mknod(ctx, parent, name, mode, rdev, umask, extensions)
            }
            _ => Err(io::Error::from_raw_os_error(libc::EPERM)),
        }
    }

    fn rename(
        &self,
        ctx: Context,
        from: u64,
        name: &CStr,
        to: u64,
        new_name: &CStr,
        flags: u32,
    ) -> io::Result<()> {
        self.beyond_one_file(from)?;
        self.beyond_one_file(to)?;
        if flags & RENAME_WHITEOUT != 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        self.inner.rename(ctx, from, name, to, new_name, flags)
    }

    fn link(&self, ctx: Context, inode: u64, parent: u64, name: &CStr) -> io::Result<Entry> {
        self.beyond_one_file(parent)?;
        self.inner.link(ctx, inode, parent, name)
    }
}

/// Nothing is ever moved to another server.
impl<F> SerializableFileSystem for Filter<F> {}
