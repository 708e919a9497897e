//! Hosts: this test binary, started again as a process of its own that plays one role over a home.
//!
//! A host reports on its standard error, one word a line; the harness's own words go to its standard output,
//! which is thrown away.

use crate::{contention, failures, leaks, walk};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

const ROLE: &str = "MSB_TEST_ROLE";
const HOME: &str = "MSB_TEST_HOST_HOME";
const SEED: &str = "MSB_TEST_HOST_SEED";

/// What a host was told.
pub struct Orders {
    pub home: PathBuf,
    pub seed: u64,
}

/// Not a promise: the body of every host. Without orders there is nothing to do.
#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let orders = Orders {
        home: std::env::var_os(HOME).unwrap().into(),
        seed: std::env::var(SEED).unwrap().parse().unwrap(),
    };
    match role.as_str() {
        "walk" => walk::play(&orders),
        "contend" => contention::play(&orders),
        "leak" => leaks::play(&orders),
        "unprivileged" => failures::machine::play_unprivileged(&orders),
        "closed-image" => failures::machine::play_closed_image(&orders),
        "no-kernel" => failures::machine::play_no_kernel(&orders),
        other => panic!("no role {other}"),
    }
}

/// Reports to the parent, unbuffered, so that a kill loses nothing that was said.
pub fn report(line: &str) {
    let line = format!("{line}\n");
    // A parent that is gone wants no report.
    let _ = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}

/// A running host.
pub struct Host {
    child: Child,
    reports: BufReader<ChildStderr>,
}

impl Host {
    pub fn start(role: &str, home: &Path, seed: u64, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "host::plays_its_role",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .env(HOME, home)
            .env(SEED, seed.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let reports = BufReader::new(child.stderr.take().unwrap());
        Self { child, reports }
    }

    /// Waits for its next report; `None` at its end.
    pub fn next_report(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.reports.read_line(&mut line).unwrap();
        (count > 0).then(|| line.trim_end().to_owned())
    }

    /// Kills it as it stands; returns everything that it still said.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.rest()
    }

    /// Waits for its end, which must be a success; returns everything that it still said.
    pub fn finish(mut self) -> Vec<String> {
        let reports = self.rest();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the host ended with {status}: {reports:#?}");
        reports
    }

    fn rest(&mut self) -> Vec<String> {
        let mut text = Vec::new();
        self.reports.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text)
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Both fail for a host that was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
