//! A sandbox: its row, its directory and, while it runs, the link to its runner.
//!
//! One file per verb. State is never cached here: the row, the liveness lock and the link are asked each time.

pub mod command;
pub mod create;
pub mod disk_image;
pub mod end;
pub mod exec;
pub mod exec_options;
pub mod files;
pub mod filter;
pub mod info;
pub mod labels;
pub mod list;
pub mod mount;
pub mod options;
pub mod patch;
pub mod remove;
pub mod root;
mod scripts;
pub mod settle;
pub mod spec;
pub mod start;
pub mod stop;
pub mod wait;

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::files::Pool;
use crate::ops::Lane;
use crate::supervise::link::Link;
use crate::supervise::liveness;
use crate::supervise::reactor::Interest;
use crate::supervise::waiting::Waiting;
use msb_protocol::PROTOCOL_VERSION;
use msb_protocol::client::ClientMessage;
use msb_store::{SandboxRow, Store};
use parking_lot::Mutex;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longest time that a runner may take to accept a link.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause between two looks at a runner's lock, which has no event to wait for.
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// How long the lock of a runner that has ended may take to be free.
const LOCK_RELEASE: Duration = Duration::from_secs(5);

/// The id of a sandbox that is in no store: whoever listens in its directory is taken for its runner.
pub(crate) const NOBODY: i64 = 0;

/// One sandbox of one backend. Dropping the last reference lets go of it: what is attached then stops.
pub struct Sandbox {
    backend: Arc<Backend>,
    id: i64,
    name: String,
    link: Mutex<Option<Arc<Link>>>,
    files: Pool,
}

impl Sandbox {
    pub(crate) fn new(backend: Arc<Backend>, row: &SandboxRow) -> Self {
        Self {
            backend,
            id: row.id,
            name: row.name.clone(),
            link: Mutex::new(None),
            files: Pool::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its backend.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// Opens the sandbox of this name.
    pub fn open(backend: &Arc<Backend>, name: &str) -> Result<Arc<Self>, MsbError> {
        let store = backend.store()?;
        let row = store.sandbox_by_name(name)?.ok_or_else(|| not_found(name))?;
        let row = match row.ephemeral {
            true => settle::settle_and_tidy(backend, &store, row)?.ok_or_else(|| not_found(name))?,
            false => row,
        };
        Ok(backend.adopt(&row))
    }

    fn directory(&self) -> PathBuf {
        self.backend.sandbox_directory(&self.name)
    }

    /// The store and the row as it is now.
    fn row(&self) -> Result<(Arc<Store>, SandboxRow), MsbError> {
        let store = self.backend.store()?;
        let row = store
            .sandbox_by_id(self.id)?
            .ok_or_else(|| not_found(&self.name))?;
        Ok((store, row))
    }

    fn has_row(&self) -> Result<bool, MsbError> {
        Ok(self.backend.store()?.sandbox_by_id(self.id)?.is_some())
    }

    fn is_alive(&self) -> Result<bool, MsbError> {
        let directory = self.directory();
        liveness::is_alive(&directory)
            .map_err(|error| MsbError::io("sandbox.lock", "cannot look at", &directory, &error))
    }

    /// The link to the runner, connecting if need be. `None` when no runner is alive.
    fn reach(&self, deadline: Deadline) -> Result<Option<Arc<Link>>, MsbError> {
        self.reach_with(deadline, None)
    }

    /// As [`Sandbox::reach`], and gives the runner `order` whether or not it answers in time.
    fn reach_with(
        &self,
        deadline: Deadline,
        order: Option<&ClientMessage>,
    ) -> Result<Option<Arc<Link>>, MsbError> {
        // Without a deadline of its own, connecting has this one; others of this process may be connecting too.
        let deadline = deadline.min(Deadline::after(HELLO_TIMEOUT));
        let Some(mut slot) = deadline.lock(&self.link) else {
            return Err(self.unanswered());
        };
        if let Some(link) = slot.as_ref().filter(|link| !link.state().closed) {
            if let Some(order) = order {
                // A link that breaks meanwhile means that it is ending anyway.
                let _ = link.send_message(order);
            }
            return Ok(Some(Arc::clone(link)));
        }
        if !self.is_alive()? {
            return Ok(None);
        }
        let Some(socket) = self.connect(deadline)? else {
            return Ok(None);
        };
        // Only while the row is there, this name and whoever listens under it are this sandbox's.
        if self.id != NOBODY && !self.has_row()? {
            return Ok(None);
        }
        let link = self.adopt_socket(socket)?;
        let hello = ClientMessage::Hello {
            protocol: PROTOCOL_VERSION,
        };
        for message in [Some(&hello), order].into_iter().flatten() {
            // A runner that has just ended takes none; nothing else can be in the way on a new link.
            if link.send_message(message).is_err() {
                link.close();
                return Ok(None);
            }
        }
        let answer = link.wait_for(deadline, |state| {
            let refused = state.refused.clone();
            (state.welcome.is_some() || state.closed || refused.is_some()).then_some(refused)
        });
        let error = match answer {
            Some(None) if link.state().welcome.is_some() => {
                *slot = Some(Arc::clone(&link));
                return Ok(Some(link));
            }
            Some(None) => None,
            Some(Some(refused)) => Some(MsbError::new(Status::Unavailable, "runner.refused", refused)),
            None => Some(self.unanswered()),
        };
        link.close();
        error.map_or(Ok(None), Err)
    }

    fn unanswered(&self) -> MsbError {
        MsbError::new(
            Status::Timeout,
            "runner.unreachable",
            format!(
                "the runner of sandbox {:?} did not answer before the deadline",
                self.name
            ),
        )
    }

    /// Connects to the runner. `None` once none is alive.
    fn connect(&self, deadline: Deadline) -> Result<Option<UnixStream>, MsbError> {
        loop {
            let error = match liveness::connect(&self.directory()) {
                Ok(socket) => return Ok(Some(socket)),
                Err(error) => error,
            };
            // It locks before it listens and stops listening before it unlocks: both last moments, and the lock
            // has no event to wait for.
            if !self.is_alive()? {
                return Ok(None);
            }
            if deadline.has_passed() {
                return Err(MsbError::new(
                    Status::Unavailable,
                    "runner.unreachable",
                    format!("the runner of sandbox {:?} does not answer", self.name),
                )
                .source(&error)
                .remedy("it is starting or ending: try again"));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
    }

    /// The link of a sandbox that must be running, ready for requests.
    fn running_link(&self, deadline: Deadline) -> Result<Arc<Link>, MsbError> {
        let link = self.reach(deadline)?.ok_or_else(|| self.not_running())?;
        let ready = link.wait_for(deadline.min(Deadline::after(HELLO_TIMEOUT)), |state| {
            if state.closed || state.exit.is_some() {
                return Some(false);
            }
            state.ready.map(|_| true)
        });
        match ready {
            Some(true) => Ok(link),
            Some(false) => Err(self.not_running()),
            None => Err(MsbError::new(
                Status::Unavailable,
                "sandbox.starting",
                format!("sandbox {:?} is still starting", self.name),
            )),
        }
    }

    /// As [`Sandbox::running_link`]; only without a link does it block a thread.
    async fn ready_link(
        self: &Arc<Self>,
        waiting: &impl Waiting,
        deadline: Deadline,
    ) -> Result<Arc<Link>, MsbError> {
        let is_ready = |link: &Arc<Link>| {
            let state = link.state();
            state.ready.is_some() && state.exit.is_none()
        };
        match self.open_link().filter(is_ready) {
            Some(link) => Ok(link),
            None => {
                let own = Arc::clone(self);
                waiting
                    .block(self.lane(), move || own.running_link(deadline))
                    .await
            }
        }
    }

    /// The link, if there is one and nobody is just changing that.
    fn open_link(&self) -> Option<Arc<Link>> {
        let slot = self.link.try_lock()?;
        slot.as_ref().filter(|link| !link.state().closed).cloned()
    }

    /// Whether the link that there was has ended, and nobody is just making another.
    pub(crate) fn has_lost_link(&self) -> bool {
        let slot = self.link.try_lock();
        slot.is_some_and(|slot| slot.as_ref().is_none_or(|link| link.is_over()))
    }

    /// Where operations that block wait for its guest.
    pub(crate) fn lane(&self) -> Lane {
        Lane::Guest(self.id.cast_unsigned())
    }

    /// Waits while a runner that has recorded its end still holds the lock; true once it is free. A sandbox that is gone has
    /// none: what holds the lock of its name is another's.
    fn wait_unlocked(&self) -> Result<bool, MsbError> {
        let give_up = Deadline::after(LOCK_RELEASE);
        while self.is_alive()? && self.has_row()? {
            if give_up.has_passed() {
                return Ok(false);
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        Ok(true)
    }

    fn adopt_socket(&self, socket: UnixStream) -> Result<Arc<Link>, MsbError> {
        self.backend
            .reactor()
            .register(Interest::READ, |key, handle| Link::new(socket, key, handle))
            .map_err(|error| {
                MsbError::new(
                    Status::ResourceExhausted,
                    "backend.reactor",
                    "the link cannot be watched",
                )
                .source(&error)
            })
    }

    fn not_running(&self) -> MsbError {
        MsbError::new(
            Status::NotRunning,
            "sandbox.not_running",
            format!("sandbox {:?} is not running", self.name),
        )
        .remedy("start it first; msb_sandbox_wait tells how its last run ended")
        .detail("sandbox", self.name.as_str())
    }

    /// Closes the link: an attached sandbox begins to stop, a detached one goes on. True when one began to stop, not when
    /// it has ended already: then whatever runs under its name is another run.
    pub(crate) fn let_go(&self) -> bool {
        let slot = self.link.lock();
        let Some(link) = slot.as_ref() else {
            return false;
        };
        let ends = link.holds_sandbox() && !link.is_over();
        link.close();
        ends
    }

    /// Waits for the end that [`Sandbox::let_go`] began.
    pub(crate) fn wait_let_go(&self, deadline: Deadline) -> bool {
        while self.is_alive().unwrap_or(false) {
            if deadline.has_passed() {
                return false;
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        true
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.let_go();
    }
}

fn not_found(name: &str) -> MsbError {
    MsbError::new(
        Status::NotFound,
        "sandbox.not_found",
        format!("there is no sandbox {name:?}"),
    )
    .remedy("list the sandboxes of this backend's home, or create it")
    .detail("sandbox", name)
}
