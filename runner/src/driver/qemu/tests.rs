use super::*;

fn inputs(lower: &str) -> Inputs {
    Inputs {
        kernel: "/k".to_owned(),
        initramfs: "/i".to_owned(),
        lower: lower.to_owned(),
        upper: Some("/disk,with\"odd name".to_owned()),
        cpus: 2,
        memory_mib: 256,
    }
}

const FDS: Fds = Fds {
    agent: 10,
    console: 11,
    share: 12,
};

#[test]
fn the_machine_is_the_one_of_the_boot_contract() {
    let arguments = arguments(Driver::QemuTcg, &inputs("/root"), &FDS);
    let expected = [
        "-nodefaults",
        "-no-user-config",
        "-display none",
        "-no-reboot",
        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-machine microvm,acpi=off,rtc=off,pit=on,pic=on,isa-serial=off,auto-kernel-cmdline=on,memory-backend=ram",
        "-global virtio-mmio.force-legacy=false",
        "-cpu max,erms=off,fsrm=off,la57=off",
        "-accel tcg,thread=multi,tb-size=32",
        "-smp 2",
        "-m 256M",
        "-object memory-backend-memfd,id=ram,size=256M,share=on",
        "-kernel /k",
        "-initrd /i",
        "-append console=hvc0 reboot=t panic=-1 quiet nomodule no-kvmapf rdinit=/init",
        "-device virtio-serial-device",
        "-chardev socket,id=console,fd=11",
        "-device virtconsole,chardev=console",
        "-chardev socket,id=agent,fd=10",
        "-device virtserialport,chardev=agent,name=msb.agent",
        "-chardev socket,id=lower,fd=12",
        "-device vhost-user-fs-device,chardev=lower,tag=msb-lower",
        concat!(
            r#"-blockdev {"discard":"unmap","driver":"raw","file":{"discard":"unmap","driver":"file","#,
            r#""filename":"/disk,with\"odd name"},"node-name":"upper"}"#
        ),
        "-device virtio-blk-device,drive=upper,serial=msb-upper",
    ];
    assert_eq!(arguments.join(" "), expected.join(" "));
}

#[test]
fn hardware_changes_the_accelerator_and_the_copy_flags_only() {
    let emulated = arguments(Driver::QemuTcg, &inputs("/root"), &FDS);
    let hardware = arguments(Driver::QemuKvm, &inputs("/root"), &FDS);
    let different: Vec<_> = emulated
        .iter()
        .zip(&hardware)
        .filter(|(one, other)| one != other)
        .collect();
    assert_eq!(emulated.len(), hardware.len());
    let with_hardware: Vec<_> = different.iter().map(|(_, hardware)| hardware.as_str()).collect();
    assert_eq!(with_hardware, ["max", "kvm"]);
}

#[test]
fn the_root_directory_is_not_on_the_command_line() {
    let arguments = arguments(Driver::QemuTcg, &inputs("/somewhere/private"), &FDS);
    assert!(!arguments.join(" ").contains("private"));
}
