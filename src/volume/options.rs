//! What a volume is made with.

use std::collections::BTreeMap;

use crate::error::MsbError;
use crate::options::check::{self, each, within};
use crate::options::{Options, Problem, choice, options, verdict};

/// The largest size of anything, in MiB: 16 TiB.
const MAX_MIB: u64 = 16_777_216;

choice! {
    /// What a volume is made of.
    VolumeKind {
        /// A directory of the host, which guests share.
        Dir = "dir",
        /// A disk image with a file system of its own, for one guest at a time to write to.
        Disk = "disk",
    }
}

options! {
    /// What a volume is made with.
    VolumeOptions for "msb_volume_config" {
        /// The name: 1 to 128 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit; unique within the home.
        /// Required.
        name: Option<String> = None, "set_name", since "0.1.0", check |v| each(v, check::name);
        /// `"dir"`, or `"disk"`: a raw ext4 image.
        kind: VolumeKind = VolumeKind::Dir, "set_kind", since "0.1.0", check check::any;
        /// Most that a directory may hold, in MiB, at least 1, counted by the sizes of its files, whoever writes them; also
        /// bounds their number, at 1024 and 256 more for each MiB. Unset: no limit.
        quota_mib: Option<u64> = None, "set_quota_mib", since "0.1.0", check |v| each(v, within(1..=MAX_MIB));
        /// The size of a disk in MiB, at least 16. Required for one, and for nothing else. It takes room on the host as it
        /// is written to.
        capacity_mib: Option<u64> = None, "set_capacity_mib", since "0.1.0", check |v| each(v, within(16..=MAX_MIB));
        /// Labels to find the volume by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
        labels: BTreeMap<String, String> = BTreeMap::new(), "add_label", since "0.1.0", check check::labels;
    }
}

impl VolumeOptions {
    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        let mut problems = self.problems();
        let is_disk = self.kind == VolumeKind::Disk;
        let combinations = [
            ("name", self.name.is_none(), "is not set"),
            (
                "quota_mib",
                is_disk && self.quota_mib.is_some(),
                "is for directories; a disk has a capacity",
            ),
            (
                "capacity_mib",
                is_disk && self.capacity_mib.is_none(),
                "is not set, and a disk needs one",
            ),
            (
                "capacity_mib",
                !is_disk && self.capacity_mib.is_some(),
                "is for disks; a directory has a quota",
            ),
        ];
        for (key, wrong, problem) in combinations {
            if wrong {
                problems.push(Problem {
                    key,
                    problem: problem.to_owned(),
                });
            }
        }
        verdict::<Self>(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::from_json;

    #[test]
    fn a_kind_takes_its_own_sizes_only() {
        for good in [
            r#"{"name":"a"}"#,
            r#"{"name":"a","quota_mib":1}"#,
            r#"{"name":"a","kind":"disk","capacity_mib":16}"#,
        ] {
            assert_eq!(
                from_json::<VolumeOptions>(good).unwrap().validate(),
                Ok(()),
                "{good}"
            );
        }
        for (bad, told) in [
            (r"{}", "`name` is not set"),
            (r#"{"name":"a","kind":"disk"}"#, "a disk needs one"),
            (
                r#"{"name":"a","kind":"disk","capacity_mib":16,"quota_mib":1}"#,
                "is for directories",
            ),
            (r#"{"name":"a","capacity_mib":16}"#, "is for disks"),
        ] {
            let error = from_json::<VolumeOptions>(bad).unwrap().validate().unwrap_err();
            assert!(error.text().contains(told), "{}", error.text());
        }
    }
}
