//! A layer's end is given only when blob and tar were what their digests say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here is a failed test"
)]

mod common;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{options, pack, read, tar_of};
use msb_oci::{Compression, Digest, LayerOptions, LayerRef, LayerStream, OciError};

const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

fn tar() -> Vec<u8> {
    let content: Vec<u8> = (0..200_000_u32)
        .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
        .collect();
    tar_of(&[("a", &content), ("b", b"short")])
}

fn reference(blob: &[u8], tar: &[u8]) -> LayerRef {
    LayerRef {
        digest: Digest::of(blob),
        diff_id: Digest::of(tar),
        size: blob.len() as u64,
        compression: Compression::None,
        media_type: Compression::None.media_type().to_owned(),
    }
}

fn stream(blob: Vec<u8>, layer: &LayerRef, read_ahead: bool) -> LayerStream {
    let options = LayerOptions {
        read_ahead,
        ..options()
    };
    LayerStream::new(io::Cursor::new(blob), layer, options).unwrap()
}

/// The layer's bytes, read in both ways, which have to be of one opinion.
fn read_both(blob: &[u8], layer: &LayerRef) -> Result<Vec<u8>, OciError> {
    let ahead = read(stream(blob.to_vec(), layer, true));
    let alone = read(stream(blob.to_vec(), layer, false));
    let texts = [&ahead, &alone].map(|all| all.as_ref().map_err(ToString::to_string).cloned());
    assert_eq!(texts[0], texts[1]);
    alone
}

#[test]
fn every_compression_unpacks_to_the_same_tar_whatever_the_type_says() {
    for compression in ALL {
        let blob = pack(compression, &tar());
        assert_eq!(read_both(&blob, &reference(&blob, &tar())).unwrap(), tar());
    }
}

#[test]
fn members_and_frames_that_follow_each_other_are_one_layer() {
    let tar = tar();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut blob = Vec::new();
        for part in tar.chunks(100_000) {
            blob.extend(pack(compression, part));
        }
        assert_eq!(read_both(&blob, &reference(&blob, &tar)).unwrap(), tar);
    }
    let mut padded = pack(Compression::Gzip, &tar);
    padded.extend([0; 3000]);
    assert_eq!(read_both(&padded, &reference(&padded, &tar)).unwrap(), tar);
}

#[test]
fn a_changed_byte_anywhere_is_never_an_end() {
    for compression in ALL {
        let blob = pack(compression, &tar());
        let layer = reference(&blob, &tar());
        for at in [0, 1, 5, blob.len() / 2, blob.len() - 1] {
            let mut changed = blob.clone();
            changed[at] ^= 0x10;
            let error = read_both(&changed, &layer).unwrap_err();
            assert!(
                matches!(
                    error,
                    OciError::DigestMismatch { .. } | OciError::Decompress { .. }
                ),
                "{compression:?} {at}: {error:?}"
            );
        }
    }
}

#[test]
fn a_blob_that_is_cut_or_longer_is_told_apart_from_a_changed_one() {
    for compression in ALL {
        let blob = pack(compression, &tar());
        let layer = reference(&blob, &tar());
        for length in [0, 3, blob.len() / 2, blob.len() - 1] {
            let error = read_both(&blob[..length], &layer).unwrap_err();
            assert!(
                matches!(error, OciError::SizeMismatch { found, .. } if found == length as u64),
                "{compression:?} {length}: {error:?}"
            );
        }
        let mut longer = blob.clone();
        longer.push(0);
        let error = read_both(&longer, &layer).unwrap_err();
        assert!(matches!(error, OciError::SizeMismatch { .. }), "{error:?}");
    }
}

#[test]
fn a_tar_that_is_not_the_diff_id_is_refused_though_the_blob_is_right() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let blob = pack(compression, &tar());
        let layer = reference(&blob, b"another tar");
        let error = read_both(&blob, &layer).unwrap_err();
        assert!(matches!(&error, OciError::DigestMismatch { what, .. } if what == "unpacked layer"));
    }
}

#[test]
fn what_follows_the_compressed_content_is_refused() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut blob = pack(compression, &tar());
        blob.extend(b"garbage");
        let error = read_both(&blob, &reference(&blob, &tar())).unwrap_err();
        assert!(matches!(error, OciError::Decompress { .. }), "{error:?}");
        assert!(error.to_string().contains("make or fetch the image again"));
    }
}

#[test]
fn compressions_of_others_are_named() {
    for (magic, name) in [(&b"\xfd7zXZ\0\0\0"[..], "xz"), (b"BZh91AY&", "bzip2")] {
        let error = read_both(magic, &reference(magic, b"")).unwrap_err();
        assert!(
            matches!(&error, OciError::Unsupported { what } if what.contains(name)),
            "{error}"
        );
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 50 << 20];
    for compression in [Compression::Gzip, Compression::Zstd] {
        let blob = pack(compression, &zeros);
        let layer = reference(&blob, &zeros);
        let options = LayerOptions {
            max_unpacked: 1 << 20,
            ..options()
        };
        let stream = LayerStream::new(io::Cursor::new(blob), &layer, options).unwrap();
        assert!(matches!(
            stream.finish(),
            Err(OciError::TooLarge { limit, .. }) if limit == 1 << 20
        ));
    }
}

#[test]
fn progress_adds_up_to_the_blob() {
    for compression in ALL {
        for read_ahead in [false, true] {
            let blob = pack(compression, &tar());
            let told = Arc::new(AtomicU64::new(0));
            let teller = Arc::clone(&told);
            let options = LayerOptions {
                read_ahead,
                progress: Some(Arc::new(move |more| {
                    teller.fetch_add(more, Ordering::Relaxed);
                })),
                ..options()
            };
            let layer = reference(&blob, &tar());
            let stream = LayerStream::new(io::Cursor::new(blob.clone()), &layer, options).unwrap();
            let unpacked = stream.finish().unwrap();
            assert_eq!(told.load(Ordering::Relaxed), blob.len() as u64);
            assert_eq!((unpacked.digest, unpacked.size), (layer.digest, layer.size));
            assert_eq!(unpacked.compression, compression);
            assert_eq!(
                (unpacked.diff_id, unpacked.unpacked),
                (layer.diff_id, tar().len() as u64)
            );
        }
    }
}

#[test]
fn a_failure_of_the_source_passes_through_as_it_is() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(104))
        }
    }
    for compression in ALL {
        for read_ahead in [false, true] {
            let blob = pack(compression, &tar());
            let layer = reference(&blob, &tar());
            let half = io::Cursor::new(blob[..blob.len() / 2].to_vec()).chain(Fails);
            let options = LayerOptions {
                read_ahead,
                ..options()
            };
            let mut stream = LayerStream::new(half, &layer, options).unwrap();
            let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(104), "{compression:?}: {error:?}");
            assert!(stream.read(&mut [0; 10]).is_err(), "an end after a failure");
            assert!(stream.finish().is_err());
        }
    }
}

#[test]
fn an_empty_tar_is_a_layer() {
    let empty = vec![0; 1024];
    for compression in ALL {
        let blob = pack(compression, &empty);
        assert_eq!(read_both(&blob, &reference(&blob, &empty)).unwrap(), empty);
    }
}
