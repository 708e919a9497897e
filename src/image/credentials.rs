//! Who to log in as at a registry: what the call says, else the configuration's host, else docker's logins, else nobody.
//!
//! A source that names a login which cannot be had is an error; only one that names none leads to the next.

use super::pull_options::ImagePullOptions;
use crate::backend::Backend;
use crate::backend::registry::{CredentialSource, RegistryAuth, RegistryHost};
use crate::error::{MsbError, Status};
use crate::ops;
use msb_oci::registry::{Credential, CredentialsError, Origin, docker_credential};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest password.
const MAX_PASSWORD: u64 = 64 << 10;

/// What the configuration says of a registry. Docker Hub goes by several names.
pub fn host<'a>(backend: &'a Backend, registry: &str) -> Option<&'a RegistryHost> {
    let hosts = &backend.config().registry_hosts;
    let others: &[&str] = match registry {
        "docker.io" => &["index.docker.io", "registry-1.docker.io"],
        _ => &[],
    };
    std::iter::once(registry)
        .chain(others.iter().copied())
        .find_map(|name| hosts.get(name))
}

/// The login for a registry, by its name as in a reference; nothing to come as nobody.
pub fn find(
    backend: &Backend,
    registry: &str,
    options: &ImagePullOptions,
) -> Result<Option<Credential>, MsbError> {
    if let Some(token) = &options.token {
        return Ok(Some(Credential::bearer(Origin::Call, &token.0)));
    }
    if let Some(login) = &options.credentials {
        return Ok(Some(Credential::password(
            Origin::Call,
            &login.username,
            &login.password,
        )));
    }
    if let Some(auth) = host(backend, registry).and_then(|host| host.auth.as_ref()) {
        let password = password(backend, registry, auth)?;
        return Ok(Some(Credential::password(
            Origin::Config,
            &auth.username,
            &password,
        )));
    }
    docker_credential(registry, &ops::is_cancelled).map_err(|error| refused(&error))
}

fn password(backend: &Backend, registry: &str, auth: &RegistryAuth) -> Result<String, MsbError> {
    match &auth.source {
        CredentialSource::Keyring => Err(MsbError::new(
            Status::Unsupported,
            "registry.keyring",
            format!(
                "the password for {registry} is in the system's keyring, which this version does not read"
            ),
        )
        .remedy("name it by password_env or secret_name, or log in with docker login")),
        CredentialSource::Environment(name) => std::env::var(name).map_err(|error| {
            MsbError::new(
                Status::ConfigInvalid,
                "registry.password",
                format!("the password for {registry} is not in the environment variable {name}"),
            )
            .source(&error)
            .remedy(format!("set {name}, or change registries.hosts"))
        }),
        CredentialSource::Secret(name) => secret(&backend.config().secrets, name),
    }
}

/// The password in a file of the secrets, without the end of its line.
fn secret(secrets: &Path, name: &str) -> Result<String, MsbError> {
    let is_plain = !name.contains('/') && name != "." && name != "..";
    if !is_plain {
        return Err(MsbError::new(
            Status::ConfigInvalid,
            "registry.password",
            format!("{name:?} cannot name a secret"),
        )
        .remedy("set secret_name to the name of a file, without a directory"));
    }
    let path = secrets.join("registries").join(name);
    let read = || -> io::Result<String> {
        let file = File::open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut text = String::new();
        file.take(MAX_PASSWORD).read_to_string(&mut text)?;
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        Ok(text)
    };
    read().map_err(|error| {
        MsbError::io("registry.password", "cannot read the password in", &path, &error)
            .remedy("write the password into this file, or change registries.hosts")
    })
}

fn refused(error: &CredentialsError) -> MsbError {
    let status = match error {
        CredentialsError::Cancelled => return ops::cancelled(),
        CredentialsError::Read { source, .. } => source.raw_os_error().map_or(Status::Io, Status::from_errno),
        CredentialsError::Malformed { .. } => Status::ConfigInvalid,
        CredentialsError::Helper { .. } => Status::Unavailable,
    };
    super::refusal::spoken(status, "registry.credentials", error).retryable(false)
}
