//! A backend's configuration, resolved: the caller's options over the file over the defaults.

use super::config_file::{self, ConfigFile};
use super::options::{BackendOptions, Driver};
use crate::error::{MsbError, Status};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a backend goes by; nothing in it changes after the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The home directory, absolute.
    pub home: PathBuf,
    /// Sandboxes' directories.
    pub sandboxes: PathBuf,
    /// Caches.
    pub cache: PathBuf,
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
}

impl Config {
    /// Resolves options against the file and the environment.
    pub fn resolve(options: &BackendOptions) -> Result<Self, MsbError> {
        let (path, default_home) = config_file::locate(options.home.as_deref().map(Path::new))?;
        let file = config_file::read(&path)?;
        Self::merge(options, file, default_home)
    }

    fn merge(options: &BackendOptions, file: ConfigFile, default_home: PathBuf) -> Result<Self, MsbError> {
        let home = options
            .home
            .as_deref()
            .map(PathBuf::from)
            .or(file.home)
            .unwrap_or(default_home);
        let home = absolute(&home)?;
        let place = |set: Option<&String>, filed: Option<PathBuf>, name: &str| {
            absolute(
                &set.map(PathBuf::from)
                    .or(filed)
                    .unwrap_or_else(|| home.join(name)),
            )
        };
        let path = |set: Option<&String>, filed: Option<PathBuf>| {
            set.map(PathBuf::from)
                .or(filed)
                .map(|path| absolute(&path))
                .transpose()
        };
        Ok(Self {
            sandboxes: place(options.sandboxes_dir.as_ref(), file.paths.sandboxes, "sandboxes")?,
            cache: place(options.cache_dir.as_ref(), file.paths.cache, "cache")?,
            driver: options.driver.unwrap_or(Driver::Auto),
            libkrunfw: path(options.libkrunfw_path.as_ref(), file.paths.libkrunfw)?,
            qemu: path(options.qemu_path.as_ref(), None)?,
            runner: path(options.runner_path.as_ref(), None)?,
            max_connections: options
                .max_connections
                .or(file.database.max_connections)
                .unwrap_or(5),
            connect_timeout: seconds(
                options
                    .connect_timeout_secs
                    .or(file.database.connect_timeout_secs),
                30,
            ),
            busy_timeout: seconds(options.busy_timeout_secs.or(file.database.busy_timeout_secs), 5),
            default_cpus: options.default_cpus.or(file.sandbox_defaults.cpus).unwrap_or(1),
            default_memory_mib: options
                .default_memory_mib
                .or(file.sandbox_defaults.memory_mib)
                .unwrap_or(512),
            default_upper_size_mib: file.sandbox_defaults.oci.upper_size_mib.unwrap_or(4096),
            default_shell: file
                .sandbox_defaults
                .shell
                .unwrap_or_else(|| "/bin/sh".to_owned()),
            default_workdir: file.sandbox_defaults.workdir,
            home,
        })
    }

    /// The store's file.
    pub fn database(&self) -> PathBuf {
        self.home.join("db").join("msb.db")
    }
}

fn seconds(set: Option<u64>, default: u64) -> Duration {
    Duration::from_secs(set.unwrap_or(default))
}

/// The path from the root: a host may change its working directory between two calls.
fn absolute(path: &Path) -> Result<PathBuf, MsbError> {
    let path = std::path::absolute(path)
        .map_err(|error| MsbError::io("config.path", "cannot resolve", path, &error))?;
    // What the store and the runner are told travels as JSON text.
    if path.to_str().is_none() {
        return Err(MsbError::new(
            Status::ConfigInvalid,
            "config.path",
            format!("{} is not UTF-8", path.display()),
        ));
    }
    Ok(path)
}
