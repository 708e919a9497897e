//! How much of an image a call unpacks at most.

use msb_erofs::{LimitKind, Limits};

/// Memory for each entry that is allowed beyond those that the usual bound is for: twice what an ordinary one takes.
const ENTRY_BYTES: u64 = 512;

/// The bounds that a caller chose; where it did not, those that every image with nothing to hide keeps to.
pub fn chosen(entries: Option<u64>, file_bytes: Option<u64>, layer_bytes: Option<u64>) -> Limits {
    let usual = Limits::default();
    let entries = entries.unwrap_or(usual.entries);
    Limits {
        entries,
        file_bytes: file_bytes.unwrap_or(usual.file_bytes),
        total_bytes: layer_bytes.unwrap_or(usual.total_bytes),
        metadata_bytes: usual.metadata_bytes.max(entries.saturating_mul(ENTRY_BYTES)),
        ..usual
    }
}

/// The bounds of joining layers, which were bounded when they were made: as large as they are, nothing grows much larger.
pub fn of_join(layers_bytes: u64) -> Limits {
    let usual = Limits::default();
    Limits {
        entries: u64::MAX,
        file_bytes: u64::MAX,
        total_bytes: u64::MAX,
        metadata_bytes: usual.metadata_bytes.max(layers_bytes.saturating_mul(4)),
        ..usual
    }
}

/// The option that a caller would raise, if it is one.
pub fn option_of(kind: LimitKind) -> Option<&'static str> {
    match kind {
        LimitKind::Entries | LimitKind::MetadataBytes => Some("max_entries"),
        LimitKind::FileBytes => Some("max_file_bytes"),
        LimitKind::TotalBytes => Some("max_layer_bytes"),
        LimitKind::PathBytes | LimitKind::NameBytes | LimitKind::XattrBytes => None,
    }
}
