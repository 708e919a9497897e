//! The local backend: one home directory, its store, and the sandboxes that this process holds.
//!
//! Everything a call needs hangs off its backend; two backends in one process share nothing.

pub mod config;
pub mod config_file;
pub mod file_keys;
pub mod file_values;
pub mod info;
pub mod options;
mod profile;
pub mod registry;
mod section;
pub mod shared;
pub mod shared_dir;
pub mod sweep;

use crate::deadline::Deadline;
use crate::error::{MsbError, Status};
use crate::runtime::driver::Abilities;
use crate::runtime::embedded::{self, Embedded};
use crate::runtime::kernel::{self, Kernel};
use crate::runtime::{kvm, qemu};
use crate::sandbox::Sandbox;
use crate::supervise::reactor::Reactor;
use config::Config;
use msb_store::{SandboxRow, Store, StoreError, StoreOptions};
use options::BackendOptions;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// A local backend.
pub struct Backend {
    config: Config,
    reactor: Reactor,
    store: Mutex<Option<Arc<Store>>>,
    embedded: Mutex<Option<Embedded>>,
    sandboxes: Mutex<HashMap<i64, Weak<Sandbox>>>,
    /// Whether the labels that 0.5.8 left outside their table were moved there.
    pub(crate) labels_adopted: AtomicBool,
    closed: AtomicBool,
}

impl Backend {
    /// A backend whose database is opened when first needed.
    pub fn lazy() -> Result<Arc<Self>, MsbError> {
        Self::with(Config::resolve(&BackendOptions::default())?)
    }

    /// A backend from options, with its database open and up to date.
    pub fn built(options: &BackendOptions) -> Result<Arc<Self>, MsbError> {
        let backend = Self::with(Config::resolve(options)?)?;
        backend.store()?;
        Ok(backend)
    }

    fn with(config: Config) -> Result<Arc<Self>, MsbError> {
        let reactor = Reactor::new().map_err(|error| {
            MsbError::new(
                error
                    .raw_os_error()
                    .map_or(Status::ResourceExhausted, Status::from_errno),
                "backend.reactor",
                "the backend's event queue cannot be made",
            )
            .source(&error)
            .remedy("raise the limit of open files")
        })?;
        Ok(Arc::new(Self {
            config,
            reactor,
            store: Mutex::new(None),
            embedded: Mutex::new(None),
            sandboxes: Mutex::new(HashMap::new()),
            labels_adopted: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }))
    }

    /// Whether it was closed.
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The resolved configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        &self.config.home
    }

    /// The directory of the sandbox of this name.
    pub fn sandbox_directory(&self, name: &str) -> PathBuf {
        self.config.sandboxes.join(name)
    }

    pub(crate) fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// The store, opened on first use.
    pub fn store(&self) -> Result<Arc<Store>, MsbError> {
        if self.is_closed() {
            return Err(MsbError::new(
                Status::InvalidState,
                "backend.closed",
                "the backend was closed",
            ));
        }
        let mut slot = self.store.lock();
        if let Some(store) = &*slot {
            return Ok(Arc::clone(store));
        }
        let opened = Arc::new(self.open_store()?);
        *slot = Some(Arc::clone(&opened));
        drop(slot);
        sweep::sweep(self, &opened);
        Ok(opened)
    }

    fn open_store(&self) -> Result<Store, MsbError> {
        let database = self.config.database();
        let parent = database.parent().unwrap_or(self.home());
        for directory in [self.home(), parent] {
            make_private(directory)?;
        }
        let options = StoreOptions {
            max_readers: self.config.max_connections as usize,
            connect_timeout: self.config.connect_timeout,
            busy_timeout: self.config.busy_timeout,
        };
        let store = Store::open(&database, options)?;
        // Only now: a home that is refused stays as it was.
        for directory in [
            &self.home().join("run"),
            &self.config.sandboxes,
            &self.config.cache,
        ] {
            make_private(directory)?;
        }
        for directory in [
            parent,
            &self.config.sandboxes,
            &self.config.volumes,
            &self.config.cache,
        ] {
            if directory.starts_with(self.home()) {
                tighten(directory);
            }
        }
        Ok(store)
    }

    /// Refuses a home of a newer release before anything is written to it; whatever else is wrong with a store is for
    /// those who need it.
    pub fn check_home(&self) -> Result<(), MsbError> {
        if !self.config.database().exists() {
            return Ok(());
        }
        match self.store() {
            Err(error) if error.status() == Status::StoreNewer => Err(error),
            _ => Ok(()),
        }
    }

    /// The embedded programs, on disk.
    pub fn embedded(&self) -> Result<Embedded, MsbError> {
        // They may be tidied away while this process lives.
        let made = self.embedded.lock().clone().filter(Embedded::are_there);
        if let Some(embedded) = made {
            return Ok(embedded);
        }
        self.check_home()?;
        let mut slot = self.embedded.lock();
        make_private(self.home())?;
        let mut made = embedded::materialise(self.home())?;
        if let Some(runner) = &self.config.runner {
            made.runner.clone_from(runner);
        }
        *slot = Some(made.clone());
        Ok(made)
    }

    /// The guest kernel.
    pub fn kernel(&self) -> Result<Kernel, MsbError> {
        let embedded = self.embedded()?;
        kernel::find(
            self.home(),
            &self.config.cache,
            self.config.libkrunfw.as_deref(),
            &embedded.runner,
        )
    }

    /// What this host can do, given the kernel to try it with.
    pub fn abilities(&self, kernel: &Kernel) -> Result<Abilities, MsbError> {
        let embedded = self.embedded()?;
        Ok(Abilities {
            kvm: kvm::check_guest(&self.config.cache, &embedded, kernel)?,
            qemu: qemu::find(self.config.qemu.as_deref()),
        })
    }

    /// The one object of this process for a sandbox, so that every handle shares its link.
    pub fn adopt(self: &Arc<Self>, row: &SandboxRow) -> Arc<Sandbox> {
        let mut sandboxes = self.sandboxes.lock();
        if let Some(sandbox) = sandboxes.get(&row.id).and_then(Weak::upgrade) {
            return sandbox;
        }
        sandboxes.retain(|_, sandbox| sandbox.strong_count() > 0);
        let sandbox = Arc::new(Sandbox::new(Arc::clone(self), row));
        sandboxes.insert(row.id, Arc::downgrade(&sandbox));
        sandbox
    }

    /// Closes every link, so that attached sandboxes end, waits until they have, and stops the thread. Later
    /// calls on the backend fail.
    pub fn close(&self, deadline: Deadline) -> Result<(), MsbError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let live: Vec<_> = self.sandboxes.lock().values().filter_map(Weak::upgrade).collect();
        // All are told before any is waited for.
        let ending: Vec<_> = live.iter().filter(|sandbox| sandbox.let_go()).collect();
        let slow: Vec<_> = ending
            .iter()
            .filter(|s| !s.wait_let_go(deadline))
            .map(|s| s.name().to_owned())
            .collect();
        self.reactor.stop();
        self.store.lock().take();
        if slow.is_empty() {
            return Ok(());
        }
        Err(MsbError::new(
            Status::Timeout,
            "backend.close_timeout",
            format!(
                "the backend is closed, but these sandboxes were still ending: {}",
                slow.join(", ")
            ),
        ))
    }
}

/// Makes a directory that only its owner may enter; one that exists is left as it is.
pub fn make_private(directory: &Path) -> Result<(), MsbError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| {
            if matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory
            ) {
                let message = format!(
                    "{} is not a directory, or is below what is none",
                    directory.display()
                );
                return MsbError::new(Status::InvalidArgument, "home.not_a_directory", message)
                    .source(&error)
                    .remedy("choose another home");
            }
            MsbError::io("home.create", "cannot make", directory, &error)
                .remedy("choose a home that this user may write to")
        })
}

/// Takes from others what an earlier release let them do in a directory of the home: guests can leave set-user-ID programs
/// and device files in what is below it. Where that is not possible the directory stays as it is, and as it was before.
fn tighten(directory: &Path) {
    const OTHERS: u32 = 0o077;
    if let Ok(metadata) = fs::symlink_metadata(directory)
        && metadata.is_dir()
        && metadata.mode() & OTHERS != 0
    {
        let _ = fs::set_permissions(
            directory,
            fs::Permissions::from_mode(metadata.mode() & !OTHERS & 0o777),
        );
    }
}

impl From<StoreError> for MsbError {
    fn from(error: StoreError) -> Self {
        use StoreError as E;
        let (status, reason) = match &error {
            E::Missing { .. } => (Status::NotFound, "store.missing"),
            E::Newer { .. } => (Status::StoreNewer, "store.newer"),
            E::Older { .. } => (Status::InvalidState, "store.older"),
            E::Foreign { .. } => (Status::StoreCorrupt, "store.foreign"),
            E::NotADatabase { .. } => (Status::StoreCorrupt, "store.not_a_database"),
            E::Corrupt { .. } => (Status::StoreCorrupt, "store.corrupt"),
            E::ReadOnly { .. } => (Status::ReadOnly, "store.read_only"),
            E::Full { .. } => (Status::DiskFull, "store.full"),
            E::Moved { .. } => (Status::Conflict, "store.moved"),
            E::CannotOpen { .. } => (Status::Io, "store.cannot_open"),
            E::Io { .. } => (Status::Io, "store.io"),
            E::File { source, .. } => (
                source.raw_os_error().map_or(Status::Io, Status::from_errno),
                "store.file",
            ),
            E::NoWal { .. } => (Status::Unsupported, "store.no_wal"),
            E::Busy { .. } => (Status::Busy, "store.busy"),
            E::Migration { .. } => (Status::StoreCorrupt, "store.migration"),
            E::NameTaken { .. } => (Status::AlreadyExists, "sandbox.name_taken"),
            E::NotFound { .. } => (Status::NotFound, "sandbox.not_found"),
            E::Conflict { .. } => (Status::Conflict, "sandbox.busy"),
            E::InvalidTransition { .. } => (Status::InvalidState, "sandbox.state"),
            E::BadValue { .. } => (Status::StoreCorrupt, "store.bad_value"),
            E::ImageGone => (Status::NotFound, "image.not_found"),
            E::LayerGone => (Status::NotFound, "image.layer_lost"),
            E::VolumeNameTaken { .. } => (Status::AlreadyExists, "volume.name_taken"),
            E::Place(source) => (
                source.raw_os_error().map_or(Status::Io, Status::from_errno),
                "store.place",
            ),
            E::Encode(_) => (Status::Internal, "store.encode"),
            E::Query { .. } => (Status::Internal, "store.query"),
        };
        let text = error.to_string();
        // The store's texts carry their remedy after the last colon.
        let mut converted = Self::new(status, reason, text);
        if let Some(source) = std::error::Error::source(&error) {
            converted = converted.source(source);
        }
        converted
    }
}
