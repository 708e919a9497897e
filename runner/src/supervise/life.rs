//! Where a run is between its launch and its end, what it was asked to do, and when it must act by itself.
//!
//! Knows no descriptors: the session feeds it what happens and does what it says.

use super::outcome::Facts;
use super::relay::Admission;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_protocol::exit::ExitReason;
use msb_protocol::launch::Lifetime;
use std::time::{Duration, Instant};

/// How long a killed VMM may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// How long the VMM may go on after its guest closed the agent link.
const AFTER_AGENT: Duration = Duration::from_secs(3);
/// How long the VMM may go on after one of its helpers ended: at an orderly end both go at once.
const AFTER_HELPER: Duration = Duration::from_secs(1);

/// Steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The VMM runs, the agent has not answered.
    AwaitingAgent,
    /// The agent makes the guest.
    Booting,
    /// The owner changes what it wants changed before anybody uses the guest.
    Preparing,
    /// Commands may run.
    Running,
    /// The agent was asked to end the guest.
    Stopping,
}

/// What the session must do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// Shut the guest down, with this much time for it.
    Stop(ExitReason, Duration),
    /// Kill the VMM.
    Kill,
    /// Kill the VMM because the guest did not come up.
    FailBoot(BootFailure),
    /// Kill the VMM because its guest went away without it.
    Violation(&'static str),
    /// Kill the VMM, which hangs without the helper that it lost.
    HelperLost,
    /// Stop waiting for the VMM's end.
    GiveUp,
}

/// The state of a run.
#[derive(Debug)]
pub(super) struct Life {
    /// Where it is.
    pub phase: Phase,
    /// What has been seen for the record.
    pub facts: Facts,
    /// Whether it outlives its owner's link.
    pub detached: bool,
    lifetime: Lifetime,
    boot_deadline: Instant,
    stop_deadline: Option<Instant>,
    longest: Option<Instant>,
    last_use: Instant,
    killed_at: Option<Instant>,
    agent_gone_at: Option<Instant>,
    helper_gone_at: Option<Instant>,
}

impl Life {
    pub fn new(lifetime: &Lifetime, launched: Instant, started_unix_ms: u64) -> Self {
        Self {
            phase: Phase::AwaitingAgent,
            facts: Facts {
                started_unix_ms,
                ..Facts::default()
            },
            detached: lifetime.detached,
            lifetime: lifetime.clone(),
            boot_deadline: after(launched, lifetime.boot_timeout_ms),
            stop_deadline: None,
            longest: None,
            last_use: launched,
            killed_at: None,
            agent_gone_at: None,
            helper_gone_at: None,
        }
    }

    /// Whether commands of a client may start.
    pub fn admission(&self, is_owner: bool) -> Admission {
        match self.phase {
            _ if self.facts.killed => Admission::Ending,
            Phase::AwaitingAgent | Phase::Booting => Admission::NotYet,
            Phase::Preparing if is_owner => Admission::Open,
            Phase::Preparing => Admission::NotYet,
            Phase::Running => Admission::Open,
            Phase::Stopping => Admission::Ending,
        }
    }

    /// How far a guest that is not up has come.
    pub fn boot_stage(&self) -> BootStage {
        match self.phase {
            Phase::AwaitingAgent => BootStage::Kernel,
            Phase::Preparing => BootStage::Patch,
            _ => BootStage::Other,
        }
    }

    /// Whether the guest came up.
    pub fn was_ready(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Stopping)
    }

    /// The guest is up.
    pub fn ready(&mut self, now: Instant) {
        self.phase = Phase::Running;
        self.last_use = now;
        self.longest = self.lifetime.max_duration_ms.map(|ms| after(now, ms));
    }

    /// Someone used the sandbox.
    pub fn used(&mut self, now: Instant) {
        self.last_use = now;
    }

    /// Notes an orderly end that was asked for. Returns what to do about it.
    pub fn ask(&mut self, reason: ExitReason, time: Duration, now: Instant) -> Option<Asked> {
        self.facts.requested.get_or_insert(reason);
        if time.is_zero() || !self.was_ready() {
            return Some(Asked::Kill);
        }
        let deadline = now.checked_add(time).unwrap_or_else(|| far(now));
        self.phase = Phase::Stopping;
        if self.stop_deadline.is_some_and(|earlier| earlier <= deadline) {
            return None;
        }
        self.stop_deadline = Some(deadline);
        Some(Asked::Shutdown { grace: grace(time) })
    }

    /// The owner's link ended.
    pub fn owner_gone(&self) -> Option<Due> {
        let time = Duration::from_millis(self.lifetime.stop_grace_ms);
        // Nobody else can finish what it began.
        let was_needed = !self.detached || self.phase == Phase::Preparing;
        was_needed.then_some(Due::Stop(ExitReason::OwnerExited, time))
    }

    /// The VMM was sent SIGKILL. False when it had been before.
    pub fn kill(&mut self, now: Instant) -> bool {
        self.killed_at.get_or_insert(now);
        !std::mem::replace(&mut self.facts.killed, true)
    }

    /// The guest closed the agent link.
    pub fn agent_gone(&mut self, now: Instant) {
        self.agent_gone_at.get_or_insert(now);
    }

    /// A helper of the VMM ended.
    pub fn helper_gone(&mut self, now: Instant) {
        self.helper_gone_at.get_or_insert(now);
    }

    /// The next moment at which [`Life::due`] may have something.
    pub fn wakes_at(&self, in_use: bool) -> Option<Instant> {
        if let Some(at) = self.killed_at {
            return Some(at + KILL_PATIENCE);
        }
        let boot = (!self.was_ready()).then_some(self.boot_deadline);
        let stop = self.stop_deadline;
        let running = self.phase == Phase::Running;
        let longest = self.longest.filter(|_| running);
        let idle = self.idle_at(in_use).filter(|_| running);
        let gone = self.agent_gone_at.map(|at| at + AFTER_AGENT);
        let helper = self.helper_gone_at.map(|at| at + AFTER_HELPER);
        [boot, stop, longest, idle, gone, helper]
            .into_iter()
            .flatten()
            .min()
    }

    /// What must be done now, if anything.
    pub fn due(&self, now: Instant, in_use: bool) -> Option<Due> {
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let own_grace = Duration::from_millis(self.lifetime.stop_grace_ms);
        if self.killed_at.is_some() {
            return passed(self.killed_at.map(|at| at + KILL_PATIENCE)).then_some(Due::GiveUp);
        }
        if passed(self.stop_deadline) {
            return Some(Due::Kill);
        }
        if !self.was_ready() && self.boot_deadline <= now {
            return Some(Due::FailBoot(self.too_slow()));
        }
        if passed(self.agent_gone_at.map(|at| at + AFTER_AGENT)) {
            return Some(Due::Violation("the guest closed its control port and went on"));
        }
        if passed(self.helper_gone_at.map(|at| at + AFTER_HELPER)) {
            return Some(Due::HelperLost);
        }
        if self.phase == Phase::Running && passed(self.longest) {
            return Some(Due::Stop(ExitReason::MaxDuration, own_grace));
        }
        if self.phase == Phase::Running && passed(self.idle_at(in_use)) {
            return Some(Due::Stop(ExitReason::IdleTimeout, own_grace));
        }
        None
    }

    fn idle_at(&self, in_use: bool) -> Option<Instant> {
        let ms = self.lifetime.idle_timeout_ms.filter(|_| !in_use)?;
        Some(after(self.last_use, ms))
    }

    fn too_slow(&self) -> BootFailure {
        let (ms, waited_for) = (
            self.lifetime.boot_timeout_ms,
            match self.phase {
                Phase::AwaitingAgent => "the guest's agent did not answer",
                Phase::Preparing => "the patches were not applied",
                _ => "the guest was not made",
            },
        );
        BootFailure {
            stage: self.boot_stage(),
            errno: libc::ETIMEDOUT,
            message: format!("{waited_for} within {ms} ms; allow more time to boot or look at the console"),
            console_tail: String::new(),
        }
    }
}

/// Answer to a request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Tell the agent.
    Shutdown {
        /// Between TERM and KILL in the guest.
        grace: Duration,
    },
    /// There is no time, or nothing to shut down yet.
    Kill,
}

/// What of `time` the commands get; the rest is for killing, flushing and unmounting.
fn grace(time: Duration) -> Duration {
    let margin = (time / 4).min(Duration::from_secs(2));
    time - margin
}

fn after(start: Instant, ms: u64) -> Instant {
    start
        .checked_add(Duration::from_millis(ms))
        .unwrap_or_else(|| far(start))
}

/// A century: as good as never, and safe to add to.
fn far(start: Instant) -> Instant {
    start + Duration::from_secs(100 * 365 * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lifetime() -> Lifetime {
        Lifetime {
            detached: false,
            ephemeral: false,
            boot_timeout_ms: 1000,
            idle_timeout_ms: Some(5000),
            max_duration_ms: Some(60_000),
            stop_grace_ms: 2000,
        }
    }

    #[test]
    fn the_shortest_stop_deadline_counts_and_the_guest_is_told_of_it() {
        let start = Instant::now();
        let mut life = Life::new(&lifetime(), start, 0);
        life.ready(start);
        let asked = life.ask(ExitReason::StopRequested, 8 * SECOND, start);
        assert_eq!(asked, Some(Asked::Shutdown { grace: 6 * SECOND }));
        assert_eq!(life.ask(ExitReason::OwnerExited, 60 * SECOND, start), None);
        let sooner = life.ask(ExitReason::StopRequested, 4 * SECOND, start);
        assert_eq!(sooner, Some(Asked::Shutdown { grace: 3 * SECOND }));
        assert_eq!(life.ask(ExitReason::StopRequested, 4 * SECOND, start), None);
        assert_eq!(life.wakes_at(false), Some(start + 4 * SECOND));
        assert_eq!(life.due(start + 3 * SECOND, false), None);
        assert_eq!(life.due(start + 4 * SECOND, false), Some(Due::Kill));
        assert_eq!(life.facts.requested, Some(ExitReason::StopRequested));
    }

    #[test]
    fn a_sandbox_that_is_not_up_is_killed_when_asked_to_stop() {
        let start = Instant::now();
        let mut life = Life::new(&lifetime(), start, 0);
        assert_eq!(
            life.ask(ExitReason::StopRequested, 8 * SECOND, start),
            Some(Asked::Kill)
        );
        assert!(life.kill(start) && !life.kill(start));
        assert_eq!(life.due(start + 9 * SECOND, false), None);
        assert_eq!(life.due(start + 10 * SECOND, false), Some(Due::GiveUp));
    }

    #[test]
    fn idle_time_counts_from_the_last_use_and_not_while_it_is_in_use() {
        let start = Instant::now();
        let mut life = Life::new(&lifetime(), start, 0);
        life.ready(start);
        life.used(start + 3 * SECOND);
        assert_eq!(life.due(start + 7 * SECOND, false), None);
        assert_eq!(life.due(start + 9 * SECOND, true), None);
        let idle = Due::Stop(ExitReason::IdleTimeout, 2 * SECOND);
        assert_eq!(life.due(start + 9 * SECOND, false), Some(idle));
        let longest = Due::Stop(ExitReason::MaxDuration, 2 * SECOND);
        assert_eq!(life.due(start + 60 * SECOND, true), Some(longest));
    }

    #[test]
    fn endless_times_do_not_overflow() {
        let start = Instant::now();
        let endless = Lifetime {
            boot_timeout_ms: u64::MAX,
            idle_timeout_ms: Some(u64::MAX),
            ..lifetime()
        };
        let mut life = Life::new(&endless, start, 0);
        life.ready(start);
        assert_eq!(
            life.ask(ExitReason::StopRequested, Duration::MAX, start),
            Some(Asked::Shutdown {
                grace: Duration::MAX - 2 * SECOND
            })
        );
        assert_eq!(life.due(start + 3600 * SECOND, false), None);
    }
}
