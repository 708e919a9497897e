//! A files session: neither a hostile worker's answers nor a broken client's requests can make a reader panic, or make
//! room for more than a packet may hold; and what is understood is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msb_protocol::files::{
    MAX_ANSWER, MAX_CHUNK, MAX_REQUEST, PACKET_HEADER, PROGRESS_LEN, PacketHeader, PacketKind, parse_answer,
    parse_progress, parse_request, push_answer, push_progress, push_request,
};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<PACKET_HEADER>() {
        let Ok(PacketHeader { kind, len }) = PacketHeader::decode(*header) else {
            return;
        };
        assert!(len <= MAX_CHUNK.max(MAX_ANSWER).max(MAX_REQUEST));
        let Some((body, next)) = after.split_at_checked(len) else {
            // The most that a reader makes room for is what the packet may hold.
            let _ = (parse_request(after), parse_answer(after));
            return;
        };
        let mut again = Vec::new();
        match kind {
            PacketKind::Request => {
                let Ok(request) = parse_request(body) else { return };
                push_request(&mut again, &request).expect("no longer than it was");
                assert_eq!(parse_request(&again[PACKET_HEADER..]).expect("own bytes"), request);
            }
            PacketKind::Answer => {
                let Ok(answer) = parse_answer(body) else { return };
                push_answer(&mut again, &answer).expect("no longer than it was");
                assert_eq!(parse_answer(&again[PACKET_HEADER..]).expect("own bytes"), answer);
            }
            PacketKind::Progress => {
                let body: [u8; PROGRESS_LEN] = body.try_into().expect("a checked length");
                push_progress(&mut again, &parse_progress(body));
                assert_eq!(again[PACKET_HEADER..], body);
            }
            PacketKind::Data | PacketKind::End | PacketKind::Abort => {}
        }
        rest = next;
    }
});
