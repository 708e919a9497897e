//! How long one handle lookup takes: what every call on a sandbox pays before it does anything.
//!
//! Prints `token_lookup_ns N`, the median of many runs, and beside it what a bare `Arc` clone costs in the same run.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use msb::ffi::boundary::Cleared;
use msb::ffi::token::{self, Handle};

#[derive(Clone, Copy)]
struct Probe(u64);

impl Cleared for Probe {
    const CLEARED: Self = Self(0);
}

impl Handle for Probe {
    type Object = u64;
    const KIND: u32 = 15;
    const NAME: &'static str = "probe";
    fn from_id(id: u64) -> Self {
        Self(id)
    }
    fn id(self) -> u64 {
        self.0
    }
}

const ROUNDS: usize = 51;
const CALLS: u32 = 200_000;

fn median_ns(mut call: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let object = Arc::new(7_u64);
    // Neighbours, so that the table is not a best case of one entry.
    let neighbours = (0..1000)
        .map(|_| token::insert::<Probe>(Arc::clone(&object)))
        .collect::<Result<Vec<_>, _>>()?;
    let handle = neighbours[500];
    let lookup = median_ns(|| {
        black_box(token::lookup(black_box(handle)).is_ok());
    });
    let clone = median_ns(|| {
        black_box(Arc::clone(black_box(&object)));
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "token_lookup_ns {lookup:.1}")?;
    writeln!(out, "arc_clone_ns {clone:.1}")?;
    Ok(())
}
