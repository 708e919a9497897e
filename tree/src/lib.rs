//! Files beneath a root that may be hostile: whatever a path says, whatever the tree contains and whatever
//! changes it meanwhile, nothing outside of the root is read or written.
//!
//! Every path is resolved by one `openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)` from the root's descriptor;
//! what is then done is done to that descriptor, or by a `*at` call without following to a name in it. Nothing
//! is checked by path and used by path.
//!
//! ```text
//! path.rs     which paths are possible          resolve.rs  Tree: from a path to a descriptor
//! read.rs     write.rs   file.rs                whole files; open files
//! names.rs    remove.rs  attributes.rs list.rs  verbs on names and attributes
//! walk.rs     copy.rs    usage.rs   watch.rs    whole trees, of any depth; who follows how far it is
//! archive/    tar import and export             quota/      a ledger of bytes and inodes, shared by processes
//! ```

mod archive;
mod attributes;
mod copy;
mod error;
mod file;
mod info;
mod list;
mod names;
mod partial;
mod path;
mod quota;
mod read;
mod remove;
mod resolve;
mod usage;
mod walk;
mod watch;
mod write;

pub use error::{Room, TreeError, TreeErrorKind};
pub use file::TreeFile;
pub use info::{FileInfo, FileKind, OpenOptions, Page, Progress, Usage, WriteMode};
pub use list::MAX_PAGE;
pub use path::problem as path_problem;
pub use quota::{Charge, Limit, Quota};
pub use resolve::Tree;
pub use watch::Watch;
