import Foundation
import XCTest

@testable import Msb

final class SandboxFilesTests: XCTestCase {
    func testTheFilesOfASandboxDoEverything() async throws {
        try await withSandbox { sandbox, _ in
            try await withDirectory { root in
                try await useFiles(of: sandbox, under: root)
            }
        }
    }

    func testAnArchiveGoesOutAndIn() async throws {
        try await withSandbox { sandbox, _ in
            try await withDirectory { root in
                let files = sandbox.files
                try await files.makeDirectory(root + "/tree")
                try await files.write([UInt8](repeating: 3, count: 50_000), to: root + "/tree/f")
                let archive = try archiveFile(in: root)
                defer { close(archive) }
                let exported = try await files.exportTar(root + "/tree", to: archive, timeout: patience)
                XCTAssertEqual(exported.bytes, 50_000)
                XCTAssertEqual(lseek(archive, 0, SEEK_SET), 0)
                let imported = try await files.importTar(into: root + "/copy", from: archive, timeout: patience)
                XCTAssertEqual(imported.bytes, 50_000)
            }
        }
    }

    func testFilesNeedARunningSandbox() async throws {
        try await withBackend { backend in
            let sandbox = try await backend.createSandbox(SandboxConfig(name: "idle", image: "/"))
            await expect(.notRunning) { _ = try await sandbox.files.read("/etc/passwd") }
            try await sandbox.remove()
        }
    }
}

/// Every call on the files of a sandbox, in a directory that the guest can write.
func useFiles(of sandbox: Sandbox, under root: String) async throws {
    let files = sandbox.files
    try await files.makeDirectory(root + "/a/b", withParents: true, permissions: 0o700, timeout: patience)
    try await files.write("one".utf8, to: root + "/a/f", permissions: 0o600)
    try await files.write(" two".utf8, to: root + "/a/f", mode: .append)
    try await files.write("new".utf8, to: root + "/a/g", mode: .atomic)
    let content = try await files.read(root + "/a/f", timeout: patience)
    XCTAssertEqual(content.text, "one two")
    let info = try await files.info(of: root + "/a/f")
    XCTAssertEqual(info.kind, .regular)
    XCTAssertEqual(info.size, 7)
    XCTAssertEqual(info.mode, 0o600)
    try await files.setPermissions(0o640, of: root + "/a/f")
    try await files.setTimes(of: root + "/a/f", accessed: .seconds(5), modified: .seconds(1_000_000_000))
    let changed = try await files.info(of: root + "/a/f")
    XCTAssertEqual(changed.mode, 0o640)
    XCTAssertEqual(changed.modified, .seconds(1_000_000_000))
    try await files.makeSymbolicLink(root + "/a/link", to: "f")
    let target = try await files.symbolicLinkTarget(root + "/a/link")
    XCTAssertEqual(target, "f")
    let followed = try await files.info(of: root + "/a/link", followingLink: true)
    XCTAssertEqual(followed.kind, .regular)
    try await files.copy(root + "/a", to: root + "/c", timeout: patience)
    try await files.rename(root + "/c/f", to: root + "/c/h")
    let isThere = try await files.exists(root + "/c/h")
    let isGone = try await files.exists(root + "/c/f")
    XCTAssertTrue(isThere && !isGone)
    try await files.remove(root + "/c/h")
    try await files.removeDirectory(root + "/c", recursively: true, timeout: patience)
    await expect(.notFound) { _ = try await files.info(of: root + "/c") }
    var names: [String] = []
    for try await entry in files.entries(of: root + "/a") { names.append(entry.name) }
    XCTAssertEqual(names.sorted(), ["b", "f", "g", "link"])
    let page = try await files.page(of: root + "/a", limit: 2)
    XCTAssertEqual(page.entries.count, 2)
    XCTAssertNotNil(page.nextCursor)
    let file = try await files.open(root + "/a/f", [.read, .write], timeout: patience)
    try await file.write("ONE".utf8, at: 0, timeout: patience)
    let part = try await file.read(at: 0, count: 5, timeout: patience)
    XCTAssertEqual(part.text, "ONE t")
    try await file.truncate(to: 3, timeout: patience)
    try await file.sync(timeout: patience)
    let size = try await file.size(timeout: patience)
    let kind = try await file.info(timeout: patience).kind
    XCTAssertEqual(size, 3)
    XCTAssertEqual(kind, .regular)
}
