//! A runner or a VMM may die at any instant: the run is reported as a crash and the sandbox starts again.

use crate::random::{Random, Seed};
use crate::support::{Home, Process, alone, command, is_machine, patience, processes, runs, scale};
use msb::error::{MsbError, Status};
use msb::sandbox::Sandbox;
use msb::sandbox::end::End;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Runner,
    Vmm,
}

impl Victim {
    fn is(self, process: &Process) -> bool {
        let vmm = match self {
            Self::Runner => return process.program == "msb-runner",
            Self::Vmm => ["msb-agent", "qemu-system"],
        };
        vmm.iter().any(|name| process.program.starts_with(name))
    }

    /// Kills every process of this kind under `home`; tells whether there was one.
    fn kill(self, home: &Path) -> bool {
        let found = processes(home);
        found
            .iter()
            .filter(|process| self.is(process))
            .map(Process::kill)
            .count()
            > 0
    }

    fn assert_crash(self, end: &End) {
        match self {
            Self::Runner => assert_eq!(
                (end.reason.as_str(), end.crashed),
                ("RunnerDied", true),
                "{end:?}"
            ),
            Self::Vmm => {
                assert_eq!(
                    (end.reason.as_str(), end.crashed),
                    ("VmmCrashed", true),
                    "{end:?}"
                );
                assert_eq!(end.signal, Some(libc::SIGKILL), "{end:?}");
            }
        }
    }
}

#[test]
fn a_killed_runner_or_vmm_is_a_crash_and_start_works_again() {
    let _alone = alone();
    let home = Home::new();
    let backend = home.open();
    let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
    let rounds = if is_machine() { 1 } else { 10 };
    for victim in [Victim::Runner, Victim::Vmm].repeat(rounds) {
        sandbox.start(patience()).unwrap();
        let pending = sandbox.exec_start(&command("/bin/sleep", &["600"])).unwrap();
        assert!(victim.kill(home.path()));
        let end = sandbox.wait(patience()).unwrap();
        victim.assert_crash(&end);
        victim.assert_crash(&sandbox.info().unwrap().end.unwrap());
        let lost = pending.wait(patience()).unwrap_err();
        assert!(
            matches!(lost.status(), Status::NotRunning | Status::SandboxCrashed),
            "{lost:?}"
        );
        let exec = runs(&sandbox).unwrap_err();
        assert_eq!(exec.status(), Status::NotRunning, "{exec:?}");
        home.assert_no_process();
    }
    backend.close(patience()).unwrap();
    home.assert_consistent();
}

#[test]
fn a_runner_or_vmm_killed_at_any_instant_leaves_nothing_behind() {
    let _alone = alone();
    let seed = Seed::of_run();
    let home = Home::new();
    let backend = home.open();
    let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
    let mut random = seed.part(0);
    for _ in 0..(scale() / 10).max(4) {
        let victim = if random.once_in(2) {
            Victim::Runner
        } else {
            Victim::Vmm
        };
        interrupt(&home, &sandbox, victim, &mut random);
        // Whatever happened, the next start works.
        sandbox.start(patience()).unwrap();
        runs(&sandbox).unwrap();
        sandbox.stop(10_000).unwrap();
        let end = sandbox.wait(patience()).unwrap();
        assert!(!end.crashed && end.clean, "{end:?}");
    }
    home.assert_no_process();
    backend.close(patience()).unwrap();
    home.assert_consistent();
}

/// Starts, uses and stops the sandbox while its runner or VMM is killed.
fn interrupt(home: &Home, sandbox: &Arc<Sandbox>, victim: Victim, random: &mut Random) {
    let longest_us = if is_machine() { 4_000_000 } else { 60_000 };
    let instant = Duration::from_micros(random.below(longest_us));
    let killed = std::thread::scope(|scope| {
        let killer = scope.spawn(move || {
            std::thread::sleep(instant);
            victim.kill(home.path())
        });
        let run = live(sandbox);
        let killed = killer.join().unwrap();
        if let Err(error) = run {
            assert!(killed, "nothing was killed, but {error:?}");
            let told = [Status::NotRunning, Status::SandboxCrashed, Status::GuestFailed];
            assert!(told.contains(&error.status()), "{error:?}");
        }
        killed
    });
    // Ends what is left after a kill that came too early to hit anything.
    sandbox.stop(10_000).unwrap();
    let end = sandbox.wait(patience()).unwrap();
    if end.crashed {
        assert!(killed, "{end:?}");
        assert!(
            ["VmmCrashed", "RunnerDied", "BootFailed"].contains(&end.reason.as_str()),
            "{end:?}"
        );
    }
}

fn live(sandbox: &Arc<Sandbox>) -> Result<(), MsbError> {
    sandbox.start(patience())?;
    runs(sandbox)?;
    let sleep = sandbox.exec_start(&command("/bin/sleep", &["600"]))?;
    runs(sandbox)?;
    sandbox.stop(10_000)?;
    drop(sleep);
    Ok(())
}
