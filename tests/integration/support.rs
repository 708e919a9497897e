//! A throw-away home, what lives under it, and the promise that nothing is left behind or torn.

use msb::backend::Backend;
use msb::backend::options::{BackendOptions, Driver};
use msb::deadline::Deadline;
use msb::error::{MsbError, Status};
use msb::sandbox::Sandbox;
use msb::sandbox::exec_options::ExecOptions;
use msb::sandbox::filter::SandboxFilter;
use msb::sandbox::info::SandboxInfo;
use msb::sandbox::list;
use msb::sandbox::options::SandboxOptions;
use msb_store::SandboxStatus;
use parking_lot::{Mutex, MutexGuard};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anything may outlive the host that owned it.
pub const ORPHAN_LIFE: Duration = Duration::from_secs(5);
/// Longest start, stop or command of these tests on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at something that has no event to wait for.
const PAUSE: Duration = Duration::from_millis(20);
/// Variable that every command in a sandbox carries, so that strays are found.
const MARK: &str = "HOME_OF_TEST";

static ALONE: Mutex<()> = Mutex::new(());

/// Lets one of the tests that load the machine run at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock()
}

/// How much the long tests do; 1000 is the whole.
pub fn scale() -> u64 {
    std::env::var("MSB_TEST_SCALE").map_or(1000, |scale| scale.parse().unwrap())
}

/// The driver under test.
pub fn driver() -> Driver {
    match std::env::var("MSB_TEST_DRIVER").as_deref() {
        Err(_) | Ok("process") => Driver::Process,
        Ok("qemu") => Driver::Qemu,
        Ok("krun") => Driver::Krun,
        Ok(other) => panic!("MSB_TEST_DRIVER={other} is not a driver"),
    }
}

/// Whether guests are real machines, for which everything takes longer.
pub fn is_machine() -> bool {
    driver() != Driver::Process
}

/// The root directory of the sandboxes; the process driver does not look into it.
fn root() -> PathBuf {
    match std::env::var_os("MSB_TEST_ROOT") {
        Some(root) => PathBuf::from(root),
        None if is_machine() => panic!("set MSB_TEST_ROOT to a root directory for the guests"),
        None => PathBuf::from("/usr"),
    }
}

/// Options of a backend over `home`.
pub fn backend_options(home: &Path) -> BackendOptions {
    BackendOptions {
        home: Some(home.to_str().unwrap().to_owned()),
        driver: Some(driver()),
        ..BackendOptions::default()
    }
}

/// A backend over `home`, its database open.
pub fn open(home: &Path) -> Result<Arc<Backend>, MsbError> {
    Backend::built(&backend_options(home))
}

/// Options of a sandbox whose commands are found again by the home's mark.
pub fn sandbox_options(home: &Path, name: &str) -> SandboxOptions {
    SandboxOptions {
        name: Some(name.to_owned()),
        image: Some(root().to_str().unwrap().to_owned()),
        memory_mib: Some(128),
        upper_size_mib: Some(64),
        env: [(MARK.to_owned(), home.to_str().unwrap().to_owned())].into(),
        ..SandboxOptions::default()
    }
}

/// A command without input.
pub fn command(program: &str, args: &[&str]) -> ExecOptions {
    ExecOptions {
        program: Some(program.to_owned()),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        timeout_ms: Some(u64::try_from(PATIENCE.as_millis()).unwrap()),
        ..ExecOptions::default()
    }
}

/// A deadline that only a hang reaches.
pub fn patience() -> Deadline {
    Deadline::after(PATIENCE)
}

/// Whether `true` runs in the sandbox.
pub fn runs(sandbox: &Arc<Sandbox>) -> Result<(), MsbError> {
    let done = sandbox.exec(&command("/bin/true", &[]))?;
    assert_eq!((done.exit_code, done.signal), (0, 0));
    Ok(())
}

/// Every sandbox of the home, page by page.
pub fn list_all(backend: &Backend) -> Vec<SandboxInfo> {
    let mut filter = SandboxFilter {
        limit: 3,
        ..SandboxFilter::default()
    };
    let mut all = Vec::new();
    loop {
        let page = list::list(backend, &filter).unwrap();
        all.extend(page.sandboxes);
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => return all,
        }
    }
}

/// Looks until `done` gives a value; `None` once `limit` has passed.
pub fn poll<T>(limit: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let give_up = Instant::now() + limit;
    loop {
        let found = done();
        if found.is_some() || Instant::now() >= give_up {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}

/// A process that belongs to a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub program: String,
}

impl Process {
    /// Kills it; one that is gone already is fine.
    pub fn kill(&self) {
        let _ = kill_process(Pid::from_raw(self.pid).unwrap(), Signal::KILL);
    }
}

/// The processes of a home: its runners, agents and VMMs, and what was run in its sandboxes.
pub fn processes(home: &Path) -> Vec<Process> {
    let home_text = home.to_str().unwrap();
    let mark = format!("{MARK}={home_text}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Whatever cannot be read is a zombie, or gone since the listing.
        let Ok(exe) = fs::read_link(entry.path().join("exe")) else {
            continue;
        };
        let holds = |file: &str, text: &str, whole: bool| {
            let content = fs::read(entry.path().join(file)).unwrap_or_default();
            content.split(|&byte| byte == 0).any(|part| {
                let part = String::from_utf8_lossy(part);
                if whole { part == text } else { part.contains(text) }
            })
        };
        if exe.starts_with(home) || holds("environ", &mark, true) || holds("cmdline", home_text, false) {
            let program = exe.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push(Process { pid, program });
        }
    }
    found
}

/// A home of one test. What is left of it when the test fails is killed with it.
pub struct Home {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Home {
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("msb-test-").tempdir().unwrap();
        let path = fs::canonicalize(directory.path()).unwrap().join("home");
        Self { directory, path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A place beside the home that goes with it.
    pub fn beside(&self) -> &Path {
        self.directory.path()
    }

    pub fn open(&self) -> Arc<Backend> {
        open(&self.path).unwrap()
    }

    pub fn options(&self, name: &str) -> SandboxOptions {
        sandbox_options(&self.path, name)
    }

    /// Directories of sandboxes.
    fn directories(&self) -> BTreeSet<String> {
        let listed = fs::read_dir(self.path.join("sandboxes")).unwrap();
        listed
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// No process of the home lives after [`ORPHAN_LIFE`].
    pub fn assert_no_process(&self) {
        let mut left = Vec::new();
        let gone = poll(ORPHAN_LIFE, || {
            left = processes(&self.path);
            left.is_empty().then_some(())
        });
        assert!(gone.is_some(), "orphans after {ORPHAN_LIFE:?}: {left:?}");
    }

    /// The store is sound, and everything in it can be used: attached sandboxes have ended with their hosts,
    /// detached ones work, each can be started, used, stopped and removed, and then nothing is left.
    pub fn assert_consistent(&self) {
        let backend = self.open();
        let mut active = Vec::new();
        let ended = poll(ORPHAN_LIFE, || {
            active = list_all(&backend);
            active.retain(|info| info.status.is_active() && !settled_detached(info));
            active.is_empty().then_some(())
        });
        assert!(ended.is_some(), "still active after {ORPHAN_LIFE:?}: {active:#?}");

        let store = backend.store().unwrap();
        assert_eq!(store.integrity_check().unwrap(), [""; 0]);
        assert_eq!(store.foreign_key_check().unwrap(), [""; 0]);
        let all = list_all(&backend);
        let names: BTreeSet<String> = all.iter().map(|info| info.name.clone()).collect();
        let nobodys: Vec<_> = self.directories().difference(&names).cloned().collect();
        assert_eq!(nobodys, [""; 0], "directories without a row");
        for info in &all {
            match use_and_remove(&backend, info) {
                // Its runner, or a sweep, removes an ephemeral sandbox that has ended at any time.
                Err(error) if info.ephemeral && error.status() == Status::NotFound => {}
                used => used.unwrap_or_else(|error| panic!("{error:?} of {info:#?}")),
            }
        }
        self.assert_no_process();
        assert_eq!(list_all(&backend).len(), 0);
        assert_eq!(self.directories().len(), 0, "directories of removed sandboxes");
        backend.close(patience()).unwrap();
    }
}

/// A detached sandbox goes on without its host, once it is up.
fn settled_detached(info: &SandboxInfo) -> bool {
    info.detached && info.status == SandboxStatus::Running
}

fn use_and_remove(backend: &Arc<Backend>, seen: &SandboxInfo) -> Result<(), MsbError> {
    let sandbox = Sandbox::open(backend, &seen.name)?;
    let info = sandbox.info()?;
    assert_eq!(info.name, seen.name);
    if info.status.is_active() {
        runs(&sandbox)?;
        sandbox.kill(patience())?;
        let end = sandbox.wait(patience())?;
        assert_eq!((end.reason.as_str(), end.crashed), ("Signal", false), "{end:?}");
        if info.ephemeral {
            return gone(sandbox.info());
        }
    }
    if info.ephemeral && info.status != SandboxStatus::Created {
        // It runs once.
        let error = sandbox.start(patience()).unwrap_err();
        if error.status() != Status::InvalidState {
            return Err(error);
        }
        sandbox.remove()?;
        return gone(sandbox.info());
    }
    sandbox.start(patience())?;
    runs(&sandbox)?;
    sandbox.stop(10_000)?;
    let end = sandbox.wait(patience())?;
    assert!(end.clean && !end.crashed && !end.killed, "{end:?}");
    if info.ephemeral {
        return gone(sandbox.info());
    }
    sandbox.remove()?;
    gone(sandbox.info())
}

fn gone<T>(asked: Result<T, MsbError>) -> Result<(), MsbError> {
    match asked {
        Err(error) if error.status() == Status::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => panic!("it is still there"),
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        poll(ORPHAN_LIFE, || {
            let left = processes(&self.path);
            for process in &left {
                process.kill();
            }
            left.is_empty().then_some(())
        });
    }
}
