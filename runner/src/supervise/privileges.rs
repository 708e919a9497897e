//! What the supervisor keeps of root's privileges once its VMM runs: none that it does not need to end the run.
//!
//! A host that is root starts it with all of them, and starting a VMM and its helpers takes some: they get their own lists
//! from it. From then on it reads what the guest and strangers on its socket send, and only ever touches the sandbox's
//! directory, the store, and its children, all of which are its own user's.

use crate::confine;
use msb_protocol::launch::{Driver, LaunchSpec};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::thread::CapabilitySet;
use std::io;
use std::path::Path;

/// Gives up everything else for good; returns what is kept.
pub(super) fn give_up(spec: &LaunchSpec) -> io::Result<CapabilitySet> {
    let mut kept = CapabilitySet::empty();
    if spec.driver == Driver::Process {
        // Commands of the test-only driver are ordinary processes, of whichever user they were started as.
        kept |= CapabilitySet::KILL;
    }
    if !confine::without_capabilities(|| reaches(spec))? {
        // Root may work in a home that is another user's, or lies in a directory that only another may enter.
        kept |= CapabilitySet::DAC_OVERRIDE;
    }
    confine::drop_capabilities(kept)?;
    rustix::thread::set_no_new_privs(true)?;
    Ok(kept)
}

/// Whether this process can record and clean up the end of the run as it is now.
fn reaches(spec: &LaunchSpec) -> bool {
    let database = &spec.database;
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(database, flags, Mode::empty()).is_ok()
        && [database.parent(), Some(&spec.directory), spec.directory.parent()]
            .into_iter()
            .flatten()
            .all(may_change)
}

fn may_change(directory: &Path) -> bool {
    let changes = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::accessat(CWD, directory, changes, AtFlags::EACCESS).is_ok()
}
