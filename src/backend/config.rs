//! A backend's configuration, resolved: the caller's options over the file over the defaults.
//!
//! Paths are absolute from here on: a host may change its working directory between two calls.

use super::config_file::{self, Location};
use super::file_keys::{ConfigFile, Profile};
use super::file_values::{Text, Within};
use super::options::{BackendOptions, Driver, LogLevel, Override};
use super::registry::RegistryHost;
use crate::error::{MsbError, Status};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a backend goes by; nothing in it changes after the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The home directory.
    pub home: PathBuf,
    /// The configuration file, whether it exists or not.
    pub file: PathBuf,
    /// Whether it exists.
    pub file_found: bool,
    /// The store's file.
    database: PathBuf,
    /// Sandboxes' directories.
    pub sandboxes: PathBuf,
    /// Volumes' directories.
    pub volumes: PathBuf,
    /// Snapshots.
    pub snapshots: PathBuf,
    /// Caches.
    pub cache: PathBuf,
    /// Logs that belong to no sandbox.
    pub logs: PathBuf,
    /// Secrets.
    pub secrets: PathBuf,
    /// The driver of sandboxes that do not name one.
    pub driver: Driver,
    /// The library with the guest kernel, if one was named.
    pub libkrunfw: Option<PathBuf>,
    /// QEMU, if one was named.
    pub qemu: Option<PathBuf>,
    /// A runner to use instead of the embedded one.
    pub runner: Option<PathBuf>,
    /// Reader connections of the store.
    pub max_connections: u32,
    /// How long a read waits for one of them.
    pub connect_timeout: Duration,
    /// How long one attempt to write waits for others.
    pub busy_timeout: Duration,
    /// Virtual CPUs of a sandbox that does not say.
    pub default_cpus: u32,
    /// Memory of a sandbox that does not say, in MiB.
    pub default_memory_mib: u32,
    /// Size of the writable layer of a sandbox that does not say, in MiB.
    pub default_upper_size_mib: u64,
    /// Shell of a sandbox that does not say.
    pub default_shell: String,
    /// Working directory of a sandbox that does not say.
    pub default_workdir: Option<String>,
    /// Milliseconds between two samples of a sandbox's metrics; 0 for none.
    pub metrics_sample_interval_ms: u64,
    /// Whether no samples are taken, whatever the interval.
    pub disable_metrics_sample: bool,
    /// How many sandboxes the registry of live metrics has room for; 0 for as many as is usual.
    pub metrics_capacity: u32,
    /// More certificate authorities for registries.
    pub ca_certs: Option<PathBuf>,
    /// Registries by host name.
    pub registry_hosts: BTreeMap<String, RegistryHost>,
    /// How much runners write to their logs.
    pub log_level: LogLevel,
    /// The profile that the file makes active.
    pub active_profile: Option<String>,
    /// The file's profiles.
    pub profiles: BTreeMap<String, Profile>,
}

impl Config {
    /// Resolves options against the file and the environment.
    pub fn resolve(options: &BackendOptions) -> Result<Self, MsbError> {
        let location = config_file::locate(options.home.as_deref().map(Path::new))?;
        let file = config_file::read(&location.file)?;
        Self::merge(options, file, location)
    }

    fn merge(
        options: &BackendOptions,
        file: Option<ConfigFile>,
        location: Location,
    ) -> Result<Self, MsbError> {
        let file_found = file.is_some();
        let file = file.unwrap_or_default();
        let database = file.database.unwrap_or_default();
        let paths = file.paths.unwrap_or_default();
        let defaults = file.sandbox_defaults.unwrap_or_default();
        let registries = file.registries.unwrap_or_default();
        let home = match (&options.home, file.home) {
            (Some(home), _) => absolute(Path::new(home))?,
            (None, Some(home)) => absolute(Path::new(&home.0))?,
            (None, None) => absolute(&location.default_home)?,
        };
        let config_path = absolute(&location.file)?;
        // A home that the program sets decides where its store is, except against the file that lies in it: one
        // database for two homes would have rows whose locks and directories are in different places.
        let is_of_home = options.home.is_none() || config_path == config_file::file_in(&home);
        let url = database.url.filter(|_| is_of_home);
        let place = |set: &Option<String>, filed: Option<Text>, name: &str| match first(set, filed) {
            Some(path) => absolute(&path),
            None => Ok(home.join(name)),
        };
        let tool = |set: &Option<String>, filed: Option<Text>| {
            first(set, filed).map(|path| absolute(&path)).transpose()
        };
        Ok(Self {
            database: match url {
                Some(url) => absolute(url.path())?,
                None => home.join("db").join("msb.db"),
            },
            sandboxes: place(&options.sandboxes_dir, paths.sandboxes, "sandboxes")?,
            volumes: place(&options.volumes_dir, paths.volumes, "volumes")?,
            snapshots: place(&options.snapshots_dir, paths.snapshots, "snapshots")?,
            cache: place(&options.cache_dir, paths.cache, "cache")?,
            logs: place(&options.logs_dir, paths.logs, "logs")?,
            secrets: place(&options.secrets_dir, paths.secrets, "secrets")?,
            driver: options.driver.unwrap_or(Driver::Auto),
            libkrunfw: tool(&options.libkrunfw_path, paths.libkrunfw)?,
            qemu: tool(&options.qemu_path, None)?,
            runner: tool(&options.runner_path, None)?,
            max_connections: options
                .max_connections
                .or(database.max_connections.map(Within::get_u32))
                .unwrap_or(5),
            connect_timeout: seconds(options.connect_timeout_secs, database.connect_timeout_secs, 30),
            busy_timeout: seconds(options.busy_timeout_secs, database.busy_timeout_secs, 5),
            default_cpus: options
                .default_cpus
                .or(defaults.cpus.map(Within::get_u32))
                .unwrap_or(1),
            default_memory_mib: options
                .default_memory_mib
                .or(defaults.memory_mib.map(Within::get_u32))
                .unwrap_or(512),
            default_upper_size_mib: defaults
                .oci
                .and_then(|oci| oci.upper_size_mib)
                .map_or(4096, Within::get),
            default_shell: text(&options.shell, defaults.shell).unwrap_or_else(|| "/bin/sh".to_owned()),
            default_workdir: text(&options.workdir, defaults.workdir),
            metrics_sample_interval_ms: options
                .metrics_sample_interval_ms
                .or(defaults.metrics_sample_interval_ms.map(Within::get))
                .unwrap_or(1000),
            disable_metrics_sample: options
                .disable_metrics_sample
                .or(defaults.disable_metrics_sample)
                .unwrap_or(false),
            metrics_capacity: file
                .metrics
                .and_then(|metrics| metrics.capacity)
                .map_or(0, Within::get_u32),
            ca_certs: match &options.ca_certs {
                Override::Keep => tool(&None, registries.ca_certs)?,
                Override::Clear => None,
                Override::Set(path) => Some(absolute(Path::new(path))?),
            },
            registry_hosts: match &options.registry_hosts {
                Some(hosts) => hosts.0.clone(),
                None => registries.hosts.unwrap_or_default().0,
            },
            log_level: options
                .log_level
                .or(file.log_level.map(|level| level.0))
                .unwrap_or(LogLevel::Info),
            active_profile: file.active_profile.filter(|name| !name.is_empty()),
            profiles: file.profiles.unwrap_or_default().0,
            file: config_path,
            file_found,
            home,
        })
    }

    /// The store's file.
    pub fn database(&self) -> PathBuf {
        self.database.clone()
    }
}

fn first(set: &Option<String>, filed: Option<Text>) -> Option<PathBuf> {
    text(set, filed).map(PathBuf::from)
}

fn text(set: &Option<String>, filed: Option<Text>) -> Option<String> {
    set.clone().or(filed.map(|filed| filed.0))
}

fn seconds<const MIN: u64, const MAX: u64>(
    set: Option<u64>,
    filed: Option<Within<MIN, MAX>>,
    default: u64,
) -> Duration {
    Duration::from_secs(set.or(filed.map(Within::get)).unwrap_or(default))
}

/// The path from the root.
fn absolute(path: &Path) -> Result<PathBuf, MsbError> {
    let path = std::path::absolute(path)
        .map_err(|error| MsbError::io("config.path", "cannot resolve", path, &error))?;
    // What the store and the runner are told travels as JSON text.
    if path.to_str().is_none() {
        return Err(MsbError::new(
            Status::ConfigInvalid,
            "config.path",
            format!("{} is not UTF-8", path.display()),
        )
        .remedy("choose a path that is UTF-8"));
    }
    Ok(path)
}
