//! The JSON Schema of an option list, made from the same entries as everything else about it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Options;

/// A type that an option can have.
pub trait OptionType {
    /// Its JSON Schema.
    fn schema() -> Value;
}

macro_rules! plain_types {
    ($($type:ty => $schema:expr),+ $(,)?) => {
        $(impl OptionType for $type {
            fn schema() -> Value {
                $schema
            }
        })+
    };
}

plain_types! {
    bool => json!({ "type": "boolean" }),
    u8 => json!({ "type": "integer", "minimum": 0, "maximum": u8::MAX }),
    u16 => json!({ "type": "integer", "minimum": 0, "maximum": u16::MAX }),
    u32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
    u64 => json!({ "type": "integer", "minimum": 0 }),
    String => json!({ "type": "string" }),
    BTreeMap<String, String> => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
}

impl<T: OptionType> OptionType for Option<T> {
    fn schema() -> Value {
        T::schema()
    }
}

impl<T: OptionType> OptionType for Vec<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

/// The schema of a whole list, as it is published under `schemas/`.
#[must_use]
pub fn schema_of<O: Options>() -> Value {
    let properties: Map<String, Value> = O::SPECS
        .iter()
        .map(|spec| {
            let mut property = (spec.schema)();
            property["description"] = paragraph(spec.doc).into();
            property["x-setter"] = format!("{}_{}", O::C_NAME, spec.setter).into();
            property["x-since"] = spec.since.into();
            let default = (spec.default)();
            if !default.is_null() {
                property["default"] = default;
            }
            (spec.key.to_owned(), property)
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": O::C_NAME,
        "description": paragraph(O::ABOUT),
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// The same for a list that is an option of another one.
pub fn schema_within<O: Options>() -> Value {
    let mut schema = schema_of::<O>();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$schema");
    }
    schema
}

fn paragraph(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
