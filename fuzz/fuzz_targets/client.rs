//! A broken client: whatever it sends, the relay neither panics nor passes on to the guest what is not well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msb_protocol::frame::FrameReader;
use msb_runner::supervise::relay::{Admission, ClientId, Relay};

const CLIENT: ClientId = ClientId(1);

fuzz_target!(|bytes: &[u8]| {
    let mut relay = Relay::default();
    relay.add_client(CLIENT);
    let mut reader = FrameReader::new();
    reader.extend(bytes);
    while let Ok(Some(frame)) = reader.next_frame() {
        if relay.client_frame(CLIENT, frame, Admission::Open).is_err() {
            break;
        }
    }
    relay.remove_client(CLIENT);
    let mut sent = Vec::new();
    relay.agent_queue().flush(&mut sent).expect("into memory");
    let mut reader = FrameReader::new();
    reader.extend(&sent);
    while let Some(_frame) = reader.next_frame().expect("well formed") {}
    assert_eq!(reader.pending(), 0);
});
