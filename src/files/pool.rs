//! The few files sessions that a sandbox keeps for reuse, so that most operations cost no new process in the guest.

use super::session::Session;
use parking_lot::Mutex;

/// Idle sessions that one sandbox keeps: each is a process in the guest.
const MAX_IDLE: usize = 4;

/// Sessions that wait for their next use.
#[derive(Default)]
pub struct Pool(Mutex<Vec<Session>>);

impl Pool {
    /// A session of this user's that nobody uses.
    pub fn take(&self, user: Option<&str>) -> Option<Session> {
        let mut idle = self.0.lock();
        let over: Vec<Session> = idle.extract_if(.., |session| !session.is_usable()).collect();
        let found = idle.iter().position(|session| session.user() == user);
        let session = found.map(|at| idle.swap_remove(at));
        drop(idle);
        // Letting go of a session takes locks of its link.
        drop(over);
        session
    }

    /// Keeps a session for its next use, unless it has none or enough are kept.
    pub fn put(&self, session: Session) {
        let mut idle = self.0.lock();
        if session.is_usable() && idle.len() < MAX_IDLE {
            idle.push(session);
            return;
        }
        drop(idle);
        drop(session);
    }
}
