//! What a new image promises: e2fsck finds nothing to say at any size, it takes next to no room, nothing
//! that exists is destroyed, and a full host disk is told apart. Needs e2fsprogs and, for the full disk,
//! util-linux with user namespaces (or root); a test whose tool is missing fails and names it.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panicking"
)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use msb_disk::{Ext4Error, MAX_SIZE_BYTES, MIN_SIZE_BYTES, create_ext4, format_ext4};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const UUID: [u8; 16] = *b"\x10\x32\x54\x76\x98\xba\x4c\xde\x80\x01\x23\x45\x67\x89\xab\xcd";
const TOOL_DEADLINE: Duration = Duration::from_secs(120);

/// Runs a tool of e2fsprogs or util-linux to its end, which must come before the deadline.
fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{command:?}: {error}; install e2fsprogs and util-linux, sbin in PATH")
        });
    let pid = rustix::process::Pid::from_child(&child);
    let fd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    let mut wait = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
    let deadline = rustix::time::Timespec {
        tv_sec: TOOL_DEADLINE.as_secs() as i64,
        tv_nsec: 0,
    };
    if rustix::event::poll(&mut wait, Some(&deadline)).unwrap() == 0 {
        child.kill().unwrap();
        panic!(
            "{command:?} did not end within {TOOL_DEADLINE:?}: {:?}",
            child.wait_with_output()
        );
    }
    child.wait_with_output().unwrap()
}

fn assert_clean(image: &Path) {
    let output = run(Command::new("e2fsck").arg("-fn").arg(image));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "e2fsck: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn debugfs(image: &Path, request: &str) -> String {
    let output = run(Command::new("debugfs").args(["-R", request]).arg(image));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn room_taken(image: &Path) -> u64 {
    fs::metadata(image).unwrap().blocks() * 512
}

#[test]
fn e2fsck_finds_nothing_at_any_size() {
    let dir = tempfile::tempdir().unwrap();
    let sizes = [
        MIN_SIZE_BYTES,
        64 * MIB,
        100 * MIB,
        127 * MIB + 5000,
        128 * MIB,
        // A second group too short to be used, one just long enough, and a flex group of one short group.
        129 * MIB,
        140 * MIB,
        2 * GIB + 30 * MIB,
        GIB,
        4 * GIB,
        100 * GIB,
        2 * TIB,
    ];
    for size in sizes {
        let image = dir.path().join(format!("{size}.img"));
        create_ext4(&image, size, "upper").unwrap();
        assert_clean(&image);
        assert_eq!(fs::metadata(&image).unwrap().len(), size / 4096 * 4096);
        fs::remove_file(&image).unwrap();
    }
}

#[test]
fn root_holds_nothing_but_lost_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    create_ext4(&image, 64 * MIB, "upper").unwrap();
    let listing = debugfs(&image, "ls -p /");
    let entries: Vec<&str> = listing.lines().filter(|line| line.starts_with('/')).collect();
    assert_eq!(entries.len(), 3, "{listing}");
    for entry in [
        "/2/040755/0/0/.//",
        "/2/040755/0/0/..//",
        "/11/040700/0/0/lost+found//",
    ] {
        assert!(listing.contains(entry), "{entry} not in {listing}");
    }
}

#[test]
fn label_and_uuid_are_those_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    format_ext4(
        &File::create_new(&image).unwrap(),
        64 * MIB,
        "sixteen-bytes-ok",
        UUID,
    )
    .unwrap();
    let stats = debugfs(&image, "show_super_stats -h");
    assert!(stats.contains("sixteen-bytes-ok"), "{stats}");
    assert!(stats.contains("10325476-98ba-4cde-8001-23456789abcd"), "{stats}");
}

#[test]
fn journal_grows_with_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    for (size, journal) in [
        (64 * MIB, 4 * MIB),
        (512 * MIB, 16 * MIB),
        (4 * GIB, 64 * MIB),
        (TIB, 64 * MIB),
    ] {
        let image = dir.path().join(format!("{size}.img"));
        create_ext4(&image, size, "").unwrap();
        let stat = debugfs(&image, "stat <8>");
        assert!(stat.contains(&format!("Size: {journal}")), "{stat}");
    }
}

#[test]
fn every_backup_superblock_repairs_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    create_ext4(&image, GIB, "upper").unwrap();
    for backup_group in [1, 7] {
        let file = OpenOptions::new().write(true).open(&image).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 8192], 0).unwrap();
        let superblock = (backup_group * 32_768).to_string();
        let output = run(Command::new("e2fsck")
            .args(["-fy", "-B", "4096", "-b", &superblock])
            .arg(&image));
        assert!(output.status.code().is_some_and(|code| code <= 1), "{output:?}");
        assert_clean(&image);
    }
}

#[test]
fn a_new_image_takes_next_to_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    let start = Instant::now();
    create_ext4(&image, 4 * GIB, "upper").unwrap();
    println!(
        "4 GiB: {:?}, {} KiB on the host",
        start.elapsed(),
        room_taken(&image) / 1024
    );
    assert!(room_taken(&image) <= 256 * 1024, "{} bytes", room_taken(&image));
}

#[test]
fn image_is_readable_by_its_owner_only_and_leaves_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    create_ext4(&image, 64 * MIB, "upper").unwrap();
    assert_eq!(fs::metadata(&image).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn existing_files_are_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    fs::write(&image, "precious").unwrap();
    let error = create_ext4(&image, 64 * MIB, "upper").unwrap_err();
    assert!(matches!(error.cause(), Ext4Error::Exists), "{error:?}");
    assert!(error.to_string().contains("upper.img"), "{error}");

    let file = OpenOptions::new().write(true).open(&image).unwrap();
    let error = format_ext4(&file, 64 * MIB, "upper", UUID).unwrap_err();
    assert!(matches!(error, Ext4Error::NotEmpty { len: 8 }), "{error:?}");
    assert_eq!(fs::read(&image).unwrap(), b"precious");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_emptied_file_is_formatted_anew() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    fs::write(&image, vec![0xa5; 8 * MIB as usize]).unwrap();
    let file = OpenOptions::new().write(true).open(&image).unwrap();
    file.set_len(0).unwrap();
    format_ext4(&file, 64 * MIB, "upper", UUID).unwrap();
    assert_clean(&image);
}

#[test]
fn what_cannot_be_made_is_refused_before_the_file_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("upper.img");
    let file = File::create_new(&image).unwrap();
    for size in [0, MIN_SIZE_BYTES - 1, MAX_SIZE_BYTES + 1] {
        assert!(matches!(
            format_ext4(&file, size, "x", UUID),
            Err(Ext4Error::SizeOutOfRange { .. })
        ));
    }
    for label in ["seventeen-bytes-x", "nul\0inside"] {
        assert!(matches!(
            format_ext4(&file, 64 * MIB, label, UUID),
            Err(Ext4Error::BadLabel { .. })
        ));
    }
    let device = OpenOptions::new().write(true).open("/dev/null").unwrap();
    assert!(matches!(
        format_ext4(&device, 64 * MIB, "x", UUID),
        Err(Ext4Error::NotRegularFile)
    ));
    assert_eq!(fs::metadata(&image).unwrap().len(), 0);
}

/// Mounts a tmpfs of 16 KiB where nobody else sees it, and runs the test below on it.
#[test]
fn a_full_host_disk_is_told_apart_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=16k none "$1" && exec "$2" --exact --ignored on_a_full_disk"#;
    let output = run(Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "--",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .env("FULL_DISK", dir.path()));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "run by a_full_host_disk_is_told_apart_and_leaves_nothing, which mounts the disk"]
fn on_a_full_disk() {
    let dir = std::env::var_os("FULL_DISK").unwrap();
    let error = create_ext4(Path::new(&dir).join("upper.img"), 4 * GIB, "upper").unwrap_err();
    assert!(matches!(error.cause(), Ext4Error::NoSpace(_)), "{error:?}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}
