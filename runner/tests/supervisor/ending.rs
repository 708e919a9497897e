//! Every way in which a run ends, and what is left of it.

use crate::support::{Client, Home, eventually, is_alive};
use msb_protocol::client::{ClientMessage, RunnerMessage, Welcome};
use msb_protocol::exit::{ExitReason, ExitRecord, StopMethod};
use msb_protocol::frame::Kind;
use msb_store::{SandboxStatus, TerminationReason};
use std::time::{Duration, Instant};

fn send_sigkill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn is_settled(home: &Home, welcome: &Welcome, record: &ExitRecord) {
    assert!(!home.is_locked());
    assert!(!is_alive(welcome.vmm_pid));
    let status = if record.crashed {
        SandboxStatus::Crashed
    } else {
        SandboxStatus::Stopped
    };
    assert_eq!(home.status(), status);
    let run = home.last_run();
    assert_eq!(
        (run.exit_code, run.exit_signal),
        (record.exit_code, record.signal)
    );
    let detail = run.detail.unwrap();
    assert_eq!(
        (detail.message, detail.clean),
        (record.message.clone(), record.clean)
    );
    eventually("the supervisor is gone", || !is_alive(welcome.runner_pid));
}

#[test]
fn a_command_runs_and_a_stop_is_graceful_and_fast() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("obedient");
    assert_eq!(home.status(), SandboxStatus::Running);
    assert_eq!(home.last_run().pid, Some(welcome.runner_pid));
    assert!(home.is_locked());
    assert!(owner.succeeds(7, "true"));
    let asked = Instant::now();
    owner.tell(&ClientMessage::Stop { timeout_ms: 10_000 });
    let record = owner.hear_exit();
    println!("stop of an idle sandbox: {:?}", asked.elapsed());
    assert_eq!(
        (record.reason, record.method),
        (ExitReason::StopRequested, Some(StopMethod::Graceful))
    );
    assert!(
        record.clean && !record.crashed && record.exit_code == Some(0),
        "{record:?}"
    );
    assert!(record.ended_unix_ms >= record.started_unix_ms && record.console_tail.is_empty());
    is_settled(&home, &welcome, &record);
    assert!(!home.directory().join("runtime/runner.sock").exists());
    assert!(!home.directory().join("runtime/runner.json").exists());
}

#[test]
fn a_stop_that_takes_too_long_becomes_a_kill() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("deaf");
    home.connect().tell(&ClientMessage::Stop { timeout_ms: 60_000 });
    owner.tell(&ClientMessage::Stop { timeout_ms: 200 });
    let record = owner.hear_exit();
    assert_eq!(
        (record.reason, record.method),
        (ExitReason::StopRequested, Some(StopMethod::Killed))
    );
    assert!(
        !record.clean && !record.crashed && record.signal == Some(9),
        "{record:?}"
    );
    assert_eq!(home.last_run().signals_sent, [9]);
    is_settled(&home, &welcome, &record);
}

#[test]
fn a_kill_is_heard_by_everyone() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("deaf");
    let mut other = home.connect();
    other.tell(&ClientMessage::Kill);
    for client in [&mut owner, &mut other] {
        let record = client.hear_exit();
        assert_eq!(
            (record.reason, record.method),
            (ExitReason::KillRequested, Some(StopMethod::Killed))
        );
        is_settled(&home, &welcome, &record);
    }
    assert_eq!(home.last_run().reason, Some(TerminationReason::Signal));
}

#[test]
fn a_sandbox_can_start_again_as_soon_as_its_end_is_heard() {
    let home = Home::new();
    for _ in 0..5 {
        let (mut owner, _) = home.start("obedient");
        owner.tell(&ClientMessage::Stop { timeout_ms: 0 });
        owner.hear_exit();
        home.claim_start();
    }
}

#[test]
fn ends_that_nobody_asked_for_are_told_apart() {
    for (command, reason, crashed) in [
        ("end_machine:0", ExitReason::Completed, false),
        ("end_machine:3", ExitReason::VmmCrashed, true),
        ("panic_machine", ExitReason::Completed, true),
    ] {
        let home = Home::new();
        let (mut owner, welcome) = home.start("obedient");
        owner.exec(1, command);
        let record = owner.hear_exit();
        assert_eq!((record.reason, record.crashed), (reason, crashed), "{command}");
        assert_eq!(record.method, None);
        assert_eq!(
            record.console_tail.contains("Kernel panic"),
            command == "panic_machine"
        );
        is_settled(&home, &welcome, &record);
    }
}

#[test]
fn a_killed_vmm_is_a_crash_with_its_signal() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("obedient");
    send_sigkill(welcome.vmm_pid);
    let record = owner.hear_exit();
    assert_eq!(
        (record.reason, record.crashed, record.signal),
        (ExitReason::VmmCrashed, true, Some(9))
    );
    is_settled(&home, &welcome, &record);
    home.claim_start();
    assert!(home.start("obedient").0.succeeds(1, "true"));
}

#[test]
fn a_guest_that_closes_its_link_and_goes_on_is_killed() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("obedient");
    owner.exec(1, "close_link");
    let record = owner.hear_exit();
    assert_eq!(record.reason, ExitReason::ProtocolViolation);
    is_settled(&home, &welcome, &record);
}

fn outcome_without_owner(home: &Home, owner: Client) -> ExitRecord {
    let mut other = home.connect();
    drop(owner);
    other.hear_exit()
}

#[test]
fn an_attached_sandbox_ends_with_its_owner_in_an_orderly_way() {
    let home = Home::new();
    let (owner, welcome) = home.start("obedient");
    let record = outcome_without_owner(&home, owner);
    assert_eq!(
        (record.reason, record.method),
        (ExitReason::OwnerExited, Some(StopMethod::Graceful))
    );
    assert!(record.clean);
    is_settled(&home, &welcome, &record);
}

#[test]
fn an_owner_that_dies_during_the_boot_takes_the_vmm_along() {
    let home = Home::new();
    let mut owner = home.launch(home.spec("silent"));
    let RunnerMessage::Welcome(welcome) = owner.hear() else {
        panic!()
    };
    assert!(is_alive(welcome.vmm_pid));
    drop(owner);
    eventually("the VMM is gone", || !is_alive(welcome.vmm_pid));
    eventually("the end is recorded", || home.status() == SandboxStatus::Stopped);
    assert_eq!(home.last_run().reason, Some(TerminationReason::OwnerExited));
}

#[test]
fn a_stop_during_the_boot_calls_the_start_off() {
    let home = Home::new();
    let mut owner = home.launch(home.spec("silent"));
    assert!(matches!(owner.hear(), RunnerMessage::Welcome(_)));
    home.connect().tell(&ClientMessage::Stop { timeout_ms: 10_000 });
    let RunnerMessage::LaunchFailed(failure) = owner.hear() else {
        panic!()
    };
    assert_eq!(failure.errno, libc::ECANCELED);
    assert_eq!(owner.hear_exit().reason, ExitReason::StopRequested);
    assert_eq!(home.status(), SandboxStatus::Stopped);
}

#[test]
fn a_detached_sandbox_outlives_its_owner() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.lifetime.detached = true;
    let (owner, _) = home.start_with(spec);
    drop(owner);
    assert!(home.connect().succeeds(1, "true"));
    let mut last = home.connect();
    last.tell(&ClientMessage::Stop { timeout_ms: 10_000 });
    last.hear_exit();

    home.claim_start();
    let (mut owner, _) = home.start("obedient");
    owner.tell(&ClientMessage::Detach);
    owner.tell(&ClientMessage::Ping);
    assert_eq!(owner.hear(), RunnerMessage::Pong);
    drop(owner);
    let mut last = home.connect();
    assert!(last.succeeds(1, "true"));
    last.tell(&ClientMessage::Kill);
    last.hear_exit();
}

#[test]
fn an_owner_that_lets_go_and_hangs_up_on_answers_that_it_never_read_is_heard() {
    for _ in 0..10 {
        let home = Home::new();
        let (mut owner, _) = home.start("obedient");
        for _ in 0..100 {
            owner.tell(&ClientMessage::Ping);
        }
        owner.tell(&ClientMessage::Detach);
        drop(owner);
        let mut last = home.connect();
        assert!(last.succeeds(1, "true"));
        last.tell(&ClientMessage::Kill);
        last.hear_exit();
    }
}

/// Longer than a busy machine takes between a sandbox's start and its first command.
const IDLE_MS: u64 = 1000;

#[test]
fn an_idle_sandbox_stops_but_not_while_a_command_runs() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.lifetime.idle_timeout_ms = Some(IDLE_MS);
    let (mut owner, welcome) = home.start_with(spec);
    owner.exec(1, "sleep");
    let busy = Instant::now();
    while busy.elapsed() < Duration::from_millis(2 * IDLE_MS) {
        assert!(is_alive(welcome.vmm_pid));
        std::thread::sleep(Duration::from_millis(50));
    }
    let idle = Instant::now();
    owner.control(1, &msb_protocol::exec::StreamRequest::Signal { signal: 15 });
    owner.collect(1);
    let record = owner.hear_exit();
    assert!(idle.elapsed() >= Duration::from_millis(IDLE_MS));
    assert_eq!((record.reason, record.clean), (ExitReason::IdleTimeout, true));
    is_settled(&home, &welcome, &record);
}

#[test]
fn a_files_session_counts_as_use_while_it_is_asked_and_until_it_answers() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.lifetime.idle_timeout_ms = Some(IDLE_MS);
    let (mut owner, welcome) = home.start_with(spec);
    let session = |worker: &str| {
        msb_protocol::exec::StreamRequest::Files(msb_protocol::files::FilesSpec {
            user: Some(worker.to_owned()),
            window: 4096,
        })
    };
    owner.control(2, &session("sleep"));
    owner.data(2, b"request", false);
    let waiting = Instant::now();
    while waiting.elapsed() < Duration::from_millis(2 * IDLE_MS) {
        assert!(is_alive(welcome.vmm_pid));
        std::thread::sleep(Duration::from_millis(50));
    }
    owner.control(2, &msb_protocol::exec::StreamRequest::Abandon);
    owner.collect(2);
    // Each request begins the idle time anew; an open session does not stop it.
    owner.control(1, &session("cat"));
    let mut idle = Instant::now();
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(IDLE_MS / 3));
        idle = Instant::now();
        owner.data(1, b"request", false);
        assert!(is_alive(welcome.vmm_pid));
    }
    let record = owner.hear_exit();
    assert!(idle.elapsed() >= Duration::from_millis(IDLE_MS));
    assert_eq!((record.reason, record.clean), (ExitReason::IdleTimeout, true));
    is_settled(&home, &welcome, &record);
}

#[test]
fn the_longest_duration_ends_a_busy_sandbox_in_an_orderly_way() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.lifetime.max_duration_ms = Some(300);
    let (mut owner, welcome) = home.start_with(spec);
    owner.exec(1, "sleep");
    let record = owner.hear_exit();
    assert_eq!((record.reason, record.clean), (ExitReason::MaxDuration, true));
    is_settled(&home, &welcome, &record);
}

#[test]
fn an_ephemeral_sandbox_leaves_nothing() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.lifetime.ephemeral = true;
    let (mut owner, _) = home.start_with(spec);
    owner.tell(&ClientMessage::Stop { timeout_ms: 10_000 });
    owner.hear_exit();
    assert!(!home.directory().exists());
    assert!(home.row().is_none());
}

#[test]
fn a_killed_agent_leaves_no_command_behind() {
    let home = Home::new();
    let (mut owner, _) = home.start("deaf");
    owner.exec(1, "leave_stray");
    let stray = loop {
        let received = owner.next().unwrap();
        if received.header.kind == Kind::Data {
            break String::from_utf8(received.payload).unwrap().parse().unwrap();
        }
    };
    assert!(is_alive(stray));
    owner.tell(&ClientMessage::Kill);
    owner.hear_exit();
    assert!(!is_alive(stray));
}

#[test]
fn owners_that_vanish_at_any_moment_leave_nothing_running() {
    let home = Home::new();
    for round in 0..60_u64 {
        let mut owner = home.launch(home.spec("obedient"));
        // From before the lock is taken to well after commands may run.
        std::thread::sleep(Duration::from_micros(round * round * 12));
        if round % 3 == 0 && round > 45 {
            owner.exec(1, "print:100000000");
        }
        drop(owner);
        eventually("the end is recorded", || {
            home.status() == SandboxStatus::Stopped && !home.is_locked()
        });
        assert_eq!(
            home.last_run().reason,
            Some(TerminationReason::OwnerExited),
            "round {round}"
        );
        assert!(!home.directory().join("runtime/runner.json").exists());
        home.claim_start();
    }
}
