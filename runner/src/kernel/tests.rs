use super::*;

const LOAD: u64 = 0x100_0000;

fn image(bytes: &[u8]) -> Image<'_> {
    Image {
        bytes,
        load: LOAD,
        entry: LOAD + 1,
    }
}

#[test]
fn the_head_is_what_both_hypervisors_read() {
    let head = image(b"kernel").head().unwrap();
    let u16_at = |at: usize| u16::from_le_bytes(head[at..at + 2].try_into().unwrap());
    let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
    assert_eq!(head.len(), 0x1000);
    assert_eq!(&head[..7], b"\x7fELF\x02\x01\x01");
    assert_eq!((u16_at(16), u16_at(18), u32_at(20)), (2, 62, 1));
    assert_eq!(
        (u64_at(24), u64_at(32), u64_at(40)),
        (LOAD + 1, 64, 0),
        "entry, segments, sections"
    );
    assert_eq!((u16_at(52), u16_at(54), u16_at(56)), (64, 56, 2));
    assert_eq!((u32_at(64), u32_at(68)), (1, 5), "a segment to load");
    assert_eq!(
        [72, 80, 88, 96, 104, 112].map(u64_at),
        [0x1000, LOAD, LOAD, 6, 6, 0x1000]
    );
    assert_eq!((u32_at(120), u32_at(124)), (4, 4), "a note");
    assert_eq!([128, 136, 144, 152, 160, 168].map(u64_at), [176, 0, 0, 24, 24, 4]);
    assert_eq!((u32_at(176), u32_at(180), u32_at(184)), (4, 8, 18));
    assert_eq!(&head[188..192], b"Xen\0");
    assert_eq!(u64_at(192), LOAD);
    assert!(head[200..].iter().all(|&byte| byte == 0));
}

#[test]
fn an_image_that_cannot_boot_is_refused() {
    for broken in [
        Image {
            entry: LOAD - 1,
            ..image(b"kernel")
        },
        Image {
            entry: LOAD + 6,
            ..image(b"kernel")
        },
        Image {
            load: LOAD + 1,
            ..image(b"kernel")
        },
        Image {
            load: u64::MAX - 0xfff,
            entry: u64::MAX - 0xfff,
            bytes: &[0; 0x1000],
        },
    ] {
        assert!(matches!(broken.head(), Err(KernelError::Image(_))));
    }
}

#[test]
fn a_library_that_is_missing_or_foreign_says_which() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("kernel");
    let missing = directory.path().join("libkrunfw.so");
    let error = wrap_library(Some(&missing), &destination).unwrap_err();
    assert_eq!(Failure::from(error).cause, "not_found");
    let error = wrap_library(Some(Path::new("libc.so.6")), &destination).unwrap_err();
    assert_eq!(Failure::from(error).cause, "not_libkrunfw");
    assert!(!destination.exists());
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("kernel");
    store(&destination, &[b"head", b"kernel"]).unwrap();
    assert_eq!(fs::read(&destination).unwrap(), b"headkernel");
    // A directory cannot be replaced by a file.
    let taken = directory.path().join("taken");
    fs::create_dir(&taken).unwrap();
    store(&taken, &[b"kernel"]).unwrap_err();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}
