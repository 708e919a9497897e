//! The guest's clock and random pool, both from the host: the machine has neither a clock chip nor noise.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_settime};
use std::os::fd::AsRawFd;
use thiserror::Error;

/// Most random bytes that are taken at once.
const MAX_ENTROPY: usize = 256;
/// `_IOW('R', 3, int[2])` of <linux/random.h>, which libc lacks.
const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A clock or pool that cannot be set.
#[derive(Debug, Error)]
pub enum ClockError {
    /// The clock refused the time.
    #[error("the guest's clock cannot be set; check the host's clock")]
    Clock(#[source] Errno),
    /// The pool refused the bytes.
    #[error("the guest's random pool cannot be fed through /dev/urandom; use the kernel that libmsb found")]
    Entropy(#[source] Errno),
    /// Not as many bytes as agreed.
    #[error(
        "{0} random bytes came from the host instead of 32 to 256; use a runner of the agent's own build"
    )]
    EntropyLength(usize),
}

impl ClockError {
    /// errno of the failed call; 0 when none applies.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Clock(errno) | Self::Entropy(errno) => errno.raw_os_error(),
            Self::EntropyLength(_) => 0,
        }
    }
}

/// Sets the clock to nanoseconds since 1970-01-01 UTC.
pub fn set(unix_ns: u64) -> Result<(), ClockError> {
    let time = Timespec {
        tv_sec: (unix_ns / NANOS_PER_SECOND).cast_signed(),
        tv_nsec: (unix_ns % NANOS_PER_SECOND).cast_signed(),
    };
    clock_settime(ClockId::Realtime, time).map_err(ClockError::Clock)
}

/// The argument of RNDADDENTROPY.
#[repr(C)]
struct PoolInfo {
    entropy_bits: libc::c_int,
    byte_count: libc::c_int,
    bytes: [u8; MAX_ENTROPY],
}

/// Mixes random bytes into the kernel's pool and credits them in full.
pub fn add_entropy(random: &[u8]) -> Result<(), ClockError> {
    if random.len() < 32 || random.len() > MAX_ENTROPY {
        return Err(ClockError::EntropyLength(random.len()));
    }
    let count = random.len() as libc::c_int;
    let mut info = PoolInfo {
        entropy_bits: count * 8,
        byte_count: count,
        bytes: [0; MAX_ENTROPY],
    };
    info.bytes[..random.len()].copy_from_slice(random);
    let pool = rustix::fs::open("/dev/urandom", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(ClockError::Entropy)?;
    // SAFETY: RNDADDENTROPY reads the two counts and then `byte_count` bytes, all within `info`.
    if unsafe { libc::ioctl(pool.as_raw_fd(), RNDADDENTROPY, &raw const info) } < 0 {
        let errno = std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO);
        return Err(ClockError::Entropy(Errno::from_raw_os_error(errno)));
    }
    Ok(())
}
