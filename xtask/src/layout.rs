//! abi/layout.h: the binary interface as it was promised, which include/msb.h may add to but not take from.
//!
//! Programs are built with one version of the library and run with a later one. Whatever such a program depends on is a line
//! of the baseline; `layout` adds lines, and removes or changes them only for a header whose `MSB_ABI_VERSION` grew.
//! tests/abi/layout.c includes the same file and has C and C++ compilers check every line.

use std::path::{Path, PathBuf};

use crate::declarations::{self, Declaration, Declarations};
use crate::{TaskError, header};

const TITLE: &str = "\
/*
 * The binary interface that built programs depend on; 64-bit targets. Made by `cargo run -p xtask -- layout`, which only adds
 * to it unless MSB_ABI_VERSION grew. tests/abi/layout.c gives the macros their meaning.
 */
";
const HOW_TO_BREAK: &str = "put it back as it was, or, if old programs really have to break, raise MSB_ABI_VERSION in \
                            src/ffi/version.rs, say so in CHANGELOG.md and run `cargo run -p xtask -- header`, `-- layout`";
const HOW_TO_ADD: &str = "run `cargo run -p xtask -- layout` and commit abi/layout.h";

fn path_of(root: &Path) -> PathBuf {
    root.join("abi/layout.h")
}

pub fn write(root: &Path) -> Result<(), TaskError> {
    let current = current(root)?;
    let path = path_of(root);
    if path.exists() {
        let baseline = crate::read(&path)?;
        let broken = compare(&baseline, &current).broken;
        if !broken.is_empty() && abi_version(&baseline) >= current.abi_version {
            return Err(TaskError::Findings(broken));
        }
    }
    crate::write(&path, &text(&current))
}

pub fn check(root: &Path) -> Result<(), TaskError> {
    let current = current(root)?;
    let baseline = crate::read(&path_of(root))?;
    let difference = compare(&baseline, &current);
    let mut findings = difference.broken;
    if !difference.added.is_empty() {
        let added = difference.added.join(" ");
        findings.push(format!("new in include/msb.h: {added}: {HOW_TO_ADD}"));
    }
    if findings.is_empty() && baseline != text(&current) {
        findings.push(format!(
            "abi/layout.h is not as it would be written: {HOW_TO_ADD}"
        ));
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(TaskError::Findings(findings))
    }
}

fn current(root: &Path) -> Result<Declarations, TaskError> {
    Ok(declarations::read(&crate::read(&header::path_of(root))?)?)
}

fn text(current: &Declarations) -> String {
    let lines: String = current.all.iter().map(|one| line(one) + "\n").collect();
    format!("{TITLE}ABI_VERSION({})\n{lines}", current.abi_version)
}

/// A declaration as a use of a macro. What is before the key's end tells which one it is, the rest what it is like.
fn line(declaration: &Declaration) -> String {
    let list = |takes: &[String]| match takes {
        [] => "(void)".to_owned(),
        takes => format!("({})", takes.join(", ")),
    };
    match declaration {
        Declaration::Value { name, value } => format!("VALUE({name}, {})", literal(*value)),
        Declaration::Opaque { name } => format!("OPAQUE({name})"),
        Declaration::Alias { name, of } => format!("ALIAS({name}, {of})"),
        Declaration::Structure { name, size, align } => format!("STRUCTURE({name}, {size}, {align})"),
        Declaration::Field {
            structure,
            name,
            of,
            count,
            offset,
        } => format!("FIELD({structure}, {name}, {of}, {count}, {offset})"),
        Declaration::Callback { name, returns, takes } => {
            format!("CALLBACK({name}, {returns}, {})", list(takes))
        }
        Declaration::Function { name, returns, takes } => {
            format!("FUNCTION({name}, {returns}, {})", list(takes))
        }
    }
}

/// A number as C writes it; the smallest one has no digits of its own there.
fn literal(value: i128) -> String {
    if value == i128::from(i64::MIN) {
        "INT64_MIN".to_owned()
    } else if value > i128::from(i64::MAX) {
        format!("{value}u")
    } else {
        value.to_string()
    }
}

/// Which declaration a line is about: its macro and the name, for a field both names.
fn key(line: &str) -> &str {
    let names = if line.starts_with("FIELD(") { 2 } else { 1 };
    let end = line.match_indices([',', ')']).nth(names - 1);
    end.map_or(line, |(end, _)| &line[..end])
}

/// Fields that later versions give a meaning and a name; the size of their structure still stays.
fn is_room(line: &str) -> bool {
    key(line)
        .strip_prefix("FIELD(")
        .and_then(|names| names.split_once(", "))
        .is_some_and(|(_, field)| field.starts_with("reserved"))
}

struct Difference {
    /// Sentences that say what to do.
    broken: Vec<String>,
    /// Only the declarations' keys.
    added: Vec<String>,
}

fn lines(baseline: &str) -> impl Iterator<Item = &str> {
    baseline.lines().filter(|line| {
        line.starts_with(|c: char| c.is_ascii_uppercase()) && !line.starts_with("ABI_VERSION(")
    })
}

fn abi_version(baseline: &str) -> u32 {
    let version = baseline
        .lines()
        .find_map(|line| line.strip_prefix("ABI_VERSION(")?.strip_suffix(')'));
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
}

fn compare(baseline: &str, current: &Declarations) -> Difference {
    let now: Vec<String> = current.all.iter().map(line).collect();
    let mut difference = Difference {
        broken: Vec::new(),
        added: Vec::new(),
    };
    for old in lines(baseline).filter(|old| !is_room(old) && !now.iter().any(|new| new == old)) {
        difference
            .broken
            .push(match now.iter().find(|new| key(new) == key(old)) {
                Some(new) => format!("include/msb.h changed {old} to {new}: {HOW_TO_BREAK}"),
                None => format!("include/msb.h no longer has {old}: {HOW_TO_BREAK}"),
            });
    }
    let added = now
        .iter()
        .filter(|new| !is_room(new) && !lines(baseline).any(|old| key(old) == key(new)));
    difference.added = added.map(|new| key(new).to_owned() + ")").collect();
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "#define MSB_ABI_VERSION 1\n#define MSB_OK 0\n\
        typedef struct msb_x { int32_t a; uint32_t reserved; uint64_t reserved_words[2]; } msb_x;\n\
        MSB_API int32_t msb_f(msb_x x);\n";

    fn difference(after: &str) -> Difference {
        let before = text(&declarations::read(BEFORE).unwrap());
        compare(&before, &declarations::read(after).unwrap())
    }

    #[test]
    fn what_is_taken_away_or_changed_breaks() {
        for (from, to) in [
            ("#define MSB_OK 0\n", ""),
            ("MSB_OK 0", "MSB_OK 1"),
            ("int32_t a;", "uint32_t a;"),
            ("int32_t a;", "uint8_t first; int32_t a;"),
            ("reserved_words[2]", "reserved_words[3]"),
            ("MSB_API int32_t msb_f(msb_x x);\n", ""),
            ("msb_f(msb_x x)", "msb_f(msb_x x, int32_t y)"),
            ("MSB_API int32_t", "MSB_API int64_t"),
        ] {
            let found = difference(&BEFORE.replacen(from, to, 1)).broken;
            assert!(!found.is_empty(), "{from} became {to}");
        }
    }

    #[test]
    fn what_is_new_breaks_nothing_but_has_to_be_taken_in() {
        for (from, to) in [
            ("#define MSB_OK 0\n", "#define MSB_OK 0\n#define MSB_NEW 1\n"),
            (
                "uint64_t reserved_words[2]",
                "uint64_t b; uint64_t reserved_words[1]",
            ),
            ("uint32_t reserved; ", "uint32_t b; "),
            (
                "MSB_API",
                "typedef struct msb_y msb_y;\nMSB_API void msb_g(void);\nMSB_API",
            ),
        ] {
            let found = difference(&BEFORE.replacen(from, to, 1));
            assert!(found.broken.is_empty(), "{:?}", found.broken);
            assert!(!found.added.is_empty(), "{from} became {to}");
        }
    }

    #[test]
    fn a_parameter_s_name_is_nobody_s_business() {
        let found = difference(&BEFORE.replace("msb_f(msb_x x)", "msb_f(msb_x other)"));
        assert!(found.broken.is_empty() && found.added.is_empty());
    }
}
