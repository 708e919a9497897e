// The library itself: versions, how it was built, and the count of live handles that leak checks use.
import CMsb

/// The C library that this module calls.
public enum Library {
    /// Its version, such as `"0.1.0"`. Wraps `msb_version`.
    public static var version: String { string(msb_version()) }

    /// The version of its binary interface. Wraps `msb_abi_version`.
    public static var abiVersion: UInt32 { msb_abi_version() }

    /// How it was built, as a JSON object. Wraps `msb_build_info`.
    public static func buildInfo() throws(MsbError) -> String {
        try converted(msb_bytes_free, string(_:)) { out, error in msb_build_info(out, error) }
    }

    /// A kind of handle.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        private init(_ kind: Int32) {
            rawValue = UInt32(bitPattern: kind)
        }

        public static let all = Kind(MSB_KIND_ALL)
        public static let backend = Kind(MSB_KIND_BACKEND)
        public static let sandbox = Kind(MSB_KIND_SANDBOX)
        public static let exec = Kind(MSB_KIND_EXEC)
        public static let dispatcher = Kind(MSB_KIND_DISPATCHER)
        public static let volume = Kind(MSB_KIND_VOLUME)
        public static let file = Kind(MSB_KIND_FILE)
        /// This module has one queue, made when it is first needed, for as long as the process lives.
        public static let queue = Kind(MSB_KIND_QUEUE)
        public static let operation = Kind(MSB_KIND_OP)
    }

    /// How many handles of a kind were given out and not yet released: for leak checks. Wraps `msb_debug_live_objects`.
    public static func liveObjects(of kind: Kind) -> UInt64 {
        msb_debug_live_objects(kind.rawValue)
    }
}
