//! Bytes of any link: cutting them into frames never panics and never holds more than one partial frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msb_protocol::frame::{FrameReader, HEADER_LEN, MAX_CONTROL};

fuzz_target!(|chunks: Vec<Vec<u8>>| {
    let mut reader = FrameReader::new();
    for chunk in chunks {
        reader.extend(&chunk);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => assert_eq!(frame.payload.len(), frame.header.len as usize),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(reader.pending() < HEADER_LEN + MAX_CONTROL);
    }
});
