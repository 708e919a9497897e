//! What a sandbox is, as stored in `sandbox.config`: the JSON of microsandbox 0.5.8, with what only libmsb knows
//! under the key `libmsb`. Keys that this version does not know are kept.

use super::disk_image::{DiskImage, StoredFormat};
use super::mount::{Mount, stored};
use super::options::{Isolation, SandboxOptions, UpperKind};
use super::patch::options::PatchOptions;
use super::root::Root;
use super::{command, scripts};
use crate::backend::config::Config;
use crate::backend::options::Driver as DriverChoice;
use crate::error::{MsbError, Status};
use crate::options::check;
use msb_protocol::exec::Rlimit;
use msb_protocol::launch::Driver;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Image {
    /// A host directory as read-only layer below a writable one: libmsb's own kind.
    Directory {
        /// Absolute path.
        path: PathBuf,
    },
    /// A host directory, absolute, that is itself the root: what the guest writes is written there.
    Bind(PathBuf),
    /// A disk image as read-only layer below a writable one: libmsb's own kind.
    Disk {
        /// Absolute path.
        path: PathBuf,
        /// Its format.
        format: StoredFormat,
        /// Its file system.
        fstype: Option<String>,
    },
    /// A disk image of 0.5.8, which wrote into it; libmsb reads it and writes beside it.
    DiskImage {
        /// Absolute path.
        path: PathBuf,
        /// Its format.
        format: StoredFormat,
        /// Its file system.
        #[serde(default)]
        fstype: Option<String>,
    },
    /// A stored image as read-only layer below a writable one; the row of the sandbox's root says which manifest.
    Oci {
        /// Its full reference.
        reference: String,
        /// Size of the writable layer, for 0.5.8; libmsb's own is in [`Own`].
        #[serde(default)]
        upper_size_mib: Option<u64>,
    },
    /// Any other kind, as the store has it.
    #[serde(untagged)]
    Other(Value),
}

impl Image {
    /// A disk image as root.
    pub fn disk(image: &DiskImage) -> Self {
        Self::Disk {
            path: image.path.clone(),
            format: image.format.into(),
            fstype: image.fstype.clone(),
        }
    }

    /// The disk image that this root is on, if it is on one of a format that libmsb knows.
    pub fn disk_image(&self) -> Option<DiskImage> {
        match self {
            Self::Disk { path, format, fstype } | Self::DiskImage { path, format, fstype } => {
                Some(DiskImage {
                    path: path.clone(),
                    format: format.known()?,
                    fstype: fstype.clone(),
                })
            }
            Self::Directory { .. } | Self::Bind(_) | Self::Oci { .. } | Self::Other(_) => None,
        }
    }
}

/// What the guest's machine has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
}

/// What commands run with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Working directory.
    #[serde(default)]
    pub workdir: Option<String>,
    /// Shell.
    #[serde(default)]
    pub shell: Option<String>,
    /// Host name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// User.
    #[serde(default)]
    pub user: Option<String>,
    /// Keys of 0.5.8 that libmsb does not use.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
}

/// When a sandbox ends by itself, in the units of 0.5.8.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Whether it is removed when it ends.
    #[serde(default)]
    pub ephemeral: bool,
    /// Longest run, in seconds, rounded up.
    #[serde(default)]
    pub max_duration_secs: Option<u64>,
    /// Longest idleness, in seconds, rounded up.
    #[serde(default)]
    pub idle_timeout_secs: Option<u64>,
}

/// What only libmsb knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Own {
    /// Driver asked for.
    pub driver: DriverChoice,
    /// Driver that the last create or start chose.
    #[serde(default)]
    pub chosen: Option<Driver>,
    /// Why it did not choose a better one; empty when there is none, or when it was asked for by name.
    #[serde(default)]
    pub chosen_because: String,
    /// Least isolation.
    pub min_isolation: Isolation,
    /// Writable layer.
    pub upper: UpperKind,
    /// Its size in MiB.
    pub upper_size_mib: u64,
    /// Whether it outlives its owner.
    #[serde(default)]
    pub detached: bool,
    /// Longest start, in milliseconds.
    pub boot_timeout_ms: u64,
    /// Longest idleness, in milliseconds.
    #[serde(default)]
    pub idle_timeout_ms: Option<u64>,
    /// Longest run, in milliseconds.
    #[serde(default)]
    pub max_duration_ms: Option<u64>,
    /// Signal by which a stop asks commands to end.
    #[serde(default)]
    pub stop_signal: Option<String>,
    /// What is changed in the root at the first start. Those of 0.5.8 are not here: it applied them itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchOptions>,
}

/// Longest start of a sandbox that does not say, in milliseconds: twenty may start at once on two cores.
pub const DEFAULT_BOOT_TIMEOUT_MS: u64 = 120_000;

/// The reason of the error that a stored configuration which cannot be understood gives.
pub const UNREADABLE: &str = "sandbox.unreadable";

impl Own {
    fn of_058() -> Self {
        Self {
            driver: DriverChoice::Auto,
            chosen: None,
            chosen_because: String::new(),
            min_isolation: Isolation::Any,
            upper: UpperKind::Disk,
            upper_size_mib: 4096,
            detached: false,
            boot_timeout_ms: DEFAULT_BOOT_TIMEOUT_MS,
            idle_timeout_ms: None,
            max_duration_ms: None,
            stop_signal: None,
            patches: Vec::new(),
        }
    }
}

/// What a sandbox is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Its name.
    pub name: String,
    /// Its root.
    pub image: Image,
    /// Its machine.
    pub resources: Resources,
    /// What its commands run with.
    #[serde(default)]
    pub runtime: Runtime,
    /// Their environment.
    #[serde(default)]
    pub env: Vec<Variable>,
    /// Its labels when it was created; the table of labels is what counts.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Limits of its commands.
    #[serde(default)]
    pub rlimits: Vec<Rlimit>,
    /// What its guest sees beside the root: entries for [`stored`], kept as they were read.
    #[serde(default)]
    pub mounts: Vec<Value>,
    /// When it ends by itself.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// What only libmsb knows.
    #[serde(default = "Own::of_058")]
    pub libmsb: Own,
    /// Keys of 0.5.8 that libmsb does not use.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl SandboxSpec {
    /// Reads the stored JSON of sandbox `name`.
    pub fn parse(name: &str, json: &str) -> Result<Self, MsbError> {
        serde_json::from_str(json).map_err(|error| {
            MsbError::new(
                Status::Corrupt,
                UNREADABLE,
                format!("the stored configuration of sandbox {name:?} cannot be understood"),
            )
            .source(&error)
            .remedy("remove the sandbox and create it again")
        })
    }

    /// The JSON to store.
    pub fn to_json(&self) -> Result<String, MsbError> {
        serde_json::to_string(self).map_err(|error| {
            MsbError::new(
                Status::Internal,
                "sandbox.spec",
                "the configuration cannot be written",
            )
            .source(&error)
        })
    }

    /// What options mean, given the backend's defaults. The options are valid.
    pub fn from_options(options: &SandboxOptions, config: &Config, root: Root) -> Self {
        let Root { image, defaults, .. } = root;
        let mut rest = command::stored(options, defaults.entrypoint, defaults.cmd);
        scripts::store(&options.scripts, &mut rest);
        let whole_seconds = |ms: Option<u64>| ms.map(|ms| ms.div_ceil(1000));
        Self {
            name: options.name.clone().unwrap_or_default(),
            image,
            resources: Resources {
                cpus: options.cpus.unwrap_or(config.default_cpus),
                memory_mib: options.memory_mib.unwrap_or(config.default_memory_mib),
            },
            runtime: Runtime {
                workdir: options
                    .workdir
                    .clone()
                    .or(defaults.working_dir)
                    .or_else(|| config.default_workdir.clone()),
                shell: Some(
                    options
                        .shell
                        .clone()
                        .unwrap_or_else(|| config.default_shell.clone()),
                ),
                hostname: options.hostname.clone(),
                user: options.user.clone().or(defaults.user),
                rest,
            },
            env: environment(&defaults.env, options),
            labels: labels(defaults.labels, options),
            rlimits: options.rlimits.iter().map(Rlimit::from).collect(),
            mounts: Vec::new(),
            lifecycle: Lifecycle {
                ephemeral: options.ephemeral,
                max_duration_secs: whole_seconds(options.max_duration_ms),
                idle_timeout_secs: whole_seconds(options.idle_timeout_ms),
            },
            libmsb: Own {
                driver: options.driver.unwrap_or(config.driver),
                chosen: None,
                chosen_because: String::new(),
                min_isolation: options.min_isolation,
                upper: options.upper,
                upper_size_mib: options.upper_size_mib.unwrap_or(config.default_upper_size_mib),
                detached: options.detached,
                boot_timeout_ms: options.boot_timeout_ms.unwrap_or(DEFAULT_BOOT_TIMEOUT_MS),
                idle_timeout_ms: options.idle_timeout_ms,
                max_duration_ms: options.max_duration_ms,
                stop_signal: options.stop_signal.clone().or(defaults.stop_signal),
                patches: Vec::new(),
            },
            rest: Map::new(),
        }
    }

    /// Longest idleness in milliseconds, whoever wrote the configuration.
    pub fn idle_timeout_ms(&self) -> Option<u64> {
        self.libmsb
            .idle_timeout_ms
            .or_else(|| self.lifecycle.idle_timeout_secs.map(in_ms))
    }

    /// Longest run in milliseconds, whoever wrote the configuration.
    pub fn max_duration_ms(&self) -> Option<u64> {
        self.libmsb
            .max_duration_ms
            .or_else(|| self.lifecycle.max_duration_secs.map(in_ms))
    }

    /// What its guest sees beside the root, in the order in which it was given.
    pub fn mounts(&self) -> Result<Vec<Mount>, MsbError> {
        self.mounts
            .iter()
            .map(|entry| stored::read(&self.name, entry))
            .collect()
    }

    /// The root as text, for people.
    pub fn image_text(&self) -> String {
        match &self.image {
            Image::Directory { path }
            | Image::Bind(path)
            | Image::Disk { path, .. }
            | Image::DiskImage { path, .. } => path.display().to_string(),
            Image::Oci { reference, .. } => reference.clone(),
            Image::Other(value) => value.to_string(),
        }
    }
}

/// What the image sets, then what the options do.
fn environment(image: &[String], options: &SandboxOptions) -> Vec<Variable> {
    let inherited = image
        .iter()
        .filter_map(|variable| variable.split_once('='))
        .filter(|(key, _)| !key.is_empty() && !options.env.contains_key(*key));
    let own = options
        .env
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    inherited
        .chain(own)
        .map(|(key, value)| Variable {
            key: key.to_owned(),
            value: value.to_owned(),
        })
        .collect()
}

/// Those of the image that a sandbox may have, below its own.
fn labels(image: BTreeMap<String, String>, options: &SandboxOptions) -> BTreeMap<String, String> {
    let allowed =
        |key: &String, value: &String| check::labels(&BTreeMap::from([(key.clone(), value.clone())])).is_ok();
    let mut labels: BTreeMap<String, String> = image
        .into_iter()
        .filter(|(key, value)| allowed(key, value))
        .collect();
    labels.extend(options.labels.clone());
    labels
}

/// What the store has may be as large as its writer liked.
fn in_ms(secs: u64) -> u64 {
    secs.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_of_058_is_read_and_nothing_in_it_is_lost() {
        let json = r#"{"name":"a","image":{"Oci":{"reference":"alpine","upper_size_mib":null}},
            "resources":{"cpus":2,"memory_mib":256},"runtime":{"shell":"/bin/sh","scripts":{"x":"y"}},
            "env":[{"key":"A","value":"b"}],"lifecycle":{"idle_timeout_secs":5},"network":{"enabled":true}}"#;
        let spec = SandboxSpec::parse("a", json).unwrap();
        assert_eq!(spec.resources.cpus, 2);
        assert_eq!(spec.idle_timeout_ms(), Some(5000));
        let again: Value = serde_json::from_str(&spec.to_json().unwrap()).unwrap();
        assert_eq!(again["network"]["enabled"], true);
        assert_eq!(again["runtime"]["scripts"]["x"], "y");
        assert_eq!(again["image"]["Oci"]["reference"], "alpine");
    }

    #[test]
    fn durations_beyond_reason_are_taken_as_never() {
        let json = r#"{"name":"a","image":{"Bind":"/"},"resources":{"cpus":1,"memory_mib":64},
            "lifecycle":{"idle_timeout_secs":18446744073709551615,"max_duration_secs":18446744073709551615}}"#;
        let spec = SandboxSpec::parse("a", json).unwrap();
        assert_eq!(
            (spec.idle_timeout_ms(), spec.max_duration_ms()),
            (Some(u64::MAX), Some(u64::MAX))
        );
    }

    #[test]
    fn a_directory_root_survives_the_store() {
        let image = Image::Directory {
            path: "/srv/root".into(),
        };
        let json = serde_json::to_string(&image).unwrap();
        assert_eq!(json, r#"{"Directory":{"path":"/srv/root"}}"#);
        assert_eq!(serde_json::from_str::<Image>(&json).unwrap(), image);
    }

    #[test]
    fn the_roots_of_058_are_understood() {
        let image = |json: &str| serde_json::from_str::<Image>(json).unwrap();
        assert_eq!(image(r#"{"Bind":"/srv"}"#), Image::Bind("/srv".into()));
        let disk = image(r#"{"DiskImage":{"path":"/srv/a.raw","format":"Raw","fstype":"ext4"}}"#);
        assert_eq!(disk.disk_image().unwrap().fstype.as_deref(), Some("ext4"));
        let foreign = image(r#"{"DiskImage":{"path":"/srv/a.vmdk","format":"Vmdk"}}"#);
        assert_eq!(foreign.disk_image(), None);
        let later = r#"{"Bind":{"path":"/srv","follow_root_symlinks":false}}"#;
        assert!(matches!(image(later), Image::Other(_)));
        assert_eq!(
            serde_json::to_string(&image(r#"{"Bind":"/srv"}"#)).unwrap(),
            r#"{"Bind":"/srv"}"#
        );
    }
}
