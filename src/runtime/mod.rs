//! What a sandbox needs besides its own files: the embedded programs, a guest kernel, a hypervisor.

pub mod driver;
pub mod embedded;
pub mod kernel;
pub mod kvm;
pub mod probe;
pub mod qemu;
