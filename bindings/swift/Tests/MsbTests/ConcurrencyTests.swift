// Cancellation and its races, many operations at once, and no thread for each of them.
import Foundation
import XCTest

@testable import Msb

final class ConcurrencyTests: XCTestCase {
    func testCancellingATaskCancelsItsOperation() async throws {
        try await withSandbox { sandbox, _ in
            let exec = try await sandbox.start(ExecConfig("sleep", ["60"]))
            let waiter = Task { try await exec.wait() }
            try await eventually { try pendingOperations() == 1 }
            waiter.cancel()
            await expect(.cancelled) { _ = try await waiter.value }
            XCTAssertNotNil(exec.pid, "only the wait was cancelled")
            try exec.signal(9)
            let status = try await exec.wait(timeout: patience)
            XCTAssertEqual(status.signal, 9)
        }
    }

    func testATaskThatIsCancelledAlreadyDoesNothing() async throws {
        try await withBackend { backend in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await backend.createSandbox(SandboxConfig(name: "never", image: "/"))
            }
            await expect(.cancelled, "task.cancelled") { _ = try await task.value }
            await expect(.notFound) { _ = try backend.openSandbox("never") }
        }
    }

    func testACancelledCreateLeavesAWholeSandboxOrNone() async throws {
        try await withBackend { backend in
            var outcomes: (made: Int, cancelled: Int) = (0, 0)
            for round in 0..<60 {
                let name = "race\(round)"
                let task = Task { try await backend.createSandbox(SandboxConfig(name: name, image: "/")) }
                for _ in 0..<(round % 20) { await Task.yield() }
                if round % 3 != 0 { task.cancel() }
                do {
                    let sandbox = try await task.value
                    outcomes.made += 1
                    XCTAssertEqual(try sandbox.info().status, .created)
                    try await sandbox.remove()
                } catch let error as MsbError where error.status == .cancelled {
                    outcomes.cancelled += 1
                    await expect(.notFound) { _ = try backend.openSandbox(name) }
                }
            }
            XCTAssertGreaterThan(outcomes.made, 0)
            XCTAssertGreaterThan(outcomes.cancelled, 0)
            XCTAssertEqual(try backend.sandboxes().count, 0)
            let left = try await backend.fsck().findings
            XCTAssertTrue(left.isEmpty, "\(left)")
        }
    }

    func testACancelledStartIsUndone() async throws {
        try await withBackend { backend in
            let sandbox = try await backend.createSandbox(SandboxConfig(name: "hasty", image: "/"))
            for yields in 0..<10 {
                let task = Task { try await sandbox.start() }
                for _ in 0..<yields { await Task.yield() }
                task.cancel()
                switch await task.result {
                case .success:
                    XCTAssertEqual(try sandbox.info().status, .running)
                    try await sandbox.stop(timeout: patience)
                case .failure(let error as MsbError):
                    XCTAssertEqual(error.status, .cancelled, "\(error)")
                    XCTAssertNotEqual(try sandbox.info().status, .running)
                case .failure(let error):
                    throw error
                }
            }
            try await sandbox.start()
            try await sandbox.stop(timeout: patience)
            try await sandbox.remove()
        }
    }

    func testAReaderThatIsCancelledLosesNothing() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig("cat")
            config.input = .pipe
            let exec = try await sandbox.start(config)
            var received: [UInt8] = []
            var sent: [UInt8] = []
            for round in 0..<100 {
                let reader = Task { () throws(MsbError) -> [UInt8] in
                    var iterator = exec.stdout.makeAsyncIterator()
                    return try await iterator.next() ?? []
                }
                let word = Array("\(round) ".utf8)
                sent += word
                async let cancelled: Void = reader.cancel()
                try await exec.stdin.write(word)
                await cancelled
                if case .success(let chunk) = await reader.result { received += chunk }
            }
            try exec.stdin.close()
            received += try await exec.stdout.collect(upTo: sent.count)
            XCTAssertEqual(received.text, sent.text)
        }
    }

    func testAThousandWaitsHoldNoThreads() async throws {
        try await withSandbox { sandbox, _ in
            var config = ExecConfig("cat")
            config.input = .pipe
            let exec = try await sandbox.start(config)
            _ = try? await exec.wait(timeout: .zero)
            let before = try threadCount()
            let waiters = (0..<1000).map { _ in Task { try await exec.wait() } }
            try await eventually { try pendingOperations() == 1000 }
            let during = try threadCount()
            XCTAssertLessThanOrEqual(during, before + 8)
            print("threads: \(before) before, \(during) during 1000 waits")
            try exec.stdin.close()
            for waiter in waiters {
                let status = try await waiter.value
                XCTAssertTrue(status.isSuccess)
            }
        }
    }

    func testManyCommandsRunAtOnce() async throws {
        try await withSandbox { sandbox, _ in
            try await withThrowingTaskGroup(of: String.self) { group in
                for index in 0..<40 {
                    group.addTask { try await sandbox.exec("echo", "\(index)").output }
                }
                var outputs: Set<String> = []
                for try await output in group { outputs.insert(output) }
                XCTAssertEqual(outputs.count, 40)
            }
        }
    }

    func testATaskGroupThatFailsCancelsTheOthers() async throws {
        try await withSandbox { sandbox, _ in
            let clock = ContinuousClock()
            let began = clock.now
            await expect(.execFailed) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await sandbox.exec("sleep", "60") }
                    group.addTask { _ = try await sandbox.exec("/no/such/program") }
                    while try await group.next() != nil {}
                }
            }
            XCTAssertLessThan(clock.now - began, patience)
        }
    }

    func testClosingABackendEndsWhatWaits() async throws {
        try await withBackend { backend in
            let sandbox = try await backend.createSandbox(SandboxConfig(name: "waited", image: "/"))
            try await sandbox.start()
            let waiter = Task { try await sandbox.wait() }
            try await eventually { try pendingOperations() == 1 }
            try await backend.close(timeout: patience)
            _ = await waiter.result
            XCTAssertEqual(try pendingOperations(), 0)
        }
    }
}
