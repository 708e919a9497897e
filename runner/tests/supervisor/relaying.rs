//! Many clients and streams over one agent link, none of which can hurt another.

use crate::support::{Client, Home, WINDOW, eventually, exec_spec};
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::client::{ClientMessage, RunnerMessage};
use msb_protocol::credit::STDIN_WINDOW;
use msb_protocol::exec::{ExecSpec, SpawnFailure, StreamReply, StreamRequest};
use msb_protocol::frame::{Channel, Header, Kind, MAX_DATA, parse_control};
use std::time::{Duration, Instant};

#[test]
fn clients_with_the_same_stream_numbers_are_kept_apart() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let mut other = home.connect();
    owner.exec(5, "cat");
    other.exec(5, "cat");
    for round in 0..20_u8 {
        owner.data(5, &[round; 100], round == 19);
        other.data(5, &[round + 100; 200], round == 19);
    }
    let expected = |first: u8, count: usize| (0..20).flat_map(|n| vec![first + n; count]).collect::<Vec<_>>();
    assert!(owner.collect(5).stdout == expected(0, 100));
    assert!(other.collect(5).stdout == expected(100, 200));
}

#[test]
fn a_client_that_reads_nothing_stalls_nobody() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let mut slow = home.connect();
    for stream in 1..=20 {
        slow.exec(stream, "print:1000000000");
    }
    for _ in 0..20 {
        assert!(owner.succeeds(1, "true"));
    }
    owner.exec(2, "print:20000000");
    assert_eq!(owner.collect(2).stdout.len(), 20_000_000);
}

#[test]
fn a_client_that_goes_abandons_its_commands() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    // The fake agent ends an abandoned command, so that all of them fit only if each is abandoned: soon after the link
    // of its client ended.
    for _ in 0..3 {
        let mut other = home.connect();
        for stream in 1..=1000 {
            eventually("there is room for a command", || starts(&mut other, stream));
        }
    }
    eventually("there is room for a command", || owner.succeeds(1, "true"));
}

fn starts(client: &mut Client, stream: u32) -> bool {
    client.exec(stream, "sleep");
    let received = client.next().unwrap();
    assert_eq!(
        (received.header.stream, received.header.kind),
        (stream, Kind::Control)
    );
    matches!(
        parse_control(&received.payload).unwrap(),
        StreamReply::Started { .. }
    )
}

#[test]
fn more_commands_than_allowed_fail_with_their_reason() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let mut other = home.connect();
    for stream in 1..=1024 {
        other.exec(stream, "sleep");
        let started = other.next().unwrap();
        assert_eq!(
            (started.header.stream, started.header.kind),
            (stream, Kind::Control)
        );
    }
    owner.exec(1, "true");
    let Some(StreamReply::SpawnFailed { kind, .. }) = owner.collect(1).last else {
        panic!()
    };
    assert_eq!(kind, SpawnFailure::TooManyStreams);
    other.control(77, &StreamRequest::Signal { signal: 9 });
    other.collect(77);
    assert!(owner.succeeds(1, "true"));
}

/// A name, and what a client of that name does.
type Attack = (&'static str, Box<dyn Fn(&mut Client)>);

#[test]
fn clients_that_break_the_protocol_lose_their_link_and_nobody_else_notices() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    owner.exec(1, "cat");
    let mut oversized = exec_spec("sleep");
    oversized.window = u32::MAX;
    let attacks: Vec<Attack> = vec![
        ("noise", Box::new(|client| client.send_raw(&[0xa5; 1000]))),
        (
            "length",
            Box::new(|client| client.send_raw(&Header::data(1, Channel::Stdin, 1 << 30, false).encode())),
        ),
        (
            "stdin overspent",
            Box::new(|client| {
                client.exec(1, "hang");
                for _ in 0..=STDIN_WINDOW as usize / MAX_DATA {
                    client.data(1, &[0; MAX_DATA], false);
                }
            }),
        ),
        (
            "window overgranted",
            Box::new(|client| {
                client.exec(1, "hang");
                client.grant(1, u32::MAX - WINDOW);
            }),
        ),
        (
            "output from a client",
            Box::new(|client| {
                client.exec(1, "hang");
                client.send_raw(&Header::data(1, Channel::Stdout, 0, false).encode());
            }),
        ),
        (
            "stream opened twice",
            Box::new(|client| {
                client.exec(1, "hang");
                client.exec(1, "hang");
            }),
        ),
        ("no message", Box::new(|client| client.control(1, &3))),
        ("no link message", Box::new(|client| client.control(0, &"what"))),
        (
            "hello twice",
            Box::new(|client| {
                client.tell(&ClientMessage::Hello {
                    protocol: PROTOCOL_VERSION,
                })
            }),
        ),
        (
            "launch twice",
            Box::new(|client| client.tell(&ClientMessage::Launch(Box::new(Home::new().spec("obedient"))))),
        ),
        (
            "detach without owning",
            Box::new(|client| client.tell(&ClientMessage::Detach)),
        ),
    ];
    for (name, attack) in attacks {
        println!("attack: {name}");
        let mut client = home.connect();
        attack(&mut client);
        while let Some(received) = client.next() {
            assert_ne!(received.header.stream, 0, "{name}: {received:?}");
        }
    }
    owner.data(1, b"still here", true);
    assert_eq!(owner.collect(1).stdout, b"still here");
}

#[test]
fn links_that_do_not_say_hello_properly_are_not_accepted() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let mut stranger = home.connect_silently();
    stranger.tell(&ClientMessage::Hello {
        protocol: PROTOCOL_VERSION + 1,
    });
    assert!(matches!(stranger.hear(), RunnerMessage::Refused { .. }));
    assert!(stranger.is_closed());
    for message in [
        ClientMessage::Kill,
        ClientMessage::Stop { timeout_ms: 0 },
        ClientMessage::Ping,
    ] {
        let mut rude = home.connect_silently();
        rude.tell(&message);
        assert!(rude.is_closed(), "{message:?}");
    }
    let mut hasty = home.connect_silently();
    hasty.exec(1, "true");
    assert!(hasty.is_closed());
    assert!(owner.succeeds(1, "true"));
}

#[test]
fn clients_beyond_the_cap_are_refused() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let mut clients: Vec<_> = (0..63).map(|_| home.connect()).collect();
    let mut refused = home.connect_silently();
    assert!(matches!(refused.hear(), RunnerMessage::Refused { .. }));
    assert!(clients.iter_mut().all(|client| client.succeeds(1, "true")));
    drop(clients);
    assert!(owner.succeeds(1, "true"));
    eventually("there is room for a client", || {
        home.try_connect()
            .is_some_and(|mut client| client.succeeds(1, "true"))
    });
}

#[test]
fn a_kill_gets_through_when_the_agent_takes_in_nothing() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let mut feeder = home.connect();
    for stream in 1..=20 {
        feeder.exec(stream, "sleep");
    }
    feeder.exec(30, "stop_reading");
    // Until then the agent takes in what it is sent, and all of it may fit.
    while feeder.next().unwrap().header.stream != 30 {}
    // The feeder is stuck until the run is over; then its link closes, or swallows the rest first.
    let feeding = std::thread::spawn(move || (1..=20).all(|stream| feeder.offer(stream, &[0; 3 * MAX_DATA])));
    eventually("the feeder is stuck", || {
        home.log().contains("waits for the agent")
    });
    let mut other = home.connect();
    other.tell(&ClientMessage::Ping);
    assert_eq!(other.hear(), RunnerMessage::Pong);
    other.tell(&ClientMessage::Stop { timeout_ms: 300 });
    owner.hear_exit();
    feeding.join().unwrap();
}

#[test]
fn clients_go_on_once_the_agent_takes_in_again() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    for round in 0..5 {
        let mut feeder = home.connect();
        for stream in 1..=20 {
            feeder.exec(stream, "hang");
        }
        feeder.exec(30, "nap:100");
        assert!((1..=20).all(|stream| feeder.offer(stream, &[0; 3 * MAX_DATA])));
        feeder.exec(40, "true");
        while feeder.next().unwrap().header.stream != 40 {}
        assert!(owner.succeeds(1, "true"), "round {round}");
    }
    assert!(home.log().contains("waits for the agent"));
}

#[test]
fn messages_for_streams_that_just_ended_are_ignored() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    assert!(owner.succeeds(3, "true"));
    owner.control(3, &StreamRequest::Signal { signal: 9 });
    owner.control(3, &StreamRequest::Abandon);
    owner.grant(3, 1000);
    owner.data(3, b"late", true);
    assert!(owner.succeeds(3, "true"));
}

#[test]
fn commands_before_ready_are_turned_away() {
    let home = Home::new();
    let mut owner = home.launch(home.spec("silent"));
    assert!(matches!(owner.hear(), RunnerMessage::Welcome(_)));
    owner.exec(1, "true");
    assert!(matches!(
        owner.collect(1).last,
        Some(StreamReply::SpawnFailed { .. })
    ));
    owner.tell(&ClientMessage::Kill);
    owner.hear_exit();
}

/// Prints what the relay adds; its bars are kept by `make bench`, not here, where machines differ.
#[test]
fn bulk_output_arrives_whole() {
    let home = Home::new();
    let (mut owner, _) = home.start("obedient");
    let total: u64 = 512 << 20;
    let wide = ExecSpec {
        window: 4 << 20,
        ..exec_spec(&format!("print:{total}"))
    };
    let start = Instant::now();
    owner.control(1, &StreamRequest::Exec(Box::new(wide)));
    let (mut seen, mut due) = (0_u64, 0_u32);
    loop {
        let received = owner.next().unwrap();
        match received.header.kind {
            Kind::Data => {
                seen += received.payload.len() as u64;
                due += received.header.len;
                if due >= 1 << 20 {
                    owner.grant(1, std::mem::take(&mut due));
                }
            }
            _ if seen > 0 => break,
            _ => {}
        }
    }
    let rate = total as f64 / 1e6 / start.elapsed().as_secs_f64();
    assert_eq!(seen, total);
    let mut trips: Vec<Duration> = (0..200)
        .map(|_| {
            let start = Instant::now();
            assert!(owner.succeeds(1, "true"));
            start.elapsed()
        })
        .collect();
    trips.sort();
    println!(
        "relay: {rate:.0} MB/s; round trip p50 {:?} p99 {:?}",
        trips[100], trips[198]
    );
}
