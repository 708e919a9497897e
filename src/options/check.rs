//! The syntax checks that options share. What is said of a bad value is read after the option's key.
//!
//! Only the form of a value is judged here; whether it can be had on this host is judged when it is used.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// What every check gives.
pub type Verdict = Result<(), String>;

/// The most entries of one list or map.
const MAX_ENTRIES: usize = 65_536;

/// Label keys of these prefixes belong to the library and its tools.
const RESERVED_LABELS: [&str; 3] = ["sandbox.", "microsandbox.", "service."];

/// Any value is well-formed.
pub fn any<V>(_: &V) -> Verdict {
    Ok(())
}

/// Checks what an `Option` or a list holds.
pub fn each<'a, V: 'a>(values: impl IntoIterator<Item = &'a V>, check: impl Fn(&V) -> Verdict) -> Verdict {
    let mut count = 0;
    for value in values {
        count += 1;
        if count > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} entries"));
        }
        check(value)?;
    }
    Ok(())
}

/// A number within bounds.
pub fn within<N: PartialOrd + Display>(range: RangeInclusive<N>) -> impl Fn(&N) -> Verdict {
    move |number| {
        if range.contains(number) {
            Ok(())
        } else {
            Err(format!(
                "is {number}, not between {} and {}",
                range.start(),
                range.end()
            ))
        }
    }
}

/// Text of at least one byte, without a NUL.
#[expect(
    clippy::ptr_arg,
    reason = "options hold `String`, and `each` passes what they hold"
)]
pub fn text(text: &String) -> Verdict {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    no_nul(text)
}

/// Text that may be empty, without a NUL (JSON can spell one).
pub fn no_nul(text: &str) -> Verdict {
    if text.contains('\0') {
        Err("contains a NUL".to_owned())
    } else {
        Ok(())
    }
}

/// The name of a sandbox, volume or snapshot.
pub fn name(name: &String) -> Verdict {
    let well_formed = (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if well_formed {
        Ok(())
    } else {
        Err(format!(
            "is {name:?}, not 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit"
        ))
    }
}

/// The name of a volume that may be there already: 0.5.8 bounded it by nothing but what a directory can be called.
pub fn stored_name(text: &String) -> Verdict {
    const NAME_MAX: usize = 255;
    let impossible = text.is_empty()
        || text.len() > NAME_MAX
        || text.starts_with('.')
        || text.bytes().any(|byte| matches!(byte, b'/' | 0));
    if impossible {
        Err(format!("is {text:?}, which no volume can be called"))
    } else {
        Ok(())
    }
}

/// A host name: dot-separated labels of letters, digits and hyphens, 64 bytes at most (the kernel's limit).
pub fn hostname(name: &String) -> Verdict {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 64 && name.split('.').all(label) {
        Ok(())
    } else {
        Err(format!("is {name:?}, not a host name of at most 64 bytes"))
    }
}

/// Environment variables of a guest.
pub fn env(env: &BTreeMap<String, String>) -> Verdict {
    each(env.keys(), |key| {
        if key.is_empty() {
            Err("has a variable without a name".to_owned())
        } else if key.contains(['=', '\0']) {
            Err(format!(
                "has the variable {key:?}, whose name contains '=' or NUL"
            ))
        } else if key.starts_with("MSB_") {
            Err(format!(
                "has the variable {key:?}; names that begin with MSB_ are reserved"
            ))
        } else {
            Ok(())
        }
    })?;
    match env.iter().find(|(_, value)| value.contains('\0')) {
        Some((key, _)) => Err(format!("has the variable {key:?}, whose value contains a NUL")),
        None => Ok(()),
    }
}

/// Labels that a caller gives.
pub fn labels(labels: &BTreeMap<String, String>) -> Verdict {
    each(labels.keys(), |key| {
        if key.is_empty() {
            return Err("has an entry without a key".to_owned());
        }
        match RESERVED_LABELS.iter().find(|prefix| key.starts_with(**prefix)) {
            Some(prefix) => Err(format!(
                "has the label {key:?}; keys that begin with {prefix} are reserved"
            )),
            None => Ok(()),
        }
    })
}

/// Labels that a caller looks for: reserved ones may be looked for.
pub fn wanted_labels(labels: &BTreeMap<String, String>) -> Verdict {
    each(labels.keys(), |key| {
        if key.is_empty() {
            Err("has an entry without a key".to_owned())
        } else {
            Ok(())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_store() {
        for good in ["a", "0", "web-1", "A.b_c-d", &"x".repeat(128)] {
            assert_eq!(name(&good.to_owned()), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "_a",
            "a/b",
            "a b",
            "ä",
            "a\0",
            "a\n",
            &"x".repeat(129),
        ] {
            assert!(name(&bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn host_names_fit_the_kernel() {
        for good in ["a", "box-1", "box.example", &"x".repeat(64)] {
            assert_eq!(hostname(&good.to_owned()), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a-", "a..b", "a b", "a_b", &"x".repeat(65)] {
            assert!(hostname(&bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn reserved_variables_and_labels_are_refused() {
        let map = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        for bad in [
            map("", "x"),
            map("A=B", "x"),
            map("A", "x\0"),
            map("MSB_USER", "x"),
            map("A\0", "x"),
        ] {
            assert!(env(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(env(&map("PATH", "")), Ok(()));
        for bad in [
            map("", "x"),
            map("sandbox.x", ""),
            map("microsandbox.a", ""),
            map("service.a", ""),
        ] {
            assert!(labels(&bad).is_err(), "{bad:?}");
        }
        assert_eq!(labels(&map("team", "a b")), Ok(()));
        assert_eq!(wanted_labels(&map("sandbox.x", "y")), Ok(()));
    }

    #[test]
    fn lists_are_bounded() {
        let long = vec![String::new(); MAX_ENTRIES + 1];
        assert!(each(&long, |_| Ok(())).is_err());
    }
}
