//! What a guest writes to a directory with a quota, charged before it is written.
//!
//! It wraps the file system that does the work: whatever makes the directory larger is charged to the ledger that all
//! writers of the directory share, and refused with EDQUOT when there is no room. Files that have no name any more are
//! no longer counted by the ledger; while the guest keeps them open, this server counts them on top.

mod orphans;

use msb_protocol::launch::QuotaSpec;
use msb_tree::{Charge, Limit, Quota, TreeError, TreeErrorKind, Usage};
use orphans::Orphans;
use std::ffi::CStr;
use std::io;
use std::path::Path;
use std::time::Duration;
use virtiofsd::filesystem::{
    Context, Entry, Extensions, FileSystem, FsOptions, GetxattrReply, ListxattrReply, OpenOptions,
    SerializableFileSystem, SetattrValid, SetxattrFlags, ZeroCopyReader, ZeroCopyWriter,
};
use virtiofsd::fuse::{Attr, SetattrIn};

/// A file that shrinks again and again under a write is tried so often.
const TRIES: usize = 8;
/// Swaps two names, so that none is lost; from `linux/fs.h`.
const RENAME_EXCHANGE: u32 = 2;

/// A file system whose growth is charged.
pub(super) struct Metered<F> {
    inner: F,
    quota: Quota,
    orphans: Orphans,
}

fn refused() -> io::Error {
    io::Error::from_raw_os_error(libc::EDQUOT)
}

fn io_error(error: TreeError) -> io::Error {
    match error.kind {
        TreeErrorKind::QuotaExceeded => refused(),
        // What a guest is told has a number and nothing else.
        _ => io::Error::from_raw_os_error(error.errno().unwrap_or(libc::EIO)),
    }
}

/// Room for a file to grow, and the size that it had.
struct Growth<'a> {
    charge: Charge<'a>,
    size: u64,
    end: u64,
}

impl<F> Metered<F> {
    pub(super) fn new(inner: F, spec: &QuotaSpec, directory: &Path) -> Result<Self, TreeError> {
        let limit = Limit {
            bytes: spec.bytes,
            inodes: spec.inodes,
        };
        Ok(Self {
            inner,
            quota: Quota::open(&spec.ledger, directory, limit)?,
            orphans: Orphans::default(),
        })
    }
}

impl<F: FileSystem<Inode = u64, Handle = u64>> Metered<F> {
    fn attributes(&self, ctx: Context, inode: u64) -> io::Result<Attr> {
        self.inner
            .getattr(ctx, inode, None)
            .map(|(attributes, _)| attributes)
    }

    /// Charges what makes `inode` reach `end`, as `end` is found from its size.
    fn grow(&self, ctx: Context, inode: u64, end: impl Fn(u64) -> u64) -> io::Result<Growth<'_>> {
        for _ in 0..TRIES {
            let size = self.attributes(ctx, inode)?.size;
            let end = end(size).max(size);
            let orphaned = self.orphans.bytes();
            if end > size
                && orphaned > 0
                && self
                    .quota
                    .usage()
                    .bytes
                    .saturating_add(orphaned)
                    .saturating_add(end - size)
                    > self.quota.limit().bytes
            {
                return Err(refused());
            }
            let mut charge = self.quota.charge(end - size, 0).map_err(io_error)?;
            // From the charge on nobody makes it smaller; before, somebody may have.
            if self.attributes(ctx, inode)?.size >= size {
                return Ok(Growth { charge, size, end });
            }
            charge.give_back(end - size, 0);
        }
        Err(io::Error::from_raw_os_error(libc::EAGAIN))
    }

    /// Makes a change for which `growth` was charged; `reached` is where the file ends after it, from what it answered.
    fn settle<T>(
        &self,
        inode: u64,
        mut growth: Growth<'_>,
        outcome: io::Result<T>,
        reached: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        let end = outcome.as_ref().map_or(growth.size, reached);
        let end = end.clamp(growth.size, growth.end);
        growth.charge.give_back(growth.end - end, 0);
        self.orphans.resized(inode, end);
        outcome
    }

    /// Charges one more inode for as long as `make` makes it.
    fn add_inode<T>(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut charge = self.quota.charge(0, 1).map_err(io_error)?;
        let made = make();
        if made.is_err() {
            charge.give_back(0, 1);
        }
        made
    }

    /// Makes a change by which the file `name` in `parent` may lose that name.
    fn unname<T>(
        &self,
        ctx: Context,
        parent: u64,
        name: &CStr,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let change = || {
            let entry = self.inner.lookup(ctx, parent, name);
            let outcome = change();
            let freed = match (&entry, &outcome) {
                (Ok(entry), Ok(_)) => self.freed(entry),
                _ => Usage::default(),
            };
            if let Ok(entry) = entry {
                self.inner.forget(ctx, entry.inode, 1);
            }
            (outcome, freed)
        };
        self.quota.shrink(change).map_err(io_error)?
    }

    /// What goes with a name; `entry` is from before.
    fn freed(&self, entry: &Entry) -> Usage {
        let is = |kind| entry.attr.mode & libc::S_IFMT == kind;
        if entry.attr.nlink > 1 && !is(libc::S_IFDIR) {
            return Usage::default();
        }
        if !is(libc::S_IFREG) {
            return Usage { bytes: 0, inodes: 1 };
        }
        self.orphans.unnamed(entry.inode, entry.attr.size);
        Usage {
            bytes: entry.attr.size,
            inodes: 1,
        }
    }

    /// Makes a change that leaves `inode` with `end` bytes, fewer than before.
    fn cut<T>(
        &self,
        ctx: Context,
        inode: u64,
        end: u64,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let change = || {
            let before = self.attributes(ctx, inode);
            let outcome = change();
            let bytes = match (&before, &outcome) {
                (Ok(before), Ok(_)) if self.orphans.resized(inode, end) => 0,
                (Ok(before), Ok(_)) if before.mode & libc::S_IFMT == libc::S_IFREG => {
                    before.size.saturating_sub(end)
                }
                _ => 0,
            };
            (outcome, Usage { bytes, inodes: 0 })
        };
        self.quota.shrink(change).map_err(io_error)?
    }
}

impl<F: FileSystem<Inode = u64, Handle = u64>> FileSystem for Metered<F> {
    type Inode = u64;
    type Handle = u64;
    type DirIter = F::DirIter;

    pass! {
        fn init(&self, capable: FsOptions) -> io::Result<FsOptions>;
        fn lookup(&self, ctx: Context, parent: u64, name: &CStr) -> io::Result<Entry>;
        fn forget(&self, ctx: Context, inode: u64, count: u64);
        fn batch_forget(&self, ctx: Context, requests: Vec<(u64, u64)>);
        fn getattr(&self, ctx: Context, inode: u64, handle: Option<u64>) -> io::Result<(Attr, Duration)>;
        fn readlink(&self, ctx: Context, inode: u64) -> io::Result<Vec<u8>>;
        fn link(&self, ctx: Context, inode: u64, parent: u64, name: &CStr) -> io::Result<Entry>;
        fn read<W: ZeroCopyWriter>(
            &self, ctx: Context, inode: u64, handle: u64, to: W, size: u32, offset: u64, owner: Option<u64>, flags: u32
        ) -> io::Result<usize>;
        fn flush(&self, ctx: Context, inode: u64, handle: u64, owner: u64) -> io::Result<()>;
        fn fsync(&self, ctx: Context, inode: u64, data_only: bool, handle: u64) -> io::Result<()>;
        fn setxattr(
            &self, ctx: Context, inode: u64, name: &CStr, value: &[u8], flags: u32, extra: SetxattrFlags
        ) -> io::Result<()>;
        fn removexattr(&self, ctx: Context, inode: u64, name: &CStr) -> io::Result<()>;
        fn getxattr(&self, ctx: Context, inode: u64, name: &CStr, size: u32) -> io::Result<GetxattrReply>;
        fn listxattr(&self, ctx: Context, inode: u64, size: u32) -> io::Result<ListxattrReply>;
        fn opendir(&self, ctx: Context, inode: u64, flags: u32) -> io::Result<(Option<u64>, OpenOptions)>;
        fn readdir(&self, ctx: Context, inode: u64, handle: u64, size: u32, offset: u64) -> io::Result<F::DirIter>;
        fn fsyncdir(&self, ctx: Context, inode: u64, data_only: bool, handle: u64) -> io::Result<()>;
        fn releasedir(&self, ctx: Context, inode: u64, flags: u32, handle: u64) -> io::Result<()>;
        fn access(&self, ctx: Context, inode: u64, mask: u32) -> io::Result<()>;
        fn lseek(&self, ctx: Context, inode: u64, handle: u64, offset: u64, whence: u32) -> io::Result<u64>;
        fn syncfs(&self, ctx: Context, inode: u64) -> io::Result<()>;
    }

    fn destroy(&self) {
        self.orphans.forget_all();
        self.inner.destroy();
    }

    fn setattr(
        &self,
        ctx: Context,
        inode: u64,
        attributes: SetattrIn,
        handle: Option<u64>,
        valid: SetattrValid,
    ) -> io::Result<(Attr, Duration)> {
        if !valid.contains(SetattrValid::SIZE) {
            return self.inner.setattr(ctx, inode, attributes, handle, valid);
        }
        let end = attributes.size;
        if end < self.attributes(ctx, inode)?.size {
            return self.cut(ctx, inode, end, || {
                self.inner.setattr(ctx, inode, attributes, handle, valid)
            });
        }
        let growth = self.grow(ctx, inode, |_| end)?;
        let outcome = self.inner.setattr(ctx, inode, attributes, handle, valid);
        self.settle(inode, growth, outcome, |_| end)
    }

    fn write<R: ZeroCopyReader>(
        &self,
        ctx: Context,
        inode: u64,
        handle: u64,
        from: R,
        size: u32,
        offset: u64,
        owner: Option<u64>,
        delayed: bool,
        kill_priv: bool,
        flags: u32,
    ) -> io::Result<usize> {
        // As the wrapped file system has it: then the host writes at the end, whatever the offset is.
        let appends = !delayed && flags.cast_signed() & libc::O_APPEND != 0;
        let start = |end: u64| if appends { end } else { offset };
        let growth = self.grow(ctx, inode, |end| start(end).saturating_add(u64::from(size)))?;
        let start = start(growth.size);
        let outcome = self.inner.write(
            ctx, inode, handle, from, size, offset, owner, delayed, kill_priv, flags,
        );
        self.settle(inode, growth, outcome, |&written| {
            start.saturating_add(written as u64)
        })
    }

    fn fallocate(
        &self,
        ctx: Context,
        inode: u64,
        handle: u64,
        mode: u32,
        offset: u64,
        length: u64,
    ) -> io::Result<()> {
        const ZERO: u32 = libc::FALLOC_FL_ZERO_RANGE.cast_unsigned();
        const PUNCH: u32 = (libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE).cast_unsigned();
        let allocate = || self.inner.fallocate(ctx, inode, handle, mode, offset, length);
        match mode {
            0 | ZERO => {
                let end = offset.saturating_add(length);
                let growth = self.grow(ctx, inode, |_| end)?;
                self.settle(inode, growth, allocate(), |()| end)
            }
            PUNCH => allocate(),
            // The rest takes room beyond a file's end, or moves its end.
            _ => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
        }
    }

    fn copyfilerange(
        &self,
        ctx: Context,
        inode_in: u64,
        handle_in: u64,
        offset_in: u64,
        inode_out: u64,
        handle_out: u64,
        offset_out: u64,
        length: u64,
        flags: u64,
    ) -> io::Result<usize> {
        // No more than there is to copy, however much is asked for.
        let room = self.attributes(ctx, inode_in)?.size.saturating_sub(offset_in);
        let length = length.min(room);
        let growth = self.grow(ctx, inode_out, |_| offset_out.saturating_add(length))?;
        let outcome = self.inner.copyfilerange(
            ctx, inode_in, handle_in, offset_in, inode_out, handle_out, offset_out, length, flags,
        );
        self.settle(inode_out, growth, outcome, |&copied| {
            offset_out.saturating_add(copied as u64)
        })
    }

    fn open(
        &self,
        ctx: Context,
        inode: u64,
        kill_priv: bool,
        flags: u32,
    ) -> io::Result<(Option<u64>, OpenOptions)> {
        let open = || self.inner.open(ctx, inode, kill_priv, flags);
        let opened = if flags.cast_signed() & libc::O_TRUNC != 0 {
            self.cut(ctx, inode, 0, open)?
        } else {
            open()?
        };
        self.orphans.opened(inode, opened.0);
        Ok(opened)
    }

    fn create(
        &self,
        ctx: Context,
        parent: u64,
        name: &CStr,
        mode: u32,
        kill_priv: bool,
        flags: u32,
        umask: u32,
        extensions: Extensions,
    ) -> io::Result<(Entry, Option<u64>, OpenOptions)> {
        // When it exists after all, more is charged than is there, until the next count.
        let created = self.add_inode(|| {
            self.inner
                .create(ctx, parent, name, mode, kill_priv, flags, umask, extensions)
        })?;
        self.orphans.opened(created.0.inode, created.1);
        Ok(created)
    }

    fn release(
        &self,
        ctx: Context,
        inode: u64,
        flags: u32,
        handle: u64,
        flush: bool,
        unlock: bool,
        owner: Option<u64>,
    ) -> io::Result<()> {
        self.inner
            .release(ctx, inode, flags, handle, flush, unlock, owner)?;
        self.orphans.released(handle);
        Ok(())
    }

    fn symlink(
        &self,
        ctx: Context,
        target: &CStr,
        parent: u64,
        name: &CStr,
        extensions: Extensions,
    ) -> io::Result<Entry> {
        self.add_inode(|| self.inner.symlink(ctx, target, parent, name, extensions))
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
        self.add_inode(|| self.inner.mknod(ctx, parent, name, mode, rdev, umask, extensions))
    }

    fn mkdir(
        &self,
        ctx: Context,
        parent: u64,
        name: &CStr,
        mode: u32,
        umask: u32,
        extensions: Extensions,
    ) -> io::Result<Entry> {
        self.add_inode(|| self.inner.mkdir(ctx, parent, name, mode, umask, extensions))
    }

    fn unlink(&self, ctx: Context, parent: u64, name: &CStr) -> io::Result<()> {
        self.unname(ctx, parent, name, || self.inner.unlink(ctx, parent, name))
    }

    fn rmdir(&self, ctx: Context, parent: u64, name: &CStr) -> io::Result<()> {
        self.unname(ctx, parent, name, || self.inner.rmdir(ctx, parent, name))
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
        let rename = || self.inner.rename(ctx, from, name, to, new_name, flags);
        if flags & RENAME_EXCHANGE != 0 {
            return rename();
        }
        self.unname(ctx, to, new_name, rename)
    }

    /// The quota, where it leaves less than the host's file system.
    fn statfs(&self, ctx: Context, inode: u64) -> io::Result<libc::statvfs64> {
        let mut host = self.inner.statfs(ctx, inode)?;
        let (limit, usage) = (self.quota.limit(), self.quota.usage());
        let block = host.f_frsize.max(1);
        let free = limit.bytes.saturating_sub(usage.bytes) / block;
        host.f_blocks = host.f_blocks.min(limit.bytes / block);
        host.f_bfree = host.f_bfree.min(free);
        host.f_bavail = host.f_bavail.min(free);
        let free = limit.inodes.saturating_sub(usage.inodes);
        host.f_files = host.f_files.min(limit.inodes);
        host.f_ffree = host.f_ffree.min(free);
        host.f_favail = host.f_favail.min(free);
        Ok(host)
    }
}

/// Nothing is ever moved to another server.
impl<F> SerializableFileSystem for Metered<F> {}

#[cfg(test)]
mod tests;
