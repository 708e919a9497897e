//! A host that breaks the protocol ends the agent; it never hangs, crashes or goes on.

use crate::harness::{Event, Host, command};
use msb_protocol::credit::{MAX_WINDOW, STDIN_WINDOW};
use msb_protocol::exec::{ExecSpec, StreamRequest};
use msb_protocol::frame::{Channel, Header, MAX_DATA};

/// The agent must end by itself with its code for failure.
fn refused(mut host: Host) {
    while host.try_event().is_some() {}
    assert_eq!(host.wait().code(), Some(1));
}

#[test]
fn malformed_frames_end_the_agent() {
    let good = Header::data(1, Channel::Stdin, 0, false).encode();
    for (at, value) in [(3, 0xff), (8, 7), (9, 9), (10, 0x80), (11, 1)] {
        let mut host = Host::booted();
        let mut frame = good;
        frame[at] = value;
        host.send(&frame);
        refused(host);
    }
}

#[test]
fn messages_that_mean_nothing_end_the_agent() {
    for text in [&b"{}"[..], b"\"nonsense\"", b"\xff\xfe", b""] {
        let mut host = Host::booted();
        let mut bytes = Header::control(0, text.len()).encode().to_vec();
        bytes.extend(text);
        host.send(&bytes);
        refused(host);
    }
}

#[test]
fn overspent_input_ends_the_agent() {
    let mut host = Host::booted();
    let (id, _) = host.start(ExecSpec {
        stdin: true,
        ..command("sleep", &["60"])
    });
    let block = vec![0; MAX_DATA];
    let mut bytes = Vec::new();
    // A pipe takes one window at most, which is when half of it is granted back.
    for _ in 0..=2 * STDIN_WINDOW as usize / MAX_DATA {
        msb_protocol::frame::push(
            &mut bytes,
            Header::data(id, Channel::Stdin, block.len(), false),
            &block,
        );
    }
    host.send(&bytes);
    refused(host);
}

#[test]
fn an_impossible_grant_ends_the_agent() {
    let mut host = Host::booted();
    let (id, _) = host.start(command("sleep", &["60"]));
    host.grant(id, Channel::Stdout, MAX_WINDOW as usize);
    refused(host);
}

#[test]
fn messages_out_of_order_end_the_agent() {
    let mut early = Host::ready();
    early.open(command("true", &[]));
    refused(early);
    let mut twice = Host::booted();
    let (id, _) = twice.start(command("sleep", &["60"]));
    twice.request(id, StreamRequest::Exec(Box::new(command("true", &[]))));
    refused(twice);
    let mut output = Host::booted();
    output.send(&Header::data(1, Channel::Stdout, 0, false).encode());
    refused(output);
}

#[test]
fn frames_for_streams_that_are_over_are_ignored() {
    let mut host = Host::booted();
    let (id, _) = host.start(command("true", &[]));
    host.finish(id);
    host.request(id, StreamRequest::Signal { signal: 9 });
    host.request(id, StreamRequest::Abandon);
    host.input(id, b"late", true);
    host.grant(id, Channel::Stderr, 1);
    assert_eq!(host.run(command("true", &[])).exit.code, Some(0));
}

#[test]
fn one_command_too_many_is_refused() {
    let mut host = Host::booted();
    for _ in 0..1024 {
        host.open(command("sleep", &["60"]));
    }
    let last = host.open(command("true", &[]));
    loop {
        if let Event::Reply(id, msb_protocol::exec::StreamReply::SpawnFailed { kind, .. }) = host.event() {
            assert_eq!(
                (id, kind),
                (last, msb_protocol::exec::SpawnFailure::TooManyStreams)
            );
            break;
        }
    }
}

/// A small generator of reproducible noise (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[test]
fn random_frames_never_hang_or_crash_the_agent() {
    for seed in 1..=100 {
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut host = Host::booted();
        let mut bytes = Vec::new();
        for _ in 0..noise.next() % 8 + 1 {
            let len = (noise.next() % 300) as usize;
            let mut header = Header::control((noise.next() % 3) as u32, len).encode();
            header[8] = (noise.next() % 3) as u8;
            header[9] = (noise.next() % 3) as u8;
            if noise.next().is_multiple_of(4) {
                header[(noise.next() % 12) as usize] = noise.next() as u8;
            }
            bytes.extend(header);
            bytes.extend((0..len).map(|_| noise.next() as u8));
        }
        host.send(&bytes);
        // Whatever that was, an end of file is an end: by the rules (0) or for breaking them (1).
        host.hang_up();
        let status = host.wait();
        assert!(matches!(status.code(), Some(0 | 1)), "seed {seed}: {status}");
    }
}
