//! A hostile guest: whatever it sends, the relay neither panics nor grows, and what it queues stays well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msb_protocol::exec::{ExecSpec, StreamRequest};
use msb_protocol::frame::{self, FrameReader};
use msb_runner::supervise::relay::{Admission, ClientId, Relay};

const CLIENT: ClientId = ClientId(1);

fuzz_target!(|bytes: &[u8]| {
    let mut relay = Relay::default();
    relay.add_client(CLIENT);
    let mut opening = Vec::new();
    for stream in 1..4 {
        let request = StreamRequest::Exec(Box::new(command()));
        frame::push_control(&mut opening, stream, &request).expect("a small message");
    }
    let mut reader = FrameReader::new();
    reader.extend(&opening);
    while let Some(frame) = reader.next_frame().expect("own frames") {
        relay.client_frame(CLIENT, frame, Admission::Open).expect("own frames");
    }
    let mut reader = FrameReader::new();
    reader.extend(bytes);
    while let Ok(Some(frame)) = reader.next_frame() {
        if relay.agent_frame(frame).is_err() {
            break;
        }
    }
    let mut sent = Vec::new();
    relay.client_queue(CLIENT).expect("still there").flush(&mut sent).expect("into memory");
    assert!(sent.len() <= bytes.len() + 64 * 1024);
    let mut reader = FrameReader::new();
    reader.extend(&sent);
    while let Some(_frame) = reader.next_frame().expect("well formed") {}
    assert_eq!(reader.pending(), 0);
});

fn command() -> ExecSpec {
    ExecSpec {
        program: "true".into(),
        args: Vec::new(),
        env: Vec::new(),
        cwd: None,
        user: None,
        tty: None,
        timeout_ms: None,
        rlimits: Vec::new(),
        stdin: true,
        collected: false,
        window: 4096,
    }
}
