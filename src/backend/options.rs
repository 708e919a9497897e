//! The options of a local backend, as a caller gives them; whatever is unset falls through to the config file.
//!
//! Only the form of a value is judged here: paths are opened, and defaults found, when the backend is made.

use crate::error::MsbError;
use crate::options::check::{self, each, within};
use crate::options::{Options, choice, options, verdict};

choice! {
    /// A hypervisor driver.
    Driver {
        /// Whichever can run guests on this host.
        Auto = "auto",
        /// libkrun on hardware virtualization.
        Krun = "krun",
        /// QEMU, emulating where there is no hardware virtualization.
        Qemu = "qemu",
        /// The agent as an ordinary child: no isolation at all, for tests only.
        #[cfg(feature = "process-driver")]
        Process = "process",
    }
}

options! {
    /// What a local backend is made from. Whatever is unset falls through to the config file.
    BackendOptions for "msb_backend_config" {
        /// The directory of the store, the sandboxes and all caches. Unset: `$MSB_HOME`, else
        /// `~/.microsandbox`.
        home: Option<String> = None, "set_home", since "0.1.0", check |v| each(v, check::text);
        /// The hypervisor driver: `"auto"`, `"krun"` or `"qemu"`. Unset: `"auto"`, which takes `krun` where
        /// hardware virtualization works and `qemu` elsewhere.
        driver: Option<Driver> = None, "set_driver", since "0.1.0", check check::any;
        /// The libkrunfw library to take the guest kernel from. Unset: it is looked for.
        libkrunfw_path: Option<String> = None, "set_libkrunfw_path", since "0.1.0", check |v| each(v, check::text);
        /// The qemu-system program. Unset: it is looked for in `PATH`.
        qemu_path: Option<String> = None, "set_qemu_path", since "0.1.0", check |v| each(v, check::text);
        /// The msb-runner program. Unset: the one inside the library.
        runner_path: Option<String> = None, "set_runner_path", since "0.1.0", check |v| each(v, check::text);
        /// Virtual processors of a sandbox that does not say, 1 to 255.
        default_cpus: Option<u32> = None, "set_default_cpus", since "0.1.0", check |v| each(v, within(1..=255));
        /// Memory in MiB of a sandbox that does not say, at least 64.
        default_memory_mib: Option<u32> = None, "set_default_memory_mib", since "0.1.0", check |v| each(v, within(64..=16_777_216));
        /// Reading connections to the database, 1 to 64. Unset: the config file's, else 5.
        max_connections: Option<u32> = None, "set_max_connections", since "0.1.0", check |v| each(v, within(1..=64));
        /// How long to wait for a free database connection, in seconds, 1 to 3600. Unset: the config file's,
        /// else 30.
        connect_timeout_secs: Option<u64> = None, "set_connect_timeout_secs", since "0.1.0", check |v| each(v, within(1..=3600));
        /// How long to wait for another process's write to the database, in seconds, 1 to 3600. Unset: the
        /// config file's, else 5.
        busy_timeout_secs: Option<u64> = None, "set_busy_timeout_secs", since "0.1.0", check |v| each(v, within(1..=3600));
        /// The directory of the sandboxes. Unset: `<home>/sandboxes`.
        sandboxes_dir: Option<String> = None, "set_sandboxes_dir", since "0.1.0", check |v| each(v, check::text);
        /// The directory of what can be made again. Unset: `<home>/cache`.
        cache_dir: Option<String> = None, "set_cache_dir", since "0.1.0", check |v| each(v, check::text);
    }
}

impl BackendOptions {
    /// An error that lists everything that is wrong with the options.
    pub fn validate(&self) -> Result<(), MsbError> {
        verdict::<Self>(self.problems())
    }
}
