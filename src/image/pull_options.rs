//! How an image is pulled, as a caller says it. Passwords and tokens are in no debug text.

use super::limits;
use crate::error::MsbError;
use crate::options::check::{self, Verdict, each, within};
use crate::options::{OptionType, Options, Problem, choice, options, verdict};
use msb_erofs::Limits;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

choice! {
    /// When a registry is asked for an image.
    PullPolicy {
        /// When it is not in the home; afterwards the network is not touched.
        IfMissing = "if-missing",
        /// Each time; what is there already is not fetched again.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl OptionType for Login {
    fn schema() -> Value {
        let text = json!({ "type": "string", "minLength": 1 });
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["username", "password"],
            "properties": { "username": text, "password": text },
        })
    }
}

impl Login {
    fn check(&self) -> Verdict {
        each([&self.username, &self.password], check::text)
            .map_err(|problem| format!("has a user or a password that {problem}"))
    }
}

/// A token that is shown to the registry as it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl Token {
    fn check(&self) -> Verdict {
        check::text(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token")
    }
}

impl OptionType for Token {
    fn schema() -> Value {
        String::schema()
    }
}

options! {
    /// How an image is pulled from its registry.
    ImagePullOptions for "msb_image_pull_config" {
        /// When the registry is asked: `"if-missing"`, `"always"`, which fetches only what is new, or `"never"`.
        policy: PullPolicy = PullPolicy::IfMissing, "set_policy", since "0.1.0", check check::any;
        /// Which platform's image, as `"linux/arm64/v8"`. Unset: this host's.
        platform: Option<String> = None, "set_platform", since "0.1.0", check |v| each(v, check::text);
        /// The user and the password to log in with. Unset: those of the configuration, else docker's, else nobody.
        credentials: Option<Login> = None, "set_credentials", since "0.1.0", check |v| each(v, Login::check);
        /// A bearer token to show to the registry instead of logging in.
        token: Option<Token> = None, "set_token", since "0.1.0", check |v| each(v, Token::check);
        /// Whether to speak plain HTTP instead of HTTPS. Unset: what the configuration says of the registry.
        insecure: Option<bool> = None, "set_insecure", since "0.1.0", check check::any;
        /// Most files, directories and links that a layer may have, at least 1; each takes memory while the layer is made. Unset:
        /// 1000000.
        max_entries: Option<u64> = None, "set_max_entries", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
        /// Largest file that a layer may have, in bytes, holes included, at least 1. Unset: 64 GiB.
        max_file_bytes: Option<u64> = None, "set_max_file_bytes", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
        /// Most bytes that a layer may unpack to, at least 1. Unset: 256 GiB.
        max_layer_bytes: Option<u64> = None, "set_max_layer_bytes", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
    }
}

impl ImagePullOptions {
    /// How much is unpacked at most.
    pub fn limits(&self) -> Limits {
        limits::chosen(self.max_entries, self.max_file_bytes, self.max_layer_bytes)
    }

    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        let mut problems = self.problems();
        if self.credentials.is_some() && self.token.is_some() {
            problems.push(Problem {
                key: "token",
                problem: "is set beside credentials".to_owned(),
            });
        }
        verdict::<Self>(problems)
    }
}
