//! A file descriptor of the caller that an archive comes from or goes to: a file, a pipe or a socket, blocking or not.
//!
//! Invariants: no wait is longer than a look at the watcher every [`LOOK`]; the descriptor's flags, which others may share,
//! stay as they are; and a reader that has gone is an error, never the signal SIGPIPE.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

/// How long one wait is, before the watcher is asked.
const LOOK: Duration = Duration::from_millis(100);

/// What a pipe that can be written takes at once without blocking.
const PIPE_PIECE: usize = 4096;

/// Asked while nothing moves; an error ends the wait.
pub trait Watch {
    /// Whether to wait on.
    fn look(&self) -> io::Result<()>;
}

/// A descriptor with somebody who may lose patience.
pub struct Descriptor<'a> {
    fd: BorrowedFd<'a>,
    kind: FileType,
    watch: &'a dyn Watch,
}

impl<'a> Descriptor<'a> {
    /// Takes a look at what the descriptor is.
    pub fn new(fd: BorrowedFd<'a>, watch: &'a dyn Watch) -> io::Result<Self> {
        let kind = FileType::from_raw_mode(fstat(fd)?.st_mode);
        Ok(Self { fd, kind, watch })
    }

    fn await_ready(&self, ready: PollFlags) -> io::Result<()> {
        // Files are always ready.
        if self.kind.is_file() {
            return Ok(());
        }
        let look = Timespec::try_from(LOOK).map_err(|_| io::ErrorKind::InvalidInput)?;
        loop {
            let mut polled = [PollFd::new(&self.fd, ready)];
            match poll(&mut polled, Some(&look)) {
                Ok(0) => self.watch.look()?,
                Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn write_once(&self, data: &[u8]) -> rustix::io::Result<usize> {
        if self.kind.is_file() {
            rustix::io::write(self.fd, data)
        } else if self.kind.is_socket() {
            send(self.fd, data, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
        } else {
            without_sigpipe(|| rustix::io::write(self.fd, &data[..data.len().min(PIPE_PIECE)]))
        }
    }
}

impl Read for Descriptor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.await_ready(PollFlags::IN)?;
            match rustix::io::read(self.fd, &mut *buffer) {
                // Somebody else may have read it first.
                Err(Errno::AGAIN | Errno::INTR) => {}
                ended => return Ok(ended?),
            }
        }
    }
}

impl Write for Descriptor<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        loop {
            self.await_ready(PollFlags::OUT)?;
            match self.write_once(data) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                ended => return Ok(ended?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Descriptor<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd
    }
}

impl std::fmt::Debug for Descriptor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "descriptor {} ({:?})", self.fd.as_raw_fd(), self.kind)
    }
}

/// Runs a write whose SIGPIPE, if it raises one, does not reach the program: the thread blocks the signal and takes its own.
fn without_sigpipe<T>(write: impl FnOnce() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are locals, each written before it is read: `sigemptyset`, `sigpending` and `pthread_sigmask` cannot
    // fail with valid arguments.
    let (pipe, before, was_pending) = unsafe {
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::sigpending(pending.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), before.as_mut_ptr());
        (
            pipe.assume_init(),
            before.assume_init(),
            libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1,
        )
    };
    let written = write();
    let now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: as above. A signal that was pending before is the program's and stays.
    unsafe {
        if matches!(written, Err(Errno::PIPE)) && !was_pending {
            libc::sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const now);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::os::unix::net::UnixStream;

    /// Gives up at the `n`th look.
    struct Patience(Cell<u32>);
    impl Watch for Patience {
        fn look(&self) -> io::Result<()> {
            self.0.set(self.0.get().saturating_sub(1));
            if self.0.get() == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ok(())
        }
    }

    fn patience(looks: u32) -> Patience {
        Patience(Cell::new(looks))
    }

    /// Whether SIGPIPE is deadly here: the test harness ignores it.
    fn with_deadly_sigpipe(test: impl FnOnce()) {
        // SAFETY: the disposition is put back; no other test of this process writes to a pipe without a reader.
        unsafe {
            let before = libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            test();
            libc::signal(libc::SIGPIPE, before);
        }
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error_and_no_signal() {
        let watch = patience(10);
        with_deadly_sigpipe(|| {
            let (read, write) = rustix::pipe::pipe().unwrap();
            drop(read);
            let mut pipe = Descriptor::new(write.as_fd(), &watch).unwrap();
            assert_eq!(pipe.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            let (ours, theirs) = UnixStream::pair().unwrap();
            drop(theirs);
            let mut socket = Descriptor::new(ours.as_fd(), &watch).unwrap();
            assert_eq!(socket.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        });
    }

    #[test]
    fn a_full_pipe_and_an_empty_one_are_waited_for_as_long_as_the_watcher_wants() {
        let watch = patience(2);
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut full = Descriptor::new(write.as_fd(), &watch).unwrap();
        let error = io::copy(&mut io::repeat(7), &mut full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let watch = patience(2);
        let (empty, _writer) = rustix::pipe::pipe().unwrap();
        let mut empty = Descriptor::new(empty.as_fd(), &watch).unwrap();
        assert_eq!(empty.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(read);
    }

    #[test]
    fn bytes_pass_whole_and_flags_stay() {
        let watch = patience(100);
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let flags = rustix::fs::fcntl_getfl(&write).unwrap();
        let data: Vec<u8> = (0..1 << 20).map(|i| (i % 251) as u8).collect();
        let copy = data.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let watch = patience(100);
                Descriptor::new(write.as_fd(), &watch)
                    .unwrap()
                    .write_all(&copy)
                    .unwrap();
                assert_eq!(rustix::fs::fcntl_getfl(&write).unwrap(), flags);
            });
            let mut got = Vec::new();
            Descriptor::new(read.as_fd(), &watch)
                .unwrap()
                .read_to_end(&mut got)
                .unwrap();
            assert!(got == data);
        });
    }
}
