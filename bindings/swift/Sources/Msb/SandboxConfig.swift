// What a sandbox is created with.
import CMsb

/// What a sandbox is created with. What is nil has the default that is said here. Wraps the functions
/// `msb_sandbox_config_*`.
public struct SandboxConfig: Sendable {
    /// The name, unique in its backend: 1 to 128 of A-Z a-z 0-9 . _ - beginning with a letter or digit.
    public var name: String?
    /// The root file system: the reference of an image, such as `python:3.12`, the path of a directory, or
    /// of a disk image with an ext4 file system. It is not modified unless `rootMode` says so.
    public var image: String?
    /// Whether an image of a registry is pulled. Default: `ifMissing`.
    public var imagePullPolicy: ImagePullPolicy?
    /// What the guest's writes do to the image. Default: `overlay`.
    public var rootMode: RootMode?
    /// Where the guest's writes to its root go. Default: `disk`.
    public var upper: Upper?
    /// The size of what holds the guest's writes to its root, in MiB, at least 16. Default: the backend's, else 4096.
    public var upperSizeMiB: Int?
    /// Virtual processors, 1 to 255. Default: the backend's.
    public var cpus: Int?
    /// Memory in MiB, at least 64. Default: the backend's.
    public var memoryMiB: Int?
    /// Environment variables of every command. The prefix `MSB_` is reserved.
    public var environment: [String: String] = [:]
    /// Executable files in the guest's `/.msb/scripts`, the first directory on the PATH of every command, by their names.
    /// A text begins with the line that names its interpreter.
    public var scripts: [String: String] = [:]
    /// The working directory of commands that do not say, in the guest.
    public var workingDirectory: String?
    /// The shell that commands find in `SHELL`. Default: the backend's, else `/bin/sh`.
    public var shell: String?
    /// The guest's host name, at most 64 bytes. Default: made from the name.
    public var hostname: String?
    /// The user of commands that do not say: a name of the guest's passwd or a number, `user[:group]`. Default: root.
    public var user: String?
    /// What the default command begins with. Default: the image's; when it is set, the image's `command` is not used.
    public var entrypoint: [String]?
    /// What the default command ends with: arguments for the entrypoint, or without one the whole command. Default: the
    /// image's.
    public var command: [String]?
    /// The signal by which a stop asks commands to end, such as `SIGQUIT`. Default: the image's, else `SIGTERM`.
    public var stopSignal: String?
    /// Labels to find the sandbox by. The prefixes `sandbox.`, `microsandbox.` and `service.` are reserved.
    public var labels: [String: String] = [:]
    /// Resource limits of every command.
    public var resourceLimits: [ResourceLimit] = []
    /// What the guest sees in its tree beside its root.
    public var mounts: [MountConfig] = []
    /// What the root is changed by, in this order, at the first start, and with `upper` in memory at each, before anybody uses
    /// the sandbox.
    public var patches: [PatchConfig] = []
    /// Whether the sandbox is removed when it stops. Default: no.
    public var ephemeral: Bool?
    /// Whether creating it stops and removes another sandbox of this name. Default: no.
    public var replace: Bool?
    /// How long the sandbox being replaced has to stop before it is killed.
    public var replaceTimeout: Duration?
    /// Stop the sandbox after this long without any activity. Default: never.
    public var idleTimeout: Duration?
    /// Stop the sandbox after it has run this long. Default: never.
    public var maxDuration: Duration?
    /// Whether the sandbox lives on when the process that started it ends. Default: no.
    public var detached: Bool?
    /// The least isolation to run with: `any`, or `hardware`, which refuses emulation. Default: `any`.
    public var minIsolation: Isolation?
    /// The hypervisor driver. Default: the backend's.
    public var driver: Driver?
    /// How long the guest has to come up. Default: 120 s.
    public var bootTimeout: Duration?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_sandbox_config_new(nil) }, fromJSON: msb_sandbox_config_from_json,
        toJSON: msb_sandbox_config_to_json, free: msb_sandbox_config_free)

    public init(name: String, image: String) {
        self.name = name
        self.image = image
    }

    /// Reads a configuration from JSON; `schemas/msb_sandbox_config.json` describes it. Properties that are set
    /// afterwards count instead of what the text says; variables, labels, limits, mounts and patches are added to it.
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
        try config.set("name", name, msb_sandbox_config_set_name)
        try setRoot(config)
        try setCommands(config)
        try setLife(config)
        try config.set("cpus", cpus, msb_sandbox_config_set_cpus)
        try config.set("memoryMiB", memoryMiB, msb_sandbox_config_set_memory_mib)
        try config.set("hostname", hostname, msb_sandbox_config_set_hostname)
        try config.add("labels", labels, msb_sandbox_config_add_label)
        try config.set("minIsolation", minIsolation, msb_sandbox_config_set_min_isolation)
        try config.set("driver", driver, msb_sandbox_config_set_driver)
        for mount in mounts {
            let mount = try mount.object()
            try check { error in msb_sandbox_config_add_mount(config.pointer, mount.pointer, error) }
        }
        for patch in patches {
            let patch = try patch.object()
            try check { error in msb_sandbox_config_add_patch(config.pointer, patch.pointer, error) }
        }
        return config
    }

    private func setRoot(_ config: ConfigObject) throws(MsbError) {
        try config.set("image", image, msb_sandbox_config_set_image)
        try config.set(
            "imagePullPolicy", imagePullPolicy.map { Int($0.rawValue) }, msb_sandbox_config_set_image_pull_policy)
        try config.set("rootMode", rootMode, msb_sandbox_config_set_root_mode)
        try config.set("upper", upper, msb_sandbox_config_set_upper)
        try config.set("upperSizeMiB", upperSizeMiB, msb_sandbox_config_set_upper_size_mib)
    }

    private func setCommands(_ config: ConfigObject) throws(MsbError) {
        try config.add("environment", environment, msb_sandbox_config_set_env)
        try config.add("scripts", scripts, msb_sandbox_config_add_script)
        try config.set("workingDirectory", workingDirectory, msb_sandbox_config_set_workdir)
        try config.set("shell", shell, msb_sandbox_config_set_shell)
        try config.set("user", user, msb_sandbox_config_set_user)
        try config.set("entrypoint", entrypoint, msb_sandbox_config_set_entrypoint)
        try config.set("command", command, msb_sandbox_config_set_cmd)
        try config.set("stopSignal", stopSignal, msb_sandbox_config_set_stop_signal)
        try config.add(resourceLimits, msb_sandbox_config_add_rlimit)
    }

    private func setLife(_ config: ConfigObject) throws(MsbError) {
        try config.set("ephemeral", ephemeral, msb_sandbox_config_set_ephemeral)
        try config.set("replace", replace, msb_sandbox_config_set_replace)
        try config.setMilliseconds("replaceTimeout", replaceTimeout, msb_sandbox_config_set_replace_timeout_ms)
        try config.setMilliseconds("idleTimeout", idleTimeout, msb_sandbox_config_set_idle_timeout_ms)
        try config.setMilliseconds("maxDuration", maxDuration, msb_sandbox_config_set_max_duration_ms)
        try config.set("detached", detached, msb_sandbox_config_set_detached)
        try config.setMilliseconds("bootTimeout", bootTimeout, msb_sandbox_config_set_boot_timeout_ms)
    }

    /// What the guest's writes do to the image.
    public struct RootMode: OpenName {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// They are kept apart, in what `upper` names.
        public static let overlay = RootMode(rawValue: "overlay")
        /// For a directory: they go into it, and mount points that it lacks are made there.
        public static let bind = RootMode(rawValue: "bind")
    }

    /// Where the guest's writes to its root go.
    public struct Upper: OpenName {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// They survive stop and start.
        public static let disk = Upper(rawValue: "disk")
        /// They do not.
        public static let memory = Upper(rawValue: "tmpfs")
    }
}
