//! QEMU's `microvm` machine, with KVM or with its own emulation, where no other hypervisor can run.
//!
//! The process gets no network, no monitor, no privileges and only its own descriptors; QEMU's own seccomp
//! sandbox does the rest. The root directory is served by a second process, because QEMU has no virtiofs of
//! its own.

use super::input::Inputs;
use super::{COMMAND_LINE, DriverError, ROOT_TAG, SpawnedVmm, UPPER_SERIAL, agent_link, end, guest_root};
use crate::confine::{self, Fence, FenceError, Fenced, Keep};
use crate::share;
use msb_protocol::AGENT_PORT;
use msb_protocol::launch::{Driver, LaunchSpec};
use rustix::thread::CapabilitySet;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// MiB of translated code that emulation keeps. A boot fills 35; with 16 a Python program runs at half the speed, with
/// 64 no faster than with 32, but QEMU grows by 37 MB.
const TRANSLATION_CACHE_MIB: u32 = 32;

/// Numbers of the descriptors that QEMU inherits.
struct Fds {
    agent: RawFd,
    console: RawFd,
    share: RawFd,
}

/// Starts QEMU and the server of the root directory.
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
    let mut server = share::Server::start(&spec.directory, &inputs.lower)?;
    let fds = Fds {
        agent: agent.theirs.as_raw_fd(),
        console: their_console.as_raw_fd(),
        share: server.socket.as_raw_fd(),
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
    let keep = Keep {
        fds: vec![agent.theirs, their_console, server.socket],
        lifeline: Some(their_lifeline),
        capabilities: CapabilitySet::empty(),
        files,
    };
    confine::confine(&mut command, keep);
    let started = command.spawn().map_err(|source| DriverError::Start {
        program: qemu.clone(),
        source,
    });
    // Closes this process's copies of what QEMU inherited, or their ends would never show.
    drop(command);
    // Both processes set themselves up at the same time; the server is waited for only now.
    let outcome = started.and_then(|mut child| match server.report.wait() {
        Ok(()) => Ok(child),
        Err(error) => {
            end(&mut child);
            Err(error)
        }
    });
    match outcome {
        Ok(child) => Ok(SpawnedVmm {
            child,
            helpers: vec![server.child],
            agent: agent.ours,
            console: console.into(),
            lifeline,
            root: guest_root(spec),
        }),
        Err(error) => {
            end(&mut server.child);
            Err(error)
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
    if let Some(upper) = &inputs.upper {
        fence = fence.write(upper)?;
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
            // Emulation runs `rep movsb` byte by byte: without these flags the guest copies in words instead.
            _ => "max,erms=off,fsrm=off".to_owned(),
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
    add("-chardev", format!("socket,id=lower,fd={}", fds.share));
    add(
        "-device",
        format!("vhost-user-fs-device,chardev=lower,tag={ROOT_TAG}"),
    );
    if let Some(upper) = &inputs.upper {
        // As JSON, because a path in the plain form may not hold a comma.
        let node = serde_json::json!({
            "node-name": "upper",
            "driver": "raw",
            "discard": "unmap",
            "file": { "driver": "file", "filename": upper, "discard": "unmap" },
        });
        add("-blockdev", node.to_string());
        add(
            "-device",
            format!("virtio-blk-device,drive=upper,serial={UPPER_SERIAL}"),
        );
    }
    list
}

#[cfg(test)]
mod tests;
