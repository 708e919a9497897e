//! Options, each defined once: JSON key, type, default, doc, C setter, since-version and syntax check in one entry.
//!
//! [`options!`] turns a list of entries into the plain struct that the core reads, its JSON form (unknown keys are
//! errors), its JSON Schema and the fields that the C setters store into. Invariant: whatever way a value came
//! in, the same check has seen it, and [`Options::problems`] names every bad one, not just the first.

pub mod check;
mod schema;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{MsbError, Status};

pub use schema::{OptionType, schema_of, schema_within};

/// One entry of an option list, for the schema and for the tests that compare it with the header.
pub struct OptionSpec {
    /// The JSON key; also the name of the struct's field.
    pub key: &'static str,
    /// The C function without the type's prefix: `set_home`.
    pub setter: &'static str,
    /// The version that had it first.
    pub since: &'static str,
    /// What it means, one line per doc line.
    pub doc: &'static [&'static str],
    /// The JSON Schema of its type.
    pub schema: fn() -> Value,
    /// Its value when nobody sets it, as JSON.
    pub default: fn() -> Value,
}

/// One option as a setter sees it.
pub struct Field<O, V> {
    /// The JSON key.
    pub key: &'static str,
    /// Where its value is kept.
    pub of: fn(&mut O) -> &mut V,
    /// What is wrong with a value, if anything.
    pub check: fn(&V) -> Result<(), String>,
}

/// One option whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The JSON key.
    pub key: &'static str,
    /// What is wrong, to be read after the key: `is empty`.
    pub problem: String,
}

/// A list of options made by [`options!`].
pub trait Options: Default + Clone + Serialize + DeserializeOwned {
    /// The C type: `msb_backend_config`.
    const C_NAME: &'static str;
    /// What the list is for.
    const ABOUT: &'static [&'static str];
    /// Its entries.
    const SPECS: &'static [OptionSpec];

    /// Every option whose value breaks its own check.
    fn problems(&self) -> Vec<Problem>;
}

/// Defines a list of options; see `backend/options.rs` for one.
///
/// The struct has one public field per entry. `fields::<key>` is what a setter stores through.
macro_rules! options {
    (
        $(#[doc = $about:literal])+
        $name:ident for $c_name:literal {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty = $default:expr, $setter:literal, since $since:literal, check $check:expr;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        /// The options that differ from their defaults.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let unset = Self::default();
                let mut map = serializer.serialize_map(None)?;
                $(if self.$key != unset.$key {
                    map.serialize_entry(stringify!($key), &self.$key)?;
                })+
                map.end()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::options::Options for $name {
            const C_NAME: &'static str = $c_name;
            const ABOUT: &'static [&'static str] = &[$($about),+];
            const SPECS: &'static [$crate::options::OptionSpec] = &[$($crate::options::OptionSpec {
                key: stringify!($key),
                setter: $setter,
                since: $since,
                doc: &[$($doc),+],
                schema: <$type as $crate::options::OptionType>::schema,
                default: || serde_json::to_value::<$type>($default).unwrap_or_default(),
            }),+];

            fn problems(&self) -> Vec<$crate::options::Problem> {
                let mut problems = Vec::new();
                $(if let Err(problem) = (fields::$key.check)(&self.$key) {
                    problems.push($crate::options::Problem { key: stringify!($key), problem });
                })+
                problems
            }
        }

        /// The options as setters see them, each named as its key.
        #[allow(non_upper_case_globals, reason = "a field is named as the option's key")]
        pub mod fields {
            use super::*;

            $($(#[doc = $doc])+ pub const $key: $crate::options::Field<$name, $type> = $crate::options::Field {
                key: stringify!($key),
                of: |options| &mut options.$key,
                check: $check,
            };)+
        }
    };
}

/// Defines an option's type with a fixed set of spellings.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        $name:ident { $($(#[doc = $doc:literal])+ $(#[cfg($cfg:meta)])? $variant:ident = $text:literal,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $doc])+ $(#[cfg($cfg)])? #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every spelling, in the order of the variants.
            pub const NAMES: &'static [&'static str] = &[$($(#[cfg($cfg)])? $text,)+];

            /// The spelling that texts and JSON use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($(#[cfg($cfg)])? Self::$variant => $text,)+ }
            }
        }

        impl $crate::options::OptionType for $name {
            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "enum": Self::NAMES })
            }
        }
    };
}

pub(crate) use {choice, options};

/// Reads options from JSON text. An unknown key, a wrong type and a value that breaks its check are errors.
pub fn from_json<O: Options>(json: &str) -> Result<O, MsbError> {
    let options: O = serde_json::from_str(json).map_err(|error| json_error(O::C_NAME, &error))?;
    // serde also reads a struct from an array of its fields in order; that order is no contract.
    if !json.trim_start().starts_with('{') {
        let message = format!("the JSON text for {} is not an object", O::C_NAME);
        return Err(MsbError::new(
            Status::ConfigInvalid,
            "config.wrong_value",
            message,
        ));
    }
    verdict::<O>(options.problems())?;
    Ok(options)
}

/// Writes options as JSON text: those that differ from their default, keys in order.
pub fn to_json<O: Options>(options: &O) -> Result<String, MsbError> {
    // By way of a value, whose keys are in order.
    let write = || serde_json::to_string(&serde_json::to_value(options)?);
    write().map_err(|error| {
        MsbError::new(
            Status::Internal,
            "config.not_writable",
            format!("cannot write {} as JSON", O::C_NAME),
        )
        .source(&error)
    })
}

/// An error that lists every problem, or success if there is none.
pub fn verdict<O: Options>(problems: Vec<Problem>) -> Result<(), MsbError> {
    if problems.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = problems
        .iter()
        .map(|Problem { key, problem }| format!("`{key}` {problem}"))
        .collect();
    let error = MsbError::new(
        Status::InvalidArgument,
        "option.invalid",
        format!("{}: {}", O::C_NAME, list.join(", ")),
    );
    Err(problems
        .into_iter()
        .fold(error, |error, Problem { key, problem }| {
            error.detail(key, problem)
        }))
}

/// The error for JSON text that cannot be read, told apart by what is wrong with it.
pub(crate) fn json_error(what: &str, error: &serde_json::Error) -> MsbError {
    let text = error.to_string();
    let key = text
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    let reason = match (error.is_data(), key) {
        (true, Some(_)) => "config.unknown_key",
        (true, None) => "config.wrong_value",
        (false, _) => "config.not_json",
    };
    let message = format!("the JSON text for {what} cannot be used: {text}");
    let failure = MsbError::new(Status::ConfigInvalid, reason, message)
        .detail("line", error.line().to_string())
        .detail("column", error.column().to_string());
    match key {
        Some(key) => failure.detail("key", key),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::options::SandboxOptions;

    #[test]
    fn an_unknown_key_is_named_with_line_and_column() {
        let error = from_json::<SandboxOptions>("{\n  \"cpuz\": 2\n}").unwrap_err();
        assert_eq!(
            (error.status(), error.reason()),
            (Status::ConfigInvalid, "config.unknown_key")
        );
        assert!(
            error.text().contains("`cpuz`") && error.text().contains("line 2"),
            "{}",
            error.text()
        );
        let detail = |key| {
            error
                .details()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.to_vec())
        };
        assert_eq!(detail("key"), Some(b"cpuz".to_vec()));
        assert_eq!(detail("line"), Some(b"2".to_vec()));
    }

    #[test]
    fn every_bad_value_is_listed() {
        let error = from_json::<SandboxOptions>(r#"{"name":"-x","cpus":0,"hostname":""}"#).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        let keys: Vec<_> = error.details().map(|(key, _)| key.to_owned()).collect();
        assert_eq!(keys, ["name", "cpus", "hostname"]);
    }

    #[test]
    fn text_that_is_not_json_is_told_from_a_wrong_value() {
        let reason = |json| from_json::<SandboxOptions>(json).unwrap_err().reason().to_owned();
        assert_eq!(reason("{"), "config.not_json");
        assert_eq!(reason("{\"cpus\":\"two\"}"), "config.wrong_value");
        assert_eq!(reason("{\"cpus\":1,\"cpus\":2}"), "config.wrong_value");
        assert_eq!(reason("[]"), "config.wrong_value");
    }

    #[test]
    fn only_options_that_differ_from_their_default_are_written() {
        let json = r#"{"cpus":2,"env":{"A":"1"},"name":"box","upper":"tmpfs"}"#;
        let options: SandboxOptions = from_json(json).unwrap();
        assert_eq!(to_json(&options).unwrap(), json);
        assert_eq!(to_json(&SandboxOptions::default()).unwrap(), "{}");
    }
}
