use super::*;

fn disk(sectors: Sectors) -> Disk {
    Disk {
        serial: "msb-lower".to_owned(),
        path: "/disk,with\"odd name".to_owned(),
        sectors,
        read_only: true,
    }
}

#[test]
fn a_disk_is_what_it_was_checked_to_be_and_refers_to_nothing_else() {
    let raw = block_device("n", &disk(Sectors::Image(DiskFormat::Raw)));
    assert_eq!(raw["file"]["filename"], "/disk,with\"odd name");
    assert_eq!(raw["driver"], "raw");
    for (sectors, driver) in [
        (Sectors::Image(DiskFormat::Qcow2), "qcow2"),
        (Sectors::Joined(vec!["/layer".to_owned()]), "vmdk"),
    ] {
        let device = block_device("n", &disk(sectors));
        assert_eq!(device["driver"], driver);
        assert_eq!(device.get("backing"), Some(&serde_json::Value::Null));
        // Neither is written, by QEMU or by what it opens for it.
        assert_eq!(device["read-only"], true);
        assert_eq!(device["file"]["read-only"], true);
    }
}

#[test]
fn a_full_or_broken_disk_of_the_host_is_an_error_of_the_guests_and_stops_no_machine() {
    let device = block_frontend(3, &disk(Sectors::Image(DiskFormat::Raw)));
    assert_eq!(
        device,
        "virtio-blk-device,drive=disk3,serial=msb-lower,werror=report,rerror=report"
    );
}
