//! When to try again: a few times, each after a longer pause, or after the one that the registry asks for.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::watch::Watch;
use super::{Patience, RegistryError};

/// Longest pause of our own.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Longest pause that a registry may ask for. A longer one is for people to decide.
const MAX_ASKED: Duration = Duration::from_secs(60);

/// The tries of one thing.
pub(super) struct Retry<'a> {
    watch: &'a Watch,
    patience: Patience,
    tried: u32,
}

impl<'a> Retry<'a> {
    pub fn new(watch: &'a Watch, patience: Patience) -> Self {
        Self {
            watch,
            patience,
            tried: 0,
        }
    }

    /// Forgets the tries before the one that has just failed, as that one brought something.
    pub fn advanced(&mut self) {
        self.tried = 0;
    }

    /// Waits until the next try. Gives the error back when there should be none.
    pub fn after(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        self.tried += 1;
        let asked = error.retry_after();
        if !error.is_transient()
            || self.tried >= self.patience.attempts
            || asked.is_some_and(|asked| asked > MAX_ASKED)
        {
            return Err(error);
        }
        let doubled = self.patience.pause.saturating_mul(1 << (self.tried - 1).min(16));
        let pause = doubled.min(MAX_PAUSE).mul_f64(0.5 + random() / 2.0);
        self.watch.sleep(asked.map_or(pause, |asked| asked + pause))
    }
}

/// Some number from 0 to 1, so that not everybody comes back at the same time.
fn random() -> f64 {
    f64::from(RandomState::new().hash_one(0) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(seconds: Option<u64>) -> RegistryError {
        RegistryError::RateLimited {
            host: "registry".into(),
            after: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_long_pause_is_for_people_to_decide_and_tries_are_counted() {
        let watch = Watch::default();
        let patience = Patience {
            attempts: 3,
            pause: Duration::from_millis(1),
            ..Patience::default()
        };
        assert!(Retry::new(&watch, patience).after(limited(Some(3600))).is_err());
        let mut retry = Retry::new(&watch, patience);
        assert!(retry.after(limited(None)).is_ok());
        assert!(retry.after(limited(Some(0))).is_ok());
        assert!(matches!(
            retry.after(limited(None)),
            Err(RegistryError::RateLimited { .. })
        ));
        assert!(
            Retry::new(&watch, patience)
                .after(RegistryError::NoAuthorities)
                .is_err()
        );
    }
}
