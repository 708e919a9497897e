//! The SQLite store of libmsb, used by the library and by the per-sandbox runner alike.
//!
//! The schema and its migration ledger are those of microsandbox 0.5.8, name for name. [`Store`] opens
//! a database and owns its connections; each table family has its own file of methods on it. SQL is
//! written nowhere else.

mod attach;
mod connection;
mod error;
mod image;
mod in_use;
#[cfg(test)]
mod index_use;
mod labels;
mod ledger;
mod list;
mod maintenance;
mod run;
mod sandbox;
mod snapshot;
mod status;
mod store;
mod termination;
mod time;
mod unreadable;
mod upgrade;
mod volume;

pub use attach::{Attached, Attachment, NewAttachment};
pub use error::StoreError;
pub use image::{ImageConfigRow, ImageRemoval, ImageRow, LayerRow, NewImage, Orphans, UnneededImage};
pub use list::{Page, SandboxFilter};
pub use maintenance::{MAINTENANCE_INTERVAL, MAINTENANCE_LEASE};
pub use run::{RunRow, RunStatus};
pub use sandbox::{NewSandbox, SandboxRow};
pub use snapshot::SnapshotRow;
pub use status::{SandboxStatus, valid_transition};
pub use store::{Store, StoreOptions};
pub use termination::{RunEnd, TerminationDetail, TerminationReason};
pub use time::{Timestamp, unix_ms};
pub use unreadable::UnreadableRow;
pub use volume::{NewVolume, VolumeFilter, VolumeKind, VolumePage, VolumeRemoval, VolumeRow};
