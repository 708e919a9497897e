//! The agent and the runner, carried in the library and put on disk once per home and version.
//!
//! They live in `<home>/runtime/<digest>/`, 0700. A file is written under another name and renamed, so nobody
//! ever runs half of it; what is already there is compared with what should be, byte for byte, before it is
//! trusted.

use crate::error::MsbError;
use crate::sys;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

static AGENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/msb-agent"));
static RUNNER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/msb-runner"));

/// Bytes of a program that are compared at a time.
const PIECE: usize = 256 * 1024;
/// How long a forked child may take to run its program.
const FORK_TO_EXEC: Duration = Duration::from_secs(5);
/// Pause between two looks at it.
const PAUSE: Duration = Duration::from_millis(1);
/// Where they are, below the home.
pub const FOLDER: &str = "runtime";
/// Names both; made by the build script, because hashing them takes longer than anything else a first start does here.
pub const DIGEST: &str = env!("MSB_EMBEDDED_DIGEST");

/// Where the embedded programs are on disk.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The per-sandbox process.
    pub runner: PathBuf,
    /// The guest agent as a program, for the process driver.
    pub agent: PathBuf,
    /// The initial file system with the agent as /init.
    pub initramfs: PathBuf,
    /// Names this very set of programs.
    pub digest: &'static str,
}

impl Embedded {
    /// Whether all of them still exist.
    pub fn are_there(&self) -> bool {
        [&self.runner, &self.agent, &self.initramfs]
            .iter()
            .all(|path| path.exists())
    }
}

/// Puts the embedded programs under `home`, unless they are there.
pub fn materialise(home: &Path) -> Result<Embedded, MsbError> {
    let directory = home.join(FOLDER).join(DIGEST);
    let failed = |path: &Path, error: &io::Error| {
        MsbError::io("runtime.materialise", "cannot write", path, error)
            .remedy("the home needs 40 MiB of free space and must be writable")
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .map_err(|error| failed(&directory, &error))?;
    let place = |name: &str, content: &[u8], mode: u32| {
        let path = directory.join(name);
        ensure_file(&path, content, mode).map_err(|error| failed(&path, &error))?;
        Ok::<_, MsbError>(path)
    };
    Ok(Embedded {
        runner: place("msb-runner", RUNNER, 0o700)?,
        agent: place("msb-agent", AGENT, 0o700)?,
        initramfs: place("initramfs.cpio", &initramfs(AGENT), 0o600)?,
        digest: DIGEST,
    })
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Makes `path` hold `content` with `mode`, replacing it as a whole if it does not.
fn ensure_file(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    match holds(path, content) {
        Ok(true) if fs::metadata(path)?.permissions().mode() & 0o777 == mode => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    write_atomically(path, content, mode)
}

/// Compares piece by piece, so that no program is held in memory a second time.
fn holds(path: &Path, content: &[u8]) -> io::Result<bool> {
    let mut file = fs::File::open(path)?;
    if file.metadata()?.len() != content.len() as u64 {
        return Ok(false);
    }
    let mut piece = vec![0; PIECE];
    for expected in content.chunks(PIECE) {
        let found = &mut piece[..expected.len()];
        file.read_exact(found)?;
        if found != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes `path` as a whole: it has its old content or the new one, never a part.
pub fn write_atomically(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", sys::random_hex()?));
    let written = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(content)?;
        // The mode above passed through the host's umask.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        drop(file);
        if mode & 0o111 != 0 {
            wait_until_runnable(&temporary)?;
        }
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A child that another thread forked while the file was written holds it open until it runs its own program;
/// until then the kernel would refuse to run this one.
fn wait_until_runnable(path: &Path) -> io::Result<()> {
    let file = fs::File::open(path)?;
    let give_up = Instant::now() + FORK_TO_EXEC;
    // A file system without leases cannot tell; whoever runs the program hears of it then.
    while !sys::is_unwritten(&file).unwrap_or(true) && Instant::now() < give_up {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A cpio archive in "newc" form with the agent as /init, padded to whole pages as both hypervisors need it.
fn initramfs(agent: &[u8]) -> Vec<u8> {
    const DIRECTORY: u32 = 0o040_755;
    const PROGRAM: u32 = 0o100_755;
    let mut archive = Vec::with_capacity(agent.len() + 8192);
    for (number, name) in ["dev", "proc", "sys", "run"].iter().enumerate() {
        cpio_entry(&mut archive, number as u32 + 1, name, DIRECTORY, &[]);
    }
    cpio_entry(&mut archive, 100, "init", PROGRAM, agent);
    cpio_entry(&mut archive, 0, "TRAILER!!!", 0, &[]);
    pad(&mut archive, 4096);
    archive
}

fn cpio_entry(archive: &mut Vec<u8>, inode: u32, name: &str, mode: u32, content: &[u8]) {
    let links = if content.is_empty() { 2 } else { 1 };
    // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    let fields = [
        inode,
        mode,
        0,
        0,
        links,
        0,
        content.len() as u32,
        0,
        0,
        0,
        0,
        name.len() as u32 + 1,
        0,
    ];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    pad(archive, 4);
    archive.extend_from_slice(content);
    pad(archive, 4);
}

fn pad(archive: &mut Vec<u8>, boundary: usize) {
    archive.resize(archive.len().next_multiple_of(boundary), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_put_once_and_damage_is_mended() {
        let home = tempfile::tempdir().unwrap();
        let first = materialise(home.path()).unwrap();
        let before = fs::metadata(&first.runner).unwrap().modified().unwrap();
        let second = materialise(home.path()).unwrap();
        assert_eq!(fs::metadata(&second.runner).unwrap().modified().unwrap(), before);
        fs::write(&first.runner, b"damaged").unwrap();
        let third = materialise(home.path()).unwrap();
        assert_eq!(fs::read(&third.runner).unwrap(), RUNNER);
        assert_eq!(
            fs::metadata(&third.runner).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(fs::read_dir(third.runner.parent().unwrap()).unwrap().count(), 3);
    }

    #[test]
    fn the_initial_file_system_is_whole_pages_and_ends_with_its_trailer() {
        let archive = initramfs(&[7; 5000]);
        assert_eq!(archive.len() % 4096, 0);
        assert!(archive.starts_with(b"070701"));
        assert!(archive.windows(10).any(|window| window == b"TRAILER!!!"));
    }
}
