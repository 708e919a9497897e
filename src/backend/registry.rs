//! How image registries are reached: the same entries in the configuration file and in the builder's JSON.
//!
//! An entry says where a password is to be found and never holds one. The file may have keys that this version does
//! not know; the builder may not.

use super::file_values::{Named, Spelled, Text};
use super::section::section;
use crate::error::{MsbError, Status};
use crate::options::{OptionType, check, choice, json_error};
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

choice! {
    /// A store of passwords that is not libmsb's.
    CredentialStore {
        /// The keyring of the operating system.
        Keyring = "keyring",
    }
}

section! {
    /// Who to log in as, and where the password is: exactly one of `store`, `password_env` and `secret_name`.
    AuthKeys -> RegistryAuth {
        /// The user's name. Required.
        username: Text,
        /// The password is in the operating system's keyring.
        store: Spelled<CredentialStore>,
        /// The password is in this environment variable.
        password_env: Text,
        /// The password is in the file of this name in `registries` of the secrets directory.
        secret_name: Text,
    }
}

/// Where a password is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// In the operating system's keyring.
    Keyring,
    /// In this environment variable.
    Environment(String),
    /// In this file of the secrets directory.
    Secret(String),
}

impl CredentialSource {
    /// The key and the value that name it.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Keyring => ("store", CredentialStore::Keyring.name()),
            Self::Environment(name) => ("password_env", name),
            Self::Secret(name) => ("secret_name", name),
        }
    }
}

/// Who to log in as at a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryAuth {
    /// The user's name.
    pub username: String,
    /// Where the password is.
    pub source: CredentialSource,
}

impl RegistryAuth {
    /// A login whose password is found by one of the keys `store`, `password_env` and `secret_name`, whose value is given.
    pub fn new(username: &str, key: &str, value: &str) -> Result<Self, MsbError> {
        let entry = json!({ "username": username, key: value });
        serde_json::from_value(entry).map_err(|error| {
            MsbError::new(
                Status::InvalidArgument,
                "option.invalid",
                "the login for a registry cannot be used",
            )
            .source(&error)
            .remedy("name the user, and a password by store, password_env or secret_name")
        })
    }
}

impl TryFrom<AuthKeys> for RegistryAuth {
    type Error = &'static str;

    fn try_from(keys: AuthKeys) -> Result<Self, Self::Error> {
        let Some(Text(username)) = keys.username else {
            return Err("the key `username` is missing");
        };
        let source = match (keys.store, keys.password_env, keys.secret_name) {
            (Some(Spelled(CredentialStore::Keyring)), None, None) => CredentialSource::Keyring,
            (None, Some(Text(name)), None) => CredentialSource::Environment(name),
            (None, None, Some(Text(name))) => CredentialSource::Secret(name),
            _ => return Err("exactly one of `store`, `password_env` and `secret_name` must be set"),
        };
        Ok(Self { username, source })
    }
}

impl Serialize for RegistryAuth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, value) = self.source.parts();
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("username", &self.username)?;
        map.serialize_entry(key, value)?;
        map.end()
    }
}

impl OptionType for RegistryAuth {
    fn schema() -> Value {
        let set =
            |key: &str| json!({ "required": [key], "properties": { key: { "not": { "type": "null" } } } });
        let mut schema = AuthKeys::schema();
        schema["required"] = json!(["username"]);
        schema["properties"]["username"]["type"] = "string".into();
        schema["oneOf"] = json!([set("store"), set("password_env"), set("secret_name")]);
        schema
    }
}

section! {
    /// A registry of images.
    RegistryHost {
        /// Who to log in as; without it nobody, unless credentials are found elsewhere.
        auth: RegistryAuth,
        /// Whether to speak plain HTTP instead of HTTPS.
        insecure: bool,
    }
}

impl Serialize for RegistryHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(auth) = &self.auth {
            map.serialize_entry("auth", auth)?;
        }
        if let Some(insecure) = &self.insecure {
            map.serialize_entry("insecure", insecure)?;
        }
        map.end()
    }
}

/// The registries of a builder, by host name, perhaps with a port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RegistryHosts(pub BTreeMap<String, RegistryHost>);

impl RegistryHosts {
    /// What is wrong with the hosts' names, if anything.
    pub fn check(&self) -> check::Verdict {
        check::each(self.0.keys(), check::text).map_err(|problem| format!("has a host whose name {problem}"))
    }
}

/// Reads registries from JSON text. An unknown key, a wrong type and a bad value are errors.
pub fn from_json(json: &str) -> Result<RegistryHosts, MsbError> {
    serde_json::from_str(json).map_err(|error| json_error("registry_hosts", &error))
}

impl<'de> Deserialize<'de> for RegistryHosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let read = |(host, value): (String, Value)| {
            refuse_unknown(&value).map_err(|key| {
                // In serde's own words, of which the error's reason is made.
                D::Error::custom(format_args!("unknown field `{key}` of the registry {host}"))
            })?;
            let entry = serde_json::from_value(value)
                .map_err(|error| D::Error::custom(format_args!("the registry {host}: {error}")))?;
            Ok((host, entry))
        };
        values.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// The first key of an entry that this version does not know.
fn refuse_unknown(entry: &Value) -> Result<(), String> {
    let unknown = |object: &Map<String, Value>, known: &[&str]| {
        object
            .keys()
            .find(|key| !known.contains(&key.as_str()))
            .cloned()
            .map_or(Ok(()), Err)
    };
    let Some(entry) = entry.as_object() else {
        return Ok(());
    };
    unknown(entry, RegistryHost::KEYS)?;
    entry
        .get("auth")
        .and_then(Value::as_object)
        .map_or(Ok(()), |auth| unknown(auth, AuthKeys::KEYS))
}

impl OptionType for RegistryHosts {
    fn schema() -> Value {
        let mut schema = Named::<RegistryHost>::schema();
        schema["propertyNames"] = Text::schema();
        schema["additionalProperties"]["additionalProperties"] = false.into();
        schema["additionalProperties"]["properties"]["auth"]["anyOf"][0]["additionalProperties"] =
            false.into();
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(json: &str) -> Result<RegistryHosts, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn an_entry_survives_being_written_and_read() {
        let json = r#"{"ghcr.io":{"auth":{"username":"u","password_env":"TOKEN"}},"localhost:5050":{"insecure":true}}"#;
        let read = hosts(json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert_eq!(hosts(json).unwrap(), read);
    }

    #[test]
    fn a_login_has_exactly_one_place_for_its_password() {
        for auth in [
            r#"{"username":"u"}"#,
            r#"{"username":"u","store":"keyring","secret_name":"s"}"#,
            r#"{"store":"keyring"}"#,
            r#"{"username":"u","store":"drawer"}"#,
        ] {
            assert!(hosts(&format!(r#"{{"h":{{"auth":{auth}}}}}"#)).is_err(), "{auth}");
        }
        // As 0.5.8 writes it.
        let nulls =
            r#"{"h":{"auth":{"username":"u","store":"keyring","password_env":null,"secret_name":null}}}"#;
        let read = hosts(nulls).unwrap();
        assert_eq!(
            read.0["h"].auth.as_ref().unwrap().source,
            CredentialSource::Keyring
        );
    }

    #[test]
    fn keys_that_are_not_known_are_named() {
        for (json, key) in [
            (
                r#"{"h":{"insecur":true}}"#,
                "unknown field `insecur` of the registry h",
            ),
            (
                r#"{"h":{"auth":{"username":"u","store":"keyring","pass":"x"}}}"#,
                "unknown field `pass` of the registry h",
            ),
        ] {
            let error = hosts(json).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
