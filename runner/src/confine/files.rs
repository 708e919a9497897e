//! Which files a process that a guest talks to may open, by Landlock: it holds however the guest comes to have the
//! process open something, for a path, a symbolic link or a way out of a shared directory that nobody thought of.
//!
//! Landlock does not hide that a file exists, nor its size and mode, and it leaves files that are open already alone.
//! It also keeps the process from tracing and signalling others. Rights that this kernel's Landlock does not know
//! are left out.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, PathFdError, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use thiserror::Error;

/// The newest rights that are asked for.
const NEWEST: ABI = ABI::V6;

/// A fence that could not be put up.
#[derive(Debug, Error)]
pub enum FenceError {
    /// The rules were refused.
    #[error("the kernel refused the rules of Landlock ({0}); {next}", next = remedy(.0))]
    Rules(#[from] RulesetError),
    /// A path that a rule is about.
    #[error("{0}; {next}", next = path_remedy(.0))]
    Path(#[from] PathFdError),
    /// The rules could not be applied.
    #[error("the kernel did not apply the rules of Landlock ({0}); {next}", next = remedy(.0))]
    Apply(#[source] io::Error),
    /// There is no Landlock.
    #[error("this kernel has no Landlock; enable it (CONFIG_SECURITY_LANDLOCK and lsm=landlock)")]
    Missing,
}

/// What to do about a failed call, by its errno, which lies somewhere beneath.
fn remedy(error: &(dyn std::error::Error + 'static)) -> &'static str {
    limit_remedy(error).unwrap_or("look for a security policy that forbids it")
}

fn path_remedy(error: &(dyn std::error::Error + 'static)) -> &'static str {
    limit_remedy(error).unwrap_or("check that it exists and may be read")
}

fn limit_remedy(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let beneath = std::iter::successors(Some(error), |error| error.source());
    let errno = beneath
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .find_map(io::Error::raw_os_error);
    match errno {
        Some(libc::EMFILE) => Some("raise this process's limit of open files (RLIMIT_NOFILE, ulimit -n)"),
        Some(libc::ENFILE) => Some("raise the system's limit of open files (fs.file-max)"),
        _ => None,
    }
}

/// Rules that are being made; what they do not mention is out of reach.
#[derive(Debug)]
pub struct Fence {
    rules: RulesetCreated,
    /// The rights that the rules are about; all others stay.
    rights: BitFlags<AccessFs>,
}

impl Fence {
    /// Neither reads nor writes nor runs any file.
    pub fn around_everything() -> Result<Self, FenceError> {
        Self::around(AccessFs::from_all(NEWEST))
    }

    /// Reads and runs every file, but makes, changes and removes none.
    pub fn around_writes() -> Result<Self, FenceError> {
        // What may be opened for writing may also be controlled.
        Self::around(AccessFs::from_write(NEWEST) & !AccessFs::IoctlDev)
    }

    fn around(rights: BitFlags<AccessFs>) -> Result<Self, FenceError> {
        let rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(rights)?
            .scope(Scope::from_all(NEWEST))?
            .create()?;
        Ok(Self { rules, rights })
    }

    /// Lets it read the file, or the directory and everything below it, at `path`.
    pub fn read(self, path: impl AsRef<Path>) -> Result<Self, FenceError> {
        let rights = if path.as_ref().is_dir() {
            AccessFs::ReadFile | AccessFs::ReadDir
        } else {
            AccessFs::ReadFile.into()
        };
        self.allow(path.as_ref(), rights)
    }

    /// Lets it read, write and control the file at `path`.
    pub fn write(self, path: impl AsRef<Path>) -> Result<Self, FenceError> {
        let rights = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
        self.allow(path.as_ref(), rights)
    }

    /// Lets it read and change everything below the directory at `path`, but make no device nodes and run nothing.
    pub fn change(self, path: impl AsRef<Path>) -> Result<Self, FenceError> {
        let never = AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
        self.allow(path.as_ref(), AccessFs::from_all(NEWEST) & !never)
    }

    fn allow(self, path: &Path, rights: BitFlags<AccessFs>) -> Result<Self, FenceError> {
        let rule = PathBeneath::new(PathFd::new(path)?, rights & self.rights);
        Ok(Self {
            rules: self.rules.add_rule(rule)?,
            ..self
        })
    }

    /// The finished rules; none where the kernel has no Landlock.
    pub fn finish(self) -> Option<Fenced> {
        Option::<OwnedFd>::from(self.rules).map(Fenced)
    }
}

/// Rules that are ready to be applied.
#[derive(Debug)]
pub struct Fenced(OwnedFd);

impl Fenced {
    /// Applies them to this thread, its later threads and the programs that they start, for good. The process must
    /// have given up gaining privileges.
    ///
    /// Makes one system call and allocates nothing.
    pub fn apply(&self) -> io::Result<()> {
        // SAFETY: the call takes two integers.
        match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Whether this kernel has Landlock.
pub fn has_landlock() -> bool {
    Fence::around_everything().is_ok_and(|fence| fence.finish().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_open_files_is_named_and_no_policy_is_blamed_for_it() {
        for (errno, named) in [
            (libc::EMFILE, "RLIMIT_NOFILE"),
            (libc::ENFILE, "fs.file-max"),
            (libc::EPERM, "security policy"),
        ] {
            let text = FenceError::Apply(io::Error::from_raw_os_error(errno)).to_string();
            assert!(text.contains(named), "{text}");
        }
        let missing = PathFd::new("/no/such/path").unwrap_err();
        let text = FenceError::Path(missing).to_string();
        assert!(text.contains("check that it exists"), "{text}");
    }
}
