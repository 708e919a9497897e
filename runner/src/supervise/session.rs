//! The supervisor's one thread: waits for readiness, moves bytes, keeps the deadlines.
//!
//! Nothing here blocks but the wait itself and the two short writes to the store. Whatever the guest or a
//! client does, one turn's work is bounded.

use super::claim::RunnerState;
use super::clients::Clients;
use super::console::Console;
use super::guest::AgentLink;
use super::life::{Asked, Due, Life};
use super::privileges;
use super::relay::{ClientId, Relay};
use super::watch::{ExitWatch, Interest, Ready, Watch};
use super::{Launch, Prepared};
use crate::driver::{GuestTree, SpawnedVmm};
use msb_protocol::agent::{BootFailure, BootStage, HostMessage};
use msb_protocol::client::BootTimings;
use msb_protocol::exit::ExitReason;
use msb_protocol::frame::LINK_STREAM;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

pub(super) const LISTENER_KEY: usize = 0;
const AGENT_KEY: usize = 1;
const CONSOLE_KEY: usize = 2;
const VMM_KEY: usize = 3;
/// Key of the first helper; the driver starts a few at most.
const HELPER_KEY: usize = 8;
/// Key of the first client.
pub(super) const CLIENT_KEY: usize = 1024;
/// Helpers that can be told apart by key.
const MAX_HELPERS: usize = CLIENT_KEY - HELPER_KEY;

/// A sandbox's run, from the start of its VMM on.
pub(super) struct Session {
    pub launch: Launch,
    pub watch: Watch,
    pub listener: UnixListener,
    pub clients: Clients,
    pub relay: Relay,
    pub agent: AgentLink,
    pub console: Console,
    pub console_pipe: Option<File>,
    pub life: Life,
    pub timings: BootTimings,
    pub run_id: Option<i64>,
    pub tree: Option<GuestTree>,
    pub vmm: Child,
    pub helpers: Vec<Child>,
    /// Its closing kills the VMM, so it lives exactly as long as this process.
    _lifeline: OwnedFd,
    /// The VMM's, then its helpers' in order.
    exit_watches: Vec<ExitWatch>,
    over: Option<Option<ExitStatus>>,
}

impl Session {
    /// Takes charge of a VMM.
    pub fn new(launch: Launch, prepared: Prepared, clients: Clients, vmm: SpawnedVmm) -> Self {
        let life = Life::new(&launch.spec.lifetime, launch.launched, launch.started_unix_ms);
        Self {
            timings: BootTimings {
                vmm_spawned_us: micros(launch.launched),
                ..BootTimings::default()
            },
            launch,
            watch: prepared.watch,
            listener: prepared.listener,
            clients,
            relay: Relay::default(),
            agent: AgentLink::new(vmm.agent),
            console: Console::new(Some(prepared.console_log)),
            console_pipe: Some(File::from(vmm.console)),
            life,
            run_id: None,
            tree: vmm.tree,
            vmm: vmm.child,
            helpers: vmm.helpers,
            _lifeline: vmm.lifeline,
            exit_watches: Vec::new(),
            over: None,
        }
    }

    /// Gives up privileges, watches everything and welcomes the owner.
    pub fn begin(&mut self) -> io::Result<()> {
        let kept = privileges::give_up(&self.launch.spec)?;
        if !kept.is_empty() {
            self.launch
                .log
                .info(format_args!("the supervisor keeps {kept:?}"));
        }
        self.exit_watches
            .push(ExitWatch::new(&self.watch, &self.vmm, VMM_KEY)?);
        for (index, helper) in self.helpers.iter().enumerate().take(MAX_HELPERS) {
            self.exit_watches
                .push(ExitWatch::new(&self.watch, helper, HELPER_KEY + index)?);
        }
        self.watch.add(&self.listener, LISTENER_KEY, Interest::READ)?;
        if let Some(pipe) = &self.console_pipe {
            self.watch.add(pipe, CONSOLE_KEY, Interest::READ)?;
        }
        self.watch_agent(AGENT_KEY)?;
        let state = RunnerState::of_this_process(Some(self.vmm.id())).map_err(io::Error::other)?;
        self.launch.claim.describe(&state).map_err(io::Error::other)?;
        self.adopt_owner()
    }

    /// Runs until the VMM is gone; returns how it ended, if that could be seen.
    pub fn run(&mut self) -> io::Result<Option<ExitStatus>> {
        // The owner's welcome must not wait for the guest's first sign of life.
        self.flush_all();
        loop {
            let deadlines = [self.life.wakes_at(self.relay.in_use()), self.clients.wakes_at()];
            let ready = self.watch.wait(deadlines.into_iter().flatten().min())?;
            for event in ready {
                self.turn(event)?;
                if let Some(status) = self.over {
                    return Ok(status);
                }
            }
            self.expire(Instant::now());
            if let Some(status) = self.over {
                return Ok(status);
            }
            self.flush_all();
        }
    }

    /// Writes out what the turn queued. Whatever is left has its link watched for room, and a client is only
    /// left paused while the agent's link is: otherwise nothing would wake either again.
    fn flush_all(&mut self) {
        loop {
            self.flush_clients();
            self.flush_agent();
            if !self.resume_clients() {
                return;
            }
        }
    }

    fn turn(&mut self, event: Ready) -> io::Result<()> {
        match event.key {
            LISTENER_KEY => self.accept_clients(),
            AGENT_KEY => {
                if event.read {
                    self.read_agent();
                }
                if event.write {
                    self.flush_agent();
                }
            }
            CONSOLE_KEY => {
                self.read_console();
            }
            VMM_KEY => self.over = self.vmm.try_wait()?.map(Some),
            key if key >= CLIENT_KEY => self.client_ready(ClientId((key - CLIENT_KEY) as u64), event),
            key => self.helper_ended(key - HELPER_KEY)?,
        }
        Ok(())
    }

    fn expire(&mut self, now: Instant) {
        self.drop_silent_clients(now);
        self.listen_again(now);
        match self.life.due(now, self.relay.in_use()) {
            None => {}
            Some(Due::Stop(reason, time)) => self.stop(reason, time),
            Some(Due::Kill) => {
                self.launch.log.warn("the guest did not shut down in time");
                self.kill();
            }
            Some(Due::FailBoot(failure)) => self.fail_boot(failure),
            Some(Due::Violation(text)) => self.violation(text.to_owned()),
            Some(Due::HelperLost) => {
                self.life.facts.internal = Some("the process that serves the VMM's shares ended".to_owned());
                self.kill();
            }
            Some(Due::GiveUp) => {
                self.life.facts.internal = Some("the VMM did not end after SIGKILL".to_owned());
                self.over = Some(None);
            }
        }
    }

    /// Ends the run in an orderly way within `time`.
    pub fn stop(&mut self, reason: ExitReason, time: Duration) {
        self.launch.log.info(format_args!(
            "stopping ({reason:?}) within {} ms",
            time.as_millis()
        ));
        match self.life.ask(reason, time, Instant::now()) {
            None => {}
            Some(Asked::Kill) => self.kill(),
            Some(Asked::Shutdown { grace }) => {
                let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
                self.tell_agent(&HostMessage::Shutdown { grace_ms });
            }
        }
    }

    /// Ends the run now.
    pub fn kill(&mut self) {
        if self.over.is_some() {
            return;
        }
        if self.life.kill(Instant::now())
            && let Err(error) = self.vmm.kill()
        {
            self.launch.log.warn(format_args!("cannot kill the VMM: {error}"));
        }
    }

    /// Gives up on a guest that does not come up.
    pub fn fail_boot(&mut self, failure: BootFailure) {
        self.launch.log.error(format_args!(
            "boot failed at {:?}: {}",
            failure.stage, failure.message
        ));
        self.life.facts.boot_failure.get_or_insert(failure);
        self.kill();
    }

    /// Ends a guest that broke the protocol.
    pub fn violation(&mut self, text: String) {
        self.launch.log.error(format_args!("protocol violation: {text}"));
        if self.life.was_ready() {
            self.life.facts.violation.get_or_insert(text);
            self.kill();
        } else {
            let console_tail = String::new();
            self.fail_boot(BootFailure {
                stage: BootStage::Other,
                errno: 0,
                message: text,
                console_tail,
            });
        }
    }

    /// Queues a message for the agent.
    pub fn tell_agent(&mut self, message: &HostMessage) {
        super::relay::push_message(self.relay.agent_queue().tail(), LINK_STREAM, message);
    }

    fn helper_ended(&mut self, index: usize) -> io::Result<()> {
        let Some(helper) = self.helpers.get_mut(index) else {
            return Ok(());
        };
        let Some(status) = helper.try_wait()? else {
            return Ok(());
        };
        // The VMM's helpers follow the first watch in order.
        if let Some(exit_watch) = self.exit_watches.get(index + 1) {
            exit_watch.forget(&self.watch)?;
        }
        self.launch
            .log
            .warn(format_args!("helper {index} ended: {status}"));
        self.life.helper_gone(Instant::now());
        Ok(())
    }
}

/// Microseconds since `start`.
pub(super) fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
