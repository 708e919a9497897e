import Foundation
import XCTest

@testable import Msb

final class ExecTests: XCTestCase {
    func testACommandsOutputAndEndAreCollected() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig.shell("cat; echo $WHO; echo err >&2; exit 3")
            config.environment = ["WHO": "me"]
            config.input = .text("in ")
            let result = try await sandbox.exec(config)
            XCTAssertEqual(result.output, "in me\n")
            XCTAssertEqual(result.errorOutput, "err\n")
            XCTAssertEqual(result.exitCode, 3)
            XCTAssertNil(result.signal)
            XCTAssertFalse(result.isSuccess)
            XCTAssertEqual(result.stdoutTotal, 6)
            XCTAssertFalse(result.isStdoutTruncated || result.isStderrTruncated)
        }
    }

    func testOutputBeyondTheLimitIsCountedAndNotKept() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig.shell("echo 0123456789")
            config.maxOutputBytes = 4
            let result = try await sandbox.exec(config)
            XCTAssertEqual(result.output, "0123")
            XCTAssertTrue(result.isStdoutTruncated)
            XCTAssertEqual(result.stdoutTotal, 11)
        }
    }

    func testACommandThatCannotStartSaysWhy() async throws {
        try await withSandbox { sandbox, _ in
            await expect(.execFailed, "exec.not_found") { _ = try await sandbox.exec("/no/such/program") }
            await expect(.execFailed, "exec.not_found") { _ = try await sandbox.start(ExecConfig("/no/such/program")) }
        }
    }

    func testACommandWithoutAProgramIsTheDefaultOne() async throws {
        try await withBackend { backend in
            var config = SandboxConfig(name: "default", image: "/")
            config.entrypoint = ["/bin/echo", "entry"]
            config.command = ["two words"]
            config.stopSignal = "SIGQUIT"
            let sandbox = try await backend.createSandbox(config)
            try await sandbox.start()
            let plain = try await sandbox.exec(ExecConfig.defaultCommand())
            XCTAssertEqual(plain.output, "entry two words\n")
            let other = try await sandbox.exec(ExecConfig.defaultCommand(["other"]))
            XCTAssertEqual(other.output, "entry other\n")
            try await sandbox.kill()
            try await sandbox.remove()
        }
        try await withSandbox { sandbox, _ in
            await expect(.invalidArgument, "exec.no_default_command") {
                _ = try await sandbox.exec(ExecConfig.defaultCommand())
            }
        }
    }

    func testACommandsTimeoutKeepsWhatItWrote() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig.shell("echo before; exec sleep 60")
            config.timeout = .milliseconds(300)
            let limited = config
            let error = await expect(.timeout) { _ = try await sandbox.exec(limited) }
            XCTAssertEqual(error?.detail("stdout"), "before\n")
        }
    }

    func testLinesComeWhileTheCommandRuns() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig.shell("while read line; do echo got $line; done; echo over")
            config.input = .pipe
            let exec = try await sandbox.start(config)
            XCTAssertNotNil(exec.pid)
            var lines = exec.stdout.lines.makeAsyncIterator()
            for word in ["one", "two"] {
                try await exec.stdin.write(word + "\n")
                let line = try await lines.next()
                XCTAssertEqual(line, "got \(word)")
            }
            try exec.stdin.close()
            let last = try await lines.next()
            XCTAssertEqual(last, "over")
            let end = try await lines.next()
            XCTAssertNil(end)
            let status = try await exec.wait(timeout: patience)
            XCTAssertTrue(status.isSuccess)
            XCTAssertNil(exec.pid)
        }
    }

    func testLinesAreSplitAtEveryKindOfEnd() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(.shell(#"printf 'a\r\n\nb\303\244\nlast'"#))
            var lines: [String] = []
            for try await line in exec.stdout.lines { lines.append(line) }
            XCTAssertEqual(lines, ["a", "", "bä", "last"])
        }
    }

    func testALineWithoutAnEndComesInPieces() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(.shell("head -c 3000000 /dev/zero | tr '\\0' x"))
            var total = 0
            for try await piece in exec.stdout.lines {
                XCTAssertLessThanOrEqual(piece.utf8.count, ExecLines.longestLine + ExecOutput.chunkSize)
                total += piece.utf8.count
            }
            XCTAssertEqual(total, 3_000_000)
        }
    }

    func testBothStreamsAreReadAtTheSameTime() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(
                .shell("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; echo end >&2"))
            async let out = exec.stdout.collect(upTo: 4_000_000)
            async let err = exec.stderr.collect(upTo: 4_000_000)
            let (outCount, errCount) = try await (out.count, err.count)
            XCTAssertEqual(outCount, 3_000_000)
            XCTAssertEqual(errCount, 3_000_004)
        }
    }

    func testCollectingStopsAtItsLimit() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(.shell("head -c 1000000 /dev/zero"))
            await expect(.resourceExhausted, "exec.output_too_large") {
                _ = try await exec.stdout.collect(upTo: 1000)
            }
        }
    }

    func testACommandWaitsForItsReader() async throws {
        try await withDirectory { directory in
            try await withSandbox { sandbox, _ in
                let mark = directory + "/mark"
                let exec = try await sandbox.start(.shell("head -c 8000000 /dev/zero; touch \(mark)"))
                var chunks = exec.stdout.makeAsyncIterator()
                var total = try await chunks.next()?.count ?? 0
                XCTAssertFalse(FileManager.default.fileExists(atPath: mark), "8 MB went nowhere")
                while let chunk = try await chunks.next() { total += chunk.count }
                XCTAssertEqual(total, 8_000_000)
                try await exec.wait(timeout: patience)
                XCTAssertTrue(FileManager.default.fileExists(atPath: mark))
            }
        }
    }

    func testMuchInputArrivesWhole() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig.shell("wc -c")
            config.input = .pipe
            let exec = try await sandbox.start(config)
            try await exec.stdin.write([UInt8](repeating: 65, count: 5_000_000), timeout: patience)
            try exec.stdin.close()
            let output = try await exec.stdout.collect(upTo: 100).text
            XCTAssertEqual(output.trimmingCharacters(in: .whitespacesAndNewlines), "5000000")
        }
    }

    func testASignalEndsACommand() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(ExecConfig("sleep", ["60"]))
            try exec.signal(15)
            let status = try await exec.wait(timeout: patience)
            XCTAssertEqual(status.signal, 15)
            XCTAssertNil(status.exitCode)
        }
    }

    func testATerminalHasASizeThatChanges() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig.shell("stty size; read go; stty size")
            config.tty = true
            config.rows = 40
            config.columns = 100
            config.input = .pipe
            let exec = try await sandbox.start(config)
            var lines = exec.stdout.lines.makeAsyncIterator()
            let before = try await lines.next()
            XCTAssertEqual(before, "40 100")
            try exec.resize(rows: 50, columns: 120)
            try await exec.stdin.write("go\n")
            var after = try await lines.next()
            if after == "go" { after = try await lines.next() }
            XCTAssertEqual(after, "50 120")
        }
    }

    func testAChannelIsGivenAwayOnce() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(ExecConfig("echo", ["through a descriptor"]))
            let descriptor = try exec.takeFileDescriptor(of: .stdout)
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            XCTAssertNotEqual(fcntl(descriptor, F_SETFL, 0), -1)
            let data = try handle.readToEnd() ?? Data()
            XCTAssertEqual(String(decoding: data, as: UTF8.self), "through a descriptor\n")
            await expect(.invalidState) { _ = try exec.takeFileDescriptor(of: .stdout) }
            await expect(.invalidState) { for try await _ in exec.stdout {} }
        }
    }

    func testAWaitThatTakesTooLongLeavesTheCommandRunning() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(ExecConfig("sleep", ["60"]))
            await expect(.timeout) { try await exec.wait(timeout: .milliseconds(50)) }
            XCTAssertNotNil(exec.pid)
            try exec.signal(9)
            try await exec.wait(timeout: patience)
        }
    }
}
