//! The serving process itself: reads its plan, drops what it does not need, serves one connection to its end.

use super::SharePlan;
use super::filter::Filter;
use super::frozen::Frozen;
use super::quota::Metered;
use crate::confine::{self, Changes, Fence};
use crate::driver::Share;
use crate::setup;
use msb_protocol::agent::{BootFailure, BootStage};
use msb_tree::TreeError;
use rustix::thread::CapabilitySet;
use std::ffi::{CString, NulError};
use std::fs::Metadata;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use vhost::vhost_user::Listener;
use vhost_user_backend::VhostUserDaemon;
use virtiofsd::filesystem::{FileSystem, SerializableFileSystem};
use virtiofsd::passthrough::read_only::PassthroughFsRo;
use virtiofsd::passthrough::{CachePolicy, Config, PassthroughFs};
use virtiofsd::soft_idmap::cmdline::IdMap;
use virtiofsd::vhost_user::{VhostUserFsBackend, VhostUserFsBackendBuilder};
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};

/// How long the guest may keep what it learned of a directory that nobody changes.
const FROZEN_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long the guest may keep names and attributes of a directory that others change too; contents are looked at again
/// whenever a file is opened.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// Descriptors that the server itself may need beside one for each file that the guest knows: one for each of at most
/// 509 pieces of guest memory, and some.
const OWN_DESCRIPTORS: u64 = 600;

type Daemon<F> = VhostUserDaemon<Arc<VhostUserFsBackend<F>>>;

/// Why a server could not come up.
#[derive(Debug, Error)]
enum ShareError {
    #[error("the share server was started without a plan; only the runner starts it")]
    Plan(#[source] io::Error),
    #[error("the share server did not inherit its socket; only the runner starts it")]
    Socket,
    #[error("at most {0} files may be open at once, too few to share a directory; raise RLIMIT_NOFILE")]
    Descriptors(u64),
    #[error("cannot serve {directory:?}: {source}; check that it is a directory and may be read")]
    Directory { directory: String, source: io::Error },
    #[error("cannot count what the shared directory holds: {0}")]
    Quota(#[from] TreeError),
    #[error("the name of the shared file holds a zero byte; give it another")]
    Name(#[from] NulError),
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
            Self::Plan(source) | Self::Directory { source, .. } => source.raw_os_error(),
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
    match prepare() {
        Ok(code) => code,
        Err(error) => setup::report_failure(&error.failure()),
    }
}

/// Reads the plan and serves it; an error is for the starter, who is still there.
fn prepare() -> Result<ExitCode, ShareError> {
    let SharePlan { share, listener } = setup::read_plan().map_err(ShareError::Plan)?;
    let listener = confine::inherited(listener).ok_or(ShareError::Socket)?;
    // SAFETY: the descriptor is open and owned; the listener takes it over.
    let listener = unsafe { Listener::from_raw_fd(listener.into_raw_fd()) };
    let limit = confine::raise_descriptor_limit();
    let guest_fd_limit = limit
        .checked_sub(OWN_DESCRIPTORS)
        .ok_or(ShareError::Descriptors(limit))?;
    // The library would do without, and let names from the guest lead out of the directory.
    openat2_works().map_err(ShareError::Openat2)?;
    let directory = share.directory.clone();
    let bad = |source| ShareError::Directory {
        directory: directory.clone(),
        source,
    };
    let (share, _pinned) = share.pin().map_err(bad)?;
    let only = share.only.clone().map(CString::new).transpose()?;
    if share.read_only {
        let system = read_only(&share, guest_fd_limit).map_err(bad)?;
        if share.frozen && only.is_none() {
            return run(Frozen::new(system), &share, listener);
        }
        run(Filter::new(system, only), &share, listener)
    } else {
        let system = read_write(&share, guest_fd_limit).map_err(bad)?;
        match &share.quota {
            Some(quota) => {
                let metered = Metered::new(system, quota, Path::new(&share.directory))?;
                run(Filter::new(metered, only), &share, listener)
            }
            None => run(Filter::new(system, only), &share, listener),
        }
    }
}

fn run<F>(system: F, share: &Share, mut listener: Listener) -> Result<ExitCode, ShareError>
where
    F: FileSystem + SerializableFileSystem + Send + Sync + 'static,
{
    let mut daemon = daemon(system, share)?;
    if setup::report_up().is_err() {
        return Ok(ExitCode::FAILURE);
    }
    let served = daemon.start(&mut listener).and_then(|()| daemon.wait());
    // A VMM that is killed hangs up without a word, which the library reports as an error of one kind or another.
    Ok(match served {
        Ok(()) | Err(vhost_user_backend::Error::HandleRequest(_)) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn daemon<F>(system: F, share: &Share) -> Result<Daemon<F>, ShareError>
where
    F: FileSystem + SerializableFileSystem + Send + Sync + 'static,
{
    let backend = VhostUserFsBackendBuilder::default()
        .set_thread_pool_size(0)
        .build(system)
        .map_err(|error| ShareError::Daemon(error.to_string()))?;
    // Both before the first thread, so that they hold for all of them. The library keeps to its directory by itself:
    // where there is no Landlock it is one wall less.
    let fence = share.fence(Fence::around_everything()?.write("/dev/null")?)?;
    if let Some(fenced) = fence.finish() {
        fenced.apply().map_err(confine::FenceError::Apply)?;
    }
    let changes = if share.read_only {
        Changes::Never
    } else {
        Changes::InShares
    };
    confine::forbid_syscalls(changes)?;
    let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
    VhostUserDaemon::new("share".to_owned(), Arc::new(backend), memory)
        .map_err(|error| ShareError::Daemon(error.to_string()))
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

/// What is shared, to be read only.
pub(super) fn read_only(share: &Share, guest_fd_limit: u64) -> io::Result<PassthroughFsRo> {
    PassthroughFsRo::new(config(share, guest_fd_limit)?)
}

/// What is shared, to be read and written.
pub(super) fn read_write(share: &Share, guest_fd_limit: u64) -> io::Result<PassthroughFs> {
    PassthroughFs::new(config(share, guest_fd_limit)?)
}

fn config(share: &Share, guest_fd_limit: u64) -> io::Result<Config> {
    // The library opens it only once a guest mounts it.
    let directory = std::fs::metadata(&share.directory)?;
    if share.only.is_none() {
        std::fs::read_dir(&share.directory)?;
    }
    let (host_uid, host_gid) = host_owner(&directory);
    let (cache_policy, timeout) = if share.frozen {
        (CachePolicy::Always, FROZEN_FOR)
    } else {
        (CachePolicy::Auto, SHARED_FOR)
    };
    Ok(Config {
        root_dir: share.directory.clone(),
        entry_timeout: timeout,
        attr_timeout: timeout,
        cache_policy,
        readdirplus: true,
        clean_noatime: true,
        guest_fd_limit,
        uid_map: share.owner.map(|(uid, _)| squash(uid, host_uid)),
        gid_map: share.owner.map(|(_, gid)| squash(gid, host_gid)),
        ..Config::default()
    })
}

/// Who owns what the guest makes in a share that has one owner for the guest: that of the directory where this process
/// may act as others, else whoever it runs as.
fn host_owner(directory: &Metadata) -> (u32, u32) {
    let switching = CapabilitySet::SETUID | CapabilitySet::SETGID;
    let own = rustix::thread::capabilities(None);
    if own.is_ok_and(|own| own.effective.contains(switching)) {
        (directory.uid(), directory.gid())
    } else {
        (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        )
    }
}

/// Every owner of the host is `guest` in the guest, and every one of the guest is `host`.
fn squash(guest: u32, host: u32) -> Vec<IdMap> {
    vec![
        IdMap::SquashHost {
            from_host: 0,
            to_guest: guest,
            count: u32::MAX,
        },
        IdMap::SquashGuest {
            from_guest: 0,
            to_host: host,
            count: u32::MAX,
        },
    ]
}
