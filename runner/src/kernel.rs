//! Takes the guest kernel out of libkrunfw and wraps it as an ELF file that both hypervisors boot.
//!
//! libkrunfw is a shared library whose only content is a kernel image. It is loaded by a process of its own
//! (`msb-runner kernel`), never by the host program. The wrapped file appears whole or not at all.

use crate::verdict::{self, Failure};
use std::ffi::{CStr, CString, OsString, c_char, c_void};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};
use thiserror::Error;

/// What the system loader knows the library by.
const SONAME: &CStr = c"libkrunfw.so.5";
/// The function that tells where in its memory the library has the kernel.
const GET_KERNEL: &CStr = c"krunfw_get_kernel";
/// Largest kernel that is believed, in bytes; the real one has about 21 MB.
const MAX_KERNEL: usize = 256 << 20;
/// Where the kernel starts in the file; a page, so that it can be mapped.
const KERNEL_OFFSET: u64 = 0x1000;

type GetKernel = unsafe extern "C" fn(*mut u64, *mut u64, *mut usize) -> *const c_char;

/// Why there is no wrapped kernel.
#[derive(Debug, Error)]
pub enum KernelError {
    /// Not two arguments.
    #[error("usage: msb-runner kernel (LIBKRUNFW | -) DESTINATION")]
    Usage,
    /// The library cannot be loaded.
    #[error("cannot load the kernel library: {0}; install libkrunfw or say where it is")]
    Load(String),
    /// A library, but not this one.
    #[error("{0} is not libkrunfw: it has no krunfw_get_kernel; use libkrunfw 5")]
    Foreign(String),
    /// What it holds cannot be a kernel.
    #[error("libkrunfw holds no usable kernel: {0}; use libkrunfw 5 for this architecture")]
    Image(&'static str),
    /// The ELF file cannot be written.
    #[error("cannot write the kernel to {path:?}: {source}; check space and permissions there")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        let message = error.to_string();
        let (cause, errno) = match error {
            KernelError::Usage => ("usage", None),
            KernelError::Load(_) => ("not_found", None),
            KernelError::Foreign(_) => ("not_libkrunfw", None),
            KernelError::Image(_) => ("bad_kernel", None),
            KernelError::Write { source, .. } => ("write", source.raw_os_error()),
        };
        Self {
            cause,
            errno: errno.unwrap_or(0),
            message,
        }
    }
}

/// Runs `msb-runner kernel SRC|- DEST`; `-` leaves the search to the system loader.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(2).collect();
    let wrapped = match arguments.as_slice() {
        [source, destination] => {
            let library = (source != "-").then(|| Path::new(source));
            wrap_library(library, Path::new(destination))
        }
        _ => Err(KernelError::Usage),
    };
    verdict::say(wrapped.map_err(Failure::from))
}

fn wrap_library(library: Option<&Path>, destination: &Path) -> Result<(), KernelError> {
    let image = Image::of_library(library)?;
    let head = image.head()?;
    store(destination, &[&head, image.bytes]).map_err(|source| KernelError::Write {
        path: destination.to_owned(),
        source,
    })
}

/// A raw kernel and where it wants to be.
struct Image<'a> {
    bytes: &'a [u8],
    /// Guest physical address of the first byte.
    load: u64,
    /// Where a 64-bit loader jumps to.
    entry: u64,
}

impl Image<'static> {
    /// The library stays loaded until this process ends, so its bytes are good for as long.
    fn of_library(library: Option<&Path>) -> Result<Self, KernelError> {
        let name = match library {
            Some(path) => CString::new(path.as_os_str().as_bytes())
                .map_err(|_| KernelError::Load("its path holds a zero byte".to_owned()))?,
            None => SONAME.to_owned(),
        };
        // SAFETY: the name ends in zero; loading runs the library's initializers, which is what the caller
        // asked for by naming it.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            return Err(KernelError::Load(loader_message()));
        }
        // SAFETY: the handle is open and the name ends in zero.
        let symbol: *mut c_void = unsafe { libc::dlsym(handle, GET_KERNEL.as_ptr()) };
        if symbol.is_null() {
            return Err(KernelError::Foreign(name.to_string_lossy().into_owned()));
        }
        // SAFETY: libkrunfw declares its function of this name with exactly this type.
        let get_kernel = unsafe { std::mem::transmute::<*mut c_void, GetKernel>(symbol) };
        let (mut load, mut entry, mut size) = (0, 0, 0);
        // SAFETY: the three pointers are to live variables of the declared types.
        let start = unsafe { get_kernel(&raw mut load, &raw mut entry, &raw mut size) };
        if start.is_null() || size == 0 || size > MAX_KERNEL {
            return Err(KernelError::Image("its size is wrong"));
        }
        // SAFETY: the library answers with `size` bytes of its own constant data, and it is never unloaded.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), size) };
        Ok(Self { bytes, load, entry })
    }
}

fn loader_message() -> String {
    // SAFETY: dlerror takes nothing and gives a string that lives until the next call of its family, or null.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return "the system loader gave no reason".to_owned();
    }
    // SAFETY: not null, so a string that ends in zero.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

impl Image<'_> {
    /// Everything of the ELF file that comes before the kernel.
    ///
    /// libkrun reads the entry of the file header; QEMU boots by PVH and reads the entry of the note instead, which
    /// for this kernel is its first byte.
    fn head(&self) -> Result<Vec<u8>, KernelError> {
        const EHDR: u64 = 64;
        const PHDR: u64 = 56;
        const NOTE_OFFSET: u64 = EHDR + 2 * PHDR;
        const NOTE_LEN: u64 = 12 + 4 + 8;
        const EM_X86_64: u16 = 62;
        const PT_LOAD: u32 = 1;
        const PT_NOTE: u32 = 4;
        const READ_EXECUTE: u32 = 5;
        const READ: u32 = 4;
        const XEN_PHYS32_ENTRY: u32 = 18;

        let size = self.bytes.len() as u64;
        let end = self
            .load
            .checked_add(size)
            .ok_or(KernelError::Image("it does not fit into memory"))?;
        if !self.load.is_multiple_of(KERNEL_OFFSET) {
            return Err(KernelError::Image("it does not start on a page"));
        }
        if !(self.load..end).contains(&self.entry) {
            return Err(KernelError::Image("its entry is outside of it"));
        }
        let mut out = Vec::with_capacity(KERNEL_OFFSET as usize);
        // 64-bit, little-endian, version 1, no particular system.
        out.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        // An executable; 64-bit header and segment sizes, two segments, no sections.
        push_u16s(&mut out, &[2, EM_X86_64]);
        push_u32s(&mut out, &[1]);
        push_u64s(&mut out, &[self.entry, EHDR, 0]);
        push_u32s(&mut out, &[0]);
        push_u16s(&mut out, &[EHDR as u16, PHDR as u16, 2, 0, 0, 0]);
        push_u32s(&mut out, &[PT_LOAD, READ_EXECUTE]);
        push_u64s(
            &mut out,
            &[KERNEL_OFFSET, self.load, self.load, size, size, KERNEL_OFFSET],
        );
        push_u32s(&mut out, &[PT_NOTE, READ]);
        push_u64s(&mut out, &[NOTE_OFFSET, 0, 0, NOTE_LEN, NOTE_LEN, 4]);
        push_u32s(&mut out, &[4, 8, XEN_PHYS32_ENTRY]);
        out.extend_from_slice(b"Xen\0");
        push_u64s(&mut out, &[self.load]);
        out.resize(KERNEL_OFFSET as usize, 0);
        Ok(out)
    }
}

fn push_u16s(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn push_u32s(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn push_u64s(out: &mut Vec<u8>, values: &[u64]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Writes `parts` to `destination`, whole or not at all.
fn store(destination: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut partial = destination.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let write = || {
        // One left by a process that died with the same number.
        let _ = fs::remove_file(&partial);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&partial)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&partial, destination)
    };
    let written = write();
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests;
