//! Logins: what a registry challenges with, and what it takes in return.
//!
//! Passwords and tokens are wiped when they are dropped, and never shown.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

/// Where a login was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The call brought it.
    Call,
    /// The operating system's keyring.
    Keyring,
    /// `registries.hosts` of the configuration.
    Config,
    /// Docker's configuration file.
    Docker(PathBuf),
    /// A credential helper of Docker, by its full name.
    Helper(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call => out.write_str("this call"),
            Self::Keyring => out.write_str("the system's keyring"),
            Self::Config => out.write_str("registries.hosts"),
            Self::Docker(path) => path.display().fmt(out),
            Self::Helper(program) => out.write_str(program),
        }
    }
}

/// Who to log in as.
#[derive(Clone)]
pub struct Credential {
    pub(super) origin: Origin,
    pub(super) secret: Secret,
}

#[derive(Clone)]
pub(super) enum Secret {
    Password {
        username: String,
        password: Zeroizing<String>,
    },
    /// Exchanged for a token of the registry.
    Identity(Zeroizing<String>),
    /// Shown to the registry as it is.
    Bearer(Zeroizing<String>),
}

impl Credential {
    /// A user and a password.
    pub fn password(origin: Origin, username: &str, password: &str) -> Self {
        let secret = Secret::Password {
            username: username.to_owned(),
            password: Zeroizing::new(password.to_owned()),
        };
        Self { origin, secret }
    }

    /// What a login with a browser left behind: it is exchanged for a token of the registry.
    pub fn identity(origin: Origin, token: &str) -> Self {
        let secret = Secret::Identity(Zeroizing::new(token.to_owned()));
        Self { origin, secret }
    }

    /// A token of the registry itself.
    pub fn bearer(origin: Origin, token: &str) -> Self {
        let secret = Secret::Bearer(Zeroizing::new(token.to_owned()));
        Self { origin, secret }
    }

    /// Where it was found.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credential")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// What is shown to a registry with every request.
pub(super) struct Access(Zeroizing<String>);

impl Access {
    pub fn basic(username: &str, password: &str) -> Self {
        let pair = Zeroizing::new(format!("{username}:{password}"));
        let code = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
        Self(Zeroizing::new(format!("Basic {}", code.as_str())))
    }

    pub fn bearer(token: &str) -> Self {
        Self(Zeroizing::new(format!("Bearer {token}")))
    }

    /// None if it holds what a header cannot.
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.0).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// What a registry wants before it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user and a password with every request.
    Basic,
    /// A token from the realm.
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// The best of those in the values of `WWW-Authenticate`.
    pub fn choose<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut best = None;
        for (scheme, parameters) in values.flat_map(challenges) {
            let parameter = |name: &str| {
                let found = parameters
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                Some(found.1.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                let service = parameter("service");
                return Some(Self::Bearer { realm, service });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                best = Some(Self::Basic);
            }
        }
        best
    }
}

type Parameters = Vec<(String, String)>;

/// Splits a value into schemes with their parameters.
fn challenges(value: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = value.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find([' ', ',', '=', '\t']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = match after.strip_prefix('=') {
            Some(after) => {
                let (value, after) = parameter_value(after);
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((word.to_owned(), value));
                }
                after
            }
            None => {
                found.push((word.to_owned(), Vec::new()));
                after
            }
        };
        rest = rest.trim_start_matches([' ', ',', '\t', '=']);
    }
    found
}

/// The value after the equals sign, unquoted, and what comes after it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ',', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            char => value.push(char),
        }
    }
    (value, "")
}

/// A text as part of a query or a form.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What the realm of a challenge answers.
#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    token: Option<Zeroizing<String>>,
    #[serde(default)]
    access_token: Option<Zeroizing<String>>,
}

/// The token in the answer of a realm.
pub(super) fn granted(answer: &[u8]) -> Option<Access> {
    let granted: Granted = serde_json::from_slice(answer).ok()?;
    let token = granted.token.or(granted.access_token)?;
    (!token.is_empty()).then(|| Access::bearer(&token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_where_the_challenge_says() {
        let bearer = Challenge::Bearer {
            realm: "https://auth.example/token?x=1".into(),
            service: Some("a \"b\", c".into()),
        };
        for values in [
            vec![
                r#"Bearer realm="https://auth.example/token?x=1",service="a \"b\", c",scope="repository:a:pull""#,
            ],
            vec![r#"Basic realm="x", bearer service="a \"b\", c" , realm=https://auth.example/token?x=1"#],
            vec![
                "Basic",
                r#"BEARER realm="https://auth.example/token?x=1",service="a \"b\", c""#,
            ],
        ] {
            assert_eq!(
                Challenge::choose(values.iter().copied()),
                Some(bearer.clone()),
                "{values:?}"
            );
        }
        let basic = Challenge::choose(["Negotiate", "Basic realm=\"x"].into_iter());
        assert_eq!(basic, Some(Challenge::Basic));
        for none in ["", "Bearer", "=,=\"", "Digest realm=\"\\"] {
            assert_eq!(Challenge::choose([none].into_iter()), None, "{none}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let credential = Credential::password(Origin::Call, "u", "hunter2");
        assert!(!format!("{credential:?}").contains("hunter2"));
        let header = Access::basic("u", "hunter2").header().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic dTpodW50ZXIy");
        assert!(!format!("{header:?}").contains("dTp"));
        assert!(Access::bearer("a\nb").header().is_none());
    }

    #[test]
    fn both_names_of_a_token_are_known() {
        let header = |answer: &str| Some(granted(answer.as_bytes())?.header()?.to_str().unwrap().to_owned());
        assert_eq!(header(r#"{"token":"t","access_token":"t"}"#).unwrap(), "Bearer t");
        assert_eq!(
            header(r#"{"access_token":"t","expires_in":60}"#).unwrap(),
            "Bearer t"
        );
        assert_eq!(header(r#"{"token":""}"#), None);
        assert_eq!(header("[]"), None);
    }
}
