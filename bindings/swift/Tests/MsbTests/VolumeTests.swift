import Foundation
import XCTest

@testable import Msb

final class VolumeTests: XCTestCase {
    func testAVolumeIsCreatedUsedListedAndRemoved() async throws {
        try await withBackend { backend in
            var config = VolumeConfig(name: "data", kind: .directory, quotaMiB: 10)
            config.labels = ["team": "red"]
            let volume = try await backend.createVolume(config)
            try await volume.write("hello".utf8, to: "greeting")
            let content = try await volume.read("greeting")
            XCTAssertEqual(content.text, "hello")
            let info = try volume.info()
            XCTAssertEqual(info.name, "data")
            XCTAssertEqual(info.kind, .directory)
            XCTAssertEqual(info.quotaMiB, 10)
            XCTAssertNil(info.capacityBytes)
            XCTAssertEqual(info.usedBytes, 5)
            XCTAssertEqual(info.labels, ["team": "red"])
            XCTAssertEqual(info.attachedTo, [])
            XCTAssertTrue(FileManager.default.fileExists(atPath: info.path))
            let listed = try backend.volumes(matching: VolumeFilter(labels: ["team": "red"], kind: .directory))
            XCTAssertEqual(listed.map(\.name), ["data"])
            XCTAssertNil(listed.first?.usedBytes)
            await expect(.alreadyExists) { _ = try await backend.createVolume(VolumeConfig(name: "data")) }
            await expect(.unsupported) { try await volume.resize(toMiB: 64) }
            try await backend.openVolume("data").remove()
            await expect(.notFound) { _ = try backend.openVolume("data") }
        }
    }

    func testADiskGrows() async throws {
        try await withBackend { backend in
            let disk = try await backend.createVolume(VolumeConfig(name: "disk", kind: .disk, capacityMiB: 16))
            var info = try disk.info()
            XCTAssertEqual(info.capacityBytes, 16 << 20)
            XCTAssertEqual(info.diskFormat, "raw")
            XCTAssertEqual(info.diskFileSystem, "ext4")
            try await disk.resize(toMiB: 32)
            info = try disk.info()
            XCTAssertEqual(info.capacityBytes, 32 << 20)
            await expect(.unsupported) { _ = try await disk.files.read("x") }
            try await disk.remove()
        }
    }

    func testPagesOfVolumesGoOnWhereTheLastEnded() async throws {
        try await withBackend { backend in
            for index in 0..<5 { _ = try await backend.createVolume(VolumeConfig(name: "v\(index)")) }
            var filter = VolumeFilter(namePrefix: "v")
            filter.limit = 2
            XCTAssertEqual(try backend.volumes(matching: filter).count, 5)
            let first = try backend.volumePage(matching: filter)
            filter.cursor = first.nextCursor
            XCTAssertEqual(try backend.volumePage(matching: filter).items.map(\.name), ["v2", "v3"])
        }
    }

    func testAQuotaIsKept() async throws {
        try await withBackend { backend in
            let volume = try await backend.createVolume(VolumeConfig(name: "small", quotaMiB: 1))
            await expect(.diskFull) { try await volume.write([UInt8](repeating: 0, count: 2 << 20), to: "big") }
        }
    }

    func testTheFilesOfAVolumeDoEverything() async throws {
        try await withBackend { backend in
            let files = try await backend.createVolume(VolumeConfig(name: "data")).files
            try files.makeDirectory("a/b", withParents: true, permissions: 0o700)
            try await files.write("one".utf8, to: "a/f", permissions: 0o600)
            try await files.write(" two".utf8, to: "a/f", mode: .append)
            try await files.write("new".utf8, to: "a/g", mode: .atomic)
            let content = try await files.read("a/f")
            XCTAssertEqual(content.text, "one two")
            let info = try files.info(of: "a/f")
            XCTAssertEqual(info.kind, .regular)
            XCTAssertEqual(info.size, 7)
            XCTAssertEqual(info.mode, 0o600)
            XCTAssertEqual(info.name, "f")
            try files.setPermissions(0o640, of: "a/f")
            try files.setTimes(of: "a/f", accessed: nil, modified: .nanoseconds(1_234_567_890_123_456_789))
            let changed = try files.info(of: "a/f")
            XCTAssertEqual(changed.mode, 0o640)
            XCTAssertEqual(changed.modified, .nanoseconds(1_234_567_890_123_456_789))
            XCTAssertEqual(changed.accessed, info.accessed)
            try files.makeSymbolicLink("a/link", to: "f")
            XCTAssertEqual(try files.symbolicLinkTarget("a/link"), "f")
            XCTAssertEqual(try files.info(of: "a/link").kind, .symbolicLink)
            XCTAssertEqual(try files.info(of: "a/link", followingLink: true).kind, .regular)
            try await files.copy("a", to: "c")
            try files.rename("c/f", to: "c/h")
            XCTAssertTrue(try files.exists("c/h"))
            XCTAssertFalse(try files.exists("c/f"))
            try files.remove("c/h")
            await expect(.invalidState, "file.not_empty") { try await files.removeDirectory("c") }
            try await files.removeDirectory("c", recursively: true)
            XCTAssertFalse(try files.exists("c"))
            await expect(.notFound) { _ = try files.info(of: "c") }
            var names: [String] = []
            for try await entry in files.entries(of: "a") { names.append(entry.name) }
            XCTAssertEqual(names.sorted(), ["b", "f", "g", "link"])
        }
    }

    func testADirectoryIsListedPageByPage() async throws {
        try await withBackend { backend in
            let files = try await backend.createVolume(VolumeConfig(name: "many")).files
            for index in 0..<25 { try await files.write([], to: "f\(index)") }
            var seen: Set<String> = []
            var cursor: UInt64? = 0
            while let start = cursor {
                let page = try await files.page(of: ".", from: start, limit: 10)
                XCTAssertLessThanOrEqual(page.entries.count, 10)
                seen.formUnion(page.entries.map(\.name))
                cursor = page.nextCursor
            }
            XCTAssertEqual(seen.count, 25)
        }
    }

    func testAnOpenFileIsReadAndWrittenAtPlaces() async throws {
        try await withBackend { backend in
            let files = try await backend.createVolume(VolumeConfig(name: "data")).files
            let file = try files.open("f", [.read, .write, .create, .exclusive])
            try await file.write("hello world".utf8, at: 0)
            try await file.write("W".utf8, at: 6)
            let part = try await file.read(at: 6, count: 100)
            XCTAssertEqual(part.text, "World")
            let end = try await file.read(at: 11, count: 100)
            XCTAssertEqual(end, [])
            try await file.truncate(to: 5)
            try await file.sync()
            let size = try await file.size()
            XCTAssertEqual(size, 5)
            try files.remove("f")
            let info = try await file.info()
            XCTAssertEqual(info.size, 5)
            XCTAssertEqual(info.linkCount, 0)
            await expect(.notFound) { _ = try files.open("f") }
            let log = try files.open("log", [.write, .create, .append])
            try await log.append("a".utf8)
            try await log.append("b".utf8)
            let content = try await files.read("log")
            XCTAssertEqual(content.text, "ab")
        }
    }

    func testAnArchiveGoesOutOfOneVolumeIntoAnother() async throws {
        try await withBackend { backend in
            try await withDirectory { directory in
                let source = try await backend.createVolume(VolumeConfig(name: "source")).files
                try source.makeDirectory("tree")
                try await source.write([UInt8](repeating: 3, count: 100_000), to: "tree/f")
                let target = try await backend.createVolume(VolumeConfig(name: "target")).files
                let archive = try archiveFile(in: directory)
                defer { close(archive) }
                let exported = try await source.exportTar("tree", to: archive)
                XCTAssertEqual(exported.bytes, 100_000)
                XCTAssertEqual(lseek(archive, 0, SEEK_SET), 0)
                let counted = Counter()
                let imported = try await target.importTar(into: "copy", from: archive) { counted.add($0.bytes) }
                XCTAssertEqual(imported.bytes, 100_000)
                XCTAssertEqual(counted.last, 100_000)
                XCTAssertEqual(lseek(archive, 0, SEEK_SET), 0)
                XCTAssertGreaterThan(imported.entries, 0)
            }
        }
    }

    func testAnExportToNobodyIsCancelled() async throws {
        try await withBackend { backend in
            let files = try await backend.createVolume(VolumeConfig(name: "data")).files
            try await files.write([UInt8](repeating: 3, count: 1_000_000), to: "f")
            var pipes: [Int32] = [0, 0]
            XCTAssertEqual(pipe(&pipes), 0)
            defer { for end in pipes { close(end) } }
            let descriptor = pipes[1]
            let exporter = Task { try await files.exportTar("f", to: descriptor) }
            try await eventually { try pendingOperations() == 1 }
            exporter.cancel()
            await expect(.cancelled) { _ = try await exporter.value }
        }
    }
}

/// A new file to write an archive to and read it back from.
func archiveFile(in directory: String) throws -> Int32 {
    let descriptor = open(directory + "/archive.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw POSIXError(.EIO) }
    return descriptor
}
