//! Sections of the configuration file: each key defined once, with its type and its words.
//!
//! [`section!`] turns a list of keys into the struct that holds what a file says, its reader and its JSON Schema.
//! Invariant: reader and schema take the same texts. A key that is null counts as one that is not there, as in
//! files that 0.5.8 writes; a key that is not in the list is passed over.

use serde_json::{Value, json};

/// Defines a section; see `file_keys.rs`. With `-> Type` what is read becomes that type, whose `TryFrom` checks what
/// the keys must be together.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident { $($keys:tt)+ }
    ) => {
        $crate::backend::section::section! { $(#[doc = $about])+ $name -> $name { $($keys)+ } }
    };
    (
        $(#[doc = $about:literal])+
        $name:ident -> $read:ident { $($(#[doc = $doc:literal])+ $key:ident: $type:ty,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: Option<$type>,)+
        }

        impl $name {
            /// The keys that are not passed over.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];
        }

        // By hand, because serde's own reader would also take a list of the values in order.
        impl<'de> serde::Deserialize<'de> for $read {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Keys;
                impl<'de> serde::de::Visitor<'de> for Keys {
                    type Value = $read;

                    fn expecting(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        text.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$read, A::Error> {
                        let mut read = $name::default();
                        let mut seen = Vec::new();
                        while let Some(key) = map.next_key::<String>()? {
                            if let Some(key) = $name::KEYS.iter().find(|known| **known == key) {
                                if seen.contains(key) {
                                    return Err(serde::de::Error::duplicate_field(key));
                                }
                                seen.push(*key);
                            }
                            match key.as_str() {
                                $(stringify!($key) => read.$key = map.next_value()?,)+
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        // Here and not later, so that an error has its line.
                        $read::try_from(read).map_err(serde::de::Error::custom)
                    }
                }
                deserializer.deserialize_map(Keys)
            }
        }

        impl $crate::options::OptionType for $name {
            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                $(properties.insert(
                    stringify!($key).to_owned(),
                    $crate::backend::section::property(
                        <$type as $crate::options::OptionType>::schema(),
                        &[$($doc),+],
                    ),
                );)+
                serde_json::json!({
                    "type": "object",
                    "description": $crate::backend::section::paragraph(&[$($about),+]),
                    "properties": properties,
                })
            }
        }
    };
}

pub(crate) use section;

/// A key's schema: that of its type, null, and its words.
pub(crate) fn property(schema: Value, words: &[&str]) -> Value {
    let mut schema = or_null(schema);
    schema["description"] = paragraph(words).into();
    schema
}

fn or_null(mut schema: Value) -> Value {
    let Some(name) = schema
        .get("type")
        .and_then(Value::as_str)
        .filter(|_| schema.get("oneOf").is_none())
    else {
        return json!({ "anyOf": [schema, { "type": "null" }] });
    };
    schema["type"] = json!([name, "null"]);
    if let Some(spellings) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        spellings.push(Value::Null);
    }
    schema
}

/// The lines of a doc comment as running text.
pub(crate) fn paragraph(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
