//! Which backend the process's default one is to be, asked in the order of 0.5.8: `MSB_BACKEND`, then `MSB_API_URL` with
//! `MSB_API_KEY`, then the profile that `MSB_PROFILE` or else the configuration file names, then a local one.
//!
//! libmsb has local backends only. Whoever asked for the cloud is refused: sandboxes that were meant for another
//! place must not start on this host unnoticed.

use super::config::Config;
use super::config_file::variable;
use super::file_keys::ProfileBackend;
use crate::error::{MsbError, Status};

/// What the environment says.
#[derive(Debug, Default)]
pub struct Wishes {
    backend: Option<String>,
    cloud_address: bool,
    profile: Option<String>,
}

impl Wishes {
    /// What this process's environment says; surrounding white space does not count.
    pub fn from_environment() -> Self {
        let text = |name| {
            let value = variable(name)?.to_string_lossy().trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        Self {
            backend: text("MSB_BACKEND"),
            cloud_address: text("MSB_API_URL").is_some() && text("MSB_API_KEY").is_some(),
            profile: text("MSB_PROFILE"),
        }
    }
}

/// Fails unless a local backend is what is asked for.
pub fn check_local(wishes: &Wishes, config: &Config) -> Result<(), MsbError> {
    match wishes.backend.as_deref() {
        Some(kind) if kind.eq_ignore_ascii_case("local") => return Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("cloud") => return Err(no_cloud("MSB_BACKEND")),
        Some(kind) => {
            let message = format!("MSB_BACKEND is {kind:?}, neither \"local\" nor \"cloud\"");
            return Err(MsbError::new(Status::ConfigInvalid, "backend.kind", message)
                .remedy("unset it or set it to \"local\""));
        }
        None => {}
    }
    if wishes.cloud_address {
        return Err(no_cloud("MSB_API_URL with MSB_API_KEY"));
    }
    let (name, by) = match (&wishes.profile, &config.active_profile) {
        (Some(name), _) => (name, "MSB_PROFILE".to_owned()),
        (None, Some(name)) => (name, config.file.display().to_string()),
        (None, None) => return Ok(()),
    };
    match config.profiles.get(name).map(|profile| profile.backend) {
        Some(ProfileBackend::Local) => Ok(()),
        Some(ProfileBackend::Cloud) => Err(no_cloud(&format!("the profile {name:?} that {by} names"))),
        None => {
            let message = format!(
                "{} has no profile {name:?}, which {by} names",
                config.file.display()
            );
            Err(
                MsbError::new(Status::ConfigInvalid, "backend.no_profile", message)
                    .remedy("add the profile, or name one that is there")
                    .detail("profile", name.as_str()),
            )
        }
    }
}

fn no_cloud(who: &str) -> MsbError {
    MsbError::new(
        Status::Unsupported,
        "backend.cloud",
        format!("{who} selects the cloud, and libmsb runs sandboxes on this host only"),
    )
    .remedy("set MSB_BACKEND=local, select a local profile, or make a backend with msb_backend_new")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::options::BackendOptions;
    use std::fs;

    /// The reason of the refusal, or nothing, given what the environment and the file say.
    fn reason(wishes: Wishes, file: &str) -> String {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("config.json"), file).unwrap();
        let options = BackendOptions {
            home: Some(home.path().to_str().unwrap().to_owned()),
            ..BackendOptions::default()
        };
        let config = Config::resolve(&options).unwrap();
        check_local(&wishes, &config)
            .err()
            .map_or_else(String::new, |error| error.reason().to_owned())
    }

    fn backend(kind: &str) -> Wishes {
        Wishes {
            backend: Some(kind.to_owned()),
            ..Wishes::default()
        }
    }

    fn profile(name: &str) -> Wishes {
        Wishes {
            profile: Some(name.to_owned()),
            ..Wishes::default()
        }
    }

    const FILE: &str = r#"{"active_profile": "far", "profiles": {"near": {"backend": "local"},
        "far": {"backend": "cloud", "url": "https://example.com", "api_key_ref": "env:KEY"}}}"#;

    #[test]
    fn what_is_asked_for_first_wins() {
        let cloud_address = || Wishes {
            cloud_address: true,
            ..profile("near")
        };
        for (wishes, expected) in [
            (Wishes::default(), "backend.cloud"),
            (profile("near"), ""),
            (profile("far"), "backend.cloud"),
            (profile("none"), "backend.no_profile"),
            (cloud_address(), "backend.cloud"),
            (backend("Local"), ""),
            (backend("cloud"), "backend.cloud"),
            (backend("moon"), "backend.kind"),
        ] {
            let asked = format!("{wishes:?}");
            assert_eq!(reason(wishes, FILE), expected, "{asked}");
        }
    }

    #[test]
    fn without_any_wish_it_is_local() {
        assert_eq!(reason(Wishes::default(), "{}"), "");
        assert_eq!(reason(Wishes::default(), r#"{"active_profile": ""}"#), "");
        assert_eq!(
            reason(Wishes::default(), r#"{"active_profile": "gone"}"#),
            "backend.no_profile"
        );
    }
}
