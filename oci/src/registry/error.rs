//! Why a registry did not give what it was asked for. No text holds a password, a token, or what a server said.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::access::Origin;
use crate::digest::Digest;
use crate::error::OciError;

/// A registry that did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no such image or blob.
    #[error("{host} has no {what}; check its name and tag")]
    NotFound {
        /// The registry.
        host: String,
        /// What it was asked for.
        what: String,
    },
    /// The registry wants another login.
    #[error("{host} does not give {what} to {}; check that it exists, or {}", who(.tried), advice(.tried))]
    Unauthorized {
        /// The registry.
        host: String,
        /// What it was asked for.
        what: String,
        /// Whose login was tried.
        tried: Option<Origin>,
    },
    /// The registry was asked too often.
    #[error("{host} refuses more requests{}; log in to it if you have not, or try again later", wait(.after))]
    RateLimited {
        /// The registry.
        host: String,
        /// How long it wants to be left alone, if it said so.
        after: Option<Duration>,
    },
    /// The registry, or something before it, fails.
    #[error("{host} answers with the HTTP status {status} when asked for {what}; try again later")]
    Server {
        /// The registry, or who it sent us to.
        host: String,
        /// What it was asked for.
        what: String,
        /// The status.
        status: u16,
        /// How long it wants to be left alone, if it said so.
        after: Option<Duration>,
    },
    /// There is no secure connection.
    #[error(
        "cannot trust {host}; if it has a private certificate authority, add that to registries.ca_certs, \
         and if it speaks plain HTTP, mark it as insecure"
    )]
    Tls {
        /// The registry, or who it sent us to.
        host: String,
        /// What is wrong.
        source: io::Error,
    },
    /// There is nobody to trust.
    #[error(
        "this system trusts no certificate authority; install its CA certificates, or name some in registries.ca_certs"
    )]
    NoAuthorities,
    /// A file of certificates cannot be used.
    #[error("cannot use the certificates in {}; give a file of certificates in PEM format", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// There is no connection.
    #[error("cannot connect to {host}; check its name and the network")]
    Connect {
        /// The registry, or who it sent us to.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing comes, or next to nothing.
    #[error("{host} sends nothing any more; check the network and try again")]
    Stalled {
        /// The registry, or who it sent us to.
        host: String,
    },
    /// The connection ended early.
    #[error("the connection to {host} ended early; check the network and try again")]
    Dropped {
        /// The registry, or who it sent us to.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The answer is not one of a registry.
    #[error("{host} does not answer as a registry: {why}; check its name and its port")]
    Protocol {
        /// The registry, or who it sent us to.
        host: String,
        /// What is wrong with the answer.
        why: &'static str,
    },
    /// What came is not what its digest says.
    #[error(
        "{host} gives something else as {expected}; it is damaged there or on the way: try again, or push it again"
    )]
    Corrupt {
        /// The registry.
        host: String,
        /// The digest of what was asked for.
        expected: Digest,
        /// That of what came; none when its size is wrong already.
        found: Option<Digest>,
    },
    /// More comes than is accepted.
    #[error("{host} gives more than {limit} bytes as {what}; that is no image")]
    TooLarge {
        /// The registry.
        host: String,
        /// What it was asked for.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A file of ours failed.
    #[error("cannot {what} {}; check that there is room and that it may be written", path.display())]
    File {
        /// What was being done, as in "cannot {what} {path}".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The documents of the image are refused.
    #[error("cannot use {name}; see the cause")]
    Image {
        /// The image.
        name: String,
        /// Why.
        source: OciError,
    },
    /// There is no thread to work on.
    #[error("cannot start a thread for a download; raise the limit of threads")]
    Thread(#[source] io::Error),
    /// The call was cancelled.
    #[error("the call was cancelled; what was fetched so far is kept for the next one")]
    Cancelled,
}

impl RegistryError {
    /// Whether the same may work a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Connect { .. } | Self::Stalled { .. } | Self::Dropped { .. } => {
                true
            }
            Self::Server { status, .. } => matches!(status, 408 | 500 | 502..=504),
            _ => false,
        }
    }

    /// How long to wait before that, if the registry said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after, .. } | Self::Server { after, .. } => *after,
            _ => None,
        }
    }
}

fn who(tried: &Option<Origin>) -> String {
    match tried {
        Some(origin) => format!("the user of {origin}"),
        None => "somebody who has not logged in".to_owned(),
    }
}

fn advice(tried: &Option<Origin>) -> &'static str {
    match tried {
        Some(_) => "correct the login or its rights",
        None => "log in",
    }
}

fn wait(after: &Option<Duration>) -> String {
    match after {
        Some(after) => format!(" for {} s", after.as_secs()),
        None => String::new(),
    }
}
