//! What a host hears of endings that are not its sandbox's own doing: a runner that died, a guest that does not answer, a
//! name that another sandbox has now.

use crate::support::{Home, ORPHAN_LIFE, command, list_all, patience, poll, processes, runs};
use msb::backend::Backend;
use msb::deadline::Deadline;
use msb::error::Status;
use msb::sandbox::Sandbox;
use msb::sandbox::options::SandboxOptions;
use msb::supervise::liveness::is_alive;
use rustix::process::{Pid, Signal, kill_process};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Far more than a call takes that has nothing to wait for, far less than any limit of the library.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An ephemeral sandbox whose runner was killed, and whose end nobody has seen yet.
fn dead_mayfly(home: &Home, backend: &Arc<Backend>) -> Arc<Sandbox> {
    let sandbox = Sandbox::create(
        backend,
        &SandboxOptions {
            ephemeral: true,
            ..home.options("mayfly")
        },
    )
    .unwrap();
    sandbox.start(patience()).unwrap();
    for process in processes(home.path()) {
        if process.program == "msb-runner" {
            process.kill();
        }
    }
    home.assert_no_process();
    // A killed process has no program any more a moment before its lock is free.
    let directory = backend.sandbox_directory("mayfly");
    let free = poll(ORPHAN_LIFE, || (!is_alive(&directory).unwrap()).then_some(()));
    assert!(free.is_some(), "a runner that was killed holds its lock");
    sandbox
}

#[test]
fn an_ephemeral_sandbox_found_dead_is_gone_with_the_next_look() {
    let home = Home::new();
    let backend = home.open();
    let directory = backend.sandbox_directory("mayfly");
    type Look = fn(&Arc<Backend>, &Arc<Sandbox>);
    let looks: [Look; 4] = [
        |_, sandbox| assert_eq!(sandbox.info().unwrap_err().status(), Status::NotFound),
        |backend, _| assert_eq!(list_all(backend).len(), 0),
        |backend, _| {
            let error = Sandbox::open(backend, "mayfly").err().unwrap();
            assert_eq!(error.status(), Status::NotFound);
        },
        |_, sandbox| assert_eq!(sandbox.wait(patience()).unwrap().reason, "RunnerDied"),
    ];
    for look in looks {
        let sandbox = dead_mayfly(&home, &backend);
        assert!(directory.exists());
        look(&backend, &sandbox);
        assert!(!directory.exists());
        assert_eq!(list_all(&backend).len(), 0);
        // Whoever waits only now hears of it too.
        assert_eq!(sandbox.wait(patience()).unwrap().reason, "RunnerDied");
    }
    backend.close(patience()).unwrap();
}

#[test]
fn the_name_of_an_ephemeral_sandbox_found_dead_is_free() {
    let home = Home::new();
    let backend = home.open();
    let dead = dead_mayfly(&home, &backend);
    let heir = Sandbox::create(&backend, &home.options("mayfly")).unwrap();
    heir.start(patience()).unwrap();
    runs(&heir).unwrap();
    // Nothing that is asked of the dead one reaches its heir.
    assert_eq!(dead.info().unwrap_err().status(), Status::NotFound);
    assert_eq!(dead.wait(patience()).unwrap().reason, "RunnerDied");
    assert_eq!(runs(&dead).unwrap_err().status(), Status::NotRunning);
    dead.stop(10_000).unwrap();
    dead.kill(patience()).unwrap();
    runs(&heir).unwrap();
    heir.stop(10_000).unwrap();
    backend.close(patience()).unwrap();
}

#[test]
fn closing_does_not_wait_for_a_detached_sandbox_that_has_the_name_of_an_ended_one() {
    let home = Home::new();
    let backend = home.open();
    let old = Sandbox::create(&backend, &home.options("box")).unwrap();
    old.start(patience()).unwrap();
    let options = SandboxOptions {
        replace: true,
        ..home.options("box")
    };
    let new = Sandbox::create(&backend, &options).unwrap();
    new.start(patience()).unwrap();
    new.detach().unwrap();

    let begin = Instant::now();
    backend.close(Deadline::after(2 * AT_ONCE)).unwrap();
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    drop((old, new, backend));

    let backend = home.open();
    let sandbox = Sandbox::open(&backend, "box").unwrap();
    runs(&sandbox).unwrap();
    sandbox.kill(patience()).unwrap();
    backend.close(patience()).unwrap();
}

#[test]
fn a_look_at_a_freshly_opened_running_sandbox_says_that_it_runs() {
    let home = Home::new();
    let backend = home.open();
    let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
    sandbox.start(patience()).unwrap();
    let other = home.open();
    let opened = Sandbox::open(&other, "box").unwrap();
    let error = opened.wait(Deadline::from_timeout_ms(0)).unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (Status::Timeout, "sandbox.wait_timeout")
    );
    other.close(patience()).unwrap();
    sandbox.stop(10_000).unwrap();
    backend.close(patience()).unwrap();
}

#[test]
fn a_commands_own_timeout_bounds_the_call_when_the_guest_does_not_answer() {
    let home = Home::new();
    let backend = home.open();
    let sandbox = Sandbox::create(&backend, &home.options("box")).unwrap();
    sandbox.start(patience()).unwrap();
    runs(&sandbox).unwrap();
    // What answers in the guest's name, whichever the driver.
    for process in processes(home.path()) {
        if process.program == "msb-agent" || process.program.starts_with("qemu-system") {
            kill_process(Pid::from_raw(process.pid).unwrap(), Signal::STOP).unwrap();
        }
    }
    let mut options = command("/bin/true", &[]);
    options.timeout_ms = Some(300);
    let begin = Instant::now();
    let error = sandbox.exec(&options).unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (Status::Timeout, "exec.unanswered")
    );
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    sandbox.kill(patience()).unwrap();
    backend.close(patience()).unwrap();
}
