// A snapshot of a sandbox.
import CMsb

/// A snapshot of a sandbox. Wraps the functions `msb_sandbox_info_*`.
public struct SandboxInfo: Sendable {
    public let name: String
    /// The truth: a sandbox whose runner has died is `crashed`, whatever was last written.
    public let status: SandboxStatus
    /// The driver that runs it, or that ran or will run it; nil if none was chosen yet.
    public let driver: Driver?
    /// Why driver `auto` did not choose a better one; empty if there is none, or if it was asked for by name.
    public let driverReason: String
    /// The isolation that this driver gives; nil if none was chosen yet.
    public let isolation: Isolation?
    /// The root file system: the path of a directory or of a disk image.
    public let image: String
    /// The stored configuration as JSON.
    public let config: String
    public let cpus: Int
    public let memoryMiB: Int
    /// Whether it is removed when it ends.
    public let isEphemeral: Bool
    /// Whether it was configured to outlive the process that starts it.
    public let isDetached: Bool
    /// When it was created, since 1970 UTC.
    public let created: Duration
    /// The process id of its runner while it runs. To look at, not to signal: use `Sandbox.kill`.
    public let runnerPID: Int32?
    public let labels: [String: String]
    /// In the order in which they were given.
    public let mounts: [Mount]
    /// How its last run ended; nil if it runs or never ran.
    public let exit: SandboxExit?
    /// How its last run ended, as a sentence; empty if it runs or never ran.
    public let endMessage: String
    /// The last lines of the console of a run that crashed or did not come up; else empty.
    public let consoleTail: String

    /// What the guest sees in its tree beside its root.
    public struct Mount: Sendable {
        public let guestPath: String
        public let kind: Kind
        /// The volume's name or the host's path; empty for memory.
        public let source: String
        public let options: Options

        /// What a mount shows.
        public struct Kind: OpenName {
            public let rawValue: String

            public init(rawValue: String) {
                self.rawValue = rawValue
            }

            public static let volume = Kind(rawValue: "volume")
            public static let bind = Kind(rawValue: "bind")
            public static let memory = Kind(rawValue: "tmpfs")
            public static let disk = Kind(rawValue: "disk")
            /// Something that the library does not know.
            public static let other = Kind(rawValue: "other")
        }

        public struct Options: OptionSet, Sendable {
            public let rawValue: UInt32

            public init(rawValue: UInt32) {
                self.rawValue = rawValue
            }

            private init(_ flag: Int32) {
                rawValue = UInt32(bitPattern: flag)
            }

            public static let readOnly = Options(MSB_MOUNT_READ_ONLY)
            public static let noexec = Options(MSB_MOUNT_NOEXEC)
            public static let nosuid = Options(MSB_MOUNT_NOSUID)
            public static let nodev = Options(MSB_MOUNT_NODEV)
        }
    }

    init(_ info: OpaquePointer) {
        name = string(msb_sandbox_info_name(info))
        status = SandboxStatus(msb_sandbox_info_status(info))
        driver = Driver(ifAny: msb_sandbox_info_driver(info))
        driverReason = string(msb_sandbox_info_driver_reason(info))
        isolation = Isolation(ifAny: msb_sandbox_info_isolation(info))
        image = string(msb_sandbox_info_image(info))
        config = string(msb_sandbox_info_config(info))
        cpus = Int(msb_sandbox_info_cpus(info))
        memoryMiB = Int(msb_sandbox_info_memory_mib(info))
        isEphemeral = msb_sandbox_info_ephemeral(info) != 0
        isDetached = msb_sandbox_info_detached(info) != 0
        created = .milliseconds(msb_sandbox_info_created_unix_ms(info))
        let pid = msb_sandbox_info_runner_pid(info)
        runnerPID = pid == 0 ? nil : Int32(clamping: pid)
        labels = pairs(
            msb_sandbox_info_label_count(info), { msb_sandbox_info_label_key(info, $0) },
            { msb_sandbox_info_label_value(info, $0) })
        mounts = (0..<msb_sandbox_info_mount_count(info)).map { index in
            Mount(
                guestPath: string(msb_sandbox_info_mount_guest_path(info, index)),
                kind: Mount.Kind(msb_sandbox_info_mount_kind(info, index)),
                source: string(msb_sandbox_info_mount_source(info, index)),
                options: Mount.Options(rawValue: msb_sandbox_info_mount_flags(info, index)))
        }
        var record = msb_exit()
        exit = msb_sandbox_info_exit(info, &record) != 0 ? SandboxExit(record) : nil
        endMessage = string(msb_sandbox_info_end_message(info))
        consoleTail = string(msb_sandbox_info_console_tail(info))
    }
}

func pairs(
    _ count: Int, _ key: (Int) -> UnsafePointer<CChar>?, _ value: (Int) -> UnsafePointer<CChar>?
) -> [String: String] {
    Dictionary((0..<count).map { (string(key($0)), string(value($0))) }, uniquingKeysWith: { $1 })
}

/// What state a sandbox is in.
public struct SandboxStatus: OpenName {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let created = SandboxStatus(rawValue: "Created")
    public static let starting = SandboxStatus(rawValue: "Starting")
    public static let running = SandboxStatus(rawValue: "Running")
    /// It is being shut down.
    public static let draining = SandboxStatus(rawValue: "Draining")
    public static let paused = SandboxStatus(rawValue: "Paused")
    public static let stopped = SandboxStatus(rawValue: "Stopped")
    public static let crashed = SandboxStatus(rawValue: "Crashed")
}
