//! A host that walks at random through the verbs of a few sandboxes until it is killed.
//!
//! Before each verb it reports its name, so that its parent knows what a kill interrupted.

use crate::host::{Orders, report};
use crate::random::Random;
use crate::support::{command, open, patience, sandbox_options};
use msb::backend::Backend;
use msb::error::{MsbError, Status};
use msb::sandbox::Sandbox;
use msb::sandbox::exec::Exec;
use msb_store::SandboxStatus;
use std::path::Path;
use std::sync::Arc;

/// Reported once everything that a host does only once is done.
pub const READY: &str = "ready";
/// The verbs of a walk, as they are reported.
pub const VERBS: [&str; 6] = ["create", "start", "exec", "stop", "kill", "remove"];
/// Reported before an error that no race explains.
pub const WRONG: &str = "WRONG";

/// Sandboxes of one home that hosts walk over.
const NAMES: u64 = 6;

pub fn play(orders: &Orders) {
    let backend = open(&orders.home).unwrap();
    backend.embedded().unwrap();
    report(READY);
    let mut walk = Walk {
        home: &orders.home,
        backend,
        random: Random::new(orders.seed),
        held: Vec::new(),
        commands: Vec::new(),
    };
    loop {
        if let Err(error) = walk.step()
            && !is_race(&error)
        {
            report(&format!("{WRONG} {error:?}"));
        }
    }
}

/// Whether the error is one that a caller gets when others act on the same sandbox.
pub fn is_race(error: &MsbError) -> bool {
    matches!(
        error.status(),
        Status::Conflict
            | Status::InvalidState
            | Status::NotFound
            | Status::AlreadyExists
            | Status::NotRunning
    )
}

struct Walk<'a> {
    home: &'a Path,
    backend: Arc<Backend>,
    random: Random,
    // Letting go of an attached sandbox stops it.
    held: Vec<Arc<Sandbox>>,
    commands: Vec<Arc<Exec>>,
}

impl Walk<'_> {
    fn step(&mut self) -> Result<(), MsbError> {
        let number = self.random.below(NAMES);
        let name = format!("box-{number}");
        let sandbox = match Sandbox::open(&self.backend, &name) {
            Ok(sandbox) => sandbox,
            Err(error) if error.status() == Status::NotFound => {
                report("create");
                let mut options = sandbox_options(self.home, &name);
                options.detached = number % 2 == 1;
                options.ephemeral = number % 3 == 2;
                self.held.push(Sandbox::create(&self.backend, &options)?);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match sandbox.info()?.status {
            SandboxStatus::Created | SandboxStatus::Stopped | SandboxStatus::Crashed => {
                if self.random.once_in(3) {
                    report("remove");
                    return sandbox.remove();
                }
                report("start");
                sandbox.start(patience())?;
                self.held.push(sandbox);
                Ok(())
            }
            SandboxStatus::Running => self.use_running(&sandbox),
            _ => Ok(()),
        }
    }

    fn use_running(&mut self, sandbox: &Arc<Sandbox>) -> Result<(), MsbError> {
        match self.random.below(8) {
            0..3 => {
                report("exec");
                sandbox.exec(&command("/bin/true", &[])).map(|_| ())
            }
            3..5 => {
                report("exec");
                let sleep = sandbox.exec_start(&command("/bin/sleep", &["600"]))?;
                self.commands.push(sleep);
                Ok(())
            }
            5 => {
                report("kill");
                sandbox.kill(patience())
            }
            _ => {
                report("stop");
                sandbox.stop(10_000)
            }
        }
    }
}
