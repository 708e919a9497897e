import Foundation
import XCTest

@testable import Msb

final class SandboxTests: XCTestCase {
    func testASandboxIsCreatedStartedUsedStoppedAndRemoved() async throws {
        try await withBackend { backend in
            let sandbox = try await backend.createSandbox(SandboxConfig(name: "life", image: "/"))
            XCTAssertEqual(try sandbox.info().status, .created)
            try await sandbox.start()
            XCTAssertEqual(try sandbox.info().status, .running)
            XCTAssertNotNil(try sandbox.info().runnerPID)
            let result = try await sandbox.exec("echo", "hi")
            XCTAssertEqual(result.output, "hi\n")
            XCTAssertTrue(result.isSuccess)
            try await sandbox.stop(timeout: patience)
            let end = try await sandbox.wait(timeout: patience)
            XCTAssertEqual(end.reason, .stopRequested)
            XCTAssertTrue(end.isClean && !end.isCrash && !end.wasKilled)
            XCTAssertEqual(end.exitCode, 0)
            XCTAssertNil(end.signal)
            XCTAssertLessThanOrEqual(try XCTUnwrap(end.started), end.ended)
            let info = try sandbox.info()
            XCTAssertEqual(info.status, .stopped)
            XCTAssertEqual(info.exit?.reason, .stopRequested)
            XCTAssertFalse(info.endMessage.isEmpty)
            try await sandbox.remove()
            await expect(.notFound) { _ = try backend.openSandbox("life") }
            await expect(.notFound) { try await sandbox.start() }
        }
    }

    func testARunningSandboxIsNeitherStartedNorRemoved() async throws {
        try await withSandbox { sandbox, _ in
            await expect(.invalidState) { try await sandbox.start() }
            await expect(.invalidState) { try await sandbox.remove() }
        }
    }

    func testAKillIsRecordedAsOne() async throws {
        try await withSandbox { sandbox, _ in
            async let end = sandbox.wait()
            try await sandbox.kill(timeout: patience)
            let reason = try await end.reason
            XCTAssertEqual(reason, .killRequested)
        }
    }

    func testANameIsTakenOnce() async throws {
        try await withSandbox("taken") { _, backend in
            await expect(.alreadyExists) {
                _ = try await backend.createSandbox(SandboxConfig(name: "taken", image: "/"))
            }
        }
    }

    func testAnOpenedSandboxIsTheSameOne() async throws {
        try await withSandbox("shared") { sandbox, backend in
            let again = try backend.openSandbox("shared")
            try again.setLabel("seen", to: "yes")
            XCTAssertEqual(try sandbox.info().labels, ["seen": "yes"])
            try sandbox.removeLabel("seen")
            XCTAssertEqual(try again.info().labels, [:])
            let result = try await again.exec("echo", "hi")
            XCTAssertEqual(result.output, "hi\n")
        }
    }

    func testADetachedSandboxOutlivesItsHandle() async throws {
        try await withBackend { backend in
            try await startDetached(on: backend)
            let again = try backend.openSandbox("left")
            XCTAssertEqual(try again.info().status, .running)
            try await again.stop(timeout: patience)
            try await again.remove()
        }
    }

    private func startDetached(on backend: Backend) async throws {
        let sandbox = try await backend.createSandbox(SandboxConfig(name: "left", image: "/"))
        try await sandbox.start()
        try await sandbox.detach()
    }

    func testListingsGiveEverythingPageByPage() async throws {
        try await withBackend { backend in
            var made: [Sandbox] = []
            for index in 0..<5 {
                var config = SandboxConfig(name: "s\(index)", image: "/")
                config.labels = ["even": index.isMultiple(of: 2) ? "yes" : "no"]
                made.append(try await backend.createSandbox(config))
            }
            var filter = SandboxFilter(labels: ["even": "yes"], statuses: [.created], namePrefix: "s")
            filter.limit = 2
            XCTAssertEqual(try backend.sandboxes(matching: filter).map(\.name), ["s0", "s2", "s4"])
            let page = try backend.sandboxPage(matching: filter)
            XCTAssertEqual(page.items.count, 2)
            XCTAssertNotNil(page.nextCursor)
            XCTAssertEqual(try backend.sandboxes().count, 5)
            let info = try XCTUnwrap(page.items.first)
            XCTAssertEqual(info.labels, ["even": "yes"])
            XCTAssertEqual(info.image, "/")
            for sandbox in made { try await sandbox.remove() }
        }
    }

    func testASandboxTellsItsMounts() async throws {
        try await withBackend { backend in
            let volume = try await backend.createVolume(VolumeConfig(name: "data"))
            var config = SandboxConfig(name: "mounted", image: "/")
            config.mounts = [MountConfig(.volume("data"), at: "/mnt/data", readOnly: true)]
            let sandbox = try await backend.createSandbox(config)
            let mount = try XCTUnwrap(sandbox.info().mounts.first)
            XCTAssertEqual(mount.guestPath, "/mnt/data")
            XCTAssertEqual(mount.kind, .volume)
            XCTAssertEqual(mount.source, "data")
            XCTAssertEqual(mount.options, [.readOnly])
            try await sandbox.remove()
            try await volume.remove()
        }
    }

    func testFilesAreCopiedInAndOut() async throws {
        try await withSandbox { sandbox, _ in
            try await withDirectory { directory in
                let source = directory + "/in"
                try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: false)
                try Data(repeating: 1, count: 300_000).write(to: URL(fileURLWithPath: source + "/a"))
                try Data("b".utf8).write(to: URL(fileURLWithPath: source + "/b"))
                let counted = Counter()
                let copied = try await sandbox.copyIn(from: source, to: directory + "/guest") { counted.add($0.bytes) }
                XCTAssertEqual(copied.bytes, 300_001)
                XCTAssertGreaterThanOrEqual(counted.count, 1)
                XCTAssertEqual(counted.last, 300_001)
                let back = try await sandbox.copyOut(from: directory + "/guest", to: directory + "/out")
                XCTAssertEqual(back.bytes, 300_001)
                let text = try String(contentsOfFile: directory + "/out/b", encoding: .utf8)
                XCTAssertEqual(text, "b")
            }
        }
    }
}

/// Counts what a handler on another thread is told.
final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [UInt64] = []

    func add(_ value: UInt64) { lock.withLock { values.append(value) } }
    var count: Int { lock.withLock { values.count } }
    var last: UInt64? { lock.withLock { values.last } }
}
