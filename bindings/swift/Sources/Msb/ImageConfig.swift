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
