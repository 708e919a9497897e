//! Those who wait for one kind of event, in the order in which they came.
//!
//! A line belongs to a state and is used under its lock. What it gives out is woken after the lock was let go of: a waker
//! may run anything. Nobody leaves by being called; a member that is called looks again, and leaves when it is done.

use std::collections::VecDeque;
use std::task::Waker;

/// A line that was longer than this gives its memory back once it is empty.
const KEPT: usize = 64;

/// Waiting tasks and threads, first come, first served where that matters.
#[derive(Default)]
pub struct Line {
    /// Keys rise from front to back.
    members: VecDeque<(u64, Option<Waker>)>,
    next: u64,
}

impl Line {
    /// A place at the end, to be left again.
    pub fn join(&mut self) -> u64 {
        let key = self.next;
        self.next += 1;
        self.members.push_back((key, None));
        key
    }

    /// Whether nobody came before.
    pub fn is_first(&self, key: u64) -> bool {
        self.members.front().is_some_and(|(first, _)| *first == key)
    }

    /// Notes whom to wake at the next call.
    pub fn wait(&mut self, key: u64, waker: &Waker) {
        let Some(at) = self.find(key) else { return };
        match &mut self.members[at].1 {
            Some(noted) => noted.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Gives a place up. If it was the first one, the next gets its turn.
    #[must_use = "the next in line waits for it"]
    pub fn leave(&mut self, key: u64) -> Option<Waker> {
        let at = self.find(key)?;
        self.members.remove(at);
        if self.members.is_empty() && self.members.capacity() > KEPT {
            self.members = VecDeque::new();
        }
        if at == 0 { self.call_first() } else { None }
    }

    /// The first one, to be woken.
    #[must_use = "the first in line waits for it"]
    pub fn call_first(&mut self) -> Option<Waker> {
        self.members.front_mut().and_then(|(_, waker)| waker.take())
    }

    /// Everybody, to be woken.
    pub fn call_all(&mut self, called: &mut Vec<Waker>) {
        called.extend(self.members.iter_mut().filter_map(|(_, waker)| waker.take()));
    }

    fn find(&self, key: u64) -> Option<usize> {
        self.members.binary_search_by_key(&key, |(key, _)| *key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_turn_goes_to_the_next_when_the_first_leaves_and_to_nobody_when_another_does() {
        let mut line = Line::default();
        let (a, b, c) = (line.join(), line.join(), line.join());
        line.wait(b, Waker::noop());
        line.wait(c, Waker::noop());
        assert!(line.is_first(a));
        assert!(line.leave(b).is_none());
        assert!(line.leave(a).is_some(), "c is called");
        assert!(line.is_first(c));
        assert!(line.leave(c).is_none());
        assert!(line.leave(c).is_none(), "leaving twice does nothing");
    }

    #[test]
    fn everybody_is_called_once_for_each_wait() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut line = Line::default();
        let keys: Vec<u64> = (0..1000).map(|_| line.join()).collect();
        for key in &keys {
            line.wait(*key, &waker);
        }
        let mut called = Vec::new();
        line.call_all(&mut called);
        line.call_all(&mut called);
        called.into_iter().for_each(Waker::wake);
        assert_eq!(count.0.load(Ordering::SeqCst), 1000);
        for key in keys.iter().rev() {
            assert!(line.leave(*key).is_none());
        }
        drop(waker);
        assert_eq!(Arc::strong_count(&count), 1, "no waker is kept");
        assert!(line.members.capacity() <= KEPT);
    }
}
