//! The agent and the runner, carried in the library and put on disk once per home and version.
//!
//! They live in `<home>/runtime/<digest>/`, 0700. A file is written under another name and renamed, so nobody
//! ever runs half of it; what is already there is read once in each process, and written anew if its length or
//! checksum is not what it should be. That finds damage; who can write there on purpose has the whole home.

use crate::error::MsbError;
use crate::sys;
use crc32fast::Hasher;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A program as the library carries it.
struct Program {
    /// Compressed with zstd.
    packed: &'static [u8],
    /// Bytes, and their checksum, once it is unpacked.
    len: usize,
    crc32: u32,
}

// `AGENT` and `RUNNER`, by the build script.
include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// Bytes of a file that are read at a time.
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
    let place = |name: &str, content: &Content, mode: u32| {
        let path = directory.join(name);
        content
            .ensure(&path, mode)
            .map_err(|error| failed(&path, &error))?;
        Ok::<_, MsbError>(path)
    };
    Ok(Embedded {
        runner: place("msb-runner", &Content::of(&RUNNER), 0o700)?,
        agent: place("msb-agent", &Content::of(&AGENT), 0o700)?,
        initramfs: place("initramfs.cpio", &initramfs(&AGENT), 0o600)?,
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

/// What a file should hold: a program, with something around it. The program is unpacked only to be written.
struct Content {
    before: Vec<u8>,
    program: &'static Program,
    after: Vec<u8>,
}

impl Content {
    fn of(program: &'static Program) -> Self {
        Self {
            before: Vec::new(),
            program,
            after: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.before.len() + self.program.len + self.after.len()
    }

    fn crc32(&self) -> u32 {
        let mut sum = Hasher::new();
        sum.update(&self.before);
        sum.combine(&Hasher::new_with_initial_len(
            self.program.crc32,
            self.program.len as u64,
        ));
        sum.update(&self.after);
        sum.finalize()
    }

    fn unpacked(&self) -> io::Result<Vec<u8>> {
        let program = zstd::bulk::decompress(self.program.packed, self.program.len)?;
        Ok([self.before.as_slice(), &program, &self.after].concat())
    }

    /// Makes `path` hold this with `mode`, replacing it as a whole if it does not.
    fn ensure(&self, path: &Path, mode: u32) -> io::Result<()> {
        match self.is_in(path) {
            Ok(true) if fs::metadata(path)?.permissions().mode() & 0o777 == mode => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        write_atomically(path, &self.unpacked()?, mode)
    }

    fn is_in(&self, path: &Path) -> io::Result<bool> {
        let mut file = fs::File::open(path)?;
        if file.metadata()?.len() != self.len() as u64 {
            return Ok(false);
        }
        let mut piece = vec![0; PIECE];
        let mut sum = Hasher::new();
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(sum.finalize() == self.crc32()),
                count => sum.update(&piece[..count]),
            }
        }
    }
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
fn initramfs(agent: &'static Program) -> Content {
    const DIRECTORY: u32 = 0o040_755;
    const PROGRAM: u32 = 0o100_755;
    let mut before = Vec::new();
    for (number, name) in ["dev", "proc", "sys", "run"].iter().enumerate() {
        cpio_header(&mut before, number as u32 + 1, name, DIRECTORY, 0);
    }
    cpio_header(&mut before, 100, "init", PROGRAM, agent.len);
    let mut after = Vec::new();
    // What follows begins at a multiple of four bytes of the archive.
    let program_end = before.len() + agent.len;
    after.resize(program_end.next_multiple_of(4) - program_end, 0);
    cpio_header(&mut after, 0, "TRAILER!!!", 0, 0);
    let end = program_end + after.len();
    after.resize(after.len() + end.next_multiple_of(4096) - end, 0);
    Content {
        before,
        program: agent,
        after,
    }
}

/// Everything of an entry but its content.
fn cpio_header(archive: &mut Vec<u8>, inode: u32, name: &str, mode: u32, size: usize) {
    let start = archive.len();
    let links = if size == 0 { 2 } else { 1 };
    // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    let fields = [
        inode,
        mode,
        0,
        0,
        links,
        0,
        size as u32,
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
    archive.resize(start + (archive.len() - start).next_multiple_of(4), 0);
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
        let whole = Content::of(&RUNNER).unpacked().unwrap();
        let mut damaged = whole.clone();
        damaged[RUNNER.len / 2] ^= 1;
        for damaged in [&b"short"[..], &damaged] {
            fs::write(&first.runner, damaged).unwrap();
            let third = materialise(home.path()).unwrap();
            assert!(fs::read(&third.runner).unwrap() == whole);
            assert_eq!(
                fs::metadata(&third.runner).unwrap().permissions().mode() & 0o777,
                0o700
            );
            assert_eq!(fs::read_dir(third.runner.parent().unwrap()).unwrap().count(), 3);
        }
    }

    /// Where the fields of a header are, in hexadecimal, and the sizes of a header and of a field.
    const FILE_SIZE: usize = 6 + 6 * 8;
    const NAME_SIZE: usize = 6 + 11 * 8;
    const HEADER: usize = 6 + 13 * 8;

    #[test]
    fn the_initial_file_system_is_whole_pages_and_holds_the_agent() {
        let content = initramfs(&AGENT);
        let archive = content.unpacked().unwrap();
        assert_eq!((archive.len() % 4096, archive.len()), (0, content.len()));
        assert_eq!(crc32fast::hash(&archive), content.crc32());
        let number = |at: usize| {
            let digits = std::str::from_utf8(&archive[at..at + 8]).unwrap();
            usize::from_str_radix(digits, 16).unwrap()
        };
        let (mut at, mut names) = (0, Vec::new());
        while names.last() != Some(&&b"TRAILER!!!\0"[..]) {
            assert!(archive[at..].starts_with(b"070701"));
            let name = &archive[at + HEADER..][..number(at + NAME_SIZE)];
            let body = &archive[(at + HEADER + name.len()).next_multiple_of(4)..][..number(at + FILE_SIZE)];
            if name == b"init\0" {
                assert!(body == Content::of(&AGENT).unpacked().unwrap());
            }
            at = ((at + HEADER + name.len()).next_multiple_of(4) + body.len()).next_multiple_of(4);
            names.push(name);
        }
        assert_eq!(names.len(), 6);
    }
}
