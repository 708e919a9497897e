// What a sandbox's root is changed by before anybody uses it.
import CMsb

/// One change of a sandbox's root. Directories above its path that are missing are made.
/// Wraps the functions `msb_patch_config_*`.
public struct PatchConfig: Sendable {
    /// What is done.
    public var operation: Operation?
    /// What is changed: an absolute path in the guest without `..`.
    public var path: String?
    /// The permissions. Default: 0644 for a new file, 0755 for a new directory, and those of the source for a copied file.
    public var mode: Int?
    /// The user and the group that it is given to, a copied directory with all that is in it. Default: root.
    public var owner: MountConfig.Owner?
    /// Whether it may take the place of what is there, which is an error otherwise.
    public var replace: Bool?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_patch_config_new(nil, nil) }, fromJSON: msb_patch_config_from_json,
        toJSON: msb_patch_config_to_json, free: msb_patch_config_free)

    public init(_ operation: Operation, at path: String, mode: Int? = nil, replace: Bool? = nil) {
        self.operation = operation
        self.path = path
        self.mode = mode
        self.replace = replace
    }

    /// Reads a configuration from JSON; `schemas/msb_patch_config.json` describes it. Properties that are set
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
        try config.set("path", path, msb_patch_config_set_path)
        try operation?.set(in: config)
        try config.set("mode", mode, msb_patch_config_set_mode)
        try config.set("owner.uid", owner?.uid, msb_patch_config_set_uid)
        try config.set("owner.gid", owner?.gid, msb_patch_config_set_gid)
        try config.set("replace", replace, msb_patch_config_set_replace)
        return config
    }

    /// What a patch does.
    public enum Operation: Hashable, Sendable {
        /// Makes a file with this text.
        case text(String)
        /// Makes a file with these bytes.
        case file([UInt8])
        /// Makes a directory, which may be there already.
        case makeDirectory
        /// Adds this text to a file, which must be there.
        case append(String)
        /// Copies a file of the host.
        case copyFile(String)
        /// Copies a directory of the host with all that is in it.
        case copyDirectory(String)
        /// Makes a symbolic link that holds this.
        case symbolicLink(String)
        /// Removes what is there, if anything is.
        case remove

        fileprivate func set(in config: ConfigObject) throws(MsbError) {
            switch self {
            case .text(let text):
                try config.set("operation", "text", msb_patch_config_set_op)
                try config.set("text", text, msb_patch_config_set_text)
            case .file(let bytes):
                try config.set("operation", "file", msb_patch_config_set_op)
                try check { error in
                    msb_patch_config_set_data(config.pointer, bytes, bytes.count, error)
                }
            case .makeDirectory:
                try config.set("operation", "mkdir", msb_patch_config_set_op)
            case .append(let text):
                try config.set("operation", "append", msb_patch_config_set_op)
                try config.set("text", text, msb_patch_config_set_text)
            case .copyFile(let source):
                try config.set("operation", "copy_file", msb_patch_config_set_op)
                try config.set("source", source, msb_patch_config_set_source)
            case .copyDirectory(let source):
                try config.set("operation", "copy_dir", msb_patch_config_set_op)
                try config.set("source", source, msb_patch_config_set_source)
            case .symbolicLink(let target):
                try config.set("operation", "symlink", msb_patch_config_set_op)
                try config.set("target", target, msb_patch_config_set_target)
            case .remove:
                try config.set("operation", "remove", msb_patch_config_set_op)
            }
        }
    }
}
