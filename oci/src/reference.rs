//! Names of images as people write them, with Docker's rules for what they leave out.
//!
//! `python` is `docker.io/library/python:latest`; the first part is a registry only if it has a dot or a colon or is
//! `localhost`. What is parsed is canonical: equal references name the same image.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::error::shorten;

/// Longest name, registry included, that registries accept.
const MAX_NAME: usize = 255;

/// Longest tag.
const MAX_TAG: usize = 128;

const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_TAG: &str = "latest";

/// A name that no image can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot name an image: {why}; write it as [registry/]name[:tag][@digest]")]
pub struct ReferenceError {
    text: String,
    why: &'static str,
}

/// The name of an image at a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Reads a name; the same as its [`FromStr`].
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        text.parse()
    }

    /// Host and perhaps port; `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path at the registry, as in `library/python`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; none only if there is a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the index or manifest, if the name has it.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The name without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        parse(text).map_err(|why| ReferenceError {
            text: shorten(text),
            why,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(out, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(out, "@{digest}")?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    let (text, digest) = match text.split_once('@') {
        Some((name, digest)) => {
            let digest = digest.parse().map_err(|_| "its digest is not one")?;
            (name, Some(digest))
        }
        None => (text, None),
    };
    // A colon before the last slash belongs to the registry's port.
    let last = text.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match text[last..].find(':') {
        Some(colon) => (&text[..last + colon], Some(&text[last + colon + 1..])),
        None => (text, None),
    };
    if let Some(tag) = tag
        && !is_tag(tag)
    {
        return Err("its tag is not one");
    }
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (DEFAULT_REGISTRY, name),
    };
    if !is_host(registry) {
        return Err("its registry is not a host");
    }
    // The registry of Docker Hub was once known by this name.
    let registry = match registry {
        "index.docker.io" => DEFAULT_REGISTRY,
        other => other,
    };
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("it has capital letters");
    }
    if path.is_empty() || !path.split('/').all(is_component) {
        return Err("it has a part that is empty or holds other than letters, digits and single separators");
    }
    let repository = if registry == DEFAULT_REGISTRY && !path.contains('/') {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    if registry.len() + 1 + repository.len() > MAX_NAME {
        return Err("it is too long");
    }
    let tag = match (tag, &digest) {
        (None, None) => Some(DEFAULT_TAG),
        (tag, _) => tag,
    };
    Ok(Reference {
        registry: registry.to_owned(),
        repository,
        tag: tag.map(str::to_owned),
        digest,
    })
}

/// Whether the first part of a name is a registry and not the first part of a repository.
fn is_registry(part: &str) -> bool {
    part.contains(['.', ':', '['])
        || part == "localhost"
        || part.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A host name or address, an IPv6 one in brackets, and perhaps a port.
fn is_host(text: &str) -> bool {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else {
            return false;
        };
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return false;
        }
        match rest.strip_prefix(':') {
            Some(port) => (None, Some(port)),
            None if rest.is_empty() => (None, None),
            None => return false,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(text), None),
        }
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    host.is_none_or(|host| host.split('.').all(is_label)) && port.is_none_or(is_port)
}

/// Letters and digits, separated by one dot, one or two underscores, or dashes.
fn is_component(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !part.starts_with(is_plain) || !part.ends_with(is_plain) {
        return false;
    }
    part.split(is_plain)
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    (1..=MAX_TAG).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_mean_what_they_mean_to_docker() {
        let hex = "ab".repeat(32);
        for (short, canonical) in [
            ("python", "docker.io/library/python:latest"),
            ("python:3.12", "docker.io/library/python:3.12"),
            ("library/python", "docker.io/library/python:latest"),
            ("docker.io/python", "docker.io/library/python:latest"),
            ("index.docker.io/python:3", "docker.io/library/python:3"),
            ("grafana/grafana", "docker.io/grafana/grafana:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:1", "localhost:5000/app:1"),
            ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            (
                "ghcr.io/a/b__c/d---e.f:v1.0-rc_1",
                "ghcr.io/a/b__c/d---e.f:v1.0-rc_1",
            ),
            (
                &format!("python@sha256:{hex}"),
                &format!("docker.io/library/python@sha256:{hex}"),
            ),
            (
                &format!("quay.io/a/b:1@sha256:{hex}"),
                &format!("quay.io/a/b:1@sha256:{hex}"),
            ),
        ] {
            let reference = Reference::parse(short).unwrap();
            assert_eq!(reference.to_string(), canonical);
            assert_eq!(Reference::parse(canonical).unwrap(), reference);
        }
    }

    #[test]
    fn parts_of_a_name_are_told_apart() {
        let hex = "cd".repeat(32);
        let reference = Reference::parse(&format!("r.example:443/a/b:t@sha256:{hex}")).unwrap();
        assert_eq!(reference.registry(), "r.example:443");
        assert_eq!(reference.repository(), "a/b");
        assert_eq!(reference.name(), "r.example:443/a/b");
        assert_eq!(reference.tag(), Some("t"));
        assert_eq!(reference.digest().unwrap().hex(), hex);
        assert_eq!(Reference::parse(&format!("a@sha256:{hex}")).unwrap().tag(), None);
    }

    #[test]
    fn names_that_no_image_can_have_are_refused_with_a_reason() {
        let long = "a/".repeat(200) + "a";
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "Python",
            "a b",
            "a:",
            "a:-x",
            "a:x/y:z:",
            "a@",
            "a@sha256:12",
            "a..b",
            "a___b",
            "-a",
            "a-",
            "a.b/",
            "ä",
            "a:\u{e4}",
            "../etc",
            "a/../b",
            "host_x.y/app",
            "h.x:99999/a",
            "h.x:/a:b:c",
            "h.x:+1/a",
            "[::1/a",
            "[zz]/a",
            "a\0",
            &long,
        ] {
            let error = Reference::parse(bad).unwrap_err();
            assert!(error.to_string().contains("write it as"), "{bad}");
        }
        assert!(Reference::parse(&format!("a:{}", "t".repeat(129))).is_err());
    }
}
