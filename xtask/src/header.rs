//! include/msb.h, from src/ffi and the statuses of src/error.rs.
//!
//! The files are handed to cbindgen one by one, in a fixed order, so that the header does not depend on what else the
//! crate holds and nothing but the C surface can get into it.

use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config};

use crate::{TaskError, functions, same};

pub fn path_of(root: &Path) -> PathBuf {
    root.join("include/msb.h")
}

pub fn write(root: &Path) -> Result<(), TaskError> {
    crate::write(&path_of(root), &generate(root)?)
}

pub fn check(root: &Path) -> Result<(), TaskError> {
    let text = generate(root)?;
    unprefixed(&text)?;
    same(path_of(root), &text, "header")
}

fn generate(root: &Path) -> Result<String, TaskError> {
    let mut config = Config::from_file(root.join("cbindgen.toml")).map_err(TaskError::Config)?;
    config.after_includes = Some(config.after_includes.unwrap_or_default() + &version_macros());
    let mut builder = Builder::new()
        .with_config(config)
        .with_src(root.join("src/error.rs"));
    for file in functions::files(root)? {
        builder = builder.with_src(file);
    }
    let mut text = Vec::new();
    builder.generate()?.write(&mut text);
    Ok(constants_of_statuses(&String::from_utf8_lossy(&text))
        .lines()
        .map(|line| without_tags(line) + "\n")
        .collect())
}

/// The statuses as macros, like every other constant: as an enum they would be of another type than `msb_status` for
/// C++ and Swift.
fn constants_of_statuses(header: &str) -> String {
    let Some((before, rest)) = header.split_once("enum msb_err\n") else {
        return header.to_owned();
    };
    let (Some((_, rest)), Some(what)) = (rest.split_once("{\n"), before.rfind("/**")) else {
        return header.to_owned();
    };
    let Some((members, after)) = rest.split_once("};\n") else {
        return header.to_owned();
    };
    let constants: String = members
        .lines()
        .map(|line| {
            let line = line.trim();
            match line.trim_end_matches(',').split_once(" = ") {
                Some((name, number)) if name.starts_with("MSB_ERR_") => {
                    format!("#define {name} {number}\n\n")
                }
                _ if line.starts_with('*') => format!(" {line}\n"),
                _ => format!("{line}\n"),
            }
        })
        .collect();
    // The alias that cbindgen gives the enum for C goes with it.
    let after = after
        .split_once("typedef int32_t msb_err;\n")
        .and_then(|(_, rest)| rest.split_once("\n\n"))
        .map_or(after, |(_, rest)| rest);
    format!("{}{constants}{after}", &before[..what])
}

/// cbindgen gives a type both a tag and a name, and uses the tag; the name reads better.
fn without_tags(line: &str) -> String {
    if line.starts_with("typedef") {
        line.to_owned()
    } else {
        line.replace("struct msb_", "msb_")
    }
}

/// The macros of the version that Cargo has for the whole workspace, this crate included.
fn version_macros() -> String {
    let [major, minor, patch] = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    format!(
        "
/* The version of this header; msb_version() is that of the library. */
#define MSB_VERSION_MAJOR {major}
#define MSB_VERSION_MINOR {minor}
#define MSB_VERSION_PATCH {patch}
#define MSB_VERSION_STRING \"{version}\"
/* For comparisons: 10000 * major + 100 * minor + patch. */
#define MSB_VERSION_NUMBER (10000 * MSB_VERSION_MAJOR + 100 * MSB_VERSION_MINOR + MSB_VERSION_PATCH)
",
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// Names that would land in every program's namespace.
fn unprefixed(header: &str) -> Result<(), TaskError> {
    let bad: Vec<String> = header
        .lines()
        .filter_map(defined_name)
        .filter(|name| !(name.starts_with("msb_") || name.starts_with("MSB_")))
        .map(|name| format!("include/msb.h defines `{name}` without the prefix msb_ or MSB_"))
        .collect();
    if bad.is_empty() {
        Ok(())
    } else {
        Err(TaskError::Findings(bad))
    }
}

/// The macro, tag or type that a line at file scope defines.
fn defined_name(line: &str) -> Option<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(rest) = line.strip_prefix("#define ") {
        return rest.split(|c| !is_name(c)).next();
    }
    if !["typedef ", "struct ", "enum ", "union "]
        .iter()
        .any(|keyword| line.starts_with(keyword))
    {
        return None;
    }
    // A function type has its name in front of its parameters: `typedef void (*msb_end_fn)(...)`.
    let declarator = match line.split_once("(*") {
        Some((_, function)) => function.split(')').next().unwrap_or(function),
        None => line,
    };
    declarator.split(|c| !is_name(c)).rfind(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_the_prefix_are_found() {
        assert!(
            unprefixed("#define MSB_OK 0\ntypedef struct msb_x msb_x;\ntypedef int32_t msb_status;\n")
                .is_ok()
        );
        for bad in [
            "#define OK 0",
            "typedef struct Status Status;",
            "typedef int32_t status;",
            "enum Kind {",
        ] {
            assert!(unprefixed(bad).is_err(), "{bad}");
        }
    }
}
