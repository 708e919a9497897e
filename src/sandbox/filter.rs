//! Which sandboxes a listing gives, as a caller says it.

use std::collections::BTreeMap;

use crate::error::MsbError;
use crate::options::check::{self, each, within};
use crate::options::{Options, choice, options, verdict};

choice! {
    /// The status of a sandbox, spelled as the store spells it.
    SandboxStatus {
        /// It was made and has not been started.
        Created = "Created",
        /// Its machine is coming up.
        Starting = "Starting",
        /// Commands can run.
        Running = "Running",
        /// It is being stopped.
        Draining = "Draining",
        /// Its machine is frozen.
        Paused = "Paused",
        /// It was stopped.
        Stopped = "Stopped",
        /// Its machine ended without being asked to.
        Crashed = "Crashed",
    }
}

options! {
    /// Which sandboxes a listing gives; all that is set must hold.
    SandboxFilter for "msb_sandbox_filter" {
        /// Only sandboxes that have all these labels.
        labels: BTreeMap<String, String> = BTreeMap::new(), "add_label", since "0.1.0", check check::wanted_labels;
        /// Only sandboxes in one of these statuses, spelled as `msb_sandbox_info_status` does. Empty: any.
        statuses: Vec<SandboxStatus> = Vec::new(), "add_status", since "0.1.0", check check::any;
        /// Only sandboxes whose name begins so.
        name_prefix: Option<String> = None, "set_name_prefix", since "0.1.0", check |v| each(v, check::text);
        /// How many sandboxes a page holds at most, 1 to 1000.
        limit: u32 = 100, "set_limit", since "0.1.0", check |v| within(1..=1000)(v);
        /// Where to go on: what the page before gave. Unset: from the beginning.
        cursor: Option<String> = None, "set_cursor", since "0.1.0", check |v| each(v, check::text);
    }
}

impl SandboxFilter {
    /// An error that lists everything that is wrong with the filter.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}
