//! Names of content: `sha256:` or `sha512:` and hexadecimal digits, checked when read, so that a digest is always
//! fit to be part of a path.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256, Sha512};

use crate::error::{OciError, shorten};

/// How content is digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// What all images use.
    Sha256,
    /// What the specification allows too.
    Sha512,
}

impl Algorithm {
    /// As it is written before the colon, and as a directory in a layout.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A digest of content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    /// Lower-case digits, as many as the algorithm has.
    hex: String,
}

impl Digest {
    /// The SHA-256 of the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digester = Digester::new(Algorithm::Sha256);
        digester.update(bytes);
        digester.finish()
    }

    /// How it was made.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its digits, without the algorithm.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// Whether the bytes are those that it names.
    pub fn check(&self, what: &str, bytes: &[u8]) -> Result<(), OciError> {
        let mut digester = Digester::new(self.algorithm);
        digester.update(bytes);
        self.compare(what, digester)
    }

    /// The same for content that the digester has seen.
    pub(crate) fn compare(&self, what: &str, digester: Digester) -> Result<(), OciError> {
        let found = digester.finish();
        if found == *self {
            return Ok(());
        }
        Err(OciError::DigestMismatch {
            what: what.to_owned(),
            expected: self.clone(),
            found,
        })
    }
}

impl FromStr for Digest {
    type Err = OciError;

    fn from_str(text: &str) -> Result<Self, OciError> {
        let parsed = match text.split_once(':') {
            Some(("sha256", hex)) => Some((Algorithm::Sha256, hex)),
            Some(("sha512", hex)) => Some((Algorithm::Sha512, hex)),
            _ => None,
        };
        match parsed {
            Some((algorithm, hex))
                if hex.len() == algorithm.digits()
                    && hex
                        .bytes()
                        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) =>
            {
                Ok(Self {
                    algorithm,
                    hex: hex.to_owned(),
                })
            }
            _ => Err(OciError::BadDigest { text: shorten(text) }),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// A digest in the making.
#[derive(Debug, Clone)]
pub struct Digester(State);

#[derive(Debug, Clone)]
enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Digester {
    /// One that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Adds content.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all of it.
    pub fn finish(self) -> Digest {
        let (algorithm, bytes) = match self.0 {
            State::Sha256(state) => (Algorithm::Sha256, state.finalize().to_vec()),
            State::Sha512(state) => (Algorithm::Sha512, state.finalize().to_vec()),
        };
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        let hex = bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect();
        Digest { algorithm, hex }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_as_they_are_written() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert_eq!(empty.parse::<Digest>().unwrap(), Digest::of(b""));
        let mut long = Digester::new(Algorithm::Sha512);
        long.update(b"abc");
        let long = long.finish();
        assert_eq!(long.to_string().parse::<Digest>().unwrap(), long);
        assert!(long.check("text", b"abc").is_ok());
        assert!(matches!(
            long.check("text", b"abd"),
            Err(OciError::DigestMismatch { .. })
        ));
    }

    #[test]
    fn what_could_be_a_path_or_is_cut_is_no_digest() {
        let hex = "a".repeat(64);
        for bad in [
            String::new(),
            hex.clone(),
            format!("sha256:{}", &hex[1..]),
            format!("sha256:{hex}a"),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha256:../{}", &hex[3..]),
            format!("sha512:{hex}"),
            format!("md5:{}", "a".repeat(32)),
            format!("sha256/{hex}"),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
