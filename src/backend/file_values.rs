//! The types of values in the configuration file: what each takes, and the same as JSON Schema.
//!
//! Invariant: a value that is out of range is refused while it is read, so that the error has its line and column.

use crate::options::{OptionType, check};
use serde::de::value::{Error as ValueError, StringDeserializer};
use serde::de::{DeserializeOwned, Error, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Text of at least one byte, without a NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(TextReader(|text: String| match check::text(&text) {
            Ok(()) => Ok(Self(text)),
            Err(problem) => Err(format!("the text {problem}")),
        }))
    }
}

/// Reads text and checks it on the spot: an error that comes later has the place of what follows.
struct TextReader<F>(F);

impl<T, F: FnOnce(String) -> Result<T, String>> Visitor<'_> for TextReader<F> {
    type Value = T;

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text.to_owned()).map_err(E::custom)
    }
}

impl OptionType for Text {
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[^\\u0000]+$" })
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Within<MIN, MAX> {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number, of a range that ends before 2^32.
    pub fn get_u32(self) -> u32 {
        const { assert!(MAX <= u32::MAX as u64) };
        self.0 as u32
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(NumberReader)
    }
}

/// Reads a number and checks it on the spot, as [`TextReader`] does.
struct NumberReader<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Visitor<'_> for NumberReader<MIN, MAX> {
    type Value = Within<MIN, MAX>;

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "a whole number between {MIN} and {MAX}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        if (MIN..=MAX).contains(&number) {
            Ok(Within(number))
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), &self))
        }
    }
}

impl<const MIN: u64, const MAX: u64> OptionType for Within<MIN, MAX> {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// One of a fixed set of spellings. (serde's own reader of an enum would also take an object.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spelled<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Spelled<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(TextReader(|text: String| {
            let text: StringDeserializer<ValueError> = text.into_deserializer();
            T::deserialize(text).map(Self).map_err(|error| error.to_string())
        }))
    }
}

impl<T: OptionType> OptionType for Spelled<T> {
    fn schema() -> Value {
        T::schema()
    }
}

/// Values by names that the file's writer chose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Named<T>(pub BTreeMap<String, T>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: OptionType> OptionType for Named<T> {
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}

/// Where the database is, as a URL of SQLite: `sqlite:PATH` or `sqlite://PATH`, perhaps with `?mode=rwc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The database's file.
    pub fn path(&self) -> &Path {
        Path::new(Self::split(&self.0).unwrap_or_default())
    }

    /// The path of a URL of one of the forms above.
    fn split(url: &str) -> Option<&str> {
        let rest = url.strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let path = rest.strip_suffix("?mode=rwc").unwrap_or(rest);
        let name = path.strip_prefix('/').unwrap_or(path);
        // `:memory:` would be a database that no other process of the home sees; an escape might mean either spelling.
        let is_plain = !name.is_empty() && !name.starts_with(['/', ':']) && !path.contains(['?', '%', '\0']);
        is_plain.then_some(path)
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(TextReader(|url: String| {
            if Self::split(&url).is_some() {
                return Ok(Self(url));
            }
            Err(format!(
                "the database {url:?} cannot be used: libmsb keeps its store in a file of SQLite, spelled sqlite:PATH or \
                 sqlite://PATH without other parameters than ?mode=rwc"
            ))
        }))
    }
}

impl OptionType for DatabaseUrl {
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^sqlite:(//)?/?[^/?%:\\u0000][^?%\\u0000]*(\\?mode=rwc)?$" })
    }
}

impl From<Text> for PathBuf {
    fn from(text: Text) -> Self {
        Self::from(text.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_url_of_sqlite_gives_its_path() {
        for (url, path) in [
            ("sqlite:/a/b.db", "/a/b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
            ("sqlite:///a/b.db?mode=rwc", "/a/b.db"),
            ("sqlite://b.db", "b.db"),
        ] {
            assert_eq!(DatabaseUrl::split(url), Some(path), "{url}");
        }
        for url in [
            "postgres://host/db",
            "sqlite:",
            "sqlite://",
            "sqlite:/",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:///a.db?mode=ro",
            "sqlite:///a%20b.db",
            "/a/b.db",
            "",
        ] {
            assert_eq!(DatabaseUrl::split(url), None, "{url}");
        }
    }
}
