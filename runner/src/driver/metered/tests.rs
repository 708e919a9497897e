use super::*;
use msb_tree::Limit;
use std::os::fd::AsRawFd;
use std::process::Command;

const LIMIT: u64 = 100_000;

/// What a call answered, or its errno.
fn outcome(answer: impl Into<i64>) -> Result<i64, i32> {
    match answer.into() {
        answer if answer >= 0 => Ok(answer),
        _ => Err(last_errno()),
    }
}

fn open(directory: c_int, name: &CStr, flags: c_int) -> Result<c_int, i32> {
    // SAFETY: the name ends in zero.
    let fd = unsafe { libc::openat(directory, name.as_ptr(), flags | libc::O_CLOEXEC, 0o600) };
    outcome(fd).map(|_| fd)
}

fn write(file: c_int, offset: i64, length: usize) -> Result<i64, i32> {
    let data = vec![7; length];
    // SAFETY: the data are as long as it says.
    outcome(unsafe { libc::pwrite64(file, data.as_ptr().cast(), length, offset) } as i64)
}

fn write_pieces(file: c_int, offset: i64, length: usize) -> Result<i64, i32> {
    let mut data = vec![7_u8; length];
    let half = length / 2;
    let piece = |part: &mut [u8]| libc::iovec {
        iov_base: part.as_mut_ptr().cast(),
        iov_len: part.len(),
    };
    let (first, second) = data.split_at_mut(half);
    let pieces = [piece(first), piece(second)];
    // SAFETY: two pieces, which live through the call.
    outcome(unsafe { libc::pwritev64(file, pieces.as_ptr(), 2, offset) } as i64)
}

fn remove(directory: c_int, name: &CStr) {
    // SAFETY: the name ends in zero.
    assert_eq!(unsafe { libc::unlinkat(directory, name.as_ptr(), 0) }, 0);
}

#[test]
fn all_that_libkrun_writes_is_charged() {
    let run = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "driver::metered::tests::inside_a_vmm_with_a_quota",
            "--ignored",
            "--test-threads=1",
        ])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
#[ignore = "the meters hold for a whole process: run in one of its own by the test above"]
fn inside_a_vmm_with_a_quota() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let limit = Limit {
        bytes: LIMIT,
        inodes: 100,
    };
    let quota = Quota::open(&home.path().join("ledger"), &data, limit).unwrap();
    assert!(install(vec![Meter::new(&data, quota).unwrap()]));
    let charged = || METERS.get().unwrap()[0].quota.usage().bytes;
    let root = std::fs::File::open(&data).unwrap();
    let root = root.as_raw_fd();
    let over = Err(libc::EDQUOT);
    let new = libc::O_CREAT | libc::O_RDWR;

    let file = open(root, c"file", new).unwrap();
    assert_eq!(write(file, 0, 60_000), Ok(60_000));
    assert_eq!(write_pieces(file, 30_000, 60_000), Ok(60_000));
    assert_eq!((write(file, 90_000, 10_001), charged()), (over, 90_000));
    assert_eq!(write_pieces(file, 90_000, 10_001), over);
    assert_eq!(outcome(libc_ftruncate(file, 100_001)), over);
    assert_eq!(outcome(libc_fallocate(file, 0, 0, 100_001)), over);
    let keep = libc::FALLOC_FL_KEEP_SIZE;
    assert_eq!(
        outcome(libc_fallocate(file, keep, 0, 4096)),
        Err(libc::EOPNOTSUPP)
    );
    assert_eq!(outcome(libc_ftruncate(file, 40_000)), Ok(0));
    assert_eq!(charged(), 40_000);

    // Appending ends elsewhere than the offset says.
    let log = open(root, c"log", new | libc::O_APPEND).unwrap();
    assert_eq!(write(log, 0, 30_000), Ok(30_000));
    assert_eq!(write(log, 0, 30_000), Ok(30_000));
    assert_eq!((write(log, 0, 1), charged()), (over, LIMIT));
    remove(root, c"log");
    // It is open still.
    assert_eq!(charged(), 40_000);
    assert_eq!(write(file, 40_000, 1), over);
    // SAFETY: the descriptor is this test's own.
    assert_eq!(unsafe { libc::close(log) }, 0);
    assert_eq!(write(file, 40_000, 60_000), Ok(60_000));
    assert_eq!(outcome(libc_ftruncate(file, 40_000)), Ok(0));

    let copy = open(root, c"copy", new).unwrap();
    let (mut from, mut to) = (0_i64, 0_i64);
    // SAFETY: both offsets live through the call.
    let copied = unsafe { libc::copy_file_range(file, &raw mut from, copy, &raw mut to, 90_000, 0) };
    assert_eq!((copied, charged()), (40_000, 80_000));
    let mut to = 61_000_i64;
    let mut from = 0_i64;
    // SAFETY: as above.
    let copied = unsafe { libc::copy_file_range(file, &raw mut from, copy, &raw mut to, 90_000, 0) };
    assert_eq!(outcome(copied as i64), over);
    // Truncated by opening it through its descriptor, as libkrun does.
    let numbers = std::fs::File::open("/proc/self/fd").unwrap();
    let number = std::ffi::CString::new(copy.to_string()).unwrap();
    open(numbers.as_raw_fd(), &number, libc::O_RDWR | libc::O_TRUNC).unwrap();
    assert_eq!(charged(), 40_000);

    let made = || -> u64 { METERS.get().unwrap()[0].quota.usage().inodes };
    let before = made();
    // SAFETY: the names end in zero.
    unsafe {
        assert_eq!(libc::mkdirat(root, c"d".as_ptr(), 0o700), 0);
        assert_eq!(libc::symlinkat(c"d".as_ptr(), root, c"l".as_ptr()), 0);
        assert_eq!(libc::mknodat(root, c"f".as_ptr(), libc::S_IFIFO | 0o600, 0), 0);
        assert_eq!(libc::mkdirat(root, c"d".as_ptr(), 0o700), -1);
    }
    assert_eq!(made(), before + 3);
    remove(root, c"l");
    assert_eq!(made(), before + 2);
    // What is not below the directory is not charged.
    let outside = open(libc::AT_FDCWD, c"/dev/null", libc::O_RDWR).unwrap();
    assert_eq!(write(outside, 0, 200_000), Ok(200_000));
}

fn libc_ftruncate(file: c_int, end: i64) -> c_int {
    // SAFETY: the call takes integers.
    unsafe { libc::ftruncate(file, end) }
}

fn libc_fallocate(file: c_int, mode: c_int, offset: i64, length: i64) -> c_int {
    // SAFETY: the call takes integers.
    unsafe { libc::fallocate64(file, mode, offset, length) }
}
