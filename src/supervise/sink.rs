//! Moves one channel between its stream and a socket whose other end the host holds as a descriptor.
//!
//! A socket pair, not a pipe: writes to it can be told not to raise SIGPIPE. All moving happens on the
//! reactor's thread, or under `busy`, so bytes keep their order.

use super::reactor::{Handle, Interest, Ready, Source};
use super::stream::{Stream, Taken};
use msb_protocol::frame::{Channel, MAX_DATA};
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use std::io::Read;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Weak;

/// Output that is taken from a stream at a time: more than a socket takes at once.
const PIECE: usize = 4 * MAX_DATA;

/// The library's end of a descriptor that was handed to the host.
pub struct Sink {
    socket: UnixStream,
    key: u64,
    reactor: Handle,
    stream: Weak<Stream>,
    channel: Channel,
    moving: Mutex<Moving>,
}

/// What is in hand between the two ends.
#[derive(Default)]
struct Moving {
    /// Output taken from the stream and not yet taken by the socket.
    pending: Vec<u8>,
    /// How much of it the socket took.
    sent: usize,
    /// The host closed its end; output is thrown away from then on.
    refused: bool,
    /// Everything is done.
    done: bool,
}

impl Sink {
    /// Wraps the library's end, which must be non-blocking; called by the reactor's `register`.
    pub fn new(
        socket: UnixStream,
        key: u64,
        reactor: Handle,
        stream: Weak<Stream>,
        channel: Channel,
    ) -> Self {
        Self {
            socket,
            key,
            reactor,
            stream,
            channel,
            moving: Mutex::new(Moving::default()),
        }
    }

    /// Moves what can be moved now.
    pub fn kick(&self) {
        if !self.step() {
            self.reactor.remove(self.key, self.socket.as_fd());
        }
    }

    /// Gives up a sink that its stream did not take.
    pub fn discard(&self) {
        self.reactor.remove(self.key, self.socket.as_fd());
    }

    /// Moves what can be moved. False once there is nothing left to do.
    fn step(&self) -> bool {
        let mut moving = self.moving.lock();
        if moving.done {
            return false;
        }
        let stream = self.stream.upgrade();
        match (self.channel, stream) {
            (Channel::Stdin, Some(stream)) => self.pump_input(&mut moving, &stream),
            (Channel::Stdin, None) => self.finish(&mut moving),
            (_, stream) => self.pump_output(&mut moving, stream.as_deref()),
        }
    }

    /// Takes over what `stream` still holds, before the stream is let go of: the host's end may be read later.
    pub fn take_rest(&self, stream: &Stream) {
        let mut moving = self.moving.lock();
        while let Taken::Data(data) = stream.take_routed(self.channel, usize::MAX) {
            moving.pending.extend_from_slice(&data);
        }
    }

    fn pump_output(&self, moving: &mut Moving, stream: Option<&Stream>) -> bool {
        loop {
            if moving.sent == moving.pending.len() {
                match stream.map_or(Taken::End, |stream| stream.take_routed(self.channel, PIECE)) {
                    Taken::Data(data) => {
                        moving.pending = data;
                        moving.sent = 0;
                    }
                    Taken::Nothing => {
                        self.wait_for(Interest::NONE);
                        return true;
                    }
                    Taken::End => return self.finish(moving),
                }
            }
            let rest = &moving.pending[moving.sent..];
            let count = if moving.refused {
                rest.len()
            } else {
                match send(&self.socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                    Ok(count) => count,
                    Err(Errno::INTR) => 0,
                    Err(Errno::AGAIN) => {
                        self.wait_for(Interest {
                            readable: false,
                            writable: true,
                        });
                        return true;
                    }
                    Err(_) => {
                        moving.refused = true;
                        0
                    }
                }
            };
            moving.sent += count;
            if let Some(stream) = stream {
                stream.consumed(self.channel, count);
            }
        }
    }

    fn pump_input(&self, moving: &mut Moving, stream: &Stream) -> bool {
        let mut buffer = [0; MAX_DATA];
        loop {
            let Some(room) = stream.input_room() else {
                return self.finish(moving);
            };
            if room == 0 {
                self.wait_for(Interest::NONE);
                return true;
            }
            let limit = room.min(buffer.len());
            match (&self.socket).read(&mut buffer[..limit]) {
                Ok(0) => {
                    // The command, or the whole sandbox, may be over already.
                    let _ = stream.close_stdin();
                    return self.finish(moving);
                }
                Ok(count) => {
                    if stream.feed(&buffer[..count]).is_err() {
                        // Bytes are lost here, so the command must not take what follows for the whole.
                        let _ = stream.close_stdin();
                        return self.finish(moving);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.wait_for(Interest::READ);
                    return true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return self.finish(moving),
            }
        }
    }

    fn wait_for(&self, interest: Interest) {
        self.reactor.set_interest(self.key, self.socket.as_fd(), interest);
    }

    fn finish(&self, moving: &mut Moving) -> bool {
        moving.done = true;
        let _ = self.socket.shutdown(Shutdown::Both);
        false
    }
}

impl Source for Sink {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn ready(&self, ready: Ready) -> bool {
        // The direction that this sink never waits for is reported on a hang-up only. A hang-up would be
        // reported for ever, so the descriptor is no longer watched; the stream's kicks do the rest.
        let hung_up = if self.channel == Channel::Stdin {
            ready.writable
        } else {
            ready.readable
        };
        if hung_up && self.channel != Channel::Stdin {
            self.moving.lock().refused = true;
        }
        self.step() && !hung_up
    }
}
