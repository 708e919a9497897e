//! QEMU's `microvm` machine, with KVM or with its own emulation, where no other hypervisor can run.
//!
//! The process gets no network, no monitor, no privileges and only its own descriptors; QEMU's own seccomp
//! sandbox does the rest. Every shared directory is served by a process of its own, because QEMU has no virtiofs
//! itself.

use super::input::Inputs;
use super::{COMMAND_LINE, Disk, DriverError, Sectors, Share, SpawnedVmm, agent_link, end};
use crate::confine::{self, Fence, FenceError, Fenced, Keep};
use crate::setup::Report;
use crate::share;
use msb_protocol::AGENT_PORT;
use msb_protocol::launch::{DiskFormat, Driver, LaunchSpec};
use rustix::thread::CapabilitySet;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// MiB of translated code that emulation keeps. A boot fills 35; with 16 a Python program runs at half the speed, with
/// 64 no faster than with 32, but QEMU grows by 37 MB.
const TRANSLATION_CACHE_MIB: u32 = 32;

/// Numbers of the descriptors that QEMU inherits.
struct Fds {
    agent: RawFd,
    console: RawFd,
    /// One for each share, in order.
    shares: Vec<RawFd>,
}

/// Starts QEMU and the servers of its shares.
pub(super) fn spawn(spec: &LaunchSpec) -> Result<SpawnedVmm, DriverError> {
    let resource = |what| move |source| DriverError::Resource { what, source };
    let qemu = spec
        .qemu
        .as_ref()
        .ok_or(DriverError::Missing("QEMU executable"))?;
    let inputs = Inputs::check(spec)?;
    let agent = agent_link()?;
    let (console, their_console) = UnixStream::pair().map_err(resource("the console"))?;
    console.set_nonblocking(true).map_err(resource("the console"))?;
    let their_console = OwnedFd::from(their_console);
    let (their_lifeline, lifeline) = confine::lifeline().map_err(resource("the lifeline"))?;

    let files = fence(spec.driver, &inputs).map_err(DriverError::Fence)?;
    let mut servers = Servers::default();
    for share in &inputs.layout.shares {
        servers.start(&spec.directory, share)?;
    }
    let fds = Fds {
        agent: agent.theirs.as_raw_fd(),
        console: their_console.as_raw_fd(),
        shares: servers.sockets.iter().map(AsRawFd::as_raw_fd).collect(),
    };
    let mut command = Command::new(qemu);
    command.args(arguments(spec.driver, &inputs, &fds));
    let output = |console: &OwnedFd| {
        console
            .try_clone()
            .map(Stdio::from)
            .map_err(resource("the console"))
    };
    command
        .stdin(Stdio::null())
        .stdout(output(&their_console)?)
        .stderr(output(&their_console)?);
    let mut inherited = vec![agent.theirs, their_console];
    inherited.append(&mut servers.sockets);
    inherited.extend(inputs.locks);
    let keep = Keep {
        fds: inherited,
        lifeline: Some(their_lifeline),
        capabilities: CapabilitySet::empty(),
        files,
    };
    confine::confine(&mut command, keep);
    let mut child = command.spawn().map_err(|source| DriverError::Start {
        program: qemu.clone(),
        source,
    })?;
    // Closes this process's copies of what QEMU inherited, or their ends would never show.
    drop(command);
    // All processes set themselves up at the same time; the servers are waited for only now.
    let helpers = match servers.wait() {
        Ok(helpers) => helpers,
        Err(error) => {
            end(&mut child);
            return Err(error);
        }
    };
    Ok(SpawnedVmm {
        child,
        helpers,
        agent: agent.ours,
        console: console.into(),
        lifeline,
        tree: Some(inputs.layout.tree),
    })
}

/// The servers of the shares, which end with this unless they were waited for.
#[derive(Default)]
struct Servers {
    children: Vec<Child>,
    reports: Vec<Report>,
    /// QEMU's ends of their sockets.
    sockets: Vec<OwnedFd>,
}

impl Servers {
    fn start(&mut self, directory: &Path, share: &Share) -> Result<(), DriverError> {
        let server = share::Server::start(directory, share)?;
        self.children.push(server.child);
        self.reports.push(server.report);
        self.sockets.push(server.socket);
        Ok(())
    }

    /// Waits until all are up.
    fn wait(mut self) -> Result<Vec<Child>, DriverError> {
        for report in std::mem::take(&mut self.reports) {
            report.wait()?;
        }
        Ok(std::mem::take(&mut self.children))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.children {
            end(child);
        }
    }
}

/// What QEMU may write beside its descriptors. It reads what it likes: its firmware and libraries are all over the
/// host.
fn fence(driver: Driver, inputs: &Inputs) -> Result<Option<Fenced>, FenceError> {
    let mut fence = Fence::around_writes()?.write("/dev/null")?;
    if driver == Driver::QemuKvm {
        fence = fence.write("/dev/kvm")?;
    }
    for disk in inputs.layout.disks.iter().filter(|disk| !disk.read_only) {
        fence = fence.write(&disk.path)?;
    }
    Ok(fence.finish())
}

fn arguments(driver: Driver, inputs: &Inputs, fds: &Fds) -> Vec<String> {
    let memory = inputs.memory_mib;
    let mut list: Vec<String> = [
        "-nodefaults -no-user-config -display none -no-reboot",
        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        // With ACPI off the machine comes up only with both legacy timers; an RTC would take a device's interrupt.
        "-machine microvm,acpi=off,rtc=off,pit=on,pic=on,isa-serial=off,auto-kernel-cmdline=on,memory-backend=ram",
        // Legacy virtio breaks vhost-user.
        "-global virtio-mmio.force-legacy=false",
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    .map(str::to_owned)
    .collect();
    let mut add = |option: &str, value: String| list.extend([option.to_owned(), value]);
    add(
        "-cpu",
        match driver {
            Driver::QemuKvm => "max".to_owned(),
            // Emulation runs `rep movsb` byte by byte: without the first two flags the guest copies in words instead.
            // Without the third its page tables have four levels to walk, not five.
            _ => "max,erms=off,fsrm=off,la57=off".to_owned(),
        },
    );
    add(
        "-accel",
        match driver {
            Driver::QemuKvm => "kvm".to_owned(),
            _ => format!("tcg,thread=multi,tb-size={TRANSLATION_CACHE_MIB}"),
        },
    );
    add("-smp", inputs.cpus.to_string());
    add("-m", format!("{memory}M"));
    // The share's server maps the guest's memory, so it must be a file.
    add(
        "-object",
        format!("memory-backend-memfd,id=ram,size={memory}M,share=on"),
    );
    add("-kernel", inputs.kernel.clone());
    add("-initrd", inputs.initramfs.clone());
    add("-append", COMMAND_LINE.to_owned());
    add("-device", "virtio-serial-device".to_owned());
    add("-chardev", format!("socket,id=console,fd={}", fds.console));
    add("-device", "virtconsole,chardev=console".to_owned());
    add("-chardev", format!("socket,id=agent,fd={}", fds.agent));
    add(
        "-device",
        format!("virtserialport,chardev=agent,name={AGENT_PORT}"),
    );
    for (index, (share, socket)) in inputs.layout.shares.iter().zip(&fds.shares).enumerate() {
        add("-chardev", format!("socket,id=share{index},fd={socket}"));
        add(
            "-device",
            format!("vhost-user-fs-device,chardev=share{index},tag={}", share.tag),
        );
    }
    for (index, disk) in inputs.layout.disks.iter().enumerate() {
        add(
            "-blockdev",
            block_device(&format!("disk{index}"), disk).to_string(),
        );
        add("-device", block_frontend(index, disk));
    }
    list
}

/// A failed request is the guest's to see. By default QEMU stops the machine when the host's disk is full, and without a
/// monitor nobody could let it go on.
fn block_frontend(index: usize, disk: &Disk) -> String {
    let serial = &disk.serial;
    format!("virtio-blk-device,drive=disk{index},serial={serial},werror=report,rerror=report")
}

/// As JSON, because a path in the plain form may not hold a comma.
fn block_device(node: &str, disk: &Disk) -> serde_json::Value {
    let mut device = serde_json::json!({
        "node-name": node,
        "driver": "raw",
        "read-only": disk.read_only,
        "discard": "unmap",
        "file": { "driver": "file", "filename": disk.path, "read-only": disk.read_only, "discard": "unmap" },
    });
    let format = match disk.sectors {
        Sectors::Image(DiskFormat::Raw) => return device,
        Sectors::Image(DiskFormat::Qcow2) => "qcow2",
        Sectors::Joined(_) => "vmdk",
    };
    device["driver"] = format.into();
    // Whatever the image says: a backing file would be read in the guest's name.
    device["backing"] = serde_json::Value::Null;
    device
}

#[cfg(test)]
mod tests;
