//! What the crate adds to plain system calls: five bytes and 64 MiB, read and written, beside open, read or write, and
//! close as a C program makes them, in the same run.
//!
//! Prints `name ours plain ratio`, medians: nanoseconds for the small ones, MiB/s for the large ones.

use std::ffi::CString;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use msb_tree::{Limit, Quota, Tree, WriteMode};

const LARGE: usize = 64 << 20;

/// Medians of two, taken in turns so that both see the same machine.
fn medians(rounds: usize, calls: usize, mut one: impl FnMut(), mut two: impl FnMut()) -> (f64, f64) {
    let mut times = (Vec::new(), Vec::new());
    let time = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        start.elapsed().as_secs_f64() * 1e9 / calls as f64
    };
    for _ in 0..rounds {
        times.0.push(time(&mut one));
        times.1.push(time(&mut two));
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (median(times.0), median(times.1))
}

/// open, write, close.
fn plain_write(path: &CString, data: &[u8]) {
    // SAFETY: the path is NUL-terminated, the data lives through the calls, and the descriptor is closed once.
    unsafe {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
        let file = libc::open(path.as_ptr(), flags, 0o600);
        let mut done = 0;
        while done < data.len() {
            let wrote = libc::write(file, data[done..].as_ptr().cast(), data.len() - done);
            assert!(wrote > 0);
            done += wrote as usize;
        }
        libc::close(file);
    }
}

/// malloc, open, read, close, free: the caller of `read` gets new memory too.
fn plain_read(path: &CString, len: usize) {
    // SAFETY: as above; the memory is as long as what is read into it, and freed once.
    unsafe {
        let memory = libc::malloc(len);
        let file = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let mut done = 0;
        while done < len {
            let got = libc::read(file, memory.byte_add(done), len - done);
            assert!(got > 0);
            done += got as usize;
        }
        libc::close(file);
        libc::free(memory);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("volume");
    std::fs::create_dir(&root)?;
    let tree = Tree::beneath(&root)?;
    let quota = Quota::open(&dir.path().join("ledger"), &root, Limit::of_mib(1024))?;
    let charged = tree.clone().with_quota(Arc::new(quota));
    let (ours, theirs) = (Path::new("ours"), root.join("plain"));
    let plain = CString::new(theirs.as_os_str().as_bytes())?;
    let mut out = std::io::stdout().lock();
    for (name, tree) in [("", &tree), ("charged_", &charged)] {
        let write = |data: &[u8]| tree.write(ours, data, WriteMode::Replace, 0o600);
        let small = *b"hello";
        write(&small)?;
        let (a, b) = medians(15, 200, || drop(write(&small)), || plain_write(&plain, &small));
        writeln!(out, "{name}write_5_ns {a:.0} {b:.0} {:.2}", a / b)?;
        let (a, b) = medians(31, 1_000, || drop(tree.read(ours, 100)), || plain_read(&plain, 5));
        writeln!(out, "{name}read_5_ns {a:.0} {b:.0} {:.2}", a / b)?;
        let large = vec![7; LARGE];
        write(&large)?;
        let rate = |nanoseconds: f64| 64.0 * 1e9 / nanoseconds;
        let (a, b) = medians(11, 1, || drop(write(&large)), || plain_write(&plain, &large));
        let (a, b) = (rate(a), rate(b));
        writeln!(out, "{name}write_64m_mib_s {a:.0} {b:.0} {:.2}", a / b)?;
        let limit = LARGE as u64;
        let (a, b) = medians(
            11,
            1,
            || drop(tree.read(ours, limit)),
            || plain_read(&plain, LARGE),
        );
        let (a, b) = (rate(a), rate(b));
        writeln!(out, "{name}read_64m_mib_s {a:.0} {b:.0} {:.2}", a / b)?;
    }
    Ok(())
}
