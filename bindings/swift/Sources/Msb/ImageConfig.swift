// How an image is loaded, and which images a listing gives.
import CMsb

/// How an image is loaded. Wraps the functions `msb_image_load_config_*`.
public struct ImageLoadConfig: Sendable {
    /// What the image is to be asked for by. Default: the names that the archive gives it.
    public var reference: String?
    /// Which image of the archive, by a name or digest in it. Default: the only one.
    public var image: String?
    /// Which platform's image, such as `linux/arm64/v8`. Default: this host's.
    public var platform: String?
    /// Most files, directories and links that a layer may have. Default: 1000000.
    public var maxEntries: Int?
    /// Largest file that a layer may have, in bytes. Default: 64 GiB.
    public var maxFileBytes: Int?
    /// Most bytes that a layer may unpack to. Default: 256 GiB.
    public var maxLayerBytes: Int?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_image_load_config_new() }, fromJSON: msb_image_load_config_from_json,
        toJSON: msb_image_load_config_to_json, free: msb_image_load_config_free)

    public init(reference: String? = nil, image: String? = nil, platform: String? = nil) {
        self.reference = reference
        self.image = image
        self.platform = platform
    }

    /// Reads a configuration from JSON; `schemas/msb_image_load_config.json` describes it. Properties that are set
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
        try config.set("reference", reference, msb_image_load_config_set_reference)
        try config.set("image", image, msb_image_load_config_set_image)
        try config.set("platform", platform, msb_image_load_config_set_platform)
        try config.set("maxEntries", maxEntries, msb_image_load_config_set_max_entries)
        try config.set("maxFileBytes", maxFileBytes, msb_image_load_config_set_max_file_bytes)
        try config.set("maxLayerBytes", maxLayerBytes, msb_image_load_config_set_max_layer_bytes)
        return config
    }
}

/// When a registry is asked for an image.
public struct ImagePullPolicy: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Only if the home has no such image.
    public static let ifMissing = ImagePullPolicy(rawValue: UInt32(MSB_IMAGE_PULL_POLICY_IF_MISSING))
    /// Each time; what the home has already is not fetched again.
    public static let always = ImagePullPolicy(rawValue: UInt32(MSB_IMAGE_PULL_POLICY_ALWAYS))
    /// An image that is missing is `notFound`.
    public static let never = ImagePullPolicy(rawValue: UInt32(MSB_IMAGE_PULL_POLICY_NEVER))
}

/// How an image is pulled. Wraps the functions `msb_image_pull_config_*`.
public struct ImagePullConfig: Sendable {
    /// When the registry is asked. Default: `ifMissing`.
    public var policy: ImagePullPolicy?
    /// Which platform's image, such as `linux/arm64/v8`. Default: this host's.
    public var platform: String?
    /// Most files, directories and links that a layer may have. Default: 1000000.
    public var maxEntries: Int?
    /// Largest file that a layer may have, in bytes. Default: 64 GiB.
    public var maxFileBytes: Int?
    /// Most bytes that a layer may unpack to. Default: 256 GiB.
    public var maxLayerBytes: Int?
    /// What the registry knows the caller by.
    public var credentials: Credentials?
    /// A bearer token in place of credentials.
    public var token: String?
    /// Whether a registry without TLS is allowed. Default: no.
    public var insecure: Bool?
    private var base: String?

    /// What a registry knows somebody by.
    public struct Credentials: Sendable {
        public var username: String
        public var password: String

        public init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }

    private static let functions = ConfigFunctions(
        new: { msb_image_pull_config_new() }, fromJSON: msb_image_pull_config_from_json,
        toJSON: msb_image_pull_config_to_json, free: msb_image_pull_config_free)

    public init(policy: ImagePullPolicy? = nil, platform: String? = nil) {
        self.policy = policy
        self.platform = platform
    }

    /// Reads a configuration from JSON; `schemas/msb_image_pull_config.json` describes it. Properties that are set
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
        try config.set("policy", policy.map { Int($0.rawValue) }, msb_image_pull_config_set_policy)
        try config.set("platform", platform, msb_image_pull_config_set_platform)
        try config.set("maxEntries", maxEntries, msb_image_pull_config_set_max_entries)
        try config.set("maxFileBytes", maxFileBytes, msb_image_pull_config_set_max_file_bytes)
        try config.set("maxLayerBytes", maxLayerBytes, msb_image_pull_config_set_max_layer_bytes)
        if let credentials {
            let username = try text(credentials.username, "username")
            let password = try text(credentials.password, "password")
            try check { error in
                msb_image_pull_config_set_credentials(config.pointer, username, password, error)
            }
        }
        try config.set("token", token, msb_image_pull_config_set_token)
        try config.set("insecure", insecure, msb_image_pull_config_set_insecure)
        return config
    }
}

/// Which images a listing gives. Wraps the functions `msb_image_filter_*`.
public struct ImageFilter: PagedFilter, Sendable {
    /// Only images whose reference begins so, in its full form: `docker.io/library/`.
    public var referencePrefix: String?
    /// How many images a page holds at most, 1 to 1000. Default: 100.
    public var limit: Int?
    /// Where to go on: what the page before gave. Default: from the beginning.
    public var cursor: String?
    private var base: String?

    private static let functions = ConfigFunctions(
        new: { msb_image_filter_new() }, fromJSON: msb_image_filter_from_json,
        toJSON: msb_image_filter_to_json, free: msb_image_filter_free)

    public init(referencePrefix: String? = nil) {
        self.referencePrefix = referencePrefix
    }

    /// Reads a filter from JSON; `schemas/msb_image_filter.json` describes it. Properties that are set afterwards count
    /// instead of what the text says.
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
        try filter.set("referencePrefix", referencePrefix, msb_image_filter_set_reference_prefix)
        try filter.set("limit", limit, msb_image_filter_set_limit)
        try filter.set("cursor", cursor, msb_image_filter_set_cursor)
        return filter
    }
}
