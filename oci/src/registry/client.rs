//! Requests to one repository of one registry, with redirects and logins.
//!
//! A login goes to the registry's own address and to the realm that it names; not to where it redirects, and not in the
//! clear unless the registry itself is reached so.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ureq::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use ureq::http::uri::Scheme;
use ureq::http::{HeaderMap, Request, Response, StatusCode, Uri};
use ureq::unversioned::transport::{Connector, RustlsConnector};
use ureq::{Agent, Body};

use super::access::{Access, Challenge, Secret, encoded, granted};
use super::transport::{Connections, Halt, Names};
use super::watch::Watch;
use super::{RegistryError, RegistryOptions, tls};
use crate::reference::Reference;

/// Most redirects of one request.
const MAX_REDIRECTS: usize = 5;

/// Longest answer of a realm.
const MAX_TOKEN: u64 = 256 << 10;

/// Longest body of a refusal that is read to keep the connection; longer ones cost the connection.
const MAX_REFUSAL: u64 = 16 << 10;

/// Longest time for all of a document or a token.
const MAX_DOCUMENT_TIME: Duration = Duration::from_secs(120);

/// What is asked of a repository.
pub(super) struct Wanted<'a> {
    /// Beneath the repository.
    pub path: String,
    /// As errors call it.
    pub what: &'a str,
    /// Types of documents.
    pub accept: Option<&'a str>,
    /// The first byte that is wanted.
    pub offset: u64,
}

/// One repository of one registry.
pub(super) struct Client<'a> {
    agent: Agent,
    watch: Arc<Watch>,
    options: &'a RegistryOptions,
    /// Host and perhaps port.
    pub host: String,
    repository: String,
    access: Mutex<Option<Arc<Access>>>,
}

/// Where requests to a registry go.
fn address(registry: &str) -> &str {
    match registry {
        // Its name is not its address.
        "docker.io" => "registry-1.docker.io",
        other => other,
    }
}

impl<'a> Client<'a> {
    pub fn new(
        reference: &Reference,
        options: &'a RegistryOptions,
        watch: Arc<Watch>,
    ) -> Result<Self, RegistryError> {
        // A registry in the clear may still redirect to a safe place, but needs no authorities for itself.
        let trusted = tls::config(&options.ca_certs, !options.insecure)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(trusted)
            .user_agent(concat!("libmsb/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections_per_host(options.parallel.max(1))
            .build();
        let connections = Connections {
            watch: watch.clone(),
            patience: options.patience,
        };
        let names = Names {
            watch: watch.clone(),
            limit: options.patience.connect,
        };
        Ok(Self {
            agent: Agent::with_parts(config, connections.chain(RustlsConnector::default()), names),
            watch,
            options,
            host: address(reference.registry()).to_owned(),
            repository: reference.repository().to_owned(),
            access: Mutex::new(None),
        })
    }

    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Asks, and again once there is the login that the registry wants.
    pub fn get(&self, wanted: &Wanted) -> Result<Response<Body>, RegistryError> {
        let scheme = if self.options.insecure { "http" } else { "https" };
        let url = format!("{scheme}://{}/v2/{}/{}", self.host, self.repository, wanted.path);
        let mut headers = HeaderMap::new();
        if let Some(accept) = wanted.accept.and_then(|types| types.parse().ok()) {
            headers.insert(ACCEPT, accept);
        }
        if let Some(range) = (wanted.offset > 0)
            .then(|| format!("bytes={}-", wanted.offset).parse().ok())
            .flatten()
        {
            headers.insert(RANGE, range);
        }
        let mut shown = self.access.lock().clone();
        // What is shown at first may have expired; what is fresh and refused stays refused.
        let mut logins = 1 + u32::from(shown.is_some());
        loop {
            let (response, at_home) = self.follow(&url, &headers, shown.as_deref())?;
            // A login is the answer to the registry alone; whoever it redirects to may not ask for one.
            if response.status() != StatusCode::UNAUTHORIZED || !at_home || logins == 0 {
                return self.judged(response, wanted.what);
            }
            let values = response.headers().get_all(WWW_AUTHENTICATE);
            let challenge = Challenge::choose(values.iter().filter_map(|value| value.to_str().ok()));
            finish(response);
            let Some(challenge) = challenge else {
                return Err(self.unauthorized(wanted.what));
            };
            logins -= 1;
            shown = Some(self.log_in(&challenge, shown.as_ref(), wanted.what)?);
        }
    }

    /// Asks, and reads the whole answer with its type.
    pub fn document(&self, wanted: &Wanted, limit: u64) -> Result<(Vec<u8>, Option<String>), RegistryError> {
        let response = self.get(wanted)?;
        let media_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.split(';').next().unwrap_or_default().trim().to_owned());
        let bytes = self.whole(response, limit, &self.host, wanted.what)?;
        Ok((bytes, media_type))
    }

    fn whole(
        &self,
        response: Response<Body>,
        limit: u64,
        host: &str,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let until = Instant::now() + MAX_DOCUMENT_TIME;
        let mut body = response.into_body().into_reader();
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 16 << 10];
        loop {
            let count = body
                .read(&mut buffer)
                .map_err(|error| failure(host, error.into()))?;
            if count == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&buffer[..count]);
            if bytes.len() as u64 > limit {
                return Err(RegistryError::TooLarge {
                    host: host.to_owned(),
                    what: what.to_owned(),
                    limit,
                });
            }
            if Instant::now() > until {
                return Err(RegistryError::Stalled {
                    host: host.to_owned(),
                });
            }
        }
    }

    /// Asks, and goes where the answer points to. Says whether it came from the first address.
    fn follow(
        &self,
        url: &str,
        headers: &HeaderMap,
        access: Option<&Access>,
    ) -> Result<(Response<Body>, bool), RegistryError> {
        let mut uri: Uri = url.parse().map_err(|_| self.protocol("it names a bad address"))?;
        let mut at_home = true;
        for _ in 0..=MAX_REDIRECTS {
            let host = uri.host().unwrap_or_default().to_owned();
            let mut request = Request::get(uri.clone());
            if let Some(of_request) = request.headers_mut() {
                *of_request = headers.clone();
                if let Some(access) = access.filter(|_| at_home) {
                    let value = access
                        .header()
                        .ok_or_else(|| self.protocol("a token cannot be sent in a header"))?;
                    of_request.insert(AUTHORIZATION, value);
                }
            }
            let request = request
                .body(())
                .map_err(|_| self.protocol("it names a bad address"))?;
            let response = self.agent.run(request).map_err(|error| failure(&host, error))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((response, at_home));
            }
            let next = redirected(&uri, &response)
                .ok_or_else(|| self.protocol("it redirects to a bad address, or from HTTPS to HTTP"))?;
            at_home &= origin(&next) == origin(&uri);
            finish(response);
            uri = next;
        }
        Err(self.protocol("it redirects without end"))
    }

    /// What to show instead of `shown`, which was refused.
    fn log_in(
        &self,
        challenge: &Challenge,
        shown: Option<&Arc<Access>>,
        what: &str,
    ) -> Result<Arc<Access>, RegistryError> {
        // Others wait here meanwhile, and then take the same.
        let mut access = self.access.lock();
        if let Some(other) = access
            .as_ref()
            .filter(|current| shown.is_none_or(|shown| !Arc::ptr_eq(shown, current)))
        {
            return Ok(other.clone());
        }
        let secret = self
            .options
            .credential
            .as_ref()
            .map(|credential| &credential.secret);
        let refused = || self.unauthorized(what);
        let new = match (challenge, secret) {
            // These stay what they are.
            (Challenge::Basic, _) | (_, Some(Secret::Bearer(_))) if shown.is_some() => return Err(refused()),
            (Challenge::Basic, Some(Secret::Password { username, password })) => {
                Access::basic(username, password)
            }
            (_, Some(Secret::Bearer(token))) => Access::bearer(token),
            (Challenge::Basic, _) => return Err(refused()),
            (Challenge::Bearer { realm, service }, secret) => {
                self.token(realm, service.as_deref(), secret, what)?
            }
        };
        let new = Arc::new(new);
        *access = Some(new.clone());
        Ok(new)
    }

    /// A token of the realm.
    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        secret: Option<&Secret>,
        what: &str,
    ) -> Result<Access, RegistryError> {
        let uri: Uri = realm
            .parse()
            .map_err(|_| self.protocol("its realm is no address"))?;
        let safe = uri.scheme() == Some(&Scheme::HTTPS)
            || (self.options.insecure && uri.scheme() == Some(&Scheme::HTTP));
        if !safe
            || uri
                .authority()
                .is_none_or(|authority| authority.as_str().contains('@'))
        {
            return Err(self.protocol("its realm is not an address that a login can be sent to"));
        }
        let host = uri.host().unwrap_or_default().to_owned();
        // Not the challenge's scope: that could be one of more rights, or of another repository.
        let mut fields = format!(
            "scope={}",
            encoded(&format!("repository:{}:pull", self.repository))
        );
        if let Some(service) = service {
            fields.push_str(&format!("&service={}", encoded(service)));
        }
        let response = match secret {
            Some(Secret::Identity(token)) => {
                let form = zeroize::Zeroizing::new(format!(
                    "grant_type=refresh_token&client_id=libmsb&{fields}&refresh_token={}",
                    encoded(token)
                ));
                let request = Request::post(uri)
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.as_bytes())
                    .map_err(|_| self.protocol("its realm is no address"))?;
                self.agent.run(request).map_err(|error| failure(&host, error))?
            }
            secret => {
                let access = match secret {
                    Some(Secret::Password { username, password }) => Some(Access::basic(username, password)),
                    _ => None,
                };
                let separator = if realm.contains('?') { '&' } else { '?' };
                let url = format!("{realm}{separator}{fields}");
                self.follow(&url, &HeaderMap::new(), access.as_ref())?.0
            }
        };
        let status = response.status();
        if matches!(status.as_u16(), 400 | 401 | 403) {
            finish(response);
            return Err(self.unauthorized(what));
        }
        let response = self.judged(response, "a token")?;
        let answer = zeroize::Zeroizing::new(self.whole(response, MAX_TOKEN, &host, "a token")?);
        granted(&answer).ok_or_else(|| self.protocol("its realm gives no token"))
    }

    /// The answer if it is one.
    fn judged(&self, response: Response<Body>, what: &str) -> Result<Response<Body>, RegistryError> {
        let status = response.status();
        if matches!(status.as_u16(), 200 | 206) {
            return Ok(response);
        }
        let host = self.host.clone();
        let what = what.to_owned();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok())
            .map(Duration::from_secs);
        finish(response);
        Err(match status.as_u16() {
            401 | 403 => self.unauthorized(&what),
            404 => RegistryError::NotFound { host, what },
            429 => RegistryError::RateLimited { host, after },
            status => RegistryError::Server {
                host,
                what,
                status,
                after,
            },
        })
    }

    fn unauthorized(&self, what: &str) -> RegistryError {
        let credential = self.options.credential.as_ref();
        RegistryError::Unauthorized {
            host: self.host.clone(),
            what: what.to_owned(),
            tried: credential.map(|credential| credential.origin.clone()),
        }
    }

    fn protocol(&self, why: &'static str) -> RegistryError {
        let host = self.host.clone();
        RegistryError::Protocol { host, why }
    }
}

/// Reads the rest of a short answer, so that its connection can be used again.
fn finish(response: Response<Body>) {
    // If this fails, the connection is closed, which is all that there is to do.
    let _ = io::copy(
        &mut response.into_body().into_reader().take(MAX_REFUSAL),
        &mut io::sink(),
    );
}

/// Who a login is for.
fn origin(uri: &Uri) -> (Option<&str>, Option<&str>, Option<u16>) {
    let usual = if uri.scheme() == Some(&Scheme::HTTP) {
        80
    } else {
        443
    };
    (
        uri.scheme_str(),
        uri.host(),
        Some(uri.port_u16().unwrap_or(usual)),
    )
}

/// Where an answer points to; none if that is nowhere, or in the clear while the question was not.
fn redirected(from: &Uri, response: &Response<Body>) -> Option<Uri> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let next: Uri = if location.starts_with('/') && !location.starts_with("//") {
        let authority = from.authority()?;
        format!("{}://{authority}{location}", from.scheme_str()?)
            .parse()
            .ok()?
    } else {
        location.parse().ok()?
    };
    next.host()?;
    match (from.scheme_str()?, next.scheme_str()?) {
        (_, "https") | ("http", "http") => Some(next),
        _ => None,
    }
}

/// What a failed request or body means.
pub(super) fn failure(host: &str, error: ureq::Error) -> RegistryError {
    let host = host.to_owned();
    let error = match error {
        ureq::Error::Io(error) => error,
        ureq::Error::Rustls(error) => {
            let source = io::Error::other(error);
            return RegistryError::Tls { host, source };
        }
        ureq::Error::Tls(why) => {
            let source = io::Error::other(why);
            return RegistryError::Tls { host, source };
        }
        _ => {
            let why = "its answer is not HTTP";
            return RegistryError::Protocol { host, why };
        }
    };
    if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return RegistryError::Tls { host, source: error };
    }
    match error.downcast::<Halt>() {
        Ok(Halt::Cancelled) => RegistryError::Cancelled,
        Ok(Halt::Stalled) => RegistryError::Stalled { host },
        Ok(Halt::Connect(source)) => RegistryError::Connect { host, source },
        Err(source) => RegistryError::Dropped { host, source },
    }
}
