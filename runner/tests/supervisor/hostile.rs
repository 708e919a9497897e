//! Guests that lie, flood and babble: each ends as a violation of its own, and its supervisor stays small.

use crate::support::{Home, is_alive};
use msb_protocol::client::{ClientMessage, RunnerMessage};
use msb_protocol::exit::{ExitReason, ExitRecord};
use msb_store::{SandboxStatus, TerminationReason};

fn end_of(command: &str) -> ExitRecord {
    let home = Home::new();
    let (mut owner, welcome) = home.start("obedient");
    owner.exec(1, command);
    let record = owner.hear_exit();
    assert!(!is_alive(welcome.vmm_pid) && !home.is_locked());
    assert_eq!(home.status(), SandboxStatus::Crashed);
    assert_eq!(
        home.last_run().reason,
        Some(TerminationReason::ProtocolViolation),
        "{command}"
    );
    record
}

#[test]
fn every_lie_is_a_violation() {
    for (command, text) in [
        ("lie_overspend", "without credit"),
        ("lie_after_end", "without credit"),
        ("lie_stream", "not open"),
        ("lie_started_twice", "does not fit"),
        ("lie_grant", "granted"),
        ("lie_grant_nothing", "granted 0"),
        ("lie_stdin", "without credit"),
        ("lie_json", "broken message on stream"),
        ("lie_message", "broken message on stream 0"),
        ("lie_ready", "does not fit"),
        ("lie_pong", "does not fit"),
        ("lie_length", "broken frame"),
        ("lie_kind", "broken frame"),
        ("lie_late", "not open"),
    ] {
        let record = end_of(command);
        assert_eq!(
            (record.reason, record.crashed),
            (ExitReason::ProtocolViolation, true),
            "{command}"
        );
        assert!(record.message.contains(text), "{command}: {}", record.message);
    }
}

#[test]
fn a_lie_of_any_length_is_still_reported_in_short() {
    let record = end_of("lie_at_length");
    assert_eq!(record.reason, ExitReason::ProtocolViolation);
    assert!(record.message.starts_with("the guest sent a broken message"));
    assert!(record.message.chars().count() <= 1000 && !record.message.contains('\u{1b}'));
}

#[test]
fn random_bytes_are_a_violation() {
    for seed in 1..=20 {
        assert_eq!(
            end_of(&format!("noise:{seed}")).reason,
            ExitReason::ProtocolViolation
        );
    }
}

#[test]
fn a_guest_that_fails_with_too_many_words_is_cut_short() {
    let home = Home::new();
    let mut owner = home.launch(home.spec("boot_fails_at_length"));
    assert!(matches!(owner.hear(), RunnerMessage::Welcome(_)));
    let RunnerMessage::LaunchFailed(failure) = owner.hear() else {
        panic!()
    };
    assert!(failure.message.starts_with("no such disk\u{fffd}") && failure.message.chars().count() == 1000);
    assert_eq!(owner.hear_exit().reason, ExitReason::BootFailed);
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_flood_of_empty_frames_neither_bloats_nor_blocks_the_supervisor() {
    let home = Home::new();
    let (mut owner, welcome) = home.start("obedient");
    let idle = resident_kib(welcome.runner_pid);
    owner.exec(1, "empty_flood");
    let mut other = home.connect();
    for _ in 0..50 {
        other.tell(&ClientMessage::Ping);
        other.hear();
    }
    let flooded = resident_kib(welcome.runner_pid);
    println!("supervisor: {idle} KiB idle, {flooded} KiB flooded");
    assert!(flooded < idle + 4096, "{idle} KiB became {flooded} KiB");
    other.tell(&ClientMessage::Kill);
    other.hear_exit();
}
