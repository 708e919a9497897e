// swift-tools-version: 6.0
// What calls, commands, streams and waits cost from Swift. See main.swift.
import PackageDescription

let package = Package(
    name: "bench",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "libmsb", path: "../../..")],
    targets: [
        .target(name: "Floor"),
        .executableTarget(name: "bench", dependencies: ["Floor", .product(name: "Msb", package: "libmsb")]),
    ]
)
