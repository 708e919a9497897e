//! Archives that mean harm are refused with the reason, and cost no more than the limits say.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::io::Read;

use msb_erofs::{LayerError, LimitKind, Limits, Refusal, write_layer};
use support::{Entry, Tar, brief, layer, list, noise, record, seal, try_layer, try_list};

fn refusal(tar: Tar) -> Refusal {
    match try_layer(&tar.end(), &Limits::default()) {
        Err(LayerError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn limit(tar: Tar, limits: &Limits) -> LimitKind {
    match try_layer(&tar.end(), limits) {
        Err(LayerError::Limit { source, .. }) => source.kind,
        other => panic!("{other:?}"),
    }
}

fn is_damaged(tar: &[u8]) -> bool {
    matches!(
        try_layer(tar, &Limits::default()),
        Err(LayerError::Damaged { .. })
    )
}

fn is_truncated(tar: &[u8]) -> bool {
    matches!(
        try_layer(tar, &Limits::default()),
        Err(LayerError::Truncated { .. })
    )
}

#[test]
fn paths_that_lead_up_are_refused_and_absolute_ones_count_from_the_root() {
    for path in ["../x", "a/../../x", "..", "a/..", "/../x"] {
        assert_eq!(refusal(Tar::new().file(path, b"x")), Refusal::Outside, "{path}");
    }
    assert_eq!(
        refusal(Tar::new().file("a", b"").hard_link("b", "../a")),
        Refusal::Outside
    );
    let listing = list(&[&layer(
        Tar::new()
            .file("/etc//./passwd", b"x")
            .hard_link("b", "/etc/passwd"),
    )]);
    assert_eq!(brief(&listing), ["/b [x]", "/etc/", "/etc/passwd [x]"]);
}

#[test]
fn symbolic_links_lead_to_places_of_the_same_tree() {
    for (target, place) in [
        ("/", "/file"),
        ("/etc", "/etc/file"),
        ("../..", "/file"),
        ("dir", "/dir/file"),
        ("./dir/../dir//", "/dir/file"),
        (".", "/file"),
        ("other", "/dir/file"),
        ("missing/deep", "/missing/deep/file"),
    ] {
        let tar = Tar::new()
            .dir("dir", 0o755)
            .symlink("link", target)
            .symlink("other", "/dir")
            .file("link/file", b"x")
            .hard_link("hard", "link/file");
        let listing = brief(&list(&[&layer(tar)]));
        assert!(listing.contains(&format!("{place} [x]")), "{target}: {listing:?}");
        assert!(
            listing.contains(&format!("/link {target}")),
            "{target}: {listing:?}"
        );
        assert!(listing.contains(&"/hard [x]".to_owned()), "{target}: {listing:?}");
    }
    for (target, why) in [
        ("link", "a circle"),
        ("round", "a circle of two"),
        ("plain", "a file"),
    ] {
        let tar = Tar::new()
            .file("plain", b"")
            .symlink("round", "link")
            .symlink("link", target);
        let below = tar.clone().file("link/file", b"x");
        assert_eq!(refusal(below), Refusal::BelowNonDirectory, "{why}");
        let whiteout = tar.clone().file("link/.wh.file", b"");
        assert_eq!(refusal(whiteout), Refusal::BelowNonDirectory, "{why}");
        let hard = tar.hard_link("hard", "link/file");
        assert_eq!(refusal(hard), Refusal::LinkToNothing, "{why}");
    }
    // Links that are long ways together end as a circle does.
    let long = "./".repeat(1500);
    let second = format!("{long}one");
    let tar = Tar::new()
        .pax(&[("linkpath", long.as_bytes())])
        .symlink("one", "x")
        .pax(&[("linkpath", second.as_bytes())])
        .symlink("two", "x");
    assert!(brief(&list(&[&layer(tar.clone().file("one/file", b"x"))])).contains(&"/file [x]".to_owned()));
    assert_eq!(refusal(tar.file("two/file", b"x")), Refusal::BelowNonDirectory);
    // An entry with the link's own name replaces it, and does not write to where it points.
    let tar = Tar::new()
        .file("file", b"old")
        .symlink("link", "file")
        .file("link", b"new");
    assert_eq!(brief(&list(&[&layer(tar)])), ["/file [old]", "/link [new]"]);
}

#[test]
fn nothing_goes_below_a_file() {
    assert_eq!(
        refusal(Tar::new().file("a", b"").file("a/b", b"")),
        Refusal::BelowNonDirectory
    );
    assert_eq!(
        refusal(Tar::new().device("null", b'3', 1, 3).dir("null/b", 0o755)),
        Refusal::BelowNonDirectory
    );
}

#[test]
fn hard_links_need_something_to_link_to() {
    assert_eq!(
        refusal(Tar::new().hard_link("a", "missing")),
        Refusal::LinkToNothing
    );
    assert_eq!(refusal(Tar::new().hard_link("a", "a")), Refusal::LinkToNothing);
    assert_eq!(
        refusal(Tar::new().hard_link("a", "b").file("b", b"")),
        Refusal::LinkToNothing
    );
    assert_eq!(
        refusal(Tar::new().dir("d", 0o755).hard_link("a", "d")),
        Refusal::BadLink
    );
    assert_eq!(refusal(Tar::new().hard_link("a", "/")), Refusal::BadLink);
    assert_eq!(
        refusal(Tar::new().file(".wh.w", b"").hard_link("a", "w")),
        Refusal::BadLink
    );
    assert_eq!(refusal(Tar::new().hard_link("a", "")), Refusal::BadPath);
}

#[test]
fn impossible_names_and_links_are_refused() {
    let nul = |path: &[u8]| Tar::new().pax(&[("path", path)]).file("x", b"");
    assert_eq!(refusal(nul(b"a\0b")), Refusal::BadPath);
    assert_eq!(refusal(Tar::new().file("", b"")), Refusal::BadPath);
    assert_eq!(refusal(Tar::new().symlink("a", "")), Refusal::BadTarget);
    let link = Tar::new().pax(&[("linkpath", b"a\0b")]).symlink("a", "x");
    assert_eq!(refusal(link), Refusal::BadTarget);
    for name in [".wh.", ".wh..", ".wh...", ".wh.a/b"] {
        assert_eq!(
            refusal(Tar::new().file(name, b"")),
            Refusal::BadWhiteout,
            "{name}"
        );
    }
    assert_eq!(
        refusal(Tar::new().file("./", b"").symlink(".", "x")),
        Refusal::BadRoot
    );
}

#[test]
fn unknown_types_and_impossible_numbers_are_refused() {
    assert_eq!(
        refusal(Tar::new().raw(&Entry::new("a", b'M'), b"")),
        Refusal::BadType
    );
    assert_eq!(refusal(Tar::new().device("a", b'3', 5000, 0)), Refusal::BadNumber);
    let field = |at: usize, value: &[u8]| {
        let mut header = Entry::new("a", b'0').header();
        header[at..at + value.len()].copy_from_slice(value);
        seal(&mut header);
        Tar {
            bytes: header.to_vec(),
        }
    };
    assert_eq!(refusal(field(100, b"what?")), Refusal::BadNumber);
    assert_eq!(refusal(field(108, &[0xff; 8])), Refusal::BadNumber);
    assert!(is_damaged(&field(124, &[0xff; 12]).end()));
    assert!(is_damaged(
        &field(124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff").end()
    ));
}

#[test]
fn bytes_that_are_no_archive_are_damaged() {
    assert!(is_damaged(&noise(4096, 3)));
    let mut tar = Tar::new().file("a", b"x").end();
    tar[0] ^= 1;
    assert!(is_damaged(&tar));
    for data in [
        &b"nonsense"[..],
        b"999999 path=x\n",
        b"10 size=x\n",
        b"14 mtime=-x.1\n",
    ] {
        let mut entry = Entry::new("h", b'x');
        entry.size = data.len() as u64;
        assert!(is_damaged(&Tar::new().raw(&entry, data).file("a", b"").end()));
    }
}

#[test]
fn archives_cut_anywhere_are_never_taken_for_whole() {
    let tar = Tar::new()
        .pax(&[("SCHILY.xattr.user.a", b"b")])
        .file("a", &noise(3000, 1))
        .end();
    for cut in 1..tar.len() - 1024 {
        let result = try_layer(&tar[..cut], &Limits::default());
        match result {
            Err(LayerError::Truncated { bytes }) => assert_eq!(bytes, cut as u64),
            // Only the padding at the end is missing, or nothing.
            Ok((_, layer)) => assert!(!layer.end_mark && cut >= 512 * 3 + 3000),
            other => panic!("{cut}: {other:?}"),
        }
    }
}

#[test]
fn a_lying_size_is_found_out() {
    let mut entry = Entry::new("a", b'0');
    entry.size = 1 << 30;
    assert!(is_truncated(&Tar::new().raw(&entry, b"little").end()));
    // A file that ends too early makes its own content a header.
    entry.size = 512;
    assert!(is_damaged(&Tar::new().raw(&entry, &noise(4096, 1)).end()));
}

#[test]
fn sizes_of_what_has_no_content_are_ignored() {
    let mut tar = Tar::new();
    for kind in *b"5236" {
        let mut entry = Entry::new(&format!("kind-{}", char::from(kind)), kind);
        entry.size = 4096;
        entry.link = b"x".to_vec();
        tar = tar.raw(&entry, b"");
    }
    assert_eq!(list(&[&layer(tar.file("last", b"x"))]).len(), 6);
}

#[test]
fn headers_larger_than_any_need_are_refused_before_memory_is_given() {
    for kind in *b"xLKgV" {
        let mut entry = Entry::new("h", kind);
        entry.size = 0o77_777_777_777;
        assert!(is_damaged(&Tar::new().raw(&entry, b"").end()));
    }
    let many = (0..20).fold(Tar::new(), |tar, _| tar.pax(&[("comment", b"x")]));
    assert!(is_damaged(&many.file("a", b"").end()));
}

#[test]
fn maps_of_holes_that_do_not_fit_are_refused() {
    let bad = |map: &[u8], size: &[u8], content: &[u8]| {
        refusal(
            Tar::new()
                .pax(&[("GNU.sparse.size", size), ("GNU.sparse.map", map)])
                .file("a", content),
        )
    };
    for (map, size) in [
        (&b"0,4"[..], &b"3"[..]),
        (b"4,2,0,2", b"100"),
        (b"0,3,2,1", b"100"),
        (b"0,3", b"100"),
        (b"18446744073709551615,4", b"100"),
        (b"", b"100"),
    ] {
        let why = if map.is_empty() {
            refusal(Tar::new().pax(&[("GNU.sparse.size", size)]).file("a", b"1234"))
        } else {
            bad(map, size, b"1234")
        };
        assert_eq!(why, Refusal::BadSparseMap, "{map:?}");
    }
    for inside in [&b"1\n0\n"[..], b"x\n", b"99999999999\n0\n4\n", b"1\n0\n4"] {
        let tar = Tar::new()
            .pax(&[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.realsize", b"100"),
            ])
            .file("a", inside);
        assert_eq!(refusal(tar), Refusal::BadSparseMap);
    }
}

#[test]
fn every_limit_is_kept() {
    let small = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let files = || {
        (0..10).fold(Tar::new(), |tar, number| {
            tar.file(&format!("{number}"), &noise(5000, 1))
        })
    };
    assert_eq!(limit(files(), &small(|l| l.entries = 9)), LimitKind::Entries);
    assert_eq!(
        limit(Tar::new().file("a/b/c/d", b""), &small(|l| l.entries = 3)),
        LimitKind::Entries
    );
    assert_eq!(
        limit(files(), &small(|l| l.file_bytes = 4999)),
        LimitKind::FileBytes
    );
    assert_eq!(
        limit(files(), &small(|l| l.total_bytes = 50_000)),
        LimitKind::TotalBytes
    );
    assert_eq!(
        limit(files(), &small(|l| l.metadata_bytes = 1000)),
        LimitKind::MetadataBytes
    );
    let short = small(|l| l.path_bytes = 10);
    assert_eq!(
        limit(Tar::new().file("12345/78901", b""), &short),
        LimitKind::PathBytes
    );
    assert_eq!(
        limit(Tar::new().symlink("a", "12345/78901"), &short),
        LimitKind::PathBytes
    );
    let short = small(|l| l.name_bytes = 5);
    assert_eq!(
        limit(Tar::new().file("12345/123456", b""), &short),
        LimitKind::NameBytes
    );
    let name = "n".repeat(256);
    let long = Tar::new().pax(&[("path", name.as_bytes())]).file("x", b"");
    assert_eq!(limit(long, &Limits::default()), LimitKind::NameBytes);
    let attributes = Tar::new()
        .pax(&[("SCHILY.xattr.user.a", &noise(100, 1))])
        .file("x", b"");
    assert_eq!(
        limit(attributes, &small(|l| l.xattr_bytes = 100)),
        LimitKind::XattrBytes
    );
}

#[test]
fn the_limits_hold_for_what_is_declared_not_only_for_what_comes() {
    let mut header = Entry::new("a", b'0').header();
    // 65 GiB, in binary.
    header[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\x10\x40\0\0\0");
    seal(&mut header);
    let tar = Tar {
        bytes: header.to_vec(),
    };
    assert_eq!(limit(tar, &Limits::default()), LimitKind::FileBytes);
}

/// Entries without end, made as they are read.
struct Endless {
    number: u64,
    pending: Vec<u8>,
    make: fn(u64) -> Vec<u8>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.pending.is_empty() {
            self.pending = (self.make)(self.number);
            self.number += 1;
        }
        let now = buffer.len().min(self.pending.len());
        buffer[..now].copy_from_slice(&self.pending[..now]);
        self.pending.drain(..now);
        Ok(now)
    }
}

#[test]
fn endless_archives_end_at_a_limit() {
    let limits = Limits {
        entries: 20_000,
        metadata_bytes: 8 << 20,
        ..Limits::default()
    };
    let makers: [fn(u64) -> Vec<u8>; 4] = [
        |number| Entry::new(&format!("{number}"), b'0').header().to_vec(),
        |_| Entry::new("same", b'0').header().to_vec(),
        |number| {
            let value = [&number.to_le_bytes()[..], &[7; 60_000]].concat();
            Tar::new()
                .pax(&[("SCHILY.xattr.user.a", &value)])
                .file("same", b"")
                .bytes
        },
        |number| {
            let path = format!("{number}/{}", "d/".repeat(1500));
            Tar::new().pax(&[("path", path.as_bytes())]).dir("x", 0o755).bytes
        },
    ];
    for make in makers {
        let mut endless = Endless {
            number: 0,
            pending: Vec::new(),
            make,
        };
        let file = tempfile::tempfile().unwrap();
        match write_layer(&mut endless, &file, &limits) {
            Err(LayerError::Limit { source, .. }) => {
                assert!(matches!(
                    source.kind,
                    LimitKind::Entries | LimitKind::MetadataBytes
                ));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn impossible_attributes_are_refused() {
    let with = |name: &str, value: &[u8]| {
        Tar::new()
            .pax(&[(&format!("SCHILY.xattr.{name}"), value)])
            .file("a", b"")
    };
    assert_eq!(
        refusal(with(&format!("user.{}", "n".repeat(251)), b"")),
        Refusal::BadXattr
    );
    assert_eq!(refusal(with("user.a", &vec![1; 65_536])), Refusal::BadXattr);
    assert_eq!(refusal(with("user.a\0b", b"")), Refusal::BadXattr);
    assert!(record("a", b"b").starts_with(b"6 "));
}

#[test]
fn any_changed_byte_of_an_archive_is_survived() {
    let tar = Tar::new()
        .pax(&[("SCHILY.xattr.user.a", b"b"), ("mtime", b"1.5")])
        .file("a", b"x")
        .hard_link("b", "a")
        .pax(&[("GNU.sparse.size", b"90000"), ("GNU.sparse.map", b"5000,4")])
        .file("sparse", b"1234")
        .end();
    for at in 0..tar.len() - 1024 {
        // Of the many zeros, some will do.
        if tar[at] == 0 && at % 11 != 0 {
            continue;
        }
        let mut tar = tar.clone();
        tar[at] ^= [0x01, 0x40, 0xff][at % 3];
        for header in tar.as_chunks_mut::<512>().0 {
            if header[257..262] == *b"ustar" {
                seal(header);
            }
        }
        if let Ok((file, _)) = try_layer(&tar, &Limits::default()) {
            try_list(&[&file], 4096).unwrap();
        }
    }
}
