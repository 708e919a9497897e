//! The files of a running sandbox, and the sessions that are kept for them.

use super::Sandbox;
use crate::deadline::Deadline;
use crate::error::MsbError;
use crate::files::{GuestFiles, Pool, Session};
use std::sync::Arc;

impl Sandbox {
    /// The guest's files, for calls that are over by `deadline`. Refused while the sandbox does not run.
    pub fn files(self: &Arc<Self>, deadline: Deadline) -> Result<GuestFiles, MsbError> {
        self.running_link(deadline)?;
        Ok(GuestFiles::new(Arc::clone(self), None, deadline))
    }

    /// A session for one user of the guest, or for its root: one that is idle, otherwise another.
    pub(crate) fn files_session(&self, user: Option<&str>, deadline: Deadline) -> Result<Session, MsbError> {
        match self.files.take(user) {
            Some(session) => Ok(session),
            None => Session::open(&self.running_link(deadline)?, user.map(str::to_owned)),
        }
    }

    pub(crate) fn files_pool(&self) -> &Pool {
        &self.files
    }
}
