//! Making the machine that the host describes: root, names, network, clock, random pool.
//!
//! Every step names its stage, so that a sandbox that does not come up says where and why.

use crate::clock::{self, ClockError};
use crate::mount::{MountError, Root};
use crate::names::{self, Etc, NamesError};
use crate::spawn::SpawnError;
use msb_protocol::agent::{BootFailure, BootStage, GuestRoot, GuestSpec};
use std::error::Error;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

/// Makes the machine.
pub fn make_machine(spec: &GuestSpec, root: &mut Root) -> Result<(), BootFailure> {
    // First, because files made on the way carry times and the kernel's generator seeds what follows.
    clock::set(spec.clock_unix_ns)
        .and_then(|()| clock::add_entropy(&spec.entropy))
        .map_err(bad_clock)?;
    let tree = spec.root.as_ref().ok_or_else(|| {
        failure(
            BootStage::Mount,
            0,
            "the machine has no root file system; the runner must name one".to_owned(),
        )
    })?;
    root.assemble(tree, &spec.mounts).map_err(bad_mount)?;
    root.show_scripts(&spec.scripts).map_err(bad_mount)?;
    let etc = match tree {
        GuestRoot::Overlay { .. } => Etc::Written,
        GuestRoot::Share { .. } => Etc::Covered(root),
    };
    names::set(&spec.hostname, &spec.nameservers, &etc).map_err(bad_names)?;
    if let (GuestRoot::Overlay { .. }, Some(workdir)) = (tree, &spec.workdir) {
        make_workdir(workdir);
    }
    Ok(())
}

/// Makes the commands' working directory if it is missing, as images may expect. Whether it can be used is looked at when the
/// defaults are set, and so is what kept it from being made.
fn make_workdir(path: &str) {
    if path.starts_with('/') {
        let _ = DirBuilder::new().recursive(true).mode(0o755).create(path);
    }
}

fn failure(stage: BootStage, errno: i32, message: String) -> BootFailure {
    BootFailure {
        stage,
        errno,
        message,
        console_tail: String::new(),
    }
}

/// An error's message with those of its causes.
pub fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    message
}

fn bad_mount(error: MountError) -> BootFailure {
    failure(BootStage::Mount, error.errno(), with_causes(&error))
}

fn bad_names(error: NamesError) -> BootFailure {
    failure(BootStage::Hostname, error.errno(), with_causes(&error))
}

fn bad_clock(error: ClockError) -> BootFailure {
    failure(BootStage::Clock, error.errno(), with_causes(&error))
}

/// The commands' defaults are wrong.
pub fn bad_defaults(error: SpawnError) -> BootFailure {
    failure(BootStage::User, error.errno, error.message)
}
