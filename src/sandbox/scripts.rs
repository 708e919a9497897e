//! Scripts of a sandbox: executable files that its guest has on its PATH, stored as 0.5.8 stores them.

use super::spec::SandboxSpec;
use crate::error::{MsbError, Status};
use crate::options::check::{self, Verdict, each};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The key in the stored `runtime`.
const KEY: &str = "scripts";
/// Most bytes of all names and contents together, which reach the guest in one message.
pub const MAX_BYTES: usize = 256 * 1024;
/// Longest name of a file.
const NAME_MAX: usize = 255;

/// Names that are one part of a path, and contents that are text.
pub fn check(scripts: &BTreeMap<String, String>) -> Verdict {
    each(scripts.keys(), |name| {
        let is_special = name.is_empty() || name == "." || name == "..";
        if is_special || name.len() > NAME_MAX || name.contains(['/', '\0']) {
            return Err(format!("has the script {name:?}, which no file can be called"));
        }
        Ok(())
    })?;
    each(scripts.values(), |text: &String| check::no_nul(text))?;
    let bytes: usize = scripts
        .iter()
        .map(|(name, content)| name.len().saturating_add(content.len()))
        .sum();
    if bytes > MAX_BYTES {
        return Err(format!("has {bytes} bytes, more than {MAX_BYTES}"));
    }
    Ok(())
}

/// Puts scripts, if there are any, where 0.5.8 has them.
pub fn store(scripts: &BTreeMap<String, String>, runtime: &mut Map<String, Value>) {
    if !scripts.is_empty() {
        let scripts = scripts
            .iter()
            .map(|(name, content)| (name.clone(), content.as_str().into()));
        runtime.insert(KEY.to_owned(), Value::Object(scripts.collect()));
    }
}

/// The scripts of a stored sandbox, in the order of their names.
pub fn read(spec: &SandboxSpec) -> Result<Vec<(String, String)>, MsbError> {
    let stored = spec.runtime.rest.get(KEY).cloned().unwrap_or_default();
    let refused = |why: String| {
        MsbError::new(
            Status::Corrupt,
            "sandbox.spec",
            format!(
                "the stored scripts of sandbox {:?} are not good: it {why}",
                spec.name
            ),
        )
        .remedy("remove the sandbox and create it again")
    };
    let scripts: Option<BTreeMap<String, String>> =
        serde_json::from_value(stored).map_err(|error| refused(format!("cannot be understood: {error}")))?;
    let scripts = scripts.unwrap_or_default();
    check(&scripts).map_err(refused)?;
    Ok(scripts.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, content: &str) -> Verdict {
        check(&BTreeMap::from([(name.to_owned(), content.to_owned())]))
    }

    #[test]
    fn a_script_has_the_name_of_a_file_and_a_bounded_content() {
        checked("say hello.sh", "#!/bin/sh\n").unwrap();
        for bad in ["", ".", "..", "a/b", "/", "a\0b", &"n".repeat(256)] {
            assert!(checked(bad, "").is_err(), "{bad:?}");
        }
        assert!(checked("nul", "a\0b").is_err());
        checked("n", &"x".repeat(MAX_BYTES - 1)).unwrap();
        assert!(checked("n", &"x".repeat(MAX_BYTES)).is_err());
    }

    #[test]
    fn scripts_of_058_are_read_and_bad_ones_are_refused() {
        let spec = |scripts: &str| {
            let json = format!(
                r#"{{"name":"a","image":{{"Bind":"/"}},"resources":{{"cpus":1,"memory_mib":64}},"runtime":{{"scripts":{scripts}}}}}"#
            );
            SandboxSpec::parse("a", &json).unwrap()
        };
        let read_from = |scripts: &str| read(&spec(scripts));
        assert_eq!(
            read_from(r##"{"b":"#!/bin/sh","a":""}"##).unwrap(),
            [
                ("a".to_owned(), String::new()),
                ("b".to_owned(), "#!/bin/sh".to_owned())
            ]
        );
        assert!(read_from("null").unwrap().is_empty());
        for bad in ["[]", r#"{"a":1}"#, r#"{"../a":""}"#] {
            assert_eq!(read_from(bad).unwrap_err().status(), Status::Corrupt, "{bad}");
        }
    }
}
