//! The exported functions as the sources declare them: the model behind the export list and the comment check.
//!
//! A file exports something if it holds a `#[unsafe(no_mangle)]`; what a macro makes is not seen, by the header
//! generator neither, which is why functions are written out.

use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, FnArg, Item, ItemFn, Lit, Meta, Pat, ReturnType, Type};

use crate::{TaskError, read};

/// Files that the header begins with, in this order; the others follow by name.
const FIRST: [&str; 6] = [
    "status.rs",
    "error.rs",
    "bytes.rs",
    "version.rs",
    "token.rs",
    "backend_config.rs",
];

/// One exported function.
pub struct Function {
    pub name: String,
    pub file: PathBuf,
    pub doc: Vec<String>,
    pub params: Vec<Param>,
    pub returns: Returns,
}

/// A parameter; whether it is a pointer decides whether its comment has to speak of ownership.
pub struct Param {
    pub name: String,
    pub is_pointer: bool,
}

#[derive(PartialEq, Eq)]
pub enum Returns {
    Nothing,
    Status,
    Value { is_pointer: bool },
}

/// The files of src/ffi that export something, in the order of the header.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, TaskError> {
    let folder = root.join("src/ffi");
    let list = |source| TaskError::File {
        doing: "cannot list",
        path: folder.clone(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        if path.extension().is_some_and(|ext| ext == "rs") && read(&path)?.contains("#[unsafe(no_mangle)]") {
            files.push(path);
        }
    }
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_owned();
        (
            FIRST
                .iter()
                .position(|first| name == *first)
                .unwrap_or(FIRST.len()),
            name,
        )
    });
    Ok(files)
}

/// Every exported function, in the order of the header.
pub fn all(root: &Path) -> Result<Vec<Function>, TaskError> {
    let mut functions = Vec::new();
    for path in files(root)? {
        let parsed = syn::parse_file(&read(&path)?).map_err(|source| TaskError::Parse {
            path: path.clone(),
            source,
        })?;
        for item in parsed.items {
            if let Item::Fn(item) = item
                && item.sig.abi.is_some()
            {
                functions.push(function(&path, &item));
            }
        }
    }
    Ok(functions)
}

fn function(file: &Path, item: &ItemFn) -> Function {
    let params = item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => match typed.pat.as_ref() {
            Pat::Ident(name) => Some(Param {
                name: name.ident.to_string(),
                is_pointer: is_pointer(&typed.ty),
            }),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    let params: Vec<Param> = params.collect();
    let has_err = params.last().is_some_and(|last| last.name == "err");
    Function {
        name: item.sig.ident.to_string(),
        file: file.to_owned(),
        doc: item.attrs.iter().filter_map(doc_line).collect(),
        params,
        returns: match &item.sig.output {
            ReturnType::Default => Returns::Nothing,
            // A status without an error beside it is an answer, not the call's own result.
            ReturnType::Type(_, ty) if is_named(ty, "msb_status") && has_err => Returns::Status,
            ReturnType::Type(_, ty) => Returns::Value {
                is_pointer: is_pointer(ty),
            },
        },
    }
}

fn is_pointer(ty: &Type) -> bool {
    matches!(ty, Type::Ptr(_)) || is_named(ty, "Option")
}

fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    if !pair.path.is_ident("doc") {
        return None;
    }
    match &pair.value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    }
}
