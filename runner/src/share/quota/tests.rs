use super::*;
use std::ffi::CString;
use std::fs::File;
use std::os::unix::fs::FileExt;
use virtiofsd::oslib::WritevFlags;
use virtiofsd::passthrough::{Config, PassthroughFs};

/// Number of a share's root directory in the protocol.
const ROOT: u64 = 1;
const LIMIT: u64 = 100_000;

struct Share {
    directory: tempfile::TempDir,
    system: Metered<PassthroughFs>,
}

fn context() -> Context {
    Context {
        uid: 0.into(),
        gid: 0.into(),
        pid: 1,
    }
}

fn name(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// What a guest writes.
struct Bytes(Vec<u8>);

impl ZeroCopyReader for Bytes {
    fn write_to_file_at(
        &mut self,
        file: &File,
        count: usize,
        offset: u64,
        flags: Option<WritevFlags>,
    ) -> io::Result<usize> {
        let appends = flags.is_some_and(|flags| flags.contains(WritevFlags::RWF_APPEND));
        let offset = if appends { file.metadata()?.len() } else { offset };
        file.write_at(&self.0[..count], offset)
    }
}

impl Share {
    fn new(inodes: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let config = Config {
            root_dir: data.to_str().unwrap().to_owned(),
            ..Config::default()
        };
        let spec = QuotaSpec {
            ledger: directory.path().join("ledger"),
            bytes: LIMIT,
            inodes,
        };
        let system = Metered::new(PassthroughFs::new(config).unwrap(), &spec, &data).unwrap();
        system.init(FsOptions::empty()).unwrap();
        Self { directory, system }
    }

    /// A file that is open to be written.
    fn create(&self, file: &str, flags: i32) -> io::Result<(u64, u64)> {
        let flags = (libc::O_CREAT | libc::O_RDWR | flags).cast_unsigned();
        let created = self.system.create(
            context(),
            ROOT,
            &name(file),
            0o600,
            false,
            flags,
            0,
            Extensions::default(),
        )?;
        Ok((created.0.inode, created.1.unwrap()))
    }

    fn write(&self, file: (u64, u64), offset: u64, size: u64) -> io::Result<usize> {
        self.write_with(file, offset, size, 0)
    }

    fn write_with(
        &self,
        (inode, handle): (u64, u64),
        offset: u64,
        size: u64,
        flags: i32,
    ) -> io::Result<usize> {
        self.system.write(
            context(),
            inode,
            handle,
            Bytes(vec![7; size as usize]),
            size as u32,
            offset,
            None,
            false,
            false,
            flags.cast_unsigned(),
        )
    }

    fn resize(&self, inode: u64, size: u64) -> io::Result<()> {
        let attributes = SetattrIn {
            size,
            ..SetattrIn::default()
        };
        self.system
            .setattr(context(), inode, attributes, None, SetattrValid::SIZE)
            .map(drop)
    }

    fn close(&self, (inode, handle): (u64, u64)) {
        self.system
            .release(context(), inode, 0, handle, false, false, None)
            .unwrap();
    }

    /// Bytes that are charged, which must be those that are there.
    fn charged(&self) -> u64 {
        let charged = self.system.quota.usage().bytes;
        let there: u64 = std::fs::read_dir(self.directory.path().join("data"))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert_eq!(charged, there);
        charged
    }
}

fn over(outcome: io::Result<impl Sized>) {
    assert_eq!(outcome.map(drop).unwrap_err().raw_os_error(), Some(libc::EDQUOT));
}

#[test]
fn writes_are_charged_by_what_they_add() {
    let share = Share::new(100);
    let file = share.create("file", 0).unwrap();
    share.write(file, 0, 60_000).unwrap();
    share.write(file, 30_000, 60_000).unwrap();
    share.write(file, 0, 90_000).unwrap();
    assert_eq!(share.charged(), 90_000);
    over(share.write(file, 90_000, 10_001));
    assert_eq!(share.charged(), 90_000);
    share.write(file, 90_000, 10_000).unwrap();
    over(share.write(file, LIMIT, 1));
    share.write(file, LIMIT - 1, 1).unwrap();
    assert_eq!(share.charged(), LIMIT);
}

#[test]
fn appending_is_charged_whatever_offset_the_guest_names() {
    let share = Share::new(100);
    let file = share.create("log", libc::O_APPEND).unwrap();
    for _ in 0..2 {
        share.write_with(file, 0, 50_000, libc::O_APPEND).unwrap();
    }
    assert_eq!(share.charged(), LIMIT);
    over(share.write_with(file, 0, 1, libc::O_APPEND));
}

#[test]
fn every_way_to_make_a_file_longer_is_charged_and_every_way_back_is_given_back() {
    let share = Share::new(100);
    let file = share.create("file", 0).unwrap();
    let other = share.create("other", 0).unwrap();
    let allocate = |mode: i32, offset, length| {
        share
            .system
            .fallocate(context(), file.0, file.1, mode.cast_unsigned(), offset, length)
    };
    share.resize(file.0, 50_000).unwrap();
    over(share.resize(file.0, LIMIT + 1));
    over(allocate(0, 50_000, 50_001));
    allocate(0, 50_000, 20_000).unwrap();
    assert_eq!(share.charged(), 70_000);
    let copy = |length| {
        share
            .system
            .copyfilerange(context(), file.0, file.1, 0, other.0, other.1, 0, length, 0)
    };
    over(copy(70_000));
    copy(30_000).unwrap();
    assert_eq!(share.charged(), LIMIT);
    for hidden in [
        libc::FALLOC_FL_KEEP_SIZE,
        libc::FALLOC_FL_INSERT_RANGE,
        libc::FALLOC_FL_COLLAPSE_RANGE,
        libc::FALLOC_FL_ZERO_RANGE | libc::FALLOC_FL_KEEP_SIZE,
    ] {
        let outcome = allocate(hidden, 4096, 4096);
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::EOPNOTSUPP));
    }
    share.resize(file.0, 1000).unwrap();
    assert_eq!(share.charged(), 31_000);
    let truncate = (libc::O_RDWR | libc::O_TRUNC).cast_unsigned();
    share.system.open(context(), other.0, false, truncate).unwrap();
    assert_eq!(share.charged(), 1000);
}

#[test]
fn names_that_go_give_their_room_back() {
    let share = Share::new(4);
    let make = |file| -> io::Result<()> {
        let file = share.create(file, 0)?;
        share.write(file, 0, 30_000)?;
        share.close(file);
        Ok(())
    };
    for file in ["a", "b", "c"] {
        make(file).unwrap();
    }
    // Three files and the directory itself, or not: at most one more fits.
    let fourth = make("d");
    over(make("e"));
    if fourth.is_ok() {
        share.system.unlink(context(), ROOT, &name("d")).unwrap();
    }
    share.system.unlink(context(), ROOT, &name("a")).unwrap();
    assert_eq!(share.charged(), 60_000);
    share
        .system
        .rename(context(), ROOT, &name("b"), ROOT, &name("c"), 0)
        .unwrap();
    assert_eq!(share.charged(), 30_000);
    share
        .system
        .mkdir(context(), ROOT, &name("x"), 0o700, 0, Extensions::default())
        .unwrap();
    share.system.rmdir(context(), ROOT, &name("x")).unwrap();
    share
        .system
        .symlink(context(), &name("there"), ROOT, &name("l"), Extensions::default())
        .unwrap();
}

#[test]
fn removed_files_that_stay_open_count() {
    let share = Share::new(100);
    let held: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|file| {
            let held = share.create(file, 0).unwrap();
            share.write(held, 0, 40_000).unwrap();
            share.system.unlink(context(), ROOT, &name(file)).unwrap();
            held
        })
        .collect();
    let file = share.create("c", 0).unwrap();
    over(share.write(file, 0, 20_001));
    over(share.write(held[0], 40_000, 20_001));
    share.write(file, 0, 20_000).unwrap();
    share.close(held[1]);
    share.write(file, 20_000, 40_000).unwrap();
    over(share.write(file, 60_000, 1));
}

#[test]
fn the_guest_sees_the_quota_as_the_size_of_its_file_system() {
    let share = Share::new(100);
    let file = share.create("file", 0).unwrap();
    share.write(file, 0, 50_000).unwrap();
    let seen = share.system.statfs(context(), ROOT).unwrap();
    let block = seen.f_frsize;
    assert_eq!((seen.f_blocks, seen.f_bavail), (LIMIT / block, 50_000 / block));
    assert_eq!(seen.f_files, 100);
}
