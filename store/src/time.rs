//! Timestamps as the schema keeps them: naive UTC text, `2026-06-21 09:30:00.123456789`.
//!
//! Invariant: text order is time order, also among the 0, 3, 6 or 9 fractional digits that 0.5.8
//! writes, so SQL may compare the columns as they are.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

const SECONDS_PER_DAY: i64 = 86_400;

/// A point in time, in the text form of the database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(String);

impl Timestamp {
    /// The present moment of the system's clock.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// The text as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The point in time, or nothing where the stored text is no timestamp.
    pub fn to_system_time(&self) -> Option<SystemTime> {
        Self::moment(self.0.as_bytes())
    }

    /// The same of a text that is not kept.
    pub(crate) fn moment(text: &[u8]) -> Option<SystemTime> {
        let (clock, fraction) = text.split_first_chunk::<19>()?;
        let between = [clock[4], clock[7], clock[10], clock[13], clock[16]];
        if !matches!(&between, b"-- ::" | b"--T::") {
            return None;
        }
        let year = two(clock, 0)? * 100 + two(clock, 2)?;
        let (month, day) = (two(clock, 5)?, two(clock, 8)?);
        let (hour, minute, second) = (two(clock, 11)?, two(clock, 14)?, two(clock, 17)?);
        let in_range = year >= 1 && (1..=12).contains(&month) && (1..=31).contains(&day);
        if !in_range || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let nanos = match fraction {
            [] => 0,
            [b'.', digits @ ..] if digits.len() <= 9 => nanoseconds(digits)?,
            _ => return None,
        };
        let seconds = days_from_civil(year.into(), month.into(), day.into()) * SECONDS_PER_DAY
            + i64::from(hour * 3600 + minute * 60 + second);
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let start = if seconds < 0 {
            UNIX_EPOCH.checked_sub(whole)
        } else {
            UNIX_EPOCH.checked_add(whole)
        };
        start?.checked_add(Duration::from_nanos(u64::from(nanos)))
    }
}

/// A point in time in milliseconds since 1970 UTC; 0 for one before that.
#[inline]
pub fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        since
            .as_secs()
            .saturating_mul(1000)
            .saturating_add(since.subsec_millis().into())
    })
}

impl From<SystemTime> for Timestamp {
    /// A clock before 1970 or after 9999 counts as the nearest of the two.
    fn from(time: SystemTime) -> Self {
        const LAST_SECOND_OF_9999: u64 = 253_402_300_799;
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs().min(LAST_SECOND_OF_9999)).unwrap_or_default();
        let (year, month, day) = civil_from_days(seconds / SECONDS_PER_DAY);
        let rest = seconds % SECONDS_PER_DAY;
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        let nanos = since.subsec_nanos();
        Self(format!(
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nanos:09}"
        ))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        String::column_result(value).map(Self)
    }
}

/// The number that the two digits from `at` on say.
#[inline]
fn two(clock: &[u8; 19], at: usize) -> Option<u32> {
    let (tens, ones) = (clock[at].wrapping_sub(b'0'), clock[at + 1].wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// What at most nine digits after the point say.
fn nanoseconds(digits: &[u8]) -> Option<u32> {
    let mut padded = [b'0'; 9];
    padded[..digits.len()].copy_from_slice(digits);
    let mut nanos = 0;
    let mut largest = 0;
    for digit in padded {
        let digit = digit.wrapping_sub(b'0');
        largest = largest.max(digit);
        nanos = nanos * 10 + u64::from(digit);
    }
    (largest < 10).then(|| u32::try_from(nanos).ok()).flatten()
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counted in years that start in March
/// so that the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, nanos: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, nanos)
    }

    #[test]
    fn known_moments_are_written_as_the_reference_writes_them() {
        assert_eq!(
            Timestamp::from(at(0, 0)).as_str(),
            "1970-01-01 00:00:00.000000000"
        );
        assert_eq!(
            Timestamp::from(at(951_782_400, 0)).as_str(),
            "2000-02-29 00:00:00.000000000"
        );
        assert_eq!(
            Timestamp::from(at(1_795_436_817, 580_889_818)).as_str(),
            "2026-11-23 12:26:57.580889818"
        );
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..146_097_i64 {
            let (year, month, date) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, date), day);
        }
    }

    #[test]
    fn shorter_fractions_and_the_iso_separator_are_read() {
        let read = |text: &str| Timestamp(text.to_owned()).to_system_time();
        assert_eq!(read("2026-11-23 12:26:57"), Some(at(1_795_436_817, 0)));
        assert_eq!(
            read("2026-11-23T12:26:57.58"),
            Some(at(1_795_436_817, 580_000_000))
        );
        for bad in [
            "",
            "now",
            "2026-13-01 00:00:00",
            "2026-01-01",
            "2026-01-01 00:00:00.1234567890",
            "2026-1-1 1:1:x",
            "2026-01-01 00:00:0x",
            "2026-01-01 00:00:00.x",
            "2026-01-01 00:00:00Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
