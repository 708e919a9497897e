//! What an image runs on, in the words of Go, and which of several fits best.
//!
//! Platforms are normalised when made, as containerd does it, so that `x86_64` and `amd64` are equal.

use std::fmt;

/// Operating system, architecture and, where architectures come in several, the variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// As in `linux`.
    pub os: String,
    /// As in `amd64`.
    pub architecture: String,
    /// As in `v7`; none where the architecture alone says it.
    pub variant: Option<String>,
}

impl Platform {
    /// A platform by its parts, in whichever spelling.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let architecture = architecture.to_ascii_lowercase();
        let variant = variant
            .map(str::to_ascii_lowercase)
            .filter(|variant| !variant.is_empty());
        let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
            ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
            ("i386" | "i486" | "i586" | "i686" | "x86" | "386", _) => ("386", None),
            ("aarch64" | "arm64", None | Some("8" | "v8")) => ("arm64", None),
            ("aarch64" | "arm64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", Some("v7")),
            ("armel", _) => ("arm", Some("v6")),
            ("arm", None | Some("7")) => ("arm", Some("v7")),
            ("arm", Some("5")) => ("arm", Some("v5")),
            ("arm", Some("6")) => ("arm", Some("v6")),
            ("arm", Some("8")) => ("arm", Some("v8")),
            (architecture, variant) => (architecture, variant),
        };
        Self {
            os,
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// What a sandbox on this machine is: always Linux, on this processor.
    pub fn host() -> Self {
        Self::new("linux", std::env::consts::ARCH, None)
    }

    /// Reads `os/architecture` or `os/architecture/variant`; none if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (os, architecture, variant) = (parts.next()?, parts.next()?, parts.next());
        let is_word = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        };
        let well_formed =
            is_word(os) && is_word(architecture) && variant.is_none_or(is_word) && parts.next().is_none();
        well_formed.then(|| Self::new(os, architecture, variant))
    }

    /// How well what is offered runs here: none if it does not, more is better.
    pub fn fitness(&self, offered: &Platform) -> Option<u32> {
        if self.os != offered.os || self.architecture != offered.architecture {
            return None;
        }
        if self.variant == offered.variant {
            return Some(u32::MAX);
        }
        // Later variants run what was made for earlier ones.
        let (have, want) = (self.level()?, offered.level()?);
        (want <= have).then_some(want)
    }

    /// Whether it is of something that does not run at all, as what build tools attach to images.
    pub(crate) fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }

    /// Number of the variant.
    fn level(&self) -> Option<u32> {
        let variant = match (&self.variant, self.architecture.as_str()) {
            (Some(variant), _) => variant.as_str(),
            (None, "arm64") => "v8",
            (None, "amd64") => "v1",
            _ => return None,
        };
        let number = variant.strip_prefix('v')?;
        number.split('.').next()?.parse().ok()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(out, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_platform_are_equal() {
        for (one, other) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/aarch64", "linux/arm64/v8"),
            ("Linux/ARM64", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/7"),
            ("linux/i686", "linux/386"),
        ] {
            assert_eq!(Platform::parse(one), Platform::parse(other));
            assert!(Platform::parse(one).is_some());
        }
        for bad in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/amd64/v1/x",
            "linux/a b",
            "a/b/\n",
        ] {
            assert_eq!(Platform::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn earlier_variants_run_and_later_or_other_ones_do_not() {
        let fitness = |have, offered| {
            Platform::parse(have)
                .unwrap()
                .fitness(&Platform::parse(offered).unwrap())
        };
        assert_eq!(fitness("linux/amd64", "linux/arm64"), None);
        assert_eq!(fitness("linux/amd64", "windows/amd64"), None);
        assert_eq!(fitness("linux/amd64", "linux/amd64/v3"), None);
        assert_eq!(fitness("linux/arm/v6", "linux/arm/v7"), None);
        assert!(fitness("linux/arm/v7", "linux/arm/v6") > fitness("linux/arm/v7", "linux/arm/v5"));
        assert!(fitness("linux/arm/v7", "linux/arm/v7") > fitness("linux/arm/v7", "linux/arm/v6"));
        assert!(fitness("linux/amd64/v3", "linux/amd64").is_some());
        assert_eq!(fitness("linux/arm/v7", "linux/arm/odd"), None);
    }
}
