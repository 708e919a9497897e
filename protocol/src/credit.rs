//! Credit accounting: who may still send how many bytes.
//!
//! The receiver of a channel grants credit; the sender spends it and never sends beyond it. A sender that
//! overspends is broken or hostile, which the receiver sees at once.

/// Credit that a command's standard input starts with, in bytes; the agent grants more as the command reads.
pub const STDIN_WINDOW: u32 = 256 * 1024;
/// Most credit that one channel may hold, in bytes: what a receiver must be ready to buffer.
pub const MAX_WINDOW: u32 = 4 * 1024 * 1024;

/// The sender's side of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendCredit(u32);

impl SendCredit {
    /// Starts with `initial` bytes, at most [`MAX_WINDOW`].
    pub fn new(initial: u32) -> Self {
        Self(initial.min(MAX_WINDOW))
    }

    /// Bytes that may be sent now.
    pub fn available(&self) -> usize {
        self.0 as usize
    }

    /// Adds a grant. False when the total would pass [`MAX_WINDOW`]: the receiver broke the contract.
    #[must_use]
    pub fn grant(&mut self, amount: u32) -> bool {
        match self.0.checked_add(amount) {
            Some(total) if total <= MAX_WINDOW => {
                self.0 = total;
                true
            }
            _ => false,
        }
    }

    /// Takes `amount` bytes out. False when there is not that much: the sender broke the contract.
    #[must_use]
    pub fn spend(&mut self, amount: usize) -> bool {
        match u32::try_from(amount)
            .ok()
            .and_then(|amount| self.0.checked_sub(amount))
        {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
}

/// The receiver's side: collects what was consumed into few, large grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveCredit {
    window: u32,
    consumed: u32,
}

impl ReceiveCredit {
    /// For a channel whose sender started with `window` bytes.
    pub fn new(window: u32) -> Self {
        Self {
            window: window.min(MAX_WINDOW),
            consumed: 0,
        }
    }

    /// Notes that `amount` bytes left the receive buffer; returns a grant once half the window is due.
    pub fn consume(&mut self, amount: usize) -> Option<u32> {
        self.consumed = self.consumed.saturating_add(amount as u32);
        if self.consumed < self.window.div_ceil(2) {
            return None;
        }
        Some(std::mem::take(&mut self.consumed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overspending_and_overgranting_are_seen() {
        let mut credit = SendCredit::new(10);
        assert!(credit.spend(10));
        assert!(!credit.spend(1));
        assert!(credit.grant(MAX_WINDOW));
        assert!(!credit.grant(1));
        assert_eq!(credit.available(), MAX_WINDOW as usize);
    }

    #[test]
    fn grants_come_in_halves_and_lose_nothing() {
        let mut receive = ReceiveCredit::new(100);
        let granted: u32 = (0..40).filter_map(|_| receive.consume(10)).sum();
        assert_eq!(granted, 400);
    }
}
