//! From the launch message to Ready, and every way in which it does not come to that.

use crate::support::{Client, Home, eventually, is_alive, spawn_runner};
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_protocol::client::{ClientMessage, RunnerMessage};
use msb_protocol::exec::StreamReply;
use msb_protocol::exit::ExitReason;
use msb_protocol::frame::MAX_CONTROL;
use msb_protocol::launch::LaunchSpec;
use msb_store::{SandboxStatus, TerminationReason};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn failed_launch(home: &Home, spec: LaunchSpec) -> BootFailure {
    let mut owner = home.launch(spec);
    let failure = loop {
        match owner.hear() {
            RunnerMessage::Welcome(_) => {}
            RunnerMessage::LaunchFailed(failure) => break failure,
            other => panic!("{other:?}"),
        }
    };
    let record = owner.hear_exit();
    assert_eq!((record.reason, record.crashed), (ExitReason::BootFailed, true));
    assert_eq!(home.status(), SandboxStatus::Crashed);
    assert_eq!(home.last_run().reason, Some(TerminationReason::BootFailed));
    assert!(!home.is_locked());
    failure
}

#[test]
fn a_failed_boot_says_where_and_shows_the_console() {
    for (mode, stage, text) in [
        ("exits", BootStage::Kernel, "exit code 7"),
        ("garbage", BootStage::Other, "broken frame"),
        ("early_stream", BootStage::Other, "not open"),
        ("other_protocol", BootStage::Other, "protocol"),
        ("boot_fails", BootStage::Mount, "no such disk"),
        ("panics", BootStage::Kernel, "exit code 0"),
    ] {
        let home = Home::new();
        let failure = failed_launch(&home, home.spec(mode));
        assert_eq!(failure.stage, stage, "{mode}: {failure:?}");
        assert!(failure.message.contains(text), "{mode}: {failure:?}");
        if mode == "panics" {
            assert!(
                failure.console_tail.contains("no init found\u{fffd}[0m"),
                "{failure:?}"
            );
            assert!(
                home.last_run()
                    .detail
                    .unwrap()
                    .console_tail
                    .unwrap()
                    .contains("no init found")
            );
        }
    }
}

#[test]
fn an_agent_that_stays_silent_is_given_up_at_the_deadline() {
    let home = Home::new();
    let mut spec = home.spec("silent");
    spec.lifetime.boot_timeout_ms = 300;
    let failure = failed_launch(&home, spec);
    assert_eq!(
        (failure.stage, failure.errno),
        (BootStage::Kernel, libc::ETIMEDOUT)
    );
}

#[test]
fn an_agent_that_cannot_be_started_is_a_failure_with_its_errno() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.agent = Some(home.path("nothing-here"));
    let failure = failed_launch(&home, spec);
    assert_eq!((failure.stage, failure.errno), (BootStage::Vmm, libc::ENOENT));
}

#[test]
fn a_run_that_cannot_be_recorded_does_not_start() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    let (agent, held, go) = (spec.agent.unwrap(), home.path("held-agent"), home.path("go"));
    let script = format!(
        "#!/bin/sh\nuntil [ -e '{}' ]; do sleep 0.01; done\nexec '{}'\n",
        go.display(),
        agent.display()
    );
    std::fs::write(&held, script).unwrap();
    std::fs::set_permissions(&held, std::fs::Permissions::from_mode(0o755)).unwrap();
    spec.agent = Some(held);
    let mut owner = home.launch(spec);
    assert!(matches!(owner.hear(), RunnerMessage::Welcome(_)));
    let from = [SandboxStatus::Starting];
    assert!(
        home.store
            .transition(home.sandbox_id, &from, SandboxStatus::Stopped)
            .unwrap()
    );
    std::fs::write(go, "").unwrap();
    let RunnerMessage::LaunchFailed(failure) = owner.hear() else {
        panic!()
    };
    assert!(failure.message.contains("cannot record the run"), "{failure:?}");
    assert_eq!(home.status(), SandboxStatus::Stopped);
}

#[test]
fn launch_messages_that_are_none_are_refused() {
    let home = Home::new();
    let other = LaunchSpec {
        protocol: PROTOCOL_VERSION + 1,
        ..home.spec("obedient")
    };
    for message in [
        ClientMessage::Hello {
            protocol: PROTOCOL_VERSION,
        },
        ClientMessage::Kill,
        ClientMessage::Launch(Box::new(other)),
        ClientMessage::Launch(Box::new(LaunchSpec {
            directory: home.path("none"),
            ..home.spec("obedient")
        })),
    ] {
        let mut owner = spawn_runner();
        owner.tell(&message);
        assert!(
            matches!(owner.hear(), RunnerMessage::Refused { .. }),
            "{message:?}"
        );
        assert!(owner.is_closed());
    }
    for bytes in [
        vec![0xff; 64],
        vec![0; 12],
        [vec![0xff, 0xff, 0x0f], vec![0; 9], vec![b'['; MAX_CONTROL]].concat(),
    ] {
        let mut owner = spawn_runner();
        owner.send_raw(&bytes);
        assert!(matches!(owner.hear(), RunnerMessage::Refused { .. }));
    }
    assert_eq!(home.status(), SandboxStatus::Starting);
}

#[test]
fn a_second_runner_is_refused_and_the_first_goes_on() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let mut second = home.launch(home.spec("obedient"));
    let RunnerMessage::Refused { message } = second.hear() else {
        panic!()
    };
    assert!(message.contains("runs already"), "{message}");
    assert!(second.is_closed());
    assert!(owner.succeeds(1, "true"));
    assert!(home.connect().succeeds(1, "true"));
}

#[test]
fn a_runner_that_comes_after_its_start_was_given_up_touches_nothing() {
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.lifetime.ephemeral = true;
    let from = [SandboxStatus::Starting];
    assert!(
        home.store
            .transition(home.sandbox_id, &from, SandboxStatus::Crashed)
            .unwrap()
    );
    let given_up = home.launch(spec.clone());
    // Its name may be another sandbox's by then.
    assert!(home.store.delete_sandbox(home.sandbox_id).unwrap());
    for mut owner in [given_up, home.launch(spec)] {
        let RunnerMessage::Refused { message } = owner.hear() else {
            panic!()
        };
        assert!(message.contains("given up"), "{message}");
        assert!(owner.is_closed());
    }
    assert_eq!(std::fs::read_dir(home.directory()).unwrap().count(), 0);
}

#[test]
fn what_the_runner_leaves_on_disk_is_private_and_tells_who_it_is() {
    let home = Home::new();
    let (_owner, welcome) = home.start("obedient");
    let mode = |name: &str| {
        std::fs::metadata(home.directory().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("runtime"), mode("logs")), (0o700, 0o700));
    assert_eq!(
        (mode("runtime/runner.sock"), mode("logs/runtime.log")),
        (0o600, 0o600)
    );
    let state = std::fs::read(home.directory().join("runtime/runner.json")).unwrap();
    let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
    assert_eq!(state["pid"], welcome.runner_pid);
    assert_eq!(state["vmm_pid"], welcome.vmm_pid);
    assert!(state["start_time"].as_u64().unwrap() > 0 && state["boot_id"].as_str().unwrap().len() == 36);
}

#[test]
fn nothing_of_the_host_stays_with_the_supervisor_or_its_vmm() {
    let home = Home::new();
    // A descriptor that a careless host left open across exec.
    let leaked = std::fs::File::open(home.path("msb.db")).unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let database = leaked.metadata().unwrap().ino();
    let (_owner, welcome) = home.start("obedient");
    for pid in [welcome.runner_pid, welcome.vmm_pid] {
        let process = std::path::Path::new("/proc").join(pid.to_string());
        for entry in std::fs::read_dir(process.join("fd")).unwrap() {
            let path = entry.unwrap().path();
            assert_ne!(
                std::fs::metadata(&path).map_or(0, |found| found.ino()),
                database,
                "{path:?}"
            );
        }
    }
    let supervisor = std::path::Path::new("/proc").join(welcome.runner_pid.to_string());
    assert_eq!(
        std::fs::read_link(supervisor.join("cwd")).unwrap(),
        std::path::Path::new("/")
    );
    let directory = std::fs::metadata(home.directory()).unwrap().ino();
    let vmm_fds = std::fs::read_dir(format!("/proc/{}/fd", welcome.vmm_pid)).unwrap();
    let holds_lock =
        |path: std::path::PathBuf| std::fs::metadata(path).is_ok_and(|found| found.ino() == directory);
    assert!(!vmm_fds.into_iter().any(|entry| holds_lock(entry.unwrap().path())));
}

#[test]
fn a_supervisor_keeps_no_privileges_but_to_kill_the_test_drivers_commands() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("obedient");
    let status = std::fs::read_to_string(format!("/proc/{}/status", welcome.runner_pid)).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    };
    // CAP_KILL, 5, where this test itself has it.
    let kill = u64::from(rustix::process::geteuid().is_root()) << 5;
    for (set, expected) in [("CapInh", 0), ("CapPrm", kill), ("CapEff", kill), ("CapAmb", 0)] {
        assert_eq!(u64::from_str_radix(&field(set), 16).unwrap(), expected, "{set}");
    }
    if rustix::process::geteuid().is_root() {
        assert_eq!(u64::from_str_radix(&field("CapBnd"), 16).unwrap(), kill);
    }
    assert_eq!(field("NoNewPrivs"), "1");
    // It can still do all that it must.
    owner.tell(&ClientMessage::Stop { timeout_ms: 10_000 });
    owner.hear_exit();
    assert_eq!(home.status(), SandboxStatus::Stopped);
}

#[test]
fn a_killed_runner_leaves_the_lock_free_and_no_vmm() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("obedient");
    let runner = rustix::process::Pid::from_raw(welcome.runner_pid as i32).unwrap();
    rustix::process::kill_process(runner, rustix::process::Signal::KILL).unwrap();
    assert!(owner.is_closed());
    eventually("the VMM is gone", || !is_alive(welcome.vmm_pid));
    eventually("the lock is free", || !home.is_locked());
    assert_eq!(
        home.status(),
        SandboxStatus::Running,
        "whoever looks next repairs it"
    );
    // The next runner takes the stale socket away.
    let from = [SandboxStatus::Running];
    assert!(
        home.store
            .transition(home.sandbox_id, &from, SandboxStatus::Crashed)
            .unwrap()
    );
    home.claim_start();
    let (mut owner, _) = home.start("obedient");
    assert!(owner.succeeds(1, "true"));
}

/// A launch whose owner prepares the guest, as far as that it may.
fn preparing(home: &Home, detached: bool) -> Client {
    let mut spec = home.spec("obedient");
    spec.prepare = true;
    spec.lifetime.detached = detached;
    let mut owner = home.launch(spec);
    assert!(matches!(owner.hear(), RunnerMessage::Welcome(_)));
    assert!(matches!(owner.hear(), RunnerMessage::Prepare));
    owner
}

#[test]
fn a_guest_is_its_owners_alone_until_it_is_prepared() {
    let home = Home::new();
    let mut owner = preparing(&home, false);
    assert_eq!(home.status(), SandboxStatus::Starting);
    assert!(owner.succeeds(1, "true"));
    // Another's command is refused as long as the guest is not ready.
    let mut early = home.connect();
    early.exec(1, "true");
    assert!(matches!(
        early.collect(1).last,
        Some(StreamReply::SpawnFailed { .. })
    ));
    // What only the owner may say ends another's link, and nothing else.
    let mut liar = home.connect();
    liar.tell(&ClientMessage::Prepared);
    assert!(liar.is_closed());
    owner.tell(&ClientMessage::Prepared);
    assert!(matches!(owner.hear(), RunnerMessage::Ready(_)));
    assert!(matches!(early.hear(), RunnerMessage::Ready(_)));
    assert!(early.succeeds(2, "true"));
    assert_eq!(home.status(), SandboxStatus::Running);
    // Said once more, it means nothing.
    owner.tell(&ClientMessage::PrepareFailed {
        message: "late".to_owned(),
    });
    assert!(owner.succeeds(3, "true"));
}

#[test]
fn a_guest_that_cannot_be_prepared_has_failed_to_start() {
    let home = Home::new();
    let mut owner = preparing(&home, false);
    owner.tell(&ClientMessage::PrepareFailed {
        message: "no such file".to_owned(),
    });
    let RunnerMessage::LaunchFailed(failure) = owner.hear() else {
        panic!()
    };
    assert_eq!(failure.stage, BootStage::Patch);
    assert_eq!(owner.hear_exit().reason, ExitReason::BootFailed);
    assert_eq!(home.status(), SandboxStatus::Crashed);
    let detail = home.last_run().detail.unwrap();
    assert!(detail.message.contains("no such file"), "{detail:?}");
}

#[test]
fn a_guest_whose_owner_goes_before_it_is_prepared_goes_too() {
    let home = Home::new();
    drop(preparing(&home, true));
    eventually("the runner ends", || !home.is_locked());
    assert_ne!(home.status(), SandboxStatus::Running);
    // As well when it went before the guest was there to be prepared.
    let home = Home::new();
    let mut spec = home.spec("obedient");
    spec.prepare = true;
    spec.lifetime.detached = true;
    let mut owner = home.launch(spec);
    assert!(matches!(owner.hear(), RunnerMessage::Welcome(_)));
    drop(owner);
    eventually("the runner ends", || !home.is_locked());
    assert_ne!(home.status(), SandboxStatus::Running);
}
