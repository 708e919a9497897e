//! The one thread of a backend that waits for file descriptors.
//!
//! Sources are registered under a key and called when their descriptor is ready; a source is never called
//! on two threads at once. The thread starts with the first source and ends with the reactor. It blocks
//! every signal that can be sent from outside, so that the host's handlers run on the host's own threads.

use parking_lot::Mutex;
use rustix::event::epoll;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Something with a descriptor to wait for.
pub trait Source: Send + Sync {
    /// The descriptor; the same one for the source's life.
    fn fd(&self) -> BorrowedFd<'_>;
    /// Called on the reactor's thread when the descriptor is ready. False removes the source.
    fn ready(&self, ready: Ready) -> bool;
    /// Called when the reactor ends: the source will not be called again.
    fn lost(&self) {}
}

/// What a descriptor is ready for; an error or hang-up counts as both.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// A read will not block.
    pub readable: bool,
    /// A write will not block.
    pub writable: bool,
}

/// What a source waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Call when a read will not block.
    pub readable: bool,
    /// Call when a write will not block.
    pub writable: bool,
}

impl Interest {
    /// Reads only.
    pub const READ: Self = Self {
        readable: true,
        writable: false,
    };
    /// Nothing but errors and hang-ups.
    pub const NONE: Self = Self {
        readable: false,
        writable: false,
    };

    fn flags(self) -> epoll::EventFlags {
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, self.readable);
        flags.set(epoll::EventFlags::OUT, self.writable);
        flags
    }
}

/// Key of the descriptor that wakes the thread.
const WAKE: u64 = 0;

struct Shared {
    epoll: OwnedFd,
    wake: OwnedFd,
    sources: Mutex<HashMap<u64, Arc<dyn Source>>>,
    next_key: AtomicU64,
    stopping: AtomicBool,
}

/// Owner of the thread.
pub struct Reactor {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A reference by which sources change their interest; does not keep the thread running.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Reactor {
    /// A reactor without a thread yet.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(
            &epoll,
            &wake,
            epoll::EventData::new_u64(WAKE),
            epoll::EventFlags::IN,
        )?;
        let shared = Shared {
            epoll,
            wake,
            sources: Mutex::new(HashMap::new()),
            next_key: AtomicU64::new(WAKE + 1),
            stopping: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
            thread: Mutex::new(None),
        })
    }

    /// Registers what `make` builds from its key and handle; starts the thread if need be.
    pub fn register<S: Source + 'static>(
        &self,
        interest: Interest,
        make: impl FnOnce(u64, Handle) -> S,
    ) -> io::Result<Arc<S>> {
        self.start()?;
        self.handle().register(interest, make)
    }

    /// A handle for sources to keep.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    fn start(&self) -> io::Result<()> {
        let mut thread = self.thread.lock();
        if self.shared.stopping.load(Ordering::Acquire) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            *thread = Some(crate::sys::spawn_quiet_thread("msb-reactor", move || {
                run(&shared)
            })?);
        }
        Ok(())
    }

    /// Ends the thread and waits for it; sources are dropped. Must not be called on the reactor's thread.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.handle().wake();
        if let Some(thread) = self.thread.lock().take() {
            // The thread catches nothing and runs no host code; a panic in it has nothing left to report to.
            let _ = thread.join();
        }
        let left = std::mem::take(&mut *self.shared.sources.lock());
        for source in left.into_values() {
            source.lost();
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Handle {
    /// Registers a source while the reactor runs.
    pub fn register<S: Source + 'static>(
        &self,
        interest: Interest,
        make: impl FnOnce(u64, Handle) -> S,
    ) -> io::Result<Arc<S>> {
        let key = self.0.next_key.fetch_add(1, Ordering::Relaxed);
        let source = Arc::new(make(key, self.clone()));
        // In the map first: the thread may be called for it before `add` returns.
        self.0
            .sources
            .lock()
            .insert(key, Arc::clone(&source) as Arc<dyn Source>);
        let added = epoll::add(
            &self.0.epoll,
            source.fd(),
            epoll::EventData::new_u64(key),
            interest.flags(),
        );
        if let Err(errno) = added {
            self.0.sources.lock().remove(&key);
            return Err(errno.into());
        }
        Ok(source)
    }

    /// Changes what a registered source waits for.
    pub fn set_interest(&self, key: u64, fd: BorrowedFd<'_>, interest: Interest) {
        // Fails only for a source that is gone, which waits for nothing.
        let _ = epoll::modify(
            &self.0.epoll,
            fd,
            epoll::EventData::new_u64(key),
            interest.flags(),
        );
    }

    /// Removes a source.
    pub fn remove(&self, key: u64, fd: BorrowedFd<'_>) {
        // The last reference is dropped outside the lock: its destructor may use this handle.
        let removed = self.0.sources.lock().remove(&key);
        let _ = epoll::delete(&self.0.epoll, fd);
        drop(removed);
    }

    fn wake(&self) {
        // EAGAIN means that a wake-up is pending already.
        let _ = rustix::io::write(&self.0.wake, &1u64.to_ne_bytes());
    }
}

fn run(shared: &Arc<Shared>) {
    let mut events = Vec::with_capacity(64);
    while !shared.stopping.load(Ordering::Acquire) {
        events.clear();
        match epoll::wait(&shared.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        for event in &events {
            let (flags, data) = (event.flags, event.data);
            dispatch(shared, data.u64(), flags);
        }
    }
}

fn dispatch(shared: &Arc<Shared>, key: u64, flags: epoll::EventFlags) {
    if key == WAKE {
        let mut count = [0; 8];
        let _ = rustix::io::read(&shared.wake, &mut count);
        return;
    }
    let Some(source) = shared.sources.lock().get(&key).cloned() else {
        return;
    };
    let broken = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
    let ready = Ready {
        readable: broken || flags.contains(epoll::EventFlags::IN),
        writable: broken || flags.contains(epoll::EventFlags::OUT),
    };
    if !source.ready(ready) {
        Handle(Arc::clone(shared)).remove(key, source.fd().as_fd());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;
    use std::time::Duration;

    struct Echo {
        socket: UnixStream,
        seen: mpsc::Sender<usize>,
    }

    impl Source for Echo {
        fn fd(&self) -> BorrowedFd<'_> {
            self.socket.as_fd()
        }
        fn ready(&self, _: Ready) -> bool {
            let mut buffer = [0; 16];
            let count = (&self.socket).read(&mut buffer).unwrap_or(0);
            self.seen.send(count).unwrap();
            count > 0
        }
    }

    #[test]
    fn a_source_is_called_when_ready_and_removed_when_it_says_so() {
        let reactor = Reactor::new().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (seen, calls) = mpsc::channel();
        reactor
            .register(Interest::READ, |_, _| Echo { socket: ours, seen })
            .unwrap();
        theirs.write_all(b"abc").unwrap();
        assert_eq!(calls.recv_timeout(Duration::from_secs(5)).unwrap(), 3);
        drop(theirs);
        assert_eq!(calls.recv_timeout(Duration::from_secs(5)).unwrap(), 0);
        // The source, and with it its sender, is dropped once removed.
        assert!(calls.recv_timeout(Duration::from_secs(5)).is_err());
    }
}
