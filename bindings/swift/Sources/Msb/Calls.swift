// How the library's functions are called: a status other than MSB_OK becomes a thrown MsbError, text and bytes are
// copied out of the library's objects, and text with a NUL in it is refused before C would cut it off there.
import CMsb

typealias ErrorSlot = UnsafeMutablePointer<OpaquePointer?>

func check(_ call: (ErrorSlot) -> msb_status) throws(MsbError) {
    var error: OpaquePointer?
    let status = call(&error)
    guard status == MSB_OK else { throw MsbError(taking: error, status: status) }
}

/// The value that a call writes to its output.
func output<Value>(
    _ empty: Value, _ call: (UnsafeMutablePointer<Value>, ErrorSlot) -> msb_status
) throws(MsbError) -> Value {
    var value = empty
    var error: OpaquePointer?
    let status = call(&value, &error)
    guard status == MSB_OK else { throw MsbError(taking: error, status: status) }
    return value
}

/// The object that a call makes, turned into a value and freed.
func converted<Value>(
    _ free: (OpaquePointer?) -> Void, _ convert: (OpaquePointer) -> Value,
    _ call: (UnsafeMutablePointer<OpaquePointer?>, ErrorSlot) -> msb_status
) throws(MsbError) -> Value {
    let object = try output(OpaquePointer?.none, call)
    defer { free(object) }
    return convert(try present(object))
}

/// What the library promises to be there.
func present(_ object: OpaquePointer?) throws(MsbError) -> OpaquePointer {
    guard let object else { throw MsbError(.outOfMemory, "binding.no_object", "the library made no object") }
    return object
}

/// Text that C reads to its end.
func text(_ string: String, _ argument: String) throws(MsbError) -> String {
    guard !string.utf8.contains(0) else {
        throw MsbError(
            .invalidArgument, "argument.nul", "\(argument) has a NUL byte in it; give text without one",
            details: ["argument": Array(argument.utf8)])
    }
    return string
}

func string(_ text: UnsafePointer<CChar>?) -> String {
    text.map { String(cString: $0) } ?? ""
}

func stringIfAny(_ text: UnsafePointer<CChar>?) -> String? {
    text.flatMap { $0.pointee == 0 ? nil : String(cString: $0) }
}

func bytes(_ data: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
    Array(UnsafeBufferPointer(start: data, count: data == nil ? 0 : count))
}

/// Text that is not necessarily UTF-8.
func bytes(upToNul text: UnsafePointer<CChar>?) -> [UInt8] {
    guard let text else { return [] }
    var count = 0
    while text[count] != 0 { count += 1 }
    return Array(UnsafeRawBufferPointer(start: text, count: count))
}

func bytes(_ object: OpaquePointer) -> [UInt8] {
    bytes(msb_bytes_data(object), msb_bytes_len(object))
}

func string(_ object: OpaquePointer) -> String {
    String(decoding: bytes(object), as: UTF8.self)
}

/// The bytes of a collection as C takes them, for the time of a call.
func withBytes<Result>(
    of data: some Collection<UInt8>, _ body: (UnsafeRawPointer?, Int) -> Result
) -> Result {
    if let result = data.withContiguousStorageIfAvailable({ body($0.baseAddress, $0.count) }) { return result }
    return Array(data).withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
}

/// A time limit as the library takes it: whole milliseconds, never less than what was said; none is -1.
func milliseconds(_ limit: Duration?) -> Int64 {
    limit.map { Int64(clamping: milliseconds($0)) } ?? -1
}

func milliseconds(_ duration: Duration) -> UInt64 {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
    let (sum, carry) = whole.addingReportingOverflow(UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    return overflow || carry ? UInt64(Int64.max) : sum
}

func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    guard overflow || carry else { return sum }
    return seconds < 0 ? Int64.min + 1 : Int64.max
}
