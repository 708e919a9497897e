//! The configuration file: the keys of microsandbox 0.5.8, of which unknown ones are left alone.
//!
//! A file that is not there is an empty one; a file that cannot be read or understood is an error that says
//! where, never silently defaults.

use super::options::BackendOptions;
use crate::error::{MsbError, Status};
use crate::options::{Options, verdict};
use crate::sandbox::options::SandboxOptions;
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Environment variable that names the file.
const PATH_VARIABLE: &str = "MSB_CONFIG_PATH";
/// Environment variable that names the home.
const HOME_VARIABLE: &str = "MSB_HOME";
/// The home below the user's own directory when nothing names another.
const DEFAULT_HOME: &str = ".microsandbox";

/// What the file says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConfigFile {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// The store.
    pub database: DatabaseSection,
    /// Places that differ from the home's own.
    pub paths: PathsSection,
    /// What a sandbox gets unless its own configuration says otherwise.
    pub sandbox_defaults: DefaultsSection,
}

/// Section `database`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DatabaseSection {
    /// Reader connections.
    pub max_connections: Option<u32>,
    /// Seconds that a read waits for a connection.
    pub connect_timeout_secs: Option<u64>,
    /// Seconds that a write waits for others.
    pub busy_timeout_secs: Option<u64>,
}

/// Section `paths`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PathsSection {
    /// The library that holds the guest kernel.
    pub libkrunfw: Option<PathBuf>,
    /// Caches.
    pub cache: Option<PathBuf>,
    /// Sandboxes' directories.
    pub sandboxes: Option<PathBuf>,
}

/// Section `sandbox_defaults`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DefaultsSection {
    /// Virtual CPUs.
    pub cpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u32>,
    /// Shell of the guest.
    pub shell: Option<String>,
    /// Working directory in the guest.
    pub workdir: Option<String>,
    /// Sizes of image-based roots.
    pub oci: OciSection,
}

/// Section `sandbox_defaults.oci`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct OciSection {
    /// Size of the writable layer in MiB.
    pub upper_size_mib: Option<u64>,
}

/// The file that applies, given the home that the caller set, and the home to use unless the file names one.
pub fn locate(home: Option<&Path>) -> Result<(PathBuf, PathBuf), MsbError> {
    let default_home = match home {
        Some(home) => home.to_path_buf(),
        None => match std::env::var_os(HOME_VARIABLE) {
            Some(home) => PathBuf::from(home),
            None => user_directory()?.join(DEFAULT_HOME),
        },
    };
    let file =
        std::env::var_os(PATH_VARIABLE).map_or_else(|| default_home.join("config.json"), PathBuf::from);
    Ok((file, default_home))
}

fn user_directory() -> Result<PathBuf, MsbError> {
    std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .ok_or_else(|| {
            MsbError::new(
                Status::ConfigInvalid,
                "config.no_home",
                "neither MSB_HOME nor HOME says where the home is",
            )
            .remedy("set the home in the backend's configuration")
        })
}

/// Reads the file; one that does not exist is empty, unless `MSB_CONFIG_PATH` asked for it.
pub fn read(path: &Path) -> Result<ConfigFile, MsbError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        // A home that is a file has no config file either; what is wrong with it is said where it is made.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) && std::env::var_os(PATH_VARIABLE).is_none() =>
        {
            return Ok(ConfigFile::default());
        }
        Err(error) => {
            return Err(MsbError::io("config.unreadable", "cannot read", path, &error)
                .remedy("make it readable for this user, or choose another home"));
        }
    };
    let file = serde_json::from_slice(&text).map_err(|error| {
        MsbError::new(
            Status::ConfigInvalid,
            "config.malformed",
            format!(
                "{} is malformed at line {} column {}",
                path.display(),
                error.line(),
                error.column()
            ),
        )
        .source(&error)
        .remedy("mend the file or move it away; it was not changed")
        .detail("path", path.display().to_string())
        .detail("line", error.line().to_string())
        .detail("column", error.column().to_string())
    })?;
    // serde also reads a struct from an array of its fields in order.
    if !text.trim_ascii_start().starts_with(b"{") {
        let message = format!("{} is not a JSON object", path.display());
        return Err(MsbError::new(Status::ConfigInvalid, "config.malformed", message)
            .remedy("mend the file or move it away; it was not changed")
            .detail("path", path.display().to_string()));
    }
    check(&file, path)?;
    Ok(file)
}

/// The values have the same limits as those that a caller sets.
fn check(file: &ConfigFile, path: &Path) -> Result<(), MsbError> {
    let out_of_range = |error: MsbError| {
        let message = format!("{} holds values out of range", path.display());
        MsbError::new(Status::ConfigInvalid, "config.malformed", message)
            .source(&error)
            .remedy("mend the file or move it away; it was not changed")
            .detail("path", path.display().to_string())
    };
    let backend = BackendOptions {
        max_connections: file.database.max_connections,
        connect_timeout_secs: file.database.connect_timeout_secs,
        busy_timeout_secs: file.database.busy_timeout_secs,
        default_cpus: file.sandbox_defaults.cpus,
        default_memory_mib: file.sandbox_defaults.memory_mib,
        ..BackendOptions::default()
    };
    backend.validate().map_err(out_of_range)?;
    let sandbox = SandboxOptions {
        upper_size_mib: file.sandbox_defaults.oci.upper_size_mib,
        ..SandboxOptions::default()
    };
    verdict::<SandboxOptions>(sandbox.problems()).map_err(out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_file_is_an_error_with_line_and_column() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        fs::write(&path, "{\n  \"sandbox_defaults\": {\"cpus\": \"two\"}\n}").unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::ConfigInvalid, "config.malformed")
        );
        assert!(error.text().contains("line 2 column"), "{}", error.text());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        for (text, key) in [
            (r#"{"sandbox_defaults": {"cpus": 0}}"#, "default_cpus"),
            (
                r#"{"database": {"busy_timeout_secs": 18446744073709551615}}"#,
                "busy_timeout_secs",
            ),
            (
                r#"{"sandbox_defaults": {"oci": {"upper_size_mib": 1}}}"#,
                "upper_size_mib",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!(error.status(), Status::ConfigInvalid);
            assert!(error.text().contains(key), "{}", error.text());
        }
    }

    #[test]
    fn unknown_keys_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        fs::write(
            &path,
            r#"{"profiles": {"x": 1}, "database": {"max_connections": 3, "url": "y"}}"#,
        )
        .unwrap();
        assert_eq!(read(&path).unwrap().database.max_connections, Some(3));
    }
}
