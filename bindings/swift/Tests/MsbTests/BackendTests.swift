import Foundation
import XCTest

@testable import Msb

final class BackendTests: XCTestCase {
    func testABackendTellsWhatItGoesBy() async throws {
        try await withDirectory { home in
            var config = BackendConfig(home: home, driver: .process)
            config.defaultCPUs = 3
            config.busyTimeout = .seconds(7)
            config.registries = [
                Registry(host: "plain:1", isInsecure: true),
                Registry(
                    host: "with.login",
                    login: Registry.Login(username: "me", passwordSource: .secret, passwordName: "token")),
            ]
            let expected = config.registries
            let backend = try await Backend(config)
            let info = try backend.info()
            XCTAssertEqual(info.home, home)
            XCTAssertEqual(info.driver, .process)
            XCTAssertEqual(info.defaultCPUs, 3)
            XCTAssertEqual(info.busyTimeout, .seconds(7))
            XCTAssertEqual(info.registries, expected)
            XCTAssertEqual(info.sandboxesDirectory, home + "/sandboxes")
            XCTAssertEqual(info.logLevel, .info)
            XCTAssertNil(info.workingDirectory)
            XCTAssertFalse(info.isConfigFound)
            XCTAssertTrue(info.json.contains(home))
            try await backend.close()
            XCTAssertEqual(try backend.info().home, home, "a closed backend still tells")
        }
    }

    func testAClosedBackendRefusesAndIsClosedAgain() async throws {
        try await withBackend { backend in
            try await backend.close(timeout: patience)
            try await backend.close(timeout: patience)
            await expect(.invalidState) {
                _ = try await backend.createSandbox(SandboxConfig(name: "late", image: "/"))
            }
            await expect(.invalidState) { _ = try backend.sandboxes() }
        }
    }

    func testObjectsOutliveTheBackendThatMadeThem() async throws {
        try await withDirectory { home in
            let sandbox = try await runningSandbox(in: home)
            let result = try await sandbox.exec("echo", "still here")
            XCTAssertEqual(result.output, "still here\n")
            try await sandbox.stop(timeout: patience)
            try await sandbox.remove()
        }
        expectNoHandles()
    }

    private func runningSandbox(in home: String) async throws -> Sandbox {
        let backend = try await Backend(BackendConfig(home: home, driver: .process))
        let sandbox = try await backend.createSandbox(SandboxConfig(name: "orphan", image: "/"))
        try await sandbox.start()
        return sandbox
    }

    func testAProbeSaysWhatIsThereAndWhatToDo() async throws {
        try await withBackend { backend in
            let report = try await backend.probe()
            XCTAssertFalse(report.checks.isEmpty)
            for check in report.checks {
                XCTAssertFalse(check.name.isEmpty)
                XCTAssertEqual(check.isUsable, check.reason.isEmpty, check.name)
                XCTAssertTrue(check.isUsable || !check.remedy.isEmpty, "\(check.name) has no remedy")
            }
        }
    }

    func testTheSharedBackendIsOneForTheProcess() throws {
        XCTAssertEqual(try Backend.shared().info().home, try Backend.shared().info().home)
    }

    func testRoomIsMeasuredCheckedAndFreed() async throws {
        try await withBackend { backend in
            let volume = try await backend.createVolume(VolumeConfig(name: "data"))
            try await volume.write([UInt8](repeating: 7, count: 100_000), to: "file")
            let usage = try await backend.storageUsage()
            let volumes = try XCTUnwrap(usage.categories.first { $0.name == "volumes" })
            XCTAssertGreaterThanOrEqual(volumes.bytes, 100_000)
            XCTAssertGreaterThanOrEqual(volumes.fileCount, 2)
            XCTAssertGreaterThanOrEqual(usage.totalBytes, volumes.bytes)

            let home = try backend.info().home
            XCTAssertTrue(mkdir(home + "/volumes/nobodys", 0o755) == 0)
            let found = try await backend.fsck().findings.filter { $0.kind == "directory_without_volume" }
            XCTAssertEqual(found.map(\.name), ["nobodys"])
            XCTAssertEqual(found.first?.action, StorageItem.Action.none)
            let mended = try await backend.fsck(repairing: true).findings.filter { $0.name == "nobodys" }
            XCTAssertEqual(mended.first?.action, .moved)
            let promised = try await backend.prune(.lost, dryRun: true)
            XCTAssertEqual(promised.items.map(\.kind), ["moved_aside"])
            let freed = try await backend.prune([.lost, .temporary])
            XCTAssertEqual(freed.items.first { $0.kind == "moved_aside" }?.action, .removed)
        }
    }
}
