//! Frames that nobody planned: random ones, from both sides at once, straight into the relay.

use crate::support::exec_spec;
use msb_protocol::exec::{ExecExit, StreamReply, StreamRequest};
use msb_protocol::frame::{self, Channel, FrameReader, Header};
use msb_runner::supervise::queue::OutQueue;
use msb_runner::supervise::relay::{Admission, ClientId, MAX_CLIENT_QUEUE, Relay};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32 % bound
    }

    /// A frame that is well formed, usually.
    fn frame(&mut self, agent: bool) -> Vec<u8> {
        let mut wire = Vec::new();
        let stream = self.below(6);
        let channel = [Channel::Stdin, Channel::Stdout, Channel::Stderr][self.below(3) as usize];
        match self.below(8) {
            0 => frame::push_credit(&mut wire, stream, channel, self.below(1 << 20)),
            1 | 2 => {
                let bytes = vec![7; self.below(1000) as usize];
                frame::push(
                    &mut wire,
                    Header::data(stream, channel, bytes.len(), self.below(50) == 0),
                    &bytes,
                );
            }
            3 if agent => {
                let exit = ExecExit {
                    code: Some(0),
                    signal: None,
                    timed_out: false,
                    output_open: false,
                };
                frame::push_control(&mut wire, stream, &StreamReply::Exited(exit)).unwrap();
            }
            4 | 5 if agent => {
                frame::push_control(&mut wire, stream, &StreamReply::Started { pid: 1 }).unwrap();
            }
            3..=6 => {
                let exec = StreamRequest::Exec(Box::new(exec_spec("true")));
                frame::push_control(&mut wire, stream, &exec).unwrap();
            }
            _ => {
                frame::push_control(&mut wire, stream, &StreamRequest::Abandon).unwrap();
                let at = self.below(wire.len() as u32) as usize;
                wire[at] ^= 1 << self.below(8);
            }
        }
        wire
    }
}

/// Every frame that the relay queued must be one that its receiver can read.
fn is_well_formed(queue: &mut OutQueue) -> bool {
    let mut queued = Vec::new();
    queue.flush(&mut queued).unwrap();
    let mut reader = FrameReader::new();
    reader.extend(&queued);
    while let Some(_frame) = reader.next_frame().unwrap() {}
    reader.pending() == 0
}

#[test]
fn random_frames_from_both_sides_keep_the_relay_in_order() {
    let mut faults = [0; 2];
    for seed in 1..=60 {
        let mut random = Random(seed);
        let mut relay = Relay::default();
        let mut next = 3;
        let mut clients: Vec<_> = (0..next).map(ClientId).collect();
        clients.iter().for_each(|&client| relay.add_client(client));
        for _ in 0..2000 {
            let mut reader = FrameReader::new();
            let from_agent = random.below(2) == 0;
            reader.extend(&random.frame(from_agent));
            let Ok(Some(frame)) = reader.next_frame() else {
                continue;
            };
            let at = random.below(3) as usize;
            if from_agent {
                // A fault ends a sandbox; here it goes on, to see what more there is.
                faults[0] += u32::from(relay.agent_frame(frame).is_err());
            } else if relay.client_frame(clients[at], frame, Admission::Open).is_err() {
                faults[1] += 1;
                relay.remove_client(clients[at]);
                clients[at] = ClientId(next);
                relay.add_client(clients[at]);
                next += 1;
            }
        }
        assert!(is_well_formed(relay.agent_queue()));
        for &client in &clients {
            let queue = relay.client_queue(client).unwrap();
            assert!(queue.len() <= MAX_CLIENT_QUEUE && is_well_formed(queue));
        }
    }
    assert!(faults.iter().all(|&count| count > 100), "{faults:?}");
}
