//! A throw-away home with a backend over it, and short ways to make what tests need.

use msb::backend::Backend;
use msb::backend::options::{BackendOptions, Driver};
use msb::deadline::Deadline;
use msb::sandbox::Sandbox;
use msb::sandbox::options::SandboxOptions;
use msb::storage::finding::Finding;
use msb::supervise::oplock::OperationLock;
use msb::volume::Volume;
use msb::volume::attach::{self, Acquired, Wanted};
use msb::volume::options::{VolumeKind, VolumeOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub struct Home {
    pub backend: Arc<Backend>,
    folder: TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self::with(BackendOptions::default())
    }

    /// A home whose other options are these.
    pub fn with(options: BackendOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = backend_with(folder.path(), options);
        Self { backend, folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn at(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub fn volume(&self, name: &str) -> Arc<Volume> {
        Volume::create(&self.backend, &dir(name)).unwrap()
    }

    pub fn disk(&self, name: &str, capacity_mib: u64) -> Arc<Volume> {
        Volume::create(&self.backend, &disk(name, capacity_mib)).unwrap()
    }

    pub fn sandbox(&self, name: &str) -> Arc<Sandbox> {
        let options = SandboxOptions {
            name: Some(name.to_owned()),
            image: Some("/usr".to_owned()),
            ..SandboxOptions::default()
        };
        Sandbox::create(&self.backend, &options).unwrap()
    }

    /// A sandbox that runs, with these volumes.
    pub fn running(&self, name: &str, volumes: &[(&str, bool)]) -> Arc<Sandbox> {
        let sandbox = self.sandbox(name);
        sandbox.start(patience()).unwrap();
        if !volumes.is_empty() {
            self.acquire(name, volumes).unwrap();
        }
        sandbox
    }

    /// Records volumes for a sandbox as a start does.
    pub fn acquire(
        &self,
        sandbox: &str,
        volumes: &[(&str, bool)],
    ) -> Result<Vec<Acquired>, msb::error::MsbError> {
        let store = self.backend.store().unwrap();
        let row = store.sandbox_by_name(sandbox).unwrap().unwrap();
        let lock = OperationLock::take(self.backend.home(), row.id, sandbox).unwrap();
        let wanted: Vec<_> = volumes
            .iter()
            .map(|&(name, read_only)| Wanted {
                name: name.to_owned(),
                read_only,
            })
            .collect();
        attach::acquire(&self.backend, &store, &lock, &wanted)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.backend.close(patience()).unwrap();
    }
}

pub fn backend(home: &Path) -> Arc<Backend> {
    backend_with(home, BackendOptions::default())
}

fn backend_with(home: &Path, options: BackendOptions) -> Arc<Backend> {
    let options = BackendOptions {
        home: Some(home.to_str().unwrap().to_owned()),
        driver: Some(Driver::Process),
        ..options
    };
    Backend::built(&options).unwrap()
}

pub fn dir(name: &str) -> VolumeOptions {
    VolumeOptions {
        name: Some(name.to_owned()),
        ..VolumeOptions::default()
    }
}

pub fn disk(name: &str, capacity_mib: u64) -> VolumeOptions {
    VolumeOptions {
        name: Some(name.to_owned()),
        kind: VolumeKind::Disk,
        capacity_mib: Some(capacity_mib),
        ..VolumeOptions::default()
    }
}

pub fn patience() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// Kind, name and action of each finding, in order.
pub fn told(findings: &[Finding]) -> Vec<(&'static str, String, &'static str)> {
    let mut told: Vec<_> = findings
        .iter()
        .map(|finding| (finding.kind.name(), finding.name.clone(), finding.action.name()))
        .collect();
    told.sort();
    told
}
