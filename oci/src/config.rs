//! What an image says of the processes in it.
//!
//! Only what a sandbox uses is kept, and what writers of other times did is accepted: nulls, fields that are left
//! out, and a command that is one string.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::error::OciError;
use crate::manifest::{from_json, to_json};
use crate::platform::Platform;

/// Defaults for the processes of an image; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `NAME=value` each.
    pub env: Vec<String>,
    /// What runs, with its first arguments.
    pub entrypoint: Vec<String>,
    /// Arguments for the entrypoint, or what runs if there is none.
    pub cmd: Vec<String>,
    /// Where it runs.
    pub working_dir: String,
    /// `user[:group]`, by name or number.
    pub user: String,
    /// Name or number of the signal that asks it to end.
    pub stop_signal: Option<String>,
    /// Labels, sorted by name.
    pub labels: BTreeMap<String, String>,
    /// When the image was made, in RFC 3339, as it was written.
    pub created: Option<String>,
}

/// A configuration with what the manifest needs of it.
pub(crate) struct ParsedConfig {
    pub(crate) config: ImageConfig,
    pub(crate) platform: Platform,
    pub(crate) diff_ids: Vec<Digest>,
}

#[derive(Deserialize)]
struct RawImage {
    #[serde(default, deserialize_with = "or_default")]
    os: String,
    #[serde(default, deserialize_with = "or_default")]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    config: RawConfig,
    #[serde(default, deserialize_with = "or_default")]
    rootfs: RawRootfs,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    #[serde(default, deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(default, deserialize_with = "words")]
    entrypoint: Vec<String>,
    #[serde(default, deserialize_with = "words")]
    cmd: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    working_dir: String,
    #[serde(default, deserialize_with = "or_default")]
    user: String,
    #[serde(default)]
    stop_signal: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct RawRootfs {
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<String>,
}

/// Go writes empty lists and maps as null.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Many(Vec<String>),
        One(String),
    }
    Ok(match Option::deserialize(from)? {
        None => Vec::new(),
        Some(Words::Many(words)) => words,
        Some(Words::One(word)) => vec![word],
    })
}

/// Reads a configuration of at most [`crate::MAX_DOCUMENT`] bytes.
pub(crate) fn read_config(bytes: &[u8]) -> Result<ParsedConfig, OciError> {
    let raw: RawImage = from_json("image configuration", bytes)?;
    let diff_ids = raw.rootfs.diff_ids.iter().map(|text| text.parse());
    let host = Platform::host();
    // The oldest images do not say; they are for Linux on what Docker first ran on.
    let os = if raw.os.is_empty() { "linux" } else { &raw.os };
    let platform = match raw.architecture.as_str() {
        "" => Platform {
            os: os.to_owned(),
            ..host
        },
        architecture => Platform::new(os, architecture, raw.variant.as_deref()),
    };
    Ok(ParsedConfig {
        diff_ids: diff_ids.collect::<Result<_, _>>()?,
        platform,
        config: ImageConfig {
            env: raw.config.env,
            entrypoint: raw.config.entrypoint,
            cmd: raw.config.cmd,
            working_dir: raw.config.working_dir,
            user: raw.config.user,
            stop_signal: raw.config.stop_signal.filter(|signal| !signal.is_empty()),
            labels: raw.config.labels,
            created: raw.created,
        },
    })
}

/// The processes' part of a configuration, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    env: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    entrypoint: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cmd: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    working_dir: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
}

/// A configuration that says this of the processes, and what the layers are, the lowest first.
pub(crate) fn write_config<'a>(
    platform: &Platform,
    config: &ImageConfig,
    diff_ids: impl Iterator<Item = &'a Digest>,
) -> Result<Vec<u8>, OciError> {
    let diff_ids: Vec<&Digest> = diff_ids.collect();
    let mut image = serde_json::json!({
        "architecture": platform.architecture,
        "os": platform.os,
        "config": Written {
            env: &config.env,
            entrypoint: &config.entrypoint,
            cmd: &config.cmd,
            working_dir: &config.working_dir,
            user: &config.user,
            stop_signal: config.stop_signal.as_deref(),
            labels: &config.labels,
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    if let Some(variant) = &platform.variant {
        image["variant"] = variant.as_str().into();
    }
    if let Some(created) = &config.created {
        image["created"] = created.as_str().into();
    }
    to_json("image configuration", &image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_words_of_other_times_are_read() {
        let old = br#"{"architecture":"amd64","os":"linux","created":"2015-01-01T00:00:00Z","config":{
            "Env":null,"Cmd":"/bin/sh","Entrypoint":null,"Labels":null,"Volumes":null,"ExposedPorts":null,
            "WorkingDir":"","OnBuild":[],"Healthcheck":{"Test":["x"]}},"history":null,"rootfs":{"diff_ids":null}}"#;
        let parsed = read_config(old).unwrap();
        assert_eq!(parsed.config.cmd, ["/bin/sh"]);
        assert!(parsed.config.env.is_empty() && parsed.diff_ids.is_empty());
        assert_eq!(parsed.config.stop_signal, None);
        for sparse in ["{}", r#"{"config":null,"rootfs":null}"#] {
            let parsed = read_config(sparse.as_bytes()).unwrap();
            assert_eq!(parsed.platform, Platform::host());
            assert_eq!(parsed.config, ImageConfig::default());
        }
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for bad in [
            "",
            "[]",
            "null",
            "{",
            r#"{"config":{"Env":"x"}}"#,
            r#"{"rootfs":{"diff_ids":["x"]}}"#,
        ] {
            assert!(read_config(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert!(read_config(deep.as_bytes()).is_err());
        assert!(read_config(format!(r#"{{"x":{deep}"#).as_bytes()).is_err());
    }
}
