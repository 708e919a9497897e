//! Every key of 0.5.8's `config.json`: its type, its default and what libmsb does with it.
//!
//! The struct that the reader fills and `schemas/config.schema.json` are both made from these lists.

use super::file_values::{DatabaseUrl, Named, Spelled, Text, Within};
use super::options::LogLevel;
use super::registry::RegistryHost;
use super::section::section;
use crate::options::{OptionType, choice};
use serde_json::{Value, json};

section! {
    /// The configuration file of microsandbox 0.5.8, as libmsb reads it: `$MSB_CONFIG_PATH`, else `config.json` in the
    /// home. Every key may be left out or be null. Keys that are not listed here are passed over, and libmsb never writes
    /// the file, so they stay.
    ConfigFile {
        /// The home directory. Default: `$MSB_HOME`, else `~/.microsandbox`.
        home: Text,
        /// How much the runners of sandboxes write to their logs. Default: `info`.
        log_level: Spelled<LogLevel>,
        /// The store.
        database: DatabaseSection,
        /// Places that differ from the home's own.
        paths: PathsSection,
        /// What a sandbox gets unless its own configuration says otherwise.
        sandbox_defaults: DefaultsSection,
        /// Where images come from.
        registries: RegistriesSection,
        /// The registry of live metrics.
        metrics: MetricsSection,
        /// The profile that `msb_backend_default` goes by unless `MSB_BACKEND` or `MSB_PROFILE` say otherwise.
        active_profile: String,
        /// Profiles by name. libmsb has local backends only: `msb_backend_default` refuses a profile that selects the
        /// cloud, and `msb_backend_new` makes a local backend whatever the profile.
        profiles: Named<Profile>,
    }
}

section! {
    /// The store.
    DatabaseSection {
        /// The database's file, as `sqlite:PATH` or `sqlite://PATH`, perhaps with `?mode=rwc`. Default: `db/msb.db` in the
        /// home. It does not apply to a backend whose home was set in the program, unless this file is in that home.
        url: DatabaseUrl,
        /// Reading connections. Default: 5.
        max_connections: Within<1, 1024>,
        /// Seconds to wait for a free connection. Default: 30.
        connect_timeout_secs: Within<1, 3600>,
        /// Seconds to wait for another process's write. Default: 5.
        busy_timeout_secs: Within<1, 3600>,
    }
}

section! {
    /// Places that differ from the home's own. A relative one is below the directory that the process is in when the
    /// backend is made.
    PathsSection {
        /// The program `msb` of microsandbox. libmsb has its runner inside and does not use it.
        msb: Text,
        /// The library with the guest kernel. Default: it is looked for.
        libkrunfw: Text,
        /// What can be made again. Default: `cache` in the home.
        cache: Text,
        /// Sandboxes' directories, with their logs. Default: `sandboxes` in the home.
        sandboxes: Text,
        /// Volumes. Default: `volumes` in the home.
        volumes: Text,
        /// Snapshots. Default: `snapshots` in the home. This version makes none.
        snapshots: Text,
        /// Logs that belong to no sandbox. Default: `logs` in the home. This version writes none.
        logs: Text,
        /// Secrets. Default: `secrets` in the home. Of them, the passwords of registries are read.
        secrets: Text,
    }
}

section! {
    /// What a sandbox gets unless its own configuration says otherwise.
    DefaultsSection {
        /// Virtual processors. Default: 1.
        cpus: Within<1, 255>,
        /// Memory in MiB. Default: 512.
        memory_mib: Within<64, 16_777_216>,
        /// Roots that come from images.
        oci: OciSection,
        /// Shell. Default: `/bin/sh`.
        shell: Text,
        /// Working directory. Default: that of the image.
        workdir: Text,
        /// Milliseconds between two samples of a sandbox's metrics; 0 takes none. Default: 1000. This version takes none.
        metrics_sample_interval_ms: Within<0, { u64::MAX }>,
        /// Whether no samples are taken, whatever the interval. Default: false.
        disable_metrics_sample: bool,
    }
}

section! {
    /// Roots that come from images.
    OciSection {
        /// Size of the layer that holds a guest's writes to its root, in MiB. Default: 4096.
        upper_size_mib: Within<16, 16_777_216>,
    }
}

section! {
    /// Where images come from. This version fetches none.
    RegistriesSection {
        /// A PEM file with certificate authorities to trust beside the system's.
        ca_certs: Text,
        /// Registries by host name, perhaps with a port.
        hosts: Named<RegistryHost>,
    }
}

section! {
    /// The registry of live metrics.
    MetricsSection {
        /// How many sandboxes it has room for; 0 for as many as is usual. Default: 0. This version keeps no registry.
        capacity: Within<0, { u32::MAX as u64 }>,
    }
}

choice! {
    /// What a profile selects.
    ProfileBackend {
        /// Sandboxes on this host.
        Local = "local",
        /// Sandboxes somewhere else, which libmsb does not do.
        Cloud = "cloud",
    }
}

section! {
    /// A profile.
    ProfileKeys -> Profile {
        /// What it selects. Required.
        backend: Spelled<ProfileBackend>,
        /// The address of a cloud.
        url: String,
        /// Where the key for it is found: `env:NAME` or `inline:KEY`. Never read by libmsb.
        api_key_ref: String,
    }
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What it selects.
    pub backend: ProfileBackend,
}

impl TryFrom<ProfileKeys> for Profile {
    type Error = &'static str;

    fn try_from(keys: ProfileKeys) -> Result<Self, Self::Error> {
        let Some(Spelled(backend)) = keys.backend else {
            return Err("the key `backend` is missing");
        };
        Ok(Self { backend })
    }
}

impl OptionType for Profile {
    fn schema() -> Value {
        let mut schema = ProfileKeys::schema();
        schema["required"] = json!(["backend"]);
        schema["properties"]["backend"]["type"] = "string".into();
        schema
    }
}
