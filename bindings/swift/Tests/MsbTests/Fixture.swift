// What the tests share: a home for each of them with a backend of the `process` driver, which needs no hypervisor;
// sandboxes and commands in it; and the check that nothing is left of them.
import CMsb
import Foundation
import XCTest

@testable import Msb

/// The longest wait for what must happen; far beyond what it takes.
let patience = Duration.seconds(30)

extension Driver {
    /// Commands run as ordinary processes: only in builds of the library that are made for tests.
    static let process = Driver(rawValue: "process")
}

/// Gives a directory that is gone afterwards.
func withDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var template = Array("/tmp/msb-swift-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw POSIXError(.EIO) }
    let path = String(cString: made)
    do {
        let result = try await body(path)
        try await removeDirectory(path)
        return result
    } catch {
        print("kept for a look: \(path)")
        throw error
    }
}

/// Removes a directory. A runner that ends may still write to it for a while.
private func removeDirectory(_ path: String) async throws {
    let giveUp = ContinuousClock.now + patience
    while true {
        do {
            return try FileManager.default.removeItem(atPath: path)
        } catch {
            guard ContinuousClock.now < giveUp else { throw error }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Gives a backend on a home of its own, closes it, and checks that every handle was given back.
func withBackend(_ body: (Backend) async throws -> Void) async throws {
    try await withDirectory { home in
        try await useBackend(in: home, body)
        expectNoHandles()
    }
}

private func useBackend(in home: String, _ body: (Backend) async throws -> Void) async throws {
    let backend = try await Backend(BackendConfig(home: home, driver: .process))
    try await body(backend)
    try await backend.close(timeout: patience)
}

func expectNoHandles(file: StaticString = #filePath, line: UInt = #line) {
    let kinds: [(String, Library.Kind)] = [
        ("backend", .backend), ("sandbox", .sandbox), ("exec", .exec), ("dispatcher", .dispatcher),
        ("volume", .volume), ("file", .file), ("operation", .operation),
    ]
    for (name, kind) in kinds {
        XCTAssertEqual(Library.liveObjects(of: kind), 0, "handles of kind \(name)", file: file, line: line)
    }
    XCTAssertLessThanOrEqual(Library.liveObjects(of: .queue), 1, file: file, line: line)
}

/// Gives a sandbox that runs, and stops and removes it.
func withSandbox(_ name: String = "box", _ body: (Sandbox, Backend) async throws -> Void) async throws {
    try await withBackend { backend in
        let sandbox = try await backend.createSandbox(SandboxConfig(name: name, image: "/"))
        try await sandbox.start()
        try await body(sandbox, backend)
        try await sandbox.stop(timeout: patience)
        try await sandbox.remove()
    }
}

/// Expects a failure with a status, and perhaps a reason; gives it for a closer look.
@discardableResult
func expect(
    _ status: MsbError.Status, _ reason: String? = nil, file: StaticString = #filePath, line: UInt = #line,
    _ body: () async throws -> Void
) async -> MsbError? {
    do {
        try await body()
        XCTFail("nothing was thrown in place of \(status)", file: file, line: line)
    } catch let error as MsbError {
        XCTAssertEqual(error.status, status, "\(error)", file: file, line: line)
        if let reason { XCTAssertEqual(error.reason, reason, "\(error)", file: file, line: line) }
        XCTAssertFalse(error.message.isEmpty, file: file, line: line)
        return error
    } catch {
        XCTFail("\(error) in place of \(status)", file: file, line: line)
    }
    return nil
}

/// Waits until a condition holds, for what has no event to wait for.
func eventually(
    file: StaticString = #filePath, line: UInt = #line, _ condition: () throws -> Bool
) async rethrows {
    let clock = ContinuousClock()
    let deadline = clock.now + patience
    while clock.now < deadline {
        if try condition() { return }
        await Task.yield()
    }
    XCTFail("it did not come about in \(patience)", file: file, line: line)
}

/// How many operations were accepted and are not taken yet.
func pendingOperations() throws -> UInt64 {
    msb_queue_pending(try CompletionQueue.shared().handle)
}

func threadCount() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
}

extension Array where Element == UInt8 {
    var text: String { String(decoding: self, as: UTF8.self) }
}
