// swift-tools-version: 6.0
// The Swift binding. It stands here because Swift packages are fetched from the root of a repository; see
// bindings/swift/README.md.
import PackageDescription

let package = Package(
    name: "libmsb",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Msb", targets: ["Msb"])
    ],
    targets: [
        .systemLibrary(name: "CMsb", path: "include", pkgConfig: "msb"),
        .target(name: "Msb", dependencies: ["CMsb"], path: "bindings/swift/Sources/Msb"),
        .testTarget(name: "MsbTests", dependencies: ["Msb", "CMsb"], path: "bindings/swift/Tests/MsbTests"),
        .executableTarget(name: "hello", dependencies: ["Msb"], path: "examples/swift/hello"),
        .executableTarget(name: "volume", dependencies: ["Msb"], path: "examples/swift/volume"),
    ]
)
