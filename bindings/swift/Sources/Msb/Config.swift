// How the config values become the library's config objects. A value that was read from JSON keeps that text and begins
// with it; every property that is set goes on top through its C setter, which checks it.
import CMsb

/// The functions that every kind of config object has.
struct ConfigFunctions: Sendable {
    let new: @Sendable () -> OpaquePointer?
    let fromJSON: @Sendable (UnsafePointer<CChar>?, UnsafeMutablePointer<OpaquePointer?>?, ErrorSlot?) -> msb_status
    let toJSON: @Sendable (OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>?, ErrorSlot?) -> msb_status
    let free: @Sendable (OpaquePointer?) -> Void
}

/// A config object of the library, freed with this one.
final class ConfigObject {
    typealias Setter<Value> = (OpaquePointer?, Value, ErrorSlot?) -> msb_status

    let pointer: OpaquePointer
    private let functions: ConfigFunctions

    init(_ functions: ConfigFunctions, json: String?) throws(MsbError) {
        self.functions = functions
        if let json = json {
            let json = try text(json, "json")
            let made = try output(OpaquePointer?.none) { out, error in functions.fromJSON(json, out, error) }
            pointer = try present(made)
        } else {
            pointer = try present(functions.new())
        }
    }

    deinit { functions.free(pointer) }

    func json() throws(MsbError) -> String {
        try converted(msb_bytes_free, string(_:)) { out, error in functions.toJSON(pointer, out, error) }
    }

    func set(_ name: String, _ value: String?, _ setter: Setter<UnsafePointer<CChar>?>) throws(MsbError) {
        guard let value else { return }
        let checked = try text(value, name)
        try check { error in setter(pointer, checked, error) }
    }

    func set(_ name: String, _ value: (some OpenName)?, _ setter: Setter<UnsafePointer<CChar>?>) throws(MsbError) {
        try set(name, value?.rawValue, setter)
    }

    func set(_ name: String, _ value: Bool?, _ setter: Setter<Int32>) throws(MsbError) {
        guard let value else { return }
        try check { error in setter(pointer, value ? 1 : 0, error) }
    }

    /// A number that does not fit is out of range, which C could not see any more.
    func set<Number: FixedWidthInteger>(_ name: String, _ value: Int?, _ setter: Setter<Number>) throws(MsbError) {
        guard let value else { return }
        guard let number = Number(exactly: value) else {
            throw MsbError(
                .invalidArgument, "argument.range", "\(name) cannot be \(value); give a number that fits",
                details: ["argument": Array(name.utf8)])
        }
        try check { error in setter(pointer, number, error) }
    }

    func setMilliseconds(_ name: String, _ value: Duration?, _ setter: Setter<UInt64>) throws(MsbError) {
        guard let value else { return }
        try check { error in setter(pointer, milliseconds(value), error) }
    }

    /// The library counts these in whole seconds; a part of one counts as one.
    func setSeconds(_ name: String, _ value: Duration?, _ setter: Setter<UInt64>) throws(MsbError) {
        guard let value else { return }
        let wholeSeconds = (milliseconds(value) + 999) / 1000
        try check { error in setter(pointer, wholeSeconds, error) }
    }

    /// A list of words; an empty one says that there are none.
    func set(
        _ name: String, _ words: [String]?,
        _ setter: (OpaquePointer?, UnsafePointer<UnsafePointer<CChar>?>?, Int, ErrorSlot?) -> msb_status
    ) throws(MsbError) {
        guard let words else { return }
        var copies: [UnsafePointer<CChar>?] = []
        defer { for copy in copies { copy?.deallocate() } }
        for word in words {
            let bytes = Array(try text(word, name).utf8CString)
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            copy.initialize(from: bytes, count: bytes.count)
            copies.append(UnsafePointer(copy))
        }
        try check { error in
            copies.withUnsafeBufferPointer { setter(pointer, $0.baseAddress, $0.count, error) }
        }
    }

    func add(
        _ name: String, _ pairs: [String: String],
        _ setter: (OpaquePointer?, UnsafePointer<CChar>?, UnsafePointer<CChar>?, ErrorSlot?) -> msb_status
    ) throws(MsbError) {
        for (key, value) in pairs.sorted(by: { $0.key < $1.key }) {
            let key = try text(key, name)
            let value = try text(value, name)
            try check { error in setter(pointer, key, value, error) }
        }
    }

    func add(
        _ limits: [ResourceLimit],
        _ setter: (OpaquePointer?, UnsafePointer<CChar>?, UInt64, UInt64, ErrorSlot?) -> msb_status
    ) throws(MsbError) {
        for limit in limits {
            let resource = try text(limit.resource, "resource")
            try check { error in setter(pointer, resource, limit.soft, limit.hard, error) }
        }
    }
}

/// A limit on what a command may use.
public struct ResourceLimit: Hashable, Sendable {
    /// The resource in lower case, such as `"nofile"` or `"as"`.
    public var resource: String
    /// The limit in force, in the resource's own unit.
    public var soft: UInt64
    /// How far a command may raise it.
    public var hard: UInt64

    /// No limit.
    public static let unlimited = UInt64.max

    public init(_ resource: String, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}
