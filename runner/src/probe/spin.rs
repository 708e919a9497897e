//! The smallest guest there is: one page of memory, one processor, a counting loop, and a halt.

use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::{Kvm, VcpuExit};
use rustix::mm::{MapFlags, ProtFlags};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// How long the loop may take: hardware needs 10 ms, emulated hardware 100 ms, an interpreter 20 s.
const DEADLINE: Duration = Duration::from_secs(3);
const PAGE: usize = 4096;
/// 16-bit code: `mov ecx, 0x0100_0000; again: dec ecx; jnz again; hlt`.
const CODE: [u8; 11] = [0x66, 0xb9, 0, 0, 0, 1, 0x66, 0x49, 0x75, 0xfc, 0xf4];

/// Why it did not run.
#[derive(Debug, Error)]
pub(super) enum SpinError {
    #[error("{step} failed with errno {}", .source.errno())]
    Kvm {
        step: &'static str,
        source: kvm_ioctls::Error,
    },
    #[error("no memory for a guest of one page")]
    Memory(#[from] rustix::io::Errno),
    #[error("no thread for a guest of one page")]
    Thread(#[from] std::io::Error),
    #[error("it left a counting loop by {0}")]
    Left(String),
    #[error("a counting loop took more than {} s, so it is interpreted, not run", DEADLINE.as_secs())]
    Interpreted,
}

impl SpinError {
    pub(super) fn errno(&self) -> i32 {
        match self {
            Self::Kvm { source, .. } => source.errno(),
            Self::Memory(errno) => errno.raw_os_error(),
            Self::Thread(error) => error.raw_os_error().unwrap_or(0),
            Self::Left(_) | Self::Interpreted => 0,
        }
    }
}

/// Runs the loop to its halt. A loop that does not end in time goes on in its thread until this process ends,
/// which the caller does at once.
pub(super) fn run(kvm: Kvm) -> Result<(), SpinError> {
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("spin".to_owned()).spawn(move || {
        // Nobody listens any more after the deadline.
        let _ = tell.send(spin(&kvm));
    })?;
    told.recv_timeout(DEADLINE).unwrap_or(Err(SpinError::Interpreted))
}

fn spin(kvm: &Kvm) -> Result<(), SpinError> {
    let failed = |step| move |source| SpinError::Kvm { step, source };
    let machine = kvm.create_vm().map_err(failed("creating a machine"))?;
    let memory = guest_page()?;
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: PAGE as u64,
        userspace_addr: memory as u64,
    };
    // SAFETY: the page is mapped, belongs to nobody else and is never unmapped.
    unsafe { machine.set_user_memory_region(region) }.map_err(failed("giving the machine memory"))?;
    let mut cpu = machine.create_vcpu(0).map_err(failed("creating a processor"))?;
    let mut segments = cpu.get_sregs().map_err(failed("reading registers"))?;
    segments.cs.base = 0;
    segments.cs.selector = 0;
    cpu.set_sregs(&segments).map_err(failed("setting registers"))?;
    // Bit 1 of the flags is always set.
    let registers = kvm_bindings::kvm_regs {
        rflags: 2,
        ..Default::default()
    };
    cpu.set_regs(&registers).map_err(failed("setting registers"))?;
    match cpu.run().map_err(failed("running"))? {
        VcpuExit::Hlt => Ok(()),
        other => Err(SpinError::Left(format!("{other:?}"))),
    }
}

/// A page that holds the code, for as long as this process lives.
fn guest_page() -> Result<*mut u8, SpinError> {
    // SAFETY: a new private mapping at an address of the kernel's choice replaces nothing.
    let page = unsafe {
        rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            PAGE,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )?
    };
    let page = page.cast::<u8>();
    // SAFETY: the page is writable, longer than the code, and no one else has its address yet.
    unsafe { page.copy_from_nonoverlapping(CODE.as_ptr(), CODE.len()) };
    Ok(page)
}
