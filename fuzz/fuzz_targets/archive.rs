//! Archives from anybody: unpacking one never panics, stays within the quota, and touches nothing outside.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use msb_tree::{Limit, Quota, Tree, Usage};

const LIMIT: Limit = Limit {
    bytes: 1 << 20,
    inodes: 64,
};

fuzz_target!(|archive: &[u8]| {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("volume");
    fs::create_dir(&root).expect("a root");
    let quota = Arc::new(Quota::open(&dir.path().join("ledger"), &root, LIMIT).expect("a ledger"));
    let tree = Tree::beneath(&root)
        .expect("a tree")
        .with_quota(Arc::clone(&quota));
    let imported = tree.import_tar(Path::new("."), &mut &sealed(archive)[..], &mut |_| true);
    let Usage { bytes, inodes } = tree.usage().expect("what was made can be counted");
    assert!(bytes <= LIMIT.bytes && inodes <= LIMIT.inodes);
    assert_eq!(
        fs::read_dir(dir.path()).expect("the directory is there").count(),
        2
    );
    if imported.is_ok() {
        let mut again = Vec::new();
        tree.export_tar(Path::new("."), &mut again, &mut |_| true)
            .expect("what was unpacked can be packed");
    }
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
