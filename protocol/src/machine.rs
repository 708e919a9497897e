//! What each driver's machine can hold and do, for those who check a configuration before there is a machine.

use crate::launch::{Driver, HostLower, HostMount, HostRoot, HostUpper, MountSource};

/// Devices that a machine can have on `driver`: libkrun wires nine interrupts to virtio devices, QEMU's `microvm` has eight
/// virtio-mmio slots. (It has more only with ACPI, which the guest's kernel does not speak.)
const fn slots(driver: Driver) -> usize {
    match driver {
        // Without balloon and entropy source, which libkrun adds of its own accord and counts apart.
        Driver::Krun => 9,
        Driver::QemuKvm | Driver::QemuTcg => 8,
        Driver::Process => 0,
    }
}

/// Devices of every machine: the consoles.
const fn own_devices(driver: Driver) -> usize {
    match driver {
        // The kernel's console and the agent's port are two.
        Driver::Krun => 2,
        // Both are ports of one.
        Driver::QemuKvm | Driver::QemuTcg => 1,
        Driver::Process => 0,
    }
}

/// Most files that one disk can go over: the VMM holds two descriptors of each.
pub const MOST_EXTENTS: usize = 256;
/// Every such file is a multiple of as many bytes: the blocks of EROFS.
pub const EXTENT_ALIGNMENT: u64 = 4096;

/// A device kept free for the network.
const NETWORK: usize = 1;

/// Most mounts that take a device (all but tmpfs) beside this root.
pub fn most_mounts(driver: Driver, root: &HostRoot) -> usize {
    slots(driver).saturating_sub(own_devices(driver) + NETWORK + root_devices(root))
}

/// Devices that a root takes.
pub fn root_devices(root: &HostRoot) -> usize {
    match root {
        HostRoot::Bind { .. } => 1,
        HostRoot::Overlay { upper, lower } => {
            let lower = match lower {
                HostLower::Directory { .. } | HostLower::Disk(_) | HostLower::Layers { .. } => 1,
            };
            lower
                + match upper {
                    HostUpper::Disk { .. } => 1,
                    HostUpper::Tmpfs { .. } => 0,
                }
        }
    }
}

/// Devices that a mount takes.
pub fn mount_devices(mount: &HostMount) -> usize {
    match mount.source {
        MountSource::Tmpfs { .. } => 0,
        MountSource::Directory { .. } | MountSource::File { .. } | MountSource::Disk(_) => 1,
    }
}

/// What of `mount` the machine of `driver` cannot do, as one sentence that says what to do instead; absent when it can.
pub fn unsupported(driver: Driver, mount: &HostMount) -> Option<&'static str> {
    match (&mount.source, driver) {
        (_, Driver::Process) => Some("the process driver has no mounts; choose another driver"),
        (MountSource::Disk(_), _) if mount.owner.is_some() => {
            Some("a disk image keeps its own owners; leave out the owner, or change them inside the guest")
        }
        (MountSource::Directory { .. } | MountSource::File { .. }, Driver::Krun) if mount.owner.is_some() => {
            Some(
                "the driver `krun` cannot present another owner of a shared directory or file; choose the driver `qemu`",
            )
        }
        _ => None,
    }
}
