//! The end of a run: last bytes, helpers, record, clean-up, farewell.
//!
//! In this order: everything on disk is settled and the lock released before a client hears of the end, so
//! that whoever waits for it may start or remove the sandbox at once.

use super::Launch;
use super::claim::ClaimError;
use super::guest::sentence;
use super::outcome::Facts;
use super::record;
use super::session::Session;
use crate::driver;
use crate::log::unix_ms;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_protocol::client::RunnerMessage;
use msb_protocol::exit::ExitRecord;
use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime};

/// How long clients may take to hear of the end.
const FAREWELL: Duration = Duration::from_secs(1);

impl Session {
    /// Ends the VMM of a session that cannot go on; returns how it ended.
    pub fn abort(&mut self, error: &io::Error) -> Option<ExitStatus> {
        self.life.facts.internal = Some(format!("the supervisor failed: {error}"));
        self.kill();
        driver::end(&mut self.vmm)
    }

    /// Ends the run of a VMM that is gone.
    pub fn finish(mut self, status: Option<ExitStatus>) -> io::Result<()> {
        self.drain_guest();
        for helper in &mut self.helpers {
            if driver::end(helper).is_none() {
                self.launch.log.warn("a helper of the VMM does not end");
            }
        }
        #[cfg(feature = "process")]
        if self.launch.spec.driver == msb_protocol::launch::Driver::Process
            && let Err(error) = crate::driver::process::end_strays()
        {
            self.launch
                .log
                .warn(format_args!("cannot end what the agent left behind: {error}"));
        }
        self.explain_early_end(status);
        let console_tail = self.console.tail_text();
        let mut facts = std::mem::take(&mut self.life.facts);
        facts.status = status;
        facts.panicked = self.console.panicked();
        facts.console_tail.clone_from(&console_tail);
        facts.ended_unix_ms = unix_ms(SystemTime::now());
        let (killed, failure) = (facts.killed, facts.boot_failure.clone());
        let record = facts.verdict();
        let stored = self.launch.settle(self.run_id, &record, killed);
        // Nobody's leaving matters any more.
        self.life.detached = true;
        if !self.life.was_ready() {
            let failure = failure.unwrap_or_else(|| called_off(&record, self.life.boot_stage()));
            self.tell_all(&RunnerMessage::LaunchFailed(BootFailure {
                console_tail,
                ..failure
            }));
        }
        self.tell_all(&RunnerMessage::Exit {
            record: Box::new(record),
            stored,
        });
        self.flush_until(Instant::now() + FAREWELL)
    }
}

impl Launch {
    /// Ends a run whose VMM never started. Returns what its owner must hear.
    pub fn fail(&mut self, failure: BootFailure) -> [RunnerMessage; 2] {
        self.log.error(format_args!(
            "launch failed at {:?}: {}",
            failure.stage, failure.message
        ));
        let facts = Facts {
            boot_failure: Some(failure.clone()),
            started_unix_ms: self.started_unix_ms,
            ended_unix_ms: unix_ms(SystemTime::now()),
            ..Facts::default()
        };
        let record = facts.verdict();
        let stored = self.settle(None, &record, false);
        let exit = RunnerMessage::Exit {
            record: Box::new(record),
            stored,
        };
        [RunnerMessage::LaunchFailed(failure), exit]
    }

    /// Writes the end of the run, cleans up, and releases the sandbox. Tells whether the store has it.
    fn settle(&mut self, run: Option<i64>, record: &ExitRecord, killed: bool) -> bool {
        self.log
            .info(format_args!("ended: {:?}: {}", record.reason, record.message));
        let stored = match record::end(&self.spec, run, record, killed) {
            Ok(()) => true,
            Err(error) => {
                self.log
                    .warn(format_args!("cannot record the end: {}", sentence(&error)));
                false
            }
        };
        if let Err(error) = self.clean_up(stored) {
            self.log.warn(sentence(&error));
        }
        if let Err(error) = self.claim.release() {
            self.log.warn(format_args!("cannot release the sandbox: {error}"));
        }
        stored
    }

    /// An ephemeral sandbox goes as a whole, but only once its end is recorded: whoever finds it later can
    /// then tell that it may go. The directory goes first, because the row is how it is found again.
    fn clean_up(&mut self, stored: bool) -> Result<(), ClaimError> {
        self.claim.retire()?;
        if !self.spec.lifetime.ephemeral || !stored {
            return Ok(());
        }
        self.claim.remove_directory()?;
        if let Err(error) = record::delete(&self.spec) {
            self.log.warn(format_args!(
                "cannot delete the sandbox's row: {}",
                sentence(&error)
            ));
        }
        Ok(())
    }
}

/// A start that was asked to end before it was through.
fn called_off(record: &ExitRecord, stage: BootStage) -> BootFailure {
    let message = format!("the start was called off: {}", record.message);
    BootFailure {
        stage,
        errno: libc::ECANCELED,
        message,
        console_tail: String::new(),
    }
}
