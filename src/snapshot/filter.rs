//! Which snapshots a listing gives, as a caller says it.

use crate::error::MsbError;
use crate::options::check::{self, each, within};
use crate::options::{Options, options, verdict};

options! {
    /// Which snapshots a listing gives; all that is set must hold.
    SnapshotFilter for "msb_snapshot_filter" {
        /// How many snapshots a page holds at most, 1 to 1000.
        limit: u32 = 100, "set_limit", since "0.1.0", check |v| within(1..=1000)(v);
        /// Where to go on: what the page before gave. Unset: from the beginning.
        cursor: Option<String> = None, "set_cursor", since "0.1.0", check |v| each(v, check::text);
    }
}

impl SnapshotFilter {
    /// An error that lists everything that is wrong with the filter.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}
