//! How the agent ends, and what it takes with it.

use crate::harness::{Event, Host, alive, command, eventually, script};
use msb_protocol::agent::{AgentMessage, HostMessage};
use msb_protocol::exec::{SpawnFailure, StreamReply};
use std::time::{Duration, Instant};

fn shutdown_done(host: &mut Host) -> (bool, u32) {
    loop {
        match host.event() {
            Event::Link(AgentMessage::ShutdownDone { clean, killed }) => return (clean, killed),
            Event::Data(..) | Event::Reply(..) => {}
            other => panic!("instead of ShutdownDone: {other:?}"),
        }
    }
}

#[test]
fn an_idle_agent_shuts_down_at_once() {
    let mut host = Host::booted();
    host.run(command("true", &[]));
    let begin = Instant::now();
    host.tell(HostMessage::Shutdown { grace_ms: 10_000 });
    assert_eq!(shutdown_done(&mut host), (true, 0));
    assert!(host.wait().success());
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn shutdown_asks_first_and_kills_only_what_stays() {
    let mut host = Host::booted();
    let (polite, _) = host.start(script(
        "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done",
    ));
    host.read_until(polite, "up");
    let (stubborn, pid) = host.start(script(
        "trap '' TERM; echo up; while :; do read line; done </dev/zero",
    ));
    host.read_until(stubborn, "up");
    host.tell(HostMessage::Shutdown { grace_ms: 500 });
    let mut said = Vec::new();
    let mut code = None;
    let killed = loop {
        match host.event() {
            Event::Data(id, _, bytes, _) if id == polite => said.extend(bytes),
            Event::Reply(id, StreamReply::Exited(exit)) if id == polite => code = exit.code,
            Event::Link(AgentMessage::ShutdownDone { killed, .. }) => break killed,
            _ => {}
        }
    };
    assert!(said.ends_with(b"bye\n"), "{said:?}");
    assert_eq!((code, killed), (Some(3), 1));
    assert!(host.wait().success());
    assert!(!alive(pid));
}

#[test]
fn a_second_shutdown_shortens_the_grace_and_never_lengthens_it() {
    let mut host = Host::booted();
    let (id, _) = host.start(script(
        "trap '' TERM; echo up; while :; do read line; done </dev/zero",
    ));
    host.read_until(id, "up");
    let begin = Instant::now();
    host.tell(HostMessage::Shutdown { grace_ms: 600_000 });
    host.tell(HostMessage::Shutdown { grace_ms: 100 });
    host.tell(HostMessage::Shutdown { grace_ms: 600_000 });
    assert_eq!(shutdown_done(&mut host), (true, 1));
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn nothing_starts_during_a_shutdown() {
    let mut host = Host::booted();
    let (id, _) = host.start(script(
        "trap '' TERM; echo up; while :; do read line; done </dev/zero",
    ));
    host.read_until(id, "up");
    host.tell(HostMessage::Shutdown { grace_ms: 300 });
    let late = host.open(command("true", &[]));
    loop {
        match host.event() {
            Event::Reply(stream, StreamReply::SpawnFailed { kind, errno, .. }) => {
                assert_eq!(
                    (stream, kind, errno),
                    (late, SpawnFailure::Other, libc::ESHUTDOWN)
                );
                break;
            }
            Event::Data(..) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    shutdown_done(&mut host);
}

#[test]
fn a_lost_host_takes_the_commands_with_it() {
    let mut host = Host::booted();
    let (id, pid) = host.start(script("sleep 1000 & echo $!; wait"));
    let background: u32 = host.read_until(id, "\n").trim().parse().unwrap();
    host.hang_up();
    assert!(host.wait().success());
    eventually("commands outlived the agent", || {
        !alive(pid) && !alive(background)
    });
}

#[test]
fn orphans_are_reaped() {
    let mut host = Host::booted();
    let outcome = host.run(script("(sleep 0.05 & echo $!) ; exit 0"));
    let orphan: u32 = String::from_utf8(outcome.stdout).unwrap().trim().parse().unwrap();
    eventually("an orphan stays unreaped", || {
        !std::path::Path::new(&format!("/proc/{orphan}")).exists()
    });
}
