//! The published schema of the configuration file against the reader: both take and refuse the same texts.

use std::fs;

use boon::{Compiler, Schemas};
use msb::backend::config_file;
use serde_json::Value;

/// Every key of 0.5.8, and some of later versions.
const WHOLE: &str = r#"{
    "home": "/srv/msb",
    "log_level": "debug",
    "database": {"url": "sqlite:///srv/msb.db?mode=rwc", "max_connections": 64, "connect_timeout_secs": 3600, "busy_timeout_secs": 1},
    "paths": {"msb": "/bin/msb", "libkrunfw": "/lib/k.so", "cache": "c", "sandboxes": "s", "volumes": "v", "snapshots": "n",
              "logs": "l", "secrets": "x"},
    "sandbox_defaults": {"cpus": 255, "memory_mib": 64, "oci": {"upper_size_mib": 16}, "shell": "/bin/bash", "workdir": "/work",
                         "metrics_sample_interval_ms": 0, "disable_metrics_sample": true, "thp": "always"},
    "registries": {"ca_certs": "/etc/ca.pem", "hosts": {
        "localhost:5050": {"insecure": true},
        "ghcr.io": {"auth": {"username": "u", "store": "keyring", "password_env": null, "secret_name": null}},
        "a": {"auth": {"username": "u", "password_env": "TOKEN"}, "mirrors": []},
        "b": {"auth": {"username": "u", "secret_name": "s", "scope": "pull"}},
        "c": {"auth": null, "insecure": null}}},
    "metrics": {"capacity": 4294967295},
    "active_profile": "near",
    "profiles": {"near": {"backend": "local"}, "far": {"backend": "cloud", "api_key_ref": "env:K", "url": "https://example.com"}},
    "deployment_profile": {"anything": [1, null]}
}"#;

const TAKEN: [&str; 7] = [
    WHOLE,
    "{}",
    r#"{"home": null, "log_level": null, "database": null, "paths": null, "sandbox_defaults": null, "registries": null,
        "metrics": null, "active_profile": null, "profiles": null}"#,
    r#"{"database": {"url": null, "max_connections": null}, "sandbox_defaults": {"oci": null, "cpus": null}}"#,
    r#"{"registries": {"hosts": {}}, "profiles": {}, "active_profile": ""}"#,
    r#"{"sandbox_defaults": {"metrics_sample_interval_ms": 18446744073709551615}}"#,
    r#"{"database": {"url": "sqlite:msb.db"}}"#,
];

const REFUSED: [&str; 38] = [
    "[]",
    "null",
    "\"config\"",
    r#"{"home": ""}"#,
    r#"{"home": 5}"#,
    r#"{"home": "a\u0000b"}"#,
    r#"{"log_level": "loud"}"#,
    r#"{"log_level": {"info": null}}"#,
    r#"{"database": ["sqlite:a", 5]}"#,
    r#"{"database": {"url": "postgres://host/db"}}"#,
    r#"{"database": {"url": "sqlite::memory:"}}"#,
    r#"{"database": {"url": "sqlite://:memory:"}}"#,
    r#"{"database": {"url": "sqlite:///a.db?mode=ro"}}"#,
    r#"{"database": {"url": "sqlite:///a%20b.db"}}"#,
    r#"{"database": {"url": "sqlite://"}}"#,
    r#"{"database": {"max_connections": 0}}"#,
    r#"{"database": {"max_connections": 1025}}"#,
    r#"{"database": {"connect_timeout_secs": 3601}}"#,
    r#"{"database": {"busy_timeout_secs": -1}}"#,
    r#"{"paths": {"volumes": ""}}"#,
    r#"{"paths": {"msb": false}}"#,
    r#"{"sandbox_defaults": {"cpus": 256}}"#,
    r#"{"sandbox_defaults": {"cpus": "2"}}"#,
    r#"{"sandbox_defaults": {"memory_mib": 63}}"#,
    r#"{"sandbox_defaults": {"memory_mib": 512.5}}"#,
    r#"{"sandbox_defaults": {"oci": {"upper_size_mib": 15}}}"#,
    r#"{"sandbox_defaults": {"disable_metrics_sample": 1}}"#,
    r#"{"registries": {"hosts": []}}"#,
    r#"{"registries": {"hosts": {"h": null}}}"#,
    r#"{"registries": {"hosts": {"h": {"auth": {"store": "keyring"}}}}}"#,
    r#"{"registries": {"hosts": {"h": {"auth": {"username": "u"}}}}}"#,
    r#"{"registries": {"hosts": {"h": {"auth": {"username": null, "store": "keyring"}}}}}"#,
    r#"{"registries": {"hosts": {"h": {"auth": {"username": "u", "store": "drawer"}}}}}"#,
    r#"{"registries": {"hosts": {"h": {"auth": {"username": "u", "store": "keyring", "secret_name": "s"}}}}}"#,
    r#"{"metrics": {"capacity": 4294967296}}"#,
    r#"{"profiles": {"p": {"url": "x"}}}"#,
    r#"{"profiles": {"p": {"backend": null}}}"#,
    r#"{"profiles": {"p": {"backend": "moon"}}}"#,
];

#[test]
fn schema_and_reader_take_and_refuse_the_same_files() {
    let published = fs::read_to_string(super::root().join("schemas/config.schema.json")).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler
        .add_resource("config.schema.json", serde_json::from_str(&published).unwrap())
        .unwrap();
    let schema = compiler.compile("config.schema.json", &mut schemas).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    let examples = TAKEN
        .map(|text| (text, true))
        .into_iter()
        .chain(REFUSED.map(|text| (text, false)));
    for (text, is_taken) in examples {
        let value: Value = serde_json::from_str(text).unwrap();
        let by_schema = schemas.validate(&value, schema);
        assert_eq!(by_schema.is_ok(), is_taken, "the schema, of {text}");
        fs::write(&path, text).unwrap();
        let by_reader = config_file::read(&path);
        assert_eq!(
            by_reader.is_ok(),
            is_taken,
            "the reader, of {text}: {:?}",
            by_reader.err().map(|e| e.text())
        );
    }
}

/// Every object of the schema that describes a key, with the key's path.
fn keys(path: &str, schema: &Value, found: &mut Vec<(String, Value)>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (key, property) in properties {
            let path = format!("{path}.{key}");
            keys(&path, property, found);
            found.push((path, property.clone()));
        }
    }
    if let Some(named) = schema.get("additionalProperties") {
        keys(&format!("{path}.*"), named, found);
    }
    for either in schema
        .get("anyOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        keys(path, either, found);
    }
}

#[test]
fn every_key_of_058_is_in_the_schema_with_its_words() {
    let mut found = Vec::new();
    keys("", &config_file::schema(), &mut found);
    for (path, property) in &found {
        let words = property["description"].as_str().unwrap_or_default();
        assert!(words.ends_with('.'), "{path} has no description");
    }
    let mut paths: Vec<_> = found.into_iter().map(|(path, _)| path).collect();
    paths.sort();
    let mut of_058 = vec![
        ".home",
        ".log_level",
        ".database",
        ".database.url",
        ".database.max_connections",
        ".database.connect_timeout_secs",
        ".database.busy_timeout_secs",
        ".paths",
        ".paths.msb",
        ".paths.libkrunfw",
        ".paths.cache",
        ".paths.sandboxes",
        ".paths.volumes",
        ".paths.snapshots",
        ".paths.logs",
        ".paths.secrets",
        ".sandbox_defaults",
        ".sandbox_defaults.cpus",
        ".sandbox_defaults.memory_mib",
        ".sandbox_defaults.oci",
        ".sandbox_defaults.oci.upper_size_mib",
        ".sandbox_defaults.shell",
        ".sandbox_defaults.workdir",
        ".sandbox_defaults.metrics_sample_interval_ms",
        ".sandbox_defaults.disable_metrics_sample",
        ".registries",
        ".registries.ca_certs",
        ".registries.hosts",
        ".registries.hosts.*.auth",
        ".registries.hosts.*.auth.username",
        ".registries.hosts.*.auth.store",
        ".registries.hosts.*.auth.password_env",
        ".registries.hosts.*.auth.secret_name",
        ".registries.hosts.*.insecure",
        ".metrics",
        ".metrics.capacity",
        ".active_profile",
        ".profiles",
        ".profiles.*.backend",
        ".profiles.*.url",
        ".profiles.*.api_key_ref",
    ];
    of_058.sort_unstable();
    assert_eq!(paths, of_058);
}
