//! One thing that is not as it should be, or that can go, and what was done about it.

use std::path::PathBuf;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What kind of thing it is. Names, once released, keep their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FindingKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl FindingKind {
            /// The name that programs compare.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

kinds! {
    /// The database itself.
    Database = "database_damaged",
    /// A sandbox's row without its directory.
    SandboxRow = "sandbox_without_directory",
    /// A directory among the sandboxes' that no row names.
    SandboxDirectory = "directory_without_sandbox",
    /// A volume's row without its directory or disk.
    VolumeRow = "volume_without_data",
    /// A directory among the volumes' that no row names.
    VolumeDirectory = "directory_without_volume",
    /// A row that claims a runner that does not live.
    Status = "stale_status",
    /// A runner whose sandbox is gone or has ended.
    Runner = "orphaned_runner",
    /// A record that a sandbox has a volume, which it has not.
    Attachment = "stale_attachment",
    /// A quota's ledger without its volume.
    Ledger = "stale_ledger",
    /// A lock file that nobody holds.
    Lock = "stale_lock",
    /// A socket that nobody listens on.
    Socket = "stale_socket",
    /// A file that was being written by somebody who is gone.
    Temporary = "temporary_file",
    /// What can be made again and is not in use.
    Cache = "unused_cache",
    /// An image that no sandbox needs.
    Image = "unused_image",
    /// A copy of the database from before an upgrade.
    Backup = "database_backup",
    /// Logs of a sandbox that does not run.
    Logs = "logs",
    /// What an earlier check moved aside.
    Lost = "moved_aside",
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: only looked at, or it is for a person to decide.
    None,
    /// It was deleted.
    Removed,
    /// It was moved there.
    Moved(PathBuf),
    /// It was put in order, in these words.
    Mended(&'static str),
    /// Nothing, because it came into use meanwhile.
    InUse,
    /// Nothing, because this went wrong.
    Failed(String),
}

impl Action {
    /// The name that programs compare.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Removed => "removed",
            Self::Moved(_) => "moved",
            Self::Mended(_) => "mended",
            Self::InUse => "in_use",
            Self::Failed(_) => "failed",
        }
    }

    /// More, for people.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Moved(path) => path.display().to_string(),
            Self::Mended(how) => (*how).to_owned(),
            Self::Failed(why) => why.clone(),
            Self::None | Self::Removed | Self::InUse => String::new(),
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// The name of the sandbox, volume or file.
    pub name: String,
    /// Where it is on disk, if it is there.
    pub path: Option<PathBuf>,
    /// The room that it takes on disk.
    pub bytes: u64,
    /// Why it is one, for people.
    pub reason: String,
    /// What was done.
    pub action: Action,
}
