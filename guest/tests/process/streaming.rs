//! Input, output and credit.

use crate::harness::{Event, Host, alive, command, eventually, script};
use msb_protocol::credit::STDIN_WINDOW;
use msb_protocol::exec::{ExecSpec, StreamReply, StreamRequest, TerminalSize};
use msb_protocol::frame::{Channel, MAX_DATA};
use std::time::{Duration, Instant};

#[test]
fn eight_mebibytes_survive_the_round_trip_through_cat() {
    let sent: Vec<u8> = (0..8 * 1024 * 1024u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut host = Host::booted();
    let (id, _) = host.start(ExecSpec {
        stdin: true,
        ..command("cat", &[])
    });
    let (mut credit, mut next, mut received) = (STDIN_WINDOW as usize, 0, Vec::new());
    let exit = loop {
        while credit > 0 && next < sent.len() {
            let count = credit.min(MAX_DATA).min(sent.len() - next);
            host.input(id, &sent[next..next + count], next + count == sent.len());
            credit -= count;
            next += count;
        }
        match host.event() {
            Event::Credit(_, amount) => credit += amount as usize,
            Event::Data(_, channel, bytes, _) => {
                if !bytes.is_empty() {
                    host.grant(id, channel, bytes.len());
                }
                received.extend(bytes);
            }
            Event::Reply(_, StreamReply::Exited(exit)) => break exit,
            other => panic!("unexpected: {other:?}"),
        }
    };
    assert_eq!(exit.code, Some(0));
    assert!(received == sent);
}

#[test]
fn what_is_held_back_for_a_collected_command_comes_soon_though_nothing_follows() {
    let mut host = Host::booted();
    let collected = |text: &str| ExecSpec {
        collected: true,
        ..script(text)
    };
    host.start(collected("sleep 60"));
    let (id, _) = host.start(collected("exec >&-; sleep 60"));
    assert!(
        matches!(host.event(), Event::Data(stream, Channel::Stdout, bytes, true) if stream == id && bytes.is_empty())
    );
    let outcome = host.run(collected("echo out; echo err >&2; exit 3"));
    assert_eq!(outcome.exit.code, Some(3));
    assert_eq!(
        (outcome.stdout.as_slice(), outcome.stderr.as_slice()),
        (&b"out\n"[..], &b"err\n"[..])
    );
}

#[test]
fn a_command_that_ignores_its_input_still_gives_credit_back() {
    let mut host = Host::booted();
    let (id, _) = host.start(ExecSpec {
        stdin: true,
        ..script("exec 0<&-; echo closed; sleep 60")
    });
    host.read_until(id, "closed");
    let block = vec![0; MAX_DATA];
    let (mut credit, mut sent) = (STDIN_WINDOW as usize, 0);
    while sent < 4 * STDIN_WINDOW as usize {
        while credit >= block.len() {
            host.input(id, &block, false);
            credit -= block.len();
            sent += block.len();
        }
        match host.event() {
            Event::Credit(_, amount) => credit += amount as usize,
            other => panic!("unexpected: {other:?}"),
        }
    }
    host.request(
        id,
        StreamRequest::Signal {
            signal: libc::SIGTERM,
        },
    );
    assert_eq!(host.finish(id).exit.signal, Some(libc::SIGTERM));
}

/// Bytes that a process has written so far.
fn written(pid: u32) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    io.lines()
        .find_map(|line| line.strip_prefix("wchar: ")?.parse().ok())
        .unwrap_or(0)
}

#[test]
fn output_never_goes_beyond_credit() {
    let mut host = Host::booted();
    let (id, _) = host.start(ExecSpec {
        window: 1000,
        ..script("yes | head -c 100000")
    });
    let mut held = 0;
    while held < 1000 {
        match host.event() {
            Event::Data(_, Channel::Stdout, bytes, _) => held += bytes.len(),
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(held, 1000);
    // Nothing of this stream may come before the answer, and nothing after it before a grant.
    host.tell(msb_protocol::agent::HostMessage::Ping);
    assert!(matches!(
        host.event(),
        Event::Link(msb_protocol::agent::AgentMessage::Pong)
    ));
    host.grant(id, Channel::Stdout, 1_000_000);
    assert_eq!(host.finish(id).stdout.len(), 100_000 - 1000);
}

#[test]
fn a_silent_command_ends_without_any_credit() {
    let mut host = Host::booted();
    let outcome = host.run(ExecSpec {
        window: 0,
        ..command("true", &[])
    });
    assert_eq!(outcome.exit.code, Some(0));
    assert!(!outcome.exit.output_open);
}

#[test]
fn all_output_comes_before_exited_and_every_channel_ends() {
    let mut host = Host::booted();
    for _ in 0..50 {
        let (id, _) = host.start(script(
            "printf first; printf error >&2; head -c 60000 /dev/zero; printf last",
        ));
        let (mut stdout, mut stderr, mut ends) = (Vec::new(), Vec::new(), 0);
        loop {
            match host.event() {
                Event::Data(_, channel, bytes, end) => {
                    ends += u32::from(end);
                    if channel == Channel::Stdout {
                        stdout.extend(bytes)
                    } else {
                        stderr.extend(bytes)
                    }
                }
                Event::Reply(stream, StreamReply::Exited(_)) if stream == id => break,
                other => panic!("unexpected: {other:?}"),
            }
        }
        assert_eq!((stdout.len(), stderr.as_slice(), ends), (60009, &b"error"[..], 2));
        assert!(stdout.starts_with(b"first") && stdout.ends_with(b"last"));
    }
}

#[test]
fn a_flood_without_credit_blocks_nobody_else() {
    let mut host = Host::booted();
    let (flood, pid) = host.start(ExecSpec {
        window: 0,
        ..command("yes", &[])
    });
    let (other, _) = host.start(script("echo through"));
    assert_eq!(host.finish(other).stdout, b"through\n");
    eventually("the flood does not come", || written(pid) >= 4096);
    host.request(
        flood,
        StreamRequest::Signal {
            signal: libc::SIGKILL,
        },
    );
    // What it wrote before its end is still owed.
    host.grant(flood, Channel::Stdout, 4 * 1024 * 1024);
    let outcome = host.finish(flood);
    assert_eq!(outcome.exit.signal, Some(libc::SIGKILL));
    assert!(outcome.stdout.len() >= 4096);
}

#[test]
fn output_held_open_by_a_daemon_is_cut_off_in_time_and_the_daemon_lives() {
    let mut host = Host::booted();
    let text = "(trap '' HUP; while :; do echo noise; done) & echo $!; echo done";
    let begin = Instant::now();
    let (id, _) = host.start(script(text));
    let outcome = host.finish(id);
    assert!(outcome.exit.output_open);
    assert_eq!(outcome.exit.code, Some(0));
    assert!(begin.elapsed() >= Duration::from_millis(250));
    let stdout = String::from_utf8(outcome.stdout).unwrap();
    assert!(stdout.contains("done\n"));
    let daemon: u32 = stdout.lines().find_map(|line| line.parse().ok()).unwrap();
    // It writes more than any pipe holds, so it lives only if somebody reads.
    eventually("the daemon stopped writing", || written(daemon) > 4 * 1024 * 1024);
    assert!(alive(daemon));
    host.hang_up();
    assert!(host.wait().success());
    eventually("the daemon outlived the agent", || !alive(daemon));
}

#[test]
fn a_timeout_kills_the_whole_group() {
    let mut host = Host::booted();
    let spec = ExecSpec {
        timeout_ms: Some(200),
        ..script("sleep 1000 & echo $!; wait")
    };
    let (id, _) = host.start(spec);
    let outcome = host.finish(id);
    assert!(outcome.exit.timed_out);
    assert_eq!(outcome.exit.signal, Some(libc::SIGKILL));
    let background: u32 = String::from_utf8(outcome.stdout).unwrap().trim().parse().unwrap();
    eventually("the group outlived its timeout", || !alive(background));
}

#[test]
fn an_abandoned_command_goes_on_unheard() {
    let mut host = Host::booted();
    let spec = ExecSpec {
        stdin: true,
        window: 10,
        ..script("cat; yes | head -c 3000000; exit 5")
    };
    let (id, _) = host.start(spec);
    host.request(id, StreamRequest::Abandon);
    loop {
        match host.event() {
            Event::Reply(_, StreamReply::Exited(exit)) => {
                assert_eq!(exit.code, Some(5));
                break;
            }
            Event::Data(_, _, bytes, _) => assert!(bytes.len() <= 10),
            other => panic!("unexpected: {other:?}"),
        }
    }
}

#[test]
fn the_end_of_input_reaches_a_terminal() {
    let mut host = Host::booted();
    let spec = ExecSpec {
        tty: Some(TerminalSize { rows: 24, cols: 80 }),
        stdin: true,
        ..script("stty -echo; echo ready; cat")
    };
    let (id, _) = host.start(spec);
    host.read_until(id, "ready\r\n");
    host.input(id, b"typed\n", true);
    let outcome = host.finish(id);
    assert_eq!(outcome.exit.code, Some(0));
    assert_eq!(outcome.stdout, b"typed\r\n");
}

#[test]
fn two_hundred_commands_run_at_once_and_keep_their_output_apart() {
    let mut host = Host::booted();
    let ids: Vec<u32> = (0..200)
        .map(|index| {
            host.open(script(&format!(
                "echo {index}; cat /dev/null; exit {}",
                index % 100
            )))
        })
        .collect();
    let outcomes = host.finish_all(&ids);
    for (index, id) in ids.iter().enumerate() {
        assert_eq!(outcomes[id].stdout, format!("{index}\n").as_bytes());
        assert_eq!(outcomes[id].exit.code, Some(index as i32 % 100));
    }
}

#[test]
fn two_thousand_commands_leave_no_descriptor_and_no_child() {
    let mut host = Host::booted();
    let agent = host.agent_pid();
    let descriptors = || std::fs::read_dir(format!("/proc/{agent}/fd")).unwrap().count();
    assert_eq!(host.run(command("true", &[])).exit.code, Some(0));
    let before = descriptors();
    for round in 0..2000 {
        let spec = ExecSpec {
            stdin: round % 2 == 0,
            ..command("/bin/true", &[])
        };
        assert_eq!(host.run(spec).exit.code, Some(0));
    }
    assert_eq!(descriptors(), before);
    let children = std::fs::read_to_string(format!("/proc/{agent}/task/{agent}/children")).unwrap();
    assert_eq!(children, "");
}
