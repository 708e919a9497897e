//! Pseudo-terminals for commands that want one.
//!
//! The master stays with the agent, non-blocking; the slave becomes the command's three descriptors.

use msb_protocol::exec::TerminalSize;
use rustix::fs::{Gid, OFlags, Uid};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use std::os::fd::{AsFd, OwnedFd};

/// Both ends of a fresh terminal.
#[derive(Debug)]
pub struct Terminal {
    /// The agent's end.
    pub master: OwnedFd,
    /// The command's end.
    pub slave: OwnedFd,
}

/// Makes a terminal of this size that belongs to `owner`.
pub fn open(size: TerminalSize, owner: Option<u32>) -> rustix::io::Result<Terminal> {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::unlockpt(&master)?;
    let slave = rustix::pty::ioctl_tiocgptpeer(
        &master,
        OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC,
    )?;
    if let Some(uid) = owner {
        rustix::fs::fchown(&slave, Some(Uid::from_raw(uid)), None::<Gid>)?;
    }
    resize(&master, size)?;
    rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
    Ok(Terminal { master, slave })
}

/// Changes a terminal's size; the kernel tells its foreground process group with SIGWINCH.
pub fn resize(master: impl AsFd, size: TerminalSize) -> rustix::io::Result<()> {
    let size = Winsize {
        ws_row: size.rows,
        ws_col: size.cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(master, size)
}
