// The room that a home takes: measured, checked, freed.
import CMsb

extension Backend {
    /// Measures how much room the home takes on disk. Wraps `msb_storage_usage_get_async`.
    public func storageUsage() async throws(MsbError) -> StorageUsage {
        try await perform(
            msb_storage_usage_free, StorageUsage.init,
            { handle, out, error in msb_op_take_storage_usage(handle, out, error) }
        ) { queue, token, operation, error in
            msb_storage_usage_get_async(handle, queue, token, operation, error)
        }
    }

    /// Looks for what crashes and accidents left in the home, and with `repairing` mends it. Nothing of a running sandbox
    /// is touched. Wraps `msb_fsck_async`.
    public func fsck(repairing: Bool = false) async throws(MsbError) -> FsckReport {
        try await perform(
            msb_fsck_report_free, FsckReport.init,
            { handle, out, error in msb_op_take_fsck_report(handle, out, error) }
        ) { queue, token, operation, error in
            msb_fsck_async(handle, flag(MSB_FSCK_REPAIR, if: repairing), queue, token, operation, error)
        }
    }

    /// Frees room in the home; with `dryRun`, only tells what would be freed. Nothing that is in use is touched.
    /// Wraps `msb_prune_async`.
    public func prune(_ what: PruneOptions, dryRun: Bool = false) async throws(MsbError) -> PruneReport {
        try await perform(
            msb_prune_report_free, PruneReport.init,
            { handle, out, error in msb_op_take_prune_report(handle, out, error) }
        ) { queue, token, operation, error in
            msb_prune_async(
                handle, what.rawValue | flag(MSB_PRUNE_DRY_RUN, if: dryRun), queue, token, operation, error)
        }
    }
}

/// What `Backend.prune` frees.
public struct PruneOptions: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    private init(_ flag: Int32) {
        rawValue = UInt32(bitPattern: flag)
    }

    /// Guest kernels, programs of other versions, image layers that no image has.
    public static let cache = PruneOptions(MSB_PRUNE_CACHE)
    /// What processes that are gone left half done.
    public static let temporary = PruneOptions(MSB_PRUNE_TEMPORARY)
    /// What `Backend.fsck` moved aside, for good.
    public static let lost = PruneOptions(MSB_PRUNE_LOST)
    /// Logs of sandboxes that do not run.
    public static let logs = PruneOptions(MSB_PRUNE_LOGS)
    /// Copies of the database from before upgrades.
    public static let backups = PruneOptions(MSB_PRUNE_BACKUPS)
    /// Images that no sandbox and no snapshot needs; they have to be pulled or loaded again.
    public static let images = PruneOptions(MSB_PRUNE_IMAGES)
}

/// How much room a home takes, by category. Wraps the functions `msb_storage_usage_*`.
public struct StorageUsage: Sendable {
    /// The room that all categories take together.
    public let totalBytes: UInt64
    public let categories: [Category]

    public struct Category: Sendable {
        /// Such as `"sandboxes"`, `"volumes"` or `"cache"`; later versions may have more.
        public let name: String
        public let path: String
        /// The room on disk, holes left out.
        public let bytes: UInt64
        /// The number of files of any kind, directories included.
        public let fileCount: UInt64
    }

    init(_ usage: OpaquePointer) {
        totalBytes = msb_storage_usage_total_bytes(usage)
        categories = (0..<msb_storage_usage_len(usage)).map { index in
            Category(
                name: string(msb_storage_usage_category(usage, index)),
                path: string(msb_storage_usage_path(usage, index)),
                bytes: msb_storage_usage_bytes(usage, index), fileCount: msb_storage_usage_files(usage, index))
        }
    }
}

/// Something that a check found or that was freed.
public struct StorageItem: Sendable {
    /// What it is, such as `"stale_lock"` or `"unused_cache"`; later versions may have more.
    public let kind: String
    /// The name of the sandbox, volume or file.
    public let name: String
    /// Where it is on disk; empty if it has nothing there.
    public let path: String
    /// The room that it takes on disk.
    public let bytes: UInt64
    /// Why it is one, for people.
    public let reason: String
    public let action: Action
    /// More about what was done, for people; else empty.
    public let detail: String

    /// What was done about it.
    public struct Action: OpenName {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public static let none = Action(rawValue: "none")
        public static let removed = Action(rawValue: "removed")
        public static let moved = Action(rawValue: "moved")
        public static let mended = Action(rawValue: "mended")
        /// It came into use meanwhile.
        public static let inUse = Action(rawValue: "in_use")
        public static let failed = Action(rawValue: "failed")
    }
}

/// What a check of a home found. Wraps the functions `msb_fsck_report_*`.
public struct FsckReport: Sendable {
    /// The room that all findings take on disk; of the repaired ones, took.
    public let bytes: UInt64
    public let findings: [StorageItem]

    init(_ report: OpaquePointer) {
        bytes = msb_fsck_report_bytes(report)
        findings = (0..<msb_fsck_report_len(report)).map { index in
            StorageItem(
                kind: string(msb_fsck_report_kind(report, index)), name: string(msb_fsck_report_name(report, index)),
                path: string(msb_fsck_report_path(report, index)), bytes: msb_fsck_report_item_bytes(report, index),
                reason: string(msb_fsck_report_reason(report, index)),
                action: StorageItem.Action(msb_fsck_report_action(report, index)),
                detail: string(msb_fsck_report_detail(report, index)))
        }
    }
}

/// What was freed in a home. Wraps the functions `msb_prune_report_*`.
public struct PruneReport: Sendable {
    /// The room that all items take on disk; when they were removed, the room that was freed.
    public let bytes: UInt64
    public let items: [StorageItem]

    init(_ report: OpaquePointer) {
        bytes = msb_prune_report_bytes(report)
        items = (0..<msb_prune_report_len(report)).map { index in
            StorageItem(
                kind: string(msb_prune_report_kind(report, index)), name: string(msb_prune_report_name(report, index)),
                path: string(msb_prune_report_path(report, index)), bytes: msb_prune_report_item_bytes(report, index),
                reason: string(msb_prune_report_reason(report, index)),
                action: StorageItem.Action(msb_prune_report_action(report, index)),
                detail: string(msb_prune_report_detail(report, index)))
        }
    }
}
