// What a backend goes by, after the configuration, the config file, the environment and the defaults.
import CMsb

/// What a backend goes by. Wraps the functions `msb_backend_info_*`.
public struct BackendInfo: Sendable {
    /// The home directory.
    public let home: String
    /// The config file that was looked for.
    public let configPath: String
    /// Whether the config file was there.
    public let isConfigFound: Bool
    public let databasePath: String
    public let sandboxesDirectory: String
    public let volumesDirectory: String
    public let snapshotsDirectory: String
    public let cacheDirectory: String
    public let logsDirectory: String
    public let secretsDirectory: String
    /// The hypervisor driver of a sandbox that does not say.
    public let driver: Driver
    /// The library to take the guest kernel from; nil if it is looked for.
    public let libkrunfwPath: String?
    /// The qemu-system program; nil if it is looked for.
    public let qemuPath: String?
    /// The msb-runner program; nil if it is the one inside the library.
    public let runnerPath: String?
    /// Reading connections to the database.
    public let maxConnections: Int
    /// How long to wait for a free database connection.
    public let connectTimeout: Duration
    /// How long to wait for another process's write to the database.
    public let busyTimeout: Duration
    /// Virtual processors of a sandbox that does not say.
    public let defaultCPUs: Int
    /// Memory in MiB of a sandbox that does not say.
    public let defaultMemoryMiB: Int
    /// Size in MiB of what holds the writes to its root of a sandbox that does not say.
    public let defaultUpperSizeMiB: Int
    public let shell: String
    /// The working directory of commands in a sandbox that does not say, if there is one.
    public let workingDirectory: String?
    /// The time between two samples of a sandbox's metrics; zero takes none.
    public let metricsSampleInterval: Duration
    /// Whether no samples of metrics are taken, whatever the interval.
    public let isMetricsSampleDisabled: Bool
    /// How many sandboxes the registry of live metrics has room for; 0 for as many as is usual.
    public let metricsCapacity: Int
    public let logLevel: LogLevel
    /// The profile that the config file makes active, if it does.
    public let activeProfile: String?
    /// The PEM file with further certificate authorities for registries, if there is one.
    public let caCerts: String?
    /// The registries that are configured, in the order of their names.
    public let registries: [Registry]
    /// All of it as a JSON object.
    public let json: String

    init(_ info: OpaquePointer) throws(MsbError) {
        json = try converted(msb_bytes_free, string(_:)) { out, error in msb_backend_info_to_json(info, out, error) }
        home = string(msb_backend_info_home(info))
        configPath = string(msb_backend_info_config_path(info))
        isConfigFound = msb_backend_info_config_found(info) != 0
        databasePath = string(msb_backend_info_database_path(info))
        sandboxesDirectory = string(msb_backend_info_sandboxes_dir(info))
        volumesDirectory = string(msb_backend_info_volumes_dir(info))
        snapshotsDirectory = string(msb_backend_info_snapshots_dir(info))
        cacheDirectory = string(msb_backend_info_cache_dir(info))
        logsDirectory = string(msb_backend_info_logs_dir(info))
        secretsDirectory = string(msb_backend_info_secrets_dir(info))
        driver = Driver(msb_backend_info_driver(info))
        libkrunfwPath = stringIfAny(msb_backend_info_libkrunfw_path(info))
        qemuPath = stringIfAny(msb_backend_info_qemu_path(info))
        runnerPath = stringIfAny(msb_backend_info_runner_path(info))
        maxConnections = Int(msb_backend_info_max_connections(info))
        connectTimeout = .seconds(msb_backend_info_connect_timeout_secs(info))
        busyTimeout = .seconds(msb_backend_info_busy_timeout_secs(info))
        defaultCPUs = Int(msb_backend_info_default_cpus(info))
        defaultMemoryMiB = Int(msb_backend_info_default_memory_mib(info))
        defaultUpperSizeMiB = Int(clamping: msb_backend_info_default_upper_size_mib(info))
        shell = string(msb_backend_info_shell(info))
        workingDirectory = stringIfAny(msb_backend_info_workdir(info))
        metricsSampleInterval = .milliseconds(msb_backend_info_metrics_sample_interval_ms(info))
        isMetricsSampleDisabled = msb_backend_info_disable_metrics_sample(info) != 0
        metricsCapacity = Int(msb_backend_info_metrics_capacity(info))
        logLevel = LogLevel(msb_backend_info_log_level(info))
        activeProfile = stringIfAny(msb_backend_info_active_profile(info))
        caCerts = stringIfAny(msb_backend_info_ca_certs(info))
        registries = (0..<msb_backend_info_registry_count(info)).map { Registry(info, at: $0) }
    }
}

extension Registry {
    fileprivate init(_ info: OpaquePointer, at index: Int) {
        let login = stringIfAny(msb_backend_info_registry_username(info, index)).map { username in
            Login(
                username: username,
                passwordSource: PasswordSource(msb_backend_info_registry_auth_source(info, index)),
                passwordName: string(msb_backend_info_registry_auth_value(info, index)))
        }
        self.init(
            host: string(msb_backend_info_registry_host(info, index)),
            isInsecure: msb_backend_info_registry_insecure(info, index) != 0, login: login)
    }
}
