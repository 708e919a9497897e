//! Images from registries: what a name stands for there, and its blobs, over HTTP.
//!
//! Every call works on threads of its own that have ended when it returns, and keeps no connection afterwards. Every
//! wait has a limit and ends soon after a cancel. What comes is bounded, and held against its digest before anybody
//! sees it. No password or token is in an error, and none goes to another host than it is for.
//!
//! ```text
//! client.rs     requests, redirects, login      access.rs       challenges and tokens
//! fetch.rs      blobs into files                partial.rs      such a file while it grows
//! resolve.rs    a name to an image
//! retry.rs      when to try again               error.rs        what went wrong
//! transport.rs  names, sockets                  tls.rs          who is trusted
//! watch.rs      threads of a call, and cancel   quiet.rs        no signals on them
//! credentials.rs  Docker's logins               helper.rs       its programs that keep passwords
//! ```

mod access;
mod client;
mod credentials;
mod error;
mod fetch;
mod helper;
mod partial;
mod resolve;
mod retry;
mod tls;
mod transport;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

pub use access::{Credential, Origin};
pub use credentials::{CredentialsError, docker_credential, docker_credential_in};
pub use error::RegistryError;
pub use fetch::{BlobWanted, Progress, fetch_blobs};
pub use resolve::resolve;

use crate::platform::Platform;

/// Says whether a call should end early. It is asked on the calling thread, at least every 50 ms.
pub trait Cancel {
    /// True from the moment that the call should end.
    fn is_cancelled(&self) -> bool;
}

impl<F: Fn() -> bool> Cancel for F {
    fn is_cancelled(&self) -> bool {
        self()
    }
}

/// How a registry is reached.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Whether to speak plain HTTP instead of HTTPS.
    pub insecure: bool,
    /// Files of certificates (PEM) that are trusted besides those that the system trusts.
    pub ca_certs: Vec<PathBuf>,
    /// Who to log in as, if the registry asks for it.
    pub credential: Option<Credential>,
    /// Which image of several to take.
    pub platform: Platform,
    /// How many blobs to fetch at once.
    pub parallel: usize,
    /// How long to wait, and how often to try again.
    pub patience: Patience,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            insecure: false,
            ca_certs: Vec::new(),
            credential: None,
            platform: Platform::host(),
            parallel: 3,
            patience: Patience::default(),
        }
    }
}

/// How long to wait for a registry, and how often to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, over all addresses of a host.
    pub connect: Duration,
    /// For anything to come over one.
    pub stall: Duration,
    /// How often to try the same thing before giving up. A try that brought a good part of a blob does not count.
    pub attempts: u32,
    /// Pause before the second try; each further one is twice as long, and all vary at random.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            attempts: 5,
            pause: Duration::from_millis(250),
        }
    }
}
