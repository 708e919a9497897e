//! Log files that never outgrow their cap, and the runner's own log on top of one.
//!
//! A file is cut at half its cap and the cut part kept as `<name>.1`, so that the newest half is always
//! there. A log that cannot be written (full disk) never disturbs the run: the lines are lost, nothing else.

use msb_protocol::launch::LogLevel;
use rustix::fs::{Mode, OFlags};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

/// An append-only file below a directory, with a cap on what it and its predecessor hold together.
#[derive(Debug)]
pub struct CappedFile {
    directory: OwnedFd,
    name: String,
    file: File,
    written: u64,
    cut_at: u64,
}

impl CappedFile {
    /// Opens or creates `name` in `directory`; both halves together hold at most `cap` bytes.
    pub fn open(directory: OwnedFd, name: &str, cap: u64) -> io::Result<Self> {
        let file = append_to(&directory, name)?;
        let written = file.metadata()?.len();
        Ok(Self {
            directory,
            name: name.to_owned(),
            file,
            written,
            cut_at: cap / 2,
        })
    }

    /// Appends `bytes`, of which only the newest that fit are kept.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let keep = usize::try_from(self.cut_at)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let bytes = &bytes[bytes.len() - keep..];
        if self.written.saturating_add(bytes.len() as u64) > self.cut_at {
            self.cut()?;
        }
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.written > 0 {
            let kept = format!("{}.1", self.name);
            rustix::fs::renameat(&self.directory, &self.name, &self.directory, &kept)?;
        }
        self.file = append_to(&self.directory, &self.name)?;
        self.written = 0;
        Ok(())
    }
}

fn append_to(directory: impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(fd))
}

/// The runner's own log: one plain line per event.
#[derive(Debug)]
pub struct RunnerLog(Option<(CappedFile, LogLevel)>);

impl RunnerLog {
    /// Writes to `file` from now on what is of this level or comes before it.
    pub fn new(file: CappedFile, level: LogLevel) -> Self {
        Self(Some((file, level)))
    }

    /// Writes nowhere: for the time before there is a file.
    pub fn silent() -> Self {
        Self(None)
    }

    /// Something that belongs to a normal run.
    pub fn info(&mut self, text: impl Display) {
        self.line(LogLevel::Info, "INFO", text);
    }

    /// What made the run fail.
    pub fn error(&mut self, text: impl Display) {
        self.line(LogLevel::Error, "ERROR", text);
    }

    /// Something that a person should look at.
    pub fn warn(&mut self, text: impl Display) {
        self.line(LogLevel::Warn, "WARN", text);
    }

    fn line(&mut self, level: LogLevel, name: &str, text: impl Display) {
        let Some((file, wanted)) = &mut self.0 else { return };
        if level > *wanted {
            return;
        }
        // Guests' and clients' words may be in it, which must stay on their line.
        let text = text.to_string().replace(char::is_control, " ");
        let line = format!("{} {name} {text}\n", iso_time(SystemTime::now()));
        // A full disk must not end a run that needs no log.
        let _ = file.append(line.as_bytes());
    }
}

/// Milliseconds since 1970 UTC; 0 for a clock set before it.
pub fn unix_ms(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// `2026-01-31T23:59:59.999Z`, by the civil-from-days algorithm of the proleptic Gregorian calendar.
fn iso_time(at: SystemTime) -> String {
    let ms = unix_ms(at);
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, so that the leap day is a year's last day.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn text(ms: u64) -> String {
        iso_time(UNIX_EPOCH + Duration::from_millis(ms))
    }

    #[test]
    fn times_are_written_as_iso_8601() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(1_735_689_599_001), "2024-12-31T23:59:59.001Z");
    }

    #[test]
    fn only_what_is_wanted_is_written() {
        let home = tempfile::tempdir().unwrap();
        let written = |level| {
            let directory = OwnedFd::from(File::open(home.path()).unwrap());
            let name = format!("{level:?}.log");
            let mut log = RunnerLog::new(CappedFile::open(directory, &name, 1000).unwrap(), level);
            log.info("begins");
            log.warn("beware");
            log.error("fails");
            std::fs::read_to_string(home.path().join(name))
                .unwrap()
                .lines()
                .count()
        };
        let levels = [
            LogLevel::Error,
            LogLevel::Warn,
            LogLevel::Info,
            LogLevel::Debug,
            LogLevel::Trace,
        ];
        assert_eq!(levels.map(written), [1, 2, 3, 3, 3]);
    }

    #[test]
    fn the_newest_bytes_are_kept_within_the_cap() {
        let home = tempfile::tempdir().unwrap();
        let directory = || OwnedFd::from(File::open(home.path()).unwrap());
        let mut log = CappedFile::open(directory(), "x.log", 100).unwrap();
        for index in 0..1000 {
            log.append(format!("{index:09}\n").as_bytes()).unwrap();
        }
        log.append(&[b'z'; 1000]).unwrap();
        let newest = std::fs::read(home.path().join("x.log")).unwrap();
        let before = std::fs::read(home.path().join("x.log.1")).unwrap();
        assert_eq!(newest, [b'z'; 50]);
        assert!(before.ends_with(b"000000999\n") && before.len() <= 50);
        let reopened = CappedFile::open(directory(), "x.log", 100).unwrap();
        assert_eq!(reopened.written, 50);
    }
}
