// Every public C function is called by this binding, or is left out on purpose, with the reason here.
import Foundation
import XCTest

final class CoverageTests: XCTestCase {
    /// Blocking functions whose `_async` twin is called need no entry. One that ends with `*` is for all that begin so.
    private static let leftOut = [
        "msb_dispatcher_start": "callbacks on a thread of the library; async sequences and awaits do without",
        "msb_dispatcher_stop": "as msb_dispatcher_start",
        "msb_dispatcher_release": "as msb_dispatcher_start",
        "msb_exec_dispatch": "as msb_dispatcher_start; ExecOutput gives the same output",
        "msb_queue_dispatch": "as msb_dispatcher_start; a dispatch source on the queue's descriptor does it",
        "msb_queue_close": "the process's one queue lives as long as the process",
        "msb_queue_wake": "nobody blocks in msb_queue_next",
        "msb_queue_pending": "for tests: they call it",
        "msb_snapshot_*": "snapshots can only be listed yet; they come to the bindings when they can be taken",
    ]

    func testEveryFunctionOfTheHeaderIsWrappedOrLeftOutOnPurpose() throws {
        let repository = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../..").standardized
        let header = try text(at: repository.appendingPathComponent("include/msb.h"))
        let functions = try matches(of: #"\bmsb_[a-z0-9_]+(?=\()"#, in: header, without: #"(?s)/\*.*?\*/"#)
        XCTAssertGreaterThan(functions.count, 300, "the header was not understood")

        let sources = repository.appendingPathComponent("bindings/swift/Sources/Msb")
        var called: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: sources.path) {
            let source = try text(at: sources.appendingPathComponent(file))
            called.formUnion(try matches(of: #"\bmsb_[a-z0-9_]+"#, in: source, without: "(?m)//.*$"))
        }

        let missing = functions.filter { function in
            !called.contains(function) && !called.contains(function + "_async")
                && !Self.leftOut.keys.contains { Self.isFor($0, function) }
        }
        XCTAssertEqual(missing.sorted(), [], "neither wrapped nor listed as left out")
        let needless = Self.leftOut.keys.filter { entry in
            called.contains { Self.isFor(entry, $0) } || !functions.contains { Self.isFor(entry, $0) }
        }
        XCTAssertEqual(needless.sorted(), [], "listed as left out, but wrapped or not there")
    }

    private static func isFor(_ entry: String, _ function: String) -> Bool {
        entry.hasSuffix("*") ? function.hasPrefix(String(entry.dropLast())) : entry == function
    }

    private func text(at url: URL) throws -> String {
        try String(contentsOf: url, encoding: .utf8)
    }

    private func matches(of pattern: String, in text: String, without comment: String) throws -> Set<String> {
        let code = text.replacingOccurrences(of: comment, with: "", options: .regularExpression)
        let expression = try NSRegularExpression(pattern: pattern)
        let found = expression.matches(in: code, range: NSRange(code.startIndex..., in: code))
        return Set(found.compactMap { Range($0.range, in: code).map { String(code[$0]) } })
    }
}
