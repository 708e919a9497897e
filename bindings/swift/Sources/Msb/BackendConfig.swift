// What a backend is opened with.
import CMsb

/// Options that override the config file of the home. What is nil falls through to the config file, and then to the
/// default that is said here. Wraps the functions `msb_backend_config_*`.
public struct BackendConfig: Sendable {
    /// The directory of the store, the sandboxes and all caches. Default: `$MSB_HOME`, else `~/.microsandbox`.
    public var home: String?
    /// The hypervisor driver. Default: `auto`.
    public var driver: Driver?
    /// The libkrunfw library to take the guest kernel from. Default: it is looked for.
    public var libkrunfwPath: String?
    /// The qemu-system program. Default: it is looked for in `PATH`.
    public var qemuPath: String?
    /// The msb-runner program. Default: the one inside the library.
    public var runnerPath: String?
    /// Reading connections to the database, 1 to 1024. Default: 5.
    public var maxConnections: Int?
    /// How long to wait for a free database connection, 1 to 3600 seconds, in whole ones. Default: 30.
    public var connectTimeout: Duration?
    /// How long to wait for another process's write, 1 to 3600 seconds, in whole ones. Default: 5.
    public var busyTimeout: Duration?
    /// Virtual processors of a sandbox that does not say, 1 to 255. Default: 1.
    public var defaultCPUs: Int?
    /// Memory in MiB of a sandbox that does not say, at least 64. Default: 512.
    public var defaultMemoryMiB: Int?
    /// The shell of a sandbox that does not say. Default: `/bin/sh`.
    public var shell: String?
    /// The working directory of commands in a sandbox that does not say.
    public var workingDirectory: String?
    /// The time between two samples of a sandbox's metrics; zero takes none. This version takes none yet.
    public var metricsSampleInterval: Duration?
    /// Whether no samples of metrics are taken, whatever the interval.
    public var disableMetricsSample: Bool?
    /// How much the runners of sandboxes write to their logs. Default: `info`.
    public var logLevel: LogLevel?
    /// A PEM file with certificate authorities that registries may have beside the system's; empty takes away what the
    /// config file has.
    public var caCerts: String?
    /// Registries of images, in place of all of the config file's.
    public var registries: [Registry]?
    /// The directory of the sandboxes. Default: `<home>/sandboxes`.
    public var sandboxesDirectory: String?
    /// The directory of the volumes. Default: `<home>/volumes`.
    public var volumesDirectory: String?
    /// The directory of snapshots. Default: `<home>/snapshots`.
    public var snapshotsDirectory: String?
    /// The directory of what can be made again. Default: `<home>/cache`.
    public var cacheDirectory: String?
    /// The directory of logs that belong to no sandbox. Default: `<home>/logs`.
    public var logsDirectory: String?
    /// The directory of secrets. Default: `<home>/secrets`.
    public var secretsDirectory: String?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_backend_config_new() }, fromJSON: msb_backend_config_from_json,
        toJSON: msb_backend_config_to_json, free: msb_backend_config_free)

    public init(home: String? = nil, driver: Driver? = nil) {
        self.home = home
        self.driver = driver
    }

    /// Reads a configuration from JSON; `schemas/msb_backend_config.json` describes it. Properties that are set
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
        try config.set("home", home, msb_backend_config_set_home)
        try config.set("driver", driver, msb_backend_config_set_driver)
        try config.set("libkrunfwPath", libkrunfwPath, msb_backend_config_set_libkrunfw_path)
        try config.set("qemuPath", qemuPath, msb_backend_config_set_qemu_path)
        try config.set("runnerPath", runnerPath, msb_backend_config_set_runner_path)
        try config.set("maxConnections", maxConnections, msb_backend_config_set_max_connections)
        try config.setSeconds("connectTimeout", connectTimeout, msb_backend_config_set_connect_timeout_secs)
        try config.setSeconds("busyTimeout", busyTimeout, msb_backend_config_set_busy_timeout_secs)
        try config.set("defaultCPUs", defaultCPUs, msb_backend_config_set_default_cpus)
        try config.set("defaultMemoryMiB", defaultMemoryMiB, msb_backend_config_set_default_memory_mib)
        try config.set("shell", shell, msb_backend_config_set_shell)
        try config.set("workingDirectory", workingDirectory, msb_backend_config_set_workdir)
        try config.setMilliseconds(
            "metricsSampleInterval", metricsSampleInterval, msb_backend_config_set_metrics_sample_interval_ms)
        try config.set("disableMetricsSample", disableMetricsSample, msb_backend_config_set_disable_metrics_sample)
        try config.set("logLevel", logLevel, msb_backend_config_set_log_level)
        try config.set("caCerts", caCerts, msb_backend_config_set_ca_certs)
        try setRegistries(config)
        try config.set("sandboxesDirectory", sandboxesDirectory, msb_backend_config_set_sandboxes_dir)
        try config.set("volumesDirectory", volumesDirectory, msb_backend_config_set_volumes_dir)
        try config.set("snapshotsDirectory", snapshotsDirectory, msb_backend_config_set_snapshots_dir)
        try config.set("cacheDirectory", cacheDirectory, msb_backend_config_set_cache_dir)
        try config.set("logsDirectory", logsDirectory, msb_backend_config_set_logs_dir)
        try config.set("secretsDirectory", secretsDirectory, msb_backend_config_set_secrets_dir)
        return config
    }

    private func setRegistries(_ config: ConfigObject) throws(MsbError) {
        guard let registries else { return }
        try check { error in msb_backend_config_set_registry_hosts(config.pointer, "{}", error) }
        for registry in registries {
            let host = try text(registry.host, "host")
            try check { error in
                msb_backend_config_add_registry_host(config.pointer, host, registry.isInsecure ? 1 : 0, error)
            }
            guard let login = registry.login else { continue }
            let username = try text(login.username, "username")
            let source = try text(login.passwordSource.rawValue, "passwordSource")
            let value = try text(login.passwordName, "passwordName")
            try check { error in
                msb_backend_config_set_registry_auth(config.pointer, host, username, source, value, error)
            }
        }
    }
}

/// How much is written to a log.
public struct LogLevel: OpenName {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public static let error = LogLevel(rawValue: "error")
    public static let warn = LogLevel(rawValue: "warn")
    public static let info = LogLevel(rawValue: "info")
    public static let debug = LogLevel(rawValue: "debug")
    public static let trace = LogLevel(rawValue: "trace")
}

/// A registry of images. This version fetches no images yet.
public struct Registry: Hashable, Sendable {
    /// The host name, perhaps with a port.
    public var host: String
    /// Whether it is spoken to over plain HTTP.
    public var isInsecure: Bool
    /// Who to log in as.
    public var login: Login?

    public init(host: String, isInsecure: Bool = false, login: Login? = nil) {
        self.host = host
        self.isInsecure = isInsecure
        self.login = login
    }

    /// Who to log in to a registry as, and where the password is to be found. Never the password itself.
    public struct Login: Hashable, Sendable {
        public var username: String
        public var passwordSource: PasswordSource
        /// For `store` it is `"keyring"`, else the name of the environment variable or of the secret.
        public var passwordName: String

        public init(username: String, passwordSource: PasswordSource, passwordName: String) {
            self.username = username
            self.passwordSource = passwordSource
            self.passwordName = passwordName
        }
    }

    public struct PasswordSource: OpenName {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public static let store = PasswordSource(rawValue: "store")
        public static let environment = PasswordSource(rawValue: "password_env")
        public static let secret = PasswordSource(rawValue: "secret_name")
    }
}
