// What calls, commands, streams and waits cost from Swift, beside ../../../c.c, which does the same things in the same order.
// Prints a line `ROW<TAB>NAME<TAB>VALUE<TAB>UNIT` for each measure.
//
//   MSB_BENCH_DRIVER=qemu MSB_BENCH_ROOT=DIRECTORY bench
import Floor
import Foundation
import Msb

let calls = 1_000_000
let opens = 5000
let warmUp = 20
let execs = 200
let streams = 3
let streamBytes = 256 << 20
let waits = 1000

let clock = ContinuousClock()

struct BenchError: Error {
    let message: String
}

func row(_ name: String, _ value: Double, _ unit: String) {
    print("ROW\t\(name)\t\(String(format: "%.3f", value))\t\(unit)")
    fflush(nil)
}

func nanoseconds(_ duration: Duration) -> Double { duration / .nanoseconds(1) }

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// What an empty C function costs, and a function of the binding.
func measureCalls(_ backend: Backend) async throws {
    var length = 0
    var began = clock.now
    for _ in 0..<calls { if floor_nothing() != nil { length &+= 1 } }
    row("floor_ns", nanoseconds(clock.now - began) / Double(calls), "ns")

    began = clock.now
    for _ in 0..<calls { length &+= Library.version.utf8.count }
    row("version_ns", nanoseconds(clock.now - began) / Double(calls), "ns")
    guard length > calls else { throw BenchError(message: "nothing was called") }

    let volume = try await backend.createVolume(VolumeConfig(name: "data"))
    began = clock.now
    for _ in 0..<opens { _ = try backend.openVolume("data") }
    row("open_by_name_ns", nanoseconds(clock.now - began) / Double(opens), "ns")
    try await volume.remove()
}

func measureExec(_ sandbox: Sandbox) async throws {
    var times: [Double] = []
    for round in -warmUp..<execs {
        let began = clock.now
        _ = try await sandbox.exec("/bin/true")
        if round >= 0 { times.append(nanoseconds(clock.now - began) / 1000) }
    }
    row("exec_true_us", median(times), "us")
}

func measureStream(_ sandbox: Sandbox) async throws {
    var rates: [Double] = []
    for _ in 0..<streams {
        let began = clock.now
        let exec = try await sandbox.start(ExecConfig("dd", ["if=/dev/zero", "bs=1M", "count=256"]))
        var total = 0
        for try await chunk in exec.stdout { total += chunk.count }
        let status = try await exec.wait()
        guard total == streamBytes, status.isSuccess else { throw BenchError(message: "the stream ended early") }
        rates.append(Double(total >> 20) / ((clock.now - began) / .seconds(1)))
    }
    row("stdout_mib_s", median(rates), "MiB/s")
}

func threadCount() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
}

func measureWaits(_ sandbox: Sandbox) async throws {
    var config = ExecConfig("cat")
    config.input = .pipe
    let exec = try await sandbox.start(config)
    let before = try threadCount()
    try await withThrowingTaskGroup(of: ExecStatus.self) { group in
        for _ in 0..<waits { group.addTask { try await exec.wait() } }
        // The tasks run on a pool of one thread a processor; a wait that was submitted frees its thread for the next.
        while Library.liveObjects(of: .operation) < waits { await Task.yield() }
        row("waits_threads", Double(try threadCount() - before), "threads")
        try exec.stdin.close()
        for try await _ in group {}
    }
}

func measure() async throws {
    let environment = ProcessInfo.processInfo.environment
    guard let driver = environment["MSB_BENCH_DRIVER"], let root = environment["MSB_BENCH_ROOT"] else {
        throw BenchError(message: "set MSB_BENCH_DRIVER and MSB_BENCH_ROOT")
    }
    let home = "\(environment["TMPDIR"] ?? "/tmp")/msb-bench-\(getpid())"
    let backend = try await Backend(BackendConfig(home: home, driver: Driver(rawValue: driver)))
    try await measureCalls(backend)
    var config = SandboxConfig(name: "bench", image: root)
    config.cpus = 1
    config.memoryMiB = 256
    let sandbox = try await backend.createSandbox(config)
    try await sandbox.start()
    try await measureExec(sandbox)
    try await measureStream(sandbox)
    try await measureWaits(sandbox)
    try await sandbox.stop()
    try await sandbox.remove()
    try await backend.close()
    try FileManager.default.removeItem(atPath: home)
}

try await measure()
