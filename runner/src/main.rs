//! One program, one role per process: the supervisor, or one of the children that it starts.
//!
//! Nothing is printed: a role says what it has to say over its link, its report or its log.

use msb_runner::{kernel, probe, share, supervise};
use std::process::ExitCode;

/// Exit code for a role that does not exist, as shells use it for wrong usage.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let role = std::env::args_os().nth(1).unwrap_or_default();
    match role.to_str() {
        Some("supervise") => match supervise::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        #[cfg(feature = "krun")]
        Some("vmm") => msb_runner::driver::krun::enter(),
        Some("share") => share::serve(),
        Some("kernel") => kernel::main(),
        Some("probe") => probe::main(),
        _ => ExitCode::from(USAGE),
    }
}
