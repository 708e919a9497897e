// What a volume is created with, and which volumes a listing gives.
import CMsb

/// What a volume is created with. Wraps the functions `msb_volume_config_*`.
public struct VolumeConfig: Sendable {
    /// The name: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit; unique within the home.
    public var name: String?
    /// A directory, or a disk with an ext4 file system. Default: a directory.
    public var kind: VolumeKind?
    /// The most that a directory may hold, in MiB, at least 1; also bounds the number of its files. Default: no limit.
    public var quotaMiB: Int?
    /// The size of a disk in MiB, at least 16. Required for one, and for nothing else.
    public var capacityMiB: Int?
    /// Labels to find the volume by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
    public var labels: [String: String] = [:]
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_volume_config_new(nil) }, fromJSON: msb_volume_config_from_json,
        toJSON: msb_volume_config_to_json, free: msb_volume_config_free)

    public init(name: String, kind: VolumeKind? = nil, quotaMiB: Int? = nil, capacityMiB: Int? = nil) {
        self.name = name
        self.kind = kind
        self.quotaMiB = quotaMiB
        self.capacityMiB = capacityMiB
    }

    /// Reads a configuration from JSON; `schemas/msb_volume_config.json` describes it. Properties that are set
    /// afterwards count instead of what the text says; labels are added to it.
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
        try config.set("name", name, msb_volume_config_set_name)
        try config.set("kind", kind, msb_volume_config_set_kind)
        try config.set("quotaMiB", quotaMiB, msb_volume_config_set_quota_mib)
        try config.set("capacityMiB", capacityMiB, msb_volume_config_set_capacity_mib)
        try config.add("labels", labels, msb_volume_config_add_label)
        return config
    }
}

/// Which volumes a listing gives; all that is set must hold. Wraps the functions `msb_volume_filter_*`.
public struct VolumeFilter: PagedFilter, Sendable {
    /// Only volumes that have all these labels.
    public var labels: [String: String] = [:]
    /// Only volumes of this kind. Default: both.
    public var kind: VolumeKind?
    /// Only volumes whose name begins so.
    public var namePrefix: String?
    /// How many volumes a page holds at most, 1 to 1000. Default: 100.
    public var limit: Int?
    /// Where to go on: what the page before gave. Default: from the beginning.
    public var cursor: String?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_volume_filter_new() }, fromJSON: msb_volume_filter_from_json,
        toJSON: msb_volume_filter_to_json, free: msb_volume_filter_free)

    public init(labels: [String: String] = [:], kind: VolumeKind? = nil, namePrefix: String? = nil) {
        self.labels = labels
        self.kind = kind
        self.namePrefix = namePrefix
    }

    /// Reads a filter from JSON; `schemas/msb_volume_filter.json` describes it. Properties that are set afterwards are
    /// added to what the text says, or count instead of it.
    public init(json: String) throws(MsbError) {
        base = json
        _ = try object()
    }

    /// The filter as JSON: the options that differ from their defaults.
    public func json() throws(MsbError) -> String {
        try object().json()
    }

    func object() throws(MsbError) -> ConfigObject {
        let filter = try ConfigObject(Self.functions, json: base)
        try filter.add("labels", labels, msb_volume_filter_add_label)
        try filter.set("kind", kind, msb_volume_filter_set_kind)
        try filter.set("namePrefix", namePrefix, msb_volume_filter_set_name_prefix)
        try filter.set("limit", limit, msb_volume_filter_set_limit)
        try filter.set("cursor", cursor, msb_volume_filter_set_cursor)
        return filter
    }
}
