//! Which volumes a listing gives, as a caller says it.

use std::collections::BTreeMap;

use super::options::VolumeKind;
use crate::error::MsbError;
use crate::options::check::{self, each, within};
use crate::options::{Options, options, verdict};

options! {
    /// Which volumes a listing gives; all that is set must hold.
    VolumeFilter for "msb_volume_filter" {
        /// Only volumes that have all these labels.
        labels: BTreeMap<String, String> = BTreeMap::new(), "add_label", since "0.1.0", check check::wanted_labels;
        /// Only volumes of this kind, `"dir"` or `"disk"`. Unset: both.
        kind: Option<VolumeKind> = None, "set_kind", since "0.1.0", check check::any;
        /// Only volumes whose name begins so.
        name_prefix: Option<String> = None, "set_name_prefix", since "0.1.0", check |v| each(v, check::text);
        /// How many volumes a page holds at most, 1 to 1000.
        limit: u32 = 100, "set_limit", since "0.1.0", check |v| within(1..=1000)(v);
        /// Where to go on: what the page before gave. Unset: from the beginning.
        cursor: Option<String> = None, "set_cursor", since "0.1.0", check |v| each(v, check::text);
    }
}

impl VolumeFilter {
    /// An error that lists everything that is wrong with the filter.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}
