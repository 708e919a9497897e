//! The options of a mount, as a caller gives them.
//!
//! Only their form is judged here, and whether they fit together; volumes and files are looked for when the sandbox is
//! created.

use std::collections::BTreeSet;

use serde_json::Value;

use super::path;
use crate::options::check::{self, Verdict, each, within};
use crate::options::{OptionType, Options, choice, options, schema_within};
use crate::volume::options::VolumeKind;

/// The most mounts of one sandbox; a driver may have fewer.
const MAX_MOUNTS: usize = 64;
/// The largest size of anything, in MiB: 16 TiB.
const MAX_MIB: u64 = 16_777_216;

choice! {
    /// What is done about a mount's volume when the sandbox is created.
    VolumeMode {
        /// It must be there.
        Existing = "existing",
        /// It is made and must be new.
        Create = "create",
        /// It is made if it is missing.
        Ensure = "ensure",
    }
}

choice! {
    /// How a disk image is told.
    ImageFormat {
        /// By its content.
        Probe = "probe",
        /// Sectors one after the other.
        Raw = "raw",
        /// QEMU's copy-on-write format.
        Qcow2 = "qcow2",
    }
}

options! {
    /// Something that a guest sees in its tree beside its root.
    MountOptions for "msb_mount_config" {
        /// Where the guest sees it: an absolute path without `..`, outside of `/proc` and `/sys`; made there if it is
        /// missing. Required.
        guest_path: Option<String> = None, "set_guest_path", since "0.1.0", check |v| each(v, path::check);
        /// Show the volume of this name. Exactly one of volume, bind, tmpfs and disk is required.
        volume: Option<String> = None, "set_volume", since "0.1.0", check |v| each(v, check::stored_name);
        /// What creating the sandbox does about the volume: `"existing"` requires it, `"create"` makes it and requires
        /// that it is new, `"ensure"` makes it if it is missing and otherwise requires that its kind and sizes are
        /// those given here.
        volume_mode: VolumeMode = VolumeMode::Existing, "set_volume_mode", since "0.1.0", check check::any;
        /// The kind of the volume to make: `"dir"` or `"disk"`. Unset: `"dir"`, or with `"ensure"` whatever is there.
        volume_kind: Option<VolumeKind> = None, "set_volume_kind", since "0.1.0", check check::any;
        /// The quota of the directory volume to make, in MiB, at least 1. Unset: none.
        volume_quota_mib: Option<u64> = None, "set_volume_quota_mib", since "0.1.0", check |v| each(v, within(1..=MAX_MIB));
        /// The capacity of the disk volume to make, in MiB, at least 16. Required for one.
        volume_capacity_mib: Option<u64> = None, "set_volume_capacity_mib", since "0.1.0", check |v| each(v, within(16..=MAX_MIB));
        /// Show a directory or a file of the host, by its path.
        bind: Option<String> = None, "set_bind", since "0.1.0", check |v| each(v, check::text);
        /// Show an empty directory in guest memory, new at every start.
        tmpfs: bool = false, "set_tmpfs", since "0.1.0", check check::any;
        /// The most that the memory may hold, in MiB, at least 1. Unset: half of the guest's memory.
        tmpfs_size_mib: Option<u32> = None, "set_tmpfs_size_mib", since "0.1.0", check |v| each(v, within(1..=u32::MAX));
        /// The mode of the directory in memory, such as 0755. Unset: 1777 (octal).
        tmpfs_mode: Option<u32> = None, "set_tmpfs_mode", since "0.1.0", check |v| each(v, within(0..=0o7777));
        /// Show the file system in a disk image of the host, by its path. One running sandbox at a time has it.
        disk: Option<String> = None, "set_disk", since "0.1.0", check |v| each(v, check::text);
        /// The format of the disk image: `"raw"`, `"qcow2"`, or `"probe"` to tell by its content.
        disk_format: ImageFormat = ImageFormat::Probe, "set_disk_format", since "0.1.0", check check::any;
        /// The file system in the disk image by the guest kernel's name, such as `ext4`. Unset: the guest looks.
        disk_fstype: Option<String> = None, "set_disk_fstype", since "0.1.0", check |v| each(v, fstype);
        /// Whether the guest can only read; the host enforces it too.
        read_only: bool = false, "set_read_only", since "0.1.0", check check::any;
        /// Whether nothing on it can be executed.
        noexec: bool = false, "set_noexec", since "0.1.0", check check::any;
        /// Whether set-user-ID and set-group-ID bits on it do nothing.
        nosuid: bool = false, "set_nosuid", since "0.1.0", check check::any;
        /// Whether device nodes on it do nothing.
        nodev: bool = false, "set_nodev", since "0.1.0", check check::any;
        /// The user that the guest sees everything on it owned by, with gid. Unset: that of the host. Not for disks; for
        /// directories and files on the driver `qemu` only.
        uid: Option<u32> = None, "set_uid", since "0.1.0", check |v| each(v, id);
        /// The group that the guest sees everything on it owned by, with uid. Unset: that of the host.
        gid: Option<u32> = None, "set_gid", since "0.1.0", check |v| each(v, id);
    }
}

/// The name of a file system.
fn fstype(name: &String) -> Verdict {
    let well_formed = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte));
    if well_formed {
        Ok(())
    } else {
        Err(format!("is {name:?}, not the name of a file system"))
    }
}

/// A user or group id; the largest number means "unchanged" to every kernel.
fn id(id: &u32) -> Verdict {
    within(0..=u32::MAX - 1)(id)
}

impl MountOptions {
    /// The path in the guest in its one spelling; empty if there is none that can be used.
    pub fn normal_path(&self) -> String {
        self.guest_path
            .as_deref()
            .and_then(|path| path::normalise(path).ok())
            .unwrap_or_default()
    }

    /// Everything that is wrong with a mount by itself.
    pub fn check(&self) -> Verdict {
        let mut problems: Vec<String> = self
            .problems()
            .into_iter()
            .map(|problem| format!("`{}` {}", problem.key, problem.problem))
            .collect();
        if self.guest_path.is_none() {
            problems.push("`guest_path` is not set".to_owned());
        }
        let sources = self.sources();
        match sources.as_slice() {
            [] => problems.push("has none of `volume`, `bind`, `tmpfs` and `disk`".to_owned()),
            [_] => {}
            several => problems.push(format!("has both `{}`", several.join("` and `"))),
        }
        problems.extend(self.misplaced(&sources));
        if self.uid.is_some() != self.gid.is_some() {
            problems.push("has only one of `uid` and `gid`".to_owned());
        }
        if problems.is_empty() {
            return Ok(());
        }
        let at = self.guest_path.as_deref().unwrap_or_default();
        Err(format!(
            "has a mount at {at:?} that cannot be used: {}",
            problems.join(", ")
        ))
    }

    fn sources(&self) -> Vec<&'static str> {
        [
            ("volume", self.volume.is_some()),
            ("bind", self.bind.is_some()),
            ("tmpfs", self.tmpfs),
            ("disk", self.disk.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, is_set)| is_set.then_some(key))
        .collect()
    }

    /// Options that say something of another source, or of a volume that is not made.
    fn misplaced(&self, sources: &[&str]) -> Vec<String> {
        let sized = self.volume_kind.is_some()
            || self.volume_quota_mib.is_some()
            || self.volume_capacity_mib.is_some();
        let mut problems: Vec<String> = [
            ("volume_mode", "volume", self.volume_mode != VolumeMode::Existing),
            ("volume_kind", "volume", self.volume_kind.is_some()),
            ("volume_quota_mib", "volume", self.volume_quota_mib.is_some()),
            (
                "volume_capacity_mib",
                "volume",
                self.volume_capacity_mib.is_some(),
            ),
            ("tmpfs_size_mib", "tmpfs", self.tmpfs_size_mib.is_some()),
            ("tmpfs_mode", "tmpfs", self.tmpfs_mode.is_some()),
            ("disk_format", "disk", self.disk_format != ImageFormat::Probe),
            ("disk_fstype", "disk", self.disk_fstype.is_some()),
        ]
        .into_iter()
        .filter(|(_, source, is_set)| *is_set && !sources.contains(source))
        .map(|(key, source, _)| format!("`{key}` is for a mount of a `{source}`"))
        .collect();
        if self.volume.is_some() && self.volume_mode == VolumeMode::Existing && sized {
            problems
                .push("`volume_mode` is \"existing\", which makes no volume of any kind or size".to_owned());
        }
        problems
    }
}

/// Checks the mounts of one sandbox: each by itself, and that no two are at one place.
pub fn check_all(mounts: &Vec<MountOptions>) -> Verdict {
    if mounts.len() > MAX_MOUNTS {
        return Err(format!("has more than {MAX_MOUNTS} entries"));
    }
    let mut taken = BTreeSet::new();
    for mount in mounts {
        mount.check()?;
        let path = mount.normal_path();
        if taken.contains(&path) {
            return Err(format!("has two mounts at {path:?}"));
        }
        taken.insert(path);
    }
    Ok(())
}

impl OptionType for MountOptions {
    fn schema() -> Value {
        schema_within::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::from_json;

    fn verdict(json: &str) -> Verdict {
        from_json::<MountOptions>(json).unwrap().check()
    }

    #[test]
    fn a_mount_has_exactly_one_source() {
        for good in [
            r#"{"guest_path":"/a","volume":"v"}"#,
            r#"{"guest_path":"/a","volume":"v","volume_mode":"create","volume_kind":"disk","volume_capacity_mib":64}"#,
            r#"{"guest_path":"/a","bind":"/srv","uid":1,"gid":2}"#,
            r#"{"guest_path":"/a","tmpfs":true,"tmpfs_size_mib":5,"tmpfs_mode":448}"#,
            r#"{"guest_path":"/a","disk":"x.img","disk_format":"raw","disk_fstype":"ext4"}"#,
        ] {
            assert_eq!(verdict(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            (r#"{"guest_path":"/a"}"#, "none of"),
            (r#"{"bind":"/srv"}"#, "`guest_path` is not set"),
            (
                r#"{"guest_path":"/a","bind":"/srv","tmpfs":true}"#,
                "both `bind` and `tmpfs`",
            ),
            (
                r#"{"guest_path":"/a","bind":"/srv","tmpfs_size_mib":1}"#,
                "`tmpfs_size_mib` is for",
            ),
            (
                r#"{"guest_path":"/a","bind":"/srv","volume_mode":"ensure"}"#,
                "`volume_mode` is for",
            ),
            (
                r#"{"guest_path":"/a","volume":"v","volume_quota_mib":1}"#,
                "makes no volume",
            ),
            (
                r#"{"guest_path":"/a","tmpfs":true,"disk_format":"raw"}"#,
                "`disk_format` is for",
            ),
            (r#"{"guest_path":"/a","tmpfs":true,"uid":1}"#, "only one of"),
        ] {
            let said = verdict(bad).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn two_mounts_at_one_place_are_refused_however_they_are_spelled() {
        let at = |path: &str| MountOptions {
            guest_path: Some(path.to_owned()),
            tmpfs: true,
            ..MountOptions::default()
        };
        assert_eq!(check_all(&vec![at("/a"), at("/a/b"), at("/ab")]), Ok(()));
        assert!(
            check_all(&vec![at("/a/b"), at("//a/./b/")])
                .unwrap_err()
                .contains("two mounts")
        );
        assert!(
            check_all(&vec![at("/a"); MAX_MOUNTS + 1])
                .unwrap_err()
                .contains("more than")
        );
    }
}
