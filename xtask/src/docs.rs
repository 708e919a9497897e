//! The comment of every exported function: what it has to say, and in which form.
//!
//! A summary; then one `- name: ...` line per parameter, with a word of ownership if it is a pointer; `- Returns:` if
//! it returns anything but a status; `- Blocking:`, `- Errors:` with statuses that exist, and `- Since:`, in this order.

use std::collections::BTreeSet;
use std::path::Path;

use syn::Item;

use crate::functions::{Function, Returns};
use crate::{TaskError, functions, read, twins};

/// The words of the header's table of ownership.
const OWNERSHIP: [&str; 10] = [
    "copied",
    "borrowed",
    "changed",
    "consumed",
    "zeroed",
    "set ",
    "written",
    "passed to",
    "returned owned",
    "a view",
];
/// What else a returned pointer can be.
const RETURNED: [&str; 3] = ["owned", "a view", "a static string"];

pub fn check(root: &Path) -> Result<(), TaskError> {
    let statuses = statuses(root)?;
    let functions = functions::all(root)?;
    let comments = functions
        .iter()
        .flat_map(|function| {
            let file = function
                .file
                .file_name()
                .unwrap_or_default()
                .display()
                .to_string();
            findings(function, &statuses)
                .into_iter()
                .map(move |text| (file.clone(), text))
        })
        .map(|(file, text)| format!("src/ffi/{file}: {text}"));
    let findings: Vec<String> = comments.chain(twins::findings(&functions)).collect();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(TaskError::Findings(findings))
    }
}

/// The statuses as comments spell them: `NOT_FOUND`.
fn statuses(root: &Path) -> Result<BTreeSet<String>, TaskError> {
    let path = root.join("src/error.rs");
    let parsed = syn::parse_file(&read(&path)?).map_err(|source| TaskError::Parse {
        path: path.clone(),
        source,
    })?;
    let variants = parsed.items.into_iter().filter_map(|item| match item {
        Item::Enum(item) if item.ident == "Status" => Some(item.variants),
        _ => None,
    });
    Ok(variants
        .flatten()
        .map(|variant| screaming(&variant.ident.to_string()))
        .collect())
}

fn screaming(name: &str) -> String {
    let mut text = String::new();
    for (i, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

fn findings(function: &Function, statuses: &BTreeSet<String>) -> Vec<String> {
    let name = &function.name;
    let items = items(&function.doc);
    let mut findings = Vec::new();
    let mut finding = |text: String| findings.push(format!("`{name}` {text}"));

    if function
        .doc
        .first()
        .is_none_or(|line| line.is_empty() || line.starts_with("- "))
    {
        finding("does not begin with a summary".to_owned());
    }
    let mut expected: Vec<&str> = function.params.iter().map(|param| param.name.as_str()).collect();
    if matches!(function.returns, Returns::Value { .. }) {
        expected.push("Returns");
    }
    expected.extend(["Blocking", "Errors", "Since"]);
    let found: Vec<&str> = items.iter().map(|(key, _)| key.as_str()).collect();
    if found != expected {
        finding(format!("has the lines {found:?} instead of {expected:?}"));
        return findings;
    }
    let text = |key: &str| {
        items
            .iter()
            .find(|(name, _)| name == key)
            .map_or("", |(_, text)| text.as_str())
    };
    for param in &function.params {
        let text = text(&param.name);
        if text.is_empty() || param.is_pointer && !OWNERSHIP.iter().any(|word| text.starts_with(word)) {
            finding(format!("does not say who owns `{}`", param.name));
        }
    }
    if function.returns == (Returns::Value { is_pointer: true })
        && !RETURNED.iter().any(|word| text("Returns").contains(word))
    {
        finding("does not say who owns what it returns".to_owned());
    }
    if text("Blocking").is_empty() {
        finding("does not say whether it blocks".to_owned());
    }
    // A status may be followed by when it is given: `NOT_RUNNING if it was never started`.
    let listed = text("Errors").trim_end_matches('.').split(", ");
    for status in listed
        .map(|item| item.split(' ').next().unwrap_or(item))
        .filter(|status| *status != "none")
    {
        if !statuses.contains(status) {
            finding(format!("lists the status `{status}`, which does not exist"));
        }
    }
    let version: Vec<&str> = text("Since").split('.').collect();
    if version.len() != 3 || version.iter().any(|part| part.parse::<u32>().is_err()) {
        finding("does not say since which version it exists".to_owned());
    }
    findings
}

/// The `- key: text` items of a comment; an item may go on over several lines.
fn items(doc: &[String]) -> Vec<(String, String)> {
    let mut items: Vec<(String, String)> = Vec::new();
    for line in doc {
        if let Some((key, text)) = line.strip_prefix("- ").and_then(|item| item.split_once(':')) {
            items.push((key.to_owned(), text.trim().to_owned()));
        } else if let Some((_, text)) = items.last_mut() {
            text.push(' ');
            text.push_str(line);
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::Param;

    fn function(doc: &str) -> Function {
        Function {
            name: "msb_x".to_owned(),
            file: "x.rs".into(),
            doc: doc.lines().map(str::to_owned).collect(),
            params: vec![Param {
                name: "path".to_owned(),
                is_pointer: true,
            }],
            returns: Returns::Status,
        }
    }

    fn check(doc: &str) -> Vec<String> {
        findings(&function(doc), &BTreeSet::from(["NOT_FOUND".to_owned()]))
    }

    const GOOD: &str =
        "Does it.\n\n- path: copied; not NULL.\n- Blocking: no.\n- Errors: NOT_FOUND.\n- Since: 0.1.0";

    #[test]
    fn a_whole_comment_has_no_findings() {
        assert_eq!(check(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_missing_part_is_found() {
        for (part, without) in [
            ("Does it.", ""),
            ("- path: copied; not NULL.\n", ""),
            ("copied", "given"),
            ("- Blocking: no.\n", ""),
            ("NOT_FOUND", "NO_SUCH"),
            ("0.1.0", "soon"),
        ] {
            assert_eq!(check(&GOOD.replace(part, without)).len(), 1, "without {part:?}");
        }
    }
}
