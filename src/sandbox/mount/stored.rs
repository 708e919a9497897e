//! The mounts of `sandbox.config`: entries of microsandbox 0.5.8, each with what only libmsb knows under `libmsb`.
//!
//! Entries are kept as they were read: [`read`] looks at one, [`write`] makes one.

use super::{BindKind, Flags, Mount, MountInfo, Source, path};
use crate::error::{MsbError, Status};
use crate::sandbox::disk_image::{DiskImage, StoredFormat};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// An entry as 0.5.8 spells it. It ignores the keys that it does not know.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type")]
enum Entry {
    Bind {
        host: PathBuf,
        #[serde(flatten)]
        common: Common,
        #[serde(flatten)]
        share: Share,
    },
    Named {
        name: String,
        #[serde(flatten)]
        common: Common,
        #[serde(flatten)]
        share: Share,
    },
    Tmpfs {
        #[serde(default)]
        size_mib: Option<u32>,
        #[serde(flatten)]
        common: Common,
    },
    DiskImage {
        host: PathBuf,
        format: StoredFormat,
        #[serde(default)]
        fstype: Option<String>,
        #[serde(flatten)]
        common: Common,
    },
}

/// What every entry has.
#[derive(Serialize, Deserialize)]
struct Common {
    guest: String,
    #[serde(default)]
    options: Flags,
    /// Instead of the options in what releases before 0.5.8 wrote.
    #[serde(default, skip_serializing)]
    readonly: bool,
    #[serde(default, skip_serializing_if = "Own::is_empty")]
    libmsb: Own,
}

/// What 0.5.8 does about owners and modes on a share. libmsb shows those of the host, which is its `off`.
#[derive(Serialize, Deserialize)]
struct Share {
    #[serde(skip_deserializing, default = "off")]
    stat_virtualization: &'static str,
    #[serde(skip_deserializing, default = "private")]
    host_permissions: &'static str,
}

fn off() -> &'static str {
    "off"
}

fn private() -> &'static str {
    "private"
}

/// What only libmsb knows.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Own {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<BindKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<(u32, u32)>,
}

impl Own {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The mount that an entry of sandbox `name` is.
pub fn read(name: &str, entry: &Value) -> Result<Mount, MsbError> {
    let not_understood = || {
        MsbError::new(
            Status::Unsupported,
            "mount.stored",
            format!("sandbox {name:?} has a mount of a kind that this version does not know: {entry}"),
        )
        .remedy("create the sandbox again without it")
        .detail("sandbox", name)
    };
    let parsed = Entry::deserialize(entry).map_err(|error| not_understood().source(&error))?;
    let (common, source) = match parsed {
        Entry::Bind { host, common, .. } => {
            let kind = common.libmsb.kind;
            (common, Source::Bind { path: host, kind })
        }
        Entry::Named { name, common, .. } => (common, Source::Volume { name }),
        Entry::Tmpfs { size_mib, common } => {
            let mode = common.libmsb.mode;
            (common, Source::Tmpfs { size_mib, mode })
        }
        Entry::DiskImage {
            host,
            format,
            fstype,
            common,
        } => {
            let format = format.known().ok_or_else(not_understood)?;
            let image = DiskImage {
                path: host,
                format,
                fstype,
            };
            (common, Source::Disk(image))
        }
    };
    let guest_path = path::normalise(&common.guest).map_err(|problem| {
        MsbError::new(
            Status::Unsupported,
            "mount.stored",
            format!("sandbox {name:?} has a mount whose path {problem}"),
        )
        .remedy("create the sandbox again with another path")
        .detail("sandbox", name)
    })?;
    Ok(Mount {
        guest_path,
        source,
        flags: Flags {
            read_only: common.options.read_only || common.readonly,
            ..common.options
        },
        owner: common.libmsb.owner,
    })
}

/// What is told of an entry, whether or not this version can mount it.
pub fn describe(name: &str, entry: &Value) -> MountInfo {
    read(name, entry).map_or_else(
        |_| MountInfo {
            guest_path: entry["guest"].as_str().unwrap_or_default().to_owned(),
            kind: "other",
            source: entry.to_string(),
            flags: Flags::default(),
        },
        MountInfo::from,
    )
}

/// The entry for a mount.
pub fn write(mount: &Mount) -> Result<Value, MsbError> {
    let common = |kind, mode| Common {
        guest: mount.guest_path.clone(),
        options: mount.flags,
        readonly: false,
        libmsb: Own {
            kind,
            mode,
            owner: mount.owner,
        },
    };
    let share = Share {
        stat_virtualization: off(),
        host_permissions: private(),
    };
    let entry = match &mount.source {
        Source::Bind { path, kind } => Entry::Bind {
            host: path.clone(),
            common: common(*kind, None),
            share,
        },
        Source::Volume { name } => Entry::Named {
            name: name.clone(),
            common: common(None, None),
            share,
        },
        Source::Tmpfs { size_mib, mode } => Entry::Tmpfs {
            size_mib: *size_mib,
            common: common(None, *mode),
        },
        Source::Disk(image) => Entry::DiskImage {
            host: image.path.clone(),
            format: image.format.into(),
            fstype: image.fstype.clone(),
            common: common(None, None),
        },
    };
    serde_json::to_value(entry).map_err(|error| {
        MsbError::new(
            Status::InvalidArgument,
            "mount.path",
            format!("the mount at {} cannot be stored", mount.guest_path),
        )
        .source(&error)
        .remedy("choose a path that is UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use msb_protocol::launch::DiskFormat;
    use serde_json::json;

    /// As the 0.5.8 release wrote them.
    fn of_058() -> Vec<Value> {
        let off = json!({"readonly": false, "noexec": false, "nosuid": false, "nodev": false});
        vec![
            json!({"type": "Bind", "host": "/srv/d", "guest": "/data",
                "options": {"readonly": true, "noexec": false, "nosuid": false, "nodev": false},
                "stat_virtualization": "strict", "host_permissions": "private"}),
            json!({"type": "Named", "name": "vol", "guest": "/n", "options": off,
                "stat_virtualization": "strict", "host_permissions": "private"}),
            json!({"type": "Tmpfs", "guest": "/t", "size_mib": 5,
                "options": {"readonly": false, "noexec": true, "nosuid": false, "nodev": false}}),
            json!({"type": "DiskImage", "host": "/srv/disk.raw", "guest": "/img", "format": "Raw", "fstype": null,
                "options": {"readonly": false, "noexec": false, "nosuid": true, "nodev": true}}),
        ]
    }

    #[test]
    fn the_mounts_of_058_are_understood() {
        let mounts: Vec<_> = of_058().iter().map(|entry| read("a", entry).unwrap()).collect();
        let sources: Vec<_> = mounts
            .iter()
            .map(|m| (m.source.kind(), m.source.text()))
            .collect();
        let expected = [
            ("bind", "/srv/d"),
            ("volume", "vol"),
            ("tmpfs", ""),
            ("disk", "/srv/disk.raw"),
        ];
        assert_eq!(sources, expected.map(|(kind, text)| (kind, text.to_owned())));
        assert!(mounts[0].flags.read_only && !mounts[1].flags.read_only && mounts[2].flags.noexec);
        assert!(mounts[3].flags.nosuid && mounts[3].flags.nodev);
        let earlier = json!({"type": "Named", "name": "vol", "guest": "/n/", "readonly": true});
        let earlier = read("a", &earlier).unwrap();
        assert!(earlier.flags.read_only && earlier.guest_path == "/n");
    }

    #[test]
    fn ours_have_the_keys_of_058_and_come_back_as_they_were() {
        let like = of_058();
        for (entry, like) in like.iter().map(|entry| (read("a", entry).unwrap(), entry)) {
            let mut own = write(&entry).unwrap();
            assert_eq!(read("a", &own).unwrap(), entry);
            for key in ["stat_virtualization", "host_permissions"] {
                assert_eq!(own.get(key).is_some(), like.get(key).is_some());
                if let Some(value) = like.get(key) {
                    own[key] = value.clone();
                }
            }
            assert_eq!(own, *like);
        }
    }

    #[test]
    fn what_058_does_not_know_is_under_a_key_of_our_own() {
        let mount = Mount {
            guest_path: "/t".to_owned(),
            source: Source::Tmpfs {
                size_mib: None,
                mode: Some(0o700),
            },
            flags: Flags::default(),
            owner: Some((1000, 100)),
        };
        let entry = write(&mount).unwrap();
        assert_eq!(entry["libmsb"], json!({"mode": 448, "owner": [1000, 100]}));
        assert_eq!(read("a", &entry).unwrap(), mount);
    }

    #[test]
    fn kinds_and_formats_that_nobody_knows_are_refused_by_name() {
        for entry in [
            json!({"type": "Owned", "guest": "/o", "storage": {"kind": "disk", "capacity_mib": 5}}),
            json!({"type": "DiskImage", "host": "/x.vmdk", "guest": "/i", "format": "Vmdk"}),
        ] {
            let error = read("box", &entry).unwrap_err();
            assert_eq!(error.status(), Status::Unsupported);
            assert!(error.text().contains("box"), "{}", error.text());
            let told = describe("box", &entry);
            assert_eq!(
                (told.kind, told.guest_path.as_str()),
                ("other", entry["guest"].as_str().unwrap())
            );
        }
        let image = read("a", &of_058()[3]).unwrap();
        assert!(matches!(
            image.source,
            Source::Disk(DiskImage {
                format: DiskFormat::Raw,
                ..
            })
        ));
    }
}
