//! Finds QEMU.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The program's name for this machine's architecture.
#[cfg(target_arch = "x86_64")]
pub const PROGRAM: &str = "qemu-system-x86_64";
/// The program's name for this machine's architecture.
#[cfg(target_arch = "aarch64")]
pub const PROGRAM: &str = "qemu-system-aarch64";

/// Looked through after `PATH`, which a service may have emptied.
const USUAL: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/usr/libexec"];

/// The configured QEMU, or the first in `PATH` and the usual places. On failure, where it was looked for.
pub fn find(configured: Option<&Path>) -> Result<PathBuf, Vec<PathBuf>> {
    let candidates: Vec<PathBuf> = match configured {
        Some(path) => vec![path.to_path_buf()],
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let directories = std::env::split_paths(&path).chain(USUAL.iter().map(PathBuf::from));
            directories
                .filter(|d| d.is_absolute())
                .map(|d| d.join(PROGRAM))
                .collect()
        }
    };
    let found = candidates.iter().find(|path| is_executable(path)).cloned();
    found.ok_or(candidates)
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
