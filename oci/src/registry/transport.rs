//! Names, connections and sockets under the HTTP client, all of whose waits end in time and when the call is cancelled.
//!
//! A socket is non-blocking; a wait looks at the watch every few milliseconds. A server that sends nothing, or next to
//! nothing, for the stall time is given up.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::Patience;
use super::watch::{LOOK, Watch};

/// Least that has to come in the stall time. Slower than that is as good as nothing, and may be a way to hold a pull
/// for ever.
const LEAST: usize = 4096;

/// Most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Why a connection was given up here; carried in an [`io::Error`], as the HTTP client passes nothing else on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    #[error("the call was cancelled")]
    Cancelled,
    #[error("nothing came in time")]
    Stalled,
    #[error("there is no connection")]
    Connect(#[source] io::Error),
}

impl From<Halt> for io::Error {
    fn from(halt: Halt) -> Self {
        Self::other(halt)
    }
}

/// Waits until a socket is ready, `limit` has passed, or the watch says to end. False when it is not ready.
fn ready(fd: BorrowedFd<'_>, flags: PollFlags, limit: Duration, watch: &Watch) -> io::Result<bool> {
    let until = Instant::now() + limit;
    loop {
        if watch.is_halted() {
            return Err(Halt::Cancelled.into());
        }
        let left = until.saturating_duration_since(Instant::now());
        let slice = Timespec::try_from(left.min(LOOK)).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&fd, flags)], Some(&slice)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Finds the addresses of hosts.
#[derive(Debug)]
pub(super) struct Names {
    pub watch: Arc<Watch>,
    pub limit: Duration,
}

impl Names {
    /// Asks the system. There is no way to call its resolver off; the thread that it keeps busy holds nothing but the
    /// name, and ends when the resolver's own time is over.
    fn ask(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let name = host.to_owned();
        let quiet = crate::quiet::SignalMask::block_asynchronous()?;
        std::thread::Builder::new()
            .name("msb-resolver".into())
            .spawn(move || {
                let found = (name.as_str(), port)
                    .to_socket_addrs()
                    .map(|found| found.take(MAX_ADDRESSES).collect::<Vec<_>>());
                // Nobody waits any more.
                let _ = sender.send(found);
            })?;
        drop(quiet);
        let until = Instant::now() + self.limit;
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(found) => return found.map_err(|error| Halt::Connect(error).into()),
                Err(_) if self.watch.is_halted() => return Err(Halt::Cancelled.into()),
                Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(_) => return Err(Halt::Connect(io::ErrorKind::TimedOut.into()).into()),
            }
        }
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if uri.scheme() == Some(&Scheme::HTTP) {
            80
        } else {
            443
        });
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.ask(host, port)?,
        };
        let mut addresses = self.empty();
        for address in found {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Opens connections.
#[derive(Debug)]
pub(super) struct Connections {
    pub watch: Arc<Watch>,
    pub patience: Patience,
}

impl Connections {
    fn open(&self, address: &SocketAddr, limit: Duration) -> io::Result<TcpStream> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, address) {
            Ok(()) => {}
            Err(Errno::INPROGRESS) => {
                if !ready(socket.as_fd(), PollFlags::OUT, limit, &self.watch)? {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                sockopt::socket_error(&socket)??;
            }
            Err(errno) => return Err(errno.into()),
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Connector for Connections {
    type Out = Socket;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _chained: Option<()>,
    ) -> Result<Option<Socket>, ureq::Error> {
        let until = Instant::now() + self.patience.connect;
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (index, address) in details.addrs.iter().enumerate() {
            // An equal part of what is left, so that one dead address does not use up the time of the others.
            let others = u32::try_from(details.addrs.len() - index).unwrap_or(u32::MAX);
            let limit = until.saturating_duration_since(Instant::now()) / others;
            match self.open(address, limit) {
                Ok(stream) => {
                    let config = details.config;
                    return Ok(Some(Socket {
                        stream,
                        buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
                        watch: self.watch.clone(),
                        stall: self.patience.stall,
                        waited: Duration::ZERO,
                        received: 0,
                    }));
                }
                Err(error) if error.get_ref().is_some_and(|inner| inner.is::<Halt>()) => {
                    return Err(error.into());
                }
                Err(error) => failure = error,
            }
        }
        Err(io::Error::from(Halt::Connect(failure)).into())
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    watch: Arc<Watch>,
    stall: Duration,
    /// Time spent waiting for input, and what came, since both were last judged.
    waited: Duration,
    received: usize,
}

impl Socket {
    fn wait(&mut self, flags: PollFlags) -> io::Result<()> {
        let begin = Instant::now();
        if !ready(self.stream.as_fd(), flags, self.stall, &self.watch)? {
            return Err(Halt::Stalled.into());
        }
        self.waited += begin.elapsed();
        if self.waited >= self.stall {
            if self.received < LEAST {
                return Err(Halt::Stalled.into());
            }
            self.judged();
        }
        Ok(())
    }

    fn judged(&mut self) {
        self.waited = Duration::ZERO;
        self.received = 0;
    }

    fn send(&mut self, amount: usize) -> io::Result<()> {
        let mut sent = 0;
        while sent < amount {
            match self.stream.write(&self.buffers.output()[sent..amount]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::OUT)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.judged();
        Ok(())
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            if self.watch.is_halted() {
                return Err(Halt::Cancelled.into());
            }
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(count) => {
                    self.received = self.received.saturating_add(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(PollFlags::IN)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), ureq::Error> {
        Ok(self.send(amount)?)
    }

    fn await_input(&mut self, _timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let count = self.receive()?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // Nothing may come unasked; the end does when the server closes.
        matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
