// Data that outlives sandboxes: a volume is filled from the host, used by a guest, read on the host again and saved as a
// tar archive; and a file that only the guest has is read.
//
//     swift run volume /path/to/root-directory
//
// The directory holds what the guest sees as `/`, such as a static busybox; it is never modified. Everything else is in a
// temporary home that is gone at the end. Only after a failure the home stays, for its logs.
import Foundation
import Msb

guard CommandLine.arguments.count == 2 else {
    print("usage: volume ROOT-DIRECTORY")
    exit(2)
}
let home = FileManager.default.temporaryDirectory.appendingPathComponent("msb-volume-\(getpid())").path

do {
    let backend = try await Backend(BackendConfig(home: home))

    // A directory that may hold 16 MiB, whoever writes to it.
    let volume = try await backend.createVolume(VolumeConfig(name: "data", quotaMiB: 16))
    try await volume.write("3\n1\n2\n".utf8, to: "numbers")

    var config = SandboxConfig(name: "worker", image: CommandLine.arguments[1])
    config.memoryMiB = 256
    config.mounts = [MountConfig(.volume("data"), at: "/data")]
    let sandbox = try await backend.createSandbox(config)
    try await sandbox.start()
    _ = try await sandbox.exec("sh", "-c", "sort /data/numbers > /data/sorted && uname -r > /root/only-here")
    let release = try await sandbox.files.read("/root/only-here")
    print("in the guest: \(String(decoding: release, as: UTF8.self))", terminator: "")
    try await sandbox.stop()
    try await sandbox.remove()

    // What the guest wrote is there without it.
    let sorted = try await volume.read("sorted")
    print("sorted: \(String(decoding: sorted, as: UTF8.self).split(separator: "\n").joined(separator: " "))")
    for try await entry in volume.files.entries(of: ".") {
        print("  \(entry.name), \(entry.size) bytes")
    }

    // The archive goes to any descriptor: a file, a pipe, a socket.
    let path = URL(fileURLWithPath: home + "/data.tar")
    try Data().write(to: path)
    let archive = try FileHandle(forWritingTo: path)
    let saved = try await volume.files.exportTar(".", to: archive.fileDescriptor)
    print("saved \(saved.bytes) bytes in \(saved.entries) entries")

    try await volume.remove()
    try await backend.close()
    try FileManager.default.removeItem(atPath: home)
} catch {
    print("volume: \(error)\nvolume: logs are in \(home)")
    exit(1)
}
