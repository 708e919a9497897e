//! The configuration file: where it is, and what it says.
//!
//! A file that is not there is an empty one; a file that cannot be read or understood is an error that says where,
//! never silently defaults. The file is only ever read.

use super::file_keys::ConfigFile;
use crate::error::{MsbError, Status};
use crate::options::OptionType;
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Environment variable that names the file.
const PATH_VARIABLE: &str = "MSB_CONFIG_PATH";
/// Environment variable that names the home.
const HOME_VARIABLE: &str = "MSB_HOME";
/// The home below the user's own directory when nothing names another.
const DEFAULT_HOME: &str = ".microsandbox";
/// The file in a home.
const FILE_NAME: &str = "config.json";
/// The largest file taken, in bytes.
const MAX_LEN: u64 = 1 << 20;

/// Where the file is that applies, and what it belongs to.
#[derive(Debug, Clone)]
pub struct Location {
    /// The file, which need not exist.
    pub file: PathBuf,
    /// The home to use unless the file names one.
    pub default_home: PathBuf,
}

/// The file that applies, given the home that the caller set.
pub fn locate(home: Option<&Path>) -> Result<Location, MsbError> {
    let default_home = match home {
        Some(home) => home.to_path_buf(),
        None => match variable(HOME_VARIABLE) {
            Some(home) => PathBuf::from(home),
            None => user_directory()?.join(DEFAULT_HOME),
        },
    };
    let file = variable(PATH_VARIABLE).map_or_else(|| file_in(&default_home), PathBuf::from);
    Ok(Location { file, default_home })
}

/// The configuration file of a home.
pub fn file_in(home: &Path) -> PathBuf {
    home.join(FILE_NAME)
}

/// An environment variable; one that is empty is not set.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
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

/// Reads the file; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<ConfigFile>, MsbError> {
    match load(path) {
        Ok(text) => parse(&text, path).map(Some),
        // A home that is a file has no config file either; what is wrong with it is said where it is made.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(MsbError::io("config.unreadable", "cannot read", path, &error)
            .remedy("make it a file that this user may read, or choose another home")
            .detail("path", path.display().to_string())),
    }
}

/// The file's JSON Schema, as it is published in `schemas/`.
#[must_use]
pub fn schema() -> Value {
    let mut schema = ConfigFile::schema();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = FILE_NAME.into();
    schema
}

fn load(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a FIFO would otherwise wait for its writer.
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut text = Vec::new();
    file.take(MAX_LEN + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_LEN {
        let problem = format!("larger than {} KiB", MAX_LEN >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(text)
}

fn parse(text: &[u8], path: &Path) -> Result<ConfigFile, MsbError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let file = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| malformed(path, &error.path().to_string(), error.inner()))?;
    reader.end().map_err(|error| malformed(path, ".", &error))?;
    Ok(file)
}

/// `key` is the path of the key whose value is wrong, or in which the text stops to be JSON. It may end with a dot, for the
/// whole, or with a question mark, for a key that is yet to come.
fn malformed(path: &Path, key: &str, error: &serde_json::Error) -> MsbError {
    let (line, column) = (error.line(), error.column());
    let key = key.trim_end_matches('?').trim_end_matches('.');
    let mut message = format!("{} is malformed at line {line} column {column}", path.display());
    if !key.is_empty() {
        message.push_str(&format!(", in `{key}`"));
    }
    let failure = MsbError::new(Status::ConfigInvalid, "config.malformed", message)
        .source(error)
        .remedy("mend the file or move it away; it was not changed")
        .detail("path", path.display().to_string())
        .detail("line", line.to_string())
        .detail("column", column.to_string());
    if key.is_empty() {
        failure
    } else {
        failure.detail("key", key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::options::BackendOptions;
    use crate::options::from_json;
    use std::fs;

    /// What reading a file with this text gives.
    fn read_text(text: &[u8]) -> Result<ConfigFile, MsbError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        fs::write(&path, text).unwrap();
        let read = read(&path);
        assert_eq!(fs::read(&path).unwrap(), text, "the file was changed");
        read.map(Option::unwrap_or_default)
    }

    /// Every place of the message, the details and the reason says where it is.
    fn is_refused_at(text: &str, line: usize, key: &str) {
        let error = read_text(text.as_bytes()).expect_err(text);
        assert_eq!(
            (error.status(), error.reason()),
            (Status::ConfigInvalid, "config.malformed")
        );
        let detail = |name: &str| {
            let found = error.details().find(|(key, _)| *key == name);
            found.map(|(_, value)| String::from_utf8(value.to_vec()).unwrap())
        };
        assert_eq!(detail("line"), Some(line.to_string()), "{}", error.text());
        assert!(detail("column").is_some_and(|column| column.parse::<usize>().is_ok()));
        assert_eq!(detail("key").unwrap_or_default(), key, "{}", error.text());
        assert!(error.text().contains(&format!("line {line} column")) && error.text().contains(key));
    }

    #[test]
    fn a_type_error_has_its_line_and_the_path_of_its_key() {
        is_refused_at(
            "{\n  \"sandbox_defaults\": {\"cpus\": \"two\"}\n}",
            2,
            "sandbox_defaults.cpus",
        );
        is_refused_at("{\n\n  \"database\": [\"sqlite:a\", 5]}", 3, "database");
        is_refused_at("{\"home\":\n 7}", 2, "home");
        is_refused_at("{\"log_level\":\n\n \"loud\"}", 3, "log_level");
        is_refused_at("{\"log_level\": {\"info\": null}}", 1, "log_level");
        is_refused_at(
            "{\"registries\": {\"hosts\": {\n\"ghcr.io\": {\"insecure\": 1}}}}",
            2,
            "registries.hosts.ghcr.io.insecure",
        );
        is_refused_at("[]", 1, "");
    }

    #[test]
    fn what_keys_must_be_together_has_its_line() {
        let auth = "{\"registries\": {\"hosts\": {\"h\": {\"auth\": {\n\"username\": \"u\"}\n}\n}}}";
        is_refused_at(auth, 2, "registries.hosts.h.auth");
        is_refused_at(
            "{\"profiles\": {\n\"far\": {\"url\": \"x\"}\n}}",
            2,
            "profiles.far",
        );
    }

    #[test]
    fn a_value_out_of_range_has_its_line_and_the_path_of_its_key() {
        for (section, key, value) in [
            ("sandbox_defaults", "cpus", "0"),
            ("sandbox_defaults", "cpus", "-1"),
            ("sandbox_defaults", "cpus", "1.5"),
            ("sandbox_defaults", "memory_mib", "63"),
            ("sandbox_defaults", "shell", "\"\""),
            ("sandbox_defaults", "workdir", "\"a\\u0000b\""),
            ("database", "busy_timeout_secs", "18446744073709551615"),
            ("database", "max_connections", "0"),
            ("database", "url", "\"postgres://host/db\""),
            ("database", "url", "\"sqlite::memory:\""),
            ("metrics", "capacity", "4294967296"),
            ("paths", "cache", "\"\""),
        ] {
            let text = format!("{{\n\"{section}\": {{\n\"{key}\": {value}\n}}}}");
            is_refused_at(&text, 3, &format!("{section}.{key}"));
        }
    }

    #[test]
    fn the_file_and_the_builder_take_the_same_values() {
        const NUMBERS: [u64; 14] = [
            0,
            1,
            63,
            64,
            65,
            255,
            256,
            1024,
            1025,
            3600,
            3601,
            16_777_216,
            16_777_217,
            u64::MAX,
        ];
        for (section, key, option) in [
            ("sandbox_defaults", "cpus", "default_cpus"),
            ("sandbox_defaults", "memory_mib", "default_memory_mib"),
            (
                "sandbox_defaults",
                "metrics_sample_interval_ms",
                "metrics_sample_interval_ms",
            ),
            ("database", "max_connections", "max_connections"),
            ("database", "connect_timeout_secs", "connect_timeout_secs"),
            ("database", "busy_timeout_secs", "busy_timeout_secs"),
        ] {
            for number in NUMBERS {
                let file = read_text(format!("{{\"{section}\": {{\"{key}\": {number}}}}}").as_bytes());
                let builder = from_json::<BackendOptions>(&format!("{{\"{option}\": {number}}}"));
                assert_eq!(file.is_ok(), builder.is_ok(), "{option} of {number}");
            }
        }
        for text in ["\"\"", "\"/a\"", "\"a\\u0000\""] {
            for (section, key, option) in [
                ("paths", "volumes", "volumes_dir"),
                ("sandbox_defaults", "shell", "shell"),
                ("sandbox_defaults", "workdir", "workdir"),
            ] {
                let file = read_text(format!("{{\"{section}\": {{\"{key}\": {text}}}}}").as_bytes());
                let builder = from_json::<BackendOptions>(&format!("{{\"{option}\": {text}}}"));
                assert_eq!(file.is_ok(), builder.is_ok(), "{option} of {text}");
            }
        }
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        is_refused_at("{\n  \"home\": \"/a\",\n}", 3, "");
        is_refused_at("{\n} x", 2, "");
        is_refused_at("{\"database\": {\n\"max_connections\": 5,}}", 2, "database");
        is_refused_at("{\"database\": {\n\"max_connections\": 5x}}", 2, "database");
        is_refused_at("", 1, "");
        let error = read_text(b"{\"home\": \"\xff\"}").unwrap_err();
        assert_eq!(error.reason(), "config.malformed");
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused() {
        is_refused_at("{\"home\": \"/a\",\n\"home\": \"/b\"}", 2, "");
    }

    #[test]
    fn unknown_keys_are_left_alone_wherever_they_are() {
        let text = br#"{"deployment_profile": {"x": [1]}, "database": {"max_connections": 3, "pool": {}},
            "registries": {"hosts": {"h": {"mirror": "m", "auth": {"username": "u", "store": "keyring", "x": 1}}}}}"#;
        let file = read_text(text).unwrap();
        assert_eq!(file.database.unwrap().max_connections.unwrap().get(), 3);
        assert!(file.registries.unwrap().hosts.unwrap().0["h"].auth.is_some());
    }

    #[test]
    fn what_058_writes_with_all_its_nulls_is_the_same_as_nothing() {
        let text = br#"{"home": null, "log_level": null, "database": {"url": null, "max_connections": 5,
            "connect_timeout_secs": 30, "busy_timeout_secs": 5}, "paths": {"msb": null, "libkrunfw": null, "cache": null,
            "sandboxes": null, "volumes": null, "snapshots": null, "logs": null, "secrets": null},
            "sandbox_defaults": {"cpus": 1, "memory_mib": 512, "oci": {"upper_size_mib": null}, "shell": "/bin/sh",
            "workdir": null, "metrics_sample_interval_ms": 1000, "disable_metrics_sample": false},
            "registries": {"ca_certs": null, "hosts": {}}, "metrics": {"capacity": 0}}"#;
        let file = read_text(text).unwrap();
        assert_eq!(file.home, None);
        assert_eq!(
            file.sandbox_defaults
                .unwrap()
                .metrics_sample_interval_ms
                .unwrap()
                .get(),
            1000
        );
    }

    #[test]
    fn what_is_no_file_of_reasonable_size_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let large = directory.path().join("large");
        fs::write(&large, vec![b' '; 1 + MAX_LEN as usize]).unwrap();
        for path in [fifo.as_path(), large.as_path(), directory.path()] {
            let error = read(path).unwrap_err();
            assert_eq!(error.reason(), "config.unreadable", "{}", error.text());
        }
        assert!(read(&directory.path().join("none")).unwrap().is_none());
        assert!(read(&large.join("below-a-file")).unwrap().is_none());
    }
}
