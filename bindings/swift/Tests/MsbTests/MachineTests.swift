// The binding on a virtual machine. Needs a root directory for the guest in MSB_TEST_ROOT and a release build of the
// library; the other tests do without.
import Foundation
import XCTest

@testable import Msb

final class MachineTests: XCTestCase {
    func testAMachineBootsIsUsedAndStops() async throws {
        guard let root = ProcessInfo.processInfo.environment["MSB_TEST_ROOT"] else {
            throw XCTSkip("MSB_TEST_ROOT names no root directory for a guest")
        }
        try await withDirectory { home in
            try await useMachine(in: home, root)
        }
        expectNoHandles()
    }

    private func useMachine(in home: String, _ root: String) async throws {
        let backend = try await Backend(BackendConfig(home: home, driver: .qemu))
        let volume = try await backend.createVolume(VolumeConfig(name: "data"))
        try await volume.write("from the host".utf8, to: "note")
        var config = SandboxConfig(name: "machine", image: root)
        config.memoryMiB = 256
        config.mounts = [MountConfig(.volume("data"), at: "/data")]
        let sandbox = try await backend.createSandbox(config)
        try await sandbox.start()
        XCTAssertEqual(try sandbox.info().driver, .qemu)

        let kernel = try await sandbox.exec("uname", "-s").output
        XCTAssertEqual(kernel, "Linux\n")
        let note = try await sandbox.exec("cat", "/data/note").output
        XCTAssertEqual(note, "from the host")
        try await useStreams(of: sandbox)
        try await useFiles(of: sandbox, under: "/root")
        try await cancelWait(in: sandbox)

        let copied = try await sandbox.copyIn(from: root + "/bin", to: "/root/bin", timeout: patience)
        XCTAssertGreaterThan(copied.bytes, 0)
        _ = try await sandbox.exec(.shell("echo from the guest > /data/answer; sync"))
        try await sandbox.stop()
        let end = try await sandbox.wait(timeout: patience)
        XCTAssertEqual(end.reason, .stopRequested)
        XCTAssertTrue(end.isClean)
        let answer = try await volume.read("answer")
        XCTAssertEqual(answer.text, "from the guest\n")
        try await sandbox.remove()
        try await volume.remove()
        try await backend.close(timeout: patience)
    }

    private func useStreams(of sandbox: Sandbox) async throws {
        var config = ExecConfig("tr", ["a-z", "A-Z"])
        config.input = .pipe
        let exec = try await sandbox.start(config)
        try await exec.stdin.write("one\ntwo\n", timeout: patience)
        try exec.stdin.close()
        var lines: [String] = []
        for try await line in exec.stdout.lines { lines.append(line) }
        XCTAssertEqual(lines, ["ONE", "TWO"])
        let status = try await exec.wait(timeout: patience)
        XCTAssertTrue(status.isSuccess)
        await expect(.execFailed, "exec.not_found") { _ = try await sandbox.exec("/no/such/program") }
    }

    private func cancelWait(in sandbox: Sandbox) async throws {
        let exec = try await sandbox.start(ExecConfig("sleep", ["1000"]))
        let waiter = Task { try await exec.wait() }
        try await eventually { try pendingOperations() == 1 }
        waiter.cancel()
        await expect(.cancelled) { _ = try await waiter.value }
        try exec.signal(9)
        let status = try await exec.wait(timeout: patience)
        XCTAssertEqual(status.signal, 9)
    }
}
