//! What the setters of all config builders do: check one value, then store it.
//!
//! Invariant: a value that a setter refuses changes nothing.

use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as ValueError;

use crate::error::{MsbError, Status};
use crate::options::{Field, Options};

/// Stores an option.
pub fn set<O: Options, V>(options: &mut O, field: Field<O, V>, value: V) -> Result<(), MsbError> {
    (field.check)(&value).map_err(|problem| invalid(field.key, &problem))?;
    *(field.of)(options) = value;
    Ok(())
}

/// Adds an entry to an option that is a list or a map.
pub fn add<O, V, I>(options: &mut O, field: Field<O, V>, item: I) -> Result<(), MsbError>
where
    O: Options,
    V: FromIterator<I> + IntoIterator<Item = I> + Extend<I>,
{
    // Checked by itself, so that adding n entries takes n steps; the whole is checked when it is used.
    let one: V = std::iter::once(item).collect();
    (field.check)(&one).map_err(|problem| invalid(field.key, &problem))?;
    (field.of)(options).extend(one);
    Ok(())
}

/// The value that a text spells, for an option with a fixed set of them.
pub fn choice<T: DeserializeOwned>(text: &str, key: &'static str) -> Result<T, MsbError> {
    T::deserialize(text.into_deserializer()).map_err(|error: ValueError| invalid(key, &format!("is {error}")))
}

fn invalid(key: &'static str, problem: &str) -> MsbError {
    MsbError::new(
        Status::InvalidArgument,
        "option.invalid",
        format!("`{key}` {problem}"),
    )
    .detail(key, problem)
}
