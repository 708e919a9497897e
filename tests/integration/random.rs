//! Seeded randomness: a failing run names its seed, and the same seed takes the same decisions again.

/// SplitMix64: small, and good enough to choose instants and verbs.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True once in `times` on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The seed of this run, which says itself when the test that holds it fails.
pub struct Seed(u64);

impl Seed {
    /// From `MSB_TEST_SEED`, else a new one.
    pub fn of_run() -> Self {
        let set = std::env::var("MSB_TEST_SEED")
            .ok()
            .map(|seed| seed.parse().unwrap());
        Self(set.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).unwrap();
            u64::from_le_bytes(bytes)
        }))
    }

    /// An independent sequence for one part of the test.
    pub fn part(&self, number: u64) -> Random {
        Random::new(self.0 ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }
}

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "the harness shows it for a failing test only")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("MSB_TEST_SEED={}", self.0);
        }
    }
}
