import XCTest

@testable import Msb

final class ConfigTests: XCTestCase {
    func testEveryOptionOfASandboxReachesTheLibrary() throws {
        var config = SandboxConfig(name: "box", image: "/image")
        config.rootMode = .bind
        config.upper = .memory
        config.upperSizeMiB = 64
        config.cpus = 2
        config.memoryMiB = 128
        config.environment = ["A": "1"]
        config.workingDirectory = "/work"
        config.shell = "/bin/ash"
        config.hostname = "host"
        config.user = "nobody"
        config.labels = ["team": "red"]
        config.resourceLimits = [ResourceLimit("nofile", soft: 64, hard: ResourceLimit.unlimited)]
        config.ephemeral = true
        config.replace = true
        config.replaceTimeout = .seconds(1)
        config.idleTimeout = .seconds(2)
        config.maxDuration = .seconds(3)
        config.detached = true
        config.minIsolation = .hardware
        config.driver = .qemu
        config.bootTimeout = .seconds(4)
        config.mounts = [
            MountConfig(.volume("data", mode: .ensure(kind: .directory, quotaMiB: 7)), at: "/data", readOnly: true),
            MountConfig(.bind("/srv"), at: "/srv"), MountConfig(.memory(sizeMiB: 5, mode: 0o700), at: "/tmp"),
            MountConfig(.disk("/disk.raw", format: .raw, fileSystem: "ext4"), at: "/disk"),
        ]
        let json = try config.json()
        XCTAssertEqual(try SandboxConfig(json: json).json(), json)
        for part in [
            #""bind""#, #""tmpfs""#, #"64"#, #""A""#, #""/work""#, #""/bin/ash""#, #""host""#, #""nobody""#, #""team""#,
            #""nofile""#, #""ephemeral""#, #""replace""#, "1000", "2000", "3000", "4000", #""hardware""#, #""qemu""#,
            #""data""#, #""ensure""#, #""/srv""#, "448", #""/disk.raw""#, #""ext4""#,
        ] {
            XCTAssertTrue(json.contains(part), "\(part) is missing in \(json)")
        }
    }

    func testEveryOptionOfAMountReachesTheLibrary() throws {
        var config = MountConfig(.volume("v", mode: .create(kind: .disk, capacityMiB: 32)), at: "/v")
        config.noexec = true
        config.nosuid = true
        config.nodev = true
        config.owner = MountConfig.Owner(uid: 1000, gid: 1001)
        let json = try config.json()
        XCTAssertEqual(try MountConfig(json: json).json(), json)
        for part in ["noexec", "nosuid", "nodev", "1000", "1001", #""disk""#, "32", #""create""#] {
            XCTAssertTrue(json.contains(part), "\(part) is missing in \(json)")
        }
    }

    func testEveryOptionOfAPatchReachesTheLibrary() throws {
        var config = SandboxConfig(name: "patched", image: "/")
        config.patches = [
            PatchConfig(.text("some"), at: "/t", mode: 0o600, replace: true), PatchConfig(.file([0, 255]), at: "/f"),
            PatchConfig(.makeDirectory, at: "/d"), PatchConfig(.append("more"), at: "/t"),
            PatchConfig(.copyFile("/etc/hostname"), at: "/c"), PatchConfig(.copyDirectory("/srv"), at: "/s"),
            PatchConfig(.symbolicLink("t"), at: "/l"), PatchConfig(.remove, at: "/r"),
        ]
        config.patches[2].owner = MountConfig.Owner(uid: 1000, gid: 1001)
        let json = try config.json()
        XCTAssertEqual(try SandboxConfig(json: json).json(), json)
        for part in [
            "some", "384", "replace", "[0,255]", "mkdir", "more", "copy_file", "hostname", "copy_dir", "symlink", "1000", "1001",
        ] {
            XCTAssertTrue(json.contains(part), "\(part) is missing in \(json)")
        }
        let patch = try config.patches[0].json()
        XCTAssertEqual(try PatchConfig(json: patch).json(), patch)
    }

    func testEveryOptionOfACommandReachesTheLibrary() throws {
        var config = ExecConfig("cat", ["-n"])
        config.environment = ["B": "2"]
        config.workingDirectory = "/tmp"
        config.user = "1000:1000"
        config.tty = true
        config.rows = 40
        config.columns = 100
        config.timeout = .milliseconds(1234)
        config.resourceLimits = [ResourceLimit("as", soft: 1, hard: 2)]
        config.maxOutputBytes = 77
        config.input = .text("in")
        let json = try config.json()
        XCTAssertEqual(try ExecConfig(json: json).json(), json)
        for part in [#""cat""#, #""-n""#, #""B""#, #""/tmp""#, "1000:1000", "tty", "40", "100", "1234", #""as""#, "77"] {
            XCTAssertTrue(json.contains(part), "\(part) is missing in \(json)")
        }
        config.input = .pipe
        XCTAssertNotEqual(try config.json(), json)
    }

    func testEveryOptionOfABackendReachesTheLibrary() throws {
        var config = BackendConfig(home: "/home", driver: .qemu)
        config.libkrunfwPath = "/k"
        config.qemuPath = "/q"
        config.runnerPath = "/r"
        config.maxConnections = 3
        config.connectTimeout = .milliseconds(1500)
        config.busyTimeout = .seconds(9)
        config.defaultCPUs = 4
        config.defaultMemoryMiB = 99
        config.shell = "/bin/zsh"
        config.workingDirectory = "/w"
        config.metricsSampleInterval = .seconds(8)
        config.disableMetricsSample = true
        config.logLevel = .debug
        config.caCerts = "/ca.pem"
        config.registries = [
            Registry(
                host: "localhost:5000", isInsecure: true,
                login: Registry.Login(username: "me", passwordSource: .environment, passwordName: "PASSWORD"))
        ]
        config.sandboxesDirectory = "/1"
        config.volumesDirectory = "/2"
        config.snapshotsDirectory = "/3"
        config.cacheDirectory = "/4"
        config.logsDirectory = "/5"
        config.secretsDirectory = "/6"
        let json = try config.json()
        XCTAssertEqual(try BackendConfig(json: json).json(), json)
        for part in [
            #""/home""#, #""qemu""#, #""/k""#, #""/q""#, #""/r""#, "2", "9", "99", #""/bin/zsh""#, #""/w""#, "8000",
            #""debug""#, #""/ca.pem""#, "localhost:5000", "insecure", #""me""#, "PASSWORD", #""/1""#, #""/2""#, #""/3""#,
            #""/4""#, #""/5""#, #""/6""#,
        ] {
            XCTAssertTrue(json.contains(part), "\(part) is missing in \(json)")
        }
    }

    func testVolumeConfigsAndFiltersSurviveJSON() throws {
        var volume = VolumeConfig(name: "v", kind: .disk, capacityMiB: 16)
        volume.labels = ["a": "b"]
        XCTAssertEqual(try VolumeConfig(json: volume.json()).json(), try volume.json())
        XCTAssertTrue(try VolumeConfig(name: "d", quotaMiB: 3).json().contains("3"))
        var volumes = VolumeFilter(labels: ["a": "b"], kind: .disk, namePrefix: "v")
        volumes.limit = 5
        volumes.cursor = "c"
        XCTAssertEqual(try VolumeFilter(json: volumes.json()).json(), try volumes.json())
        var sandboxes = SandboxFilter(labels: ["a": "b"], statuses: [.running, .stopped], namePrefix: "s")
        sandboxes.limit = 6
        sandboxes.cursor = "d"
        XCTAssertEqual(try SandboxFilter(json: sandboxes.json()).json(), try sandboxes.json())
    }

    func testWhatIsSetAfterwardsCountsInsteadOfTheJSON() throws {
        var config = try SandboxConfig(json: #"{"name": "old", "image": "/", "cpus": 3}"#)
        config.name = "new"
        let json = try config.json()
        XCTAssertTrue(json.contains("new") && !json.contains("old") && json.contains("3"), json)
    }

    func testJSONWithAnUnknownKeyIsRefusedByName() async {
        let error = await expect(.configInvalid) { _ = try SandboxConfig(json: #"{"nam": "box"}"#) }
        XCTAssertEqual(error?.message.contains("nam"), true)
    }

    func testANumberThatDoesNotFitIsRefusedByName() async {
        var config = SandboxConfig(name: "box", image: "/")
        config.cpus = -1
        let negative = config
        await expect(.invalidArgument, "argument.range") { _ = try negative.json() }
        config.cpus = 1 << 40
        let large = config
        await expect(.invalidArgument, "argument.range") { _ = try large.json() }
    }
}
