//! The serving process itself: reads its plan, drops what it does not need, serves one connection to its end.

use super::SharePlan;
use crate::confine::{self, Fence};
use crate::setup;
use msb_protocol::agent::{BootFailure, BootStage};
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use vhost::vhost_user::Listener;
use vhost_user_backend::VhostUserDaemon;
use virtiofsd::passthrough::read_only::PassthroughFsRo;
use virtiofsd::passthrough::{CachePolicy, Config};
use virtiofsd::vhost_user::{VhostUserFsBackend, VhostUserFsBackendBuilder};
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};

/// How long the guest may keep what it learned: the lower layer does not change under it.
const VALID_FOR: Duration = Duration::from_secs(24 * 3600);
/// Descriptors that the server itself may need beside one for each file that the guest knows: one for each of at most
/// 509 pieces of guest memory, and some.
const OWN_DESCRIPTORS: u64 = 600;

type Daemon = VhostUserDaemon<Arc<VhostUserFsBackend<PassthroughFsRo>>>;

/// Why a server could not come up.
#[derive(Debug, Error)]
enum ShareError {
    #[error("the share server was started without a plan; only the runner starts it")]
    Plan(#[source] io::Error),
    #[error("the share server did not inherit its socket; only the runner starts it")]
    Socket,
    #[error("at most {0} files may be open at once, too few to share a directory; raise RLIMIT_NOFILE")]
    Descriptors(u64),
    #[error("cannot serve {root:?}: {source}; check that it is a directory and may be read")]
    Root { root: String, source: io::Error },
    #[error("cannot confine the share server: {0}")]
    Confine(#[from] confine::SeccompError),
    #[error("cannot confine the share server: {0}")]
    Files(#[from] confine::FenceError),
    #[error(
        "cannot keep the guest inside its directory: openat2 failed ({0}); use Linux 5.6 or later and allow that call"
    )]
    Openat2(#[source] rustix::io::Errno),
    #[error("cannot serve the directory: {0}")]
    Daemon(String),
}

impl ShareError {
    fn failure(&self) -> BootFailure {
        let source = match self {
            Self::Plan(source) | Self::Root { source, .. } => source.raw_os_error(),
            _ => None,
        };
        BootFailure {
            stage: BootStage::Share,
            errno: source.unwrap_or(0),
            message: self.to_string(),
            console_tail: String::new(),
        }
    }
}

/// Runs `msb-runner share`: serves one VMM until it hangs up.
pub fn serve() -> ExitCode {
    let (mut daemon, mut listener) = match prepare() {
        Ok(ready) => ready,
        Err(error) => return setup::report_failure(&error.failure()),
    };
    if setup::report_up().is_err() {
        return ExitCode::FAILURE;
    }
    let served = daemon.start(&mut listener).and_then(|()| daemon.wait());
    // A VMM that is killed hangs up without a word, which the library reports as an error of one kind or another.
    match served {
        Ok(()) | Err(vhost_user_backend::Error::HandleRequest(_)) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn prepare() -> Result<(Daemon, Listener), ShareError> {
    let plan: SharePlan = setup::read_plan().map_err(ShareError::Plan)?;
    let listener = confine::inherited(plan.listener).ok_or(ShareError::Socket)?;
    // SAFETY: the descriptor is open and owned; the listener takes it over.
    let listener = unsafe { Listener::from_raw_fd(listener.into_raw_fd()) };
    let limit = confine::raise_descriptor_limit();
    let guest_fd_limit = limit
        .checked_sub(OWN_DESCRIPTORS)
        .ok_or(ShareError::Descriptors(limit))?;
    // The library would do without, and let names from the guest lead out of the directory.
    openat2_works().map_err(ShareError::Openat2)?;
    let system = file_system(&plan.root, guest_fd_limit).map_err(|source| ShareError::Root {
        root: plan.root.clone(),
        source,
    })?;
    let backend = VhostUserFsBackendBuilder::default()
        .set_thread_pool_size(0)
        .build(system)
        .map_err(|error| ShareError::Daemon(error.to_string()))?;
    // Both before the first thread, so that they hold for all of them. The library keeps to its directory by itself:
    // where there is no Landlock it is one wall less.
    let fence = Fence::around_everything()?.read(&plan.root)?.write("/dev/null")?;
    if let Some(fenced) = fence.finish() {
        fenced.apply().map_err(confine::FenceError::Apply)?;
    }
    confine::forbid_syscalls()?;
    let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
    let daemon = VhostUserDaemon::new("share".to_owned(), Arc::new(backend), memory)
        .map_err(|error| ShareError::Daemon(error.to_string()))?;
    Ok((daemon, listener))
}

fn openat2_works() -> rustix::io::Result<()> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    openat2(
        CWD,
        "/",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::empty(),
    )
    .map(drop)
}

/// What is below `root`, to be read only.
pub(super) fn file_system(root: &str, guest_fd_limit: u64) -> io::Result<PassthroughFsRo> {
    // The library opens it only once a guest mounts it.
    std::fs::read_dir(root)?;
    PassthroughFsRo::new(Config {
        root_dir: root.to_owned(),
        entry_timeout: VALID_FOR,
        attr_timeout: VALID_FOR,
        cache_policy: CachePolicy::Always,
        readdirplus: true,
        clean_noatime: true,
        guest_fd_limit,
        ..Config::default()
    })
}
