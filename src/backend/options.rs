//! The options of a local backend, as a caller gives them; whatever is unset falls through to the config file.
//!
//! Only the form of a value is judged here: paths are opened, and defaults found, when the backend is made.

use crate::error::MsbError;
use crate::options::check::{self, Verdict, each, within};
use crate::options::{OptionType, Options, choice, options, verdict};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::registry::RegistryHosts;

choice! {
    /// A hypervisor driver.
    Driver {
        /// Whichever can run guests on this host.
        Auto = "auto",
        /// libkrun on hardware virtualization.
        Krun = "krun",
        /// QEMU, emulating where there is no hardware virtualization.
        Qemu = "qemu",
        /// The agent as an ordinary child: no isolation at all, for tests only.
        #[cfg(feature = "process-driver")]
        Process = "process",
    }
}

choice! {
    /// How much runners write to their logs.
    LogLevel {
        /// What made a sandbox fail.
        Error = "error",
        /// And what a person should look at.
        Warn = "warn",
        /// And what belongs to a normal run.
        Info = "info",
        /// As `info`: there is nothing finer yet.
        Debug = "debug",
        /// As `debug`.
        Trace = "trace",
    }
}

impl From<LogLevel> for msb_protocol::launch::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

/// A setting that can also take away what the config file has. In JSON, null or empty text takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Override {
    /// What the file has.
    #[default]
    Keep,
    /// Nothing, whatever the file has.
    Clear,
    /// This.
    Set(String),
}

impl From<Option<&str>> for Override {
    fn from(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::Clear,
            Some(text) => Self::Set(text.to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Override {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<String>::deserialize(deserializer).map(|text| Self::from(text.as_deref()))
    }
}

impl Serialize for Override {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // Never written: it is the default. Null would be read as `Clear`.
            Self::Keep => serializer.serialize_none(),
            Self::Clear => serializer.serialize_str(""),
            Self::Set(text) => serializer.serialize_str(text),
        }
    }
}

impl OptionType for Override {
    fn schema() -> Value {
        json!({ "type": ["string", "null"] })
    }
}

impl Override {
    fn check(&self) -> Verdict {
        match self {
            Self::Set(text) => check::no_nul(text),
            Self::Keep | Self::Clear => Ok(()),
        }
    }
}

options! {
    /// What a local backend is made from. Whatever is unset falls through to the config file.
    BackendOptions for "msb_backend_config" {
        /// The directory of the store, the sandboxes and all caches, and of the config file unless `MSB_CONFIG_PATH`
        /// names another. Unset: the config file's, else `$MSB_HOME`, else `~/.microsandbox`.
        home: Option<String> = None, "set_home", since "0.1.0", check |v| each(v, check::text);
        /// The hypervisor driver: `"auto"`, `"krun"` or `"qemu"`. Unset: `"auto"`, which takes `krun` where
        /// hardware virtualization works and `qemu` elsewhere.
        driver: Option<Driver> = None, "set_driver", since "0.1.0", check check::any;
        /// The libkrunfw library to take the guest kernel from. Unset: the config file's, else it is looked for.
        libkrunfw_path: Option<String> = None, "set_libkrunfw_path", since "0.1.0", check |v| each(v, check::text);
        /// The qemu-system program. Unset: it is looked for in `PATH`.
        qemu_path: Option<String> = None, "set_qemu_path", since "0.1.0", check |v| each(v, check::text);
        /// The msb-runner program. Unset: the one inside the library.
        runner_path: Option<String> = None, "set_runner_path", since "0.1.0", check |v| each(v, check::text);
        /// Virtual processors of a sandbox that does not say, 1 to 255. Unset: the config file's, else 1.
        default_cpus: Option<u32> = None, "set_default_cpus", since "0.1.0", check |v| each(v, within(1..=255));
        /// Memory in MiB of a sandbox that does not say, at least 64. Unset: the config file's, else 512.
        default_memory_mib: Option<u32> = None, "set_default_memory_mib", since "0.1.0", check |v| each(v, within(64..=16_777_216));
        /// Reading connections to the database, 1 to 1024. Unset: the config file's, else 5.
        max_connections: Option<u32> = None, "set_max_connections", since "0.1.0", check |v| each(v, within(1..=1024));
        /// How long to wait for a free database connection, in seconds, 1 to 3600. Unset: the config file's,
        /// else 30.
        connect_timeout_secs: Option<u64> = None, "set_connect_timeout_secs", since "0.1.0", check |v| each(v, within(1..=3600));
        /// How long to wait for another process's write to the database, in seconds, 1 to 3600. Unset: the
        /// config file's, else 5.
        busy_timeout_secs: Option<u64> = None, "set_busy_timeout_secs", since "0.1.0", check |v| each(v, within(1..=3600));
        /// The directory of the sandboxes, which have their logs in them. Unset: the config file's, else
        /// `<home>/sandboxes`.
        sandboxes_dir: Option<String> = None, "set_sandboxes_dir", since "0.1.0", check |v| each(v, check::text);
        /// The directory of what can be made again. Unset: the config file's, else `<home>/cache`.
        cache_dir: Option<String> = None, "set_cache_dir", since "0.1.0", check |v| each(v, check::text);
        /// The directory of the volumes. Unset: the config file's, else `<home>/volumes`.
        volumes_dir: Option<String> = None, "set_volumes_dir", since "0.1.0", check |v| each(v, check::text);
        /// The directory of snapshots, of which this version makes none. Unset: the config file's, else
        /// `<home>/snapshots`.
        snapshots_dir: Option<String> = None, "set_snapshots_dir", since "0.1.0", check |v| each(v, check::text);
        /// The directory of logs that belong to no sandbox, of which this version writes none: a sandbox's logs are in
        /// its own directory. Unset: the config file's, else `<home>/logs`.
        logs_dir: Option<String> = None, "set_logs_dir", since "0.1.0", check |v| each(v, check::text);
        /// The directory of secrets, of which the passwords of registries are read. Unset: the config file's, else
        /// `<home>/secrets`.
        secrets_dir: Option<String> = None, "set_secrets_dir", since "0.1.0", check |v| each(v, check::text);
        /// The shell of a sandbox that does not say, which its commands find in `SHELL`. Unset: the config file's, else
        /// `/bin/sh`.
        shell: Option<String> = None, "set_shell", since "0.1.0", check |v| each(v, check::text);
        /// The working directory of commands in a sandbox that does not say. Unset: the config file's.
        workdir: Option<String> = None, "set_workdir", since "0.1.0", check |v| each(v, check::text);
        /// Milliseconds between two samples of a sandbox's metrics; 0 takes none. This version takes none yet. Unset: the
        /// config file's, else 1000.
        metrics_sample_interval_ms: Option<u64> = None, "set_metrics_sample_interval_ms", since "0.1.0", check check::any;
        /// Whether no samples of metrics are taken, whatever the interval. Unset: the config file's, else no.
        disable_metrics_sample: Option<bool> = None, "set_disable_metrics_sample", since "0.1.0", check check::any;
        /// A PEM file with certificate authorities that registries may have beside the system's; nothing takes away the
        /// config file's. This version fetches no images yet. Unset: the config file's.
        ca_certs: Override = Override::Keep, "set_ca_certs", since "0.1.0", check Override::check;
        /// Registries of images by host name, in place of all of the config file's. This version fetches no images yet.
        /// Unset: the config file's.
        registry_hosts: Option<RegistryHosts> = None, "set_registry_hosts", since "0.1.0", check |v| each(v, RegistryHosts::check);
        /// How much the runners of sandboxes write to their logs: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`.
        /// Unset: the config file's, else `"info"`.
        log_level: Option<LogLevel> = None, "set_log_level", since "0.1.0", check check::any;
    }
}

impl BackendOptions {
    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}
