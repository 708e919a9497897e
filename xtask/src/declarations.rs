//! What include/msb.h declares, as a compiled program depends on it: values, types, callbacks and functions.
//!
//! It reads the header that cbindgen writes, not C in general. What it does not understand is an error: nothing that the
//! header declares is left out in silence. Sizes and places of fields are those of 64-bit targets.

use std::collections::BTreeMap;

/// Macros that are no constants of the interface, or change with every version.
const NOT_VALUES: [&str; 3] = ["MSB_H", "MSB_API", "MSB_NODISCARD"];
const VERSION_MACROS: &str = "MSB_VERSION_";
const ABI_VERSION: &str = "MSB_ABI_VERSION";

/// One declaration. Types are spelled as in the header, without names of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    Value {
        name: String,
        value: i128,
    },
    Opaque {
        name: String,
    },
    Alias {
        name: String,
        of: String,
    },
    Structure {
        name: String,
        size: usize,
        align: usize,
    },
    Field {
        structure: String,
        name: String,
        of: String,
        count: usize,
        offset: usize,
    },
    Callback {
        name: String,
        returns: String,
        takes: Vec<String>,
    },
    Function {
        name: String,
        returns: String,
        takes: Vec<String>,
    },
}

/// Everything that the header declares, in its order, and its `MSB_ABI_VERSION`.
pub struct Declarations {
    pub abi_version: u32,
    pub all: Vec<Declaration>,
}

/// A statement that is none of the known forms.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` of include/msb.h is not understood; teach it to xtask/src/declarations.rs")]
pub struct DeclarationError(String);

/// Size and alignment of the types seen so far.
type Sizes = BTreeMap<String, (usize, usize)>;

pub fn read(header: &str) -> Result<Declarations, DeclarationError> {
    let (macros, rest) = split_macros(&without_comments(header));
    let mut abi_version = None;
    let mut all = Vec::new();
    for (name, text) in macros {
        if NOT_VALUES.contains(&name.as_str()) || name.starts_with(VERSION_MACROS) {
            continue;
        }
        let value = number(&text).ok_or_else(|| DeclarationError(format!("#define {name} {text}")))?;
        if name == ABI_VERSION {
            abi_version = u32::try_from(value).ok();
        } else {
            all.push(Declaration::Value { name, value });
        }
    }
    let mut sizes = basic_sizes();
    for statement in statements(&rest) {
        let declared = declaration(&statement, &mut sizes);
        all.extend(declared.ok_or(DeclarationError(statement))?);
    }
    Ok(Declarations {
        abi_version: abi_version.ok_or_else(|| DeclarationError(ABI_VERSION.to_owned()))?,
        all,
    })
}

fn basic_sizes() -> Sizes {
    [
        ("int8_t", 1),
        ("uint8_t", 1),
        ("int16_t", 2),
        ("uint16_t", 2),
        ("int32_t", 4),
        ("uint32_t", 4),
        ("int64_t", 8),
        ("uint64_t", 8),
        ("size_t", 8),
    ]
    .into_iter()
    .map(|(name, size)| (name.to_owned(), (size, size)))
    .collect()
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept.lines()
        .map(|line| line.split("//").next().unwrap_or(line).to_owned() + "\n")
        .collect()
}

/// The `#define`s with a value, and the text without any preprocessor line.
fn split_macros(text: &str) -> (Vec<(String, String)>, String) {
    let mut macros = Vec::new();
    let mut rest = String::new();
    for line in text.lines() {
        if let Some((name, value)) = line
            .strip_prefix("#define ")
            .and_then(|define| define.split_once(' '))
        {
            macros.push((name.to_owned(), value.trim().to_owned()));
        }
        if !line.trim_start().starts_with('#') {
            rest.push_str(line);
            rest.push('\n');
        }
    }
    (macros, rest)
}

/// What stands between semicolons outside braces, each with single spaces.
fn statements(text: &str) -> Vec<String> {
    let text = text.replace("extern \"C\" {", "");
    let mut found = Vec::new();
    let (mut depth, mut current) = (0_usize, String::new());
    for character in text.chars() {
        match character {
            '{' => depth += 1,
            // The brace that closes `extern "C"` closes nothing here.
            '}' if depth == 0 => continue,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                found.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(character);
    }
    found.push(current);
    found
        .iter()
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn declaration(statement: &str, sizes: &mut Sizes) -> Option<Vec<Declaration>> {
    if let Some(function) = statement.strip_prefix("MSB_API ") {
        let function = function.strip_prefix("MSB_NODISCARD ").unwrap_or(function);
        let (head, takes) = function.split_once('(')?;
        let (returns, name) = split_name(head)?;
        let takes = parameters(takes.strip_suffix(')')?)?;
        return Some(vec![Declaration::Function { name, returns, takes }]);
    }
    let defined = statement.strip_prefix("typedef ")?;
    if let Some(structure) = defined.strip_prefix("struct ") {
        return match structure.split_once('{') {
            Some((tag, body)) => structure_of(tag.trim(), body.rsplit_once('}')?, sizes),
            None => opaque(structure).map(|one| vec![one]),
        };
    }
    if let Some((returns, callback)) = defined.split_once("(*") {
        let (name, takes) = callback.split_once(")(")?;
        return Some(vec![Declaration::Callback {
            name: name.to_owned(),
            returns: returns.trim().to_owned(),
            takes: parameters(takes.strip_suffix(')')?)?,
        }]);
    }
    let (of, name) = split_name(defined)?;
    let size = *sizes.get(&of)?;
    sizes.insert(name.clone(), size);
    Some(vec![Declaration::Alias { name, of }])
}

fn opaque(structure: &str) -> Option<Declaration> {
    let (tag, name) = structure.split_once(' ')?;
    (tag == name).then(|| Declaration::Opaque {
        name: name.to_owned(),
    })
}

/// The value of a constant, however it is spelled.
fn number(text: &str) -> Option<i128> {
    match text {
        "INT64_MIN" => return Some(i128::from(i64::MIN)),
        "UINT64_MAX" => return Some(i128::from(u64::MAX)),
        _ => {}
    }
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    match digits.strip_prefix("0x") {
        Some(hexadecimal) => i128::from_str_radix(hexadecimal, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// A structure and its fields, laid out as every C ABI of 64-bit targets does it.
fn structure_of(tag: &str, (body, name): (&str, &str), sizes: &mut Sizes) -> Option<Vec<Declaration>> {
    if tag != name.trim() {
        return None;
    }
    let (mut end, mut align) = (0_usize, 1_usize);
    let mut fields = Vec::new();
    for field in body.split(';').map(str::trim).filter(|field| !field.is_empty()) {
        let (field, count) = match field.split_once('[') {
            Some((field, count)) => (field, count.strip_suffix(']')?.parse().ok()?),
            None => (field, 1),
        };
        let (of, field) = split_name(field)?;
        let (size, own_align) = if of.ends_with('*') {
            (8, 8)
        } else {
            *sizes.get(&of)?
        };
        let offset = end.next_multiple_of(own_align);
        end = offset + size * count;
        align = align.max(own_align);
        fields.push(Declaration::Field {
            structure: tag.to_owned(),
            name: field,
            of,
            count,
            offset,
        });
    }
    let size = end.next_multiple_of(align);
    sizes.insert(tag.to_owned(), (size, align));
    let mut all = vec![Declaration::Structure {
        name: tag.to_owned(),
        size,
        align,
    }];
    all.append(&mut fields);
    Some(all)
}

/// The types of parameters; `void` alone is none.
fn parameters(list: &str) -> Option<Vec<String>> {
    if list == "void" {
        return Some(Vec::new());
    }
    list.split(',')
        .map(|parameter| split_name(parameter.trim()).map(|(of, _)| of))
        .collect()
}

/// `const msb_error *error` is the type `const msb_error *` and the name `error`.
fn split_name(declared: &str) -> Option<(String, String)> {
    if declared.contains(['(', ')', '[']) {
        return None;
    }
    let start = declared
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .map(|last| last + 1)?;
    let (of, name) = declared.split_at(start);
    let of = of.trim().replace("struct ", "");
    (!of.is_empty() && !name.is_empty()).then(|| (of, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Declaration> {
        read(&format!("#define MSB_ABI_VERSION 3\n{text}")).unwrap().all
    }

    #[test]
    fn fields_are_where_a_compiler_puts_them() {
        let found = all("typedef struct msb_in {\n uint64_t id; // one\n} msb_in;\n\
             typedef struct msb_x { uint8_t a; uint32_t b[2]; msb_in c; const char *d; uint8_t e; } msb_x;");
        let places: Vec<_> = found
            .iter()
            .filter_map(|one| match one {
                Declaration::Field {
                    structure, offset, ..
                } if structure == "msb_x" => Some(*offset),
                _ => None,
            })
            .collect();
        assert_eq!(places, [0, 4, 16, 24, 32]);
        assert!(found.contains(&Declaration::Structure {
            name: "msb_x".to_owned(),
            size: 40,
            align: 8
        }));
    }

    #[test]
    fn functions_lose_only_the_names_of_their_parameters() {
        let found = all("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\
             MSB_API MSB_NODISCARD\nmsb_status msb_f(const struct msb_x *a,\n   uint8_t **b, size_t n);\nMSB_API void msb_g(void);\n}");
        assert_eq!(
            found[0],
            Declaration::Function {
                name: "msb_f".to_owned(),
                returns: "msb_status".to_owned(),
                takes: ["const msb_x *", "uint8_t **", "size_t"]
                    .map(str::to_owned)
                    .to_vec(),
            }
        );
        assert!(matches!(&found[1], Declaration::Function { takes, .. } if takes.is_empty()));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for bad in [
            "union msb_u { int a; };",
            "#define MSB_NAME other",
            "typedef struct msb_x { float a; } msb_x;",
            "MSB_API void msb_f(void (*callback)(int));",
            "int msb_variable;",
        ] {
            assert!(
                read(&format!("#define MSB_ABI_VERSION 1\n{bad}")).is_err(),
                "{bad}"
            );
        }
        assert!(read("#define MSB_OK 0").is_err());
    }
}
