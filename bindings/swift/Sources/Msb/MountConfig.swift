// What a guest sees in its tree beside its root.
import CMsb

/// What a guest sees at a path: a volume, a directory or file of the host, memory, or a disk image.
/// Wraps the functions `msb_mount_config_*`.
public struct MountConfig: Sendable {
    /// Where the guest sees it: an absolute path without `..`, outside of `/proc` and `/sys`; made if it is missing.
    public var guestPath: String?
    /// What the guest sees there.
    public var source: Source?
    /// Whether the guest can only read; the host enforces it too.
    public var readOnly: Bool?
    /// Whether nothing on it can be executed.
    public var noexec: Bool?
    /// Whether set-user-ID and set-group-ID bits on it do nothing.
    public var nosuid: Bool?
    /// Whether device nodes on it do nothing.
    public var nodev: Bool?
    /// The user and the group that the guest sees everything on it owned by. Not for disks.
    public var owner: Owner?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_mount_config_new(nil) }, fromJSON: msb_mount_config_from_json,
        toJSON: msb_mount_config_to_json, free: msb_mount_config_free)

    public init(_ source: Source, at guestPath: String, readOnly: Bool? = nil) {
        self.source = source
        self.guestPath = guestPath
        self.readOnly = readOnly
    }

    /// Reads a configuration from JSON; `schemas/msb_mount_config.json` describes it. Properties that are set
    /// afterwards count instead of what the text says.
    public init(json: String) throws(MsbError) {
        base = json
        _ = try object()
    }

    /// The configuration as JSON: the options that differ from their defaults.
    public func json() throws(MsbError) -> String {
        try object().json()
    }

    func object() throws(MsbError) -> ConfigObject {
        let config = try ConfigObject(Self.functions, json: base)
        try config.set("guestPath", guestPath, msb_mount_config_set_guest_path)
        try source?.set(in: config)
        try config.set("readOnly", readOnly, msb_mount_config_set_read_only)
        try config.set("noexec", noexec, msb_mount_config_set_noexec)
        try config.set("nosuid", nosuid, msb_mount_config_set_nosuid)
        try config.set("nodev", nodev, msb_mount_config_set_nodev)
        try config.set("owner.uid", owner?.uid, msb_mount_config_set_uid)
        try config.set("owner.gid", owner?.gid, msb_mount_config_set_gid)
        return config
    }

    /// A user and a group by their numbers.
    public struct Owner: Hashable, Sendable {
        public var uid: Int
        public var gid: Int

        public init(uid: Int, gid: Int) {
            self.uid = uid
            self.gid = gid
        }
    }

    /// What a mount shows.
    public enum Source: Hashable, Sendable {
        /// The volume of this name.
        case volume(String, mode: VolumeMode = .existing)
        /// A directory or a file of the host, by its path.
        case bind(String)
        /// An empty directory in guest memory, new at every start. Without a size it may hold half of the guest's
        /// memory; without a mode it has 1777 (octal).
        case memory(sizeMiB: Int? = nil, mode: Int? = nil)
        /// The file system in a disk image of the host, by its path. Without a file system the guest looks.
        case disk(String, format: DiskFormat = .probe, fileSystem: String? = nil)

        fileprivate func set(in config: ConfigObject) throws(MsbError) {
            switch self {
            case .volume(let name, let mode):
                try config.set("volume", name, msb_mount_config_set_volume)
                try mode.set(in: config)
            case .bind(let path):
                try config.set("bind", path, msb_mount_config_set_bind)
            case .memory(let sizeMiB, let mode):
                try config.set("memory", true, msb_mount_config_set_tmpfs)
                try config.set("sizeMiB", sizeMiB, msb_mount_config_set_tmpfs_size_mib)
                try config.set("mode", mode, msb_mount_config_set_tmpfs_mode)
            case .disk(let path, let format, let fileSystem):
                try config.set("disk", path, msb_mount_config_set_disk)
                try config.set("format", format, msb_mount_config_set_disk_format)
                try config.set("fileSystem", fileSystem, msb_mount_config_set_disk_fstype)
            }
        }
    }

    /// What creating the sandbox does about a volume.
    public enum VolumeMode: Hashable, Sendable {
        /// It must be there.
        case existing
        /// It is made, and must be new.
        case create(kind: VolumeKind? = nil, quotaMiB: Int? = nil, capacityMiB: Int? = nil)
        /// It is made if it is missing, and must otherwise be of this kind and size.
        case ensure(kind: VolumeKind? = nil, quotaMiB: Int? = nil, capacityMiB: Int? = nil)

        fileprivate func set(in config: ConfigObject) throws(MsbError) {
            switch self {
            case .existing:
                try config.set("mode", "existing", msb_mount_config_set_volume_mode)
            case .create(let kind, let quotaMiB, let capacityMiB):
                try config.set("mode", "create", msb_mount_config_set_volume_mode)
                try Self.set(in: config, kind, quotaMiB, capacityMiB)
            case .ensure(let kind, let quotaMiB, let capacityMiB):
                try config.set("mode", "ensure", msb_mount_config_set_volume_mode)
                try Self.set(in: config, kind, quotaMiB, capacityMiB)
            }
        }

        private static func set(
            in config: ConfigObject, _ kind: VolumeKind?, _ quotaMiB: Int?, _ capacityMiB: Int?
        ) throws(MsbError) {
            try config.set("kind", kind, msb_mount_config_set_volume_kind)
            try config.set("quotaMiB", quotaMiB, msb_mount_config_set_volume_quota_mib)
            try config.set("capacityMiB", capacityMiB, msb_mount_config_set_volume_capacity_mib)
        }
    }

    /// The format of a disk image.
    public struct DiskFormat: OpenName {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// To be told by its content.
        public static let probe = DiskFormat(rawValue: "probe")
        public static let raw = DiskFormat(rawValue: "raw")
        public static let qcow2 = DiskFormat(rawValue: "qcow2")
    }
}
