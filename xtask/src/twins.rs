//! Every call that waits has a twin that does not, and every twin has its call.
//!
//! `msb_x_async` takes what `msb_x` takes, without its outputs and callbacks, then the queue, the token and the operation.

use std::collections::BTreeMap;

use crate::functions::{Function, Param};

const SUFFIX: &str = "_async";
/// What a twin ends with.
const TAIL: [&str; 4] = ["queue", "token", "op", "err"];
/// What a blocking call has for its own thread: outputs, and a function that is called meanwhile.
const OWN: [&str; 6] = ["out", "n", "buf", "progress", "user", "err"];
/// How the comment of a call begins that is done in the time of a few file operations.
const SHORT: [&str; 2] = ["no.", "file operations."];

/// Calls that wait and have no twin, and why.
const LEFT_OUT: [(&str, &str); 4] = [
    ("msb_backend_default", "a few file operations, once in a process"),
    ("msb_dispatcher_stop", "ends what completions go to"),
    ("msb_queue_close", "ends what operations run on"),
    ("msb_queue_next", "is how completions are waited for"),
];

pub fn findings(functions: &[Function]) -> Vec<String> {
    let by_name: BTreeMap<&str, &Function> = functions.iter().map(|f| (f.name.as_str(), f)).collect();
    let mut findings = Vec::new();
    for function in functions {
        let name = function.name.as_str();
        if let Some(call) = name.strip_suffix(SUFFIX) {
            match by_name.get(call) {
                None => findings.push(format!("`{name}` has no blocking twin `{call}`")),
                Some(call) if expected(call) != given(function) => findings.push(format!(
                    "`{name}` takes {:?} instead of {:?}",
                    given(function),
                    expected(call)
                )),
                Some(_) => {}
            }
            continue;
        }
        let has_twin = by_name.contains_key(format!("{name}{SUFFIX}").as_str());
        let left_out = LEFT_OUT.iter().any(|(left_out, _)| *left_out == name);
        match (waits(function), has_twin, left_out) {
            (true, false, false) => findings.push(format!("`{name}` waits and has no `{name}{SUFFIX}`")),
            (_, true, true) | (false, false, true) => {
                findings.push(format!("`{name}` is left out of the twins for nothing"));
            }
            _ => {}
        }
    }
    for (name, _) in LEFT_OUT {
        if !by_name.contains_key(name) {
            findings.push(format!("`{name}` is left out of the twins and does not exist"));
        }
    }
    findings
}

/// Whether the comment says that it can take longer than a few file operations.
fn waits(function: &Function) -> bool {
    let line = function
        .doc
        .iter()
        .find_map(|line| line.strip_prefix("- Blocking: "));
    line.is_some_and(|line| !SHORT.contains(&line))
}

/// The parameters that the twin of a call has.
fn expected(call: &Function) -> Vec<&str> {
    let kept = names(&call.params).filter(|name| !OWN.contains(name));
    kept.chain(TAIL).collect()
}

fn given(twin: &Function) -> Vec<&str> {
    names(&twin.params).collect()
}

fn names(params: &[Param]) -> impl Iterator<Item = &str> {
    params.iter().map(|param| param.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::Returns;

    fn function(name: &str, params: &[&str], blocking: &str) -> Function {
        Function {
            name: name.to_owned(),
            file: "x.rs".into(),
            doc: vec![format!("- Blocking: {blocking}")],
            params: params
                .iter()
                .map(|name| Param {
                    name: (*name).to_owned(),
                    is_pointer: false,
                })
                .collect(),
            returns: Returns::Status,
        }
    }

    /// Without those about the list, whose calls are not there.
    fn check(functions: &[Function]) -> Vec<String> {
        let mut found = findings(functions);
        found.retain(|text| !text.ends_with("does not exist"));
        found
    }

    #[test]
    fn a_pair_that_fits_has_no_findings() {
        let call = function(
            "msb_x",
            &["box", "ms", "out", "progress", "user", "err"],
            "up to `ms`.",
        );
        let twin = function(
            "msb_x_async",
            &["box", "ms", "queue", "token", "op", "err"],
            "no.",
        );
        assert_eq!(check(&[call, twin]), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_fit_is_found() {
        let call = function("msb_x", &["box", "ms", "out", "err"], "up to `ms`.");
        let twin = function("msb_x_async", &["box", "queue", "token", "op", "err"], "no.");
        assert_eq!(check(std::slice::from_ref(&call)).len(), 1, "no twin");
        assert_eq!(check(std::slice::from_ref(&twin)).len(), 1, "no call");
        assert_eq!(check(&[call, twin]).len(), 1, "other parameters");
    }

    #[test]
    fn a_short_call_needs_no_twin() {
        let short = function("msb_x", &["err"], "file operations.");
        assert_eq!(check(&[short]), Vec::<String>::new());
    }
}
