//! What a prune frees, that it is what it says, and what it leaves alone.

use crate::support::{Home, told};
use msb::storage::fsck::fsck;
use msb::storage::measure::measure;
use msb::storage::prune::{What, prune};
use std::fs;

const EVERYTHING: What = What {
    cache: true,
    temporary: true,
    lost: true,
    logs: true,
    backups: true,
    images: true,
};

#[test]
fn a_prune_frees_what_it_says() {
    let home = Home::new();
    home.volume("data");
    fs::write(home.at("volumes/data/a"), vec![1; 1 << 20]).unwrap();
    fs::create_dir_all(home.at("volumes/stray")).unwrap();
    fs::write(home.at("volumes/stray/b"), vec![1; 2 << 20]).unwrap();
    fsck(&home.backend, true).unwrap();
    home.running("ended", &[]).stop(10_000).unwrap();
    fs::create_dir_all(home.at("cache/kernel")).unwrap();
    fs::write(home.at("cache/kernel/00.elf"), vec![1; 3 << 20]).unwrap();
    fs::write(home.at("cache/half.tmp"), vec![1; 300_000]).unwrap();
    fs::write(home.at("db/msb.db.backup-m1"), vec![1; 400_000]).unwrap();
    let planned = prune(&home.backend, EVERYTHING, true).unwrap();
    let before = measure(home.path()).unwrap().bytes;
    let freed = prune(&home.backend, EVERYTHING, false).unwrap();
    let after = measure(home.path()).unwrap().bytes;
    assert!(
        freed.iter().all(|item| item.action.name() == "removed"),
        "{freed:?}"
    );
    assert_eq!(freed.len(), planned.len());
    let said: u64 = freed.iter().map(|item| item.bytes).sum();
    assert_eq!(said, planned.iter().map(|item| item.bytes).sum::<u64>());
    assert!(said > 5 << 20);
    assert_eq!(before - after, said);
    assert_eq!(told(&prune(&home.backend, EVERYTHING, false).unwrap()), []);
    assert!(home.at("volumes/data/a").is_file());
    assert!(prune(&home.backend, What::default(), false).is_err());
}

#[test]
fn nothing_of_a_running_sandbox_goes() {
    let home = Home::new();
    let sandbox = home.running("busy", &[]);
    let directory = home.at("sandboxes/busy");
    let before = measure(&directory).unwrap().files;
    let found = prune(&home.backend, EVERYTHING, false).unwrap();
    assert_eq!(told(&found), []);
    assert_eq!(measure(&directory).unwrap().files, before);
    assert_eq!(told(&fsck(&home.backend, true).unwrap()), []);
    sandbox.stop(10_000).unwrap();
}
