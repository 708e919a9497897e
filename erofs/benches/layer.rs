//! An archive into a layer, beside a plain copy of the archive to the same directory, in the same run; and the merge of ten
//! layers of it.
//!
//! usage: layer [ARCHIVE [OUT]]: without an archive, one of 128 MiB is made; with OUT, the layer is left there.
//! Prints `name milliseconds`, medians of five.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::time::Instant;

use msb_erofs::{Limits, merge, write_layer};

const ROUNDS: usize = 5;

fn median(mut run: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

/// Files of 8 KiB, which is about what images have.
fn archive() -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let mut content = [0_u8; 8192];
    for number in 0..16384_u32 {
        let mut header = [0; 512];
        let name = format!("dir{:03}/file{number:06}", number / 100);
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(b"00000020000\0");
        header[148..156].fill(b' ');
        header[156] = b'0';
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        for (at, byte) in content.iter_mut().enumerate() {
            *byte = (at as u32 ^ number) as u8;
        }
        file.write_all(&header)?;
        file.write_all(&content)?;
    }
    file.write_all(&[0; 1024])?;
    Ok(file)
}

fn main() -> io::Result<()> {
    // The harness adds options of its own.
    let mut paths = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
    let mut from = match paths.next() {
        Some(path) => File::open(path)?,
        None => archive()?,
    };
    let layer = match paths.next() {
        Some(path) => File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?,
        None => tempfile::tempfile()?,
    };
    let copy = median(|| {
        from.rewind()?;
        let mut to = tempfile::tempfile()?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            match io::Read::read(&mut from, &mut buffer)? {
                0 => return Ok(()),
                got => to.write_all(&buffer[..got])?,
            }
        }
    })?;
    let limits = Limits::default();
    let write = median(|| {
        from.rewind()?;
        let mut reader = &from;
        write_layer(&mut reader, &layer, &limits)
            .map(drop)
            .map_err(io::Error::other)
    })?;
    let out = tempfile::tempfile()?;
    let merge = median(|| {
        merge(&[&layer; 10], &out, &limits)
            .map(drop)
            .map_err(io::Error::other)
    })?;
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "copy {copy:.0}\nwrite_layer {write:.0}\nmerge_ten {merge:.0}"
    )
}
