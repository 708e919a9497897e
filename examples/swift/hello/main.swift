// Runs untrusted commands in a microVM: a sandbox is made from a root directory, started, used, stopped and removed.
//
//     swift run hello /path/to/root-directory
//
// The directory holds what the guest sees as `/`, such as a static busybox; it is never modified. Everything else is in a
// temporary home that is gone at the end. Only after a failure the home stays, for its logs.
import Foundation
import Msb

guard CommandLine.arguments.count == 2 else {
    print("usage: hello ROOT-DIRECTORY")
    exit(2)
}
let home = FileManager.default.temporaryDirectory.appendingPathComponent("msb-hello-\(getpid())").path

do {
    let backend = try await Backend(BackendConfig(home: home))
    var config = SandboxConfig(name: "hello", image: CommandLine.arguments[1])
    config.memoryMiB = 256
    let sandbox = try await backend.createSandbox(config)
    try await sandbox.start()
    let driver = try sandbox.info().driver
    print("started on \(driver.map(\.rawValue) ?? "no driver")")

    // The simplest way: run to the end, with what the command wrote collected.
    let result = try await sandbox.exec("uname", "-a")
    print(result.output, terminator: "")

    // Output as it appears.
    let counting = try await sandbox.start(.shell("for i in 1 2 3; do echo line $i; sleep 0.3; done"))
    for try await line in counting.stdout.lines { print(line) }
    print("exit code \(try await counting.wait().exitCode ?? -1)")

    // Input while the command runs.
    var upper = ExecConfig("tr", ["a-z", "A-Z"])
    upper.input = .pipe
    let shouting = try await sandbox.start(upper)
    try await shouting.stdin.write("fed through a pipe\n")
    try shouting.stdin.close()
    for try await line in shouting.stdout.lines { print(line) }

    // A command that fails is a result; one that cannot even be started is an error, and its reason says why.
    print("exit code \(try await sandbox.exec("sh", "-c", "exit 3").exitCode ?? -1)")
    do {
        _ = try await sandbox.exec("/no/such/program")
    } catch {
        print("\(error.reason): \(error.message)")
    }

    try await sandbox.stop()
    try await sandbox.remove()
    try await backend.close()
    try FileManager.default.removeItem(atPath: home)
} catch {
    print("hello: \(error)\nhello: logs are in \(home)")
    exit(1)
}
