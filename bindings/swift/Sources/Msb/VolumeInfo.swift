// A snapshot of a volume.
import CMsb

/// A snapshot of a volume. Wraps the functions `msb_volume_info_*`.
public struct VolumeInfo: Sendable {
    public let name: String
    public let kind: VolumeKind
    /// Its directory on the host; a disk's image is `disk.raw` in it.
    public let path: String
    /// The most that a directory may hold, in MiB; nil without a limit.
    public let quotaMiB: Int?
    /// The size of a disk in bytes; nil for a directory.
    public let capacityBytes: Int?
    /// The sizes of a directory's files together, or the room that a disk takes on the host, in bytes; nil in a listing,
    /// which looks at no files.
    public let usedBytes: Int?
    /// The format of a disk; nil for a directory.
    public let diskFormat: String?
    /// The file system of a disk; nil for a directory.
    public let diskFileSystem: String?
    /// When it was created, since 1970 UTC.
    public let created: Duration
    /// When it was last resized, else created, since 1970 UTC.
    public let updated: Duration
    public let labels: [String: String]
    /// The running sandboxes that have it attached; empty in a listing, which does not look.
    public let attachedTo: [String]

    init(_ info: OpaquePointer) {
        name = string(msb_volume_info_name(info))
        kind = VolumeKind(msb_volume_info_kind(info))
        path = string(msb_volume_info_path(info))
        let quota = msb_volume_info_quota_mib(info)
        quotaMiB = quota == 0 ? nil : Int(clamping: quota)
        let capacity = msb_volume_info_capacity_bytes(info)
        capacityBytes = capacity == 0 ? nil : Int(clamping: capacity)
        let used = msb_volume_info_used_bytes(info)
        usedBytes = used == MSB_NOT_MEASURED ? nil : Int(clamping: used)
        diskFormat = stringIfAny(msb_volume_info_disk_format(info))
        diskFileSystem = stringIfAny(msb_volume_info_disk_fstype(info))
        created = .milliseconds(msb_volume_info_created_unix_ms(info))
        updated = .milliseconds(msb_volume_info_updated_unix_ms(info))
        labels = pairs(
            msb_volume_info_label_count(info), { msb_volume_info_label_key(info, $0) },
            { msb_volume_info_label_value(info, $0) })
        attachedTo = (0..<msb_volume_info_attached_count(info)).map { string(msb_volume_info_attached_to(info, $0)) }
    }
}
