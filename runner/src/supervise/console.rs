//! What the guest's console said: the log, its last lines, and whether the kernel panicked.
//!
//! Every byte comes from the guest. It is stored as it is and shown to people only after control
//! characters are taken out.

use crate::log::CappedFile;
use std::collections::VecDeque;

/// Bytes of the console that are kept for the exit record.
const TAIL: usize = 4096;
/// What the kernel prints when it gives up; the VMM may well end with exit code 0 after it.
const PANIC: &[u8] = b"Kernel panic - not syncing";

/// The receiving end of a console.
#[derive(Debug)]
pub struct Console {
    log: Option<CappedFile>,
    tail: VecDeque<u8>,
    /// Last bytes of the previous chunk, in which a panic line may have begun.
    seam: Vec<u8>,
    panicked: bool,
}

impl Console {
    /// A console that is also written to `log`.
    pub fn new(log: Option<CappedFile>) -> Self {
        Self {
            log,
            tail: VecDeque::with_capacity(TAIL),
            seam: Vec::new(),
            panicked: false,
        }
    }

    /// Takes in what the guest printed.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Some(log) = &mut self.log {
            // A full disk must not end the run.
            let _ = log.append(bytes);
        }
        let newest = &bytes[bytes.len().saturating_sub(TAIL)..];
        let surplus = (self.tail.len() + newest.len()).saturating_sub(TAIL);
        self.tail.drain(..surplus);
        self.tail.extend(newest);
        if !self.panicked {
            self.seam.extend_from_slice(bytes);
            self.panicked = self.seam.windows(PANIC.len()).any(|window| window == PANIC);
            self.seam.drain(..self.seam.len().saturating_sub(PANIC.len() - 1));
        }
    }

    /// Whether the kernel said that it panicked.
    pub fn panicked(&self) -> bool {
        self.panicked
    }

    /// The last lines, printable, without the part of a line that they begin with.
    pub fn tail_text(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        let whole = if bytes.len() < TAIL {
            0
        } else {
            bytes.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1)
        };
        printable(&String::from_utf8_lossy(&bytes[whole..]))
    }
}

/// `text` from a guest, without what could change how a terminal shows it.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => Some(c),
        '\r' => None,
        c if c.is_control() => Some('\u{fffd}'),
        c => Some(c),
    };
    text.chars().filter_map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_seen_however_it_is_split() {
        let line = b"[ 0.1] Kernel panic - not syncing: VFS\n";
        for cut in 0..line.len() {
            let mut console = Console::new(None);
            console.feed(&line[..cut]);
            console.feed(&line[cut..]);
            assert!(console.panicked(), "cut at {cut}");
        }
    }

    #[test]
    fn the_tail_is_bounded_whole_lines_and_printable() {
        let mut console = Console::new(None);
        for index in 0..1000 {
            console.feed(format!("line {index}\x1b[31m\r\n").as_bytes());
        }
        console.feed(b"\xff end");
        let tail = console.tail_text();
        assert!(tail.len() <= 2 * TAIL && tail.starts_with("line "));
        assert!(tail.ends_with("line 999\u{fffd}[31m\n\u{fffd} end"));
    }
}
