import Foundation
import XCTest

@testable import Msb

final class ImageTests: XCTestCase {
    func testAnImageIsLoadedKnownAndRemoved() async throws {
        try await withArchive { path, backend in
            let info = try await backend.loadImage(at: path, ImageLoadConfig(reference: "hello")) { _ in }
            XCTAssertEqual(info.reference, "docker.io/library/hello:latest")
            XCTAssertTrue(info.digest.hasPrefix("sha256:"))
            XCTAssertEqual(info.operatingSystem, "linux")
            XCTAssertEqual(info.layers.map(\.digest), info.layers.map(\.diffID))
            XCTAssertEqual(info.layers.map(\.sizeBytes), [info.sizeBytes])
            XCTAssertGreaterThan(info.diskBytes, 0)
            XCTAssertGreaterThan(info.created, .zero)
            XCTAssertEqual(info.environment, [])
            XCTAssertNil(info.user)
            XCTAssertNil(info.workingDirectory)
            XCTAssertEqual(try backend.image("hello").digest, info.digest)
            try backend.removeImage("hello:latest")
            await expect(.notFound) { _ = try backend.image("hello") }
            await expect(.notFound) { try backend.removeImage("hello") }
        }
    }

    func testImagesAreListedByPrefixPageByPage() async throws {
        try await withArchive { path, backend in
            let names = ["a.example/one:1", "a.example/one:2", "a.example/two:1", "b.example/one:1"]
            for name in names { _ = try await backend.loadImage(at: path, ImageLoadConfig(reference: name)) }
            var filter = ImageFilter(referencePrefix: "a.example/")
            filter.limit = 2
            XCTAssertEqual(try backend.images(matching: filter).map(\.reference), Array(names[..<3]))
            filter.cursor = try backend.imagePage(matching: filter).nextCursor
            XCTAssertEqual(try backend.imagePage(matching: filter).items.map(\.reference), [names[2]])
            XCTAssertEqual(try backend.images().count, 4)
            let again = try ImageFilter(json: try filter.json())
            XCTAssertEqual(try backend.images(matching: again).map(\.reference), [names[2]])
        }
    }

    func testAnImageStaysWhileASandboxHasItAsRoot() async throws {
        try await withArchive { path, backend in
            _ = try await backend.loadImage(at: path, ImageLoadConfig(reference: "kept"))
            let sandbox = try await backend.createSandbox(SandboxConfig(name: "holder", image: "kept"))
            let error = await expect(.busy, "image.in_use") { try backend.removeImage("kept") }
            XCTAssertEqual(error?.detail("sandbox"), "holder")
            try await sandbox.remove()
            try backend.removeImage("kept")
        }
    }

    func testASavedImageIsLoadedAgain() async throws {
        try await withArchive { path, backend in
            _ = try await backend.loadImage(at: path, ImageLoadConfig(reference: "saved:1"))
            let place = path + ".saved"
            try await backend.saveImage("saved:1", to: place) { _ in }
            let saved = try await backend.loadImage(at: place)
            XCTAssertEqual(saved.reference, "docker.io/library/saved:1")
            let descriptor = open(place, O_WRONLY | O_TRUNC | O_CLOEXEC)
            defer { close(descriptor) }
            try await backend.saveImage("saved:1", to: descriptor)
            let again = try await backend.loadImage(at: place)
            XCTAssertEqual(again.digest, saved.digest)
            await expect(.notFound) { try await backend.saveImage("missing", to: place) }
        }
    }

    func testAPullThatNeedsNoRegistryAsksNone() async throws {
        try await withArchive { path, backend in
            let reference = "127.0.0.1:1/pulled:1"  // nobody listens there
            let info = try await backend.loadImage(at: path, ImageLoadConfig(reference: reference))
            let again = try await backend.pullImage(reference)
            XCTAssertEqual(again.digest, info.digest)
            var config = ImagePullConfig(policy: .never, platform: "linux/amd64")
            config.credentials = ImagePullConfig.Credentials(username: "user", password: "secret")
            config.insecure = true
            await expect(.notFound) { _ = try await backend.pullImage("127.0.0.1:1/missing:1", config) }
            var box = SandboxConfig(name: "box", image: "127.0.0.1:1/missing:1")
            box.imagePullPolicy = .never
            await expect(.notFound) { _ = try await backend.createSandbox(box) }
        }
    }

    func testALoadThatIsCancelledOrNoImageLeavesNone() async throws {
        try await withArchive { path, backend in
            // A pipe that nobody writes to keeps the load waiting.
            let pipe = Pipe()
            let loading = Task {
                try await backend.loadImage(
                    from: pipe.fileHandleForReading.fileDescriptor, ImageLoadConfig(reference: "never"))
            }
            await eventually { Library.liveObjects(of: .operation) > 0 }
            loading.cancel()
            await expect(.cancelled) { _ = try await loading.value }
            await expect(.notFound) { _ = try backend.image("never") }

            try pipe.fileHandleForWriting.write(contentsOf: Data(contentsOf: URL(fileURLWithPath: path)).prefix(700))
            try pipe.fileHandleForWriting.close()
            await expect(.corrupt) {
                _ = try await backend.loadImage(
                    from: pipe.fileHandleForReading.fileDescriptor, ImageLoadConfig(reference: "cut"))
            }
            XCTAssertEqual(try backend.images().count, 0)
        }
    }

    /// Gives the path of a tar with a root file system of one file, and a backend to load it in.
    private func withArchive(_ body: (String, Backend) async throws -> Void) async throws {
        try await withDirectory { directory in
            let path = directory + "/root.tar"
            let archive = tarMember("etc/", type: "5", content: "") + tarMember("etc/motd", type: "0", content: "hello\n")
            try Data(archive + [UInt8](repeating: 0, count: 1024)).write(to: URL(fileURLWithPath: path))
            try await withBackend { backend in try await body(path, backend) }
        }
    }

    /// A member of a tar archive: its header, and its content in whole blocks.
    private func tarMember(_ name: String, type: String, content: String) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ number: Int, digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, at: 0)
        put("0000755", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(octal(content.utf8.count, digits: 11), at: 124)
        put("00000000000", at: 136)
        put("        ", at: 148)
        put(type, at: 156)
        put("ustar\u{0}00", at: 257)
        put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6) + "\u{0}", at: 148)
        let data = Array(content.utf8)
        return header + data + [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
    }
}
