//! Docker's logins: `config.json` with passwords in it, or with the names of programs that keep them.
//!
//! The same places in the same order as Docker: the registry's own helper, the helper for all, the file itself.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Cancel, Credential, Origin, helper};

/// The longest file.
const MAX_FILE: u64 = 1 << 20;

/// What Docker calls Docker Hub in its logins.
const HUB: &str = "https://index.docker.io/v1/";

/// Docker's logins that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read {}; check that it may be read, or set DOCKER_CONFIG to another directory", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not as Docker writes it.
    #[error("cannot understand {}; correct it, or log in again with docker login", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A helper gives no answer.
    #[error("cannot get a login from {program}; install it, or take it out of Docker's config.json")]
    Helper {
        /// The program.
        program: String,
        /// What is wrong.
        source: io::Error,
    },
    /// The call was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
}

/// A text that is not shown and is wiped.
type Hidden = Zeroizing<String>;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<Hidden>,
    username: Option<String>,
    password: Option<Hidden>,
    identitytoken: Option<Hidden>,
    registrytoken: Option<Hidden>,
}

/// The login that Docker has for a registry, by the registry's name as in a reference. None is an answer too.
pub fn docker_credential(
    registry: &str,
    cancel: &dyn Cancel,
) -> Result<Option<Credential>, CredentialsError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let directory = match (set("DOCKER_CONFIG"), set("HOME")) {
        (Some(directory), _) => PathBuf::from(directory),
        (None, Some(home)) => PathBuf::from(home).join(".docker"),
        (None, None) => return Ok(None),
    };
    docker_credential_in(&directory, registry, cancel)
}

/// The same from a given directory with a `config.json`.
pub fn docker_credential_in(
    directory: &Path,
    registry: &str,
    cancel: &dyn Cancel,
) -> Result<Option<Credential>, CredentialsError> {
    let path = directory.join("config.json");
    let Some(text) = read(&path).map_err(|source| CredentialsError::Read {
        path: path.clone(),
        source,
    })?
    else {
        return Ok(None);
    };
    // Not with its cause, which may quote the file.
    let config: ConfigFile =
        serde_json::from_slice(&text).map_err(|_| CredentialsError::Malformed { path: path.clone() })?;
    let server = if registry == "docker.io" { HUB } else { registry };
    let helpers = config.cred_helpers.iter();
    let own = helpers
        .filter(|(host, _)| is_of(host, registry))
        .map(|(_, name)| name)
        .next();
    if let Some(name) = own
        .or(config.creds_store.as_ref())
        .filter(|name| !name.is_empty())
    {
        return helper::ask(name, server, cancel);
    }
    // As it is written before one that means the same.
    let entry = config.auths.get(server).or_else(|| {
        let mut entries = config.auths.iter();
        entries
            .find(|(host, _)| is_of(host, registry))
            .map(|(_, entry)| entry)
    });
    match entry {
        Some(entry) => login(entry, &path),
        None => Ok(None),
    }
}

fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is too long"));
    }
    Ok(Some(text))
}

/// Whether a key of the file, which may be an address, is of the registry.
fn is_of(key: &str, registry: &str) -> bool {
    let host = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let host = host.split('/').next().unwrap_or_default();
    match registry {
        "docker.io" => matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io"),
        registry => host == registry,
    }
}

fn login(entry: &Entry, path: &Path) -> Result<Option<Credential>, CredentialsError> {
    let origin = Origin::Docker(path.to_owned());
    let given = |text: &Option<Hidden>| text.clone().filter(|text| !text.is_empty());
    if let Some(token) = given(&entry.identitytoken) {
        return Ok(Some(Credential::identity(origin, &token)));
    }
    if let Some(token) = given(&entry.registrytoken) {
        return Ok(Some(Credential::bearer(origin, &token)));
    }
    if let Some(code) = given(&entry.auth) {
        let malformed = || CredentialsError::Malformed {
            path: path.to_owned(),
        };
        let pair = Zeroizing::new(BASE64_STANDARD.decode(code.trim()).map_err(|_| malformed())?);
        let pair = std::str::from_utf8(&pair).map_err(|_| malformed())?;
        let (username, password) = pair.split_once(':').ok_or_else(malformed)?;
        // Docker has padded these with zeros once.
        let password = password.trim_end_matches('\0');
        return Ok(Some(Credential::password(origin, username, password)));
    }
    match (&entry.username, given(&entry.password)) {
        (Some(username), Some(password)) => Ok(Some(Credential::password(origin, username, &password))),
        _ => Ok(None),
    }
}
