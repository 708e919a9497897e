//! The options of a sandbox, as a caller gives them.
//!
//! Only the form of a value is judged here: images are looked up, and defaults found, when the sandbox is created.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::backend::options::Driver;
use crate::error::MsbError;
use crate::image::pull_options::PullPolicy;
use crate::options::check::{self, Verdict, each, within};
use crate::options::{OptionType, Options, Problem, choice, options, verdict};
use crate::sandbox::mount::options::{self as mount, MountOptions};
use crate::sandbox::mount::path::is_at_or_below;
use crate::sandbox::patch::options::{self as patch, PatchOptions};
use crate::sandbox::{command, scripts};

choice! {
    /// What the guest's writes to its root do to the image.
    RootMode {
        /// Nothing: they go to a layer over it.
        Overlay = "overlay",
        /// The image, a directory, is the root itself.
        Bind = "bind",
    }
}

choice! {
    /// Where a guest's writes to its root go.
    UpperKind {
        /// A sparse disk image that survives stop and start.
        Disk = "disk",
        /// The guest's memory.
        Tmpfs = "tmpfs",
    }
}

choice! {
    /// The least isolation that a sandbox may run with.
    Isolation {
        /// Emulation will do.
        Any = "any",
        /// Hardware virtualization only.
        Hardware = "hardware",
    }
}

choice! {
    /// A resource that can be limited, named as setrlimit's constant without its prefix.
    RlimitResource {
        /// RLIMIT_CPU
        Cpu = "cpu",
        /// RLIMIT_FSIZE
        Fsize = "fsize",
        /// RLIMIT_DATA
        Data = "data",
        /// RLIMIT_STACK
        Stack = "stack",
        /// RLIMIT_CORE
        Core = "core",
        /// RLIMIT_RSS
        Rss = "rss",
        /// RLIMIT_NPROC
        Nproc = "nproc",
        /// RLIMIT_NOFILE
        Nofile = "nofile",
        /// RLIMIT_MEMLOCK
        Memlock = "memlock",
        /// RLIMIT_AS
        As = "as",
        /// RLIMIT_LOCKS
        Locks = "locks",
        /// RLIMIT_SIGPENDING
        Sigpending = "sigpending",
        /// RLIMIT_MSGQUEUE
        Msgqueue = "msgqueue",
        /// RLIMIT_NICE
        Nice = "nice",
        /// RLIMIT_RTPRIO
        Rtprio = "rtprio",
        /// RLIMIT_RTTIME
        Rttime = "rttime",
    }
}

/// A resource limit of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rlimit {
    /// What is limited.
    pub resource: RlimitResource,
    /// The limit in force; `u64::MAX` for none.
    pub soft: u64,
    /// How far a command may raise it; `u64::MAX` for no bound.
    pub hard: u64,
}

impl Rlimit {
    /// A soft limit above its hard one is refused by every kernel.
    pub fn check(&self) -> Verdict {
        if self.soft <= self.hard {
            return Ok(());
        }
        let Self { resource, soft, hard } = self;
        Err(format!(
            "has {} with a soft limit of {soft} above its hard limit of {hard}",
            resource.name()
        ))
    }
}

impl OptionType for Rlimit {
    fn schema() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["resource", "soft", "hard"],
            "properties": { "resource": RlimitResource::schema(), "soft": u64::schema(), "hard": u64::schema() },
        })
    }
}

options! {
    /// What a sandbox is made from.
    SandboxOptions for "msb_sandbox_config" {
        /// The name, unique in its backend: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit.
        /// Required.
        name: Option<String> = None, "set_name", since "0.1.0", check |v| each(v, check::name);
        /// The root file system: the path of a directory; of a disk image without partitions, raw or as qcow2 without a backing file,
        /// with ext4, EROFS, XFS or btrfs on it; of an OCI layout or an archive, as for `msb_image_load`, with one image for this host,
        /// which is stored as `localhost/archive` with its digest; or the reference of an image, as `"python:3.12"`. What begins with `/` or `.`,
        /// or is there, is a path. It is not modified unless root_mode says so. Required.
        image: Option<String> = None, "set_image", since "0.1.0", check |v| each(v, check::text);
        /// When the registry is asked for an image that is a reference: `"if-missing"`, `"always"`, which fetches only what is
        /// new, or `"never"`.
        image_pull_policy: PullPolicy = PullPolicy::IfMissing, "set_image_pull_policy", since "0.1.0", check check::any;
        /// What the guest's writes do to the image: `"overlay"` keeps them apart, in what upper names; `"bind"`, for a
        /// directory, writes them into it, and makes there the mount points that it lacks.
        root_mode: RootMode = RootMode::Overlay, "set_root_mode", since "0.1.0", check check::any;
        /// Where the guest's writes to its root go: `"disk"`, which survives stop and start, or `"tmpfs"`,
        /// which does not.
        upper: UpperKind = UpperKind::Disk, "set_upper", since "0.1.0", check check::any;
        /// The size of what holds the guest's writes to its root, in MiB, at least 16; a disk is sparse. Unset: the
        /// config file's, else 4096.
        upper_size_mib: Option<u64> = None, "set_upper_size_mib", since "0.1.0", check |v| each(v, within(16..=16_777_216));
        /// Virtual processors, 1 to 255. Unset: the backend's default.
        cpus: Option<u32> = None, "set_cpus", since "0.1.0", check |v| each(v, within(1..=255));
        /// Memory in MiB, at least 64. Unset: the backend's default.
        memory_mib: Option<u32> = None, "set_memory_mib", since "0.1.0", check |v| each(v, within(64..=16_777_216));
        /// Environment variables of every command in the sandbox, stored with it as they are. The prefix `MSB_` is reserved.
        env: BTreeMap<String, String> = BTreeMap::new(), "set_env", since "0.1.0", check check::env;
        /// The working directory of commands that do not say, in the guest. Unset: the image's, else `/`. One that is missing is made
        /// at a start, unless root_mode is `"bind"`.
        workdir: Option<String> = None, "set_workdir", since "0.1.0", check |v| each(v, check::text);
        /// The shell that commands find in `SHELL`. Unset: the config file's, else `/bin/sh`.
        shell: Option<String> = None, "set_shell", since "0.1.0", check |v| each(v, check::text);
        /// The guest's host name, at most 64 bytes, which commands find in `HOSTNAME`. Unset: made from the name.
        hostname: Option<String> = None, "set_hostname", since "0.1.0", check |v| each(v, check::hostname);
        /// The user of commands that do not say: a name of the guest's passwd or a number, `user[:group]`.
        /// Unset: root.
        user: Option<String> = None, "set_user", since "0.1.0", check |v| each(v, check::text);
        /// What the default command begins with, for an image that has none or another; without it that of the image. When it
        /// is set, the image's cmd is not used.
        entrypoint: Option<Vec<String>> = None, "set_entrypoint", since "0.1.0", check |v| each(v, command::check);
        /// What the default command ends with: arguments for the entrypoint, or the whole command where there is none. Unset:
        /// the image's.
        cmd: Option<Vec<String>> = None, "set_cmd", since "0.1.0", check |v| each(v, command::check);
        /// The signal by which a stop asks commands to end, as `"SIGQUIT"`, `"QUIT"`, `"3"` or `"SIGRTMIN+3"`. Unset: the
        /// image's, else SIGTERM.
        stop_signal: Option<String> = None, "set_stop_signal", since "0.1.0", check |v| each(v, command::check_signal);
        /// Executable files in the guest's `/.msb/scripts`, the first directory on the PATH of every command: name and text each,
        /// together at most 256 KiB. A text begins with the line that names its interpreter, as `#!/bin/sh`. They are put there
        /// at every start, and are not part of the root.
        scripts: BTreeMap<String, String> = BTreeMap::new(), "add_script", since "0.1.0", check scripts::check;
        /// What is changed in the root before anybody uses the sandbox, in this order, at its first start; with upper `"tmpfs"` at
        /// each, because that begins empty. Together at most 1024, with 16 MiB of text and data. They are part of the start, with its
        /// deadline: one that fails ends it with the reason `sandbox.patch`, and the next start begins again with an unchanged
        /// root. With root_mode `"bind"` they change the directory itself, and what those before the one that failed did stays. Not at or
        /// below a mount.
        patches: Vec<PatchOptions> = Vec::new(), "add_patch", since "0.1.0", check |v| patch::check_all(v);
        /// Labels to find the sandbox by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
        labels: BTreeMap<String, String> = BTreeMap::new(), "add_label", since "0.1.0", check check::labels;
        /// Resource limits of every command in the sandbox.
        rlimits: Vec<Rlimit> = Vec::new(), "add_rlimit", since "0.1.0", check |v| each(v, Rlimit::check);
        /// What the guest sees in its tree beside its root: volumes, directories and files of the host, memory, disk images.
        mounts: Vec<MountOptions> = Vec::new(), "add_mount", since "0.1.0", check mount::check_all;
        /// Whether the sandbox is removed when it stops.
        ephemeral: bool = false, "set_ephemeral", since "0.1.0", check check::any;
        /// Whether creating it stops and removes another sandbox of this name.
        replace: bool = false, "set_replace", since "0.1.0", check check::any;
        /// How long the sandbox being replaced has to stop before it is killed, in milliseconds.
        replace_timeout_ms: u64 = 10_000, "set_replace_timeout_ms", since "0.1.0", check check::any;
        /// Stop the sandbox after this long without any activity, in milliseconds, at least 1. Unset: never.
        idle_timeout_ms: Option<u64> = None, "set_idle_timeout_ms", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
        /// Stop the sandbox after it has run this long, in milliseconds, at least 1. Unset: never.
        max_duration_ms: Option<u64> = None, "set_max_duration_ms", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
        /// Whether the sandbox lives on when the process that started it ends.
        detached: bool = false, "set_detached", since "0.1.0", check check::any;
        /// The least isolation to run with: `"any"`, or `"hardware"`, which refuses emulation.
        min_isolation: Isolation = Isolation::Any, "set_min_isolation", since "0.1.0", check check::any;
        /// The hypervisor driver for this sandbox. Unset: the backend's.
        driver: Option<Driver> = None, "set_driver", since "0.1.0", check check::any;
        /// How long the guest has to come up, in milliseconds, at least 1. Unset: 120000.
        boot_timeout_ms: Option<u64> = None, "set_boot_timeout_ms", since "0.1.0", check |v| each(v, within(1..=u64::MAX));
    }
}

impl SandboxOptions {
    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        let mut problems = self.problems();
        for (key, missing) in [("name", self.name.is_none()), ("image", self.image.is_none())] {
            if missing {
                problems.push(Problem {
                    key,
                    problem: "is not set".to_owned(),
                });
            }
        }
        if self.root_mode == RootMode::Bind {
            let kept_apart = [
                ("upper", self.upper != UpperKind::Disk),
                ("upper_size_mib", self.upper_size_mib.is_some()),
            ];
            problems.extend(
                kept_apart
                    .into_iter()
                    .filter(|(_, is_set)| *is_set)
                    .map(|(key, _)| Problem {
                        key,
                        problem: "is set although with root_mode \"bind\" nothing is kept apart".to_owned(),
                    }),
            );
        }
        problems.extend(self.misplaced_patches().map(|problem| Problem {
            key: "patches",
            problem,
        }));
        verdict::<Self>(problems)
    }

    /// What is wrong with the patches beside what else was asked for, if anything.
    fn misplaced_patches(&self) -> Option<String> {
        let hidden = self.patches.iter().find_map(|patch| {
            let path = patch.normal_path();
            let mut mounts = self.mounts.iter().map(MountOptions::normal_path);
            let mount = mounts.find(|mount| is_at_or_below(&path, mount))?;
            Some((path, mount))
        });
        hidden.map(|(path, mount)| {
            format!("has a change at {path:?}, where the mount at {mount:?} hides the root")
        })
    }
}
