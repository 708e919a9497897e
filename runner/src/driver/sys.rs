//! libkrun's C functions behind one safe type, in the order that libkrun needs them.
//!
//! The functions are called through the crate that defines them, not through declarations of our own: the
//! registry's `libkrun-sys` lacks half of them, and against the definitions the compiler checks every
//! argument anyway.

use super::{Disk, Sectors, Share};
use msb_protocol::launch::DiskFormat;
use std::ffi::{CString, NulError};
use std::os::fd::{AsRawFd, OwnedFd};
use thiserror::Error;

/// Log level 1: errors only.
const LOG_ERRORS: u32 = 1;
/// Log style 2: no colours.
const LOG_PLAIN: u32 = 2;
/// Log option 1: the environment does not change the level.
const LOG_NO_ENV: u32 = 1;
/// Kernel format 1: an ELF file.
const KERNEL_ELF: u32 = 1;
/// Disk formats.
const DISK_RAW: u32 = 0;
const DISK_QCOW2: u32 = 1;
const DISK_VMDK: u32 = 2;
/// Disk sync mode 2: a guest's flush reaches the disk.
const SYNC_FULL: u32 = 2;

/// Bytes of address space through which the guest maps the files of a frozen share where the host has them cached.
/// libkrun lets a guest keep nothing of a file that it opens again, so without the window each run of a program would
/// copy it anew. The guest pays with a 64th of it in memory.
const FROZEN_WINDOW: u64 = 128 << 20;

/// A call that libkrun refused.
#[derive(Debug, Error)]
pub(super) enum KrunError {
    /// It answered with an errno.
    #[error("{call} failed with errno {errno}")]
    Refused {
        /// The function.
        call: &'static str,
        /// The positive errno.
        errno: i32,
    },
    /// A path or name cannot be a C string.
    #[error("a path holds a zero byte")]
    Text(#[from] NulError),
}

impl KrunError {
    pub(super) fn errno(&self) -> i32 {
        match self {
            Self::Refused { errno, .. } => *errno,
            Self::Text(_) => libc::EINVAL,
        }
    }
}

fn check(call: &'static str, answer: i32) -> Result<u32, KrunError> {
    u32::try_from(answer).map_err(|_| KrunError::Refused {
        call,
        errno: answer.saturating_neg(),
    })
}

/// A machine that is being configured. This process makes one in its life.
pub(super) struct Machine {
    context: u32,
    /// Descriptors that libkrun uses by their number.
    ports: Vec<OwnedFd>,
}

impl Machine {
    pub(super) fn new(cpus: u8, memory_mib: u32) -> Result<Self, KrunError> {
        // SAFETY: all four are integers; standard error stays open for life.
        let answer = unsafe { krun::krun_init_log(libc::STDERR_FILENO, LOG_ERRORS, LOG_PLAIN, LOG_NO_ENV) };
        check("krun_init_log", answer)?;
        let context = check("krun_create_ctx", krun::krun_create_ctx())?;
        check(
            "krun_set_vm_config",
            krun::krun_set_vm_config(context, cpus, memory_mib),
        )?;
        check(
            "krun_disable_implicit_vsock",
            krun::krun_disable_implicit_vsock(context),
        )?;
        Ok(Self {
            context,
            ports: Vec::new(),
        })
    }

    /// Sends the kernel's console to the file, pipe or device at `path`.
    pub(super) fn console(&self, path: &str) -> Result<(), KrunError> {
        let path = CString::new(path)?;
        // SAFETY: the string ends in zero and outlives the call, which copies it.
        let answer = unsafe { krun::krun_set_console_output(self.context, path.as_ptr()) };
        check("krun_set_console_output", answer).map(drop)
    }

    /// Adds a console device with one port, `name`, both ways on `fd`.
    pub(super) fn port(&mut self, name: &str, fd: OwnedFd) -> Result<(), KrunError> {
        let name = CString::new(name)?;
        // SAFETY: the call takes an integer only; it is unsafe because all of its kind are.
        let answer = unsafe { krun::krun_add_virtio_console_multiport(self.context) };
        let console = check("krun_add_virtio_console_multiport", answer)?;
        let number = fd.as_raw_fd();
        self.ports.push(fd);
        // SAFETY: the string ends in zero and outlives the call, which copies it; the machine keeps the
        // descriptor open for as long as it runs.
        let answer = unsafe {
            krun::krun_add_console_port_inout(self.context, console, name.as_ptr(), number, number)
        };
        check("krun_add_console_port_inout", answer).map(drop)
    }

    pub(super) fn disk(&self, disk: &Disk) -> Result<(), KrunError> {
        let (serial, path) = (
            CString::new(disk.serial.as_str())?,
            CString::new(disk.path.as_str())?,
        );
        let format = match disk.sectors {
            Sectors::Image(DiskFormat::Raw) => DISK_RAW,
            Sectors::Image(DiskFormat::Qcow2) => DISK_QCOW2,
            Sectors::Joined(_) => DISK_VMDK,
        };
        // SAFETY: both strings end in zero and outlive the call, which copies them.
        let answer = unsafe {
            krun::krun_add_disk3(
                self.context,
                serial.as_ptr(),
                path.as_ptr(),
                format,
                disk.read_only,
                false,
                SYNC_FULL,
            )
        };
        check("krun_add_disk3", answer).map(drop)
    }

    /// Adds a share of a whole directory.
    pub(super) fn share(&self, share: &Share) -> Result<(), KrunError> {
        let (tag, path) = (
            CString::new(share.tag.as_str())?,
            CString::new(share.directory.as_str())?,
        );
        let window = if share.frozen { FROZEN_WINDOW } else { 0 };
        // SAFETY: both strings end in zero and outlive the call, which copies them.
        let answer = unsafe {
            krun::krun_add_virtiofs3(self.context, tag.as_ptr(), path.as_ptr(), window, share.read_only)
        };
        check("krun_add_virtiofs3", answer).map(drop)
    }

    /// Boots this kernel; an ELF file, because libkrun ignores initramfs and command line of a raw one.
    pub(super) fn kernel(&self, elf: &str, initramfs: &str, command_line: &str) -> Result<(), KrunError> {
        let (elf, initramfs) = (CString::new(elf)?, CString::new(initramfs)?);
        let command_line = CString::new(command_line)?;
        // SAFETY: the three strings end in zero and outlive the call, which copies them.
        let answer = unsafe {
            krun::krun_set_kernel(
                self.context,
                elf.as_ptr(),
                KERNEL_ELF,
                initramfs.as_ptr(),
                command_line.as_ptr(),
            )
        };
        check("krun_set_kernel", answer).map(drop)
    }

    /// Becomes the machine. Returns only when it could not be made; its end is this process's.
    pub(super) fn enter(self) -> KrunError {
        let answer = krun::krun_start_enter(self.context);
        KrunError::Refused {
            call: "krun_start_enter",
            errno: answer.saturating_neg(),
        }
    }
}
