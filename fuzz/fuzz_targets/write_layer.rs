//! Archives from anybody as layers: writing one never panics, stays within the limits, and what is written can be read and
//! merged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msb_erofs::reader::Image;
use msb_erofs::{Limits, merge, write_layer};

fuzz_target!(|archive: &[u8]| {
    let limits = Limits {
        entries: 256,
        file_bytes: 1 << 24,
        total_bytes: 1 << 20,
        metadata_bytes: 1 << 18,
        ..Limits::default()
    };
    let file = tempfile::tempfile().expect("a file");
    let Ok(layer) = write_layer(&mut &sealed(archive)[..], &file, &limits) else {
        return;
    };
    assert!(layer.bytes <= limits.total_bytes);
    let parts = [&file];
    let image = Image::open(&parts).expect("what was written is an image");
    assert_eq!(image.entries(), layer.entries);
    let merged = tempfile::tempfile().expect("a file");
    merge(&parts, &merged, &Limits::default()).expect("what was written can be merged");
});

/// With right checksums wherever a header can be: the fuzzer would hardly find one.
fn sealed(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    for header in archive.chunks_exact_mut(512) {
        if header.iter().all(|byte| *byte == 0) {
            continue;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    archive
}
